#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/span.h"

/* Somebody at the other end of a socket, who may be away, slow, or gone. One thread works with it,
 * but for peer_abort(). */
struct peer;

enum peer_kind {
    PEER_UNIX_STREAM,
    PEER_UNIX_DGRAM,
    PEER_UDP,
    PEER_TCP,
};

/* Of a socket's path. 0, or negative errno with a line in err. */
MUST_USE int peer_check_path(const char *path, struct errbuf *err);
/* Of "HOST:PORT" or "[ADDRESS]:PORT". 0, or negative errno with a line in err. */
MUST_USE int peer_check_address(const char *address, struct errbuf *err);
/* Host and port apart, NUL-terminated; false when it is no such address, or too long. */
MUST_USE bool peer_split(const char *address, char ret_host[256], char ret_port[16]);

/* `where` (a path, or HOST:PORT) was checked and outlives it. NULL when there is no memory. */
MUST_USE struct peer *peer_new(enum peer_kind kind, const char *where);
/* Nulls *p; accepts NULL. */
void peer_free(struct peer **p);

/* Connects unless it is connected. *ret_new (may be NULL): it was not. 0 or negative errno. */
MUST_USE int peer_connect(struct peer *p, bool *ret_new);
/* Of a stream: as much as it takes. 0 when that is all, -EAGAIN when it takes no more for a while;
 * on any other negative errno the connection is closed. -EPIPE: the peer is gone, and had read all
 * that it was sent, as far as that can be known. */
MUST_USE int peer_write(struct peer *p, struct span data, size_t *ret_done);
/* One datagram. 0; -EAGAIN when the peer's queue is full; -EMSGSIZE; on any other negative errno
 * the connection is closed. */
MUST_USE int peer_send(struct peer *p, struct span data);
/* 0 when the peer has read all that it was sent, or when that cannot be known (UDP, TCP); -EAGAIN
 * when it has not for a while; on any other negative errno, as of peer_write(), it is gone, and the
 * connection is closed. */
MUST_USE int peer_settle(struct peer *p);
/* Closes the connection, if there is one. */
void peer_hang_up(struct peer *p);
/* From another thread: what waits ends, nothing is connected to any more. */
void peer_abort(struct peer *p);
