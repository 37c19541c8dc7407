/* ber: elements of tag, length and value, ITU-T X.690 as RFC 4511 §5.1 narrows it. */
#include "sensor/codec/ber.h"

#include "sensor/base/wire.h"

enum { LONG_FORM = 0x80, MANY_BYTES_TAG = 0x1f, LENGTH_BYTES_MAX = 4 };

int ber_head(struct span s, uint64_t *ret_len)
{
    unsigned first = wire_u8(s, 1);
    if (s.len > 0 && (wire_u8(s, 0) & MANY_BYTES_TAG) == MANY_BYTES_TAG) {
        return -1;
    }
    if (s.len < 2) {
        return 0;
    }
    if (first < LONG_FORM) {
        *ret_len = first;
        return 2;
    }
    size_t n = first - LONG_FORM;
    if (n == 0 || n > LENGTH_BYTES_MAX) {
        return -1;
    }
    if (s.len < 2 + n) {
        return 0;
    }
    *ret_len = 0;
    for (size_t i = 0; i < n; i++) {
        *ret_len = *ret_len << 8 | wire_u8(s, 2 + i);
    }
    return (int)(2 + n);
}

int64_t ber_length(struct span start)
{
    uint64_t len = 0;
    int begin = ber_head(start, &len);
    return begin > 0 ? begin + (int64_t)len : begin;
}

bool ber_take(struct span *rest, uint8_t *ret_tag, struct span *ret_value)
{
    uint64_t len = 0;
    int begin = ber_head(*rest, &len);
    *ret_value = span_of(NULL, 0);
    if (begin <= 0) {
        return false;
    }
    *ret_tag = wire_u8(*rest, 0);
    *ret_value = wire_sub(*rest, (size_t)begin, (size_t)len);
    if (ret_value->len < len) {
        return false;
    }
    *rest = wire_from(*rest, (size_t)begin + (size_t)len);
    return true;
}

bool ber_take_tag(struct span *rest, uint8_t tag, struct span *ret_value)
{
    uint8_t found = 0;
    if (wire_u8(*rest, 0) != tag) {
        *ret_value = span_of(NULL, 0);
        return false;
    }
    return ber_take(rest, &found, ret_value);
}

uint32_t ber_number(struct span value)
{
    uint32_t number = 0;
    for (size_t i = 0; i < value.len; i++) {
        number = number << 8 | wire_u8(value, i);
    }
    return number;
}
