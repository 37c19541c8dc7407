/* Tests of the file formats in sensor/capture: what is read, and what is said when a file is
 * damaged. */
#include "tests/unit/capture_files.h"

/* --- formats --- */

static void pcap_is_read_in_every_variant(void)
{
    static const struct {
        uint32_t magic;
        bool big;
        uint32_t fraction;
    } rows[] = {
        {0xa1b2c3d4, false, 123456},
        {0xa1b2c3d4, true, 123456},
        {0xa1b23c4d, false, 123456789},
        {0xa1b23c4d, true, 123456789},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin_file(rows[i].big);
        pcap_header(rows[i].magic, 0xf4000000 | 1); /* with a frame check sequence */
        pcap_record(1639000000, rows[i].fraction, "one");
        pcap_record(4294967295, 999999, "two");
        open_one(save("variant.pcap"));
        CU_ASSERT_EQUAL(receive(), SOURCE_OK);
        CU_ASSERT_EQUAL(batch.n, 2);
        CU_ASSERT_EQUAL(batch.packets[0].link_type, 1);
        CU_ASSERT_EQUAL(batch.packets[0].time_us, 1639000000123456);
        CU_ASSERT(span_equal(batch.packets[1].data, SPAN("two")));
        source_file.release(source, &batch);
        CU_ASSERT_EQUAL(receive(), SOURCE_END);
        CU_ASSERT_EQUAL(receive(), SOURCE_END);
        source_file.close(&source);
        CU_ASSERT(errbuf_is_empty(&err));
    }
}

static void pcap_with_longer_record_headers_is_read(void)
{
    begin_file(false);
    pcap_header(0xa1b2cd34, 1);
    for (int i = 0; i < 2; i++) {
        put32(5);
        put32(0);
        put32(4);
        put32(4);
        put_bytes("ifx\0prot", 8);
        put_bytes("data", 4);
    }
    open_one(save("modified.pcap"));
    struct whole r = read_all();
    CU_ASSERT_STRING_EQUAL(r.text, "data|data|");
    CU_ASSERT_EQUAL(r.end, SOURCE_END);
}

/* Two sections in different byte orders, interfaces of different link types and resolutions, blocks
 * of unknown types in between. */
static void make_pcapng(void)
{
    char unknown_bytes[4000];
    memset(unknown_bytes, 0xff, sizeof(unknown_bytes));
    begin_file(false);
    section();
    interface(1, 0, "eth0", 6);
    interface(101, 0, "tun0", 9);
    enhanced(0, 1000000, "first");
    enhanced(1, 2000000000, "second");
    size_t unknown = block_begin(0x0bad);
    put_bytes(unknown_bytes, sizeof(unknown_bytes));
    block_end(unknown);
    big_endian = true;
    section();
    interface(1, 4, "eth0", (char)0x8a); /* 2^-10 s */
    size_t simple = block_begin(3);
    put32(6);
    put_bytes("simple", 4); /* cut by the snap length of 4 */
    block_end(simple);
    enhanced(0, 3 * 1024 + 512, "binary");
    size_t obsolete = block_begin(2);
    put16(0);
    put16(7);
    put32(0);
    put32(4 * 1024);
    put32(3);
    put32(9);
    put_bytes("old", 3);
    block_end(obsolete);
}

static void pcapng_is_read_with_sections_interfaces_and_resolutions(void)
{
    make_pcapng();
    open_one(save("all.pcapng"));
    CU_ASSERT_EQUAL_FATAL(receive(), SOURCE_OK);
    CU_ASSERT_EQUAL_FATAL(batch.n, 5);
    const struct packet *p = batch.packets;
    CU_ASSERT_EQUAL(p[0].time_us, 1000000);
    CU_ASSERT_EQUAL(p[0].link_type, 1);
    CU_ASSERT_STRING_EQUAL(source_file.iface(source, p[0].iface), "eth0");
    CU_ASSERT_EQUAL(p[1].time_us, 2000000);
    CU_ASSERT_EQUAL(p[1].link_type, 101);
    CU_ASSERT_STRING_EQUAL(source_file.iface(source, p[1].iface), "tun0");
    CU_ASSERT(span_equal(p[2].data, SPAN("simp")));
    CU_ASSERT_EQUAL(p[2].wire_len, 6);
    CU_ASSERT_EQUAL(p[2].time_us, 2000000);
    CU_ASSERT_EQUAL(p[3].time_us, 3500000);
    CU_ASSERT_STRING_EQUAL(source_file.iface(source, p[3].iface), "eth0");
    CU_ASSERT_EQUAL(p[4].time_us, 4000000);
    CU_ASSERT_EQUAL(p[4].wire_len, 9);
    CU_ASSERT_STRING_EQUAL(source_file.iface(source, 9999), "");
    struct whole r = read_all();
    CU_ASSERT_EQUAL(r.end, SOURCE_END);
    CU_ASSERT(errbuf_is_empty(&err));
}

static void pcapng_time_offsets_and_odd_resolutions_are_honoured(void)
{
    static const struct {
        char resolution;
        uint64_t ticks;
        uint64_t us;
    } rows[] = {
        {0, 7, 7000000},
        {3, 1639000000123, 1639000000123000},
        {12, 1639000000000000, 1639000000},
        {(char)0x94, 5ULL << 20 | 1ULL << 19, 5500000}, /* 2^-20 s */
        {(char)0xbf, 1ULL << 63, 1000000},              /* 2^-63 s */
        {(char)0x80, 9, 9000000},
        {127, UINT64_MAX, 0},
        {(char)0xff, UINT64_MAX, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin_file(false);
        section();
        size_t at = block_begin(1);
        put16(1);
        put16(0);
        put32(0);
        option(9, &rows[i].resolution, 1);
        option(14, "\x0a\0\0\0\0\0\0\0", 8);
        block_end(at);
        enhanced(0, rows[i].ticks, "x");
        open_one(save("ticks.pcapng"));
        CU_ASSERT_EQUAL(read_all().last_us, rows[i].us + 10000000);
    }
}

static void a_section_forgets_the_interfaces_of_the_last(void)
{
    begin_file(false);
    section();
    interface(1, 0, "eth0", 6);
    section();
    enhanced(0, 1, "of no interface");
    open_one(save("none.pcapng"));
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
    expect_error("none.pcapng' is damaged at packet 1, byte 96: a packet of interface 0, which is "
                 "not described; 0 packets were read");
}

static void a_header_alone_is_a_capture_without_packets(void)
{
    begin_file(false);
    pcap_header(0xa1b2c3d4, 1);
    open_one(save("header.pcap"));
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END);
    CU_ASSERT(errbuf_is_empty(&err));
}

/* --- what is said of bad files --- */

static void what_is_no_capture_is_said_when_it_is_read(void)
{
    open_one(save_bytes("text", "root:x:0:0", 10));
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
    expect_error("text' is not a pcap or pcapng file (starts with 72 6f 6f 74)\n");
    open_one(save_bytes("short", "\xd4", 1));
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
    expect_error("short' is not a pcap or pcapng file (starts with d4)\n");
    open_one(save_bytes("empty", "", 0));
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
    expect_error("empty' is empty (0 bytes)\n");
    CU_ASSERT_EQUAL(err.n_lines, 1);
}

static void what_cannot_be_opened_is_said_at_once_for_each(void)
{
    const char *paths[] = {path_of("nofile.pcap"), path_of("nofolder/x")};
    struct source_options options = {.inputs = paths, .n_inputs = 2};
    CU_ASSERT_EQUAL(open_with(&options), -ENOENT);
    CU_ASSERT_PTR_NULL(source);
    CU_ASSERT_EQUAL(err.n_lines, 2);
    expect_error("cannot open capture '");
    expect_error("nofile.pcap': No such file or directory. Check the path\n");
}

static void a_file_without_read_permission_names_owner_and_mode(void)
{
    begin_file(false);
    pcap_header(0xa1b2c3d4, 1);
    const char *path = save("secret.pcap");
    CU_ASSERT_EQUAL(chmod(path, 0), 0);
    int child_may_read = open(path, O_RDONLY);
    if (child_may_read >= 0) { /* root reads everything: give the rights up */
        (void)close(child_may_read);
        CU_ASSERT_EQUAL_FATAL(seteuid(65534), 0);
    }
    struct source_options options = {.inputs = &path, .n_inputs = 1};
    CU_ASSERT_EQUAL(open_with(&options), -EACCES);
    if (child_may_read >= 0) {
        CU_ASSERT_EQUAL_FATAL(seteuid(0), 0);
    }
    expect_error("secret.pcap': Permission denied. It belongs to ");
    expect_error(", mode 0000\n");
    CU_ASSERT_EQUAL(chmod(path, 0600), 0);
}

/* Each cut gives all whole packets, and a line with packet and offset unless it falls between two
 * records. */
static void a_cut_at_every_byte_keeps_whole_packets_and_names_the_place(void)
{
    static const size_t starts[] = {24, 44, 64, 82};
    make_small_pcap();
    CU_ASSERT_EQUAL_FATAL(file.len, starts[3]);
    for (size_t len = 1; len <= file.len; len++) {
        char words[128];
        open_one(save_bytes("cut.pcap", file.data, len));
        struct whole r = read_all();
        size_t n = len < starts[1] ? 0 : len < starts[2] ? 1 : len < starts[3] ? 2 : 3;
        bool clean = len == starts[0] || len == starts[1] || len == starts[2] || len == starts[3];
        CU_ASSERT_EQUAL(r.n, n);
        CU_ASSERT_EQUAL(r.end, clean ? SOURCE_END : SOURCE_END_BAD);
        CU_ASSERT_EQUAL(err.n_lines, clean ? 0 : 1);
        if (!clean && len > starts[0]) {
            (void)snprintf(words, sizeof(words),
                           "cut.pcap' ends inside packet %zu at byte %zu; %zu packet%s read\n",
                           n + 1, starts[n], n, n == 1 ? " was" : "s were");
            expect_error(words);
        }
    }
}

static void pcapng_cut_at_every_byte_never_loses_a_whole_packet(void)
{
    make_pcapng();
    size_t most = 0;
    for (size_t len = 1; len <= file.len; len++) {
        open_one(save_bytes("cut.pcapng", file.data, len));
        struct whole r = read_all();
        CU_ASSERT(r.n >= most);
        most = r.n > most ? r.n : most;
        CU_ASSERT_EQUAL(r.end == SOURCE_END_BAD, err.n_lines == 1);
        CU_ASSERT(r.end != SOURCE_END_BAD || len < file.len);
        if (r.end == SOURCE_END_BAD && len > 28) {
            expect_error(" byte ");
        }
    }
    CU_ASSERT_EQUAL(most, 5);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Flipped bytes: whatever comes out, a bad end has one line that names the file. */
static void flipped_bytes_end_in_one_line_at_most(void)
{
    uint32_t seed = 44228;
    size_t n_bad = 0;
    for (unsigned round = 0; round < 1500; round++) {
        if (round % 2 == 0) {
            make_small_pcap();
        } else {
            make_pcapng();
        }
        for (unsigned n = 1 + next_random(&seed) % 3; n > 0; n--) {
            file.data[next_random(&seed) % file.len] ^= (uint8_t)(1 + next_random(&seed) % 255);
        }
        open_one(save("flipped"));
        struct whole r = read_all();
        CU_ASSERT_EQUAL(err.n_lines, r.end == SOURCE_END_BAD ? 1 : 0);
        if (r.end == SOURCE_END_BAD) {
            expect_error("flipped' ");
            n_bad++;
        }
    }
    CU_ASSERT(n_bad > 300);
}

static void a_record_beyond_256_kib_is_damage_with_its_place(void)
{
    make_small_pcap();
    file.data[44 + 8 + 3] = 0x7f;
    open_one(save("huge.pcap"));
    struct whole r = read_all();
    CU_ASSERT_EQUAL(r.n, 1);
    expect_error("huge.pcap' is damaged at packet 2, byte 44: a record of 2130706436 bytes; "
                 "1 packet was read\n");
}

/* Bytes in place of those at off, in a file of a section, an interface and a packet. */
static const struct {
    const char *what;
    size_t off;
    struct span bytes;
    size_t byte; /* where the line says the damage is */
} faults[] = {
    {"a section header without byte order", 8, SPAN_LITERAL("\xff\xff\xff\xff"), 0},
    {"version 2 of the pcapng format, not 1", 12, SPAN_LITERAL("\x02"), 0},
    {"a section header of 24 bytes", 4, SPAN_LITERAL("\x18"), 0},
    {"a section header of 29 bytes", 4, SPAN_LITERAL("\x1d"), 0},
    {"a block of 8 bytes", 28 + 4, SPAN_LITERAL("\x08"), 28},
    {"a block of 41 bytes", 28 + 4, SPAN_LITERAL("\x29"), 28},
    {"a block of 40 bytes that ends with length 44", 28 + 36, SPAN_LITERAL("\x2c"), 28},
    {"a block of 2130706472 bytes", 28 + 4 + 3, SPAN_LITERAL("\x7f"), 28},
    {"a packet of 9 bytes in a block of 40", 68 + 20, SPAN_LITERAL("\x09"), 68},
    {"a packet of interface 1, which is not described", 68 + 8, SPAN_LITERAL("\x01"), 68},
};

static void each_fault_of_a_pcapng_file_is_named_with_its_place(void)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        char words[160];
        begin_file(false);
        section();
        interface(1, 0, "eth0", 6);
        enhanced(0, 1, "12345678");
        sbuf_overwrite(&file, faults[i].off, faults[i].bytes);
        open_one(save("fault.pcapng"));
        struct whole r = read_all();
        CU_ASSERT_EQUAL(r.n, 0);
        CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
        (void)snprintf(words, sizeof(words),
                       "fault.pcapng' is damaged at packet 1, byte %zu: %s; 0 packets were read\n",
                       faults[i].byte, faults[i].what);
        expect_error(words);
    }
}

static void blocks_too_short_for_their_kind_are_damage(void)
{
    static const struct {
        uint32_t type;
        const char *what;
    } rows[] = {
        {1, "an interface description of 12 bytes"},
        {6, "a packet block of 12 bytes"},
        {2, "a packet block of 12 bytes"},
        {3, "a packet block of 8 bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin_file(false);
        section();
        size_t at = block_begin(rows[i].type);
        if (rows[i].type != 3) {
            put32(0);
        }
        block_end(at);
        open_one(save("short.pcapng"));
        CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
        expect_error(rows[i].what);
    }
}

static void a_later_section_must_have_a_byte_order_too(void)
{
    begin_file(false);
    section();
    section();
    file.data[28 + 8] ^= 1;
    open_one(save("order.pcapng"));
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
    expect_error("byte 28: a section header without byte order");
}

static void options_end_where_they_say(void)
{
    begin_file(false);
    section();
    size_t at = block_begin(1);
    put16(1);
    put16(0);
    put32(0);
    option(0, "", 0);
    option(9, "\x09", 1); /* behind the end: not read */
    block_end(at);
    enhanced(0, 1000000, "x");
    at = block_begin(1);
    put16(1);
    put16(0);
    put32(0);
    put16(2); /* a name longer than the block */
    put16(400);
    put_bytes("eth0", 4);
    block_end(at);
    enhanced(1, 2000000, "y");
    open_one(save("options.pcapng"));
    CU_ASSERT_EQUAL(receive(), SOURCE_OK);
    CU_ASSERT_EQUAL(batch.n, 2);
    CU_ASSERT_EQUAL(batch.packets[0].time_us, 1000000);
    CU_ASSERT_STRING_EQUAL(source_file.iface(source, batch.packets[1].iface), "");
    source_file.release(source, &batch);
    source_file.close(&source);
}

static void interfaces_by_the_thousand_meet_a_cap(void)
{
    begin_file(false);
    section();
    for (unsigned i = 0; i < 4096; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "if%u", i);
        interface(1, 0, name, 6);
    }
    enhanced(1023, 1, "named");
    enhanced(4095, 2, "beyond the names");
    interface(1, 0, "one more", 6);
    open_one(save("many.pcapng"));
    CU_ASSERT_EQUAL(receive(), SOURCE_OK);
    CU_ASSERT_EQUAL(batch.n, 2);
    CU_ASSERT_STRING_EQUAL(source_file.iface(source, batch.packets[0].iface), "if1023");
    CU_ASSERT_STRING_EQUAL(source_file.iface(source, batch.packets[1].iface), "");
    source_file.release(source, &batch);
    CU_ASSERT_EQUAL(receive(), SOURCE_END_BAD);
    expect_error(": more than 4096 interfaces in a section; 2 packets were read\n");
    source_file.close(&source);
}

static void what_cannot_be_printed_in_a_name_is_a_question_mark(void)
{
    begin_file(false);
    section();
    interface(1, 0, "e\x1b[2Jth", 6);
    enhanced(0, 1, "x");
    open_one(save("name.pcapng"));
    CU_ASSERT_EQUAL(receive(), SOURCE_OK);
    CU_ASSERT_STRING_EQUAL(source_file.iface(source, batch.packets[0].iface), "e?[2Jth");
    source_file.release(source, &batch);
    source_file.close(&source);
}

static void a_pcap_of_another_major_version_is_refused(void)
{
    make_small_pcap();
    file.data[4] = 3;
    open_one(save("version.pcap"));
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
    expect_error("byte 0: version 3.4 of the pcap format, not 2.x");
}

/* Whichever allocation fails: an error or a line, never a crash, a leak or a wrong packet. */
static void memory_that_fails_is_said(void)
{
    make_pcapng();
    const char *path = save("memory.pcapng");
    unsigned n_failed = 0;
    for (size_t n = 1; n < 30; n++) {
        struct source_options options = {.inputs = &path, .n_inputs = 1, .filter = "len > 0"};
        mem_fail_at(n, 0);
        int error = open_with(&options);
        struct whole r = {.end = SOURCE_END_BAD};
        if (error == 0) {
            r = read_all();
        }
        mem_fail_at(0, 0);
        CU_ASSERT(error == 0 || error == -ENOMEM);
        CU_ASSERT(r.n == 5 || r.end == SOURCE_END_BAD);
        n_failed += error != 0 || r.end == SOURCE_END_BAD;
    }
    CU_ASSERT(n_failed > 5 && n_failed < 29);
}

/* --- going on behind damage --- */

static struct whole read_resynced(const char *path)
{
    struct source_options options = {.inputs = &path, .n_inputs = 1, .resync = true};
    CU_ASSERT_EQUAL_FATAL(open_with(&options), 0);
    return read_all();
}

/* Ten records of 20 + 16 bytes. */
static void make_ten(bool big)
{
    begin_file(big);
    pcap_header(0xa1b2c3d4, 1);
    for (uint32_t i = 0; i < 10; i++) {
        char data[] = "packet number N.....";
        data[14] = (char)('0' + i);
        pcap_record(1639000000 + i, i, data);
    }
}

static void reading_goes_on_behind_a_damaged_record_when_asked(void)
{
    for (unsigned big = 0; big < 2; big++) {
        make_ten(big != 0);
        memset(file.data + 24 + 3 * 36 + 8, 0x7f, 4);
        const char *path = save("resync.pcap");
        open_one(path);
        CU_ASSERT_EQUAL(read_all().n, 3);
        struct whole r = read_resynced(path);
        CU_ASSERT_EQUAL(r.n, 9);
        CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
        CU_ASSERT_EQUAL(err.n_lines, 1);
        expect_error("resync.pcap' is damaged at packet 4, byte 132: a record of 2139062143 bytes; "
                     "3 packets were read; went on at byte 168\n");
    }
}

static void reading_goes_on_behind_bytes_that_were_lost_or_added(void)
{
    make_ten(false);
    struct sbuf whole_file = sbuf_with_cap(FILE_CAP);
    (void)sbuf_add(&whole_file, span_head(sbuf_span(&file), 24 + 4 * 36 - 7));
    (void)sbuf_add(&whole_file, span_from(sbuf_span(&file), 24 + 5 * 36));
    const char *path = save_bytes("lost.pcap", whole_file.data, whole_file.len);
    struct whole r = read_resynced(path);
    CU_ASSERT(r.n >= 8);
    CU_ASSERT_EQUAL(r.last_us, 1639000009000009);
    CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
    sbuf_free(&whole_file);
}

static void pcapng_goes_on_at_the_next_block(void)
{
    make_pcapng();
    size_t second = 28 + 40 + 40 + 40; /* the packet of interface 1 */
    file.data[second + 4] ^= 0x55;
    const char *path = save("resync.pcapng");
    open_one(path);
    CU_ASSERT_EQUAL(read_all().n, 1);
    struct whole r = read_resynced(path);
    CU_ASSERT_EQUAL(r.n, 4);
    CU_ASSERT_EQUAL(err.n_lines, 1);
    expect_error("; went on at byte ");
}

static void nothing_readable_behind_damage_is_said(void)
{
    make_small_pcap();
    struct whole r = read_resynced(save_bytes("cut.pcap", file.data, 70));
    CU_ASSERT_EQUAL(r.n, 2);
    CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
    CU_ASSERT_EQUAL(err.n_lines, 1);
    expect_error(
        "cut.pcap' ends inside packet 3 at byte 64; 2 packets were read; nothing behind it "
        "can be read\n");
}

/* Damage in a file larger than a window, found and left behind while batches are held. */
static void damage_in_a_large_file_costs_only_what_is_damaged(void)
{
    char data[1000];
    memset(data, 'x', sizeof(data) - 1);
    data[sizeof(data) - 1] = '\0';
    begin_file(false);
    pcap_header(0xa1b2c3d4, 1);
    for (uint32_t i = 0; i < 5000; i++) {
        pcap_record(1639000000, i, data);
    }
    size_t record = sizeof(data) - 1 + 16;
    for (size_t i = 100; i < 5000; i += 500) {
        memset(file.data + 24 + i * record, 0xff, 40);
    }
    struct whole r = read_resynced(save("large.pcap"));
    CU_ASSERT_EQUAL(r.n, 4990);
    CU_ASSERT_EQUAL(err.n_lines, 10);
    CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
}

static void a_file_that_ends_in_an_unread_block_ends_there(void)
{
    make_pcapng();
    struct whole r = read_resynced(save_bytes("cut.pcapng", file.data, 28 + 160 + 100));
    CU_ASSERT_EQUAL(r.n, 2);
    CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
    expect_error(
        ": the file ends inside a block; 2 packets were read; nothing behind it can be read");
}

static CU_TestInfo resync_tests[] = {
    TEST(a_file_that_ends_in_an_unread_block_ends_there),
    TEST(reading_goes_on_behind_a_damaged_record_when_asked),
    TEST(reading_goes_on_behind_bytes_that_were_lost_or_added),
    TEST(pcapng_goes_on_at_the_next_block),
    TEST(nothing_readable_behind_damage_is_said),
    TEST(damage_in_a_large_file_costs_only_what_is_damaged),
    CU_TEST_INFO_NULL,
};

static CU_TestInfo format_tests[] = {
    TEST(pcap_is_read_in_every_variant),
    TEST(pcap_with_longer_record_headers_is_read),
    TEST(pcapng_is_read_with_sections_interfaces_and_resolutions),
    TEST(pcapng_time_offsets_and_odd_resolutions_are_honoured),
    TEST(a_section_forgets_the_interfaces_of_the_last),
    TEST(a_header_alone_is_a_capture_without_packets),
    CU_TEST_INFO_NULL,
};

static CU_TestInfo bad_tests[] = {
    TEST(what_is_no_capture_is_said_when_it_is_read),
    TEST(what_cannot_be_opened_is_said_at_once_for_each),
    TEST(a_file_without_read_permission_names_owner_and_mode),
    TEST(a_cut_at_every_byte_keeps_whole_packets_and_names_the_place),
    TEST(pcapng_cut_at_every_byte_never_loses_a_whole_packet),
    TEST(flipped_bytes_end_in_one_line_at_most),
    TEST(a_record_beyond_256_kib_is_damage_with_its_place),
    TEST(each_fault_of_a_pcapng_file_is_named_with_its_place),
    TEST(blocks_too_short_for_their_kind_are_damage),
    TEST(a_later_section_must_have_a_byte_order_too),
    TEST(options_end_where_they_say),
    TEST(interfaces_by_the_thousand_meet_a_cap),
    TEST(what_cannot_be_printed_in_a_name_is_a_question_mark),
    TEST(a_pcap_of_another_major_version_is_refused),
    TEST(memory_that_fails_is_said),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    if (set_up() != 0) {
        return EXIT_FAILURE;
    }
    CU_SuiteInfo suites[] = {
        {"formats", NULL, NULL, NULL, NULL, format_tests},
        {"bad files", NULL, NULL, NULL, NULL, bad_tests},
        {"resynchronising", NULL, NULL, NULL, NULL, resync_tests},
        CU_SUITE_INFO_NULL,
    };
    int result = run_suites(suites);
    return tear_down() == 0 ? result : EXIT_FAILURE;
}
