/* nets: short lists of networks, searched from their start. */
#include "sensor/core/nets.h"

#include <errno.h>

int nets_read(struct nets *nets, const struct config_list *texts, const char *key,
              struct errbuf *err)
{
    int worst = 0;
    for (size_t i = 0; i < texts->n; i++) {
        const char *text = texts->items[i];
        if (nets->n == NETS_MAX) {
            errbuf_add(err, "%s: more than %d networks", key, NETS_MAX);
            return -E2BIG;
        }
        if (!addr_net_parse(span_str(text), &nets->list[nets->n])) {
            errbuf_add(err, "%s: '%s' is not a network; example: 192.0.2.0/24", key, text);
            worst = -EINVAL;
            continue;
        }
        nets->n++;
    }
    return worst;
}

size_t nets_find(const struct nets *nets, const struct addr *addr)
{
    size_t i = 0;
    while (i < nets->n && !addr_in_net(addr, &nets->list[i].addr, nets->list[i].prefix_len)) {
        i++;
    }
    return i;
}

bool nets_have(const struct nets *nets, const struct addr *addr)
{
    return nets_find(nets, addr) < nets->n;
}
