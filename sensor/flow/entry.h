#pragma once

#include "sensor/base/list.h"
#include "sensor/flow/flow.h"
#include "sensor/flow/index.h"
#include "sensor/flow/wheel.h"

/* What the files of this folder share: one flow, and the table it lies in. */

struct appid;
struct doubt;
struct hold;
struct lead;
struct ndpi_flow_struct;
struct past;

enum side_flag {
    SIDE_KNOWN = 1 << 0,   /* `next` is known */
    SIDE_OPENED = 1 << 1,  /* from its SYN, or from the SYN-ACK to it */
    SIDE_DATA = 1 << 2,    /* payload was seen */
    SIDE_ACKED = 1 << 3,   /* the peer's ACKs are seen: `acked` counts */
    SIDE_FIN = 1 << 4,     /* `fin` is known */
    SIDE_ENDED = 1 << 5,   /* end() was told */
    SIDE_STRAY = 1 << 8,   /* data far from the stream were seen, that end at `reuse` */
    SIDE_AWAITED = 1 << 9, /* none of it was seen; `acked` is what the other one acknowledged */
    SIDE_WATCHED = 1 << 7, /* it sent bytes twice and not alike, or such as cannot be compared */
    SIDE_REUSE = 1 << 6,   /* a SYN with another number was seen: `reuse` */
};

/* What only some sides have: those of which something is missing, or came twice. Made with the
 * first of it, and gone with the last: hundreds of thousands have none. */
struct side_extra {
    struct hold *hold;   /* segments behind a hole */
    struct lead *lead;   /* what its peer has acknowledged before it came by */
    struct doubt *doubt; /* the other reading, where there was reason for one */
};

/* One sender of a TCP flow. Positions are sequence numbers without wrap-around: their low 32 bits
 * are those on the wire. */
struct side {
    uint64_t next;            /* first position not yet delivered */
    uint64_t acked;           /* first position the peer has not acknowledged */
    uint64_t edge;            /* beyond it nothing can be in its peer\'s window; 0: not known */
    struct past *past;        /* copy of what was delivered and not acknowledged */
    struct side_extra *extra; /* NULL: none of it, see side_extra() */
    uint32_t fin;             /* sequence number of its FIN, which is never far from `next` */
    uint32_t isn; /* sequence number of its SYN; without one: of what would stand before its data */
    uint32_t reuse;  /* last sequence number of what may replace this flow: a SYN, or stray data */
    uint32_t said;   /* bytes it sent since its peer did */
    uint16_t flags;  /* enum side_flag */
    uint8_t scale;   /* of its windows, plus 1; 0: not known */
    uint8_t n_right; /* packets with right checksums, and with wrong ones; capped */
    uint8_t n_wrong;
};

_Static_assert(sizeof(struct side) <= 64, "a side takes one line of the cache");

/* Sides do not move when client and server change places: side 0 sends to the server unless
 * `flipped`. What every packet touches stands first. */
struct flow {
    uint64_t hash;
    struct flow *chain;   /* next in its bucket */
    struct list timer;    /* in the wheel */
    uint64_t deadline_us; /* when it is to be looked at */
    uint64_t touched_us;  /* clock of its latest packet */
    uint32_t slot;        /* where in the wheel: the low bits of its number */
    int32_t heap;         /* bytes that its packets took: its streams and all that its user keeps;
                             capped */
    bool put_off;         /* its deadline changed since it got its place in the wheel */
    bool flipped;
    bool mute;           /* the user had no memory for it */
    bool reopened;       /* its SYN was seen, in the flow that had its ports before */
    bool ended;          /* `reason` is known */
    bool named;          /* nDPI need not be asked any more */
    uint8_t n_asked;     /* packets it was asked with */
    uint8_t reason;      /* enum close_reason */
    uint16_t drops_told; /* bit set of enum drop_reason */
    uint32_t generation; /* counts flows that began at the same time on the same ports */
    uint32_t network[2]; /* by side: key_network() of its first packet */
    struct side sides[2];
    struct conn conn;
    struct list rank;               /* in `embryonic` or `closed` of the table */
    struct ndpi_flow_struct *appid; /* its state, while it is asked */
};

_Static_assert(sizeof(struct flow) <= 440, "there may be hundreds of thousands of flows");
_Static_assert(DROP_N <= 16, "flow.drops_told has 16 bits");

enum { UPSTREAM_IFACES = 64 };

/* What was lost before it came to an interface. */
struct upstream {
    _Atomic(const char *) iface; /* NULL: free */
    _Atomic uint64_t bytes;
};

enum { GUARD_REMEMBERS = 4096, PAST_SIZES = 3 };

/* A blocked flow that went. */
struct blocked {
    uint64_t hash;
    uint64_t until_us;
};

struct flow_table {
    struct flow_limits limits;
    struct stream_user user;
    struct stats *stats;
    struct hash_row key;
    struct appid *appid; /* NULL: nDPI is not asked */
    struct flow_index index;
    struct wheel wheel;
    struct list embryonic; /* CONN_NEW, oldest first */
    struct list closed;    /* CONN_CLOSED, oldest first */
    struct flow *current;  /* the flow of the packet at hand: not to be evicted */
    struct flow *latest;   /* the flow of the packet before, while it lives */
    int64_t freed;         /* heap that flows took along that ended during the packet at hand */
    size_t memory;
    struct blocked *blocked;  /* GUARD_REMEMBERS of them; NULL: no packet waits for a verdict */
    enum drop_reason refused; /* why the packet at hand should not go on */
    uint64_t clock_us;
    uint64_t random;                      /* of skip lists */
    struct past *spare_pasts[PAST_SIZES]; /* to be used again, by size */
    unsigned n_spare_pasts[PAST_SIZES];
    struct upstream upstream[UPSTREAM_IFACES];
};

/* The side that sends in a direction; as well the direction that a side sends in. */
static inline unsigned flow_turned(const struct flow *f, unsigned n)
{
    return n ^ (f->flipped ? 1U : 0U);
}

/* What only some sides have, to be read: all NULL where this one has none of it. */
static inline const struct side_extra *side_extra(const struct side *s)
{
    static const struct side_extra none;
    return s->extra != NULL ? s->extra : &none;
}

/* side.c: the same to be written, made if need be; NULL when there is no memory. Counted, but ends
 * no flow for it: what is put there is larger, and asks first or next. */
struct side_extra *side_extend(struct flow_table *t, struct side *s);
/* Frees it when nothing is left in it. */
void side_tidy(struct flow_table *t, struct side *s);
/* find.c: the flow of a packet and which way that goes; NULL: it begins one. */
struct flow *flow_find(const struct flow_table *t, const struct headers *h,
                       enum direction *ret_dir);
/* Whether one more flow may begin on the addresses and ports of f. Where there are too many but one
 * of them has ended that is to go for it; else *ret_ended is NULL. */
bool flow_find_room(const struct flow_table *t, const struct flow *f, uint64_t start_us,
                    unsigned *ret_generation, struct flow **ret_ended);
/* Changes the state and the list that goes with it. */
void flow_set_state(struct flow_table *t, struct flow *f, enum conn_state state);
/* Takes `n_bytes` from the memory limit, after ending flows that have nothing to lose; false when
 * that was not enough. flow_unreserve() gives them back. */
bool flow_reserve(struct flow_table *t, size_t n_bytes);
/* As many zeroed bytes, taken so; NULL when there are none. The caller's: mem_free(), and
 * flow_unreserve(). */
void *flow_alloc(struct flow_table *t, size_t n_bytes);
/* The same for what one can do without: ends no flow, and leaves two thirds of the
 * memory to others. */
bool flow_reserve_spare(struct flow_table *t, size_t n_bytes);
bool flow_has_spare(const struct flow_table *t, size_t n_bytes);
void flow_unreserve(struct flow_table *t, size_t n_bytes);

/* Keeps what the flow came through, for its events; without memory they do not tell it. */
void flow_keep_tunnel(struct flow_table *t, struct flow *f, const struct tunnel *tunnel);
void flow_free_tunnel(struct flow_table *t, struct flow *f);
/* Accounts for payload that will not be inspected, and tells the user of a hole when `told`. */
void flow_lose(struct flow_table *t, struct flow *f, enum direction dir, uint64_t n_bytes,
               enum lost reason);
/* Payload in order, to the user. */
void flow_give(struct flow_table *t, struct flow *f, enum direction dir, struct span bytes);
void flow_anomaly(struct flow_table *t, struct flow *f, enum direction dir, enum anomaly anomaly);
