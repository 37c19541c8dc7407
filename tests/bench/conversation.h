#pragma once

#include "tests/bench/corpus.h"
#include "tests/bench/wire.h"

#include <stdbool.h>

/* What the capture holds in the end; written beside it. */
struct tally {
    uint64_t flows;
    uint64_t requests;
    uint64_t responses;
    uint64_t mails;
    uint64_t attacks;
    uint64_t gzip_bodies;
    uint64_t gzip_bytes;     /* as sent */
    uint64_t inflated_bytes; /* as they were */
};

/* The kinds of exchanges over HTTP, and how many of 1,000 are of each. */
enum exchange {
    GET_PAGE,
    GET_SCRIPT,
    GET_STYLE,
    GET_IMAGE,
    GET_VIDEO,
    GET_API,
    POST_API,
    POST_FORM,
    POST_FILE,
    GET_REDIRECT,
    GET_NOT_MODIFIED,
    EXCHANGE_N,
};

struct profile {
    const char *name;
    const char *doc;
    uint32_t n_open;          /* connections at a time; for each MB of size when `scaled` */
    uint32_t permille_mail;   /* of connections */
    uint32_t max_exchanges;   /* of a connection: requests or mails */
    uint32_t attacks_per_10k; /* of requests */
    uint32_t permille[EXCHANGE_N];
    uint64_t flows_per_mb;     /* 0: not the limit */
    uint64_t exchanges_per_mb; /* 0: not the limit */
    bool scaled;
    bool fixed_exchanges; /* every connection has max_exchanges, not one to as many */
    bool blunt;           /* attacks are made harmless, at the same place and length */
    bool small;           /* bodies of a few hundred bytes only */
};

struct bench {
    const struct profile *profile;
    struct corpus corpus;
    struct random random;
    struct tally tally;
};

/* What one side says before the other speaks: `head`, then `body`. */
struct message {
    enum side side;
    struct text head;
    const struct text *body; /* of the corpus, or NULL */
};

struct conversation {
    bool is_mail;
    uint32_t left; /* exchanges to begin */
    uint32_t step;
    uint32_t host;    /* number of the server's name */
    uint64_t session; /* seed of cookie and tokens */
    /* Requests sent together and not answered yet. */
    uint32_t n_waiting;
    uint32_t answered;
    enum exchange waiting[8];
    struct message message;
};

/* Fill in the next message; false when the conversation is over. */
bool http_next(struct bench *b, struct conversation *c);
bool mail_next(struct bench *b, struct conversation *c);

/* A look-up as attackers write it: disguised in Log4j's own grammar, calling a documentation
 * address or name. `blunt`: the same with letters in place of its dollars and braces, which is no
 * look-up any more. */
void attack_write(struct text *t, struct random *r, bool blunt);
/* The same with every reserved byte as %XX. */
void attack_write_percent(struct text *t, struct random *r, bool blunt);
