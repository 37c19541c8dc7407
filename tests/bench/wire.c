/* wire: Ethernet, IP, TCP and UDP headers around given bytes, into a pcap file.
 *
 * Every checksum is right and every packet is later than the one before: the clock goes on by what
 * the packet takes at 1 Gbit/s, at least a microsecond. Segments must fit into one packet. */
#include "tests/bench/wire.h"

#include "sensor/base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 4 << 20,
    LARGEST_PACKET = 16 << 10,
    WINDOW = 64000,
    START_S = 1767225600, /* 2026-01-01 00:00:00 UTC */
};

static const char *file_name;

static void fail(const char *what)
{
    fprintf(stderr, "make_capture: error: cannot %s '%s': %s\n", what, file_name, strerror(errno));
    exit(1);
}

static void flush(struct wire *w)
{
    for (size_t off = 0; off < w->len;) {
        ssize_t n = write(w->fd, w->buffer + off, w->len - off);
        if (n < 0) {
            fail("write");
        }
        off += (size_t)n;
    }
    w->n_bytes += w->len;
    w->len = 0;
}

static uint8_t *put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
    return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t value)
{
    return put16(put16(p, value >> 16), value);
}

/* The pcap headers are in the machine's order, which the magic tells. */
static uint8_t *put32_native(uint8_t *p, uint32_t value)
{
    memcpy(p, &value, sizeof(value));
    return p + sizeof(value);
}

void wire_open(struct wire *w, const char *path)
{
    file_name = path;
    *w = (struct wire){.time_us = (uint64_t)START_S * 1000000};
    w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (w->fd < 0) {
        fail("create");
    }
    w->buffer = malloc(BUFFER_SIZE);
    if (w->buffer == NULL) {
        fail("hold");
    }
    uint8_t *p = put32_native(w->buffer, 0xa1b2c3d4);
    p = put32_native(p, 4U << 16 | 2);
    p = put32_native(put32_native(p, 0), 0);
    p = put32_native(put32_native(p, 262144), 1);
    w->len = (size_t)(p - w->buffer);
}

/* The sum of big-endian 16-bit words, not folded: four bytes at a time in the machine's order give
 * the same once folded and swapped. */
static uint64_t sum_words(const uint8_t *data, size_t len)
{
    uint64_t sum = 0;
    size_t i = 0;
    for (; i + 4 <= len; i += 4) {
        uint32_t word;
        memcpy(&word, data + i, 4);
        sum += word;
    }
    uint8_t rest[4] = {0};
    memcpy(rest, data + i, len - i);
    uint32_t word;
    memcpy(&word, rest, 4);
    return sum + word;
}

static void put_checksum(uint8_t *at, uint64_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    uint16_t folded = (uint16_t)~sum;
    memcpy(at, &folded, 2);
}

static uint8_t *put_ethernet(uint8_t *p, const struct link *l, enum side side)
{
    static const uint8_t mac[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
    memcpy(p, mac[!side], 6);
    memcpy(p + 6, mac[side], 6);
    p += 12;
    if (l->vlan != 0) {
        p = put16(put16(p, 0x8100), l->vlan);
    }
    return put16(p, l->v6 ? 0x86dd : 0x0800);
}

static uint8_t *put_ip(uint8_t *p, struct link *l, enum side side, uint8_t protocol, size_t len)
{
    size_t size = l->v6 ? 16 : 4;
    uint8_t *start = p;
    if (l->v6) {
        p = put16(put32(p, 0x60000000), (uint32_t)len);
        *p++ = protocol;
        *p++ = 64;
    } else {
        p = put16(put16(p, 0x4500), (uint32_t)len + 20);
        p = put16(put16(p, l->ip_id[side]++), 0x4000);
        *p++ = 64;
        *p++ = protocol;
        p = put16(p, 0);
    }
    memcpy(p, l->ip[side], size);
    memcpy(p + size, l->ip[!side], size);
    p += 2 * size;
    if (!l->v6) {
        put_checksum(start + 10, sum_words(start, 20));
    }
    return p;
}

static uint8_t *put_tcp_options(uint8_t *p, const struct wire *w, const struct link *l, bool syn)
{
    if (syn) {
        p = put32(p, 0x02040000U | l->mss);
    }
    if (l->timestamps) {
        p = put16(put16(p, 0x0101), 0x080a);
        p = put32(put32(p, (uint32_t)(w->time_us / 1000)), 0);
    }
    return p;
}

/* Fills in the checksum of a TCP or UDP header that begins at `start`, addresses just before it. */
static void finish(const struct link *l, uint8_t *start, uint8_t *end, uint8_t protocol)
{
    size_t addresses = l->v6 ? 32 : 8;
    size_t len = (size_t)(end - start);
    uint8_t tail[4];
    put16(put16(tail, protocol), (uint32_t)len);
    uint64_t sum = sum_words(start - addresses, addresses + len) + sum_words(tail, 4);
    put_checksum(start + (protocol == 6 ? 16 : 6), sum);
}

static uint8_t *begin_packet(struct wire *w, size_t len)
{
    CHECK(len <= LARGEST_PACKET - 256);
    if (w->len + LARGEST_PACKET > BUFFER_SIZE) {
        flush(w);
    }
    return w->buffer + w->len + 16;
}

static void end_packet(struct wire *w, const uint8_t *end)
{
    uint8_t *record = w->buffer + w->len;
    uint32_t len = (uint32_t)(end - record - 16);
    uint8_t *p = put32_native(record, (uint32_t)(w->time_us / 1000000));
    p = put32_native(p, (uint32_t)(w->time_us % 1000000));
    put32_native(put32_native(p, len), len);
    w->len += 16 + len;
    w->n_packets++;
    w->time_us += 1 + len / 125;
}

void wire_tcp(struct wire *w, struct link *l, const struct segment *s)
{
    bool syn = (s->flags & TCP_SYN) != 0;
    size_t options = (syn ? 4U : 0U) + (l->timestamps ? 12U : 0U);
    uint8_t *p = put_ethernet(begin_packet(w, s->len), l, s->side);
    p = put_ip(p, l, s->side, 6, 20 + options + s->len);
    uint8_t *start = p;
    p = put16(put16(p, l->port[s->side]), l->port[!s->side]);
    p = put32(p, l->seq[s->side]);
    p = put32(p, (s->flags & TCP_ACK) != 0 ? l->seq[!s->side] : 0);
    *p++ = (uint8_t)((20 + options) / 4 << 4);
    *p++ = s->flags;
    p = put32(put16(p, WINDOW), 0);
    p = put_tcp_options(p, w, l, syn);
    if (s->len > 0) {
        memcpy(p, s->data, s->len);
        p += s->len;
    }
    finish(l, start, p, 6);
    l->seq[s->side] += (uint32_t)s->len + ((s->flags & (TCP_SYN | TCP_FIN)) != 0);
    end_packet(w, p);
}

void wire_udp(struct wire *w, struct link *l, const struct segment *s)
{
    uint8_t *p = put_ethernet(begin_packet(w, s->len), l, s->side);
    p = put_ip(p, l, s->side, 17, 8 + s->len);
    uint8_t *start = p;
    p = put16(put16(p, l->port[s->side]), l->port[!s->side]);
    p = put16(put16(p, (uint32_t)s->len + 8), 0);
    memcpy(p, s->data, s->len);
    p += s->len;
    finish(l, start, p, 17);
    end_packet(w, p);
}

void wire_close(struct wire *w)
{
    flush(w);
    if (close(w->fd) != 0) {
        fail("close");
    }
    free(w->buffer);
    *w = (struct wire){.fd = -1, .n_packets = w->n_packets, .n_bytes = w->n_bytes};
}
