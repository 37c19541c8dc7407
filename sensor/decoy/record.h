#pragma once

#include "sensor/core/addr.h"
#include "sensor/core/direction.h"

/* What the process that listens tells the one that reads, a message each, over a socket that keeps
 * their bounds. Whoever reads them takes them for the word of somebody who may have been taken
 * over. */
enum record_kind {
    RECORD_OPEN,     /* a connection: id, listener, both ends */
    RECORD_DATA,     /* bytes that came, or that were answered */
    RECORD_TLS,      /* what comes next was encrypted; of which version says `listener` */
    RECORD_END,      /* a side has ended properly */
    RECORD_RESET,    /* a side broke off */
    RECORD_DATAGRAM, /* listener, both ends, bytes; of no connection */
    RECORD_ANEW,     /* the listening process had ended and was started again; its connections are
                        gone */
    RECORD_KIND_N
};

struct record {
    enum record_kind kind;
    enum direction dir; /* of data; of whose side ended: that which sent to there */
    uint16_t listener;  /* index of the spot; of RECORD_TLS: the version as it is on the wire */
    uint32_t id;        /* of the connection: an index below the limit, used again */
    uint64_t time_us;
    struct addr peer; /* RECORD_OPEN, RECORD_DATAGRAM; of the same family */
    struct addr local;
    uint16_t peer_port;
    uint16_t local_port;
    struct span bytes; /* RECORD_DATA, RECORD_DATAGRAM; of the message */
};

enum { RECORD_HEAD_MAX = 64, RECORD_BYTES_MAX = 65535 };

/* Writes all but the bytes, which follow in the same message; returns its length. */
size_t record_write(const struct record *r, uint8_t ret_head[RECORD_HEAD_MAX]);
/* false for what is no record. */
MUST_USE bool record_read(struct span message, struct record *ret_record);
