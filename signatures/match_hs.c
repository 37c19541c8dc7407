/* match_hs: the matching interface on Hyperscan.
 *
 * Each set is compiled twice, for whole texts (block mode) and for streams, from the same
 * expressions. A literal is written as an expression of \xNN, so that any byte can stand in it and
 * one database holds both sorts. Hyperscan tells the end of a match, never its start, and tells it
 * in ascending order. A set without patterns has no database at all and matches nothing.
 *
 * Base64 of base64 is looked for apart (match_twice.c), and told between what Hyperscan tells, so
 * that all is in order.
 *
 * Where it is known what matches begin with (match_skip.c), only what lies behind such beginnings
 * is scanned, until all that may have begun there has ended; and not even that where a few bytes
 * tell which patterns match (match_dfa.c). What is found is the same.
 *
 * Limits: texts are scanned in pieces of at most 1 GiB, the length Hyperscan takes being 32 bits.
 * A scan that fails (which only our own misuse can bring about) is a broken CHECK. */
#include "signatures/match.h"

#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "signatures/match_cache.h"
#include "signatures/match_skip.h"
#include "signatures/match_twice.h"

#include <errno.h>
#include <hs/hs.h>

enum {
    SCAN_MAX = 1 << 30,
    TEXT_CAP = 64 * 1024 * 1024,
    SEAM_AHEAD = 16, /* bytes that tell whether something begins before them */
};

struct match_db {
    hs_database_t *block;
    hs_database_t *stream;
    size_t stream_size;
    struct skip *skip; /* NULL: every byte is scanned */
    size_t twice;      /* the pattern that is base64 of base64; SPAN_NONE when none is */
};

struct match_scratch {
    hs_scratch_t *hs;
};

struct match_stream {
    hs_stream_t *hs; /* NULL for a set without patterns */
    const struct match_db *db;
    uint64_t len;  /* bytes that have come */
    uint64_t base; /* of them before what `hs` was given, */
    bool live;     /* if something may have begun in it that has not ended */
    bool stopped;
    size_t n_last; /* else the last bytes, of which it may not be known yet */
    uint8_t last[SKIP_AHEAD];
    struct twice twice;
};

/* What hs_compile_multi() wants: parallel arrays. The texts lie in one buffer, one after another.
 */
struct expressions {
    size_t n;
    struct sbuf text;
    const char **texts;
    unsigned *flags;
    unsigned *ids;
};

static void expressions_free(struct expressions *e)
{
    sbuf_free(&e->text);
    mem_free(e->texts);
    mem_free(e->flags);
    mem_free(e->ids);
}

static void write_literal(struct sbuf *to, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        sbuf_add_format(to, "\\x%02x", (unsigned)bytes.data[i]);
    }
}

static int expressions_make(const struct match_pattern *patterns, size_t n, struct expressions *e)
{
    *e = (struct expressions){.text = sbuf_with_cap(TEXT_CAP),
                              .texts = mem_alloc_array(n, sizeof(*e->texts)),
                              .flags = mem_alloc_array(n, sizeof(*e->flags)),
                              .ids = mem_alloc_array(n, sizeof(*e->ids))};
    if (e->texts == NULL || e->flags == NULL || e->ids == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (patterns[i].twice) {
            continue;
        }
        if (patterns[i].literal) {
            write_literal(&e->text, patterns[i].text);
        } else {
            sbuf_add(&e->text, patterns[i].text);
        }
        sbuf_add_byte(&e->text, 0);
        e->flags[e->n] = patterns[i].nocase ? HS_FLAG_CASELESS : 0;
        e->ids[e->n++] = (unsigned)i;
    }
    if (e->text.cut) {
        return -ENOMEM;
    }
    size_t at = 0;
    for (size_t i = 0; i < e->n; i++) {
        e->texts[i] = (const char *)span_from(sbuf_span(&e->text), at).data;
        at = span_find_byte(sbuf_span(&e->text), at, 0) + 1;
    }
    return 0;
}

static int compile(const struct expressions *e, unsigned mode, hs_database_t **ret,
                   struct errbuf *err)
{
    hs_compile_error_t *error = NULL;
    hs_error_t r =
        hs_compile_multi(e->texts, e->flags, e->ids, (unsigned)e->n, mode, NULL, ret, &error);
    if (r == HS_SUCCESS) {
        return 0;
    }
    if (error == NULL) {
        return -ENOMEM;
    }
    bool known = error->expression >= 0 && (size_t)error->expression < e->n;
    errbuf_add(err, "cannot compile pattern '%s': %s",
               known ? e->texts[error->expression] : "(all of them)", error->message);
    hs_free_compile_error(error);
    return -EINVAL;
}

/* All that a compiled database depends on. */
static bool key_of(const struct expressions *e, unsigned mode, struct match_cache_key *ret_key)
{
    hs_platform_info_t platform;
    struct sbuf material = sbuf_with_cap(TEXT_CAP);
    if (hs_populate_platform(&platform) != HS_SUCCESS) {
        return false;
    }
    sbuf_add_str(&material, hs_version());
    sbuf_add(&material, span_of(&platform, sizeof(platform)));
    sbuf_add(&material, span_of(&mode, sizeof(mode)));
    sbuf_add(&material, span_of(e->flags, e->n * sizeof(*e->flags)));
    sbuf_add(&material, span_of(e->ids, e->n * sizeof(*e->ids)));
    sbuf_add(&material, sbuf_span(&e->text));
    bool whole = !material.cut;
    *ret_key = match_cache_key(sbuf_span(&material));
    sbuf_free(&material);
    return whole;
}

static void store(const char *dir, const struct match_cache_key *key, const hs_database_t *db)
{
    char *bytes = NULL;
    size_t len = 0;
    if (hs_serialize_database(db, &bytes, &len) == HS_SUCCESS) {
        match_cache_store(dir, key, span_of(bytes, len));
        mem_free(bytes);
    }
}

static int make(const struct expressions *e, unsigned mode, const char *dir, hs_database_t **ret,
                struct errbuf *err)
{
    struct match_cache_key key;
    struct sbuf bytes;
    if (dir == NULL || !key_of(e, mode, &key)) {
        return compile(e, mode, ret, err);
    }
    if (match_cache_load(dir, &key, &bytes)) {
        hs_error_t r = hs_deserialize_database((const char *)bytes.data, bytes.len, ret);
        sbuf_free(&bytes);
        if (r == HS_SUCCESS) {
            return 0;
        }
    }
    int r = compile(e, mode, ret, err);
    if (r == 0) {
        store(dir, &key, *ret);
    }
    return r;
}

static size_t find_twice(const struct match_pattern *patterns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (patterns[i].twice) {
            return i;
        }
    }
    return SPAN_NONE;
}

int match_db_new(const struct match_pattern *patterns, size_t n, const char *cache_dir,
                 struct match_db **ret_db, struct errbuf *err)
{
    struct match_db *db = mem_alloc(sizeof(*db));
    struct expressions e = {0};
    int r = db != NULL ? 0 : -ENOMEM;
    /* The state of streams counts like everything else that flows keep. */
    (void)hs_set_stream_allocator(mem_alloc, mem_free);
    if (r == 0 && n > 0) {
        r = expressions_make(patterns, n, &e);
        r = r == 0 ? make(&e, HS_MODE_BLOCK, cache_dir, &db->block, err) : r;
        r = r == 0 ? make(&e, HS_MODE_STREAM, cache_dir, &db->stream, err) : r;
        if (r == 0 && hs_stream_size(db->stream, &db->stream_size) != HS_SUCCESS) {
            r = -EINVAL;
        }
        expressions_free(&e);
        db->twice = find_twice(patterns, n);
        db->skip = r == 0 && skip_is_fast() ? skip_new(patterns, n) : NULL;
    }
    if (r < 0) {
        match_db_free(&db);
        return r;
    }
    *ret_db = db;
    return 0;
}

void match_db_free(struct match_db **db)
{
    if (*db == NULL) {
        return;
    }
    (void)hs_free_database((*db)->block);
    (void)hs_free_database((*db)->stream);
    skip_free(&(*db)->skip);
    mem_free(*db);
    *db = NULL;
}

void match_db_skip(struct match_db *db, const struct match_pattern *patterns, size_t n)
{
    skip_free(&db->skip);
    db->skip = n > 0 ? skip_new(patterns, n) : NULL;
}

size_t match_db_stream_size(const struct match_db *db)
{
    return db->stream_size;
}

int match_scratch_fit(struct match_scratch **scratch, const struct match_db *db)
{
    struct match_scratch *s = *scratch != NULL ? *scratch : mem_alloc(sizeof(*s));
    if (s == NULL) {
        return -ENOMEM;
    }
    *scratch = s;
    if (db->block != NULL && (hs_alloc_scratch(db->block, &s->hs) != HS_SUCCESS ||
                              hs_alloc_scratch(db->stream, &s->hs) != HS_SUCCESS)) {
        return -ENOMEM;
    }
    return 0;
}

void match_scratch_free(struct match_scratch **scratch)
{
    if (*scratch == NULL) {
        return;
    }
    (void)hs_free_scratch((*scratch)->hs);
    mem_free(*scratch);
    *scratch = NULL;
}

struct told {
    match_fn found;
    void *ctx;
    uint64_t base; /* bytes of the text before the piece being scanned */
    bool stopped;
    struct twice *twice;
    uint64_t twice_base; /* the same as `base`, of its piece */
    uint64_t next_twice; /* where the next one is told; UINT64_MAX: none is */
    unsigned twice_id;
};

static void find_next_twice(struct told *told)
{
    size_t end = twice_next(told->twice);
    told->next_twice = end == SPAN_NONE ? UINT64_MAX : told->twice_base + end;
}

/* Begins to look for base64 of base64 in the next piece, before which are `base` bytes. */
static void start_twice(struct told *told, const struct match_db *db, struct span piece,
                        uint64_t base)
{
    told->next_twice = UINT64_MAX;
    if (db->twice != SPAN_NONE) {
        told->twice_id = (unsigned)db->twice;
        told->twice_base = base;
        told->twice->text = piece;
        find_next_twice(told);
    }
}

/* Tells of it up to a place. */
static void tell_twice(struct told *told, uint64_t until)
{
    while (told->next_twice <= until && told->next_twice != UINT64_MAX && !told->stopped) {
        told->stopped = !told->found(told->ctx, told->twice_id, told->next_twice);
        find_next_twice(told);
    }
}

/* A match of another sort: those before it are told first. False to stop. */
static bool tell(void *ctx, uint32_t pattern, uint64_t end)
{
    struct told *told = ctx;
    tell_twice(told, told->base + end);
    told->stopped = told->stopped || !told->found(told->ctx, pattern, told->base + end);
    return !told->stopped;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *ctx)
{
    (void)from;
    (void)flags;
    return !tell(ctx, id, to);
}

static void scan_done(hs_error_t r)
{
    CHECK(r == HS_SUCCESS || r == HS_SCAN_TERMINATED);
}

static void scan_part(const struct match_db *db, struct match_scratch *scratch, struct span part,
                      struct told *told)
{
    scan_done(hs_scan(db->block, (const char *)part.data, (unsigned)part.len, 0, scratch->hs,
                      on_match, told));
}

/* Tells what begins at a place, if it needs no scan for that, and returns how much that was; 0 if
 * not. */
static size_t tell_known(struct skip_scan *places, const struct skip_place *hot, struct told *told)
{
    if (!skip_knows(places, hot)) {
        return 0;
    }
    (void)dfa_tell(places->skip->dfa, places->text, hot->at, tell, told);
    return hot->match.reach;
}

/* All of a text that is not too long. */
static void scan_text(const struct match_db *db, struct match_scratch *scratch, struct span text,
                      struct told *told)
{
    const uint64_t base = told->base;
    struct skip_scan places;
    skip_scan(&places, db->skip, text);
    struct skip_place hot = skip_next(&places, 0);
    while (hot.at < text.len && !told->stopped) {
        size_t at = hot.at;
        told->base = base;
        size_t end = at + tell_known(&places, &hot, told);
        if (end == at) {
            end = skip_end(&places, &hot);
            end = end < text.len ? end : text.len;
            told->base = base + at;
            scan_part(db, scratch, span_sub(text, at, end - at), told);
        }
        hot = skip_next(&places, end);
    }
    told->base = base;
}

void match_block(const struct match_db *db, struct match_scratch *scratch, struct span text,
                 match_fn found, void *ctx)
{
    struct twice twice = {.at = 0};
    struct told told = {.found = found, .ctx = ctx, .twice = &twice};
    while (db->block != NULL && text.len > 0 && !told.stopped) {
        struct span part = span_head(text, SCAN_MAX);
        start_twice(&told, db, part, told.base);
        if (db->skip != NULL) {
            scan_text(db, scratch, part, &told);
        } else {
            scan_part(db, scratch, part, &told);
        }
        tell_twice(&told, UINT64_MAX);
        text = span_from(text, part.len);
        told.base += part.len;
    }
}

struct match_stream *match_stream_open(const struct match_db *db)
{
    struct match_stream *s = mem_alloc(sizeof(*s));
    if (s != NULL) {
        s->db = db;
    }
    if (s != NULL && db->stream != NULL && hs_open_stream(db->stream, 0, &s->hs) != HS_SUCCESS) {
        mem_free(s);
        return NULL;
    }
    return s;
}

static void reset_hs(struct match_stream *s)
{
    CHECK(hs_reset_stream(s->hs, 0, NULL, NULL, NULL) == HS_SUCCESS);
}

/* A stream that is being scanned. */
struct scanning {
    struct match_stream *stream;
    struct match_scratch *scratch;
    struct told told;
};

static void scan_on(struct scanning *s, struct span part)
{
    s->told.base = s->stream->base;
    scan_done(hs_scan_stream(s->stream->hs, (const char *)part.data, (unsigned)part.len, 0,
                             s->scratch->hs, on_match, &s->told));
    s->stream->stopped = s->told.stopped;
}

/* Something may begin at an offset of the stream. */
static void go_live(struct match_stream *s, uint64_t base)
{
    s->live = true;
    s->base = base;
}

/* Where in the bytes before `text`, the first of those here, something begins; their number when
 * nothing does. A beginning that is cut does if something else begins behind it. */
static size_t seam_start(const struct match_stream *m, struct span bytes)
{
    size_t n_more = bytes.len - m->n_last;
    size_t n = n_more < SKIP_AHEAD ? bytes.len : m->n_last;
    size_t cut = m->n_last;
    for (size_t at = 0; at < n; at++) {
        struct dfa_match match = dfa_match(m->db->skip->dfa, bytes, at);
        if (match.reach > 0) {
            return cut < at ? cut : at;
        }
        cut = match.cut && at < cut ? at : cut;
    }
    return m->n_last;
}

/* Whether something begins in the last bytes before `text`; scans them from there on. */
static void scan_seam(struct scanning *s, struct span text)
{
    struct match_stream *m = s->stream;
    uint8_t seam[SKIP_AHEAD + SEAM_AHEAD];
    struct span more = span_head(text, SEAM_AHEAD);
    bytes_copy(seam, m->last, m->n_last);
    bytes_copy(&seam[m->n_last], more.data, more.len);
    size_t at = seam_start(m, span_of(seam, m->n_last + more.len));
    if (at < m->n_last) {
        go_live(m, m->len - (m->n_last - at));
        scan_on(s, span_of(&seam[at], m->n_last - at));
    }
}

/* The last bytes of what has come, `text` included. */
static void keep_last(struct match_stream *s, struct span text)
{
    size_t n_old = text.len < SKIP_AHEAD ? SKIP_AHEAD - text.len : 0;
    n_old = n_old < s->n_last ? n_old : s->n_last;
    bytes_move(s->last, &s->last[s->n_last - n_old], n_old);
    size_t n_new = text.len < SKIP_AHEAD ? text.len : SKIP_AHEAD;
    bytes_copy(&s->last[n_old], span_from(text, text.len - n_new).data, n_new);
    s->n_last = n_old + n_new;
}

/* Scans on from a place to where all that may have begun has ended; SPAN_NONE: it may go on. */
static size_t scan_live(struct scanning *s, struct skip_scan *places, struct skip_place *hot)
{
    size_t at = hot->at;
    size_t end = skip_end(places, hot);
    scan_on(s, span_sub(places->text, at, end - at));
    if (end != SPAN_NONE) {
        reset_hs(s->stream);
        s->stream->live = false;
    }
    return end;
}

/* Finds what begins at a place; returns where that is over. */
static size_t scan_place(struct scanning *s, struct skip_scan *places, struct skip_place *hot)
{
    s->told.base = s->stream->len;
    size_t known = tell_known(places, hot, &s->told);
    s->stream->stopped = s->told.stopped;
    if (known > 0) {
        return hot->at + known;
    }
    hot->at = skip_cut(places, hot->at);
    go_live(s->stream, s->stream->len + hot->at);
    return scan_live(s, places, hot);
}

static void scan_some(struct scanning *s, struct span text)
{
    struct match_stream *m = s->stream;
    struct skip_place hot = skip_start(m->db->skip);
    struct skip_scan places;
    skip_scan(&places, m->db->skip, text);
    if (!m->live) {
        scan_seam(s, text);
    }
    size_t at = m->live ? scan_live(s, &places, &hot) : 0;
    while (at < text.len && !m->stopped) {
        hot = skip_next(&places, at);
        at = hot.at < text.len ? scan_place(s, &places, &hot) : text.len;
    }
    keep_last(m, text);
}

void match_stream_scan(struct match_stream *stream, struct match_scratch *scratch, struct span text,
                       match_fn found, void *ctx)
{
    struct scanning s = {stream, scratch, {.found = found, .ctx = ctx, .twice = &stream->twice}};
    while (stream->hs != NULL && text.len > 0 && !stream->stopped) {
        struct span part = span_head(text, SCAN_MAX);
        start_twice(&s.told, stream->db, part, stream->len);
        if (stream->db->skip != NULL) {
            scan_some(&s, part);
        } else {
            scan_on(&s, part);
        }
        tell_twice(&s.told, UINT64_MAX);
        stream->stopped = s.told.stopped;
        stream->len += part.len;
        text = span_from(text, part.len);
    }
}

void match_stream_reset(struct match_stream *stream)
{
    stream->len = 0;
    stream->twice = (struct twice){.at = 0};
    stream->base = 0;
    stream->live = false;
    stream->stopped = false;
    stream->n_last = 0;
    if (stream->hs != NULL) {
        reset_hs(stream);
    }
}

void match_stream_close(struct match_stream **stream)
{
    if (*stream == NULL) {
        return;
    }
    if ((*stream)->hs != NULL) {
        CHECK(hs_close_stream((*stream)->hs, NULL, NULL, NULL) == HS_SUCCESS);
    }
    mem_free(*stream);
    *stream = NULL;
}
