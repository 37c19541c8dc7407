/* linktype: numbers and names of link types.
 *
 * A file holds a LINKTYPE_ number, which is the same everywhere; libpcap's functions take a DLT_
 * number, which differs from it for a few types that systems had numbered differently. */
#include "sensor/capture/linktype.h"

#include "sensor/base/check.h"

#include <pcap/pcap.h>
#include <stdio.h>

int linktype_dlt(int link_type)
{
    static const struct {
        int link_type;
        int dlt;
    } rows[] = {
        {100, DLT_ATM_RFC1483}, {101, DLT_RAW}, {102, DLT_SLIP_BSDOS}, {103, DLT_PPP_BSDOS}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].link_type == link_type) {
            return rows[i].dlt;
        }
    }
    return link_type;
}

void linktype_name(int link_type, char *ret_name, size_t size)
{
    const char *known = pcap_datalink_val_to_name(linktype_dlt(link_type));
    if (known != NULL) {
        (void)snprintf(ret_name, size, "%s", known);
    } else if (link_type >= DLT_USER0 && link_type <= DLT_USER15) { /* it has no names for these */
        (void)snprintf(ret_name, size, "USER%d", link_type - DLT_USER0);
    } else {
        (void)snprintf(ret_name, size, "unknown");
    }
}
