#pragma once

#include "sensor/base/arena.h"
#include "sensor/base/errbuf.h"
#include "sensor/core/finding.h"
#include "signatures/buffer.h"
#include "signatures/net.h"
#include "signatures/regex.h"

/* One keyword that looks at a buffer. */
enum rule_test_kind {
    RULE_CONTENT,
    RULE_PCRE,
    RULE_ISDATAAT,
    RULE_BSIZE,
    RULE_BYTE_TEST,
    RULE_BYTE_JUMP,
    RULE_BYTE_EXTRACT, /* and byte_math */
    RULE_BASE64,       /* base64_decode, with the tests of base64_data */
};

struct rule_content {
    struct span bytes;
    bool nocase;
    bool starts;
    bool ends;
    bool has_distance;
    bool has_within;
    bool has_depth;
    bool has_offset;
    int64_t offset;   /* from the buffer's start */
    int64_t depth;    /* from offset; the match lies before it */
    int64_t distance; /* from the end of the match before */
    int64_t within;
    bool raw;        /* rawbytes stands there */
    bool fast;       /* chosen by fast_pattern, */
    bool fast_only;  /* with "only" */
    size_t fast_off; /* the part of bytes that is looked for first */
    size_t fast_len;
};

enum rule_compare {
    RULE_EQUAL,
    RULE_LESS,
    RULE_GREATER,
    RULE_LESS_EQUAL,
    RULE_GREATER_EQUAL,
    RULE_BETWEEN,
    RULE_BITS_AND,
    RULE_BITS_XOR
};

/* What byte_math does with the number read. */
enum rule_operation {
    RULE_KEEP, /* nothing: byte_extract */
    RULE_ADD,
    RULE_SUBTRACT,
    RULE_MULTIPLY,
    RULE_DIVIDE,
    RULE_SHIFT_LEFT,
    RULE_SHIFT_RIGHT
};

/* A number read from the buffer. */
struct rule_number {
    unsigned n_bytes;
    int64_t offset;
    bool little;
    unsigned base;             /* 0: binary; else text of base 8, 10 or 16 */
    bool text;                 /* the word "string" stands there */
    enum rule_compare compare; /* byte_test */
    uint64_t value;
    uint64_t high;       /* RULE_BETWEEN: value < number < high */
    uint64_t mask;       /* of the number read; of what byte_math comes to */
    uint64_t multiplier; /* byte_jump */
    int64_t post_offset;
    uint8_t align; /* rounded up to a multiple of it; 0: not */
    bool from_beginning;
    bool from_end;
    uint8_t variable;              /* byte_extract: what is kept there */
    enum rule_operation operation; /* with `value` */
};

/* What base64_decode decodes, and what its bytes are asked. */
struct rule_decode {
    uint64_t bytes; /* of the encoded text, at most */
    uint64_t offset;
    const struct rule_group *inner; /* NULL: nothing, it is enough that something was decoded */
};

struct rule_size {
    enum rule_compare compare;
    uint64_t low;
    uint64_t high; /* RULE_BETWEEN: low < size < high */
};

struct rule_pcre {
    struct regex *regex;
    struct span text; /* as written, with its flags */
};

/* Which numbers of a test may be what byte_extract read before. */
enum rule_number_of {
    RULE_OF_OFFSET, /* of a content, byte_test, byte_jump; isdataat's number */
    RULE_OF_BYTES,  /* of byte_test, byte_jump, byte_math */
    RULE_OF_DEPTH,
    RULE_OF_DISTANCE,
    RULE_OF_WITHIN,
    RULE_OF_VALUE, /* byte_test's value, byte_math's right side */
    RULE_OF_N
};

struct rule_test {
    enum rule_test_kind kind;
    bool negated;
    bool relative;                /* begins where the test before it ended */
    bool varies;                  /* has a variable below */
    uint8_t variables[RULE_OF_N]; /* which one stands for a number, from 1; 0: none */
    uint8_t variables_of;         /* a content's, while it is read: the group that has them */
    union {
        struct rule_content content;
        struct rule_pcre pcre;
        struct rule_number number;
        struct rule_decode decode;
        struct rule_size size; /* bsize; isdataat's distance is `low` */
    };
};

enum rule_transform {
    TRANSFORM_DOTPREFIX,
    TRANSFORM_TO_LOWERCASE,
    TRANSFORM_TO_UPPERCASE,
    TRANSFORM_STRIP_WHITESPACE,
    TRANSFORM_COMPRESS_WHITESPACE,
    TRANSFORM_URL_DECODE,
    TRANSFORM_FROM_BASE64,
    TRANSFORM_HEADER_LOWERCASE,
    TRANSFORM_TO_MD5, /* the sums are bytes, not digits */
    TRANSFORM_TO_SHA1,
    TRANSFORM_TO_SHA256,
    TRANSFORM_XOR,
    TRANSFORM_PCREXFORM,
    TRANSFORM_GUNZIP,
    TRANSFORM_ZLIB_DEFLATE, /* what zlib has compressed is inflated */
    TRANSFORM_NONE,         /* what it would take away is not there */
};

/* What from_base64 does with a byte that is not of the alphabet. */
enum rule_base64 {
    RULE_BASE64_RFC4648, /* what stands before it counts */
    RULE_BASE64_RFC2045, /* it is skipped */
    RULE_BASE64_STRICT,  /* nothing counts; padding must be complete */
};

struct rule_step {
    enum rule_transform how;
    enum rule_base64 mode; /* this and the next two: from_base64 */
    uint32_t offset;       /* bytes skipped */
    uint32_t bytes;      /* bytes looked at behind that; gunzip and its like: made of it at most */
    struct span key;     /* xor; not empty. The expression's text */
    struct regex *regex; /* pcrexform, with one group; owned by the step */
};

enum {
    RULE_TRANSFORMS_MAX = 4,
    RULE_GROUPS_MAX = 16,
    RULE_TESTS_MAX = 64,
    RULE_VARIABLES_MAX = 8, /* of one buffer */
    RULE_DIGITS_MAX = 23,   /* of a number that is text */
    RULE_BYTES_MAX = 8,     /* of one that is not */
    RULE_AMOUNTS_MAX = 4,
    RULE_FLOWBITS_MAX = 8,
    RULE_XBITS_MAX = 4,
    RULE_HEADERS_MAX = 8,
    RULE_FLOWINTS_MAX = 6,
    RULE_FLOWBIT_NAMES_MAX = 8,
    RULE_DECODERS_MAX = 8
};

/* Whether there must be a buffer for its group to hold. */
enum rule_presence {
    RULE_IS_THERE,
    RULE_IS_ABSENT,      /* there must be none in the transaction */
    RULE_ABSENT_OR_ELSE, /* none, or one of which the tests hold */
};

/* All tests of one buffer. They hold together in one instance of it. */
struct rule_group {
    enum buffer buffer;
    enum rule_presence presence;
    const struct rule_group *there; /* RULE_ABSENT_OR_ELSE: holds wherever the buffer is */
    uint8_t n_transforms;
    struct rule_step transforms[RULE_TRANSFORMS_MAX]; /* in order */
    struct rule_test *tests;
    size_t n_tests;
    bool has_variables;
    struct span text; /* its keywords as written: groups of equal text are the same */
};

enum rule_flow {
    RULE_TO_SERVER = 1 << 0,
    RULE_TO_CLIENT = 1 << 1,
    RULE_ESTABLISHED = 1 << 2,
    RULE_NOT_ESTABLISHED = 1 << 3,
};

/* What jndi.class tells apart: each result is exactly one of these. */
enum rule_class {
    RULE_CLASS_ATTACK = 1 << 0,
    RULE_CLASS_CONDITIONAL = 1 << 1,
    RULE_CLASS_ATTEMPT = 1 << 2,
    RULE_CLASS_OVER_BUDGET = 1 << 3, /* gave up before it was sure of an attack */
};

enum rule_reach { RULE_REACH_ANY, RULE_REACH_YES, RULE_REACH_NO };

/* Conditions on what an evaluation came to. */
struct rule_jndi {
    bool asked;                  /* the rule has any of them, or a buffer of a result */
    enum lookup_dialect dialect; /* Log4j's, unless the rule says otherwise */
    unsigned classes;            /* enum rule_class; 0: any */
    enum rule_reach reach;
    const struct span *schemes; /* none: any */
    size_t n_schemes;
    bool not_schemes;
};

/* A number of bytes that the flow must have. */
enum rule_amount_of {
    RULE_AMOUNT_PAYLOAD, /* of the segment or datagram at hand: dsize */
    RULE_AMOUNT_CLIENT,  /* of a stream so far: stream_size */
    RULE_AMOUNT_SERVER,
    RULE_AMOUNT_BOTH,
    RULE_AMOUNT_EITHER,
};

struct rule_amount {
    enum rule_amount_of of;
    bool negated;
    struct rule_size size;
};

enum rule_flowbit_op {
    RULE_FLOWBIT_SET,
    RULE_FLOWBIT_UNSET,
    RULE_FLOWBIT_TOGGLE,
    RULE_FLOWBIT_ISSET, /* any of the names */
    RULE_FLOWBIT_ISNOTSET,
};

/* Something a rule asks of the marks that rules leave in a flow, or does to them. */
struct rule_flowbit {
    enum rule_flowbit_op op;
    uint32_t names[RULE_FLOWBIT_NAMES_MAX]; /* hashes */
    uint8_t n_names;
};

enum rule_flowint_op {
    RULE_FLOWINT_SET,
    RULE_FLOWINT_ADD,
    RULE_FLOWINT_SUBTRACT, /* nothing where it is not set */
    RULE_FLOWINT_ISSET,
    RULE_FLOWINT_ISNOTSET,
    RULE_FLOWINT_IS,
};

/* Something a rule asks of the numbers that rules keep for a flow, or does to them. */
struct rule_flowint {
    enum rule_flowint_op op;
    enum rule_compare compare; /* RULE_FLOWINT_IS */
    bool negated;
    uint32_t name;  /* hash */
    uint32_t other; /* hash of the one that stands for `value`; 0: none */
    uint32_t value;
};

/* By whose address a mark is kept that outlives the flow. */
enum rule_xbit_track {
    RULE_XBIT_SRC,
    RULE_XBIT_DST,
    RULE_XBIT_PAIR, /* whichever of the two sends */
};

struct rule_xbit {
    enum rule_flowbit_op op;
    enum rule_xbit_track track;
    bool at_once;      /* what a packet does to it is seen by its other rules: hostbits */
    uint32_t name;     /* hash */
    uint32_t expire_s; /* packet time, from when it is set */
};

/* What of a packet's headers a rule asks. */
enum rule_header_of {
    RULE_HEADER_FLAGS,
    RULE_HEADER_TTL, /* of IPv6 the hop limit */
    RULE_HEADER_ID,
    RULE_HEADER_TOS,
    RULE_HEADER_SEQ,
    RULE_HEADER_ACK,
    RULE_HEADER_WINDOW,
    RULE_HEADER_FRAGBITS,
    RULE_HEADER_IPOPTS, /* an option of IPv4, or RULE_ANY_OPTION, as size.low */
    RULE_HEADER_SAME_ADDRESS,
};

enum { RULE_ANY_OPTION = 256 };

enum rule_header_how { RULE_BITS_THESE, RULE_BITS_ALL, RULE_BITS_ANY, RULE_BITS_NOT_THESE };

/* Of IPv4, as its header has them (RFC 791 §3.1). */
enum rule_fragment_bit {
    RULE_MORE_FRAGMENTS = 1,
    RULE_DO_NOT_FRAGMENT = 2,
    RULE_RESERVED = 4,
};

struct rule_header {
    enum rule_header_of of;
    bool negated;
    struct rule_size size;    /* of a number */
    enum rule_header_how how; /* this and the next two: of bits */
    uint8_t bits;
    uint8_t ignored;
};

/* Among decoders: that none reads the flow. */
#define RULE_UNREAD "failed"

struct rule_protocol {
    const char *name;
    uint8_t ip_proto;    /* 0: any */
    const char *decoder; /* NULL: any */
    uint8_t ip_version;  /* 0: any */
};

/* The protocols that are looked at, as bits. */
enum rule_transport { RULE_OVER_TCP = 1 << 0, RULE_OVER_UDP = 1 << 1 };

struct rule {
    struct signature signature;
    const struct rule_protocol *protocol;
    uint8_t not_over;   /* enum rule_transport: ip_proto leaves these out */
    uint8_t ip_version; /* 0: any */
    struct rule_header headers[RULE_HEADERS_MAX];
    uint8_t n_headers;
    bool asks_packet; /* something that only one packet has */
    struct net_set src;
    struct net_set dst;
    struct net_set src_ports;
    struct net_set dst_ports;
    bool both_ways;
    bool whole_tx; /* "=>": src asks and dst answers, whichever side a buffer comes from */
    unsigned flow; /* enum rule_flow */
    struct rule_amount amounts[RULE_AMOUNTS_MAX];
    uint8_t n_amounts;
    struct rule_flowbit flowbits[RULE_FLOWBITS_MAX];
    uint8_t n_flowbits;
    struct rule_xbit xbits[RULE_XBITS_MAX];
    uint8_t n_xbits;
    struct rule_flowint flowints[RULE_FLOWINTS_MAX];
    uint8_t n_flowints;
    bool no_alert;                           /* it only leaves marks */
    const char *decoders[RULE_DECODERS_MAX]; /* app-layer-protocol: the flow's must be one of */
    uint8_t n_decoders;
    bool not_decoder; /* must be none of them */
    struct rule_jndi jndi;
    struct rule_group groups[RULE_GROUPS_MAX];
    size_t n_groups;
    const char *file;
    size_t line;
    struct rule *next;
};

/* A class of rules, beside those that are built in. */
struct rule_class_row {
    struct span name;
    struct span text;
    uint8_t priority;
};

/* The rules of all files, in the order read. All memory but the expressions' is in the arena. */
struct rule_set {
    struct arena *arena;
    const struct net_variables *variables;
    const struct rule_class_row *classes; /* go before the built-in ones */
    size_t n_classes;
    struct rule *first;
    struct rule **end;
    size_t n_loaded;
    size_t n_failed;
    struct errbuf *err;      /* mistakes, one a line: "x.rules:3: sid 7: content: …" */
    struct errbuf *warnings; /* what is odd but not wrong; may be NULL */
};

/* Reads rules from a text; `file` names it in messages and must outlive the set. A rule with a
 * mistake is left out, counted and told in set->err; the others load. Returns how many were
 * loaded. */
size_t rule_read(struct rule_set *set, const char *file, struct span text);
/* Reads a file of classes, "config classification: name,text,priority" a line, into the set's
 * arena; they count for rules that are read later. What is no such line is told in set->err.
 * Returns how many lines were wrong. */
size_t rule_read_classes(struct rule_set *set, const char *file, struct span text);
/* Of rules with equal gid and sid keeps the one with the highest rev (of equals the first), and
 * tells of the others. */
void rule_drop_duplicates(struct rule_set *set);
/* Frees the expressions; the rest goes with the arena. */
void rule_set_free(struct rule_set *set);
