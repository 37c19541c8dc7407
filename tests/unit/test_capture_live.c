/* Tests of sensor/capture/source_live.c, on an interface of the test's own in a network namespace
 * of its own. Where that, or capturing, is not permitted, what is then said is tested, and the rest
 * skipped with the reason. */
#include "sensor/base/log.h"
#include "sensor/core/source.h"
#include "tests/unit/frame.h"
#include "tests/unit/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_WAITS = 500, POLL_MS = 10 };

static struct source *source;
static struct packet_batch batch;
static struct errbuf err;
static int control = -1;
static int tap = -1; /* its interface is v0: what is written here arrives there */
static bool permitted;

static uint16_t fanout;
static enum source_fanout fanout_by;

static int open_live(const char *name, const char *filter)
{
    struct source_options options = {
        .fanout = fanout,
        .fanout_by = fanout_by,
        .inputs = &name,
        .n_inputs = 1,
        .filter = filter,
        .snaplen = 1000,
        .promiscuous = true,
        .buffer_bytes = 1 << 20,
        .poll_ms = POLL_MS,
        .speaks = true,
    };
    errbuf_free(&err);
    batch.n = 0;
    return source_live.open(&options, &source, &err);
}

static void expect_error(const char *words)
{
    if (strstr(errbuf_text(&err), words) == NULL) {
        printf("\nexpected: %s\ngot: %s\n", words, errbuf_text(&err));
        CU_FAIL("other words");
    }
}

static int open_tap(void)
{
    struct ifreq request = {.ifr_name = "v0", .ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static void set_link(bool up)
{
    struct ifreq request = {.ifr_name = "v0"};
    CU_ASSERT_EQUAL(ioctl(control, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    CU_ASSERT_EQUAL(ioctl(control, SIOCSIFFLAGS, &request), 0);
}

static int set_up(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    permitted = unshare(CLONE_NEWNET) == 0;
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    tap = permitted ? open_tap() : -1;
    permitted = tap >= 0;
    if (!permitted) {
        printf("skipped: no network namespace or interface of our own: %s\n", strerror(errno));
    }
    return 0;
}

static int tear_down(void)
{
    (void)close(control);
    errbuf_free(&err);
    return 0;
}

static unsigned host; /* of 192.0.2.0/24, when not 0 */
static bool back;     /* it is the one that receives */

static void send_from(unsigned port, const char *payload)
{
    struct frame f = {.len = 0};
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, IP_PROTO_UDP);
    f.bytes[ip + 15] = host > 0 ? (uint8_t)host : f.bytes[ip + 15];
    for (size_t i = ip + 12; back && i < ip + 16; i++) {
        uint8_t c = f.bytes[i];
        f.bytes[i] = f.bytes[i + 4];
        f.bytes[i + 4] = c;
    }
    size_t udp = begin_udp(&f);
    set16(&f, udp, port);
    put(&f, span_str(payload));
    end_udp(&f, udp);
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(write(tap, f.bytes, f.len), (ssize_t)f.len);
}

static void send_frame(const char *payload)
{
    send_from(5000, payload);
}

/* Receives until something else than a timeout comes; what the system itself sends is passed over.
 */
static enum source_status receive(size_t *n_ours)
{
    enum source_status status = SOURCE_TIMEOUT;
    *n_ours = 0;
    for (unsigned i = 0; i < MAX_WAITS && *n_ours == 0; i++) {
        status = source_live.receive(source, &batch, &err);
        if (status != SOURCE_TIMEOUT && status != SOURCE_OK) {
            return status;
        }
        for (size_t at = 0; at < batch.n; at++) {
            *n_ours += span_starts(batch.packets[at].data, SPAN("\x02\0\0\0\0\x01"));
        }
        if (*n_ours == 0) {
            source_live.release(source, &batch);
        }
    }
    return status;
}

static void an_unknown_interface_is_named_with_those_there_are(void)
{
    int error = open_live("nosuch0", NULL);
    CU_ASSERT(error == -ENODEV || error == -EPERM);
    CU_ASSERT_PTR_NULL(source);
    if (error == -ENODEV) {
        expect_error("no interface 'nosuch0'; there are: ");
        expect_error("lo (");
    }
}

static void capture_without_permission_says_what_to_run(void)
{
    bool was_root = geteuid() == 0;
    CU_ASSERT_FATAL(!was_root || seteuid(65534) == 0);
    int error = open_live("lo", NULL);
    CU_ASSERT_FATAL(!was_root || seteuid(0) == 0);
    if (error == 0) {
        printf("skipped: this user may capture\n");
        source_live.close(&source);
        return;
    }
    CU_ASSERT_EQUAL(error, -EPERM);
    expect_error("cannot capture on 'lo': Operation not permitted. Run: setcap "
                 "cap_net_raw,cap_net_admin+eip /");
    expect_error(", or use the systemd unit\n");
}

static void packets_of_an_interface_arrive_whole_and_named(void)
{
    if (!permitted) {
        return;
    }
    size_t n;
    set_link(true);
    CU_ASSERT_EQUAL_FATAL(open_live("v0", "udp port 53"), 0);
    send_frame("hello");
    CU_ASSERT_EQUAL(receive(&n), SOURCE_OK);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    const struct packet *p = &batch.packets[0];
    CU_ASSERT_EQUAL(p->data.len, 14 + 20 + 8 + 5);
    CU_ASSERT_EQUAL(p->wire_len, p->data.len);
    CU_ASSERT_EQUAL(p->link_type, 1);
    CU_ASSERT_EQUAL(p->number, 1);
    CU_ASSERT(p->time_us > 1600000000000000 && p->clock_us == p->time_us);
    CU_ASSERT(span_ends(p->data, SPAN("hello")));
    CU_ASSERT_STRING_EQUAL(source_live.iface(source, p->iface), "v0");
    source_live.release(source, &batch);
    struct source_stats stats;
    source_live.stats(source, &stats);
    CU_ASSERT_EQUAL(stats.packets, 1);
    CU_ASSERT_EQUAL(stats.bytes, 47);
    CU_ASSERT_EQUAL(stats.kernel_drops, 0);
    source_live.close(&source);
}

static void more_packets_than_a_batch_come_in_order(void)
{
    if (!permitted) {
        return;
    }
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t got = 0;
    set_link(true);
    CU_ASSERT_EQUAL_FATAL(open_live("v0", "udp port 53"), 0);
    for (size_t i = 0; i < 200; i++) {
        send_frame((char[]){letters[i % 26], 0});
    }
    while (got < 200) {
        size_t n;
        if (receive(&n) != SOURCE_OK || n == 0) {
            break;
        }
        for (size_t i = 0; i < batch.n; i++, got++) {
            struct span data = batch.packets[i].data;
            CU_ASSERT_EQUAL(span_at(data, data.len - 1), (uint8_t)letters[got % 26]);
        }
        source_live.release(source, &batch);
    }
    CU_ASSERT_EQUAL(got, 200);
    source_live.close(&source);
}

static bool no_ethernet(int link_type)
{
    return link_type != 1;
}

static void an_interface_nobody_decodes_is_refused_at_once(void)
{
    if (!permitted) {
        return;
    }
    const char *name = "v0";
    struct source_options options = {
        .inputs = &name,
        .n_inputs = 1,
        .link_supported = no_ethernet,
        .link_names = "RAW",
        .poll_ms = POLL_MS,
    };
    set_link(true);
    errbuf_free(&err);
    CU_ASSERT_EQUAL(source_live.open(&options, &source, &err), -ENOTSUP);
    expect_error("cannot capture on 'v0': it has link type EN10MB (1), not supported; supported: "
                 "RAW\n");
}

/* Counts what a source of a group gets, by the flow's number in its port. */
static void count_flows(struct source *s, size_t *n, size_t n_flows)
{
    for (unsigned idle = 0; idle < 20;) {
        enum source_status status = source_live.receive(s, &batch, &err);
        idle += status == SOURCE_TIMEOUT;
        for (size_t i = 0; i < batch.n; i++) {
            size_t flow = wire_be16(batch.packets[i].data, 14 + 20) - 5000u;
            CU_ASSERT_FATAL(flow < n_flows);
            n[flow]++;
        }
        source_live.release(s, &batch);
    }
}

/* Flows whose hosts differ, in both directions, or only their ports. All of a flow comes to one
 * source; the number of flows that came to the first of the two. */
static size_t flows_of_the_first(bool hosts_differ)
{
    enum { N_FLOWS = 32, EACH = 4 };
    struct source *both[2];
    size_t n[2][N_FLOWS] = {{0}};
    size_t n_split = 0;
    size_t n_first = 0;
    set_link(true);
    fanout = 64;
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL_FATAL(open_live("v0", "udp port 53"), 0);
        both[i] = source;
    }
    fanout = 0;
    for (unsigned i = 0; i < N_FLOWS * EACH; i++) {
        host = hosts_differ ? 1 + i % N_FLOWS : 0;
        back = hosts_differ && i / N_FLOWS % 2 == 1;
        send_from(5000 + i % N_FLOWS, "shared");
    }
    host = 0;
    back = false;
    for (size_t i = 0; i < 2; i++) {
        count_flows(both[i], n[i], N_FLOWS);
        source_live.close(&both[i]);
    }
    source = NULL;
    for (size_t flow = 0; flow < N_FLOWS; flow++) {
        CU_ASSERT_EQUAL(n[0][flow] + n[1][flow], EACH);
        n_split += n[0][flow] > 0 && n[1][flow] > 0;
        n_first += n[0][flow] > 0;
    }
    CU_ASSERT_EQUAL(n_split, 0);
    return n_first;
}

static void a_group_shares_packets_flow_by_flow(void)
{
    if (permitted) {
        fanout_by = SOURCE_FANOUT_FLOWS;
        size_t n = flows_of_the_first(false);
        CU_ASSERT(n > 0 && n < 32);
    }
}

static void a_group_shares_packets_by_both_addresses(void)
{
    if (permitted) {
        fanout_by = SOURCE_FANOUT_ADDRESSES;
        size_t n = flows_of_the_first(true);
        CU_ASSERT(n > 4 && n < 28);
        n = flows_of_the_first(false);
        CU_ASSERT(n == 0 || n == 32); /* two hosts: ports do not count */
    }
}

static void an_interrupt_ends_the_wait(void)
{
    if (!permitted) {
        return;
    }
    set_link(true);
    CU_ASSERT_EQUAL_FATAL(open_live("v0", NULL), 0);
    source_live.interrupt(source);
    CU_ASSERT_EQUAL(source_live.receive(source, &batch, &err), SOURCE_INTERRUPTED);
    CU_ASSERT_EQUAL(batch.n, 0);
    source_live.close(&source);
}

static void a_wrong_filter_is_shown_with_a_caret(void)
{
    if (!permitted) {
        return;
    }
    set_link(true);
    CU_ASSERT_EQUAL(open_live("v0", "tcp prot 80"), -EINVAL);
    expect_error("filter 'tcp prot 80': ");
    expect_error("\n        ^\n");
}

static void an_interface_that_is_down_is_waited_for(void)
{
    if (!permitted) {
        return;
    }
    size_t n;
    set_link(false);
    CU_ASSERT_EQUAL_FATAL(open_live("v0", "udp port 53"), 0);
    CU_ASSERT_EQUAL(source_live.receive(source, &batch, &err), SOURCE_TIMEOUT);
    set_link(true);
    CU_ASSERT_EQUAL(source_live.receive(source, &batch, &err), SOURCE_TIMEOUT);
    send_frame("up");
    CU_ASSERT_EQUAL(receive(&n), SOURCE_OK);
    CU_ASSERT_EQUAL(n, 1);
    source_live.release(source, &batch);
    set_link(false);
    CU_ASSERT_EQUAL(source_live.receive(source, &batch, &err), SOURCE_TIMEOUT);
    CU_ASSERT_EQUAL(source_live.receive(source, &batch, &err), SOURCE_TIMEOUT);
    set_link(true);
    send_frame("up again");
    CU_ASSERT_EQUAL(receive(&n), SOURCE_OK);
    CU_ASSERT_EQUAL(n, 1);
    CU_ASSERT(errbuf_is_empty(&err));
    source_live.close(&source);
}

static void an_interface_that_vanishes_ends_the_capture(void)
{
    if (!permitted) {
        return;
    }
    size_t n;
    set_link(true);
    CU_ASSERT_EQUAL_FATAL(open_live("v0", NULL), 0);
    (void)close(tap);
    CU_ASSERT_EQUAL(receive(&n), SOURCE_FAILED);
    CU_ASSERT_EQUAL(err.n_lines, 1);
    expect_error("capture on 'v0' ended: ");
    source_live.close(&source);
    tap = open_tap();
    CU_ASSERT(tap >= 0);
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static CU_TestInfo tests[] = {
    TEST(an_unknown_interface_is_named_with_those_there_are),
    TEST(capture_without_permission_says_what_to_run),
    TEST(packets_of_an_interface_arrive_whole_and_named),
    TEST(more_packets_than_a_batch_come_in_order),
    TEST(an_interface_nobody_decodes_is_refused_at_once),
    TEST(a_group_shares_packets_flow_by_flow),
    TEST(a_group_shares_packets_by_both_addresses),
    TEST(an_interrupt_ends_the_wait),
    TEST(a_wrong_filter_is_shown_with_a_caret),
    TEST(an_interface_that_is_down_is_waited_for),
    TEST(an_interface_that_vanishes_ends_the_capture),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"live capture", set_up, tear_down, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
