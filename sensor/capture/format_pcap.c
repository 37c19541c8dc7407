/* format_pcap: the classic capture file (draft-ietf-opsawg-pcap).
 *
 * Both byte orders, micro- and nanoseconds, and the variant of Alexey Kuznetzov's patched libpcap,
 * whose records have eight bytes more. The link type is the low 16 bits of its field; above them
 * the length of a frame check sequence may stand, which needs no attention: IP says where it ends.
 */
#include "sensor/base/wire.h"
#include "sensor/capture/capfile.h"

enum {
    FILE_HEADER = 24,
    RECORD_HEADER = 16,
    MODIFIED_RECORD_HEADER = 24,
    SECOND_US = 1000000,
};

static const struct variant {
    uint32_t magic; /* in the writer's byte order */
    size_t record_header;
    bool nanoseconds;
} variants[] = {
    {0xa1b2c3d4, RECORD_HEADER, false},
    {0xa1b23c4d, RECORD_HEADER, true},
    {0xa1b2cd34, MODIFIED_RECORD_HEADER, false},
};

static const struct variant *variant_of(uint32_t magic)
{
    for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
        if (variants[i].magic == magic) {
            return &variants[i];
        }
    }
    return NULL;
}

static bool knows(struct span head)
{
    return variant_of(wire_be32(head, 0)) != NULL || variant_of(wire_le32(head, 0)) != NULL;
}

static enum capfile_status begin(struct capfile *f, struct errbuf *err)
{
    enum capfile_status status = capfile_need(f, FILE_HEADER, err);
    if (status != CAPFILE_OK) {
        return status;
    }
    struct span s = window_rest(&f->window);
    f->big_endian = variant_of(wire_be32(s, 0)) != NULL;
    const struct variant *v = variant_of(capfile_u32(f, s, 0));
    unsigned major = capfile_u16(f, s, 4);
    if (major != 2) {
        return capfile_damaged(f, err, "version %u.%u of the pcap format, not 2.x", major,
                               capfile_u16(f, s, 6));
    }
    f->pcap = (struct pcap_head){
        .record_header = v->record_header,
        .nanoseconds = v->nanoseconds,
        .link_type = (int)(capfile_u32(f, s, 20) & 0xffff),
    };
    f->pcap.iface = ifaces_add(f->ifaces, SPAN(""), f->pcap.link_type);
    window_take(&f->window, FILE_HEADER);
    return CAPFILE_OK;
}

static enum capfile_status next(struct capfile *f, struct packet *ret_packet, struct errbuf *err)
{
    size_t header = f->pcap.record_header;
    enum capfile_status status = capfile_need(f, header, err);
    if (status != CAPFILE_OK) {
        return status;
    }
    struct span s = window_rest(&f->window);
    uint32_t fraction = capfile_u32(f, s, 4);
    uint32_t captured = capfile_u32(f, s, 8);
    uint32_t wire_len = capfile_u32(f, s, 12);
    if (captured > CAPFILE_MAX_PACKET) {
        return capfile_damaged(f, err, "a record of %u bytes", captured);
    }
    uint64_t time_us = (uint64_t)capfile_u32(f, s, 0) * SECOND_US +
                       (f->pcap.nanoseconds ? fraction / 1000 : fraction);
    status = capfile_need(f, header + captured, err);
    if (status != CAPFILE_OK) {
        return status;
    }
    *ret_packet = (struct packet){
        .data = wire_sub(window_rest(&f->window), header, captured),
        .wire_len = wire_len > captured ? wire_len : captured,
        .link_type = f->pcap.link_type,
        .iface = f->pcap.iface,
        .time_us = time_us,
    };
    window_take(&f->window, header + captured);
    return CAPFILE_OK;
}

/* Whether a record's header is likely: its lengths agree, its fraction is one, and its time is
 * within a day of the packet before the damage. */
static bool is_likely(const struct capfile *f, struct span s)
{
    enum { DAY_S = 86400 };
    uint64_t seconds = capfile_u32(f, s, 0);
    uint32_t captured = capfile_u32(f, s, 8);
    uint32_t wire_len = capfile_u32(f, s, 12);
    uint64_t last_s = f->last_us / SECOND_US;
    bool near = f->n_packets == 0 || (seconds + DAY_S > last_s && seconds < last_s + DAY_S);
    return near && s.len >= f->pcap.record_header && captured > 0 && captured <= wire_len &&
           wire_len <= CAPFILE_MAX_PACKET &&
           capfile_u32(f, s, 4) < (f->pcap.nanoseconds ? SECOND_US * 1000 : SECOND_US);
}

static bool is_record(const struct capfile *f, struct span s, bool last)
{
    if (!is_likely(f, s)) {
        return false;
    }
    size_t end = f->pcap.record_header + capfile_u32(f, s, 8);
    return is_likely(f, wire_from(s, end)) || (last && end == s.len);
}

const struct capture_format format_pcap = {
    .knows = knows,
    .begin = begin,
    .next = next,
    .is_record = is_record,
};
