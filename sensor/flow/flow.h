#pragma once

#include "sensor/base/budget.h"
#include "sensor/base/hash.h"
#include "sensor/core/stats.h"
#include "sensor/core/stream.h"
#include "sensor/flow/ruling.h"

/* Caps and timeouts of one table; times in microseconds of packet time. */
struct flow_limits {
    size_t flows;  /* most flows at once */
    size_t memory; /* most bytes for flows, held segments and application ids together */
    const struct budget
        *budget;   /* what these share with others; NULL: nothing. Outlives the table */
    bool any_vlan; /* packets of a flow may have any VLANs: they tell no flows apart */
    size_t held;   /* most bytes of one direction that wait for a missing segment */
    size_t past; /* of how many bytes that a client sends at a stretch a copy is kept until they are
                    acknowledged, to see when they come again otherwise; a quarter of it of
                    servers and of one-way flows; 0: none */
    uint64_t tcp_new_us;
    uint64_t tcp_us;
    uint64_t tcp_closed_us;
    uint64_t tcp_finished_us; /* the same, where both ends said FIN and had it acknowledged */
    uint64_t udp_us;
    uint64_t other_us;
    uint64_t hole_us;       /* longest wait for a missing segment where no ACKs are seen */
    uint64_t skew_us;       /* how long bytes may come after the ACK of them; 0: they do not */
    struct guard guard;     /* inline */
    unsigned appid_packets; /* most packets nDPI is asked with; 0: it is not made at all */
    bool appid_at_once;     /* it is made with the table, not with the first flow to ask about */
};

/* All flows of one worker, and the TCP streams in them. */
struct flow_table;

/* The limits of a table of its own, for tests and tools. */
struct flow_limits flow_limits_default(void);

/* NULL when there is no memory. `user` and `stats` outlive the table; the key is copied. */
MUST_USE struct flow_table *flow_table_new(const struct flow_limits *limits,
                                           struct stream_user user, struct stats *stats,
                                           const struct hash_key *key);
/* Nulls *t; accepts NULL. Flows that are left are freed without a word: call finish first. */
void flow_table_free(struct flow_table **t);

/* Closes every flow whose deadline lies before the clock, and gives up holes that are too old, in
 * the order of their deadlines (equal ones: of their ids); conn.clock_us is then the deadline
 * itself. To be called with the clock of each packet, before it: so what becomes of a flow does not
 * depend on the other flows of the table. */
void flow_table_expire(struct flow_table *t, uint64_t clock_us);
/* Carries out all that a packet does to its flow. A packet with SUMS_WRONG does nothing to a flow
 * that had packets of this direction with SUMS_RIGHT: it is counted, and told as an anomaly.
 * *r becomes the packet's ruling, its verdict that of its flow. The conn's accounts (packets,
 * bytes, gap_bytes, lost, marks) and the stats of payload and lost bytes are kept here; the stream
 * user has only to pass data and gaps on.
 */
void flow_table_packet(struct flow_table *t, const struct packet *p, const struct headers *h,
                       const char *iface_name, struct ruling *r);
/* The other reading of the packet that was just given: IP fragments that overlap with different
 * data. Not counted again; its payload goes to the user by alternate(). *ruling, the packet's so
 * far, becomes what it is now. */
void flow_table_alternate(struct flow_table *t, const struct packet *p, const struct headers *h,
                          const char *iface_name, struct ruling *ruling);
/* Brings the memory that flow_table_packet() will need closer, and notes h->flow_hash; hints
 * without effect. For the packets of a batch ahead: first this for each, then the next one for each
 * hash, then the last. */
void flow_table_prefetch(const struct flow_table *t, struct headers *h);
void flow_table_prefetch_flow(const struct flow_table *t, uint64_t flow_hash);
/* Returns the conn, for hints alone: another may have the same hash; NULL when there is none. */
const struct conn *flow_table_prefetch_streams(const struct flow_table *t, uint64_t flow_hash);
/* End of input, clock_us being its last clock: expires, then closes all in the order of their ids,
 * with CLOSE_END_OF_INPUT where the flow had not ended by itself. */
void flow_table_finish(struct flow_table *t, uint64_t clock_us);

/* Bytes that receivers acknowledged and that never came to the interface of that name. Any thread
 * may ask. */
uint64_t flow_table_upstream_lost(const struct flow_table *t, const char *iface);
/* Closes one flow to make room: a closed one, else the oldest half-open, else the one of the latest
 * packet if it holds much of the memory, else the one that was idle for longest. false when there
 * is none. For whoever else lives of the same memory. Not to be called from within a stream call.
 */
bool flow_table_evict(struct flow_table *t);
/* Bytes in use, and flows. */
size_t flow_table_memory(const struct flow_table *t);
size_t flow_table_n(const struct flow_table *t);

/* Another most for flow_limits.memory. What is beyond it goes with the packets that follow. */
void flow_table_set_memory(struct flow_table *t, size_t memory);

/* A flow that is sought by its id, a piece of the table at a time, so that no packet waits for it.
 * All-zero but for the id is the beginning. */
struct flow_search {
    uint64_t id;
    size_t next; /* the bucket where it goes on */
    bool found;
    uint64_t packets[2]; /* of the flow, as in struct conn */
    uint64_t bytes[2];
    uint64_t start_us;
    uint64_t clock_us; /* of the table, when it was found */
};
/* Whether the search is over: found, or not there. */
bool flow_table_seek(const struct flow_table *t, struct flow_search *search);

/* Client and server change places: for flows taken up mid-stream, when the contents show that the
 * ports were misleading. Allowed at any time, also from within a stream call; later calls name the
 * new directions. `conn` must be one of a flow table. */
void flow_swap(struct conn *conn);
