/* Tests of application names: what nDPI is asked, what becomes of its answer and of its memory. */
#include "sensor/base/mem.h"
#include "tests/flow/lab.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { IP_LEN = 20, UDP_LEN = 8, TCP_LEN = 20, PACKET_MAX = 512 };

static const char dns_query[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07"
                                "example\x03"
                                "com\x00\x00\x01\x00\x01";

/* An LDAP bind without a password (RFC 4511, section 4.2). */
static const char ldap_bind[] = "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00";

/* A TLS 1.2 ClientHello without extensions. */
static const char client_hello[] = "\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03"
                                   "0123456789abcdef0123456789abcdef"
                                   "\x00\x00\x02\x00\x2f\x01\x00";

static uint32_t next_seq;

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* One IPv4 packet around `payload`, as the decoder would hand it on. */
static void send_packet(struct lab *lab, uint8_t proto, uint16_t dst_port, struct span payload)
{
    uint8_t packet[PACKET_MAX] = {0x45};
    struct shot shot = {.seq = next_seq, .ack = 501, .flags = TCP_ACK | TCP_PSH, .bytes = payload};
    struct headers h = lab_headers(&shot);
    size_t transport_len = proto == IP_PROTO_UDP ? UDP_LEN : TCP_LEN;
    size_t len = IP_LEN + transport_len + payload.len;
    put16(packet + 2, (unsigned)len);
    packet[8] = 64;
    packet[9] = proto;
    memcpy(packet + 12, h.src.bytes, 4);
    memcpy(packet + 16, h.dst.bytes, 4);
    put16(packet + 20, h.src_port);
    put16(packet + 22, dst_port);
    if (proto == IP_PROTO_UDP) {
        put16(packet + 24, (unsigned)(UDP_LEN + payload.len));
    } else {
        put16(packet + 26, (uint16_t)next_seq);
        packet[32] = 5 << 4;
        packet[33] = TCP_ACK | TCP_PSH;
    }
    memcpy(packet + IP_LEN + transport_len, payload.data, payload.len);
    h.ip = span_of(packet, len);
    h.payload = span_from(h.ip, IP_LEN + transport_len);
    h.proto = proto;
    h.dst_port = dst_port;
    next_seq += (uint32_t)payload.len;
    lab_packet(lab, &h);
}

static void start(struct lab *lab)
{
    struct flow_limits limits = flow_limits_default();
    next_seq = 101;
    lab_start(lab, &limits);
}

static void expect_name(uint8_t proto, uint16_t port, struct span payload, const char *name)
{
    struct lab lab;
    start(&lab);
    send_packet(&lab, proto, port, payload);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lab.conn->app_proto);
    CU_ASSERT_STRING_EQUAL(lab.conn->app_proto, name);
    CU_ASSERT_PTR_NOT_NULL(conn_extra(lab.conn)->ndpi_proto);
    CU_ASSERT_PTR_NOT_NULL(conn_extra(lab.conn)->ndpi_category);
    size_t memory = flow_table_memory(lab.table);
    send_packet(&lab, proto, port, payload);
    CU_ASSERT_EQUAL(flow_table_memory(lab.table), memory);
    lab_finish(&lab);
    CU_ASSERT_EQUAL(flow_table_memory(lab.table), 0);
    lab_stop(&lab);
}

static void protocols_are_named_on_any_port(void)
{
    expect_name(IP_PROTO_UDP, 53, span_of(dns_query, sizeof(dns_query) - 1), "dns");
    expect_name(IP_PROTO_TCP, 10389, span_of(ldap_bind, sizeof(ldap_bind) - 1), "ldap");
    expect_name(IP_PROTO_TCP, 9443, span_of(client_hello, sizeof(client_hello) - 1), "tls");
    expect_name(IP_PROTO_TCP, 2222, SPAN("SSH-2.0-OpenSSH_9.2\r\n"), "ssh");
}

static void a_port_alone_is_no_name(void)
{
    struct lab lab;
    start(&lab);
    send_packet(&lab, IP_PROTO_TCP, 389, SPAN("\x01\x02 nothing that is known \xff"));
    size_t while_asked = flow_table_memory(lab.table);
    for (unsigned i = 1; i < lab.limits.appid_packets; i++) {
        CU_ASSERT_EQUAL(flow_table_memory(lab.table), while_asked);
        send_packet(&lab, IP_PROTO_TCP, 389, SPAN("\x01\x02 nothing that is known \xff"));
    }
    CU_ASSERT_PTR_NULL(lab.conn->app_proto);
    CU_ASSERT_PTR_NULL(conn_extra(lab.conn)->ndpi_proto);
    CU_ASSERT(flow_table_memory(lab.table) < while_asked);
    lab_stop(&lab);
}

/* What follows the banner comes first. */
static void the_order_of_segments_does_not_matter(void)
{
    struct lab lab;
    start(&lab);
    lab_open(&lab, 0);
    lab_to_server(&lab, 122, "\001\002 nothing that is known");
    CU_ASSERT_PTR_NULL(conn_extra(lab.conn)->ndpi_proto);
    lab_to_server(&lab, 101, "SSH-2.0-OpenSSH_9.2\r\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(conn_extra(lab.conn)->ndpi_proto);
    CU_ASSERT_STRING_EQUAL(conn_extra(lab.conn)->ndpi_proto, "SSH");
    lab_stop(&lab);
}

static void claim(struct lab *lab, enum direction dir, struct span bytes)
{
    (void)dir;
    (void)bytes;
    lab->conn->claimed = true;
    lab->conn->app_proto = "ours";
}

static void flows_that_a_decoder_claims_are_not_asked_about(void)
{
    struct lab lab;
    start(&lab);
    lab.on_data = claim;
    send_packet(&lab, IP_PROTO_TCP, 2222, SPAN("SSH-2.0-OpenSSH_9.2\r\n"));
    CU_ASSERT_STRING_EQUAL(lab.conn->app_proto, "ours");
    CU_ASSERT_PTR_NULL(conn_extra(lab.conn)->ndpi_proto);
    lab_stop(&lab);
}

static void flow_stays_without_a_name_when_memory_fails(void)
{
    struct lab lab;
    start(&lab);
    lab.quiet = true;
    mem_fail_at(2, 1);
    send_packet(&lab, IP_PROTO_TCP, 2222, SPAN("SSH-2.0-OpenSSH_9.2\r\n"));
    mem_fail_at(0, 0);
    CU_ASSERT_PTR_NULL(lab.conn->app_proto);
    CU_ASSERT_EQUAL(lab.delivered[TO_SERVER], 21);
    lab_stop(&lab);
}

static void nothing_is_said_on_stderr(void)
{
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    int saved = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    expect_name(IP_PROTO_UDP, 53, span_of(dns_query, sizeof(dns_query) - 1), "dns");
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    fseek(file, 0, SEEK_END);
    CU_ASSERT_EQUAL(ftell(file), 0);
    fclose(file);
}

static CU_TestInfo appid_tests[] = {
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    TEST(protocols_are_named_on_any_port),
    TEST(a_port_alone_is_no_name),
    TEST(the_order_of_segments_does_not_matter),
    TEST(flows_that_a_decoder_claims_are_not_asked_about),
    TEST(flow_stays_without_a_name_when_memory_fails),
    TEST(nothing_is_said_on_stderr),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {.pName = "appid", .pTests = appid_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
