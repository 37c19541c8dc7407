#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/flow/flow.h"

/* A flow table without packets: segments are made from their numbers, and everything the table
 * says is written down. */
struct lab {
    struct flow_table *table;
    struct stats stats;
    struct flow_limits limits;
    struct hash_key key;
    struct sbuf log;      /* `open >"abc" <"xyz" >gap3:gap >alt"abd" >end close:fin ` */
    uint64_t clock_us;    /* of the next packet */
    uint64_t number;      /* of the latest packet */
    bool quiet;           /* nothing goes to the log */
    bool refuse;          /* open() says there is no memory */
    bool swap_at_data;    /* data() swaps the flow */
    bool blind;           /* data() finds the flow opaque */
    struct ruling ruling; /* of the latest packet */
    struct conn last;     /* the conn as it was closed */
    struct conn *conn;    /* the latest opened */
    size_t n_open;        /* flows opened and not closed */
    size_t n_closed[CLOSE_END_OF_INPUT + 1];
    uint64_t delivered[2]; /* bytes, over all flows */
    uint64_t gaps[2];
    uint64_t n_outside;     /* segments found outside the window */
    uint64_t last_close_us; /* event clock of the latest close */
    uint64_t last_close_id;
    bool disordered; /* a close came before an earlier one in time, or in id */
    void (*on_data)(struct lab *lab, enum direction dir, struct span bytes); /* may be NULL */
    void (*on_gap)(struct lab *lab, enum direction dir, uint64_t n_bytes);
    void (*on_alternate)(struct lab *lab, enum direction dir, struct span bytes);
    void (*on_close)(struct lab *lab);
    void *user;
    /* in data(): how the log goes on */
    bool joining;
    enum direction joined;
};

/* NULL takes the default limits, without nDPI. */
void lab_start(struct lab *lab, const struct flow_limits *limits);
/* Finishes the table, and frees everything. */
void lab_stop(struct lab *lab);
/* Makes the table finish; the log stays. */
void lab_finish(struct lab *lab);
/* The log so far, as text. */
const char *lab_log(struct lab *lab);

/* What one packet is. Client 192.0.2.1:40000 + flow, server 198.51.100.1:80. */
struct shot {
    unsigned flow;
    enum direction dir;
    uint32_t seq;
    uint32_t ack;
    uint8_t flags;
    const char *text;  /* payload, or NULL */
    struct span bytes; /* payload when there is no text */
    uint32_t missing;
    uint16_t window;
    uint8_t scale;
    uint16_t urgent;
};
void lab_shoot(struct lab *lab, const struct shot *shot);
/* The headers of a shot, for those who fill in the rest themselves. */
struct headers lab_headers(const struct shot *shot);
void lab_packet(struct lab *lab, const struct headers *h);

/* SYN, SYN-ACK, ACK: the client's first byte is 101, the server's 501. */
void lab_open(struct lab *lab, unsigned flow);
/* A segment with data, in either direction; acks nothing new. */
void lab_to_server(struct lab *lab, uint32_t seq, const char *text);
void lab_to_client(struct lab *lab, uint32_t seq, const char *text);
/* The server's ACK. */
void lab_server_acks(struct lab *lab, uint32_t ack);
void lab_client_acks(struct lab *lab, uint32_t ack);
void lab_wait(struct lab *lab, uint64_t us);

/* Pseudo-random numbers of a test: xorshift64*; the seed is printed, and taken from
 * JNDIWATCH_SEED when that is set. */
uint64_t lab_seed(void);
uint64_t lab_random(uint64_t *state);
uint64_t lab_below(uint64_t *state, uint64_t n);
