/* Tests of IP reassembly: order, overlap, limits; and of checksums, which see whole datagrams.
 * lint: over 800 lines, because both parts build the same datagrams. */
#include "sensor/base/mem.h"
#include "sensor/packet/ipfrag.h"
#include "tests/unit/packet_lab.h"

#include <string.h>

enum { PAYLOAD = 400, PIECE = 104 };

static struct frame whole; /* the IP packet to be cut, without a link layer */
static struct frame piece;
static uint64_t clock_us;

/* A TCP segment of 400 bytes of which each eight differ. */
static void make_whole(bool six)
{
    whole.len = 0;
    size_t ip = six ? begin_ipv6(&whole, IP_PROTO_TCP) : begin_ipv4(&whole, IP_PROTO_TCP);
    (void)put_tcp(&whole);
    for (unsigned i = 0; i < PAYLOAD / 8; i++) {
        put32(&whole, i);
        put(&whole, SPAN("data"));
    }
    if (six) {
        end_ipv6(&whole, ip);
    } else {
        end_ipv4(&whole, ip);
    }
}

static size_t header_of(const struct frame *packet)
{
    return packet->bytes[0] >> 4 == 4 ? 20 : 40;
}

/* A fragment of `whole` in `piece`, behind Ethernet: `len` bytes from off on, or from other bytes.
 */
static void make_piece_of(struct span bytes, size_t off, bool more)
{
    bool six = header_of(&whole) == 40;
    piece.len = 0;
    put_ether(&piece, six ? 0x86dd : 0x0800);
    size_t ip = six ? begin_ipv6(&piece, 44) : begin_ipv4(&piece, IP_PROTO_TCP);
    if (six) {
        put8(&piece, IP_PROTO_TCP);
        put8(&piece, 0);
        put16(&piece, (unsigned)off | more);
        put32(&piece, 7);
    } else {
        set_fragment(&piece, ip, off, more);
    }
    put(&piece, bytes);
    if (six) {
        end_ipv6(&piece, ip);
    } else {
        end_ipv4(&piece, ip);
    }
}

static void make_piece(size_t off, size_t len)
{
    struct span all = frame_from(&whole, header_of(&whole));
    make_piece_of(span_sub(all, off, len), off, off + len < all.len);
}

static enum decode_result decode_piece(void)
{
    struct packet p = frame_packet(&piece);
    p.clock_us = clock_us;
    return packet_decode(decoder, &p, &h);
}

static void expect_whole(void)
{
    CU_ASSERT(h.reassembled);
    CU_ASSERT_EQUAL(h.dst_port, 80);
    CU_ASSERT(span_equal(h.payload, frame_from(&whole, header_of(&whole) + 20)));
    CU_ASSERT_EQUAL(h.ip.len, whole.len);
    CU_ASSERT(
        span_equal(span_from(h.ip, header_of(&whole)), frame_from(&whole, header_of(&whole))));
    CU_ASSERT_EQUAL(h.src.family, header_of(&whole) == 40 ? 6 : 4);
}

static void fragments_in_any_order_make_the_datagram(void)
{
    for (unsigned order = 0; order < 24 * 2; order++) {
        make_whole(order % 2 != 0);
        size_t left[] = {0, 1, 2, 3};
        unsigned code = order / 2;
        for (unsigned n = 4; n > 0; n--) {
            size_t at = code % n;
            code /= n;
            make_piece(left[at] * PIECE, left[at] < 3 ? PIECE : 420 - 3 * PIECE);
            CU_ASSERT_EQUAL(decode_piece(), n > 1 ? DECODE_HELD : DECODE_DONE);
            left[at] = left[n - 1];
        }
        expect_whole();
        CU_ASSERT_FALSE(packet_alternate(decoder, &h));
    }
    CU_ASSERT_EQUAL(count(STAT_FRAG_REASSEMBLED), 48);
    CU_ASSERT_EQUAL(count(STAT_PACKETS_FRAGMENTS), 48 * 3);
    CU_ASSERT_EQUAL(count(STAT_PACKETS_DECODED), 48);
    CU_ASSERT_EQUAL(count(STAT_FRAG_DROPPED), 0);
}

static void the_plain_header_of_a_datagram_has_a_right_checksum(void)
{
    make_whole(false);
    make_piece(0, 208);
    (void)decode_piece();
    make_piece(208, 212);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    CU_ASSERT_EQUAL(checksum_ipv4(span_head(h.ip, 20)), CHECKSUM_GOOD);
    CU_ASSERT_EQUAL(wire_be16(h.ip, 2), whole.len);
}

static void smallest_fragments_make_the_largest_datagram(void)
{
    whole.len = 0;
    size_t ip = begin_ipv4(&whole, IP_PROTO_TCP);
    (void)put_tcp(&whole);
    while (whole.len < 65535) {
        put8(&whole, (unsigned)whole.len * 7 / 3);
    }
    end_ipv4(&whole, ip);
    for (size_t off = 8; off < 65515; off += 8) {
        make_piece(off, 8);
        CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    }
    make_piece(0, 8);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    expect_whole();
}

static void extension_headers_behind_the_fragment_header_are_read(void)
{
    make_whole(true);
    struct frame inner = {.len = 0};
    put(&inner, SPAN("\x06\0\x01\x04\0\0\0\0")); /* destination options */
    put(&inner, frame_from(&whole, 40));
    make_piece_of(span_head(frame_span(&inner), 24), 0, true);
    piece.bytes[14 + 40] = 60;
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece_of(frame_from(&inner, 24), 24, false);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.proto, IP_PROTO_TCP);
    CU_ASSERT(span_equal(h.payload, frame_from(&whole, 60)));
}

static void overlap_with_the_same_data_is_nothing_to_report(void)
{
    make_whole(false);
    make_piece(0, 208);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece(104, 208);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece(208, 212);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    expect_whole();
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_FRAGMENT_OVERLAP], 0);
    CU_ASSERT_FALSE(packet_alternate(decoder, &h));
}

static void overlap_with_other_data_gives_both_readings(void)
{
    static const char other[PIECE] = "EVIL";
    make_whole(false);
    make_piece(0, 208);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece_of(span_of(other, PIECE), 104, true);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_FRAGMENT_OVERLAP], 1);
    make_piece(208, 212);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    expect_whole();
    struct headers second;
    CU_ASSERT(packet_alternate(decoder, &second));
    CU_ASSERT_EQUAL(second.dst_port, 80);
    CU_ASSERT_EQUAL(second.payload.len, PAYLOAD);
    CU_ASSERT(span_equal(span_sub(second.payload, 84, PIECE), span_of(other, PIECE)));
    CU_ASSERT(span_equal(span_head(second.payload, 84), span_head(h.payload, 84)));
    CU_ASSERT(span_equal(span_from(second.payload, 188), span_from(h.payload, 188)));
    CU_ASSERT_EQUAL(count(STAT_DECODER_PKTS), 3);
    CU_ASSERT_EQUAL(count(STAT_DECODER_TCP), 1);
    make_piece(0, 8); /* the next packet ends what the last one gave */
    (void)decode_piece();
    CU_ASSERT_FALSE(packet_alternate(decoder, &second));
}

/* Three versions of a piece: each stands in one of the readings. */
static void each_version_of_a_fragment_is_read(void)
{
    static const char *const versions[] = {"one", "two", "three", "four"};
    make_whole(false);
    make_piece(0, 208);
    (void)decode_piece();
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        char bytes[PIECE] = "";
        bytes_copy(bytes, versions[i], span_str(versions[i]).len);
        make_piece_of(span_of(bytes, PIECE), 208, true);
        CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
        CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD); /* again: no version of its own */
    }
    make_piece(312, 108);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct span want = span_str(versions[i]);
        CU_ASSERT(span_equal(span_sub(h.payload, 188, want.len), want));
        CU_ASSERT(span_equal(span_from(h.payload, 292), frame_from(&whole, 20 + 20 + 292)));
        CU_ASSERT_EQUAL(packet_alternate(decoder, &h), i + 1 < ARRAY_LEN(versions));
    }
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_FRAGMENT_OVERLAP], 3);
}

/* A decoy says that the datagram ends early, and one that it goes on: what the rest makes of it is
 * read as well. */
static void ends_that_contradict_each_other_are_each_read(void)
{
    static const char bytes[PIECE] = "x";
    make_whole(false);
    make_piece_of(span_of(bytes, 16), 312, false); /* an end before the real one */
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece_of(span_of(bytes, PIECE), 520, true); /* and something behind it */
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece(312, 108);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_FRAGMENT_OVERLAP], 2);
    make_piece(0, 312);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    size_t found = 0;
    bool more = true;
    while (more) {
        struct span real = frame_from(&whole, 20 + 20);
        found += span_equal(h.payload, real) ? 1 : 0;
        more = packet_alternate(decoder, &h);
    }
    CU_ASSERT_EQUAL(found, 1);
    make_piece_of(span_of(bytes, 96), 424, false); /* one more, too late for the main reading */
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    found = 0;
    while (packet_alternate(decoder, &h)) {
        found += h.payload.len == 500 ? 1 : 0;
    }
    CU_ASSERT(found > 0);
}

/* The decoy was what made the datagram whole: what comes behind it is still read. */
static void a_fragment_behind_a_whole_datagram_gives_another_reading(void)
{
    static const char other[PIECE] = "EVIL";
    make_whole(false);
    make_piece(0, 312);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece_of(span_of(other, PIECE), 312, false);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    make_piece(312, 108);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_FRAGMENT_OVERLAP], 1);
    bool found = false;
    while (packet_alternate(decoder, &h)) {
        found = found || span_equal(h.payload, frame_from(&whole, 20 + 20));
    }
    CU_ASSERT(found);
    CU_ASSERT_EQUAL(count(STAT_DECODER_PKTS), 3);
    CU_ASSERT_EQUAL(count(STAT_FRAG_REASSEMBLED), 1);
}

/* Senders use numbers again: another transport header is another datagram. */
static void a_number_that_is_used_again_is_another_datagram(void)
{
    for (unsigned i = 0; i < 3; i++) {
        make_whole(false);
        set16(&whole, 20 + 4, i); /* the sequence number */
        make_piece(0, 208);
        CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
        make_piece(208, 212);
        CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
        CU_ASSERT_FALSE(packet_alternate(decoder, &h));
    }
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_FRAGMENT_OVERLAP], 0);
}

/* What is kept counts as memory, and goes before what still waits. */
static void kept_datagrams_are_few_and_go_first(void)
{
    struct ipfrag_options options = {.stats = &stats, .memory = 1 << 20, .timeout_us = 30000000};
    struct ipfrag *t = ipfrag_new(&options);
    struct headers of = {.src = {.family = 4}, .dst = {.family = 4}};
    static const uint8_t bytes[1480];
    struct ipfrag_datagram datagram = {.proto = 0};
    enum anomaly anomaly = ANOMALY_N;
    size_t at_most = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        struct ipfrag_piece p = {
            .headers = &of, .data = span_of(bytes, 1480), .id = i, .more = true};
        CU_ASSERT_EQUAL(ipfrag_add(t, &p, &datagram, &anomaly), IPFRAG_HELD);
        p.off = 1480;
        p.more = false;
        CU_ASSERT_EQUAL(ipfrag_add(t, &p, &datagram, &anomaly), IPFRAG_WHOLE);
        CU_ASSERT_EQUAL(ipfrag_n(t), 0);
        ipfrag_release(t, &datagram);
        at_most = ipfrag_memory(t) > at_most ? ipfrag_memory(t) : at_most;
    }
    CU_ASSERT(at_most < 70 * 8192);
    CU_ASSERT_EQUAL(count(STAT_FRAG_DROPPED), 0);
    ipfrag_free(&t);
}

static void what_cannot_belong_to_the_datagram_is_refused(void)
{
    static const char bytes[PIECE] = "x";
    make_whole(false);
    make_piece(312, 108);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    for (size_t i = 0; i < 3; i++) { /* three ends are possible, a fourth is not */
        make_piece_of(span_of(bytes, 16), 424 + 16 * i, false);
        CU_ASSERT_EQUAL(decode_piece(), i < 2 ? DECODE_HELD : DECODE_REFUSED);
    }
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_FRAGMENT_OVERLAP], 3);
    make_piece_of(span_of(bytes, PIECE), 65528, true);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_FRAGMENT_TOO_LARGE], 1);
    make_piece_of(SPAN("seven b"), 0, true); /* nothing is left of it */
    CU_ASSERT_EQUAL(decode_piece(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_IP_BAD_HEADER], 1);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_HEADER), 3);
    make_piece(0, 312);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.payload.len, PAYLOAD + 36); /* the furthest end first */
    CU_ASSERT(packet_alternate(decoder, &h));
    CU_ASSERT_EQUAL(h.payload.len, PAYLOAD + 20);
    CU_ASSERT(packet_alternate(decoder, &h));
    expect_whole();
}

static void odd_sizes_are_cut_in_ipv4_and_refused_in_ipv6(void)
{
    make_whole(false);
    make_piece(0, 213);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece(208, 212);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    expect_whole();
    make_whole(true);
    make_piece(0, 213);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_IP_BAD_HEADER], 1);
}

static void ids_addresses_and_tags_keep_datagrams_apart(void)
{
    make_whole(false);
    make_piece(0, 208);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    static const size_t places[] = {14 + 5, 14 + 9, 14 + 12, 14 + 19}; /* id, protocol, addresses */
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        make_piece(208, 212);
        piece.bytes[places[i]] ^= 0x40;
        CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    }
    make_piece(208, 212);
    bytes_move(piece.bytes + 18, piece.bytes + 14, piece.len - 14);
    bytes_copy(piece.bytes + 12, "\x81\0\0\x05\x08\0", 6);
    piece.len += 4;
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece(208, 212);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    expect_whole();
}

static void fragments_wait_as_long_as_the_timeout_says(void)
{
    make_whole(false);
    clock_us = 1000000;
    make_piece(0, 208);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    clock_us += 30000001;
    make_piece(208, 212);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    CU_ASSERT_EQUAL(count(STAT_FRAG_DROPPED), 1);
    clock_us += 30000000;
    make_piece(0, 208);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    expect_whole();
}

static void a_cut_fragment_is_refused_as_truncated(void)
{
    make_whole(false);
    make_piece(0, 208);
    struct packet p = frame_packet(&piece);
    p.data.len -= 10;
    CU_ASSERT_EQUAL(packet_decode(decoder, &p, &h), DECODE_REFUSED);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_TRUNCATED), 1);
}

static void fragments_in_fragments_are_put_together(void)
{
    make_whole(false);
    struct frame inner[2];
    for (size_t i = 0; i < 2; i++) {
        make_piece(i * 208, i == 0 ? 208 : 212);
        inner[i].len = 0;
        put(&inner[i], frame_from(&piece, 14));
    }
    enum decode_result last = DECODE_REFUSED;
    for (unsigned i = 0; i < 4; i++) { /* each inner fragment in two outer ones */
        struct span all = frame_span(&inner[i / 2]);
        size_t off = i % 2 == 0 ? 0 : 112;
        piece.len = 0;
        put_ether(&piece, 0x0800);
        size_t ip = begin_ipv4(&piece, 4);
        set16(&piece, ip + 4, 100 + i / 2);
        set_fragment(&piece, ip, off, i % 2 == 0);
        put(&piece, i % 2 == 0 ? span_head(all, 112) : span_from(all, 112));
        end_ipv4(&piece, ip);
        last = decode_piece();
        CU_ASSERT_EQUAL(last, i < 3 ? DECODE_HELD : DECODE_DONE);
    }
    expect_whole();
    CU_ASSERT_EQUAL(h.tunnel_depth, 1);
}

/* The other reading of a datagram holds a fragment of another: it is not kept, nor counted. */
static void a_fragment_in_another_reading_is_left_alone(void)
{
    make_whole(false);
    struct frame inner = {.len = 0};
    size_t ip = begin_ipv4(&inner, 4);
    put(&inner, frame_span(&whole));
    end_ipv4(&inner, ip);
    struct span all = frame_span(&inner);
    static const size_t offs[] = {0, 24, 0};
    for (unsigned i = 0; i < 3; i++) { /* an IP header, the rest, and in between the header again */
        unsigned at = i == 0 ? 0 : i == 1 ? 2 : 1;
        bool again = at == 2;
        piece.len = 0;
        put_ether(&piece, 0x0800);
        size_t outer = begin_ipv4(&piece, 4);
        set_fragment(&piece, outer, offs[at], at != 1);
        put(&piece, at == 1 ? span_from(all, 24) : span_head(all, 24));
        if (again) {
            set_fragment(&piece, outer + 20, 0, true); /* now it says that more fragments follow */
        }
        end_ipv4(&piece, outer);
        CU_ASSERT_EQUAL(decode_piece(), i < 2 ? DECODE_HELD : DECODE_DONE);
    }
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_FRAGMENT_OVERLAP], 1);
    struct headers second;
    CU_ASSERT_FALSE(packet_alternate(decoder, &second));
    CU_ASSERT_EQUAL(count(STAT_DECODER_PKTS), 3);
    CU_ASSERT_EQUAL(count(STAT_PACKETS_DECODED) + count(STAT_PACKETS_FRAGMENTS), 3);
    CU_ASSERT_EQUAL(count(STAT_FRAG_REASSEMBLED), 1);
    packet_decoder_free(&decoder);
    CU_ASSERT_EQUAL(count(STAT_FRAG_DROPPED), 0);
    make_decoder(NULL, false);
}

static void what_is_refused_leaves_nothing_behind(void)
{
    struct ipfrag_options options = {.stats = &stats, .memory = 1 << 20, .timeout_us = 1};
    struct ipfrag *t = ipfrag_new(&options);
    struct headers of = {.src = {.family = 6}, .dst = {.family = 6}};
    struct ipfrag_datagram datagram = {.proto = 0};
    enum anomaly anomaly = ANOMALY_N;
    struct ipfrag_piece p = {.headers = &of, .data = SPAN("odd size"), .more = true};
    p.data.len = 7;
    CU_ASSERT_EQUAL(ipfrag_add(t, &p, &datagram, &anomaly), IPFRAG_IMPOSSIBLE);
    CU_ASSERT_EQUAL(ipfrag_n(t), 0);
    CU_ASSERT_EQUAL(ipfrag_memory(t), 0);
    ipfrag_release(t, &datagram);
    ipfrag_free(&t);
}

/* A flood of first fragments: memory stays within its limit, and a datagram sent beside it in time
 * is still put together. */
static void a_flood_stays_within_its_memory(void)
{
    struct ipfrag_options options = {.stats = &stats, .memory = 1 << 20, .timeout_us = 30000000};
    struct ipfrag *t = ipfrag_new(&options);
    struct headers of = {.src = {.family = 4}, .dst = {.family = 4}};
    static const uint8_t bytes[1480];
    struct ipfrag_datagram datagram = {.proto = 0};
    enum anomaly anomaly = ANOMALY_N;
    size_t most = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        struct ipfrag_piece p = {
            .headers = &of, .data = span_of(bytes, 1480), .id = i, .more = true};
        CU_ASSERT_EQUAL(ipfrag_add(t, &p, &datagram, &anomaly), IPFRAG_HELD);
        most = ipfrag_memory(t) > most ? ipfrag_memory(t) : most;
    }
    CU_ASSERT(most <= 1 << 20);
    CU_ASSERT(ipfrag_n(t) > 100);
    CU_ASSERT_EQUAL(count(STAT_FRAG_DROPPED), 10000 - ipfrag_n(t));
    struct ipfrag_piece end = {.headers = &of, .data = span_of(bytes, 8), .id = 9999, .off = 1480};
    CU_ASSERT_EQUAL(ipfrag_add(t, &end, &datagram, &anomaly), IPFRAG_WHOLE);
    CU_ASSERT_EQUAL(datagram.payload.len, 1488);
    size_t n = ipfrag_n(t);
    ipfrag_release(t, &datagram);
    ipfrag_release(t, &datagram);
    CU_ASSERT_EQUAL(ipfrag_n(t), n);
    ipfrag_free(&t);
    CU_ASSERT_PTR_NULL(t);
    ipfrag_free(&t);
    CU_ASSERT_EQUAL(count(STAT_FRAG_DROPPED), 9999);
}

static void memory_that_fails_loses_the_fragment_only(void)
{
    size_t n_refused = 0;
    for (size_t n = 1; n <= 6; n++) {
        static const char other[PIECE] = "EVIL";
        make_whole(false);
        mem_fail_at(n, 0);
        make_piece(0, 208);
        n_refused += decode_piece() == DECODE_REFUSED;
        make_piece_of(span_of(other, PIECE), 104, true);
        n_refused += decode_piece() == DECODE_REFUSED;
        make_piece(208, 212);
        n_refused += decode_piece() == DECODE_REFUSED;
        mem_fail_at(0, 0);
        clock_us += 31000000;
    }
    CU_ASSERT(n_refused >= 3);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_MEMORY), n_refused);
    clock_us += 31000000;
    make_piece(0, 208);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece(208, 212);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    expect_whole();
}

/* --- checksums --- */

static struct checksum_policy *policy;

static void with_policy(enum checksum_mode mode)
{
    tear_down();
    checksum_policy_free(&policy);
    policy = checksum_policy_new(mode);
    CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
    make_decoder(policy, mode == CHECKSUM_AUTO);
}

/* From now on the policy judges. */
static void end_survey(void)
{
    tear_down();
    make_decoder(policy, false);
}

static void tear_down_policy(void)
{
    tear_down();
    checksum_policy_free(&policy);
}

/* The sum of the pseudo header alone, as a machine that leaves the rest to its card writes it. */
static void set_partial(size_t ip, size_t tcp)
{
    uint32_t sum = wire_sum(span_of(f.bytes + ip + 12, 8), IP_PROTO_TCP + (uint32_t)(f.len - tcp));
    set16(&f, tcp + 16, sum);
}

static void make_sender(unsigned host)
{
    f.len = 0;
    put_ether(&f, 0x0800);
    put_segment("checked");
    set16(&f, 14 + 14, host);
    end_ipv4(&f, 14);
    set_checksum(&f, 14, 34);
}

/* RFC 1071's definition, word by word. */
static uint32_t plain_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (sum & 0xffff) + (sum >> 16);
}

static void the_sum_is_that_of_rfc_1071_at_every_length(void)
{
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 151 + 77);
    }
    for (size_t from = 0; from < 8; from++) {
        for (size_t len = 0; len < 180; len++) {
            CU_ASSERT_EQUAL(wire_sum(span_of(bytes + from, len), 0xfffe),
                            plain_sum(bytes + from, len, 0xfffe));
        }
    }
    static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    CU_ASSERT_EQUAL(wire_sum(span_of(NULL, 0), 0x1234), 0x1234);
    CU_ASSERT_EQUAL(wire_sum(span_of(example, sizeof(example)), 0), 0xddf2);
    static uint8_t large[700001]; /* lanes would overflow if they were not folded on the way */
    memset(large, 0xff, sizeof(large));
    CU_ASSERT_EQUAL(wire_sum(span_of(large, sizeof(large)), 0), plain_sum(large, sizeof(large), 0));
}

static void all_refuses_every_wrong_sum(void)
{
    with_policy(CHECKSUM_ALL);
    make_sender(1);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_NOT_EQUAL(h.sums, SUMS_WRONG);
    f.bytes[f.len - 1] ^= 1;
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    f.bytes[f.len - 1] ^= 1;
    f.bytes[14 + 8] ^= 1; /* IP header */
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_CHECKSUM), 2);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_BAD_CHECKSUM], 2);
    make_sender(1);
    set_partial(14, 34);
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    make_sender(1);
    struct packet p = frame_packet(&f); /* what was not captured cannot be summed */
    p.data.len -= 2;
    CU_ASSERT_EQUAL(packet_decode(decoder, &p, &h), DECODE_DONE);
}

static void a_udp_sum_of_zero_is_none(void)
{
    with_policy(CHECKSUM_ALL);
    f.len = 0;
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, IP_PROTO_UDP);
    size_t udp = begin_udp(&f);
    put(&f, SPAN("x"));
    end_udp(&f, udp);
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    set_checksum(&f, ip, udp);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    f.bytes[udp + 7] ^= 0x10;
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
}

static void none_looks_at_no_sum(void)
{
    with_policy(CHECKSUM_NONE);
    make_sender(1);
    f.bytes[f.len - 1] ^= 1;
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_NOT_EQUAL(h.sums, SUMS_WRONG);
}

/* Host 1 sends right sums, host 2 leaves them to its card. */
static void survey_two_hosts(void)
{
    for (unsigned i = 0; i < 5; i++) {
        make_sender(1);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
        make_sender(2);
        set_partial(14, 34);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    }
}

static void auto_holds_each_sender_to_its_own_habit(void)
{
    with_policy(CHECKSUM_AUTO);
    survey_two_hosts();
    make_sender(1);
    f.bytes[f.len - 1] ^= 1;
    CU_ASSERT_EQUAL(decode(), DECODE_DONE); /* a survey refuses nothing */
    end_survey();
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    f.bytes[f.len - 1] ^= 1;
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.sums, SUMS_RIGHT);
    make_sender(2);
    f.bytes[f.len - 1] ^= 1;
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.sums, SUMS_UNKNOWN);
}

/* As where received segments are joined: right ones and partial ones of one sender. */
static void auto_never_refuses_a_partial_sum(void)
{
    with_policy(CHECKSUM_AUTO);
    for (unsigned i = 0; i < 20; i++) {
        make_sender(1);
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    }
    end_survey();
    set_partial(14, 34);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_NOT_EQUAL(h.sums, SUMS_WRONG);
    uint32_t without_len = wire_sum(span_of(f.bytes + 14 + 12, 8), IP_PROTO_TCP);
    set16(&f, 34 + 16, without_len);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    set16(&f, 34 + 16, without_len + 1);
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
}

static void auto_leaves_strangers_to_their_flows(void)
{
    with_policy(CHECKSUM_AUTO);
    survey_two_hosts();
    end_survey();
    make_sender(3);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.sums, SUMS_RIGHT);
    f.bytes[f.len - 1] ^= 1;
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.sums, SUMS_WRONG);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_CHECKSUM), 0);
}

/* What changes a time to live need not mend the header's checksum: segments are judged apart. */
static void headers_and_segments_are_judged_apart(void)
{
    with_policy(CHECKSUM_AUTO);
    for (unsigned i = 0; i < 5; i++) {
        make_sender(1);
        f.bytes[14 + 8] ^= 1;
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    }
    end_survey();
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.sums, SUMS_RIGHT);
    f.bytes[f.len - 1] ^= 1;
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
}

static void a_survey_is_complete_after_its_number_of_segments(void)
{
    with_policy(CHECKSUM_NONE);
    CU_ASSERT_FALSE(checksum_policy_wants_survey(policy));
    with_policy(CHECKSUM_ALL);
    CU_ASSERT_FALSE(checksum_policy_wants_survey(policy));
    with_policy(CHECKSUM_AUTO);
    make_sender(1);
    for (unsigned i = 0; i < CHECKSUM_SURVEY; i++) {
        CU_ASSERT(checksum_policy_wants_survey(policy));
        CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    }
    CU_ASSERT_FALSE(checksum_policy_wants_survey(policy));
}

/* A sender of mostly damaged segments with one good: the good one counts. One of a thousand would
 * be chance. */
static void damage_excuses_nobody_who_can_send_right_sums(void)
{
    with_policy(CHECKSUM_AUTO);
    make_sender(1);
    (void)decode();
    f.bytes[f.len - 1] ^= 1;
    for (unsigned i = 0; i < 16; i++) {
        (void)decode();
    }
    end_survey();
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    with_policy(CHECKSUM_AUTO);
    make_sender(1);
    (void)decode();
    f.bytes[f.len - 1] ^= 1;
    for (unsigned i = 0; i < 17; i++) {
        (void)decode();
    }
    end_survey();
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
}

static void a_reassembled_datagram_is_summed_as_a_whole(void)
{
    with_policy(CHECKSUM_ALL);
    make_whole(false);
    set_checksum(&whole, 0, 20);
    make_piece(0, 208);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece(208, 212);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_DONE);
    whole.bytes[100] ^= 1;
    make_piece(0, 208);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_HELD);
    make_piece(208, 212);
    CU_ASSERT_EQUAL(decode_piece(), DECODE_REFUSED);
}

static CU_TestInfo fragment_tests[] = {
    TEST(fragments_in_any_order_make_the_datagram),
    TEST(the_plain_header_of_a_datagram_has_a_right_checksum),
    TEST(smallest_fragments_make_the_largest_datagram),
    TEST(extension_headers_behind_the_fragment_header_are_read),
    TEST(overlap_with_the_same_data_is_nothing_to_report),
    TEST(overlap_with_other_data_gives_both_readings),
    TEST(each_version_of_a_fragment_is_read),
    TEST(ends_that_contradict_each_other_are_each_read),
    TEST(a_fragment_behind_a_whole_datagram_gives_another_reading),
    TEST(a_number_that_is_used_again_is_another_datagram),
    TEST(kept_datagrams_are_few_and_go_first),
    TEST(what_cannot_belong_to_the_datagram_is_refused),
    TEST(odd_sizes_are_cut_in_ipv4_and_refused_in_ipv6),
    TEST(ids_addresses_and_tags_keep_datagrams_apart),
    TEST(fragments_wait_as_long_as_the_timeout_says),
    TEST(a_cut_fragment_is_refused_as_truncated),
    TEST(fragments_in_fragments_are_put_together),
    TEST(a_fragment_in_another_reading_is_left_alone),
    TEST(what_is_refused_leaves_nothing_behind),
    TEST(a_flood_stays_within_its_memory),
    TEST(memory_that_fails_loses_the_fragment_only),
    CU_TEST_INFO_NULL,
};

static CU_TestInfo checksum_tests[] = {
    TEST(the_sum_is_that_of_rfc_1071_at_every_length),
    TEST(all_refuses_every_wrong_sum),
    TEST(a_udp_sum_of_zero_is_none),
    TEST(none_looks_at_no_sum),
    TEST(auto_holds_each_sender_to_its_own_habit),
    TEST(auto_never_refuses_a_partial_sum),
    TEST(auto_leaves_strangers_to_their_flows),
    TEST(headers_and_segments_are_judged_apart),
    TEST(a_survey_is_complete_after_its_number_of_segments),
    TEST(damage_excuses_nobody_who_can_send_right_sums),
    TEST(a_reassembled_datagram_is_summed_as_a_whole),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"fragments", NULL, NULL, set_up, tear_down, fragment_tests},
        {"checksums", NULL, NULL, set_up, tear_down_policy, checksum_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
