#pragma once

#include "sensor/base/bytes.h"
#include "sensor/base/span.h"
#include "sensor/base/wire.h"
#include "sensor/core/packet.h"

/* Builds packets for tests, front to back. A header whose length or checksum depends on what
 * follows is begun, and ended when that stands. */
struct frame {
    uint8_t bytes[80000];
    size_t len;
};

UNUSED static void put(struct frame *f, struct span s)
{
    CHECK(s.len <= sizeof(f->bytes) - f->len);
    bytes_copy(f->bytes + f->len, s.data, s.len);
    f->len += s.len;
}

UNUSED static void put8(struct frame *f, unsigned value)
{
    uint8_t c = (uint8_t)value;
    put(f, span_of(&c, 1));
}

UNUSED static void put16(struct frame *f, unsigned value)
{
    put8(f, value >> 8);
    put8(f, value);
}

UNUSED static void put32(struct frame *f, uint32_t value)
{
    put16(f, value >> 16);
    put16(f, value & 0xffff);
}

UNUSED static void set16(struct frame *f, size_t off, unsigned value)
{
    f->bytes[off] = (uint8_t)(value >> 8);
    f->bytes[off + 1] = (uint8_t)value;
}

UNUSED static struct span frame_span(const struct frame *f)
{
    return span_of(f->bytes, f->len);
}

UNUSED static struct span frame_from(const struct frame *f, size_t off)
{
    return span_from(frame_span(f), off);
}

UNUSED static void put_ether(struct frame *f, unsigned type)
{
    put(f, SPAN("\x02\0\0\0\0\x01\x02\0\0\0\0\x02"));
    put16(f, type);
}

/* 192.0.2.1 to 198.51.100.2. Returns its place for end_ipv4(). */
UNUSED static size_t begin_ipv4(struct frame *f, unsigned proto)
{
    size_t at = f->len;
    put(f, SPAN("\x45\0\0\0\0\x07\0\0\x40"));
    put8(f, proto);
    put16(f, 0);
    put(f, SPAN("\xc0\0\x02\x01\xc6\x33\x64\x02"));
    return at;
}

/* id 7; off in bytes. */
UNUSED static void set_fragment(struct frame *f, size_t at, size_t off, bool more)
{
    set16(f, at + 6, (unsigned)(off / 8) | (more ? 0x2000 : 0));
}

UNUSED static void end_ipv4(struct frame *f, size_t at)
{
    size_t header = (size_t)(f->bytes[at] & 0x0f) * 4;
    set16(f, at + 2, (unsigned)(f->len - at));
    set16(f, at + 10, 0);
    set16(f, at + 10, ~wire_sum(span_of(f->bytes + at, header), 0) & 0xffff);
}

/* 2001:db8::1 to 2001:db8::2. */
UNUSED static size_t begin_ipv6(struct frame *f, unsigned next)
{
    size_t at = f->len;
    put32(f, 0x60000000);
    put16(f, 0);
    put8(f, next);
    put8(f, 64);
    put(f, SPAN("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"));
    put(f, SPAN("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"));
    return at;
}

UNUSED static void end_ipv6(struct frame *f, size_t at)
{
    set16(f, at + 4, (unsigned)(f->len - at - 40));
}

/* Port 40000 to 80, seq 1000, ack 2000, PSH and ACK; checksum 0. */
UNUSED static size_t put_tcp(struct frame *f)
{
    size_t at = f->len;
    put16(f, 40000);
    put16(f, 80);
    put32(f, 1000);
    put32(f, 2000);
    put16(f, 0x5018);
    put16(f, 512);
    put32(f, 0);
    return at;
}

/* Port 5000 to 53; checksum 0. */
UNUSED static size_t begin_udp(struct frame *f)
{
    size_t at = f->len;
    put16(f, 5000);
    put16(f, 53);
    put32(f, 0);
    return at;
}

UNUSED static void end_udp(struct frame *f, size_t at)
{
    set16(f, at + 4, (unsigned)(f->len - at));
}

/* Sets the checksum of the TCP or UDP header at `at`, its IP header at `ip`. */
UNUSED static void set_checksum(struct frame *f, size_t ip, size_t at)
{
    bool v4 = f->bytes[ip] >> 4 == 4;
    uint8_t proto = f->bytes[ip + (v4 ? 9 : 6)];
    size_t place = at + (proto == IP_PROTO_TCP ? 16 : 6);
    uint32_t sum = v4 ? wire_sum(span_of(f->bytes + ip + 12, 8), 0)
                      : wire_sum(span_of(f->bytes + ip + 8, 32), 0);
    set16(f, place, 0);
    sum = wire_sum(frame_from(f, at), sum + proto + (uint32_t)(f->len - at));
    set16(f, place, ~sum & 0xffff);
}

/* As captured whole, from Ethernet. */
UNUSED static struct packet frame_packet(const struct frame *f)
{
    return (struct packet){
        .data = frame_span(f),
        .wire_len = (uint32_t)f->len,
        .link_type = 1,
        .number = 1,
        .time_us = 1000000,
        .clock_us = 1000000,
    };
}
