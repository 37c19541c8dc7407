#pragma once

#include "sensor/base/span.h"
#include "sensor/core/addr.h"
#include "sensor/core/verdict.h"

/* One captured packet. Made by a source in a batch and owned by it until release(); no pointer into
 * it survives that. */
struct packet {
    struct span data;  /* what was captured */
    uint32_t wire_len; /* bytes on the wire; more than data.len when the snap length cut it */
    int link_type;     /* LINKTYPE_/DLT_ number of libpcap */
    uint32_t iface;    /* index of the interface in its source */
    const char *tls;   /* its payload was encrypted by this ("TLS 1.3"; static); NULL: it was not */
    uint64_t number;   /* 1-based, over the whole input */
    uint64_t time_us;  /* as stamped; may go backwards */
    uint64_t clock_us; /* the input's clock (packet_clock.h), set in one place by the source: drives
                          timeouts and the order of events */
};

enum { PACKET_BATCH = 64 };

struct packet_batch {
    struct packet packets[PACKET_BATCH];
    enum verdict verdicts[PACKET_BATCH];
    size_t n;
    void *holds[PACKET_BATCH]; /* what the source keeps for it until release() */
    size_t n_holds;
};

enum { HEADERS_MAX_VLANS = 4 };

enum tcp_flag {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80,
};

/* IP protocol numbers (IANA). */
enum ip_proto {
    IP_PROTO_ICMP = 1,
    IP_PROTO_TCP = 6,
    IP_PROTO_UDP = 17,
    IP_PROTO_ICMPV6 = 58,
    IP_PROTO_SCTP = 132,
};

/* The outermost IP header of a packet that has others inside. */
struct tunnel {
    struct addr src;
    struct addr dst;
    uint8_t proto;
    bool has_ports;
    uint16_t src_port;
    uint16_t dst_port;
    const char *kind; /* of what follows it, in EVE's words for pkt_src: "gre tunnel" …; static */
    uint8_t depth;    /* IP headers around the innermost one */
};

/* What the checksums of a packet say, as far as they were looked at. */
enum sums {
    SUMS_UNKNOWN, /* not verified, not whole, or the sender's mean nothing */
    SUMS_RIGHT,
    SUMS_WRONG, /* and nothing is known of the sender: its flow must judge (flow.h) */
};

/* What packet/decode found in a packet: the innermost IP header and its transport. Spans lie in the
 * packet, or in the reassembled datagram, and die with the next packet. */
struct headers {
    struct addr src;
    struct addr dst;
    uint8_t proto; /* enum ip_proto, or another number */
    bool has_ports;
    uint16_t src_port;
    uint16_t dst_port;
    struct span ip;      /* the innermost IP packet, header included, without link-layer padding */
    struct span payload; /* of TCP, UDP or the IP protocol; ends where the captured bytes end */
    uint32_t missing;    /* payload bytes that were on the wire but not captured (snap length) */
    uint32_t tcp_seq;
    uint32_t tcp_ack;
    uint16_t tcp_window;
    uint16_t tcp_urgent; /* the urgent pointer, of a segment with URG */
    uint8_t tcp_flags;
    uint8_t tcp_scale; /* of a SYN: its window scale plus 1 (1: none); 0: no SYN, or not captured */
    enum sums sums;
    bool reassembled; /* from IP fragments */
    uint8_t n_vlans;
    uint16_t vlans[HEADERS_MAX_VLANS]; /* outermost first, 12-bit ids */
    uint8_t tunnel_depth;              /* as in the tunnel; 0 without any */
    uint32_t network; /* made of the numbers of the networks that tunnels name (VNI, GRE key),
                         outermost first; 0 without any */
    const struct tunnel *tunnel; /* NULL without any; dies with the next packet */
    uint8_t src_mac[6];
    uint8_t dst_mac[6];
    uint64_t flow_hash; /* set by the flow table where it was asked ahead; else 0 */
};
