#pragma once

#include "sensor/flow/entry.h"

/* nDPI: names the flows that no decoder claims. */
struct appid;

/* `at_once`: be ready now, and not first with a flow to ask about, which then takes 15 ms. NULL
 * when there is no memory. Its names live as long as it does. */
MUST_USE struct appid *appid_new(bool at_once);
/* Nulls *a; accepts NULL. */
void appid_free(struct appid **a);

/* Asks about a flow, if it is one to ask about, with a packet of it. May set the conn's ndpi_proto
 * and ndpi_category, and its app_proto when it has none. */
void appid_packet(struct flow_table *t, struct flow *f, const struct headers *h);
/* The same of TCP, with bytes in order: what it is called must not depend on the order of its
 * segments. `pos` is the position of the first, whose low 32 bits are its sequence number. */
void appid_stream(struct flow_table *t, struct flow *f, enum direction dir, uint64_t pos,
                  struct span bytes);
/* Frees what is kept of the flow; it is not asked about again. */
void appid_forget(struct flow_table *t, struct flow *f);
