/* base64_plain: processors without a faster way. */
#include "sensor/codec/base64_fast.h"

size_t base64_fast(enum base64_alphabet alphabet, struct span in, uint8_t *to)
{
    (void)alphabet;
    (void)in;
    (void)to;
    return 0;
}

bool base64_has_lines(void)
{
    return false;
}

size_t base64_lines(struct base64 *d, struct span in, uint8_t *to, size_t *ret_len)
{
    (void)d;
    (void)in;
    (void)to;
    *ret_len = 0;
    return 0;
}
