/* sockname: addresses and struct sockaddr, either way. */
#include "sensor/core/sockname.h"

#include "sensor/base/bytes.h"

#include <netinet/in.h>

socklen_t sockname_of(const struct addr *addr, uint16_t port, struct sockaddr_storage *ret_name)
{
    *ret_name = (struct sockaddr_storage){0};
    if (addr->family == 6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        bytes_copy(&in6.sin6_addr, addr->bytes, sizeof(in6.sin6_addr));
        bytes_copy(ret_name, &in6, sizeof(in6));
        return sizeof(in6);
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    bytes_copy(&in.sin_addr, addr->bytes, sizeof(in.sin_addr));
    bytes_copy(ret_name, &in, sizeof(in));
    return sizeof(in);
}

struct addr sockname_addr_v6(struct span sixteen_bytes)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_v4 = span_starts(sixteen_bytes, span_of(mapped, sizeof(mapped)));
    return is_v4 ? addr_v4(span_from(sixteen_bytes, sizeof(mapped))) : addr_v6(sixteen_bytes);
}

struct addr sockname_addr(const struct sockaddr_storage *name, uint16_t *ret_port)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    if (name->ss_family == AF_INET) {
        bytes_copy(&in, name, sizeof(in));
        *ret_port = ntohs(in.sin_port);
        return addr_v4(span_of(&in.sin_addr, sizeof(in.sin_addr)));
    }
    if (name->ss_family != AF_INET6) {
        *ret_port = 0;
        return (struct addr){.family = 0};
    }
    bytes_copy(&in6, name, sizeof(in6));
    *ret_port = ntohs(in6.sin6_port);
    return sockname_addr_v6(span_of(&in6.sin6_addr, sizeof(in6.sin6_addr)));
}
