#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which end of a connection sends. */
enum side { CLIENT, SERVER };

enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_PSH = 0x08, TCP_ACK = 0x10 };

/* A capture being written: classic pcap, microseconds, Ethernet. */
struct wire {
    int fd;
    uint8_t *buffer;
    size_t len;
    uint64_t time_us;
    uint64_t n_packets;
    uint64_t n_bytes; /* of the file */
};

/* What the headers of a connection's packets are made from. */
struct link {
    uint8_t ip[2][16]; /* the first four bytes when not v6 */
    uint16_t port[2];
    uint32_t seq[2]; /* what each side sends next */
    uint16_t ip_id[2];
    uint16_t vlan; /* 0: none */
    uint16_t mss;
    bool v6;
    bool timestamps; /* the TCP option */
};

struct segment {
    enum side side;
    uint8_t flags;
    const uint8_t *data;
    size_t len;
};

/* Opens the file and writes its header. Ends the program with a message when that fails, as does
 * every later write. */
void wire_open(struct wire *w, const char *path);
/* Writes one segment with right checksums and counts the sender's sequence on. */
void wire_tcp(struct wire *w, struct link *l, const struct segment *s);
/* Writes one datagram. */
void wire_udp(struct wire *w, struct link *l, const struct segment *s);
void wire_close(struct wire *w);
