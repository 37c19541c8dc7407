/* record: messages between the process that listens and the one that reads.
 *
 * A head of fixed layout, big-endian, with both ends where the kind has them, then the bytes. */
#include "sensor/decoy/record.h"

#include "sensor/base/cursor.h"

struct head {
    uint8_t *bytes;
    size_t n;
};

static void put(struct head *h, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        h->bytes[h->n++] = (uint8_t)(value >> (8 * (len - 1 - i)));
    }
}

static bool has_ends(enum record_kind kind)
{
    return kind == RECORD_OPEN || kind == RECORD_DATAGRAM;
}

static void put_end(struct head *h, const struct addr *addr, uint16_t port)
{
    for (size_t i = 0; i < sizeof(addr->bytes); i++) {
        put(h, addr->bytes[i], 1);
    }
    put(h, port, 2);
}

size_t record_write(const struct record *r, uint8_t ret_head[RECORD_HEAD_MAX])
{
    struct head h = {ret_head, 0};
    put(&h, (uint64_t)r->kind, 1);
    put(&h, (uint64_t)r->dir, 1);
    put(&h, r->listener, 2);
    put(&h, r->id, 4);
    put(&h, r->time_us, 8);
    if (has_ends(r->kind)) {
        put(&h, r->peer.family, 1);
        put_end(&h, &r->peer, r->peer_port);
        put_end(&h, &r->local, r->local_port);
    }
    return h.n;
}

static struct addr take_addr(struct cursor *c, uint8_t family)
{
    struct span all = cursor_bytes(c, 16);
    return family == 4 ? addr_v4(span_head(all, 4)) : addr_v6(all);
}

bool record_read(struct span message, struct record *ret_record)
{
    struct cursor c = cursor_of(message);
    struct record r = {.kind = RECORD_OPEN};
    uint8_t kind = cursor_u8(&c);
    uint8_t dir = cursor_u8(&c);
    uint8_t family = 4;
    r.listener = cursor_be16(&c);
    r.id = cursor_be32(&c);
    r.time_us = cursor_be64(&c);
    if (kind >= RECORD_KIND_N || dir > TO_CLIENT) {
        return false;
    }
    r.kind = (enum record_kind)kind;
    r.dir = (enum direction)dir;
    if (has_ends(r.kind)) {
        family = cursor_u8(&c);
        r.peer = take_addr(&c, family);
        r.peer_port = cursor_be16(&c);
        r.local = take_addr(&c, family);
        r.local_port = cursor_be16(&c);
    }
    r.bytes = cursor_rest(&c);
    if (cursor_bad(&c) || (family != 4 && family != 6) || r.bytes.len > RECORD_BYTES_MAX) {
        return false;
    }
    *ret_record = r;
    return true;
}
