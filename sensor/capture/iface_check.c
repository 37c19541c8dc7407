/* iface_check: offloads of a network card, asked for as ethtool(8) does.
 *
 * Cards and kernels merge segments before a sensor sees them (GRO, LRO), or have not cut them yet
 * (TSO, GSO, of what this machine sends). Then a segment that was sent twice, or in two versions,
 * may be seen once. */
#include "sensor/capture/iface_check.h"

#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

enum { LINE_CAP = 128, LINK_HEADER = 18 /* Ethernet with one tag */ };

struct offload {
    const char *name; /* as ethtool -K knows it */
    uint32_t command;
    uint32_t flag; /* of ETHTOOL_GFLAGS; else 0: the answer is yes or no */
};

static const struct offload merging[] = {
    {"gro", ETHTOOL_GGRO, 0},
    {"lro", ETHTOOL_GFLAGS, ETH_FLAG_LRO},
    {"tso", ETHTOOL_GTSO, 0},
    {"gso", ETHTOOL_GGSO, 0},
};
static const struct offload stripping[] = {{"rxvlan", ETHTOOL_GFLAGS, ETH_FLAG_RXVLAN}};

static bool fill(struct ifreq *request, const char *name)
{
    struct span text = span_str(name);
    *request = (struct ifreq){0};
    if (text.len >= sizeof(request->ifr_name)) {
        return false;
    }
    bytes_copy(request->ifr_name, text.data, text.len);
    return true;
}

static bool is_on(int fd, const char *name, const struct offload *o)
{
    struct ethtool_value value = {.cmd = o->command};
    struct ifreq request;
    if (!fill(&request, name)) {
        return false;
    }
    request.ifr_data = (char *)&value;
    return ioctl(fd, SIOCETHTOOL, &request) == 0 &&
           (o->flag != 0 ? (value.data & o->flag) != 0 : value.data != 0);
}

/* "gro off lro off" */
static struct sbuf those_on(int fd, const char *name, const struct offload *list, size_t n)
{
    struct sbuf text = sbuf_with_cap(LINE_CAP);
    for (size_t i = 0; i < n; i++) {
        if (is_on(fd, name, &list[i])) {
            (void)sbuf_add_format(&text, " %s off", list[i].name);
        }
    }
    return text;
}

static void check_snaplen(int fd, const char *name, uint32_t snaplen, struct errbuf *ret_warnings)
{
    struct ifreq request;
    if (fill(&request, name) && ioctl(fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0 &&
        snaplen < (uint32_t)request.ifr_mtu + LINK_HEADER) {
        errbuf_add(ret_warnings,
                   "interface '%s' carries packets of %d bytes, capture.snaplen is %u: the rest of "
                   "larger ones is not inspected",
                   name, request.ifr_mtu, (unsigned)snaplen);
    }
}

void iface_check(int control_fd, const char *name, uint32_t snaplen, struct errbuf *ret_warnings)
{
    struct sbuf on = those_on(control_fd, name, merging, ARRAY_LEN(merging));
    if (on.len > 0) {
        errbuf_add(ret_warnings,
                   "interface '%s' shows segments merged or not yet cut, not as they were on the "
                   "wire. Run: ethtool -K %s%.*s",
                   name, name, (int)on.len, (const char *)on.data);
    }
    sbuf_free(&on);
    on = those_on(control_fd, name, stripping, ARRAY_LEN(stripping));
    if (on.len > 0) {
        errbuf_add(ret_warnings,
                   "interface '%s' takes VLAN tags off: of several only the outer one is told. "
                   "Run: ethtool -K %s%.*s",
                   name, name, (int)on.len, (const char *)on.data);
    }
    sbuf_free(&on);
    check_snaplen(control_fd, name, snaplen, ret_warnings);
}
