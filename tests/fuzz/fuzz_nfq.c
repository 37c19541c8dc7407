/* fuzz_nfq: what comes in on the netlink socket of a queue, with any contents.
 *
 * Every payload lies in the bytes that were read, no shorter than the packet claims to be, and each
 * message takes something off the rest. */
#include "sensor/capture/nfq_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_of(data, size);
    struct span rest = all;
    struct nfq_message m;
    size_t before = rest.len;
    while (nfq_next(&rest, &m)) {
        size_t at = 0;
        CHECK(rest.len < before);
        CHECK(m.payload.len == 0 || span_contains(all, m.payload, &at));
        CHECK(m.wire_len >= m.payload.len || m.kind != NFQ_PACKET);
        before = rest.len;
    }
    CHECK(rest.len == 0);
    return 0;
}
