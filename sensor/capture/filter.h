#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/core/packet.h"

/* A BPF expression, compiled by libpcap once for each link type it meets. */
struct filter;

/* Compiles it for one link type at once, so that mistakes are found before the first packet. 0; or
 * -EINVAL with libpcap's words, the expression, and a caret below the word; or -ENOMEM. */
MUST_USE int filter_new(const char *expression, int link_type, struct filter **ret_filter,
                        struct errbuf *err);
/* Nulls *f; accepts NULL. */
void filter_free(struct filter **f);
/* Compiles it for a link type, if that was not done. As filter_new(). */
MUST_USE int filter_prepare(struct filter *f, int link_type, struct errbuf *err);
/* Whether the packet passes. One of a link type that was not prepared does not. */
bool filter_passes(struct filter *f, const struct packet *packet);
/* Compiles an expression for a live handle, in the kernel where that is possible. As filter_new().
 */
struct pcap;
MUST_USE int filter_attach(struct pcap *handle, const char *expression, struct errbuf *err);
