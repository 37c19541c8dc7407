#pragma once

#include "sensor/core/addr.h"
#include "sensor/core/anomaly.h"
#include "sensor/core/decoy.h"
#include "sensor/core/direction.h"
#include "sensor/core/packet.h"

/* What a reader of events must know about how complete a flow was seen. */
enum conn_mark {
    CONN_MIDSTREAM = 1 << 0, /* its start was not seen */
    CONN_ONE_SIDED = 1 << 1, /* only one direction was seen (told at its end) */
    CONN_GAP = 1 << 2,       /* segments are missing */
    CONN_TRUNCATED = 1 << 3, /* a value was longer than a cap */
    CONN_CUT_BY_CAP = 1 << 4,
    CONN_STARTTLS = 1 << 5,
    CONN_SNAPLEN = 1 << 6,
    CONN_MEMORY = 1 << 7, /* something of it was given up because memory was short */
};

enum conn_state { CONN_NEW, CONN_ESTABLISHED, CONN_CLOSED };

/* Why a flow ended. */
enum close_reason {
    CLOSE_FIN,
    CLOSE_RST,
    CLOSE_TIMEOUT,
    CLOSE_EVICTED,     /* memory was short */
    CLOSE_END_OF_INPUT /* end of file, or shutdown */
};

enum { CONN_FLOWBITS_MAX = 32, CONN_NUMBERS_MAX = 6 };

/* A number that rules keep for a flow. */
struct conn_number {
    uint32_t name; /* hash */
    uint32_t value;
};

/* What only some flows have. Made with the first of it: hundreds of thousands have none. */
struct conn_extra {
    struct addr told_client; /* by a proxy in front of the flow (PROXY protocol); family 0: none */
    struct addr xclient;     /* by a mail relay in the flow (XCLIENT); family 0: none */
    uint8_t n_flowbits;
    uint32_t flowbits[CONN_FLOWBITS_MAX]; /* hashes of the names of those that rules have set */
    uint8_t n_numbers;
    struct conn_number numbers[CONN_NUMBERS_MAX];
    uint64_t gap_bytes[2];
    uint64_t lost[LOST_N];     /* payload bytes not inspected, by reason */
    uint64_t blocked_number;   /* of the packet that was held back first; 0: none */
    const struct decoy *decoy; /* what it touched that is there for that alone; NULL: none */
    const char *ndpi_proto;    /* nDPI's names, where it was asked; static */
    const char *ndpi_category;
    const char *tls; /* what was decrypted before it came here was of this version; static */
    uint64_t tls_us; /* packet time since when */
};

/* One flow, whoever feeds it: the flow table (which embeds it), the honeypot's listener, a test.
 * Client and server are decided by who opened; mid-stream by the contents or the lower port.
 * Indexes of two are enum direction: addr[TO_SERVER] is the client's side, the one that sends to
 * the server. The order is that of alignment: there are many of them. */
struct conn {
    uint64_t id; /* flow_id of events: 51 bits, from the addresses and the first packet's time; the
                    same in every run */
    struct addr addr[2];
    uint16_t port[2];
    uint16_t vlans[HEADERS_MAX_VLANS];
    uint8_t proto; /* enum ip_proto */
    uint8_t n_vlans;
    /* What changes with each packet lies together. */
    uint64_t number;   /* of its latest packet */
    uint64_t last_us;  /* packet time of the latest packet */
    uint64_t clock_us; /* clock at its latest packet */
    uint64_t packets[2];
    uint64_t bytes[2];     /* IP bytes on the wire */
    uint8_t tcp_flags[2];  /* all seen, or-ed */
    uint8_t state;         /* enum conn_state */
    uint8_t opaque_reason; /* enum lost */
    uint8_t verdict;   /* enum verdict; raised by findings that are to be blocked; inline alone */
    bool claimed;      /* a decoder reads it: nDPI need not be asked */
    bool opaque;       /* nothing in it can be inspected any more (TLS): the stream need not be put
                          together, and its payload counts as lost for opaque_reason */
    bool swapped;      /* first packet went to the client (mid-stream) */
    bool selftest;     /* a probe of our own: what is found in it is no attack */
    bool has_evidence; /* its packets go to a capture file */
    bool passed;       /* a pass rule matched: nothing more is told of it */
    unsigned marks;    /* enum conn_mark */
    uint32_t n_tx;     /* transactions begun */
    uint32_t n_alerts; /* alerts written */
    uint32_t n_events; /* events so far: next event_key.seq */
    uint32_t piece_bytes;  /* of the segment or datagram at hand */
    const char *iface;     /* owned by the source; outlives the flow */
    struct tunnel *tunnel; /* of the first packet, src being the client's side; NULL: none. Owned by
                              who feeds the conn */
    uint64_t start_us;     /* packet time of the first packet */
    uint64_t stream_bytes[2]; /* of payload so far, holes in it included */
    const char *app_proto;    /* decoder's name; NULL while unknown */
    void *app;                /* the stream user's own state (pipeline) */
    struct conn_extra *extra; /* NULL: none of it. The conn's own, see conn_release() */
};

/* What only some flows have, to be read: all zero where this one does not. */
const struct conn_extra *conn_extra(const struct conn *conn);
/* The same to be written, made if need be; NULL without memory. */
struct conn_extra *conn_extend(struct conn *conn);
/* Frees it. */
void conn_release(struct conn *conn);
/* Counts bytes that were not inspected; for want of memory: marks the flow, too. Without memory for
 * the count itself that mark is all there is. */
void conn_lose(struct conn *conn, enum lost reason, uint64_t n_bytes);
/* All bytes that were not inspected, whatever the reason. */
uint64_t conn_lost_bytes(const struct conn *conn);
