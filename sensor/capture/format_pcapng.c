/* format_pcapng: the block-structured capture file (draft-ietf-opsawg-pcapng).
 *
 * Sections in either byte order, any number of interfaces with their own link type, resolution,
 * offset and name; enhanced, simple and the obsolete packet blocks. Other blocks are passed over,
 * however long. libpcap refuses files whose interfaces differ; nothing here does.
 *
 * A simple packet block has no time of its own: it takes that of the packet before it. Limits:
 * blocks that must be read whole are at most 384 KiB, a section has at most 4096 interfaces. */
#include "sensor/base/mem.h"
#include "sensor/base/wire.h"
#include "sensor/capture/capfile.h"

enum block {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 2, /* obsolete */
    BLOCK_SIMPLE = 3,
    BLOCK_ENHANCED = 6,
};

enum {
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    BLOCK_MIN = 12, /* type, length, length again */
    BLOCK_TRAILER = 4,
    SECTION_HEAD = 16, /* up to the version */
    SECTION_MIN = 28,
    INTERFACE_HEAD = 16,
    PACKET_HEAD = 28,
    SIMPLE_HEAD = 12,
    OPTION_HEAD = 4,
    OPTION_NAME = 2,
    OPTION_RESOLUTION = 9,
    OPTION_OFFSET = 14,
    FIRST_ROOM = 8,
    MICRO = 6, /* 10^-6 s, the default */
};

static bool knows(struct span head)
{
    return wire_be32(head, 0) == BLOCK_SECTION;
}

static enum capfile_status begin(struct capfile *f, struct errbuf *err)
{
    enum capfile_status status = capfile_need(f, SECTION_MIN, err);
    if (status == CAPFILE_OK && wire_be32(window_rest(&f->window), 8) != BYTE_ORDER_MAGIC &&
        wire_le32(window_rest(&f->window), 8) != BYTE_ORDER_MAGIC) {
        return capfile_damaged(f, err, "a section header without byte order");
    }
    return status;
}

static uint64_t power(uint64_t base, unsigned exponent)
{
    uint64_t value = 1;
    while (exponent-- > 0) {
        value *= base;
    }
    return value;
}

/* Ticks of an interface as microseconds. */
static uint64_t to_us(const struct pcapng_iface *i, uint64_t ticks)
{
    enum { MICRO_S = 1000000, MAX_POWER = 19, SAFE_BITS = 44 };
    uint64_t us = 0;
    unsigned e = i->exponent;
    if (i->binary && e < 64) {
        uint64_t part = e == 0 ? 0 : ticks << (64 - e) >> (64 - e);
        unsigned cut = e > SAFE_BITS ? e - SAFE_BITS : 0;
        us = (ticks >> e) * MICRO_S + (((part >> cut) * MICRO_S) >> (e - cut));
    } else if (!i->binary && e <= MICRO) {
        us = ticks * power(10, MICRO - e);
    } else if (!i->binary && e - MICRO <= MAX_POWER) {
        us = ticks / power(10, e - MICRO);
    }
    return us + (uint64_t)i->offset_s * MICRO_S;
}

static uint64_t u64(const struct capfile *f, struct span s, size_t off)
{
    uint64_t first = capfile_u32(f, s, off);
    uint64_t second = capfile_u32(f, s, off + 4);
    return f->big_endian ? first << 32 | second : second << 32 | first;
}

/* The options of an interface description. */
static struct span read_options(const struct capfile *f, struct span s, struct pcapng_iface *i)
{
    struct span name = SPAN("");
    while (s.len >= OPTION_HEAD) {
        unsigned code = capfile_u16(f, s, 0);
        size_t len = capfile_u16(f, s, 2);
        struct span value = wire_sub(s, OPTION_HEAD, len);
        if (code == 0 || value.len < len) {
            break;
        }
        if (code == OPTION_NAME) {
            size_t end = span_find_byte(value, 0, 0);
            name = end == SPAN_NONE ? value : wire_sub(value, 0, end);
        } else if (code == OPTION_RESOLUTION && len == 1) {
            i->binary = (wire_u8(value, 0) & 0x80) != 0;
            i->exponent = wire_u8(value, 0) & 0x7f;
        } else if (code == OPTION_OFFSET && len == 8) {
            i->offset_s = (int64_t)u64(f, value, 0);
        }
        s = wire_from(s, OPTION_HEAD + (len + 3) / 4 * 4);
    }
    return name;
}

static bool make_room(struct pcapng_section *section)
{
    if (section->n_ifaces < section->room) {
        return true;
    }
    size_t room = section->room == 0 ? FIRST_ROOM : section->room * 2;
    void *rows = mem_resize(section->ifaces, room * sizeof(*section->ifaces));
    if (rows == NULL) {
        return false;
    }
    section->ifaces = rows;
    section->room = room;
    return true;
}

static enum capfile_status read_interface(struct capfile *f, struct span block, struct errbuf *err)
{
    struct pcapng_section *section = &f->section;
    if (block.len < INTERFACE_HEAD) {
        return capfile_damaged(f, err, "an interface description of %zu bytes", block.len);
    }
    if (section->n_ifaces >= CAPFILE_MAX_SECTION_IFACES || !make_room(section)) {
        return capfile_damaged(f, err, "more than %d interfaces in a section",
                               CAPFILE_MAX_SECTION_IFACES);
    }
    struct pcapng_iface i = {
        .link_type = capfile_u16(f, block, 8),
        .snaplen = capfile_u32(f, block, 12),
        .exponent = MICRO,
    };
    struct span name = read_options(f, wire_from(block, INTERFACE_HEAD), &i);
    i.iface = ifaces_add(f->ifaces, name, i.link_type);
    section->ifaces[section->n_ifaces++] = i;
    return CAPFILE_OK;
}

/* What the three packet blocks have in common, once their fields are read. */
struct found {
    uint32_t number; /* of the interface in its section */
    bool has_time;
    uint64_t ticks;
    size_t captured;
    size_t wire_len;
    size_t data_off;
};

static struct found read_found(const struct capfile *f, enum block type, struct span block)
{
    struct found r = {.has_time = type != BLOCK_SIMPLE, .data_off = PACKET_HEAD};
    if (type == BLOCK_SIMPLE) {
        size_t room = block.len - SIMPLE_HEAD;
        uint32_t snaplen = f->section.n_ifaces > 0 ? f->section.ifaces[0].snaplen : 0;
        r.wire_len = capfile_u32(f, block, 8);
        r.captured = snaplen > 0 && snaplen < r.wire_len ? snaplen : r.wire_len;
        r.captured = r.captured < room ? r.captured : room;
        r.data_off = SIMPLE_HEAD;
        return r;
    }
    r.number = type == BLOCK_PACKET ? capfile_u16(f, block, 8) : capfile_u32(f, block, 8);
    r.ticks = (uint64_t)capfile_u32(f, block, 12) << 32 | capfile_u32(f, block, 16);
    r.captured = capfile_u32(f, block, 20);
    r.wire_len = capfile_u32(f, block, 24);
    return r;
}

static enum capfile_status read_packet(struct capfile *f, enum block type, struct span block,
                                       struct packet *ret_packet, struct errbuf *err)
{
    size_t head = type == BLOCK_SIMPLE ? SIMPLE_HEAD : PACKET_HEAD;
    if (block.len < head) {
        return capfile_damaged(f, err, "a packet block of %zu bytes", block.len);
    }
    struct found r = read_found(f, type, block);
    if (r.captured > CAPFILE_MAX_PACKET || r.captured > block.len - head) {
        return capfile_damaged(f, err, "a packet of %zu bytes in a block of %zu", r.captured,
                               block.len + BLOCK_TRAILER);
    }
    if (r.number >= f->section.n_ifaces) {
        return capfile_damaged(f, err, "a packet of interface %u, which is not described",
                               r.number);
    }
    const struct pcapng_iface *i = &f->section.ifaces[r.number];
    f->number = r.number;
    *ret_packet = (struct packet){
        .data = wire_sub(block, r.data_off, r.captured),
        .wire_len = (uint32_t)(r.wire_len > r.captured ? r.wire_len : r.captured),
        .link_type = i->link_type,
        .iface = i->iface,
        .time_us = r.has_time ? to_us(i, r.ticks) : f->last_us,
    };
    return CAPFILE_OK;
}

/* A new section: its byte order holds from its own length on, its interfaces are its own. */
static enum capfile_status read_section(struct capfile *f, struct errbuf *err)
{
    enum capfile_status status = capfile_need(f, SECTION_MIN, err);
    if (status != CAPFILE_OK) {
        return status;
    }
    struct span s = window_rest(&f->window);
    f->big_endian = wire_be32(s, 8) == BYTE_ORDER_MAGIC;
    if (capfile_u32(f, s, 8) != BYTE_ORDER_MAGIC) {
        return capfile_damaged(f, err, "a section header without byte order");
    }
    uint32_t len = capfile_u32(f, s, 4);
    unsigned major = capfile_u16(f, s, 12);
    if (major != 1) {
        return capfile_damaged(f, err, "version %u of the pcapng format, not 1", major);
    }
    if (len < SECTION_MIN || len % 4 != 0) {
        return capfile_damaged(f, err, "a section header of %u bytes", len);
    }
    f->section.n_ifaces = 0;
    f->section.skip = len;
    return CAPFILE_OK;
}

/* The whole block at the front, without its trailer. */
static enum capfile_status whole_block(struct capfile *f, uint32_t len, struct span *ret_block,
                                       struct errbuf *err)
{
    if (len > CAPFILE_MAX_BLOCK) {
        return capfile_damaged(f, err, "a block of %u bytes", len);
    }
    enum capfile_status status = capfile_need(f, len, err);
    if (status != CAPFILE_OK) {
        return status;
    }
    struct span block = wire_sub(window_rest(&f->window), 0, len);
    uint32_t trailer = capfile_u32(f, block, len - BLOCK_TRAILER);
    if (trailer != len) {
        return capfile_damaged(f, err, "a block of %u bytes that ends with length %u", len,
                               trailer);
    }
    *ret_block = wire_sub(block, 0, len - BLOCK_TRAILER);
    return CAPFILE_OK;
}

static bool is_packet(uint32_t type)
{
    return type == BLOCK_ENHANCED || type == BLOCK_SIMPLE || type == BLOCK_PACKET;
}

/* One block. *ret_found tells whether it was a packet. */
static enum capfile_status read_block(struct capfile *f, struct packet *ret_packet, bool *ret_found,
                                      struct errbuf *err)
{
    enum capfile_status status = capfile_need(f, BLOCK_MIN, err);
    if (status != CAPFILE_OK) {
        return status;
    }
    struct span s = window_rest(&f->window);
    if (wire_be32(s, 0) == BLOCK_SECTION) {
        return read_section(f, err);
    }
    uint32_t type = capfile_u32(f, s, 0);
    uint32_t len = capfile_u32(f, s, 4);
    if (len < BLOCK_MIN || len % 4 != 0) {
        return capfile_damaged(f, err, "a block of %u bytes", len);
    }
    if (type != BLOCK_INTERFACE && !is_packet(type)) {
        f->section.skip = len;
        return CAPFILE_OK;
    }
    struct span block = {NULL, 0};
    status = whole_block(f, len, &block, err);
    if (status == CAPFILE_OK) {
        status = type == BLOCK_INTERFACE ? read_interface(f, block, err)
                                         : read_packet(f, (enum block)type, block, ret_packet, err);
    }
    if (status == CAPFILE_OK) {
        *ret_found = is_packet(type);
        window_take(&f->window, len);
    }
    return status;
}

/* Passes what is left of a block that is not read. */
static enum capfile_status skip(struct capfile *f, struct errbuf *err)
{
    enum window_status status = window_skip(&f->window, &f->section.skip);
    if (status == WINDOW_END) {
        return capfile_damaged(f, err, "the file ends inside a block");
    }
    return capfile_after(f, status, err);
}

static enum capfile_status next(struct capfile *f, struct packet *ret_packet, struct errbuf *err)
{
    bool found = false;
    enum capfile_status status = CAPFILE_OK;
    while (status == CAPFILE_OK && !found) {
        status = skip(f, err);
        if (status == CAPFILE_OK) {
            status = read_block(f, ret_packet, &found, err);
        }
    }
    return status;
}

/* A block of a kind that is read, with the same length at both ends; a section in either byte
 * order.
 */
static bool is_record(const struct capfile *f, struct span s, bool last UNUSED)
{
    uint32_t type = capfile_u32(f, s, 0);
    if (type == BLOCK_SECTION) {
        bool big = wire_be32(s, 8) == BYTE_ORDER_MAGIC;
        uint32_t len = big ? wire_be32(s, 4) : wire_le32(s, 4);
        return len >= SECTION_MIN && (big || wire_le32(s, 8) == BYTE_ORDER_MAGIC);
    }
    uint32_t len = capfile_u32(f, s, 4);
    return (type == BLOCK_INTERFACE || is_packet(type)) && len >= BLOCK_MIN && len % 4 == 0 &&
           len <= CAPFILE_MAX_BLOCK && len <= s.len &&
           capfile_u32(f, s, len - BLOCK_TRAILER) == len;
}

const struct capture_format format_pcapng = {
    .knows = knows,
    .begin = begin,
    .next = next,
    .is_record = is_record,
};
