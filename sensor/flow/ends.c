/* ends: which end of a flow is which, and what lies between the sensor and them. */
#include "sensor/base/mem.h"
#include "sensor/flow/entry.h"

static void turn_tunnel(struct tunnel *tunnel)
{
    struct addr addr = tunnel->src;
    uint16_t port = tunnel->src_port;
    tunnel->src = tunnel->dst;
    tunnel->dst = addr;
    tunnel->src_port = tunnel->dst_port;
    tunnel->dst_port = port;
}

void flow_keep_tunnel(struct flow_table *t, struct flow *f, const struct tunnel *tunnel)
{
    if (tunnel == NULL || !flow_reserve(t, sizeof(*tunnel) + MEM_OVERHEAD)) {
        return;
    }
    f->conn.tunnel = mem_alloc(sizeof(*tunnel));
    if (f->conn.tunnel == NULL) {
        flow_unreserve(t, sizeof(*tunnel) + MEM_OVERHEAD);
        return;
    }
    *f->conn.tunnel = *tunnel;
    if (f->conn.swapped) {
        turn_tunnel(f->conn.tunnel);
    }
}

void flow_free_tunnel(struct flow_table *t, struct flow *f)
{
    if (f->conn.tunnel != NULL) {
        flow_unreserve(t, sizeof(*f->conn.tunnel) + MEM_OVERHEAD);
        mem_free(f->conn.tunnel);
        f->conn.tunnel = NULL;
    }
}

static void swap_u64(uint64_t pair[2])
{
    uint64_t first = pair[0];
    pair[0] = pair[1];
    pair[1] = first;
}

void flow_swap(struct conn *conn)
{
    struct flow *f = LIST_ENTRY(conn, struct flow, conn);
    struct addr addr = conn->addr[0];
    conn->addr[0] = conn->addr[1];
    conn->addr[1] = addr;
    uint16_t port = conn->port[0];
    conn->port[0] = conn->port[1];
    conn->port[1] = port;
    uint8_t flags = conn->tcp_flags[0];
    conn->tcp_flags[0] = conn->tcp_flags[1];
    conn->tcp_flags[1] = flags;
    swap_u64(conn->packets);
    swap_u64(conn->bytes);
    if (conn->extra != NULL) {
        swap_u64(conn->extra->gap_bytes);
    }
    if (conn->tunnel != NULL) {
        turn_tunnel(conn->tunnel);
    }
    conn->swapped = !conn->swapped;
    f->flipped = !f->flipped;
}
