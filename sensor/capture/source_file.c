/* source_file: packets from capture files, merged by their time.
 *
 * Each input is opened and looked at before the first packet, and closed again when there are
 * several: only those whose time has come are open, with a buffer each, so that a directory of ten
 * thousand rotated captures needs one or two at once. The one whose next packet is the oldest
 * stands at the top of a heap; equal times come in the order of the inputs.
 *
 * Packets are views into what was read, valid until release(): a batch holds the stretches that its
 * packets lie in, and several batches may be out at once. It ends early when an input's buffer
 * would have to move. What is wrong with an input is one line and ends that input only. */
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/capture/capfile.h"
#include "sensor/capture/filter.h"
#include "sensor/capture/inputs.h"
#include "sensor/capture/linktype.h"
#include "sensor/capture/wake.h"
#include "sensor/core/packet_clock.h"
#include "sensor/core/source.h"

#include <errno.h>
#include <pcap/pcap.h>

enum { MAX_TOLD_LINKS = 8 };

struct input {
    const char *path;
    size_t index;
    struct capfile *file; /* NULL before its time has come */
    struct packet next;
    bool has_next;
    bool ended;   /* to be closed when no batch that is being filled points into it */
    uint64_t key; /* time of its next packet, or a lower bound */
    bool told_cut;
    int told_links[MAX_TOLD_LINKS]; /* unsupported, and said so */
    size_t n_told_links;
};

struct source {
    struct inputs paths;
    struct input *inputs;
    struct input **heap; /* by key, then index */
    size_t n_heap;
    struct input *pinned[PACKET_BATCH]; /* inputs that the last batch points into */
    size_t n_pinned;
    struct stretches stretches;
    struct ifaces ifaces;
    struct filter *filter;
    const char *link_names;
    bool (*link_supported)(int link_type);
    struct wake wake;
    bool resync;
    bool bad; /* an input could not be read to its end, or not wholly */
    struct packet_clock clock;
    uint64_t n_read;     /* packets, also those that the filter left out */
    uint64_t done_bytes; /* of inputs read to their end */
    struct source_stats stats;
};

static bool before(const struct input *a, const struct input *b)
{
    return a->key != b->key ? a->key < b->key : a->index < b->index;
}

static void swap(struct source *s, size_t a, size_t b)
{
    struct input *was = s->heap[a];
    s->heap[a] = s->heap[b];
    s->heap[b] = was;
}

/* The input at `at` has a greater key than it had. */
static void sink(struct source *s, size_t at)
{
    while (true) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < s->n_heap; child++) {
            least = before(s->heap[child], s->heap[least]) ? child : least;
        }
        if (least == at) {
            return;
        }
        swap(s, at, least);
        at = least;
    }
}

static void push(struct source *s, struct input *in)
{
    size_t at = s->n_heap++;
    s->heap[at] = in;
    while (at > 0 && before(s->heap[at], s->heap[(at - 1) / 2])) {
        swap(s, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

/* The input at the top is at its end. */
static void finish_top(struct source *s)
{
    struct input *in = s->heap[0];
    if (in->file != NULL) {
        uint64_t size = feed_size(in->file->feed);
        s->done_bytes += size > 0 ? size : feed_position(in->file->feed);
    }
    capfile_close(&in->file);
    s->heap[0] = s->heap[--s->n_heap];
    sink(s, 0);
}

static int open_input(struct source *s, struct input *in)
{
    return capfile_open(in->path, s->wake.fd, &s->stretches, &s->ifaces, &in->file);
}

/* Reads the next packet of the input at the top. false: this batch cannot go on. */
static bool load_top(struct source *s, enum source_status *ret_status, struct errbuf *err)
{
    struct input *in = s->heap[0];
    if (in->ended) {
        finish_top(s);
        return true;
    }
    int error = in->file == NULL ? open_input(s, in) : 0;
    enum capfile_status status = CAPFILE_BAD;
    if (error != 0) {
        inputs_cannot_open(in->path, error, err);
    } else {
        in->file->resync = s->resync;
        status = capfile_next(in->file, &in->next, err);
        s->bad = s->bad || in->file->was_damaged;
    }
    switch (status) {
    case CAPFILE_OK:
        in->has_next = true;
        in->key = in->next.time_us;
        sink(s, 0);
        return true;
    case CAPFILE_WAIT:
        return false;
    case CAPFILE_INTERRUPTED:
        *ret_status = SOURCE_INTERRUPTED;
        return false;
    case CAPFILE_BAD:
        s->bad = true;
        break;
    case CAPFILE_END:
        break;
    }
    in->ended = true;
    return in->file == NULL || !in->file->window.pinned;
}

/* Once per input: a link type that nothing decodes. */
static void tell_link(struct source *s, struct input *in, struct errbuf *err)
{
    int link_type = in->next.link_type;
    for (size_t i = 0; i < in->n_told_links; i++) {
        if (in->told_links[i] == link_type) {
            return;
        }
    }
    if (in->n_told_links == MAX_TOLD_LINKS) {
        return;
    }
    in->told_links[in->n_told_links++] = link_type;
    char name[LINKTYPE_NAME_SIZE];
    linktype_name(link_type, name, sizeof(name));
    errbuf_add(err,
               "'%s' packet %llu: interface %u has link type %s (%d), not supported; supported: %s",
               in->file->name, (unsigned long long)in->file->n_packets, in->file->number, name,
               link_type, s->link_names);
    s->bad = true;
}

static void tell_cut(struct input *in)
{
    if (in->told_cut) {
        return;
    }
    in->told_cut = true;
    log_warning("capture '%s' has snaplen %zu: payload cannot be decoded; capture with -s 0",
                in->file->name, in->next.data.len);
}

/* Whether the packet is one for the batch; notes what is special about it. */
static bool wanted(struct source *s, struct input *in, struct errbuf *err)
{
    struct packet *p = &in->next;
    if (s->link_supported != NULL && !s->link_supported(p->link_type)) {
        tell_link(s, in, err);
        return s->filter == NULL;
    }
    if (s->filter != NULL) {
        if (filter_prepare(s->filter, p->link_type, err) != 0) {
            s->bad = true;
            return false;
        }
        if (!filter_passes(s->filter, p)) {
            return false;
        }
    }
    if (p->wire_len > p->data.len && p->data.len > 0) {
        tell_cut(in);
    }
    return true;
}

static void emit_top(struct source *s, struct packet_batch *batch, struct errbuf *err)
{
    struct input *in = s->heap[0];
    in->has_next = false;
    s->n_read++;
    if (!wanted(s, in, err)) {
        return;
    }
    s->stats.packets++;
    s->stats.bytes += in->next.data.len;
    if (!in->file->window.pinned) {
        in->file->window.pinned = true;
        s->pinned[s->n_pinned++] = in;
        stretch_hold(in->file->window.stretch);
        batch->holds[batch->n_holds++] = in->file->window.stretch;
    }
    struct packet *p = &batch->packets[batch->n];
    *p = in->next;
    p->number = s->n_read;
    p->clock_us = packet_clock_follow(&s->clock, p->time_us);
    batch->verdicts[batch->n] = VERDICT_PASS;
    batch->n++;
}

static void unpin(struct source *s)
{
    while (s->n_pinned > 0) {
        s->pinned[--s->n_pinned]->file->window.pinned = false;
    }
}

static enum source_status receive(struct source *s, struct packet_batch *batch, struct errbuf *err)
{
    enum source_status status = SOURCE_OK;
    batch->n = 0;
    batch->n_holds = 0;
    unpin(s);
    if (wake_taken(&s->wake)) {
        return SOURCE_INTERRUPTED;
    }
    while (batch->n < PACKET_BATCH && s->n_heap > 0) {
        if (s->heap[0]->has_next) {
            emit_top(s, batch, err);
        } else if (!load_top(s, &status, err)) {
            break;
        }
    }
    if (batch->n > 0) {
        return SOURCE_OK;
    }
    if (status == SOURCE_INTERRUPTED && !wake_taken(&s->wake)) {
        status = SOURCE_TIMEOUT; /* a pipe that is silent */
    }
    return s->n_heap > 0 ? status : s->bad ? SOURCE_END_BAD : SOURCE_END;
}

static void release(struct source *s, struct packet_batch *batch)
{
    while (batch->n_holds > 0) {
        stretch_drop(&s->stretches, batch->holds[--batch->n_holds]);
    }
    batch->n = 0;
}

static void close_source(struct source **source)
{
    struct source *s = *source;
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; s->inputs != NULL && i < s->paths.n; i++) {
        capfile_close(&s->inputs[i].file);
    }
    mem_free(s->inputs);
    mem_free(s->heap);
    stretches_free(&s->stretches);
    inputs_free(&s->paths);
    ifaces_free(&s->ifaces);
    filter_free(&s->filter);
    wake_close(&s->wake);
    mem_free(s);
    *source = NULL;
}

/* Whether the file's first bytes are those of a capture. */
static bool is_capture(const char *path)
{
    struct stretches stretches = stretches_of(CAPFILE_MIN_WINDOW);
    struct ifaces ifaces = {0};
    struct capfile *file = NULL;
    struct packet packet;
    struct errbuf ignored = {0};
    bool found = true; /* what cannot be opened now is told of when it is opened to be read */
    if (capfile_open(path, -1, &stretches, &ifaces, &file) == 0) {
        (void)capfile_next(file, &packet, &ignored);
        found = capfile_is_capture(file);
    }
    capfile_close(&file);
    stretches_free(&stretches);
    ifaces_free(&ifaces);
    errbuf_free(&ignored);
    return found;
}

/* Looks at the first packet: for its time and link type. What is wrong is found again, and said,
 * when the input is read. */
static int look(struct source *s, struct input *in, const char *filter, struct errbuf *err)
{
    int error = open_input(s, in);
    if (error == -EISDIR) {
        return 0;
    }
    if (error != 0) {
        inputs_cannot_open(in->path, error, err);
        return error;
    }
    if (!feed_is_regular(in->file->feed)) {
        s->stats.input_size = UINT64_MAX;
        return 0;
    }
    s->stats.input_size += s->stats.input_size < UINT64_MAX ? feed_size(in->file->feed) : 0;
    struct errbuf ignored = {0};
    enum capfile_status status = capfile_next(in->file, &in->next, &ignored);
    errbuf_free(&ignored);
    if (status == CAPFILE_OK) {
        in->key = in->next.time_us;
        in->has_next = s->paths.n == 1;
        bool usable = s->link_supported == NULL || s->link_supported(in->next.link_type);
        if (filter != NULL && usable) {
            error = s->filter == NULL ? filter_new(filter, in->next.link_type, &s->filter, err)
                                      : filter_prepare(s->filter, in->next.link_type, err);
        }
    }
    if (!in->has_next) {
        capfile_close(&in->file);
    }
    return error;
}

static int add_input(struct source *s, size_t index, const char *filter, struct errbuf *err)
{
    struct input *in = &s->inputs[index];
    in->path = s->paths.paths[index];
    in->index = index;
    int error = look(s, in, filter, err);
    push(s, in);
    return error;
}

static int expand(struct source *s, const struct source_options *options, struct errbuf *err)
{
    int result = 0;
    for (size_t i = 0; i < options->n_inputs; i++) {
        int error = inputs_add(&s->paths, options->inputs[i], is_capture, err);
        result = result == 0 ? error : result;
    }
    s->inputs = mem_alloc_array(s->paths.n, sizeof(*s->inputs));
    s->heap = mem_alloc_array(s->paths.n, sizeof(struct input *));
    return s->inputs == NULL || s->heap == NULL ? -ENOMEM : result;
}

/* All mistakes of all inputs, not only the first. */
static int open_all(struct source *s, const struct source_options *options, struct errbuf *err)
{
    int result = expand(s, options, err);
    if (result == -ENOMEM) {
        return result;
    }
    for (size_t i = 0; i < s->paths.n; i++) {
        int error = add_input(s, i, options->filter, err);
        result = result == 0 ? error : result;
        if (error == -EINVAL) {
            break; /* the filter: no need to say it for each file */
        }
    }
    if (s->stats.input_size == UINT64_MAX) {
        s->stats.input_size = 0;
    }
    if (result == 0 && options->filter != NULL && s->filter == NULL) {
        result = filter_new(options->filter, DLT_EN10MB, &s->filter, err);
    }
    return result;
}

static int open_source(const struct source_options *options, struct source **ret_source,
                       struct errbuf *err)
{
    CHECK(options->n_inputs > 0);
    struct source *s = mem_alloc(sizeof(*s));
    if (s == NULL) {
        return -ENOMEM;
    }
    /* The smallest: what was read is then still in the cache when it is decoded. */
    s->stretches = stretches_of(CAPFILE_MIN_WINDOW);
    s->resync = options->resync;
    s->link_supported = options->link_supported;
    s->link_names = options->link_names == NULL ? "" : options->link_names;
    int error = wake_open(&s->wake);
    error = error == 0 ? open_all(s, options, err) : error;
    if (error != 0) {
        close_source(&s);
        return error;
    }
    *ret_source = s;
    return 0;
}

static void interrupt(struct source *s)
{
    wake_call(&s->wake);
}

static void stats(const struct source *s, struct source_stats *ret_stats)
{
    *ret_stats = s->stats;
    ret_stats->input_bytes = s->done_bytes;
    for (size_t i = 0; i < s->n_heap; i++) {
        const struct capfile *f = s->heap[i]->file;
        ret_stats->input_bytes += f == NULL ? 0 : feed_position(f->feed);
    }
}

static const char *iface(const struct source *s, uint32_t index)
{
    return ifaces_name(&s->ifaces, index);
}

const struct source_ops source_file = {
    .name = "file",
    .open = open_source,
    .receive = receive,
    .release = release,
    .interrupt = interrupt,
    .stats = stats,
    .iface = iface,
    .close = close_source,
};
