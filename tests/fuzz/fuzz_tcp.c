/* fuzz_tcp: segments in any order, cut, repeated, forged, with any acknowledgements and clocks.
 *
 * The first byte chooses. A stream whose every byte tells its position, or its complement where a
 * segment is forged: what comes out must stand where it stood, data and gaps must follow each other
 * without a step, no gap may be told over bytes that had been seen, and without forgeries nothing
 * may be found to differ. Or segments with arbitrary flags and numbers in a few flows: then only
 * what holds always is asked for: every flow that opens closes once, in the order of the clocks,
 * and all memory comes back. Allocations fail where the input says so. */
#include "sensor/base/check.h"
#include "sensor/base/cursor.h"
#include "sensor/base/mem.h"
#include "tests/flow/lab.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAM_MAX = 1 << 14, SEGMENT_MAX = 4096 };

static const uint32_t isn = 0xfffff000;

struct model {
    bool seen[2][STREAM_MAX];
    uint64_t pos[2];   /* delivered or told lost */
    bool started[2];   /* `first` is certain */
    bool skewed;       /* the first bytes of a stream without a SYN may wait: it is not known which
                          these are, and it is not checked */
    bool opened[2];    /* by a SYN */
    uint64_t first[2]; /* where the stream starts */
    uint64_t fin[2];   /* 1 + the first position at which a FIN was claimed; 0: none */
    bool forged;       /* some segments were */
    bool urgent;       /* some bytes were */
};

static uint8_t true_byte(uint64_t pos)
{
    return (uint8_t)(pos * 131 + (pos >> 7) * 57 + (pos >> 13) + 3);
}

static uint8_t forged_byte(uint64_t pos)
{
    return (uint8_t)(0xff - true_byte(pos));
}

static bool is_of_stream(uint8_t byte, uint64_t pos)
{
    return byte == true_byte(pos) || byte == forged_byte(pos);
}

static bool is_certain(const struct model *m, enum direction dir)
{
    return !m->skewed || m->opened[dir];
}

static void check_data(struct lab *lab, enum direction dir, struct span bytes)
{
    struct model *m = lab->user;
    if (!is_certain(m, dir)) {
        return;
    }
    if (!m->started[dir]) {
        m->started[dir] = true;
        m->pos[dir] = m->first[dir];
    }
    for (size_t i = 0; i < bytes.len; i++) {
        uint64_t pos = m->pos[dir] + i;
        CHECK(m->forged ? is_of_stream(span_at(bytes, i), pos)
                        : span_at(bytes, i) == true_byte(pos));
    }
    m->pos[dir] += bytes.len;
}

static void check_gap(struct lab *lab, enum direction dir, uint64_t n_bytes)
{
    struct model *m = lab->user;
    if (!is_certain(m, dir)) {
        return;
    }
    CHECK(m->started[dir]);
    for (uint64_t i = 0; i < n_bytes; i++) {
        CHECK(m->pos[dir] + i >= STREAM_MAX || !m->seen[dir][m->pos[dir] + i]);
    }
    m->pos[dir] += n_bytes;
}

/* What follows is another flow. */
static void forget(struct lab *lab)
{
    struct model *m = lab->user;
    *m = (struct model){.forged = m->forged, .urgent = m->urgent, .skewed = m->skewed};
}

/* Another reading is a piece of the stream, wherever it lies, unless bytes are left out of it. */
static void check_alternate(struct lab *lab, enum direction dir, struct span bytes)
{
    struct model *m = lab->user;
    (void)dir;
    for (uint64_t from = 0; !m->urgent && from < STREAM_MAX; from++) {
        size_t n = 0;
        while (n < bytes.len && (m->forged ? is_of_stream(span_at(bytes, n), from + n)
                                           : span_at(bytes, n) == true_byte(from + n))) {
            n++;
        }
        if (n == bytes.len) {
            return;
        }
    }
    CHECK(m->urgent || bytes.len == 0);
}

/* What may stand behind a FIN need not be taken. */
static void note_fin(struct model *m, const struct shot *shot, uint64_t end)
{
    uint64_t *fin = &m->fin[shot->dir];
    if ((shot->flags & TCP_FIN) != 0 && (*fin == 0 || end + 1 < *fin)) {
        *fin = end + 1;
    }
}

static void note_seen(struct model *m, const struct shot *shot, uint64_t pos)
{
    uint64_t fin = m->fin[shot->dir];
    for (size_t i = 0; i < shot->bytes.len && pos + i < STREAM_MAX; i++) {
        if (fin != 0 && pos + i + 1 >= fin) {
            return;
        }
        m->seen[shot->dir][pos + i] = true;
    }
}

/* Another reading of fragments: forged bytes in place of the segment's. */
static void shoot_alternate(struct lab *lab, const struct shot *shot, uint64_t pos)
{
    struct model *m = lab->user;
    uint8_t bytes[SEGMENT_MAX];
    for (size_t i = 0; i < shot->bytes.len; i++) {
        bytes[i] = forged_byte(pos + i);
    }
    struct packet p = {.number = lab->number, .time_us = lab->clock_us, .clock_us = lab->clock_us};
    struct headers h = lab_headers(shot);
    h.payload = span_of(bytes, shot->bytes.len);
    if (m->started[shot->dir]) {
        m->forged = true;
        flow_table_alternate(lab->table, &p, &h, "lab0", &lab->ruling);
    }
}

/* One segment of the stream: what it holds, and what it claims. */
static void shoot_stream(struct lab *lab, struct cursor *c)
{
    struct model *m = lab->user;
    uint8_t bytes[SEGMENT_MAX];
    uint8_t what = cursor_u8(c);
    uint8_t more = cursor_u8(c);
    uint64_t pos = cursor_be16(c) % (STREAM_MAX - SEGMENT_MAX);
    uint32_t len = (what & 0x02) != 0 ? cursor_be16(c) % SEGMENT_MAX : cursor_u8(c) % 64;
    uint32_t ack = cursor_be16(c);
    bool forged = (more & 0x0f) == 1;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = forged ? forged_byte(pos + i) : true_byte(pos + i);
    }
    struct shot shot = {
        .dir = (enum direction)(what & 1),
        .seq = isn + 1 + (uint32_t)pos,
        .ack = isn + 1 + ack,
        .bytes = span_of(bytes, len),
        .missing = (more & 0xf0) == 0x10 ? len : 0,
    };
    shot.flags |= (what & 0x04) != 0 ? TCP_ACK : 0;
    shot.flags |= (what & 0x38) == 0x08 ? TCP_FIN : 0;
    shot.flags |= (what & 0xf8) == 0x10 ? TCP_RST : 0;
    bool urgent = (more & 0xf0) == 0x30;
    shot.flags |= urgent ? TCP_URG : 0;
    shot.urgent = urgent ? more & 0x0f : 0;
    m->urgent = m->urgent || urgent;
    m->forged = m->forged || forged;
    lab_wait(lab, 0);
    if (!m->started[shot.dir] && len > 0) {
        m->first[shot.dir] = pos;
    }
    note_fin(m, &shot, pos + len + shot.missing);
    uint64_t n_outside = lab->n_outside;
    lab_shoot(lab, &shot);
    bool acceptable = (shot.flags & TCP_ACK) != 0 || !m->opened[shot.dir];
    bool counts = (shot.flags & TCP_RST) == 0 && acceptable && lab->n_outside == n_outside;
    if (counts && m->started[shot.dir] && pos >= m->first[shot.dir]) {
        note_seen(m, &shot, pos);
    }
    if ((more & 0xf0) == 0x20) {
        shoot_alternate(lab, &shot, pos);
    }
}

static void open_stream(struct lab *lab, struct model *m, bool both)
{
    lab_shoot(lab, &(struct shot){.seq = isn, .flags = TCP_SYN});
    m->started[TO_SERVER] = true;
    m->opened[TO_SERVER] = true;
    if (both) {
        lab_shoot(lab,
                  &(struct shot){
                      .dir = TO_CLIENT, .seq = isn, .ack = isn + 1, .flags = TCP_SYN | TCP_ACK});
        m->started[TO_CLIENT] = true;
        m->opened[TO_CLIENT] = true;
    }
}

static void play_stream(struct lab *lab, struct cursor *c, uint8_t mode)
{
    struct model *m = mem_alloc(sizeof(*m));
    CHECK(m != NULL);
    m->skewed = lab->limits.skew_us > 0;
    lab->user = m;
    lab->on_data = check_data;
    lab->on_gap = check_gap;
    lab->on_alternate = check_alternate;
    lab->on_close = forget;
    if ((mode & 2) != 0) {
        open_stream(lab, m, (mode & 4) != 0);
    }
    while (cursor_left(c) > 0 && lab->number < 200) {
        uint8_t kind = cursor_u8(c);
        if (kind == 0xff) {
            lab_wait(lab, (uint64_t)cursor_be16(c) * 1000);
            continue;
        }
        mem_fail_at(kind >= 0xf0 ? kind - 0xefU : 0, 0);
        shoot_stream(lab, c);
        mem_fail_at(0, 0);
    }
    lab_finish(lab);
    CHECK(m->forged || stats_get(&lab->stats, STAT_TCP_OVERLAP_DIFF_DATA) == 0);
    mem_free(m);
}

static void play_anything(struct lab *lab, struct cursor *c)
{
    while (cursor_left(c) > 0 && lab->number < 200) {
        uint8_t what = cursor_u8(c);
        struct shot shot = {
            .flow = what & 3,
            .dir = (enum direction)(what >> 2 & 1),
            .flags = cursor_u8(c),
            .seq = (what & 0x10) != 0 ? cursor_be32(c) : 1000U + cursor_u8(c),
            .ack = (what & 0x20) != 0 ? cursor_be32(c) : 1000U + cursor_u8(c),
            .scale = what >> 6,
            .window = cursor_be16(c),
        };
        lab->swap_at_data = (what & 0x08) != 0;
        lab->clock_us += (uint64_t)cursor_u8(c) << 16;
        shot.bytes = cursor_bytes(c, cursor_u8(c) % 32);
        lab_shoot(lab, &shot);
    }
    lab_finish(lab);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(span_of(data, size));
    uint8_t mode = cursor_u8(&c);
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.flows = 3;
    limits.memory = (mode & 8) != 0 ? 16384 : 1 << 20;
    limits.held = (mode & 16) != 0 ? 2048 : 1 << 17;
    limits.past = (mode & 32) != 0 ? 256 : 16384;
    limits.skew_us = (mode & 64) != 0 ? 500000 : 0;
    struct lab lab;
    lab_start(&lab, &limits);
    CHECK(lab.table != NULL);
    lab.quiet = true;
    if ((mode & 1) != 0) {
        play_stream(&lab, &c, mode);
    } else {
        play_anything(&lab, &c);
    }
    CHECK(lab.n_open == 0 && !lab.disordered);
    CHECK(flow_table_memory(lab.table) == 0);
    lab_stop(&lab);
    return 0;
}
