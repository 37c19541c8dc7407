#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/core/config.h"
#include "sensor/core/place.h"
#include "sensor/core/tx.h"

/* Whose word about the real client is believed. Immutable. */
struct client_policy;

/* From the configuration's list of trusted networks and header names. 0, or negative errno with a
 * line in err for each mistake. */
MUST_USE int client_policy_new(const struct config_list *trusted, const struct config_list *headers,
                               struct client_policy **ret_policy, struct errbuf *err);
void client_policy_free(struct client_policy **p);

/* Whether what this address says about its client is believed. */
bool client_trusts(const struct client_policy *p, const struct addr *addr);
/* Whether the transaction must keep this request header for client_find(). */
bool client_wants_header(const struct client_policy *p, struct span name);

/* The client as the nearest proxy that is not trusted was told it, by the rightmost-untrusted rule.
 * false when the packet's source is not trusted, or says nothing that can be read: then the source
 * is all there is. */
bool client_find(const struct client_policy *p, const struct tx *tx, struct client *ret_client);
