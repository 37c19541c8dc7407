/* base64_plain: processors without a faster way. */
#include "sensor/codec/base64_fast.h"

size_t base64_fast(enum base64_alphabet alphabet, struct span in, uint8_t *to)
{
    (void)alphabet;
    (void)in;
    (void)to;
    return 0;
}
