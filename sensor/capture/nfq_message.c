/* nfq_message: netlink(7), with nfnetlink_queue's messages and attributes.
 *
 * Headers are in the machine's byte order, what netfilter puts in attributes is in the network's.
 * What is shorter than it says ends there; unknown attributes are passed over. */
#include "sensor/capture/nfq_message.h"

#include "sensor/base/bytes.h"
#include "sensor/base/wire.h"

#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

enum { MESSAGE_HEADER = 16, ATTRIBUTE_HEADER = 4, FAMILY_HEADER = 4, ALIGNED = 4 };

static uint16_t native16(struct span s, size_t off)
{
    uint16_t value = 0;
    struct span bytes = span_sub(s, off, sizeof(value));
    bytes_copy(&value, bytes.data, bytes.len);
    return value;
}

static uint32_t native32(struct span s, size_t off)
{
    uint32_t value = 0;
    struct span bytes = span_sub(s, off, sizeof(value));
    bytes_copy(&value, bytes.data, bytes.len);
    return value;
}

static size_t aligned(size_t len)
{
    return (len + ALIGNED - 1) / ALIGNED * ALIGNED;
}

struct attribute {
    unsigned type;
    struct span value;
};

static bool next_attribute(struct span *rest, struct attribute *ret)
{
    size_t len = native16(*rest, 0);
    if (rest->len < ATTRIBUTE_HEADER || len < ATTRIBUTE_HEADER || len > rest->len) {
        return false;
    }
    ret->type = native16(*rest, 2) & (unsigned)NLA_TYPE_MASK;
    ret->value = span_sub(*rest, ATTRIBUTE_HEADER, len - ATTRIBUTE_HEADER);
    *rest = span_from(*rest, aligned(len));
    return true;
}

static void take_attribute(const struct attribute *a, struct nfq_message *m)
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
    struct attribute a;
    struct span attributes = span_from(body, FAMILY_HEADER);
    m->queue = wire_be16(body, 2);
    while (next_attribute(&attributes, &a)) {
        take_attribute(&a, m);
    }
    m->wire_len = m->wire_len > m->payload.len ? m->wire_len : (uint32_t)m->payload.len;
}

bool nfq_next(struct span *rest, struct nfq_message *ret_message)
{
    struct nfq_message m = {.kind = NFQ_OTHER};
    size_t len = native32(*rest, 0);
    if (rest->len < MESSAGE_HEADER || len < MESSAGE_HEADER || len > rest->len) {
        *rest = span_of(NULL, 0);
        return false;
    }
    unsigned type = native16(*rest, 4);
    struct span body = span_sub(*rest, MESSAGE_HEADER, len - MESSAGE_HEADER);
    *rest = span_from(*rest, aligned(len));
    if (type == NLMSG_ERROR && body.len >= sizeof(int32_t)) {
        m.kind = NFQ_ANSWER;
        m.error = (int)native32(body, 0);
    } else if (type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) && body.len >= FAMILY_HEADER) {
        read_packet(body, &m);
    }
    *ret_message = m;
    return true;
}
