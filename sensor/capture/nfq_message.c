/* nfq_message: netlink(7), with nfnetlink_queue's messages and attributes.
 *
 * What netfilter puts in attributes is in the network's byte order. Unknown attributes are passed
 * over. */
#include "sensor/capture/nfq_message.h"

#include "sensor/base/wire.h"
#include "sensor/capture/netlink.h"

#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

enum { FAMILY_HEADER = 4 };

static void take_attribute(const struct netlink_attribute *a, struct nfq_message *m)
{
    switch (a->type) {
    case NFQA_PACKET_HDR:
        if (a->value.len >= sizeof(m->id)) {
            m->id = wire_be32(a->value, 0);
            m->kind = NFQ_PACKET;
        }
        break;
    case NFQA_IFINDEX_INDEV:
        m->iface_in = wire_be32(a->value, 0);
        break;
    case NFQA_IFINDEX_OUTDEV:
        m->iface_out = wire_be32(a->value, 0);
        break;
    case NFQA_PAYLOAD:
        m->payload = a->value;
        break;
    case NFQA_CAP_LEN:
        m->wire_len = wire_be32(a->value, 0);
        break;
    default: /* lint: not an enum of ours: the kernel may have more */
        break;
    }
}

static void read_packet(struct span body, struct nfq_message *m)
{
    struct netlink_attribute a;
    struct span attributes = span_from(body, FAMILY_HEADER);
    m->queue = wire_be16(body, 2);
    while (netlink_next_attribute(&attributes, &a)) {
        take_attribute(&a, m);
    }
    m->wire_len = m->wire_len > m->payload.len ? m->wire_len : (uint32_t)m->payload.len;
}

bool nfq_next(struct span *rest, struct nfq_message *ret_message)
{
    struct nfq_message m = {.kind = NFQ_OTHER};
    struct netlink_message message;
    if (!netlink_next(rest, &message)) {
        return false;
    }
    struct span body = message.body;
    if (message.type == NLMSG_ERROR && body.len >= sizeof(int32_t)) {
        m.kind = NFQ_ANSWER;
        m.error = (int)netlink_u32(body, 0);
    } else if (message.type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) &&
               body.len >= FAMILY_HEADER) {
        read_packet(body, &m);
    }
    *ret_message = m;
    return true;
}
