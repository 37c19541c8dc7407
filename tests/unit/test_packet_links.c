/* Tests of the rarer link layers, of what stands between them and IP, and of tunnels. */
#include "tests/unit/packet_lab.h"

#include <stdio.h>

static void put_ipv4_header_sum(size_t at)
{
    set16(&f, at + 10, 0);
    set16(&f, at + 10, ~wire_sum(span_of(f.bytes + at, 20), 0) & 0xffff);
}

static void every_link_type_leads_to_ip(void)
{
    static const struct {
        int link_type;
        struct span head;
    } rows[] = {
        {104, SPAN_LITERAL("\x0f\0\x08\0")},
        {107, SPAN_LITERAL("\x18\x41\x03\xcc")},
        {107, SPAN_LITERAL("\x18\x41\x08\0")},
        {107, SPAN_LITERAL("\x18\x41\x03\0\x80\0\0\0\x08\0")},
        {107, SPAN_LITERAL("\x18\x41\x03\0\x80\0\x80\xc2\0\x07macmacmacmac\x08\0")},
        {166, SPAN_LITERAL("\x01\x03\0\x21")},
        {204, SPAN_LITERAL("\0\xff\x03\0\x21")},
        {105, SPAN_LITERAL("\x08\x01\0\0bssid.sourcedest..\0\0\xaa\xaa\x03\0\0\0\x08\0")},
        {105, SPAN_LITERAL("\x08\x03\0\0recv..transmdest..\0\0source\xaa\xaa\x03\0\0\0\x08\0")},
        {105, SPAN_LITERAL("\x88\x02\0\0dest..bssid.source\0\0\0\0\xaa\xaa\x03\0\0\0\x08\0")},
        {105, SPAN_LITERAL("\x88\x82\0\0dest..bssid.source\0\0\0\0HTC.\xaa\xaa\x03\0\0\0\x08\0")},
        {127, SPAN_LITERAL("\0\0\x09\0\x02\0\0\0\0"
                           "\x08\x02\0\0dest..bssid.source\0\0\xaa\xaa\x03\0\0\0\x08\0")},
        /* two words of bitmap, a time, flags that say padded */
        {127,
         SPAN_LITERAL("\0\0\x19\0\x03\0\0\x80\0\0\0\0\0\0\0\0\x01\x01\x01\x01\x01\x01\x01\x01\x20"
                      "\x88\x02\0\0dest..bssid.source\0\0\0\0PD"
                      "\xaa\xaa\x03\0\0\0\x08\0")},
        {163, SPAN_LITERAL("\x80\x21\x10\x01\0\0\0\x0chead\x08\x02\0\0dest..bssid.source\0\0"
                           "\xaa\xaa\x03\0\0\0\x08\0")},
        {119, SPAN_LITERAL("\x80\x21\x10\x01\0\0\0\x0chead\x08\x02\0\0dest..bssid.source\0\0"
                           "\xaa\xaa\x03\0\0\0\x08\0")},
        {192, SPAN_LITERAL("\0\0\x0c\0\x01\0\0\0more"
                           "macmacmacmac\x08\0")},
        {258, SPAN_LITERAL("\x10\0\0\0\0\0\0\0\x0c\0\0\0more")},
        {239, SPAN_LITERAL("\x02\0\0\0\x08\0\x01\0\x08\0\0\0\x05\0\x0a\0\0\0\0\0\x30\0\x09\0")},
        {239, SPAN_LITERAL("\x02\0\0\0\0\x05\0\x0a\0\0\0\0\0\x30\0\x09")},
        {10, SPAN_LITERAL("\x50"
                          "destinsource\xaa\xaa\x03\0\0\0\x08\0")},
        {100, SPAN_LITERAL("\xaa\xaa\x03\0\0\0\x08\0")},
        {11, SPAN_LITERAL("\xaa\xaa\x03\0\0\0\x08\0")},
        {122, SPAN_LITERAL("\0\0destin\0\0source\xaa\xaa\x03\0\0\0\x08\0")},
        {138, SPAN_LITERAL("destina:source.:\x08\0")},
        {109, SPAN_LITERAL("\x02\0\0\0spi.flag")},
        {117, SPAN_LITERAL("\x0d\x02\0\0interface...")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f.len = 0;
        put(&f, rows[i].head);
        put_segment("link");
        enum decode_result result = decode_as(rows[i].link_type);
        if (result != DECODE_DONE || !span_equal(h.payload, SPAN("link"))) {
            printf("row %zu, link type %d: result %d\n", i, rows[i].link_type, (int)result);
        }
        CU_ASSERT_EQUAL(result, DECODE_DONE);
        expect_segment("link");
        CU_ASSERT(packet_link_supported(rows[i].link_type));
        if (rows[i].link_type !=
            239) { /* cut between two attributes it is whole, without a packet */
            expect_truncated(rows[i].link_type, 1, rows[i].head.len + 20);
        }
    }
}

static void a_priority_tag_is_no_vlan(void)
{
    put_ether(&f, 0x8100);
    put(&f, SPAN("\xe0\0\x81\0\x20\x07\x08\0"));
    put_segment("tag");
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("tag");
    CU_ASSERT_EQUAL(h.n_vlans, 1);
    CU_ASSERT_EQUAL(h.vlans[0], 7);
}

static void the_names_of_link_types_are_each_given_once(void)
{
    struct span names = span_str(packet_link_names());
    CU_ASSERT(span_starts(names, SPAN("EN10MB, RAW, ")));
    CU_ASSERT_EQUAL(span_find(names, span_find(names, 0, SPAN("RAW, ")) + 1, SPAN(" RAW,")),
                    SPAN_NONE);
    CU_ASSERT(span_ends(names, SPAN(", PFLOG")));
}

static void every_shim_behind_ethernet_leads_to_ip(void)
{
    static const struct {
        unsigned type;
        struct span shim;
    } rows[] = {
        {0x8926, SPAN_LITERAL("\x80\0\0\x01\x08\0")},                   /* VN-tag */
        {0x893f, SPAN_LITERAL("\0\x01\0\0\0\0\x08\0")},                 /* E-tag */
        {0x892f, SPAN_LITERAL("\0\x34\0\x01\x08\0")},                   /* HSR */
        {0x8909, SPAN_LITERAL("\x01\x01\0\x01\0\x07\x08\0")},           /* metadata */
        {0x88e7, SPAN_LITERAL("\0\0\0\x01macmacmacmac\x08\0")},         /* backbone */
        {0x22f3, SPAN_LITERAL("\0\x41\0\0\0\0opt.macmacmacmac\x08\0")}, /* TRILL, one option word */
        {0x894f, SPAN_LITERAL("\x0f\xc2\x02\x01\0\0\x01\xff")},         /* NSH */
        {0x894f, SPAN_LITERAL("\x0f\xc3\x02\x03\0\0\x01\xffmetamacmacmacmac\x08\0")},
        {0x880b, SPAN_LITERAL("\0\x21")},
        {0x9100, SPAN_LITERAL("\0\x05\x81\0\0\x06\x08\0")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f.len = 0;
        put_ether(&f, rows[i].type);
        put(&f, rows[i].shim);
        put_segment("shim");
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        expect_segment("shim");
        expect_truncated(1, 1, 14 + rows[i].shim.len + 20);
    }
}

/* A pseudo-wire with a control word, without one from an address that begins like it, and without
 * one from addresses that begin like IP. */
static void mpls_carries_ethernet_with_and_without_a_control_word(void)
{
    static const struct span heads[] = {
        SPAN_LITERAL("\0\x01\x11\x40\0\0\0\0\x02macmacmacma\x08\0"),
        SPAN_LITERAL("\0\x01\x11\x40\x02macmacmacma\x08\0"),
        SPAN_LITERAL("\0\x01\x11\x40\x45macmacmacma\x81\0\0\x05\x08\0"),
        SPAN_LITERAL("\0\x01\x11\x40\x60macmacmacma\x08\0"),
        SPAN_LITERAL("\0\x01\x10\x40\0\x01\x11\x40\x3cmacmacmacma\x08\0"),
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        f.len = 0;
        put_ether(&f, 0x8847);
        put(&f, heads[i]);
        put_segment("wire");
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        expect_segment("wire");
    }
}

static void shims_are_counted_once_a_packet(void)
{
    put_ether(&f, 0x8926);
    put(&f, SPAN("\x80\0\0\x01\x81\0"));
    put(&f, SPAN("\0\x05\x81\0\0\x06\x81\0\0\x07\x88\x47\0\x01\x10\x40\0\x01\x11\x40"));
    put_segment("");
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(count(STAT_DECODER_VNTAG), 1);
    CU_ASSERT_EQUAL(count(STAT_DECODER_VLAN), 1);
    CU_ASSERT_EQUAL(count(STAT_DECODER_VLAN_QINQ), 1);
    CU_ASSERT_EQUAL(count(STAT_DECODER_VLAN_QINQINQ), 1);
    CU_ASSERT_EQUAL(count(STAT_DECODER_MPLS), 1);
    CU_ASSERT_EQUAL(count(STAT_DECODER_ETHERNET), 1);
}

/* Where IP leaves its length to the layer below, that layer's own length counts. */
static void lengths_of_lower_layers_cut_what_ip_leaves_open(void)
{
    static const struct {
        int link_type;
        struct span head;
        struct span tail;
    } rows[] = {
        {1, SPAN_LITERAL("macmacmacmac\0\x36\xaa\xaa\x03\0\0\0\x08\0"), SPAN_LITERAL("pad")},
        {1, SPAN_LITERAL("macmacmacmac\x88\x64\x11\0\0\x07\0\x30\0\x21"), SPAN_LITERAL("pad")},
        {1, SPAN_LITERAL("macmacmacmac\x88\xe5\0\0\0\0\0\x01\x08\0"),
         SPAN_LITERAL("sixteen-byte-icv")},
        {105,
         SPAN_LITERAL("\x88\x02\0\0dest..bssid.source\0\0\x80\0"
                      "macmacmacmac\0\x36\xaa\xaa\x03\0\0\0\x08\0"),
         SPAN_LITERAL("the next frame")},
        {239, SPAN_LITERAL("\x02\0\0\0\x32\0\x09\0"), SPAN_LITERAL("\0\0\x08\0\x01\0mark")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f.len = 0;
        put(&f, rows[i].head);
        size_t ip = f.len;
        put_segment("lower!");
        set16(&f, ip + 2, 0);
        put(&f, rows[i].tail);
        CU_ASSERT_EQUAL(decode_as(rows[i].link_type), DECODE_DONE);
        expect_segment("lower!");
    }
}

static void cooked_captures_give_addresses_of_six_bytes_only(void)
{
    put(&f, SPAN("\0\0\0\x01\0\x08\x02\0\0\0\0\x09\0\0\x08\0"));
    put_segment("");
    CU_ASSERT_EQUAL(decode_as(113), DECODE_DONE);
    CU_ASSERT(bytes_equal(h.src_mac, "\0\0\0\0\0\0", 6));
    f.bytes[5] = 6;
    CU_ASSERT_EQUAL(decode_as(113), DECODE_DONE);
    CU_ASSERT(bytes_equal(h.src_mac, "\x02\0\0\0\0\x09", 6));
}

static void macsec_is_read_when_it_only_signs(void)
{
    put_ether(&f, 0x88e5);
    put(&f, SPAN("\x20\0\0\0\0\x01"
                 "channel:\x08\0"));
    put_segment("signed");
    put(&f, SPAN("sixteen-byte-icv"));
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("signed");
    f.bytes[14] = 0x2c;
    CU_ASSERT_EQUAL(decode(), DECODE_NOT_IP);
}

/* --- tunnels --- */

static void gre_is_read_with_every_combination_of_flags(void)
{
    for (unsigned flags = 0; flags < 32; flags++) {
        f.len = 0;
        put_ether(&f, 0x0800);
        size_t ip = begin_ipv4(&f, 47);
        bool pptp = (flags & 1) != 0;
        put16(&f, (flags >> 1 << 12) | (pptp ? 0x81 : 0));
        put16(&f, pptp ? 0x880b : 0x0800);
        if ((flags & 0x18) != 0) { /* checksum or routing */
            put32(&f, 0);
        }
        if ((flags & 0x04) != 0) {
            put32(&f, 7);
        }
        if ((flags & 0x02) != 0) {
            put32(&f, 8);
        }
        if (pptp) {
            put32(&f, 9);
        }
        if ((flags & 0x08) != 0) {
            put(&f, SPAN("\x08\0\0\x04hop.\0\0\0\0"));
        }
        if (pptp) {
            put16(&f, 0x0021);
        }
        put_segment("gre");
        end_ipv4(&f, ip);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        expect_segment("gre");
        CU_ASSERT_EQUAL(h.tunnel_depth, 1);
        CU_ASSERT_STRING_EQUAL(h.tunnel->kind, "gre tunnel");
    }
    CU_ASSERT_EQUAL(count(STAT_DECODER_GRE), 32);
}

static uint32_t gre_network(struct span head)
{
    f.len = 0;
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, 47);
    put(&f, head);
    put_segment("key");
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    return h.network;
}

static void gre_keys_name_networks_but_for_what_differs_within_one(void)
{
    uint32_t seven = gre_network(SPAN("\x20\0\x08\0\0\0\0\x07"));
    CU_ASSERT(seven != 0);
    CU_ASSERT_EQUAL(gre_network(SPAN("\xb0\0\x08\0summ\0\0\0\x07numb")), seven);
    CU_ASSERT(gre_network(SPAN("\x20\0\x08\0\0\0\0\x08")) != seven);
    CU_ASSERT_EQUAL(gre_network(SPAN("\0\0\x08\0")), 0);
    uint32_t first = gre_network(SPAN("\x20\0\x65\x58\0\0\x07\x01macmacmacmac\x08\0"));
    CU_ASSERT_EQUAL(gre_network(SPAN("\x20\0\x65\x58\0\0\x07\x02macmacmacmac\x08\0")), first);
    CU_ASSERT_EQUAL(gre_network(SPAN("\x20\x01\x88\x0b\0\x20\0\x07\0\x21")), 0); /* PPTP */
}

static void erspan_of_each_version_gives_the_mirrored_frame(void)
{
    static const struct {
        struct span head;
        bool ethernet;
    } rows[] = {
        {SPAN_LITERAL("\0\0\x88\xbe"), true},                                   /* I */
        {SPAN_LITERAL("\x10\0\x88\xbe\0\0\0\x01\x10\0\0\0\0\0\0\0"), true},     /* II */
        {SPAN_LITERAL("\x10\0\x22\xeb\0\0\0\x01\x20\0\0\0time\0\0\0\0"), true}, /* III */
        {SPAN_LITERAL("\x10\0\x22\xeb\0\0\0\x01\x20\0\0\0time\0\0\0\x01platform"), true},
        {SPAN_LITERAL("\x10\0\x22\xeb\0\0\0\x01\x20\0\0\0time\0\0\x08\0"), false}, /* bare IP */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f.len = 0;
        put_ether(&f, 0x0800);
        size_t ip = begin_ipv4(&f, 47);
        put(&f, rows[i].head);
        if (rows[i].ethernet) {
            put(&f, SPAN("mirror-frame\x81\0\0\x2a\x08\0"));
        }
        put_segment("mirrored");
        end_ipv4(&f, ip);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        expect_segment("mirrored");
        CU_ASSERT_STRING_EQUAL(h.tunnel->kind, "erspan");
        CU_ASSERT_EQUAL(h.n_vlans, rows[i].ethernet ? 1 : 0);
        CU_ASSERT(!rows[i].ethernet || bytes_equal(h.src_mac, "-frame", 6));
    }
    CU_ASSERT_EQUAL(count(STAT_DECODER_ERSPAN), ARRAY_LEN(rows));
}

static const struct {
    const char *kind;
    unsigned port;
    enum stat_id counter;
    struct span head; /* behind UDP */
    bool sure;        /* known on any port */
    bool numbered;    /* names a network that is the same in both directions */
} udp_rows[] = {
    {"vxlan encapsulation", 4789, STAT_DECODER_VXLAN,
     SPAN_LITERAL("\x08\0\0\0\0\0\x07\0"
                  "macmacmacmac\x08\0"),
     true, true},
    {"vxlan encapsulation", 8472, STAT_DECODER_VXLAN,
     SPAN_LITERAL("\x08\0\0\0\0\0\x07\0"
                  "macmacmacmac\x81\0\0\x05\x08\0"),
     true, true},
    {"vxlan encapsulation", 4790, STAT_DECODER_VXLAN, SPAN_LITERAL("\x0c\0\0\x01\0\0\x07\0"), true,
     true},
    {"vxlan encapsulation", 4789, STAT_DECODER_VXLAN,
     SPAN_LITERAL("\x88\0\x12\x34\0\0\x07\0"
                  "macmacmacmac\x08\0"),
     true, true},
    {"geneve encapsulation", 6081, STAT_DECODER_GENEVE,
     SPAN_LITERAL("\x02\0\x65\x58\0\0\x07\0options:macmacmacmac\x08\0"), true, true},
    {"geneve encapsulation", 6081, STAT_DECODER_GENEVE, SPAN_LITERAL("\0\0\x08\0\0\0\x07\0"), true,
     true},
    {"gtp-u tunnel", 2152, STAT_DECODER_GTPU, SPAN_LITERAL("\x30\xff\0\x2b\0\0\0\x01"), true,
     false},
    {"gtp-u tunnel", 2152, STAT_DECODER_GTPU,
     SPAN_LITERAL("\x34\xff\0\x37\0\0\0\x01\0\0\0\x85\x01\x10\x01\xc0\x01xx\0"), true, false},
    {"gre tunnel", 4754, STAT_DECODER_GRE, SPAN_LITERAL("\x20\0\x08\0\0\0\0\x07"), true, true},
    {"ipv4 tunnel", 6635, STAT_DECODER_MPLS, SPAN_LITERAL("\0\x01\x11\x40"), false, false},
    {"l2tp tunnel", 1701, STAT_N,
     SPAN_LITERAL("\x4a\x02\0\x3f\0\x01\0\x02seqs\0\x02..\xff\x03\0\x21"), false, false},
};

static void put_udp_tunnel(struct span head, unsigned port)
{
    f.len = 0;
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, IP_PROTO_UDP);
    size_t udp = begin_udp(&f);
    set16(&f, udp + 2, port);
    put(&f, head);
    put_segment("udp");
    end_udp(&f, udp);
    end_ipv4(&f, ip);
}

static void tunnels_over_udp_are_read_on_their_port_and_by_content(void)
{
    for (size_t i = 0; i < ARRAY_LEN(udp_rows); i++) {
        put_udp_tunnel(udp_rows[i].head, udp_rows[i].port);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        if (h.tunnel == NULL) {
            printf("row %zu\n", i);
        }
        CU_ASSERT_PTR_NOT_NULL_FATAL(h.tunnel);
        expect_segment("udp");
        CU_ASSERT_EQUAL(h.tunnel_depth, 1);
        CU_ASSERT_STRING_EQUAL(h.tunnel->kind, udp_rows[i].kind);
        CU_ASSERT_EQUAL(h.tunnel->proto, IP_PROTO_UDP);
        CU_ASSERT_EQUAL(h.tunnel->dst_port, udp_rows[i].port);
        CU_ASSERT_EQUAL(h.network != 0, udp_rows[i].numbered);
        put_udp_tunnel(udp_rows[i].head, 9999);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        CU_ASSERT_EQUAL(h.tunnel != NULL, udp_rows[i].sure);
        CU_ASSERT_EQUAL(h.dst_port, udp_rows[i].sure ? 80 : 9999);
    }
    CU_ASSERT_EQUAL(count(STAT_DECODER_VXLAN), 8);
    CU_ASSERT_EQUAL(count(STAT_DECODER_GTPU), 4);
}

static void a_datagram_on_a_tunnel_port_may_be_something_else(void)
{
    static const struct {
        unsigned port;
        struct span head;
    } rows[] = {
        {4789, SPAN_LITERAL("\0\0\0\0\0\0\x07\0macmacmacmac\x08\0")}, /* not valid */
        {2152, SPAN_LITERAL("\x30\x01\0\x2b\0\0\0\x01")},             /* an echo request */
        {2152, SPAN_LITERAL("\x10\xff\0\x2b\0\0\0\x01")},             /* version 0 */
        {2152, SPAN_LITERAL("\x30\xff\0\x2a\0\0\0\x01")},             /* another length */
        {6081, SPAN_LITERAL("\x3f\0\x65\x58\0\0\x07\0")},             /* options beyond it */
        {6081, SPAN_LITERAL("\x3f\0\x08\x06\0\0\x07\0")},
        {6081, SPAN_LITERAL("\x40\0\x08\0\0\0\x07\0")},           /* version 1 */
        {4754, SPAN_LITERAL("\x01\0\x08\0\0\0\0\x07")},           /* reserved bits */
        {6635, SPAN_LITERAL("\0\x01\x10\x40\0\x01\x10\x40")},     /* no bottom */
        {1701, SPAN_LITERAL("\xc8\x02\0\x3f\0\x01\0\0\0\0\0\0")}, /* a control message */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put_udp_tunnel(rows[i].head, rows[i].port);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        if (h.tunnel != NULL || h.proto != IP_PROTO_UDP) {
            printf("row %zu\n", i);
            CU_FAIL("taken for a tunnel");
        }
    }
    CU_ASSERT_EQUAL(count(STAT_DECODER_GENEVE), 0);
    for (size_t i = 0; i < ARRAY_LEN(udp_rows); i++) {
        put_udp_tunnel(SPAN("plain text, no tunnel at all"), udp_rows[i].port);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        CU_ASSERT_EQUAL(h.proto, IP_PROTO_UDP);
        CU_ASSERT_PTR_NULL(h.tunnel);
        CU_ASSERT(span_starts(h.payload, SPAN("plain text")));
    }
}

static void content_alone_needs_a_right_checksum_inside(void)
{
    put_udp_tunnel(udp_rows[0].head, 9999);
    f.bytes[14 + 28 + udp_rows[0].head.len + 8] ^= 1; /* time to live of the inner header */
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.proto, IP_PROTO_UDP);
    set16(&f, 14 + 20 + 2, 4789);
    put_ipv4_header_sum(14);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.proto, IP_PROTO_TCP);
}

static void content_alone_needs_a_length_that_fits(void)
{
    put_udp_tunnel(udp_rows[0].head, 9999);
    size_t inner = 14 + 28 + udp_rows[0].head.len;
    set16(&f, inner + 2, 44);
    put_ipv4_header_sum(inner);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.proto, IP_PROTO_UDP);
    set16(&f, inner + 2, 19);
    put_ipv4_header_sum(inner);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.proto, IP_PROTO_UDP);
    set16(&f, inner + 2, 43);
    put_ipv4_header_sum(inner);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.proto, IP_PROTO_TCP);
}

static void teredo_is_known_by_its_addresses(void)
{
    static const struct span heads[] = {
        SPAN_LITERAL(""),
        SPAN_LITERAL("\0\0\x12\x34\x01\x02\x03\x04"),
        SPAN_LITERAL("\0\x01\x02\x04idauthnoncenon\0\0\0\x12\x34\x01\x02\x03\x04"),
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        f.len = 0;
        put_ether(&f, 0x0800);
        size_t ip = begin_ipv4(&f, IP_PROTO_UDP);
        size_t udp = begin_udp(&f);
        put(&f, heads[i]);
        size_t six = begin_ipv6(&f, IP_PROTO_TCP);
        set16(&f, six + 8 + 2, 0); /* 2001:: */
        put_tcp(&f);
        put(&f, SPAN("teredo"));
        end_ipv6(&f, six);
        end_udp(&f, udp);
        end_ipv4(&f, ip);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        expect_segment("teredo");
        CU_ASSERT_STRING_EQUAL(h.tunnel->kind, "teredo tunnel");
        set16(&f, six + 8 + 2, 0x0db8);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        CU_ASSERT_EQUAL(h.proto, IP_PROTO_UDP);
    }
}

static void the_outermost_header_is_the_tunnel(void)
{
    char text[ADDR_TEXT_SIZE];
    put_ether(&f, 0x86dd);
    size_t six = begin_ipv6(&f, 4);
    size_t four = begin_ipv4(&f, 41);
    size_t inner = begin_ipv6(&f, 47);
    put(&f, SPAN("\0\0\x08\0"));
    put_segment("inner");
    end_ipv6(&f, inner);
    end_ipv4(&f, four);
    end_ipv6(&f, six);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("inner");
    CU_ASSERT_EQUAL(h.tunnel_depth, 3);
    addr_format(&h.tunnel->src, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "2001:db8::1");
    CU_ASSERT_EQUAL(h.tunnel->proto, 4);
    CU_ASSERT_STRING_EQUAL(h.tunnel->kind, "ipv4 tunnel");
    CU_ASSERT_EQUAL(count(STAT_DECODER_IPV4_IN_IPV6), 1);
    CU_ASSERT_EQUAL(count(STAT_DECODER_IPV6_IN_IPV4), 1);
    CU_ASSERT_EQUAL(count(STAT_DECODER_IPV4_IN_IPV4), 0);
    CU_ASSERT_EQUAL(count(STAT_DECODER_IPV6_IN_IPV6), 0);
}

static void a_tunnel_in_a_tunnel_without_end_meets_the_cap(void)
{
    put_ether(&f, 0x0800);
    for (int i = 0; i < 40; i++) {
        size_t at = begin_ipv4(&f, 4);
        set16(&f, at + 2, 0);
    }
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_LAYERS), 1);
}

static void etherip_and_wccp_carry_frames(void)
{
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, 97);
    put(&f, SPAN("\x30\0macmacmacmac\x08\0"));
    put_segment("etherip");
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("etherip");
    f.len = 0;
    put_ether(&f, 0x0800);
    ip = begin_ipv4(&f, 47);
    put(&f, SPAN("\0\0\x88\x3e\0\x01\0\x02"));
    put_segment("redirected");
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("redirected");
}

/* --- the numbers that name IPv6, and headers that are cut or name nothing --- */

static void every_number_that_names_ipv6_leads_to_it(void)
{
    static const struct {
        int link_type;
        struct span head;
    } rows[] = {
        {0, SPAN_LITERAL("\x0a\0\0\0")},
        {0, SPAN_LITERAL("\x18\0\0\0")},
        {0, SPAN_LITERAL("\0\0\0\x1c")},
        {0, SPAN_LITERAL("\x1e\0\0\0")},
        {0, SPAN_LITERAL("\0\0\x86\xdd")},
        {109, SPAN_LITERAL("\0\0\0\x18spi.flag")},
        {117, SPAN_LITERAL("\x0d\x18\0\0interface...")},
        {9, SPAN_LITERAL("\0\x57")},
        {9, SPAN_LITERAL("\x57")},
        {9, SPAN_LITERAL("\x02\x81\0\x01\x11\x40")},
        {107, SPAN_LITERAL("\x18\x41\x03\x8e")},
        {107, SPAN_LITERAL("\x18\x40\x01\x86\xdd")},
        {229, SPAN_LITERAL("")},
        {113, SPAN_LITERAL("\0\0\0\x01\0\x06\x02\0\0\0\0\x09\0\0\x86\xdd")},
        {113, SPAN_LITERAL("\0\0\0\x01\0\x06\x02\0\0\0\0\x09\0\0\0\x04\xaa\xaa\x03\0\0\0\x86\xdd")},
        {1, SPAN_LITERAL("macmacmacmac\x89\x4f\x0f\xc2\x02\x02\0\0\x01\xff")},
        {1, SPAN_LITERAL("macmacmacmac\x89\x4f\x0f\xc2\x02\x05\0\0\x01\xff\0\x01\x11\x40")},
        {1, SPAN_LITERAL("macmacmacmac\x89\x4f\x0f\xc2\x02\x04\0\0\x01\xff"
                         "\x0f\xc2\x02\x02\0\0\x01\xff")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f.len = 0;
        put(&f, rows[i].head);
        size_t ip = begin_ipv6(&f, IP_PROTO_TCP);
        (void)put_tcp(&f);
        put(&f, SPAN("six"));
        end_ipv6(&f, ip);
        enum decode_result result = decode_as(rows[i].link_type);
        if (result != DECODE_DONE || h.src.family != 6) {
            printf("row %zu, link type %d\n", i, rows[i].link_type);
        }
        CU_ASSERT_EQUAL(result, DECODE_DONE);
        CU_ASSERT_EQUAL(h.src.family, 6);
        expect_segment("six");
    }
}

static void what_names_no_ip_is_not_ip(void)
{
    static const struct {
        int link_type;
        struct span packet;
    } rows[] = {
        {0, SPAN_LITERAL("\x10\0\0\0?")},
        {9, SPAN_LITERAL("\xc0\x21link control")},
        {104, SPAN_LITERAL("\x0f\0\x80\x35slarp")},
        {107, SPAN_LITERAL("\x18\x41\x03\x08")},
        {107, SPAN_LITERAL("\x18\x41\x03\x80\0\x80\xc2\0\x0e spanning tree")},
        {107, SPAN_LITERAL("\x18\x41\x03\x80\0\0\x0c\0\0")},
        {113, SPAN_LITERAL("\0\0\0\x01\0\x06\x02\0\0\0\0\x09\0\0\0\x01?")},
        {239, SPAN_LITERAL("\x02\0\0\0\x08\0\x01\0\x08\0\0\0")},
        {1, SPAN_LITERAL("macmacmacmac\x88\x63\x11\x09\0\0\0\0")},
        {1, SPAN_LITERAL("macmacmacmac\x88\x64\x11\x01\0\0\0\0")},
        {1, SPAN_LITERAL("macmacmacmac\x88\xcc")},
        {1, SPAN_LITERAL("macmacmacmac\0\x08\xaa\xaa\x03\0\0\x0c\x08\0")},
        {1, SPAN_LITERAL("macmacmacmac\0\x08\x42\x42\x03\0\0\0\x08\0")},
        {1, SPAN_LITERAL("macmacmacmac\x89\x4f\x0f\xc2\x02\x07\0\0\x01\xff")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f.len = 0;
        put(&f, rows[i].packet);
        CU_ASSERT_EQUAL(decode_as(rows[i].link_type), DECODE_NOT_IP);
    }
    CU_ASSERT_EQUAL(count(STAT_PACKETS_NOT_IP), ARRAY_LEN(rows));
    f.len = 0;
    put(&f, SPAN("macmacmacmac\x89\x4f\x0f\xc1\x02\x01\0\0\x01\xff")); /* too short a length */
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    f.len = 0;
    put(&f, SPAN("\x02\0\0\0\0\0\x01\0")); /* an attribute shorter than its head */
    CU_ASSERT_EQUAL(decode_as(239), DECODE_REFUSED);
    f.len = 0;
    put(&f, SPAN("\x01\0\x08\0\0\0\0\0?")); /* radiotap of another version */
    CU_ASSERT_EQUAL(decode_as(127), DECODE_REFUSED);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_HEADER), 3);
    f.len = 0;
    put(&f, SPAN("\0\0\x08\0\x93\0\0\0?")); /* a link type inside that nobody decodes */
    CU_ASSERT_EQUAL(decode_as(192), DECODE_REFUSED);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_LINK_TYPE), 1);
}

static void llc_may_name_ip_by_its_own_address(void)
{
    put_ether(&f, 47);
    put(&f, SPAN("\x06\x06\x03"));
    put_segment("llc.");
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("llc.");
}

/* Behind IPv4, the tunnel header and an Ethernet/IPv4/TCP packet. */
static void put_tunnel(unsigned proto, struct span head)
{
    f.len = 0;
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, proto);
    put(&f, head);
    end_ipv4(&f, ip);
}

static void tunnel_headers_of_other_versions_leave_the_outer_packet(void)
{
    static const struct {
        unsigned proto;
        struct span head;
    } rows[] = {
        {47, SPAN_LITERAL("\0\x02\x08\0\x45more")},
        {47, SPAN_LITERAL("\x10\0\x88\xbe\0\0\0\x01\x30\0\0\0\0\0\0\0")},
        {97, SPAN_LITERAL("\x20\0macmacmacmac\x08\0")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put_tunnel(rows[i].proto, rows[i].head);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        CU_ASSERT_EQUAL(h.proto, rows[i].proto);
        CU_ASSERT(span_equal(h.payload, rows[i].head));
        CU_ASSERT_EQUAL(h.tunnel_depth, 0);
    }
}

static void tunnel_headers_that_are_cut_are_refused(void)
{
    static const struct {
        unsigned proto;
        struct span head;
    } rows[] = {
        {47, SPAN_LITERAL("\0\0\x08")},
        {47, SPAN_LITERAL("\x20\0\x08\x06\0\0")}, /* ARP: nothing behind it would notice */
        {47, SPAN_LITERAL("\x40\0\x08\x06\0\0\0\0\x08\0\0\x04hop.")},
        {47, SPAN_LITERAL("\x10\0\x88\xbe\0\0\0\x01\x10\0\0\0\0\0\0")},
        {47, SPAN_LITERAL("\0\0\x88\x3e\0\x01")},
        {97, SPAN_LITERAL("\x30")},
        {137, SPAN_LITERAL("\0\x01\x10\x40\0\x01")},
        {51, SPAN_LITERAL("\x06\x04\0\0\0\0\0\x01\0\0\0\x02short")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put_tunnel(rows[i].proto, rows[i].head);
        CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    }
    CU_ASSERT_EQUAL(count(STAT_REFUSED_TRUNCATED), ARRAY_LEN(rows));
}

static void authenticated_packets_are_read_in_ipv4_too(void)
{
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, 51);
    put(&f, SPAN("\x06\x04\0\0\0\0\0\x01\0\0\0\x02signature-12"));
    put_tcp(&f);
    put(&f, SPAN("ah"));
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("ah");
}

static void wccp_of_version_one_has_no_header(void)
{
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, 47);
    put(&f, SPAN("\0\0\x88\x3e"));
    put_segment("redirected");
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("redirected");
}

/* On its port a tunnel may end before its datagram does. */
static void lengths_inside_udp_tunnels_cut_what_follows(void)
{
    static const struct {
        unsigned port;
        struct span head;
    } rows[] = {
        {1701, SPAN_LITERAL("\x40\x02\0\x37\0\x01\0\x02\xff\x03\0\x21")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put_udp_tunnel(rows[i].head, rows[i].port);
        size_t inner = 14 + 28 + rows[i].head.len;
        put(&f, SPAN("more"));
        set16(&f, 14 + 2, (unsigned)f.len - 14);
        set16(&f, 14 + 20 + 4, (unsigned)f.len - 34);
        set16(&f, inner + 2, 0); /* no length of its own: the tunnel's counts */
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        expect_segment("udp");
    }
}

static void gtp_extension_headers_without_length_are_no_tunnel(void)
{
    put_udp_tunnel(SPAN("\x34\xff\0\x33\0\0\0\x01\0\0\0\x85\0\x10\x01\0"), 2152);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.proto, IP_PROTO_UDP);
    CU_ASSERT_PTR_NULL(h.tunnel);
}

static CU_TestInfo link_tests[] = {
    TEST(every_link_type_leads_to_ip),
    TEST(a_priority_tag_is_no_vlan),
    TEST(the_names_of_link_types_are_each_given_once),
    TEST(every_shim_behind_ethernet_leads_to_ip),
    TEST(mpls_carries_ethernet_with_and_without_a_control_word),
    TEST(shims_are_counted_once_a_packet),
    TEST(lengths_of_lower_layers_cut_what_ip_leaves_open),
    TEST(cooked_captures_give_addresses_of_six_bytes_only),
    TEST(macsec_is_read_when_it_only_signs),
    TEST(every_number_that_names_ipv6_leads_to_it),
    TEST(what_names_no_ip_is_not_ip),
    TEST(llc_may_name_ip_by_its_own_address),
    CU_TEST_INFO_NULL,
};

static CU_TestInfo tunnel_tests[] = {
    TEST(gre_is_read_with_every_combination_of_flags),
    TEST(gre_keys_name_networks_but_for_what_differs_within_one),
    TEST(erspan_of_each_version_gives_the_mirrored_frame),
    TEST(tunnels_over_udp_are_read_on_their_port_and_by_content),
    TEST(a_datagram_on_a_tunnel_port_may_be_something_else),
    TEST(content_alone_needs_a_right_checksum_inside),
    TEST(content_alone_needs_a_length_that_fits),
    TEST(teredo_is_known_by_its_addresses),
    TEST(the_outermost_header_is_the_tunnel),
    TEST(a_tunnel_in_a_tunnel_without_end_meets_the_cap),
    TEST(etherip_and_wccp_carry_frames),
    TEST(tunnel_headers_of_other_versions_leave_the_outer_packet),
    TEST(tunnel_headers_that_are_cut_are_refused),
    TEST(authenticated_packets_are_read_in_ipv4_too),
    TEST(wccp_of_version_one_has_no_header),
    TEST(lengths_inside_udp_tunnels_cut_what_follows),
    TEST(gtp_extension_headers_without_length_are_no_tunnel),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"links", NULL, NULL, set_up, tear_down, link_tests},
        {"tunnels", NULL, NULL, set_up, tear_down, tunnel_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
