#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/core/addr.h"
#include "sensor/core/config.h"

enum { NETS_MAX = 256 };

/* Networks that a key of the configuration names, in its order. All-zero is none. */
struct nets {
    struct addr_net list[NETS_MAX];
    size_t n;
};

/* Adds those of a list, the others too when one is wrong. 0, or a negative errno with a line in err
 * for each mistake, which names the key. */
MUST_USE int nets_read(struct nets *nets, const struct config_list *texts, const char *key,
                       struct errbuf *err);
/* The first that holds the address; nets->n when none does. */
size_t nets_find(const struct nets *nets, const struct addr *addr);
bool nets_have(const struct nets *nets, const struct addr *addr);
