#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/sbuf.h"

/* Answers Prometheus over HTTP, on a thread of its own, with the text it was given last. */
struct metrics_server;

/* Whether `text` is "PORT" or "ADDRESS:PORT" ("[::1]:9917"). */
MUST_USE bool metrics_server_is_address(const char *text);
/* Listens there; a port alone is of 127.0.0.1. While the process may still have any port. 0, or a
 * negative errno with a line in err. */
MUST_USE int metrics_server_open(const char *address, struct metrics_server **ret_server,
                                 struct errbuf *err);
/* Starts the thread. 0 or negative errno. */
MUST_USE int metrics_server_start(struct metrics_server *m);
/* What is answered from now on; copied. Any thread. */
void metrics_server_publish(struct metrics_server *m, struct span text);
/* Version of the library, or "none". */
const char *metrics_server_about(void);
/* Nulls *m; accepts NULL. */
void metrics_server_close(struct metrics_server **m);
