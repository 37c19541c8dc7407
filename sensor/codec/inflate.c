/* inflate: gzip (RFC 1952) and deflate (RFC 1950, RFC 1951) through ISA-L's igzip, which is more
 * than twice as fast as zlib.
 *
 * igzip decodes several symbols at a time. On a damaged stream it may therefore write some bytes
 * too many before it sees the damage, and at the end of a truncated one it may hold back a byte,
 * both depending on how the input was cut. Fed byte by byte it gives what zlib gives. So the input
 * is kept since a point that can be gone back to, and when a stream turns out to be damaged or
 * truncated, what came since is read once more, from shortly before the damage on byte by byte, and
 * only what was not given yet is given. Points are INFLATER_KEEP bytes of input apart.
 *
 * Limits: none on the output; callers stop when they have enough. gzip members and their headers
 * are not told apart; a name or comment in a header is not given. */
#include "sensor/base/mem.h"
#include "sensor/codec/gziphead.h"
#include "sensor/codec/inflater_ops.h"

#include <isa-l/igzip_lib.h>

/* Bytes are slow, so damage is first looked for in steps. igzip reads up to 8 bytes ahead of what
 * it gave. */
enum { STEP = 256, MARGIN = 64 };

enum state {
    IN_HEADER,
    RUNNING,
    AFTER_MEMBER, /* another gzip member may follow */
    REPLAYING,
    ENDED,
    BROKEN
};

struct inflate {
    struct inflater base;
    enum inflater_kind kind;
    enum state state;
    struct span before; /* what was inflated in front of the stream */
    struct gziphead header;
    uint32_t check; /* what follows the stream: ISAL_GZIP_NO_HDR_VER … */
    size_t start;   /* of the stream in what is kept */
    struct inflate_state isal;
    struct inflate_state *point; /* what to go back to; NULL: the stream's start */
    bool no_point;               /* no memory to go back */
    uint64_t given;              /* output since then */
    size_t replayed;             /* how far what is kept was read again */
    size_t careful;              /* from here on it is read byte by byte */
    uint64_t to_skip;            /* output of the replay that was given before */
    uint8_t window[INFLATER_WINDOW];
};

static struct inflate *inflate_of(struct inflater *i)
{
    return (struct inflate *)(void *)i;
}

static void reset_isal(struct inflate *z)
{
    union {
        const uint8_t *given;
        uint8_t *wanted; /* igzip does not write there */
    } before = {.given = z->before.data};
    isal_inflate_init(&z->isal);
    z->isal.crc_flag = z->check;
    if (z->before.len > 0) {
        int verdict = isal_inflate_set_dict(&z->isal, before.wanted, (uint32_t)z->before.len);
        CHECK(verdict == COMP_OK); /* at the start of a stream it is allowed */
    }
}

/* All that is kept so far is header, but for the last n_bytes. */
static void start_stream(struct inflate *z, uint32_t check, size_t n_bytes)
{
    z->check = check;
    z->start = z->base.kept.len - n_bytes;
    z->state = RUNNING;
    reset_isal(z);
}

/* One call of igzip: reads from `in`, writes behind the first `filled` bytes of the window. Returns
 * its verdict; *ret_used and *ret_got say how far it came. */
static int run(struct inflate *z, struct span in, size_t filled, size_t *ret_used, size_t *ret_got)
{
    union {
        const uint8_t *given;
        uint8_t *wanted; /* igzip does not write there */
    } input = {.given = in.data};
    z->isal.next_in = input.wanted;
    z->isal.avail_in = (uint32_t)in.len;
    z->isal.next_out = &z->window[filled];
    z->isal.avail_out = (uint32_t)(INFLATER_WINDOW - filled);
    int verdict = isal_inflate(&z->isal);
    *ret_used = in.len - z->isal.avail_in;
    *ret_got = INFLATER_WINDOW - filled - z->isal.avail_out;
    return verdict;
}

/* What is kept is full: from here on is kept anew. */
static void set_point(struct inflate *z)
{
    if (z->point == NULL) {
        z->point = mem_resize(NULL, sizeof(*z->point));
    }
    if (z->point == NULL) {
        z->no_point = true;
    } else {
        *z->point = z->isal;
    }
    sbuf_reset(&z->base.kept);
    z->start = 0;
    z->given = 0;
}

static void go_back(struct inflate *z)
{
    if (z->point != NULL) {
        z->isal = *z->point;
    } else {
        reset_isal(z);
    }
}

/* Damage is where neither input nor room for output is what it lacks. */
static bool is_damaged(int verdict, size_t used, size_t got)
{
    bool stuck = used == 0 && got == 0;
    return verdict != ISAL_DECOMP_OK || stuck;
}

static bool is_over(const struct inflate *z, int verdict, size_t used, size_t got)
{
    return is_damaged(verdict, used, got) || z->isal.block_state == ISAL_BLOCK_FINISH;
}

/* Where in what is kept igzip complains, to within a step; up to `sound` it did not. */
static size_t find_damage(struct inflate *z, size_t sound)
{
    struct span kept = sbuf_span(&z->base.kept);
    size_t at = z->start;
    bool over = false;
    go_back(z);
    while (!over) {
        size_t step = at < sound ? sound - at : STEP;
        size_t used;
        size_t got;
        int verdict = run(z, span_sub(kept, at, step), 0, &used, &got);
        over = is_over(z, verdict, used, got);
        at += over ? 0 : used;
    }
    return at;
}

/* The stream does not go on: what is kept is read again, with care from shortly before the damage.
 * That is where igzip complains, behind `sound`; when it does not, what is kept was truncated
 * there. */
static void start_replay(struct inflate *z, size_t sound, bool complained)
{
    if (z->no_point || z->base.kept.cut) { /* there is no going back */
        z->state = BROKEN;
        return;
    }
    size_t damage = complained ? find_damage(z, sound) : sound;
    z->state = REPLAYING;
    z->replayed = z->start;
    z->careful = damage > MARGIN ? damage - MARGIN : 0;
    z->to_skip = z->given;
    go_back(z);
}

/* Drops from the front of the window what was given before; returns what is left of it. */
static size_t skip_given(struct inflate *z, size_t got)
{
    size_t n = z->to_skip < got ? (size_t)z->to_skip : got;
    z->to_skip -= n;
    return n;
}

static enum inflater_result replay(struct inflate *z, struct span *ret_out)
{
    struct span kept = sbuf_span(&z->base.kept);
    size_t start = 0; /* of what is to be given */
    size_t filled = 0;
    while (z->state == REPLAYING && filled < INFLATER_WINDOW) {
        size_t used;
        size_t got;
        size_t step = z->replayed < z->careful ? z->careful - z->replayed : 1;
        int verdict = run(z, span_sub(kept, z->replayed, step), filled, &used, &got);
        z->replayed += used;
        if (is_over(z, verdict, used, got)) {
            z->state = BROKEN;
        }
        if (z->to_skip > 0) {
            start = skip_given(z, got);
            filled = start < got ? got : 0;
            start = start < got ? start : 0;
        } else {
            filled += got;
        }
    }
    *ret_out = span_sub(span_of(z->window, filled), start, filled - start);
    return z->state == REPLAYING ? INFLATER_FULL : INFLATER_BROKEN;
}

/* igzip may have taken bytes that stand behind the stream: only those are kept now. */
static void end_stream(struct inflate *z)
{
    size_t n_behind = (size_t)z->isal.read_in_length / 8;
    size_t n_kept = z->base.kept.len;
    n_behind = n_behind < n_kept ? n_behind : n_kept;
    z->state = z->kind == INFLATER_GZIP && n_behind == 0 ? AFTER_MEMBER : ENDED;
    sbuf_drop(&z->base.kept, n_kept - n_behind);
}

static struct span keep(struct inflate *z, struct span *in, size_t len)
{
    struct span part = span_head(*in, len);
    if (z->base.kept.len == INFLATER_KEEP) {
        sbuf_reset(&z->base.kept);
    }
    sbuf_add(&z->base.kept, part);
    *in = span_from(*in, len);
    return part;
}

/* RFC 1950 section 2.2: method 8, a window of at most 32 KiB, a check that is right; and no
 * dictionary, which nobody has. */
static bool is_zlib_header(uint8_t first, uint8_t second)
{
    enum { HAS_DICTIONARY = 0x20 };
    bool right = (unsigned)(first << 8 | second) % 31 == 0;
    return (first & 0x0f) == 8 && first >> 4 <= 7 && right && (second & HAS_DICTIONARY) == 0;
}

/* RFC 1952 section 2.3.1. No stream of RFC 1951 begins so: its first block would be of a type that
 * there is not. */
static bool is_gzip_header(uint8_t first, uint8_t second)
{
    return first == 0x1f && second == 0x8b;
}

/* Two bytes tell whether the stream is wrapped, and in what. If not, they are its first. */
static void read_zlib_header(struct inflate *z, struct span *in, struct span *ret_out)
{
    keep(z, in, 1);
    struct span kept = sbuf_span(&z->base.kept);
    if (kept.len < 2) {
        return;
    }
    if (is_zlib_header(span_at(kept, 0), span_at(kept, 1))) {
        start_stream(z, ISAL_ZLIB_NO_HDR_VER, 0);
        return;
    }
    if (is_gzip_header(span_at(kept, 0), span_at(kept, 1))) {
        z->kind = INFLATER_GZIP;
        (void)gziphead_next(&z->header, &kept);
        return;
    }
    size_t used;
    size_t got;
    start_stream(z, ISAL_DEFLATE, kept.len);
    int verdict = run(z, kept, 0, &used, &got);
    z->given = got;
    *ret_out = span_of(z->window, got);
    if (verdict != ISAL_DECOMP_OK || used != kept.len) {
        z->state = BROKEN;
    } else if (z->isal.block_state == ISAL_BLOCK_FINISH) {
        end_stream(z);
    }
}

static void read_gzip_header(struct inflate *z, struct span *in)
{
    struct span part = keep(z, in, 1);
    switch (gziphead_next(&z->header, &part)) {
    case GZIPHEAD_MORE:
        break;
    case GZIPHEAD_END:
        start_stream(z, ISAL_GZIP_NO_HDR_VER, 0);
        break;
    case GZIPHEAD_BROKEN:
        z->state = BROKEN;
        break;
    }
}

static void read_header(struct inflate *z, struct span *in, struct span *ret_out)
{
    if (z->kind == INFLATER_GZIP) {
        read_gzip_header(z, in);
    } else {
        read_zlib_header(z, in, ret_out);
    }
}

static enum inflater_result read_on(struct inflate *z, struct span *in, struct span *ret_out)
{
    if (z->base.kept.len >= INFLATER_KEEP) {
        set_point(z);
    }
    struct span part = span_head(*in, INFLATER_KEEP - z->base.kept.len);
    size_t used;
    size_t got;
    int verdict = run(z, part, 0, &used, &got);
    bool damaged = part.len > 0 ? is_damaged(verdict, used, got) : verdict != ISAL_DECOMP_OK;
    if (damaged) {
        size_t sound = z->base.kept.len;
        sbuf_add(&z->base.kept, part);
        *in = span_from(*in, part.len);
        start_replay(z, sound, true);
        return INFLATER_FULL;
    }
    sbuf_add(&z->base.kept, span_head(part, used));
    *in = span_from(*in, used);
    z->given += got;
    *ret_out = span_of(z->window, got);
    if (z->isal.block_state == ISAL_BLOCK_FINISH) {
        end_stream(z);
    }
    return INFLATER_FULL;
}

static enum inflater_result next_member(struct inflate *z, struct span in)
{
    enum { GZIP_FIRST_BYTE = 0x1f };
    if (span_at(in, 0) != GZIP_FIRST_BYTE) {
        z->state = ENDED;
        return INFLATER_END;
    }
    mem_free(z->point);
    z->point = NULL;
    z->given = 0;
    z->header = (struct gziphead){0};
    z->state = IN_HEADER;
    sbuf_reset(&z->base.kept);
    return INFLATER_FULL;
}

static enum inflater_result next(struct inflater *i, struct span *in, struct span *ret_out)
{
    struct inflate *z = inflate_of(i);
    enum inflater_result result = INFLATER_FULL;
    while (result == INFLATER_FULL && ret_out->len == 0) {
        bool needs_input = z->state == IN_HEADER || z->state == AFTER_MEMBER;
        if (needs_input && in->len == 0) {
            return INFLATER_MORE;
        }
        switch (z->state) {
        case IN_HEADER:
            read_header(z, in, ret_out);
            break;
        case RUNNING:
            result = read_on(z, in, ret_out);
            if (in->len == 0 && ret_out->len < INFLATER_WINDOW && z->state == RUNNING) {
                result = INFLATER_MORE;
            }
            break;
        case AFTER_MEMBER:
            result = next_member(z, *in);
            break;
        case REPLAYING:
            result = replay(z, ret_out);
            break;
        case ENDED:
            result = INFLATER_END;
            break;
        case BROKEN:
            result = INFLATER_BROKEN;
            break;
        }
    }
    return result;
}

static enum inflater_result finish(struct inflater *i, struct span *ret_out)
{
    struct inflate *z = inflate_of(i);
    switch (z->state) {
    case AFTER_MEMBER:
    case ENDED:
        return INFLATER_END;
    case RUNNING:
        start_replay(z, z->base.kept.len, false);
        break;
    case IN_HEADER:
        z->state = BROKEN;
        break;
    case REPLAYING:
    case BROKEN:
        break;
    }
    return z->state == REPLAYING ? replay(z, ret_out) : INFLATER_BROKEN;
}

static bool is_complete(const struct inflater *i)
{
    const struct inflate *z = (const struct inflate *)(const void *)i;
    return z->state == AFTER_MEMBER || z->state == ENDED;
}

static void release(struct inflater *i)
{
    struct inflate *z = inflate_of(i);
    mem_free(z->point);
    mem_free(z);
}

struct inflater *inflate_new(enum inflater_kind kind)
{
    static const struct inflater_ops ops = {
        .next = next, .finish = finish, .is_complete = is_complete, .free = release};
    struct inflate *z = mem_resize(NULL, sizeof(*z)); /* 120 KiB of tables that need no zeros */
    if (z == NULL) {
        return NULL;
    }
    z->base = (struct inflater){.ops = &ops, .kept = sbuf_with_cap(INFLATER_KEEP)};
    z->kind = kind;
    z->state = IN_HEADER;
    z->before = (struct span){0};
    z->header = (struct gziphead){0};
    z->start = 0;
    z->point = NULL;
    z->given = 0;
    z->no_point = false;
    z->replayed = 0;
    z->careful = 0;
    z->to_skip = 0;
    if (kind == INFLATER_RAW) {
        start_stream(z, ISAL_DEFLATE, 0);
    }
    return &z->base;
}

struct inflater *inflate_new_behind(struct span window)
{
    struct inflater *i = inflate_new(INFLATER_RAW);
    if (i != NULL) {
        size_t surplus = window.len > INFLATER_WINDOW ? window.len - INFLATER_WINDOW : 0;
        inflate_of(i)->before = span_from(window, surplus);
        reset_isal(inflate_of(i));
    }
    return i;
}
