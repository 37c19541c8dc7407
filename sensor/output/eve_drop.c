/* eve_drop: a packet that an inline sensor did not let go on, with its headers as Suricata's drop
 * events have them.
 *
 * There is one event for a flow and a reason, not one for each packet: how many there were is in
 * stats. */
#include "sensor/base/wire.h"
#include "sensor/output/eve_parts.h"

void eve_verdict(struct json *j, enum verdict verdict)
{
    json_object(j, "verdict");
    json_text(j, "action", "drop");
    if (verdict == VERDICT_REJECT) {
        json_text(j, "reject-target", "both");
        json_array(j, "reject");
        json_text(j, NULL, "tcp-reset");
        json_array_end(j);
    }
    json_object_end(j);
}

/* RFC 791, section 3.1; RFC 8200, section 3. */
static void add_ip(struct json *j, const struct headers *h)
{
    if (h->src.family == 4) {
        json_number(j, "len", wire_be16(h->ip, 2));
        json_number(j, "tos", wire_u8(h->ip, 1));
        json_number(j, "ttl", wire_u8(h->ip, 8));
        json_number(j, "ipid", wire_be16(h->ip, 4));
        return;
    }
    json_number(j, "len", wire_be16(h->ip, 4));
    json_number(j, "tc", wire_be16(h->ip, 0) >> 4 & 0xff);
    json_number(j, "hoplimit", wire_u8(h->ip, 7));
    json_number(j, "flowlbl", wire_be32(h->ip, 0) & 0xfffff);
}

static void add_tcp(struct json *j, const struct headers *h)
{
    static const struct {
        enum tcp_flag flag;
        const char *name;
    } flags[] = {
        {TCP_SYN, "syn"}, {TCP_ACK, "ack"}, {TCP_PSH, "psh"},
        {TCP_RST, "rst"}, {TCP_URG, "urg"}, {TCP_FIN, "fin"},
    };
    json_number(j, "tcpseq", h->tcp_seq);
    json_number(j, "tcpack", h->tcp_ack);
    json_number(j, "tcpwin", h->tcp_window);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        json_bool(j, flags[i].name, (h->tcp_flags & flags[i].flag) != 0);
    }
    json_number(j, "tcpres", 0);
    json_number(j, "tcpurgp", h->tcp_urgent);
}

struct event *eve_drop(struct eve *e, struct conn *conn, const struct eve_drop *drop)
{
    struct json j;
    struct event_key key = eve_key(conn);
    eve_begin(e, &j, EVENT_DROP, conn->last_us);
    eve_envelope(e, &j, conn, drop->dir);
    json_number(&j, "pcap_cnt", conn->number);
    json_text(&j, "direction", direction_name(drop->dir));
    json_object(&j, "drop");
    add_ip(&j, drop->headers);
    if (conn->proto == IP_PROTO_TCP) {
        add_tcp(&j, drop->headers);
    } else if (conn->proto == IP_PROTO_UDP) {
        json_number(&j, "udplen", 8 + drop->headers->payload.len);
    }
    json_text(&j, "reason", drop_reason_name(drop->reason));
    json_object_end(&j);
    eve_verdict(&j, drop->verdict);
    return eve_finish(e, &j, EVENT_DROP, &key);
}
