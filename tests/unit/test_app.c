/* Tests of sensor/app: the command line, and who gets which packet. */
#include "sensor/app/options.h"
#include "sensor/app/outputs.h"
#include "sensor/app/snapshot.h"
#include "sensor/app/spread.h"
#include "sensor/app/summary.h"
#include "sensor/base/bytes.h"
#include "sensor/core/event.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>

struct parsed {
    struct options options;
    struct errbuf err;
    int rc;
};

static struct parsed parse(int argc, const char *const *words)
{
    struct parsed p = {0};
    char *argv[16] = {(char[]){"jndiwatch"}};
    static char copies[16][64];
    for (int i = 0; i < argc; i++) {
        (void)snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
        argv[i + 1] = copies[i];
    }
    p.rc = options_parse(argc + 1, argv, &p.options, &p.err);
    return p;
}

#define PARSE(...)                                                                                 \
    parse((int)ARRAY_LEN(((const char *const[]){__VA_ARGS__})), (const char *const[]){__VA_ARGS__})

static void done(struct parsed *p)
{
    options_free(&p->options);
    errbuf_free(&p->err);
}

static void both_spellings_of_an_option_are_read(void)
{
    struct parsed p = PARSE("-ra.pcap", "--read=b.pcap", "-q", "-o", "-", "--events", "alert",
                            "tcp", "port", "80");
    CU_ASSERT_EQUAL(p.rc, 0);
    CU_ASSERT_EQUAL_FATAL(p.options.files.n, 2);
    CU_ASSERT_STRING_EQUAL(p.options.files.items[0], "a.pcap");
    CU_ASSERT_STRING_EQUAL(p.options.files.items[1], "b.pcap");
    CU_ASSERT_EQUAL_FATAL(p.options.outputs.n, 1);
    CU_ASSERT_STRING_EQUAL(p.options.outputs.items[0], "-");
    CU_ASSERT_STRING_EQUAL(p.options.filter, "tcp port 80");
    CU_ASSERT(p.options.quiet);
    done(&p);
    p = PARSE("-r", "-", "--", "-x");
    CU_ASSERT_EQUAL(p.rc, 0);
    CU_ASSERT_STRING_EQUAL(p.options.filter, "-x");
    done(&p);
}

static void expect_error(struct parsed p, const char *text)
{
    CU_ASSERT(p.rc < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&p.err), text));
    if (strstr(errbuf_text(&p.err), text) == NULL) {
        printf("\n  wanted '%s' in '%s'\n", text, errbuf_text(&p.err));
    }
    done(&p);
}

static void mistakes_are_told_with_a_way_out(void)
{
    expect_error(PARSE("--rr", "x"), "unknown option '--rr' (did you mean '-r'?)");
    expect_error(PARSE("--evnts", "x"), "(did you mean '--events'?)");
    expect_error(PARSE("--zzzzzzzz"), "unknown option '--zzzzzzzz'; --help lists all");
    expect_error(PARSE("-r", "a", "-i", "eth0"), "-r and -i exclude each other");
    expect_error(PARSE("-r"), "option '--read' needs an argument");
    expect_error(PARSE("--quiet=1", "-r", "x"), "takes no argument");
    expect_error(PARSE("-l", "a", "-l", "b", "-r", "x"), "'--log-dir' is given twice");
    expect_error(PARSE("-q"), "nothing to read");
}

static void an_action_needs_no_input(void)
{
    struct parsed p = PARSE("--list-fields");
    CU_ASSERT_EQUAL(p.rc, 0);
    CU_ASSERT_EQUAL(p.options.action, ACTION_LIST_FIELDS);
    done(&p);
    p = PARSE("-T");
    CU_ASSERT_EQUAL(p.options.action, ACTION_TEST);
    done(&p);
}

static void event_types_become_a_set(void)
{
    struct config config;
    struct errbuf err = {0};
    CU_ASSERT_EQUAL_FATAL(config_init(&config), 0);
    CU_ASSERT_EQUAL(outputs_complete(&config, &(struct options){0}, &err), 0);
    CU_ASSERT_EQUAL(outputs_types(&config), (1u << EVENT_N) - 1);
    CU_ASSERT_EQUAL(config_set(&config, "output.types", SPAN("alert, stats"), "", &err), 0);
    CU_ASSERT_EQUAL(outputs_types(&config), 1u << EVENT_ALERT | 1u << EVENT_STATS);
    CU_ASSERT_EQUAL(config_set(&config, "outputs.0.events", SPAN("alert, http"), "", &err), 0);
    CU_ASSERT_EQUAL(outputs_types(&config), 1u << EVENT_ALERT);
    CU_ASSERT(config_set(&config, "output.types", SPAN("alert,htpp"), "--events: ", &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(errbuf_text(&err), "--events: output.types: 'htpp' is not allowed"));
    errbuf_free(&err);
    config_free(&config);
}

static void expect_output(const struct config *config, size_t i, const char *type,
                          const char *target)
{
    CU_ASSERT_FATAL(i < config->n_outputs);
    CU_ASSERT_STRING_EQUAL(config->outputs[i].type, type);
    CU_ASSERT_STRING_EQUAL(config->outputs[i].target, target);
}

static void outputs_come_from_options_and_configuration(void)
{
    struct config config;
    struct errbuf err = {0};
    struct parsed p = PARSE("-ra", "-l", "/tmp", "-o", "redis:127.0.0.1:6379", "-o", "-", "-o",
                            "kafka", "-o", "./redis:x");
    CU_ASSERT_EQUAL(p.rc, 0);
    CU_ASSERT_EQUAL_FATAL(config_init(&config), 0);
    CU_ASSERT_EQUAL(config_set(&config, "outputs.0.target", SPAN("a.json"), "", &err), 0);
    CU_ASSERT_EQUAL(config_set(&config, "outputs.1.target", SPAN("/var/b.json"), "", &err), 0);
    CU_ASSERT_EQUAL(outputs_complete(&config, &p.options, &err), 0);
    CU_ASSERT_EQUAL(config.n_outputs, 6);
    expect_output(&config, 0, "file", "/tmp/a.json");
    expect_output(&config, 1, "file", "/var/b.json");
    expect_output(&config, 2, "redis", "127.0.0.1:6379");
    expect_output(&config, 3, "stdout", "-");
    expect_output(&config, 4, "file", "kafka");
    expect_output(&config, 5, "file", "./redis:x");
    config_free(&config);
    done(&p);
}

static void without_a_file_the_folder_brings_one(void)
{
    struct config config;
    struct errbuf err = {0};
    struct parsed p = PARSE("-ra", "-l", "/tmp");
    CU_ASSERT_EQUAL_FATAL(config_init(&config), 0);
    CU_ASSERT_EQUAL(config_set(&config, "outputs.0.type", SPAN("redis"), "", &err), 0);
    CU_ASSERT_EQUAL(outputs_complete(&config, &p.options, &err), 0);
    CU_ASSERT_EQUAL(config.n_outputs, 2);
    expect_output(&config, 1, "file", "/tmp/eve.json");
    config_free(&config);
    CU_ASSERT_EQUAL_FATAL(config_init(&config), 0);
    CU_ASSERT_EQUAL(outputs_complete(&config, &(struct options){0}, &err), 0);
    CU_ASSERT_EQUAL(config.n_outputs, 1);
    expect_output(&config, 0, "file", "eve.json");
    config_free(&config);
    done(&p);
}

static void mistakes_in_outputs_are_told(void)
{
    struct config config;
    struct errbuf err = {0};
    CU_ASSERT_EQUAL_FATAL(config_init(&config), 0);
    const char *const rows[][3] = {
        {"unix_stream", "", "needs a target"},
        {"syslog", "tcp:nowhere", "'nowhere' is no address; example: 127.0.0.1:6379"},
        {"syslog", "udp:a:0", "'a:0' is no address"},
        {"file", "/tmp/%q", "after % only Y m d H M S s and % are understood"},
        {"file", "/nonexistent/x", "output directory '/nonexistent' does not exist"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CU_ASSERT_EQUAL(config_set(&config, "outputs.0.type", span_str(rows[i][0]), "", &err), 0);
        CU_ASSERT_EQUAL(config_set(&config, "outputs.0.target", span_str(rows[i][1]), "", &err), 0);
        CU_ASSERT(outputs_check(&config, &err) < 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&err), rows[i][2]));
        errbuf_free(&err);
    }
    CU_ASSERT_EQUAL(config_set(&config, "outputs.0.target", SPAN("/tmp/x"), "", &err), 0);
    CU_ASSERT_EQUAL(config_set(&config, "outputs.0.prefix", SPAN("${x"), "", &err), 0);
    CU_ASSERT(outputs_check(&config, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&err), "without a dollar sign"));
    errbuf_free(&err);
    config_free(&config);
}

/* --- spread --------------------------------------------------------------------------------------
 */

static struct packet ethernet(uint8_t *frame, size_t size, bool back, bool vlan)
{
    size_t ip = vlan ? 18 : 14;
    CU_ASSERT_FATAL(size >= ip + 20);
    bytes_zero(frame, size);
    frame[12] = vlan ? 0x81 : 0x08;
    frame[ip - 2] = 0x08;
    frame[ip] = 0x45;
    frame[ip + (back ? 16 : 12)] = 192;
    frame[ip + (back ? 12 : 16)] = 10;
    return (struct packet){.data = {frame, size}, .link_type = 1};
}

static void both_directions_go_to_the_same_worker(void)
{
    uint8_t a[64];
    uint8_t b[64];
    struct packet there = ethernet(a, sizeof(a), false, false);
    struct packet back = ethernet(b, sizeof(b), true, false);
    CU_ASSERT(packet_spread(&there) != 0);
    CU_ASSERT_EQUAL(packet_spread(&there), packet_spread(&back));
    struct packet tagged = ethernet(b, sizeof(b), true, true);
    CU_ASSERT_EQUAL(packet_spread(&there), packet_spread(&tagged));
    there.data.len = 30; /* cut in the addresses */
    CU_ASSERT_EQUAL(packet_spread(&there), 0);
    back.link_type = 9999;
    CU_ASSERT_EQUAL(packet_spread(&back), 0);
}

static void a_plain_packet_names_its_flow_at_a_glance(void)
{
    uint8_t frame[64];
    struct packet p = ethernet(frame, sizeof(frame), false, false);
    struct headers h = {.n_vlans = 0};
    frame[23] = IP_PROTO_TCP;
    frame[34] = 0x1f;
    frame[35] = 0x90;
    frame[37] = 80;
    CU_ASSERT(packet_peek(&p, &h));
    CU_ASSERT(h.src.family == 4 && h.src.bytes[0] == 192 && h.dst.bytes[0] == 10);
    CU_ASSERT(h.proto == IP_PROTO_TCP && h.src_port == 8080 && h.dst_port == 80);
    p.data.len = 37; /* cut in the ports */
    CU_ASSERT_FALSE(packet_peek(&p, &h));
    p.data.len = sizeof(frame);
    frame[20] = 0x20; /* more fragments */
    CU_ASSERT_FALSE(packet_peek(&p, &h));
    frame[20] = 0;
    frame[14] = 0x44; /* a header of 16 bytes */
    CU_ASSERT_FALSE(packet_peek(&p, &h));
    frame[14] = 0x60;
    frame[20] = IP_PROTO_UDP;
    CU_ASSERT(packet_peek(&p, &h));
    CU_ASSERT(h.src.family == 6 && h.proto == IP_PROTO_UDP);
}

static void sums_that_do_not_add_up_are_noticed(void)
{
    struct stats stats = {0};
    stats_add(&stats, STAT_DECODER_PKTS, 3);
    stats_add(&stats, STAT_PACKETS_DECODED, 1);
    stats_add(&stats, STAT_PACKETS_NOT_IP, 1);
    CU_ASSERT_FALSE(summary_adds_up(&stats));
    stats_add(&stats, STAT_REFUSED_HEADER, 1);
    CU_ASSERT(summary_adds_up(&stats));
    stats_add(&stats, STAT_TX_BEGUN, 1);
    CU_ASSERT_FALSE(summary_adds_up(&stats));
}

static CU_TestInfo tests[] = {
    {"both_spellings_of_an_option_are_read", both_spellings_of_an_option_are_read},
    {"mistakes_are_told_with_a_way_out", mistakes_are_told_with_a_way_out},
    {"an_action_needs_no_input", an_action_needs_no_input},
    {"event_types_become_a_set", event_types_become_a_set},
    {"outputs_come_from_options_and_configuration", outputs_come_from_options_and_configuration},
    {"without_a_file_the_folder_brings_one", without_a_file_the_folder_brings_one},
    {"mistakes_in_outputs_are_told", mistakes_in_outputs_are_told},
    {"both_directions_go_to_the_same_worker", both_directions_go_to_the_same_worker},
    {"a_plain_packet_names_its_flow_at_a_glance", a_plain_packet_names_its_flow_at_a_glance},
    {"sums_that_do_not_add_up_are_noticed", sums_that_do_not_add_up_are_noticed},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"app", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
