/* evidence_store: packets of flows to capture files.
 *
 * The file format is libpcap's classic one with microseconds (pcap-savefile(5)), in the byte order
 * of the machine. Files are named for their flow, whose id is the same in every run, so that a
 * capture that is read again gives the same files. A packet is written whole or not at all: what a
 * full disk has cut is taken back. */
#include "sensor/output/evidence_store.h"

#include "sensor/base/idle.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/ring.h"
#include "sensor/base/sbuf.h"
#include "sensor/base/span.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    OPEN_MAX_FILES = 64,
    QUEUE = 4096,
    SNAPLEN = 262144,
    FILE_MODE = 0640,
    PATH_CAP = 4096,
};

static const uint32_t magic = 0xa1b2c3d4; /* pcap-savefile(5) */

struct open_file {
    uint64_t flow_id;
    int fd; /* -1: free */
    uint64_t used;
};

struct kept {
    uint64_t flow_id;
    uint64_t time_us; /* of an earlier run's file: when it was written; else 0 */
};

struct evidence_store {
    struct evidence_store_options options;
    struct ring **queues;
    struct open_file open[OPEN_MAX_FILES];
    uint64_t clock;    /* counts uses */
    struct kept *kept; /* a ring, oldest first */
    size_t first;
    size_t n_kept;
    struct sbuf record;
    pthread_t thread;
    bool started;
    bool failing;
    atomic_bool stop;
    _Atomic uint64_t lost;
};

void evidence_name(uint64_t flow_id, char *ret_text, size_t size)
{
    (void)snprintf(ret_text, size, "jndiwatch-%llu.pcap", (unsigned long long)flow_id);
}

static void path_of(const struct evidence_store *s, uint64_t flow_id, char *ret_path, size_t size)
{
    char name[EVIDENCE_NAME_SIZE];
    evidence_name(flow_id, name, sizeof(name));
    (void)snprintf(ret_path, size, "%s/%s", s->options.folder, name);
}

static void lose(struct evidence_store *s, int error)
{
    atomic_fetch_add_explicit(&s->lost, 1, memory_order_relaxed);
    if (!s->failing) {
        log_error("cannot write evidence to '%s': %s; packets are missing in it", s->options.folder,
                  strerror(error));
    }
    s->failing = true;
}

/* --- which files there are
 * ---------------------------------------------------------------------------------- */

static struct kept *kept_at(const struct evidence_store *s, size_t i)
{
    return &s->kept[(s->first + i) % s->options.files_max];
}

/* The flow's file is of this run. */
static bool is_ours(const struct evidence_store *s, uint64_t flow_id)
{
    for (size_t i = s->n_kept; i-- > 0;) {
        const struct kept *k = kept_at(s, i);
        if (k->flow_id == flow_id && k->time_us == 0) {
            return true;
        }
    }
    return false;
}

/* The oldest makes room. */
static void keep(struct evidence_store *s, struct kept k)
{
    if (s->n_kept == s->options.files_max) {
        char path[PATH_CAP];
        uint64_t oldest = kept_at(s, 0)->flow_id;
        s->first = (s->first + 1) % s->options.files_max;
        s->n_kept--;
        if (oldest != k.flow_id && (k.time_us > 0 || !is_ours(s, oldest))) {
            path_of(s, oldest, path, sizeof(path));
            (void)unlink(path);
        }
    }
    *kept_at(s, s->n_kept++) = k;
}

static int by_time(const void *a, const void *b)
{
    const struct kept *x = a;
    const struct kept *y = b;
    return (x->time_us > y->time_us) - (x->time_us < y->time_us);
}

static bool read_name(const char *name, uint64_t *ret_flow_id)
{
    struct span text = span_str(name);
    struct span start = SPAN("jndiwatch-");
    struct span end = SPAN(".pcap");
    return span_starts(text, start) && span_ends(text, end) && text.len > start.len + end.len &&
           span_to_u64(span_sub(text, start.len, text.len - start.len - end.len), ret_flow_id);
}

static int only_evidence(const struct dirent *entry)
{
    uint64_t flow_id;
    return read_name(entry->d_name, &flow_id);
}

/* What earlier runs left, the oldest first. */
static void find_earlier(struct evidence_store *s)
{
    struct dirent **entries = NULL;
    int n = scandir(s->options.folder, &entries, only_evidence, NULL);
    struct kept *found = n > 0 ? mem_alloc_array((size_t)n, sizeof(*found)) : NULL;
    for (int i = 0; i < n; i++) {
        char path[PATH_CAP];
        struct stat st;
        (void)snprintf(path, sizeof(path), "%s/%s", s->options.folder, entries[i]->d_name);
        if (found != NULL && read_name(entries[i]->d_name, &found[i].flow_id)) {
            bool known = stat(path, &st) == 0;
            found[i].time_us =
                known ? (uint64_t)st.st_mtim.tv_sec * 1000000 + (uint64_t)st.st_mtim.tv_nsec / 1000
                      : 1;
        }
        mem_free(entries[i]);
    }
    mem_free(entries);
    if (found != NULL) {
        qsort(found, (size_t)n, sizeof(*found), by_time);
    }
    for (int i = 0; found != NULL && i < n; i++) {
        keep(s, found[i]);
    }
    mem_free(found);
}

/* --- files
 * --------------------------------------------------------------------------------------------- */

static void add_u32(struct sbuf *b, uint32_t value)
{
    (void)sbuf_add(b, span_of(&value, sizeof(value)));
}

static int write_record(struct evidence_store *s, int fd)
{
    off_t before = lseek(fd, 0, SEEK_END);
    ssize_t n = write(fd, s->record.data, s->record.len);
    int error = n < 0 ? errno : ENOSPC;
    if (n == (ssize_t)s->record.len) {
        return 0;
    }
    if (n > 0 && before >= 0) {
        (void)ftruncate(fd, before);
    }
    return -error;
}

static int begin_file(struct evidence_store *s, int fd, int link_type)
{
    static const uint16_t version[2] = {2, 4};
    sbuf_reset(&s->record);
    add_u32(&s->record, magic);
    (void)sbuf_add(&s->record, span_of(version, sizeof(version)));
    add_u32(&s->record, 0);
    add_u32(&s->record, 0);
    add_u32(&s->record, SNAPLEN);
    add_u32(&s->record, (uint32_t)link_type);
    return write_record(s, fd);
}

static void close_file(struct open_file *f)
{
    if (f->fd >= 0) {
        (void)close(f->fd);
    }
    f->fd = -1;
}

static struct open_file *find_open(struct evidence_store *s, uint64_t flow_id)
{
    for (size_t i = 0; i < OPEN_MAX_FILES; i++) {
        if (s->open[i].fd >= 0 && s->open[i].flow_id == flow_id) {
            return &s->open[i];
        }
    }
    return NULL;
}

/* A free place, or that of the file that was not used for longest. */
static struct open_file *place(struct evidence_store *s)
{
    struct open_file *best = &s->open[0];
    for (size_t i = 0; i < OPEN_MAX_FILES; i++) {
        struct open_file *f = &s->open[i];
        if (f->fd < 0) {
            return f;
        }
        best = f->used < best->used ? f : best;
    }
    close_file(best);
    return best;
}

static struct open_file *open_file(struct evidence_store *s, const struct evidence_piece *piece)
{
    char path[PATH_CAP];
    bool fresh = !is_ours(s, piece->flow_id);
    path_of(s, piece->flow_id, path, sizeof(path));
    struct open_file *f = place(s);
    f->fd =
        open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (fresh ? O_TRUNC : 0),
             FILE_MODE);
    int rc = f->fd < 0 ? -errno : 0;
    if (rc == 0 && fresh) {
        rc = begin_file(s, f->fd, piece->link_type);
        keep(s, (struct kept){.flow_id = piece->flow_id});
    }
    if (rc != 0) {
        close_file(f);
        lose(s, -rc);
        return NULL;
    }
    f->flow_id = piece->flow_id;
    return f;
}

static void write_piece(struct evidence_store *s, const struct evidence_piece *piece)
{
    struct open_file *f = find_open(s, piece->flow_id);
    f = f == NULL ? open_file(s, piece) : f;
    if (f == NULL) {
        return;
    }
    f->used = ++s->clock;
    sbuf_reset(&s->record);
    add_u32(&s->record, (uint32_t)(piece->time_us / 1000000));
    add_u32(&s->record, (uint32_t)(piece->time_us % 1000000));
    add_u32(&s->record, (uint32_t)piece->len);
    add_u32(&s->record, piece->wire_len);
    (void)sbuf_add(&s->record, span_of(piece->bytes, piece->len));
    int rc = s->record.cut ? -ENOMEM : write_record(s, f->fd);
    if (rc != 0) {
        lose(s, -rc);
    } else {
        s->failing = false;
    }
}

static void take(struct evidence_store *s, struct evidence_piece *piece)
{
    if (piece->last) {
        struct open_file *f = find_open(s, piece->flow_id);
        if (f != NULL) {
            close_file(f);
        }
    } else {
        write_piece(s, piece);
    }
    mem_free(piece);
}

/* --- the thread
 * ------------------------------------------------------------------------------------------ */

static bool pump(struct evidence_store *s)
{
    bool any = false;
    for (unsigned i = 0; i < s->options.n_producers; i++) {
        struct evidence_piece *piece;
        while ((piece = ring_pop(s->queues[i])) != NULL) {
            mem_take_over(piece);
            take(s, piece);
            any = true;
        }
    }
    return any;
}

static void *run(void *arg)
{
    struct evidence_store *s = arg;
    while (!atomic_load_explicit(&s->stop, memory_order_acquire)) {
        if (!pump(s)) {
            idle_for(2000);
        }
    }
    return NULL;
}

void evidence_store_put(struct evidence_store *s, unsigned producer, struct evidence_piece *piece)
{
    if (!s->options.threaded) {
        take(s, piece);
        return;
    }
    mem_give_away(piece);
    while (!ring_push(s->queues[producer], piece)) {
        if (s->options.may_drop || !s->started) {
            mem_take_over(piece);
            mem_free(piece);
            atomic_fetch_add_explicit(&s->lost, 1, memory_order_relaxed);
            return;
        }
        idle_for(100);
    }
}

uint64_t evidence_store_lost(const struct evidence_store *s)
{
    return atomic_load_explicit(&s->lost, memory_order_relaxed);
}

/* --- life
 * ------------------------------------------------------------------------------------------------
 */

static int check_folder(const char *folder, struct errbuf *err)
{
    struct stat st;
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)) {
        errbuf_add(err, "evidence folder '%s' does not exist; mkdir -p %s", folder, folder);
        return -ENOENT;
    }
    if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0) {
        int error = errno;
        errbuf_add(err, "cannot write in evidence folder '%s': %s. Choose another, or chown it",
                   folder, strerror(error));
        return -error;
    }
    return 0;
}

static bool make_queues(struct evidence_store *s)
{
    s->queues = mem_alloc_array(s->options.n_producers, sizeof(struct ring *));
    bool good = s->queues != NULL;
    for (unsigned i = 0; good && s->options.threaded && i < s->options.n_producers; i++) {
        s->queues[i] = ring_new(QUEUE);
        good = s->queues[i] != NULL;
    }
    return good;
}

int evidence_store_new(const struct evidence_store_options *options,
                       struct evidence_store **ret_store, struct errbuf *err)
{
    int rc = check_folder(options->folder, err);
    struct evidence_store *s = rc == 0 ? mem_alloc(sizeof(*s)) : NULL;
    if (s == NULL) {
        return rc != 0 ? rc : -ENOMEM;
    }
    s->options = *options;
    s->record = sbuf_with_cap(2 * SNAPLEN);
    for (size_t i = 0; i < OPEN_MAX_FILES; i++) {
        s->open[i].fd = -1;
    }
    s->kept = mem_alloc_array(options->files_max, sizeof(*s->kept));
    if (s->kept == NULL || !make_queues(s)) {
        evidence_store_free(&s);
        return -ENOMEM;
    }
    find_earlier(s);
    *ret_store = s;
    return 0;
}

int evidence_store_start(struct evidence_store *s)
{
    if (!s->options.threaded) {
        return 0;
    }
    int rc = pthread_create(&s->thread, NULL, run, s);
    s->started = rc == 0;
    return -rc;
}

void evidence_store_free(struct evidence_store **s)
{
    if (*s == NULL) {
        return;
    }
    if ((*s)->started) {
        atomic_store_explicit(&(*s)->stop, true, memory_order_release);
        (void)pthread_join((*s)->thread, NULL);
        (void)pump(*s);
    }
    for (unsigned i = 0; (*s)->queues != NULL && i < (*s)->options.n_producers; i++) {
        ring_free(&(*s)->queues[i]);
    }
    for (size_t i = 0; i < OPEN_MAX_FILES; i++) {
        close_file(&(*s)->open[i]);
    }
    sbuf_free(&(*s)->record);
    mem_free((*s)->queues);
    mem_free((*s)->kept);
    mem_free(*s);
    *s = NULL;
}
