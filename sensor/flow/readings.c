/* readings: overlapping segments with other contents.
 *
 * An attacker can send a decoy that the sensor sees and the server does not (or takes otherwise),
 * then the real bytes under the same sequence numbers. Main reading: what came first. Other
 * reading: what came last, with what stood before it and what follows, told through alternate()
 * when the other side speaks, when it is 64 KiB long, after a second, or at an end.
 *
 * Where there are more than two versions, those in between are told before they are written over,
 * with a part of what stands around them: what a packet can cost stays bounded.
 *
 * A difference in bytes that were delivered is seen by the copy in past.c. Bytes that come again,
 * are not acknowledged and cannot be compared any more are read by themselves, and from then on
 * this side is watched. Bytes that are acknowledged a receiver ignores when they come again, and so
 * do we.
 *
 * An urgent byte (RFC 6093) most receivers take out of the stream, unless their application asked
 * for it to be left in: the other reading is the one without it.
 *
 * Bytes that come after their hole was given up, that lie before the start of a stream that was
 * taken up in the middle, or that are refused, are read in the same way. Without memory bytes are
 * read by themselves, without what stands around them. */
#include "sensor/flow/readings.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/flow/past.h"

enum {
    N_GAPS = 4,
    N_URGENT = 8,
    READING_MAX = 64 * 1024,
    OTHERS_MAX = 64 * 1024,
    TELL_AFTER_US = 1000000,
    AROUND = 2048, /* told on both sides of a version that goes */
};

/* Bytes that differ from held ones; their turn comes when those are delivered. */
struct other {
    struct list link;
    uint64_t pos;
    size_t len;
    uint8_t bytes[];
};

struct range {
    uint64_t from;
    uint64_t to;
};

struct doubt {
    struct range gaps[N_GAPS]; /* the latest */
    unsigned n_gaps;           /* ever */
    struct sbuf reading;       /* empty: there is none */
    uint64_t start;            /* position of its first byte */
    struct range other;        /* within it: what is not as in the main reading */
    size_t n_left_out;         /* urgent bytes before its end */
    uint64_t urgent[N_URGENT]; /* positions of those not delivered yet */
    unsigned n_urgent;
    uint64_t since_us;
    size_t reading_room; /* counted as memory */
    size_t judged;       /* of its bytes: told by readings_judge() */
    struct list others;
    size_t others_len;
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static struct doubt *make_doubt(const struct half *x)
{
    struct doubt *d = side_extra(x->s)->doubt;
    size_t size = sizeof(*d) + MEM_OVERHEAD;
    if (d != NULL || !flow_reserve_spare(x->t, size)) {
        return d;
    }
    struct side_extra *extra = side_extend(x->t, x->s);
    d = extra != NULL ? mem_alloc(sizeof(*d)) : NULL;
    if (d == NULL) {
        flow_unreserve(x->t, size);
        side_tidy(x->t, x->s);
        return NULL;
    }
    d->reading = sbuf_with_cap(READING_MAX);
    list_init(&d->others);
    extra->doubt = d;
    return d;
}

/* The other reading */

static uint64_t reading_end(const struct doubt *d)
{
    return d->start + d->reading.len + d->n_left_out;
}

static void tell(const struct half *x, struct span bytes)
{
    if (!x->f->mute && bytes.len > 0) {
        x->t->user.ops->alternate(x->t->user.ctx, &x->f->conn, half_dir(x), bytes);
    }
}

void readings_flush(const struct half *x)
{
    struct doubt *d = side_extra(x->s)->doubt;
    if (d != NULL && d->reading.len > 0) {
        tell(x, sbuf_span(&d->reading));
    }
    if (d != NULL && d->reading_room > 0) {
        sbuf_free(&d->reading);
        flow_unreserve(x->t, d->reading_room);
        d->reading_room = 0;
    }
}

void readings_judge(const struct half *x)
{
    struct doubt *d = side_extra(x->s)->doubt;
    if (d != NULL && d->reading.len > 0 && d->reading.len != d->judged) {
        d->judged = d->reading.len;
        tell(x, sbuf_span(&d->reading));
    }
}

/* Appends to the reading; false when not everything fitted. */
static bool append(const struct half *x, struct span bytes)
{
    struct doubt *d = side_extra(x->s)->doubt;
    if (!flow_has_spare(x->t, d->reading.len + 2 * bytes.len)) {
        return false;
    }
    bool whole = sbuf_add(&d->reading, bytes);
    x->t->memory += d->reading.room - d->reading_room;
    d->reading_room = d->reading.room;
    return whole;
}

static void begin(const struct half *x, uint64_t pos)
{
    struct doubt *d = side_extra(x->s)->doubt;
    readings_flush(x);
    d->start = pos;
    d->judged = 0;
    d->n_left_out = 0;
    d->other = (struct range){UINT64_MAX, 0};
    d->since_us = x->t->clock_us;
}

/* The reading goes on with what is kept, if its end lies in that. */
static void join_past(const struct half *x)
{
    struct doubt *d = side_extra(x->s)->doubt;
    uint64_t end = reading_end(d);
    uint64_t pos = 0;
    struct span kept = past_of(x->s->past, end, UINT64_MAX, &pos);
    if (kept.len > 0 && pos == end) {
        (void)append(x, kept);
    }
}

/* Begins with what is kept of the bytes before `pos`, or else at `pos`. */
static void begin_before(const struct half *x, uint64_t pos)
{
    const struct past *p = x->s->past;
    bool kept = p != NULL && pos >= p->start && pos <= past_end(p);
    begin(x, kept ? p->start : pos);
    join_past(x);
    if (reading_end(side_extra(x->s)->doubt) < pos) {
        begin(x, pos);
    }
}

static void flush_when_full(const struct half *x)
{
    if (side_extra(x->s)->doubt->reading.len == READING_MAX) {
        readings_flush(x);
    }
}

/* Bytes at [from, to) of the reading are about to be replaced: if they are neither the main
 * reading's nor the same again, they are told now. */
static void tell_version(const struct half *x, uint64_t from, uint64_t to, struct span bytes)
{
    struct doubt *d = side_extra(x->s)->doubt;
    struct span reading = sbuf_span(&d->reading);
    bool touched = from < d->other.to && to > d->other.from;
    if (!touched || span_equal(span_sub(reading, from - d->start, to - from), bytes)) {
        return;
    }
    size_t before = from - d->start < AROUND ? from - d->start : AROUND;
    size_t start = from - d->start - before;
    tell(x, span_sub(reading, start, before + (to - from) + AROUND));
}

/* Writes bytes over the reading where they lie in it or follow it. */
static void overlay(const struct half *x, uint64_t pos, struct span bytes)
{
    struct doubt *d = side_extra(x->s)->doubt;
    uint64_t from = larger(pos, d->start);
    uint64_t to = smaller(pos + bytes.len, reading_end(d));
    if (from < to) {
        struct span part = span_sub(bytes, from - pos, to - from);
        tell_version(x, from, to, part);
        sbuf_overwrite(&d->reading, from - d->start, part);
        d->judged = 0;
        d->other = (struct range){smaller(from, d->other.from), larger(to, d->other.to)};
    }
}

/* Reads bytes that cannot be compared: joined with those before and behind them where these are at
 * hand. */
static void read_alone(const struct half *x, uint64_t pos, struct span bytes)
{
    struct doubt *d = make_doubt(x);
    if (d == NULL) {
        tell(x, bytes);
        return;
    }
    if (d->reading.len == 0 || reading_end(d) != pos) {
        begin(x, pos);
    }
    if (!append(x, bytes)) {
        readings_flush(x);
        tell(x, bytes);
        return;
    }
    join_past(x);
    flush_when_full(x);
}

static void count_difference(const struct half *x)
{
    x->t->refused = DROP_DIFFERENT;
    stats_add(x->t->stats, STAT_TCP_OVERLAP_DIFF_DATA, 1);
    flow_anomaly(x->t, x->f, half_dir(x), ANOMALY_OVERLAP_DIFFERENT_DATA);
}

/* A reading with bytes left out is told as it is: places in it are no positions any more. */
static void flush_if_left_out(const struct half *x)
{
    if (side_extra(x->s)->doubt->n_left_out > 0) {
        readings_flush(x);
    }
}

/* Delivered bytes came again, and otherwise: the reading goes back to what is kept before them. */
static void read_again(const struct half *x, uint64_t pos, struct span bytes)
{
    struct doubt *d = make_doubt(x);
    if (d == NULL) {
        tell(x, bytes);
        return;
    }
    flush_if_left_out(x);
    x->s->flags |= SIDE_WATCHED;
    if (d->reading.len == 0 || pos < d->start || pos > reading_end(d)) {
        begin_before(x, pos);
    }
    uint64_t end = reading_end(d);
    overlay(x, pos, bytes);
    if (pos + bytes.len > end && !append(x, span_from(bytes, end - pos))) {
        readings_flush(x);
        tell(x, bytes);
        return;
    }
    join_past(x);
    flush_when_full(x);
}

/* What was given up, came late, and is now being read. */
static bool take_late(const struct half *x, uint64_t pos, struct span bytes)
{
    struct doubt *d = side_extra(x->s)->doubt;
    bool all = false;
    for (unsigned i = 0; d != NULL && i < N_GAPS; i++) {
        struct range *g = &d->gaps[i];
        uint64_t from = larger(pos, g->from);
        uint64_t to = smaller(pos + bytes.len, g->to);
        if (from >= to) {
            continue;
        }
        all = all || (from == pos && to == pos + bytes.len);
        if (from == g->from) {
            g->from = to;
        } else if (to == g->to) {
            g->to = from;
        }
        read_alone(x, from, span_sub(bytes, from - pos, to - from));
    }
    return all;
}

void readings_repeated(const struct half *x, uint64_t pos, struct span bytes)
{
    struct side *s = x->s;
    if (bytes.len == 0 || take_late(x, pos, bytes)) {
        return;
    }
    uint64_t from = side_has(s, SIDE_ACKED) ? larger(pos, s->acked) : pos;
    if (from >= pos + bytes.len) {
        return;
    }
    struct span rest = span_from(bytes, from - pos);
    uint64_t start = from;
    struct span ours = past_of(s->past, from, from + rest.len, &start);
    if (!span_equal(ours, span_sub(rest, start - from, ours.len))) {
        count_difference(x);
        read_again(x, from, rest);
    } else if (ours.len < rest.len) {
        s->flags |= SIDE_WATCHED;
        read_alone(x, from, rest);
    }
}

void readings_stray(const struct half *x, uint64_t pos, struct span bytes)
{
    if (bytes.len > 0) {
        read_alone(x, pos, bytes);
    }
}

void readings_longer(const struct half *x, uint64_t pos, struct span bytes)
{
    count_difference(x);
    read_again(x, pos, bytes);
}

void readings_differ(const struct half *x, uint64_t pos, struct span bytes)
{
    struct flow_table *t = x->t;
    count_difference(x);
    struct doubt *d = make_doubt(x);
    size_t size = sizeof(struct other) + bytes.len + MEM_OVERHEAD;
    struct other *o = NULL;
    if (d != NULL && d->others_len + size <= OTHERS_MAX && flow_reserve_spare(t, size)) {
        o = mem_alloc(sizeof(*o) + bytes.len);
        if (o == NULL) {
            flow_unreserve(t, size);
        }
    }
    if (o == NULL) {
        tell(x, bytes);
        return;
    }
    x->s->flags |= SIDE_WATCHED;
    d->others_len += size;
    o->pos = pos;
    o->len = bytes.len;
    bytes_copy(o->bytes, bytes.data, bytes.len);
    list_add_tail(&d->others, &o->link);
}

static struct other *other_of(struct list *link)
{
    return link != NULL ? LIST_ENTRY(link, struct other, link) : NULL;
}

static void free_other(struct flow_table *t, struct doubt *d, struct other *o)
{
    size_t size = sizeof(*o) + o->len + MEM_OVERHEAD;
    list_remove(&o->link);
    d->others_len -= size;
    flow_unreserve(t, size);
    mem_free(o);
}

/* Whether bytes that differ lie in what is being delivered. */
static bool have_others_before(struct doubt *d, uint64_t end)
{
    for (struct list *l = list_first(&d->others); l != NULL; l = list_next(&d->others, l)) {
        if (other_of(l)->pos < end) {
            return true;
        }
    }
    return false;
}

/* Puts the others in, in the order they came, so that the last wins; what is wholly in goes. */
static void apply_others(const struct half *x, uint64_t end)
{
    struct doubt *d = side_extra(x->s)->doubt;
    struct list *link = list_first(&d->others);
    while (link != NULL) {
        struct other *o = other_of(link);
        link = list_next(&d->others, link);
        overlay(x, o->pos, span_of(o->bytes, o->len));
        if (o->pos + o->len <= end) {
            free_other(x->t, d, o);
        }
    }
}

/* The reading goes on with what is delivered, the others in their places. A piece is never longer
 * than a reading may be. */
static void extend(const struct half *x, uint64_t pos, struct span bytes)
{
    struct doubt *d = side_extra(x->s)->doubt;
    bool touched = have_others_before(d, pos + bytes.len);
    if (touched) {
        flush_if_left_out(x);
    }
    bool follows = d->reading.len > 0 && reading_end(d) == pos;
    if (touched && !follows) {
        begin_before(x, pos);
    }
    if (touched && d->reading.len + bytes.len > READING_MAX) {
        begin(x, pos);
    }
    if (!touched && !follows) {
        return;
    }
    bool whole = append(x, bytes);
    if (touched) {
        apply_others(x, pos + bytes.len);
    }
    if (!whole) {
        readings_flush(x);
    }
    flush_when_full(x);
}

void readings_urgent(const struct half *x, uint64_t pos)
{
    struct doubt *d = pos >= x->s->next ? make_doubt(x) : NULL;
    for (unsigned i = 0; d != NULL && i < d->n_urgent; i++) {
        if (d->urgent[i] == pos) {
            return;
        }
    }
    if (d != NULL && d->n_urgent < N_URGENT) {
        d->urgent[d->n_urgent++] = pos;
    }
}

/* Leaves one byte of what was just delivered out of the reading, which begins with what is kept
 * before it where there was none. */
static void leave_out(const struct half *x, uint64_t pos, struct span bytes, uint64_t urgent)
{
    struct doubt *d = side_extra(x->s)->doubt;
    if (d->reading.len == 0 || urgent < d->start || urgent >= reading_end(d)) {
        begin_before(x, pos);
    }
    if (reading_end(d) == pos && !append(x, bytes)) {
        readings_flush(x);
        return;
    }
    uint64_t at = urgent - d->start - d->n_left_out;
    if (at < d->reading.len && sbuf_replace(&d->reading, at, 1, span_of(NULL, 0))) {
        d->n_left_out++;
        stats_add(x->t->stats, STAT_TCP_URGENT_DATA, 1);
    }
    flush_when_full(x);
}

static void leave_out_urgent(const struct half *x, uint64_t pos, struct span bytes)
{
    struct doubt *d = side_extra(x->s)->doubt;
    unsigned n = 0;
    for (unsigned i = 0; i < d->n_urgent; i++) {
        if (d->urgent[i] >= pos + bytes.len) {
            d->urgent[n++] = d->urgent[i];
        } else if (d->urgent[i] >= pos) {
            leave_out(x, pos, bytes, d->urgent[i]);
        }
    }
    d->n_urgent = n;
}

void readings_delivered(const struct half *x, uint64_t pos, struct span bytes)
{
    if (side_extra(x->s)->doubt != NULL) {
        extend(x, pos, bytes);
    }
    past_keep(x, pos, bytes);
    if (side_extra(x->s)->doubt != NULL && side_extra(x->s)->doubt->n_urgent > 0) {
        leave_out_urgent(x, pos, bytes);
    }
}

void readings_gap(const struct half *x, uint64_t from, uint64_t to)
{
    readings_flush(x);
    struct doubt *d = from < to ? make_doubt(x) : NULL;
    if (d != NULL) {
        d->gaps[d->n_gaps++ % N_GAPS] = (struct range){from, to};
    }
}

void readings_spoken_to(const struct half *x)
{
    x->s->said = 0;
    if (side_extra(x->s)->doubt != NULL) {
        readings_flush(x);
    }
}

void readings_acked(const struct half *x)
{
    struct side *s = x->s;
    if (s->past != NULL && s->acked >= past_end(s->past)) {
        past_free(x->t, s);
    }
}

uint64_t readings_deadline(const struct side *s)
{
    const struct doubt *d = side_extra(s)->doubt;
    bool waiting = d != NULL && d->reading.len > 0;
    return waiting ? d->since_us + TELL_AFTER_US : UINT64_MAX;
}

void readings_end(const struct half *x)
{
    readings_flush(x);
    struct doubt *d = side_extra(x->s)->doubt;
    while (d != NULL && !list_is_empty(&d->others)) {
        struct other *o = other_of(list_first(&d->others));
        tell(x, span_of(o->bytes, o->len));
        free_other(x->t, d, o);
    }
}

void readings_free(struct flow_table *t, struct side *s)
{
    past_free(t, s);
    struct doubt *d = side_extra(s)->doubt;
    if (d == NULL) {
        return;
    }
    while (!list_is_empty(&d->others)) {
        free_other(t, d, other_of(list_first(&d->others)));
    }
    sbuf_free(&d->reading);
    flow_unreserve(t, d->reading_room + sizeof(*d) + MEM_OVERHEAD);
    mem_free(d);
    s->extra->doubt = NULL;
    side_tidy(t, s);
}
