/* netlink: netlink(7).
 *
 * Headers and most numbers are in the machine's byte order; nothing in them is looked at as a
 * struct. */
#include "sensor/capture/netlink.h"

#include "sensor/base/bytes.h"

#include <linux/netlink.h>

enum { MESSAGE_HEADER = 16, ATTRIBUTE_HEADER = 4, ALIGNED = 4 };

static uint16_t native16(struct span s, size_t off)
{
    uint16_t value = 0;
    struct span bytes = span_sub(s, off, sizeof(value));
    bytes_copy(&value, bytes.data, bytes.len);
    return value;
}

uint32_t netlink_u32(struct span s, size_t off)
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

bool netlink_next_attribute(struct span *rest, struct netlink_attribute *ret_attribute)
{
    size_t len = native16(*rest, 0);
    if (rest->len < ATTRIBUTE_HEADER || len < ATTRIBUTE_HEADER || len > rest->len) {
        return false;
    }
    ret_attribute->type = native16(*rest, 2) & (unsigned)NLA_TYPE_MASK;
    ret_attribute->value = span_sub(*rest, ATTRIBUTE_HEADER, len - ATTRIBUTE_HEADER);
    *rest = span_from(*rest, aligned(len));
    return true;
}

bool netlink_next(struct span *rest, struct netlink_message *ret_message)
{
    size_t len = netlink_u32(*rest, 0);
    if (rest->len < MESSAGE_HEADER || len < MESSAGE_HEADER || len > rest->len) {
        *rest = span_of(NULL, 0);
        return false;
    }
    ret_message->type = native16(*rest, 4);
    ret_message->body = span_sub(*rest, MESSAGE_HEADER, len - MESSAGE_HEADER);
    *rest = span_from(*rest, aligned(len));
    return true;
}
