/* files: which files went by, for fileinfo events: attachments of mails, parts of a
 * multipart/form-data request that have a file name (RFC 7578 section 4.2), the body of PUT, and
 * the Java code that an answer delivers (a class or archive by its name, or a class by its first
 * bytes): what a call-back leads to.
 *
 * Contents are counted, and hashed when that is asked for, never kept. Where there is no memory a
 * file goes untold: its bytes are inspected elsewhere all the same. */
#include "sensor/app/files.h"

#include "sensor/base/mem.h"
#include "sensor/codec/mimeparam.h"
#include "sensor/codec/multipart.h"

#include <nettle/nettle-meta.h>

enum { NAME_CAP = 1024, DIGEST_MAX = 32 };

struct files {
    struct sbuf name; /* of the file at hand, or of the next */
    bool open;
    bool gaps;
    uint64_t size;
    void *hash_state; /* or NULL */
    struct multipart multipart;
    bool is_multipart;
};

static const struct nettle_hash *hash_of(const struct files_user *user)
{
    static const struct nettle_hash *const known[] = {&nettle_md5, &nettle_sha1, &nettle_sha256};
    for (size_t i = 0; user->hash != NULL && i < ARRAY_LEN(known); i++) {
        if (span_equal(span_str(known[i]->name), span_str(user->hash))) {
            return known[i];
        }
    }
    return NULL;
}

static struct files *get(struct files **files)
{
    if (*files == NULL) {
        *files = mem_alloc(sizeof(**files));
        if (*files != NULL) {
            (*files)->name = sbuf_with_cap(NAME_CAP);
        }
    }
    return *files;
}

void files_free(struct files **files)
{
    if (*files == NULL) {
        return;
    }
    sbuf_free(&(*files)->name);
    multipart_free(&(*files)->multipart);
    mem_free((*files)->hash_state);
    mem_free(*files);
    *files = NULL;
}

void files_name(struct files **files, struct span name)
{
    struct files *f = get(files);
    if (f != NULL && !f->open) {
        sbuf_reset(&f->name);
        sbuf_add(&f->name, name);
    }
}

static void begin(struct files *f, const struct files_user *user)
{
    const struct nettle_hash *hash = hash_of(user);
    f->open = true;
    f->gaps = false;
    f->size = 0;
    if (hash != NULL && f->hash_state == NULL) {
        f->hash_state = mem_alloc(hash->context_size);
    }
    if (hash != NULL && f->hash_state != NULL) {
        hash->init(f->hash_state);
    }
}

static void add(struct files *f, const struct files_user *user, struct span bytes)
{
    const struct nettle_hash *hash = hash_of(user);
    f->size += bytes.len;
    if (hash != NULL && f->hash_state != NULL && bytes.len > 0) {
        hash->update(f->hash_state, bytes.len, bytes.data);
    }
}

/* In hexadecimal; 0 when nothing was hashed. */
static size_t digest_of(struct files *f, const struct files_user *user, uint8_t *ret_text)
{
    static const struct span digits = SPAN_LITERAL("0123456789abcdef");
    uint8_t digest[DIGEST_MAX];
    const struct nettle_hash *hash = hash_of(user);
    if (hash == NULL || f->hash_state == NULL) {
        return 0;
    }
    hash->digest(f->hash_state, hash->digest_size, digest);
    for (size_t i = 0; i < hash->digest_size; i++) {
        ret_text[2 * i] = span_at(digits, digest[i] >> 4);
        ret_text[2 * i + 1] = span_at(digits, digest[i] & 0xf);
    }
    return 2 * (size_t)hash->digest_size;
}

static void end(struct files *f, const struct files_user *user, struct tx *tx, bool cut)
{
    uint8_t text[2 * DIGEST_MAX];
    if (!f->open) {
        return;
    }
    const struct file_seen seen = {
        .name = sbuf_span(&f->name),
        .size = f->size,
        .gaps = f->gaps,
        .cut = cut,
        .hash = user->hash,
        .digest = span_of(text, digest_of(f, user, text)),
    };
    user->file(user->ctx, tx, &seen);
    f->open = false;
    sbuf_reset(&f->name);
}

/* A part begins: it is a file when its Content-Disposition names one. */
static void begin_part(struct files *f, const struct files_user *user)
{
    struct span head = sbuf_span(&f->multipart.head);
    if (mimeparam_take_file_name(&head, &f->name)) {
        begin(f, user);
    }
}

static void read_parts(struct files *f, const struct files_user *user, struct tx *tx,
                       struct span bytes)
{
    enum multipart_step step;
    do {
        struct span piece = {0};
        step = multipart_next(&f->multipart, &bytes, &piece);
        switch (step) {
        case MULTIPART_HEAD:
            begin_part(f, user);
            break;
        case MULTIPART_DATA:
            add(f, user, piece);
            break;
        case MULTIPART_END:
            end(f, user, tx, false);
            break;
        case MULTIPART_MORE:
            break;
        }
    } while (step != MULTIPART_MORE);
}

/* The last segment of the path, as the file is called that PUT writes. */
static struct span name_in_path(const struct tx *tx)
{
    const struct kept_field *uri = tx_field(tx, FIELD_HTTP_URI);
    struct span path = uri != NULL ? uri->value : (struct span){0};
    path = span_head(path, span_find_byte(path, 0, '?'));
    size_t slash = span_rfind_byte(path, '/');
    return slash == SPAN_NONE ? path : span_from(path, slash + 1);
}

static bool is_put(const struct tx *tx)
{
    const struct kept_field *method = tx_field(tx, FIELD_HTTP_METHOD);
    return method != NULL && span_equal(method->value, SPAN("PUT"));
}

/* JVM specification section 4.1: the magic of a class file. */
static bool is_java(struct span name, struct span first)
{
    static const struct span endings[] = {SPAN_LITERAL(".class"), SPAN_LITERAL(".jar")};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t len = endings[i].len;
        if (name.len > len && span_equal_nocase(span_from(name, name.len - len), endings[i])) {
            return true;
        }
    }
    return span_starts(first, SPAN("\xca\xfe\xba\xbe"));
}

/* Whether the body that begins is a file, or has files in it. */
static bool begin_body(struct files **files, const struct files_user *user, const struct tx *tx,
                       const struct region *region)
{
    bool upload = region->field == FIELD_HTTP_REQUEST_BODY;
    bool java =
        region->field == FIELD_HTTP_RESPONSE_BODY && is_java(name_in_path(tx), region->bytes);
    bool parts = upload && region->body_type == BODY_MULTIPART && region->boundary.len > 0;
    bool put = upload && !parts && is_put(tx);
    bool file = put || java || region->field == FIELD_FILE_DATA;
    struct files *f = parts || file ? get(files) : NULL;
    if (f == NULL) {
        return false;
    }
    f->is_multipart = parts;
    if (parts) {
        multipart_free(&f->multipart);
        return multipart_start(&f->multipart, region->boundary);
    }
    if (put || java) {
        files_name(files, name_in_path(tx));
    }
    begin(f, user);
    return true;
}

void files_region(struct files **files, const struct files_user *user, struct tx *tx,
                  const struct region *region)
{
    bool wanted = region->field == FIELD_FILE_DATA || region->field == FIELD_HTTP_REQUEST_BODY ||
                  region->field == FIELD_HTTP_RESPONSE_BODY;
    if (region->kind != REGION_BODY || !wanted) {
        return;
    }
    if ((region->flags & REGION_FIRST) != 0 && !begin_body(files, user, tx, region)) {
        return;
    }
    struct files *f = *files;
    if (f == NULL || (!f->open && !f->is_multipart)) {
        return;
    }
    if ((region->flags & REGION_AFTER_GAP) != 0) {
        f->gaps = true;
        multipart_gap(&f->multipart);
    }
    if (f->is_multipart) {
        read_parts(f, user, tx, region->bytes);
    } else {
        add(f, user, region->bytes);
    }
    if ((region->flags & REGION_LAST) != 0) {
        end(f, user, tx, f->is_multipart || (region->flags & REGION_CUT) != 0);
        f->is_multipart = false;
    }
}
