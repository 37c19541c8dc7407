/* addr: IP addresses as values.
 *
 * Parsing and printing are the C library's inet_pton/inet_ntop (RFC 4291, RFC 5952), behind spans;
 * four numbers, which stand in nearly every event, are printed here, because the library takes
 * sprintf() for them.
 */
#include "sensor/core/addr.h"

#include "sensor/base/bytes.h"

#include <arpa/inet.h>

enum { V4_LEN = 4, V6_LEN = 16 };

struct addr addr_v4(struct span s)
{
    struct addr a = {.family = s.len == V4_LEN ? 4 : 0};
    bytes_copy(a.bytes, s.data, s.len == V4_LEN ? V4_LEN : 0);
    return a;
}

struct addr addr_v6(struct span s)
{
    struct addr a = {.family = s.len == V6_LEN ? 6 : 0};
    bytes_copy(a.bytes, s.data, s.len == V6_LEN ? V6_LEN : 0);
    return a;
}

bool addr_parse(struct span text, struct addr *ret_addr)
{
    char copy[ADDR_TEXT_SIZE];
    if (span_at(text, 0) == '[' && text.len > 1 && span_at(text, text.len - 1) == ']') {
        text = span_sub(text, 1, text.len - 2);
    }
    if (text.len == 0 || text.len >= sizeof(copy) || span_find_byte(text, 0, 0) != SPAN_NONE) {
        return false;
    }
    bytes_copy(copy, text.data, text.len);
    copy[text.len] = '\0';
    struct addr a = {.family = 4};
    if (inet_pton(AF_INET, copy, a.bytes) != 1) {
        a = (struct addr){.family = 6};
        if (inet_pton(AF_INET6, copy, a.bytes) != 1) {
            return false;
        }
    }
    *ret_addr = a;
    return true;
}

static void format_v4(const uint8_t bytes[V4_LEN], char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < V4_LEN; i++) {
        unsigned byte = bytes[i];
        if (byte >= 100) {
            to[n++] = (char)('0' + byte / 100);
        }
        if (byte >= 10) {
            to[n++] = (char)('0' + byte / 10 % 10);
        }
        to[n++] = (char)('0' + byte % 10);
        to[n++] = i + 1 < V4_LEN ? '.' : '\0';
    }
}

void addr_format(const struct addr *a, char *ret_text, size_t size)
{
    CHECK(size >= ADDR_TEXT_SIZE);
    ret_text[0] = '\0';
    if (a->family == 4) {
        format_v4(a->bytes, ret_text);
    } else if (a->family != 0) {
        CHECK(inet_ntop(AF_INET6, a->bytes, ret_text, (socklen_t)size) != NULL);
    }
}

int addr_compare(const struct addr *a, const struct addr *b)
{
    return a->family != b->family ? a->family - b->family
                                  : bytes_compare(a->bytes, b->bytes, sizeof(a->bytes));
}

struct span addr_span(const struct addr *a)
{
    size_t len = a->family == 4 ? V4_LEN : a->family == 6 ? V6_LEN : 0;
    return span_of(a->bytes, len);
}

bool addr_in_net(const struct addr *a, const struct addr *net, unsigned prefix_len)
{
    if (a->family != net->family || a->family == 0) {
        return false;
    }
    unsigned whole = prefix_len / 8;
    unsigned rest = prefix_len % 8;
    if (!bytes_equal(a->bytes, net->bytes, whole)) {
        return false;
    }
    return rest == 0 || (a->bytes[whole] ^ net->bytes[whole]) >> (8 - rest) == 0;
}

bool addr_net_parse(struct span text, struct addr_net *ret_net)
{
    struct span rest = text;
    struct span host = span_split(&rest, '/');
    struct addr_net net = {0};
    if (!addr_parse(host, &net.addr)) {
        return false;
    }
    uint64_t most = net.addr.family == 4 ? 32 : 128;
    uint64_t prefix_len = most;
    if (host.len < text.len && (!span_to_u64(rest, &prefix_len) || prefix_len > most)) {
        return false;
    }
    net.prefix_len = (uint8_t)prefix_len;
    *ret_net = net;
    return true;
}
