#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/decoy/persona.h"
#include "sensor/decoy/plan.h"

/* One conversation: what came in goes to talk_data(), what is to be answered stands in `out`. It
 * understands no more of the protocol than a plausible answer needs; finding anything in it is not
 * its business. */

enum { TALK_LINE_MAX = 512, TALK_ANSWERS_MAX = 64 * 1024 };

enum http_state { HTTP_LINE, HTTP_HEADERS, HTTP_BODY, HTTP_SIZE, HTTP_CHUNK, HTTP_TRAILERS };

/* The request at hand. */
struct http_talk {
    enum http_state state;
    uint64_t left; /* of the body, or of the chunk */
    uint64_t body; /* so far */
    bool chunked;
    bool sized; /* a length was given */
    bool keeps; /* the connection stays open */
    bool heads; /* HEAD: answered without a body */
    bool waits; /* for 100 Continue */
    uint8_t path[128];
    size_t path_len;
};

/* The mail at hand. */
struct smtp_talk {
    bool greeted;
    bool has_sender;
    bool in_data;
    unsigned n_recipients;
    unsigned mistakes;
    uint64_t body; /* whole lines so far */
};

/* The message at hand. */
enum { LDAP_HEAD_MAX = 1 + 5 + 1 + 5 + 4 + 1 }; /* two tags and lengths, number, operation */
struct ldap_talk {
    uint8_t head[LDAP_HEAD_MAX]; /* as far as its operation */
    size_t n_head;
    bool in_body;  /* the head is whole */
    uint64_t left; /* of the message behind it */
    uint32_t number;
    uint8_t operation;
};

struct talk {
    enum decoy_kind kind;
    const struct persona *persona;
    const struct decoy_limits *limits;
    bool offers_tls;             /* by STARTTLS; set by who would speak it */
    struct sbuf out;             /* who sends it drops it from the front */
    bool in_head;                /* a message has begun and its head is not complete */
    bool over;                   /* nothing more is said once `out` is sent */
    bool cut;                    /* a limit was reached */
    bool awaits_tls;             /* agreed: what comes next is no talk until it is decrypted */
    size_t head;                 /* bytes of the head at hand */
    uint8_t line[TALK_LINE_MAX]; /* its start, when it is longer */
    size_t line_len;
    struct http_talk http;
    struct smtp_talk smtp;
    struct ldap_talk ldap;
    uint64_t received;
};

/* All-zero but for kind, persona and limits, which outlive it, and offers_tls. */
void talk_open(struct talk *t);
/* `now_us` goes into dates. */
void talk_data(struct talk *t, struct span bytes, uint64_t now_us);
/* TLS has begun where it was awaited: what is given from now on was decrypted. */
void talk_in_tls(struct talk *t);
void talk_close(struct talk *t);
