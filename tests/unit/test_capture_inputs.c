/* Tests of sensor/capture/source_file.c: several inputs, compression, pipes, batches, filters. */
#include "tests/unit/capture_files.h"

#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <pthread.h>
#include <sys/resource.h>
#include <zstd.h>

/* --- several inputs --- */

static const char *make_timed(const char *name, const uint32_t *seconds, size_t n)
{
    char data[2] = {name[0], 0};
    begin_file(false);
    pcap_header(0xa1b2c3d4, 1);
    for (size_t i = 0; i < n; i++) {
        pcap_record(seconds[i], 0, data);
    }
    return save(name);
}

static void inputs_are_merged_by_time_and_ties_keep_their_order(void)
{
    const char *paths[] = {
        make_timed("b.pcap", (uint32_t[]){1, 5, 5}, 3),
        make_timed("a.pcap", (uint32_t[]){1, 2, 5, 9}, 4),
        make_timed("c.pcap", (uint32_t[]){0, 3}, 2),
    };
    struct source_options options = {.inputs = paths, .n_inputs = 3};
    CU_ASSERT_EQUAL_FATAL(open_with(&options), 0);
    struct whole r = read_all();
    CU_ASSERT_STRING_EQUAL(r.text, "c|b|a|a|c|b|b|a|a|");
    CU_ASSERT_EQUAL(r.end, SOURCE_END);
}

static void a_bad_input_does_not_stop_the_others(void)
{
    const char *good = make_timed("a.pcap", (uint32_t[]){1, 2}, 2);
    const char *other = make_timed("c.pcap", (uint32_t[]){3}, 1);
    const char *text = save_bytes("text", "GET / HTTP/1.1", 14);
    make_small_pcap();
    const char *cut = save_bytes("d.pcap", file.data, 50);
    const char *paths[] = {good, text, cut, other};
    struct source_options options = {.inputs = paths, .n_inputs = 4};
    CU_ASSERT_EQUAL_FATAL(open_with(&options), 0);
    struct whole r = read_all();
    CU_ASSERT_STRING_EQUAL(r.text, "a|aaaa|a|c|");
    CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
    CU_ASSERT_EQUAL(err.n_lines, 2);
    expect_error("text' is not a pcap");
    expect_error("d.pcap' ends inside packet 2 at byte 44; 1 packet was read");
}

static void a_directory_means_the_captures_in_it_by_name(void)
{
    const char *directory = path_of("rotated");
    CU_ASSERT_EQUAL(mkdir(directory, 0700), 0);
    (void)make_timed("rotated/2.pcap", (uint32_t[]){7, 8}, 2);
    (void)make_timed("rotated/10.log", (uint32_t[]){7}, 1);
    (void)save_bytes("rotated/README", "no capture", 10);
    (void)save_bytes("rotated/empty", "", 0);
    CU_ASSERT_EQUAL(mkdir(path_of("rotated/sub"), 0700), 0);
    (void)make_timed("rotated/sub/3.pcap", (uint32_t[]){1}, 1);
    open_one(directory);
    struct whole r = read_all();
    CU_ASSERT_EQUAL(r.n, 3);
    CU_ASSERT_EQUAL(r.last_us, 8000000);
    CU_ASSERT_EQUAL(r.end, SOURCE_END);
    const char *empty = path_of("emptydir");
    CU_ASSERT_EQUAL(mkdir(empty, 0700), 0);
    open_one(empty);
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
    expect_error("emptydir' holds no capture\n");
}

/* Equal times: the names' bytes decide. */
static void files_of_a_directory_come_in_the_order_of_their_names(void)
{
    static const char *const names[] = {"order/b", "order/a", "order/c10", "order/c9", "order/B"};
    CU_ASSERT_EQUAL(mkdir(path_of("order"), 0700), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        begin_file(false);
        pcap_header(0xa1b2c3d4, 1);
        pcap_record(7, 0, names[i] + 6);
        (void)save(names[i]);
    }
    open_one(path_of("order"));
    CU_ASSERT_STRING_EQUAL(read_all().text, "B|a|b|c10|c9|");
}

static void an_unreadable_file_of_a_directory_is_an_error(void)
{
    const char *directory = path_of("locked");
    CU_ASSERT_EQUAL(mkdir(directory, 0755), 0);
    const char *path = make_timed("locked/1.pcap", (uint32_t[]){1}, 1);
    CU_ASSERT_EQUAL(chmod(path, 0), 0);
    bool was_root = geteuid() == 0;
    CU_ASSERT_FATAL(!was_root || (setegid(65534) == 0 && seteuid(65534) == 0));
    struct source_options options = {.inputs = &directory, .n_inputs = 1};
    int error = open_with(&options);
    CU_ASSERT_FATAL(!was_root || (seteuid(0) == 0 && setegid(0) == 0));
    CU_ASSERT_EQUAL(error, -EACCES);
    expect_error("locked/1.pcap': Permission denied. It belongs to ");
}

/* More files than descriptors: rotated ones need one or two at once, those of one time need all. */
static void files_are_open_only_while_it_is_their_time(void)
{
    struct rlimit was;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &was), 0);
    struct rlimit few = {.rlim_cur = 24, .rlim_max = was.rlim_max};
    for (unsigned overlap = 0; overlap < 2; overlap++) {
        const char *kind = overlap == 0 ? "rotating" : "parallel";
        CU_ASSERT_EQUAL(mkdir(path_of(kind), 0700), 0);
        for (unsigned i = 0; i < 60; i++) {
            char name[64];
            (void)snprintf(name, sizeof(name), "%s/%02u", kind, i);
            uint32_t from = overlap == 0 ? i * 10 : 0;
            (void)make_timed(name, (uint32_t[]){from, from + 9}, 2);
        }
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
        open_one(path_of(kind));
        struct whole r = read_all();
        CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &was), 0);
        CU_ASSERT_EQUAL(r.n == 120, overlap == 0);
        CU_ASSERT_EQUAL(r.end, overlap == 0 ? SOURCE_END : SOURCE_END_BAD);
        if (overlap != 0) {
            expect_error("Too many open files. Raise LimitNOFILE\n");
        }
    }
}

/* A clock that jumps back is the greatest time so far; numbers go on over all inputs. */
static void the_clock_never_goes_back(void)
{
    open_one(make_timed("a.pcap", (uint32_t[]){5, 3, 9, 1}, 4));
    CU_ASSERT_EQUAL(receive(), SOURCE_OK);
    static const uint64_t clocks[] = {5000000, 5000000, 9000000, 9000000};
    for (size_t i = 0; i < batch.n; i++) {
        CU_ASSERT_EQUAL(batch.packets[i].clock_us, clocks[i]);
    }
    CU_ASSERT_EQUAL(batch.packets[3].time_us, 1000000);
    source_file.release(source, &batch);
    source_file.close(&source);
}

/* --- compression --- */

static uint8_t *packed;
enum { PACKED_SIZE = 1 << 20 };

static size_t pack_gzip(void)
{
    static uint8_t work[ISAL_DEF_LVL1_DEFAULT];
    struct isal_zstream z;
    isal_deflate_init(&z);
    z.end_of_stream = 1;
    z.flush = NO_FLUSH;
    z.gzip_flag = IGZIP_GZIP;
    z.level = 1;
    z.level_buf = work;
    z.level_buf_size = sizeof(work);
    z.next_in = file.data;
    z.avail_in = (uint32_t)file.len;
    z.next_out = packed;
    z.avail_out = PACKED_SIZE;
    CU_ASSERT_EQUAL(isal_deflate(&z), COMP_OK);
    return PACKED_SIZE - z.avail_out;
}

static size_t pack_zstd(void)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t len = ZSTD_compress2(context, packed, PACKED_SIZE, file.data, file.len);
    (void)ZSTD_freeCCtx(context);
    return len;
}

static size_t pack_xz(void)
{
    size_t len = 0;
    CU_ASSERT_EQUAL(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, file.data, file.len, packed,
                                            &len, PACKED_SIZE),
                    LZMA_OK);
    return len;
}

static size_t (*const packers[])(void) = {pack_gzip, pack_zstd, pack_xz};

static void make_large_pcap(size_t n)
{
    static char data[1400];
    begin_file(false);
    pcap_header(0xa1b2c3d4, 1);
    for (size_t i = 0; i < n; i++) {
        memset(data, 'a' + (int)(i % 26), sizeof(data) - 1);
        pcap_record((uint32_t)i, 0, data);
    }
}

static void compressed_captures_are_read_by_their_content(void)
{
    make_large_pcap(3000);
    packed = malloc(PACKED_SIZE);
    for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
        size_t len = packers[i]();
        CU_ASSERT(len > 0 && len < PACKED_SIZE);
        open_one(save_bytes("packed", packed, len));
        struct whole r = read_all();
        CU_ASSERT_EQUAL(r.n, 3000);
        CU_ASSERT_EQUAL(r.last_us, 2999000000);
        CU_ASSERT_EQUAL(r.end, SOURCE_END);
        open_one(save_bytes("packed", packed, len / 2));
        r = read_all();
        CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
        CU_ASSERT(r.n < 3000);
        expect_error("packed' its compressed data ends early, at packet ");
        packed[len / 2] ^= 0xff;
        packed[len / 2 + 1] ^= 0xff;
        open_one(save_bytes("packed", packed, len));
        CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
        CU_ASSERT_EQUAL(err.n_lines, 1);
    }
    free(packed);
}

/* Only the check at the end is wrong: all packets are read (zstd keeps its last block back), and
 * the file is not called whole. */
static void a_wrong_check_of_compressed_data_is_said(void)
{
    static const size_t from_end[] = {6, 2, 20};
    make_small_pcap();
    packed = malloc(PACKED_SIZE);
    for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
        size_t len = packers[i]();
        packed[len - from_end[i]] ^= 1;
        open_one(save_bytes("packed", packed, len));
        struct whole r = read_all();
        CU_ASSERT_EQUAL(r.n, packers[i] == pack_zstd ? 0 : 3);
        CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
        expect_error("packed' its compressed data is damaged: ");
        expect_error(" packets were read\n");
        packed[3] ^= 0xff; /* nor does what cannot be begun pass for an empty capture */
        open_one(save_bytes("packed", packed, len));
        CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
        CU_ASSERT_EQUAL(err.n_lines, 1);
    }
    free(packed);
}

static void two_compressed_members_are_one_capture(void)
{
    make_small_pcap();
    packed = malloc(PACKED_SIZE);
    struct sbuf whole = file;
    for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
        struct sbuf joined = sbuf_with_cap(FILE_CAP);
        file.len = 50;
        (void)sbuf_add(&joined, span_of(packed, packers[i]()));
        file.data += 50;
        file.len = whole.len - 50;
        (void)sbuf_add(&joined, span_of(packed, packers[i]()));
        file = whole;
        open_one(save_bytes("members", joined.data, joined.len));
        struct whole r = read_all();
        CU_ASSERT_STRING_EQUAL(r.text, "aaaa|bbbb|cc|");
        CU_ASSERT_EQUAL(r.end, SOURCE_END);
        sbuf_free(&joined);
    }
    free(packed);
}

static void compressed_text_is_no_capture(void)
{
    begin_file(false);
    put_bytes("root:x:0:0", 10);
    packed = malloc(PACKED_SIZE);
    open_one(save_bytes("text.gz", packed, pack_gzip()));
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
    expect_error("text.gz' is not a pcap or pcapng file (gzip data that starts with 72 6f 6f 74)");
    free(packed);
}

/* --- batches, pipes, signals --- */

static void spans_of_a_batch_stay_while_the_buffer_turns_over(void)
{
    make_large_pcap(5000);
    open_one(save("large.pcap"));
    size_t n = 0;
    enum source_status status;
    while ((status = receive()) == SOURCE_OK) {
        CU_ASSERT(batch.n > 0);
        for (size_t i = 0; i < batch.n; i++, n++) {
            struct span s = batch.packets[i].data;
            CU_ASSERT(s.len == 1399 && span_at(s, 0) == 'a' + n % 26 &&
                      span_at(s, 1398) == 'a' + n % 26);
        }
        source_file.release(source, &batch);
    }
    CU_ASSERT_EQUAL(n, 5000);
    CU_ASSERT_EQUAL(status, SOURCE_END);
    struct source_stats stats;
    source_file.stats(source, &stats);
    CU_ASSERT_EQUAL(stats.packets, 5000);
    CU_ASSERT_EQUAL(stats.bytes, 5000 * 1399);
    CU_ASSERT_EQUAL(stats.input_bytes, file.len);
    CU_ASSERT_EQUAL(stats.input_size, file.len);
    source_file.close(&source);
}

/* Gives standard input to a test as a pipe; returns the end to write to. */
static int pipe_to_stdin(int *ret_saved)
{
    int fds[2];
    *ret_saved = dup(STDIN_FILENO);
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    CU_ASSERT_EQUAL_FATAL(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
    (void)close(fds[0]);
    return fds[1];
}

static void restore_stdin(int saved)
{
    (void)dup2(saved, STDIN_FILENO);
    (void)close(saved);
}

static void a_pipe_is_read_as_it_comes(void)
{
    int saved;
    int to = pipe_to_stdin(&saved);
    make_small_pcap();
    open_one("-");
    CU_ASSERT_EQUAL(write(to, file.data, 30), 30);
    CU_ASSERT_EQUAL(write(to, file.data + 30, 20), 20);
    CU_ASSERT_EQUAL(receive(), SOURCE_OK); /* not held back for the rest of packet 2 */
    CU_ASSERT_EQUAL(batch.n, 1);
    source_file.release(source, &batch);
    CU_ASSERT_EQUAL(write(to, file.data + 50, 20), 20);
    (void)close(to);
    CU_ASSERT_EQUAL(receive(), SOURCE_OK);
    CU_ASSERT_EQUAL(batch.packets[0].number, 2);
    source_file.release(source, &batch);
    CU_ASSERT_EQUAL(receive(), SOURCE_END_BAD);
    expect_error("'stdin' ends inside packet 3 at byte 64; 2 packets were read\n");
    source_file.close(&source);
    restore_stdin(saved);
}

static void an_empty_pipe_is_named_stdin(void)
{
    int saved;
    (void)close(pipe_to_stdin(&saved));
    open_one("-");
    CU_ASSERT_EQUAL(read_all().end, SOURCE_END_BAD);
    expect_error("'stdin' is empty (0 bytes)\n");
    restore_stdin(saved);
}

static void a_terminal_is_no_capture(void)
{
    int saved = dup(STDIN_FILENO);
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    CU_ASSERT_FATAL(terminal >= 0);
    CU_ASSERT_EQUAL(grantpt(terminal) | unlockpt(terminal), 0);
    int other = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    CU_ASSERT_EQUAL(dup2(other, STDIN_FILENO), STDIN_FILENO);
    const char *path = "-";
    CU_ASSERT(open_with(&(struct source_options){.inputs = &path, .n_inputs = 1}) < 0);
    expect_error("standard input is a terminal, not a capture\n");
    (void)close(other);
    (void)close(terminal);
    restore_stdin(saved);
}

static void an_interrupt_ends_the_wait_for_a_pipe_and_loses_nothing(void)
{
    int saved;
    int to = pipe_to_stdin(&saved);
    make_small_pcap();
    open_one("-");
    source_file.interrupt(source);
    CU_ASSERT_EQUAL(receive(), SOURCE_INTERRUPTED);
    CU_ASSERT_EQUAL(write(to, file.data, file.len), (ssize_t)file.len);
    (void)close(to);
    struct whole r = read_all();
    CU_ASSERT_STRING_EQUAL(r.text, "aaaa|bbbb|cc|");
    CU_ASSERT_EQUAL(r.end, SOURCE_END);
    restore_stdin(saved);
}

static void an_interrupt_stops_the_reading_of_a_file_too(void)
{
    make_small_pcap();
    open_one(save("i.pcap"));
    source_file.interrupt(source);
    CU_ASSERT_EQUAL(receive(), SOURCE_INTERRUPTED);
    CU_ASSERT_EQUAL(batch.n, 0);
    CU_ASSERT_EQUAL(read_all().n, 3);
}

static void *interrupt_soon(void *ctx)
{
    source_file.interrupt(ctx);
    return NULL;
}

/* What ends it, however often it says before that the pipe is silent. */
static enum source_status receive_at_last(void)
{
    enum source_status status = SOURCE_TIMEOUT;
    while (status == SOURCE_TIMEOUT) {
        status = receive();
    }
    return status;
}

/* The other thread comes before, in or after the wait: it ends in any case. */
static void an_interrupt_from_elsewhere_ends_the_wait(void)
{
    int saved;
    int to = pipe_to_stdin(&saved);
    open_one("-");
    for (unsigned i = 0; i < 50; i++) {
        pthread_t thread;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, interrupt_soon, source), 0);
        CU_ASSERT_EQUAL(receive_at_last(), SOURCE_INTERRUPTED);
        CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
    }
    struct source_stats stats;
    source_file.stats(source, &stats);
    CU_ASSERT_EQUAL(stats.input_size, 0);
    source_file.close(&source);
    (void)close(to);
    restore_stdin(saved);
}

/* --- filters and link types --- */

static void a_wrong_filter_is_shown_with_a_caret(void)
{
    static const struct {
        const char *filter;
        size_t place;
    } rows[] = {
        {"tcp prot 80", 4},
        {"tcp port 80 and and host 192.0.2.1", 16},
        {"(tcp or udp) nott port 5", 13},
        {"tcp and", 7},
    };
    make_small_pcap();
    const char *path = save("f.pcap");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char caret[64];
        struct source_options options = {.inputs = &path, .n_inputs = 1, .filter = rows[i].filter};
        CU_ASSERT_EQUAL(open_with(&options), -EINVAL);
        expect_error(rows[i].filter);
        (void)snprintf(caret, sizeof(caret), "\n    %*s\n", (int)rows[i].place + 1, "^");
        expect_error(caret);
    }
}

static void a_wrong_filter_is_told_once_for_all_inputs(void)
{
    const char *paths[] = {
        make_timed("a.pcap", (uint32_t[]){1}, 1),
        make_timed("b.pcap", (uint32_t[]){1}, 1),
    };
    struct source_options options = {.inputs = paths, .n_inputs = 2, .filter = "tcp prot 80"};
    CU_ASSERT_EQUAL(open_with(&options), -EINVAL);
    CU_ASSERT_EQUAL(err.n_lines, 3);
    expect_error("filter 'tcp prot 80': ");
    expect_error("syntax error");
}

static void a_filter_is_checked_when_there_is_no_packet_to_see(void)
{
    begin_file(false);
    pcap_header(0xa1b2c3d4, 1);
    const char *path = save("none.pcap");
    struct source_options options = {.inputs = &path, .n_inputs = 1, .filter = "tcp prot 80"};
    CU_ASSERT_EQUAL(open_with(&options), -EINVAL);
    static char long_filter[5000];
    memset(long_filter, ' ', sizeof(long_filter) - 1);
    options.filter = long_filter;
    CU_ASSERT_EQUAL(open_with(&options), -EINVAL);
    expect_error("longer than 4095 bytes");
}

static void a_filter_meets_a_cap_on_link_types(void)
{
    begin_file(false);
    section();
    for (unsigned i = 0; i < 40; i++) {
        interface(i == 0 ? 1 : 147 + i % 16 + (i / 16) * 100, 0, "any0", 6);
    }
    for (uint32_t i = 0; i < 40; i++) {
        enhanced(i, i, "packet");
    }
    const char *path = save("links.pcapng");
    struct source_options options = {.inputs = &path, .n_inputs = 1, .filter = "len > 0"};
    CU_ASSERT_EQUAL_FATAL(open_with(&options), 0);
    struct whole r = {.end = SOURCE_OK};
    size_t n = 0;
    while (r.end == SOURCE_OK) {
        r.end = receive();
        n += batch.n;
        source_file.release(source, &batch);
    }
    source_file.close(&source);
    CU_ASSERT(n > 0 && n < 40);
    CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
}

/* Packet n is full of the letter n. */
enum { LARGE = 60000, N_LARGE = 120, OUT_MAX = 64 };

static char letter_of(size_t n)
{
    return (char)('a' + n % 26);
}

static const char *save_large(void)
{
    static char data[LARGE + 1];
    begin_file(false);
    pcap_header(0xa1b2c3d4, 1);
    for (size_t n = 0; n < N_LARGE; n++) {
        memset(data, letter_of(n), LARGE);
        pcap_record((uint32_t)n, 0, data);
    }
    return save("large.pcap");
}

static void expect_letters(const struct packet_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct packet *p = &b->packets[i];
        CU_ASSERT_EQUAL(p->data.len, LARGE);
        CU_ASSERT_EQUAL(span_at(p->data, 0), letter_of(p->number - 1));
        CU_ASSERT_EQUAL(span_at(p->data, LARGE - 1), letter_of(p->number - 1));
    }
}

static void batches_stay_whole_until_they_are_released(void)
{
    static struct packet_batch out[OUT_MAX];
    size_t n_packets = 0;
    size_t n = 0;
    enum source_status status = SOURCE_OK;
    open_one(save_large());
    do {
        status = source_file.receive(source, &out[n], &err);
        n_packets += out[n].n;
        n++;
    } while (status == SOURCE_OK && out[n - 1].n > 0 && n < OUT_MAX);
    CU_ASSERT_EQUAL(status, SOURCE_OK); /* so much is out that one must come back first */
    CU_ASSERT(n_packets > N_LARGE / 2 && n_packets < N_LARGE);
    for (size_t i = 0; i < n; i++) {
        expect_letters(&out[i]);
    }
    for (size_t i = 0; status == SOURCE_OK && i < n; i++) {
        source_file.release(source, &out[i]);
        status = receive();
        n_packets += batch.n;
        expect_letters(&batch);
        source_file.release(source, &batch);
    }
    CU_ASSERT_EQUAL(status, SOURCE_END);
    CU_ASSERT_EQUAL(n_packets, N_LARGE);
    source_file.close(&source);
}

static void a_filter_is_compiled_for_each_link_type(void)
{
    begin_file(false);
    section();
    interface(1, 0, "eth0", 6);
    interface(101, 0, "tun0", 6);
    static const char ip[] = "\x45 two bytes of an IP header";
    char ether[64] = "dstmacsrcmac\x08"; /* the type 0x0800 ends in a zero byte */
    size_t at = block_begin(6);
    memcpy(ether + 14, ip, sizeof(ip) - 1);
    put32(0);
    put32(0);
    put32(1);
    put32(14 + sizeof(ip) - 1);
    put32(14 + sizeof(ip) - 1);
    put_bytes(ether, 14 + sizeof(ip) - 1);
    block_end(at);
    enhanced(1, 2, ip);
    enhanced(1, 3, "\x60 version six");
    enhanced(0, 4, "dstmacsrcmac?? not IP at all");
    const char *path = save("two.pcapng");
    struct source_options options = {.inputs = &path, .n_inputs = 1, .filter = "ip"};
    CU_ASSERT_EQUAL_FATAL(open_with(&options), 0);
    CU_ASSERT_EQUAL(receive(), SOURCE_OK);
    CU_ASSERT_EQUAL(batch.n, 2);
    CU_ASSERT_EQUAL(batch.packets[1].link_type, 101);
    CU_ASSERT_EQUAL(batch.packets[1].number, 2);
    source_file.release(source, &batch);
    CU_ASSERT_EQUAL(receive(), SOURCE_END);
    source_file.close(&source);
}

static bool only_ethernet(int link_type)
{
    return link_type == 1;
}

static void a_link_type_nobody_decodes_is_named_and_the_rest_goes_on(void)
{
    begin_file(false);
    section();
    interface(1, 0, "eth0", 6);
    interface(147, 0, "odd0", 6);
    enhanced(0, 1, "good");
    enhanced(1, 2, "odd");
    enhanced(1, 3, "odd");
    enhanced(0, 4, "good");
    const char *path = save("x.pcapng");
    struct source_options options = {
        .inputs = &path,
        .n_inputs = 1,
        .link_supported = only_ethernet,
        .link_names = "EN10MB",
    };
    CU_ASSERT_EQUAL_FATAL(open_with(&options), 0);
    struct whole r = read_all();
    CU_ASSERT_STRING_EQUAL(r.text, "good|odd|odd|good|");
    CU_ASSERT_EQUAL(r.end, SOURCE_END_BAD);
    CU_ASSERT_EQUAL(err.n_lines, 1);
    expect_error("x.pcapng' packet 2: interface 1 has link type USER0 (147), not supported; "
                 "supported: EN10MB\n");
}

static CU_TestInfo input_tests[] = {
    TEST(inputs_are_merged_by_time_and_ties_keep_their_order),
    TEST(a_bad_input_does_not_stop_the_others),
    TEST(a_directory_means_the_captures_in_it_by_name),
    TEST(files_of_a_directory_come_in_the_order_of_their_names),
    TEST(an_unreadable_file_of_a_directory_is_an_error),
    TEST(files_are_open_only_while_it_is_their_time),
    TEST(the_clock_never_goes_back),
    TEST(compressed_captures_are_read_by_their_content),
    TEST(a_wrong_check_of_compressed_data_is_said),
    TEST(two_compressed_members_are_one_capture),
    TEST(compressed_text_is_no_capture),
    CU_TEST_INFO_NULL,
};

static CU_TestInfo batch_tests[] = {
    TEST(spans_of_a_batch_stay_while_the_buffer_turns_over),
    TEST(a_pipe_is_read_as_it_comes),
    TEST(an_empty_pipe_is_named_stdin),
    TEST(a_terminal_is_no_capture),
    TEST(an_interrupt_ends_the_wait_for_a_pipe_and_loses_nothing),
    TEST(an_interrupt_stops_the_reading_of_a_file_too),
    TEST(an_interrupt_from_elsewhere_ends_the_wait),
    TEST(a_wrong_filter_is_shown_with_a_caret),
    TEST(a_wrong_filter_is_told_once_for_all_inputs),
    TEST(a_filter_is_checked_when_there_is_no_packet_to_see),
    TEST(a_filter_meets_a_cap_on_link_types),
    TEST(batches_stay_whole_until_they_are_released),
    TEST(a_filter_is_compiled_for_each_link_type),
    TEST(a_link_type_nobody_decodes_is_named_and_the_rest_goes_on),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    if (set_up() != 0) {
        return EXIT_FAILURE;
    }
    CU_SuiteInfo suites[] = {
        {"inputs", NULL, NULL, NULL, NULL, input_tests},
        {"batches, pipes, filters", NULL, NULL, NULL, NULL, batch_tests},
        CU_SUITE_INFO_NULL,
    };
    int result = run_suites(suites);
    return tear_down() == 0 ? result : EXIT_FAILURE;
}
