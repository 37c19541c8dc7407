/* tunnel: headers that carry another packet inside IP.
 *
 * GRE (RFC 2784, 2890; version 1 of RFC 2637 for PPTP). */
#include "sensor/base/wire.h"
#include "sensor/packet/walk.h"

enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_ACK = 0x0080,
    GRE_VERSION = 0x0007,
    GRE_PPP = 0x880b,
    GRE_HEADER = 4,
    GRE_ROUTE_HEADER = 4,
};

/* Source routes (RFC 1701): entries of a family, an offset and a length, ended by length zero. */
static bool skip_gre_routes(struct walk *w)
{
    size_t len = 1;
    while (len > 0) {
        if (w->rest.len < GRE_ROUTE_HEADER) {
            return false;
        }
        len = wire_u8(w->rest, 3);
        walk_skip(w, GRE_ROUTE_HEADER + len);
    }
    return true;
}

enum layer layer_gre(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < GRE_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    unsigned flags = wire_be16(s, 0);
    unsigned version = flags & GRE_VERSION;
    if (version > 1) {
        return layer_other(w);
    }
    size_t len = GRE_HEADER;
    len += (flags & (GRE_CHECKSUM | GRE_ROUTING)) != 0 ? 4 : 0;
    len += (flags & GRE_KEY) != 0 ? 4 : 0;
    len += (flags & GRE_SEQUENCE) != 0 ? 4 : 0;
    len += version == 1 && (flags & GRE_ACK) != 0 ? 4 : 0;
    if (s.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, len);
    if ((flags & GRE_ROUTING) != 0 && !skip_gre_routes(w)) {
        return walk_short(w, ANOMALY_N);
    }
    return layer_of_ethertype(wire_be16(s, 2));
}
