/* Tests of the flow table: who is who, when flows end, and what happens when there is no room.
 * lint: over 800 lines, because all share the same few moves. */
#include "sensor/base/bytes.h"
#include "sensor/base/list.h"
#include "sensor/base/mem.h"
#include "tests/flow/lab.h"
#include "tests/unit/runner.h"

static void shoot_udp(struct lab *lab, uint16_t src_port, uint16_t dst_port, const char *text)
{
    struct shot shot = {.text = text};
    struct headers h = lab_headers(&shot);
    h.proto = IP_PROTO_UDP;
    h.src_port = src_port;
    h.dst_port = dst_port;
    lab_packet(lab, &h);
}

static void syn(struct lab *lab, unsigned flow)
{
    lab_shoot(lab, &(struct shot){.flow = flow, .seq = 100, .flags = TCP_SYN});
}

static void datagrams_are_delivered_one_by_one(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    shoot_udp(&lab, 40000, 389, "abc");
    shoot_udp(&lab, 40000, 389, "");
    shoot_udp(&lab, 40000, 389, "def");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >\"abcdef\" ");
    CU_ASSERT_EQUAL(lab.conn->packets[TO_SERVER], 3);
    lab_stop(&lab);
}

static void datagram_from_a_well_known_port_comes_from_the_server(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    shoot_udp(&lab, 53, 40000, "abc");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open <\"abc\" ");
    CU_ASSERT_EQUAL(lab.conn->port[TO_CLIENT], 53);
    CU_ASSERT(lab.conn->swapped);
    lab_stop(&lab);
}

static void packets_without_ports_make_a_flow_without_data(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    struct headers h = lab_headers(&(struct shot){.text = "ping"});
    h.proto = IP_PROTO_ICMP;
    h.has_ports = false;
    h.src_port = 0;
    h.dst_port = 0;
    lab_packet(&lab, &h);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open ");
    lab_wait(&lab, lab.limits.other_us + 2);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open close:timeout ");
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_TOTAL), 1);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_ACTIVE), 0);
    lab_stop(&lab);
}

static void vlans_keep_flows_apart(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    struct headers h = lab_headers(&(struct shot){.seq = 100, .flags = TCP_SYN});
    lab_packet(&lab, &h);
    h.n_vlans = 1;
    h.vlans[0] = 7;
    lab_packet(&lab, &h);
    lab_packet(&lab, &h);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 2);
    CU_ASSERT_EQUAL(lab.conn->vlans[0], 7);
    lab_stop(&lab);
}

static void shoot_in(struct lab *lab, const struct shot *shot, uint16_t vlan, uint32_t network)
{
    struct headers h = lab_headers(shot);
    h.n_vlans = vlan != 0 ? 1 : 0;
    h.vlans[0] = vlan;
    h.network = network;
    lab_packet(lab, &h);
}

static const struct shot asked = {.seq = 101, .ack = 501, .flags = TCP_ACK, .text = "abc"};
static const struct shot answered = {
    .dir = TO_CLIENT, .seq = 501, .ack = 104, .flags = TCP_ACK, .text = "xyz"};
static const struct shot stranger = {
    .dir = TO_CLIENT, .seq = 501, .ack = 1U << 31, .flags = TCP_ACK, .text = "???"};

static void directions_in_different_networks_are_one_flow(void)
{
    static const struct {
        uint16_t vlans[2];
        uint32_t networks[2];
    } rows[] = {
        {{0, 7}, {0, 0}}, {{7, 0}, {0, 0}}, {{7, 8}, {0, 0}}, {{0, 0}, {5, 6}}, {{7, 7}, {5, 6}}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lab lab;
        lab_start(&lab, NULL);
        for (int n = 0; n < 2; n++) {
            shoot_in(&lab, &asked, rows[i].vlans[0], rows[i].networks[0]);
            shoot_in(&lab, &answered, rows[i].vlans[1], rows[i].networks[1]);
        }
        CU_ASSERT_STRING_EQUAL(lab_log(&lab), "pickup >\"abc\" <\"xyz\" ");
        lab_stop(&lab);
    }
}

static void networks_with_the_same_addresses_keep_their_flows_apart(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    for (uint32_t network = 0; network < 3; network++) {
        shoot_in(&lab, &asked, 0, network);
    }
    for (uint32_t network = 0; network < 3; network++) {
        shoot_in(&lab, &answered, 0, network);
        CU_ASSERT_EQUAL(lab.ruling.conn->packets[TO_CLIENT], 1);
    }
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 3);
    lab_stop(&lab);
}

static void packets_of_another_network_that_answer_nothing_are_another_flow(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    shoot_in(&lab, &asked, 7, 0);
    shoot_in(&lab, &stranger, 8, 0);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 2);
    shoot_in(&lab, &answered, 9, 0);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 2);
    lab_stop(&lab);
}

static void vlans_may_be_left_out(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.any_vlan = true;
    struct lab lab;
    lab_start(&lab, &limits);
    shoot_in(&lab, &asked, 7, 0);
    shoot_in(&lab, &asked, 8, 0);
    shoot_in(&lab, &answered, 9, 0);
    shoot_in(&lab, &answered, 7, 0);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 1);
    shoot_in(&lab, &asked, 7, 1);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 2);
    lab_stop(&lab);
}

static void ipv6_flows_are_found_from_both_sides(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    struct headers h = lab_headers(&(struct shot){.seq = 100, .flags = TCP_SYN});
    CU_ASSERT(addr_parse(SPAN("2001:db8::1"), &h.src));
    CU_ASSERT(addr_parse(SPAN("2001:db8::2"), &h.dst));
    lab_packet(&lab, &h);
    struct addr client = h.src;
    h.src = h.dst;
    h.dst = client;
    h.dst_port = h.src_port;
    h.src_port = 80;
    h.tcp_flags = TCP_SYN | TCP_ACK;
    h.tcp_ack = 101;
    lab_packet(&lab, &h);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 1);
    CU_ASSERT_EQUAL(lab.conn->packets[TO_CLIENT], 1);
    CU_ASSERT(addr_equal(&lab.conn->addr[TO_SERVER], &client));
    CU_ASSERT(addr_parse(SPAN("2001:db8::3"), &h.src));
    lab_packet(&lab, &h);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 2);
    lab_stop(&lab);
}

/* What the first packet came through is kept with the flow, as seen from the client. */
static void tunnel_of_the_first_packet_is_kept(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    struct tunnel outer = {.proto = 17,
                           .has_ports = true,
                           .src_port = 7,
                           .dst_port = 4789,
                           .kind = "vxlan encapsulation",
                           .depth = 1};
    struct headers h = lab_headers(&(struct shot){.dir = TO_CLIENT, .seq = 1, .text = "x"});
    h.tunnel = &outer;
    h.tunnel_depth = 1;
    lab_packet(&lab, &h);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lab.conn->tunnel);
    CU_ASSERT_EQUAL(lab.conn->tunnel->src_port, 4789);
    CU_ASSERT_EQUAL(lab.conn->tunnel->dst_port, 7);
    CU_ASSERT_EQUAL(lab.conn->tunnel->depth, 1);
    flow_swap(lab.conn);
    CU_ASSERT_EQUAL(lab.conn->tunnel->src_port, 7);
    lab_finish(&lab);
    CU_ASSERT_EQUAL(flow_table_memory(lab.table), 0);
    lab_stop(&lab);
}

static void flows_are_found_after_prefetching(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            struct headers h = lab_headers(&(struct shot){.flow = i, .seq = 100, .flags = TCP_SYN});
            if ((i + round) % 2 == 0) {
                flow_table_prefetch(lab.table, &h);
                flow_table_prefetch_flow(lab.table, h.flow_hash);
                CU_ASSERT_NOT_EQUAL(h.flow_hash, 0);
            }
            lab_packet(&lab, &h);
        }
    }
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 5000);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_TOTAL), 5000);
    lab_stop(&lab);
}

static void accounts_are_kept_for_each_direction(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_open(&lab, 0);
    lab_to_server(&lab, 101, "abc");
    struct conn *c = lab.conn;
    CU_ASSERT_EQUAL(c->packets[TO_SERVER], 3);
    CU_ASSERT_EQUAL(c->packets[TO_CLIENT], 1);
    CU_ASSERT_EQUAL(c->tcp_flags[TO_SERVER], TCP_SYN | TCP_ACK | TCP_PSH);
    CU_ASSERT_EQUAL(c->tcp_flags[TO_CLIENT], TCP_SYN | TCP_ACK);
    CU_ASSERT_PTR_NULL(c->tunnel);
    CU_ASSERT_EQUAL(c->number, 4);
    CU_ASSERT_EQUAL(c->state, CONN_ESTABLISHED);
    CU_ASSERT_EQUAL(c->last_us - c->start_us, 3);
    CU_ASSERT_STRING_EQUAL(c->iface, "lab0");
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_PAYLOAD_BYTES), 3);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_TCP_SESSIONS), 1);
    lab_stop(&lab);
}

static void shoot_with_sums(struct lab *lab, const struct shot *shot, enum sums sums)
{
    struct headers h = lab_headers(shot);
    h.sums = sums;
    lab_packet(lab, &h);
}

/* Beside right checksums a wrong one does nothing: not to the stream, the state, the accounts. */
static void a_wrong_checksum_among_right_ones_is_left_aside(void)
{
    const struct shot syn = {.seq = 100, .flags = TCP_SYN};
    const struct shot reset_it = {.seq = 101, .flags = TCP_RST};
    const struct shot lie = {.seq = 101, .flags = TCP_ACK, .text = "lie"};
    const struct shot truth = {.seq = 101, .flags = TCP_ACK, .text = "abc"};
    struct lab lab;
    lab_start(&lab, NULL);
    shoot_with_sums(&lab, &syn, SUMS_RIGHT);
    shoot_with_sums(&lab, &lie, SUMS_WRONG);
    shoot_with_sums(&lab, &reset_it, SUMS_WRONG);
    shoot_with_sums(&lab, &truth, SUMS_RIGHT);
    CU_ASSERT_EQUAL(lab.conn->packets[TO_SERVER], 2);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_WRONG_CHECKSUM), 2);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_TCP_RST), 0);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_TCP_OVERLAP), 0);
    CU_ASSERT_EQUAL(lab.delivered[TO_SERVER], 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "\"abc\""));
    lab_stop(&lab);
}

/* Wrong ones alone mean nothing, nor does one that is right by chance; the other direction is
 * another matter. */
static void wrong_checksums_of_a_direction_that_has_no_right_ones_are_read(void)
{
    const struct shot syn = {.seq = 100, .flags = TCP_SYN};
    const struct shot answer = {
        .dir = TO_CLIENT, .seq = 500, .ack = 101, .flags = TCP_SYN | TCP_ACK};
    struct shot more = {.seq = 101, .flags = TCP_ACK, .text = "a"};
    struct lab lab;
    lab_start(&lab, NULL);
    shoot_with_sums(&lab, &syn, SUMS_WRONG);
    shoot_with_sums(&lab, &answer, SUMS_RIGHT);
    for (unsigned i = 0; i < 20; i++, more.seq++) {
        shoot_with_sums(&lab, &more, i == 17 ? SUMS_RIGHT : SUMS_WRONG);
    }
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_WRONG_CHECKSUM), 0);
    CU_ASSERT_EQUAL(lab.delivered[TO_SERVER], 20);
    lab_stop(&lab);
}

static uint64_t id_of_first_flow(uint64_t k0, bool swapped)
{
    struct lab lab;
    lab_start(&lab, NULL);
    flow_table_free(&lab.table);
    lab_start(&lab, NULL);
    lab.key.k0 = k0;
    struct shot shot = {.dir = swapped ? TO_CLIENT : TO_SERVER, .seq = 100, .flags = TCP_ACK};
    lab_shoot(&lab, &shot);
    uint64_t id = lab.conn->id;
    lab_stop(&lab);
    return id;
}

static void ids_are_the_same_in_every_run_and_fit_51_bits(void)
{
    CU_ASSERT_EQUAL(id_of_first_flow(1, false), id_of_first_flow(99, false));
    CU_ASSERT_EQUAL(id_of_first_flow(1, false), id_of_first_flow(1, true));
    CU_ASSERT_EQUAL(id_of_first_flow(1, false) >> 51, 0);
}

static void flow_of_one_direction_is_marked_when_it_ends(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_to_server(&lab, 101, "abc");
    lab_finish(&lab);
    CU_ASSERT((lab.last.marks & CONN_ONE_SIDED) != 0);
    lab_open(&lab, 0);
    lab_finish(&lab);
    CU_ASSERT_FALSE((lab.last.marks & CONN_ONE_SIDED) != 0);
    lab_stop(&lab);
}

/* Flows end at their deadline to the microsecond, whatever else happens in the table. */
static void timeouts_are_exact(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    uint64_t start = lab.clock_us;
    syn(&lab, 0);
    uint64_t deadline = start + lab.limits.tcp_new_us;
    flow_table_expire(lab.table, deadline);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 1);
    flow_table_expire(lab.table, deadline + 1);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 0);
    CU_ASSERT_EQUAL(lab.last_close_us, deadline);
    CU_ASSERT_EQUAL(lab.n_closed[CLOSE_TIMEOUT], 1);
    lab_stop(&lab);
}

/* Longer than the ring of slots, with other flows coming and going meanwhile. */
static void long_timeouts_are_exact_too(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.tcp_us = 86400ULL * 1000000;
    struct lab lab;
    lab_start(&lab, &limits);
    lab.quiet = true;
    lab_open(&lab, 0);
    uint64_t deadline = lab.clock_us - 1 + limits.tcp_us;
    for (unsigned i = 1; i < 1000; i++) {
        syn(&lab, i);
        lab_wait(&lab, 80ULL * 1000000);
    }
    flow_table_expire(lab.table, deadline);
    CU_ASSERT_EQUAL(lab.n_open, 1);
    flow_table_expire(lab.table, deadline + 1);
    CU_ASSERT_EQUAL(lab.n_open, 0);
    CU_ASSERT_EQUAL(lab.last_close_us, deadline);
    CU_ASSERT_FALSE(lab.disordered);
    lab_stop(&lab);
}

static void each_state_has_its_timeout(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_open(&lab, 0);
    lab_wait(&lab, lab.limits.tcp_new_us + 10);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 1);
    lab_to_server(&lab, 101, "x");
    lab_wait(&lab, lab.limits.tcp_us - 10);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 1);
    lab_shoot(&lab, &(struct shot){.seq = 102, .flags = TCP_RST});
    CU_ASSERT_EQUAL(lab.conn->state, CONN_CLOSED);
    lab_wait(&lab, lab.limits.tcp_closed_us + 10);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 0);
    CU_ASSERT_EQUAL(lab.n_closed[CLOSE_RST], 1);
    lab_stop(&lab);
}

/* Many flows with packets at random times: they close in the order of their deadlines. */
static void flows_close_in_the_order_of_their_deadlines(void)
{
    uint64_t seed = lab_seed();
    struct lab lab;
    lab_start(&lab, NULL);
    lab.quiet = true;
    for (int i = 0; i < 20000; i++) {
        unsigned flow = (unsigned)lab_below(&seed, 3000);
        uint64_t what = lab_below(&seed, 20);
        struct shot shot = {.flow = flow, .seq = 100, .flags = TCP_SYN};
        if (what > 0) {
            shot = (struct shot){.flow = flow, .seq = 101, .flags = TCP_ACK, .text = "x"};
        }
        if (what == 1) {
            shot.flags = TCP_RST;
        }
        lab_shoot(&lab, &shot);
        lab.clock_us += lab_below(&seed, what == 2 ? 3000000 : 60000);
    }
    lab_wait(&lab, 7200ULL * 1000000);
    CU_ASSERT_FALSE(lab.disordered);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 0);
    CU_ASSERT(lab.n_closed[CLOSE_TIMEOUT] > 1000);
    lab_stop(&lab);
}

/* The same packets in one table and spread over three: the same flows end at the same times. */
static void ends_do_not_depend_on_other_flows(void)
{
    uint64_t seed = lab_seed();
    struct lab whole;
    struct lab parts[3];
    lab_start(&whole, NULL);
    whole.quiet = true;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        lab_start(&parts[i], NULL);
        parts[i].quiet = true;
    }
    uint64_t sum[2] = {0, 0};
    for (int i = 0; i < 20000; i++) {
        unsigned flow = (unsigned)lab_below(&seed, 500);
        struct shot shot = {.flow = flow, .seq = 101, .flags = TCP_ACK};
        struct lab *part = &parts[flow % ARRAY_LEN(parts)];
        uint64_t step = lab_below(&seed, 9000000);
        whole.clock_us += step;
        part->clock_us = whole.clock_us;
        lab_shoot(&whole, &shot);
        lab_shoot(part, &shot);
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        parts[i].clock_us = whole.clock_us;
        lab_finish(&parts[i]);
        sum[0] += stats_get(&parts[i].stats, STAT_FLOW_TOTAL);
        sum[1] += parts[i].n_closed[CLOSE_TIMEOUT];
        lab_stop(&parts[i]);
    }
    lab_finish(&whole);
    CU_ASSERT_EQUAL(sum[0], stats_get(&whole.stats, STAT_FLOW_TOTAL));
    CU_ASSERT_EQUAL(sum[1], whole.n_closed[CLOSE_TIMEOUT]);
    lab_stop(&whole);
}

static void clock_may_jump_and_stand_still(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab.clock_us = 0;
    syn(&lab, 0);
    lab.clock_us = 0;
    syn(&lab, 1);
    lab.clock_us = UINT64_MAX / 4;
    syn(&lab, 2);
    CU_ASSERT_EQUAL(lab.n_closed[CLOSE_TIMEOUT], 2);
    lab.clock_us = 5;
    syn(&lab, 3);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 2);
    lab_stop(&lab);
}

static void all_flows_end_in_the_order_of_their_ids(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab.quiet = true;
    for (unsigned i = 0; i < 3000; i++) {
        syn(&lab, i);
    }
    lab_finish(&lab);
    CU_ASSERT_EQUAL(lab.n_closed[CLOSE_END_OF_INPUT], 3000);
    CU_ASSERT_FALSE(lab.disordered);
    lab_stop(&lab);
}

static void one_flow_beyond_the_table_ends_the_oldest_half_open_one(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.flows = 4;
    struct lab lab;
    lab_start(&lab, &limits);
    lab_open(&lab, 0);
    lab_to_server(&lab, 101, "x");
    for (unsigned i = 1; i <= 4; i++) {
        syn(&lab, i);
    }
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 4);
    CU_ASSERT_EQUAL(lab.n_closed[CLOSE_EVICTED], 1);
    CU_ASSERT_EQUAL(lab.last.port[TO_SERVER], 40001);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_EVICTED), 1);
    lab_shoot(&lab,
              &(struct shot){.flow = 3, .dir = TO_CLIENT, .ack = 101, .flags = TCP_RST | TCP_ACK});
    syn(&lab, 9);
    CU_ASSERT_EQUAL(lab.n_closed[CLOSE_RST], 1);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_EVICTED), 1);
    lab_stop(&lab);
}

static void full_table_of_live_flows_ends_the_idlest(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.flows = 100;
    struct lab lab;
    lab_start(&lab, &limits);
    lab.quiet = true;
    for (unsigned i = 0; i < 100; i++) {
        lab_shoot(&lab, &(struct shot){.flow = i, .seq = 1, .flags = TCP_ACK, .text = "x"});
        lab.clock_us += 1000000;
    }
    for (unsigned i = 0; i < 100; i++) {
        if (i != 7) {
            lab_shoot(&lab, &(struct shot){.flow = i, .seq = 2, .flags = TCP_ACK, .text = "x"});
        }
    }
    lab.clock_us += 2000000;
    lab_shoot(&lab, &(struct shot){.flow = 200, .seq = 1, .flags = TCP_ACK, .text = "x"});
    CU_ASSERT_EQUAL(lab.n_closed[CLOSE_EVICTED], 1);
    CU_ASSERT_EQUAL(lab.last.port[TO_SERVER], 40007);
    lab_stop(&lab);
}

/* Also among flows whose timeouts are too near to each other for the wheel to tell them apart: the
 * first to come is not the first to go when it is busy. */
static void busy_flows_stay_though_they_came_first(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.flows = 100;
    struct lab lab;
    lab_start(&lab, &limits);
    lab.quiet = true;
    for (unsigned i = 0; i < 100; i++) {
        lab_open(&lab, i);
    }
    struct shot shot = {.seq = 101, .ack = 501, .flags = TCP_ACK, .text = "x"};
    for (unsigned i = 0; i < 50; i++, shot.seq++) {
        lab_shoot(&lab, &shot);
        lab_open(&lab, 100 + i);
        CU_ASSERT_EQUAL(lab.n_closed[CLOSE_EVICTED], i + 1);
        CU_ASSERT_NOT_EQUAL(lab.last.port[TO_SERVER], 40000);
    }
    lab_stop(&lab);
}

enum { HUGE_BYTES = 1024 * 1024 };

static void keep_much(struct lab *lab, enum direction dir, struct span bytes)
{
    (void)dir;
    if (span_equal(bytes, SPAN("much")) && lab->user == NULL) {
        lab->user = mem_alloc(HUGE_BYTES);
    }
}

static void give_back(struct lab *lab)
{
    if (lab->user != NULL && lab->last.port[TO_SERVER] == 40003) {
        mem_free(lab->user);
        lab->user = NULL;
    }
}

/* Of a budget that others draw from too, who takes much pays first, and the idlest after him. */
static void who_takes_much_goes_first(void)
{
    struct budget budget;
    struct flow_limits limits = flow_limits_default();
    struct lab lab;
    limits.appid_packets = 0;
    limits.memory = HUGE_BYTES / 2;
    limits.budget = &budget;
    lab_start(&lab, &limits);
    budget_start(&budget, limits.memory);
    lab.quiet = true;
    lab.on_data = keep_much;
    lab.on_close = give_back;
    for (unsigned i = 0; i < 5; i++) {
        const char *text = i == 3 ? "much" : "little";
        lab_shoot(&lab, &(struct shot){.flow = i, .seq = 1, .flags = TCP_ACK, .text = text});
        while (budget_lacks(&budget, 0) && flow_table_evict(lab.table)) {
        }
    }
    CU_ASSERT_PTR_NULL(lab.user);
    CU_ASSERT_EQUAL(lab.n_closed[CLOSE_EVICTED], 1);
    CU_ASSERT_EQUAL(lab.last.port[TO_SERVER], 40003);
    CU_ASSERT(flow_table_evict(lab.table));
    CU_ASSERT_EQUAL(lab.last.port[TO_SERVER], 40000);
    lab_stop(&lab);
}

/* How many flows that ended are still there when another one comes so long after. */
static uint64_t remembered(size_t memory, uint64_t wait_us)
{
    struct flow_limits limits = flow_limits_default();
    struct lab lab;
    limits.memory = memory;
    lab_start(&lab, &limits);
    lab_open(&lab, 0);
    lab_shoot(&lab, &(struct shot){.seq = 101, .flags = TCP_RST});
    for (unsigned i = 1; i <= 60; i++) {
        syn(&lab, i);
    }
    lab_wait(&lab, wait_us);
    syn(&lab, 61);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_EVICTED), 0);
    uint64_t n = 1U - lab.n_closed[CLOSE_RST];
    lab_stop(&lab);
    return n;
}

static void ended_flows_are_remembered_while_there_is_room(void)
{
    CU_ASSERT_EQUAL(remembered(16U << 20, 1000000), 1);
    CU_ASSERT_EQUAL(remembered(64U << 10, 100000), 1);
    CU_ASSERT_EQUAL(remembered(64U << 10, 1000000), 0);
}

/* A flood of half-open flows stays under the limit, and the good flow beside it is read. */
static void flood_of_syns_stays_within_memory(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.flows = 1U << 20;
    limits.memory = 16U << 20;
    struct lab lab;
    lab_start(&lab, &limits);
    lab.quiet = true;
    lab_open(&lab, 0);
    lab_to_server(&lab, 101, "abc");
    bool within = true;
    for (unsigned i = 1; i <= 1000000; i++) {
        struct headers h = lab_headers(&(struct shot){.flow = i, .seq = i, .flags = TCP_SYN});
        bytes_copy(h.src.bytes, &i, sizeof(i));
        lab_packet(&lab, &h);
        within = within && flow_table_memory(lab.table) <= limits.memory;
    }
    CU_ASSERT(within);
    lab_to_server(&lab, 104, "def");
    CU_ASSERT_EQUAL(lab.delivered[TO_SERVER], 6);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_TOTAL), 1000001);
    lab_finish(&lab);
    CU_ASSERT_EQUAL(lab.n_open, 0);
    lab_stop(&lab);
}

/* Flows with holes take what memory there is for them; the good flow beside them is read. */
static void flood_of_holes_stays_within_memory(void)
{
    enum { N = 100000, LEN = 1000 };
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.memory = 64U << 20;
    struct lab lab;
    lab_start(&lab, &limits);
    lab.quiet = true;
    lab_open(&lab, 0);
    uint8_t bytes[LEN] = {0};
    bool within = true;
    uint64_t good = 0;
    for (unsigned i = 1; i <= N; i++) {
        lab_shoot(&lab, &(struct shot){.flow = i, .seq = 100, .flags = TCP_SYN});
        lab_shoot(&lab, &(struct shot){
                            .flow = i, .seq = 111, .flags = TCP_ACK, .bytes = span_of(bytes, LEN)});
        within = within && flow_table_memory(lab.table) <= limits.memory;
        if (i % 1000 == 0) {
            lab_to_server(&lab, 101 + (uint32_t)good * 3, "abc");
            good++;
        }
    }
    CU_ASSERT(within);
    lab_finish(&lab);
    CU_ASSERT_EQUAL(lab.delivered[TO_SERVER], (uint64_t)N * LEN + good * 3);
    CU_ASSERT_EQUAL(lab.gaps[TO_SERVER], (uint64_t)N * 10);
    lab_stop(&lab);
}

static void table_survives_the_failure_of_any_allocation(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    struct stats stats = {0};
    struct hash_key key = {0};
    for (size_t n = 1; n <= 3; n++) {
        mem_fail_at(n, 0);
        CU_ASSERT_PTR_NULL(flow_table_new(&limits, (struct stream_user){0}, &stats, &key));
    }
    mem_fail_at(0, 0);
    struct lab lab;
    lab_start(&lab, NULL);
    mem_fail_at(1, 0);
    syn(&lab, 0);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_MEMCAP), 1);
    syn(&lab, 0);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 1);
    mem_fail_at(1, 0); /* now there is a flow that makes room */
    syn(&lab, 1);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_MEMCAP), 1);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_EVICTED), 1);
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 1);
    mem_fail_at(1, 1); /* and now making room does not help */
    syn(&lab, 2);
    mem_fail_at(0, 0);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_MEMCAP), 2);
    lab_stop(&lab);
}

struct number {
    struct list link;
    int value;
    int order;
};

static bool number_is_after(struct list *a, struct list *b)
{
    return LIST_ENTRY(a, struct number, link)->value > LIST_ENTRY(b, struct number, link)->value;
}

static void list_sort_is_stable_at_every_length(void)
{
    enum { MOST = 200 };
    struct number numbers[MOST];
    uint64_t seed = lab_seed();
    for (int n = 0; n < MOST; n++) {
        struct list head;
        list_init(&head);
        for (int i = 0; i < n; i++) {
            numbers[i] = (struct number){.value = (int)lab_below(&seed, 20), .order = i};
            list_add_tail(&head, &numbers[i].link);
        }
        list_sort(&head, number_is_after);
        int seen = 0;
        for (struct list *link = list_first(&head); link != NULL; link = list_next(&head, link)) {
            struct list *next = list_next(&head, link);
            seen++;
            if (next == NULL) {
                continue;
            }
            const struct number *a = LIST_ENTRY(link, struct number, link);
            const struct number *b = LIST_ENTRY(next, struct number, link);
            CU_ASSERT(a->value < b->value || (a->value == b->value && a->order < b->order));
        }
        CU_ASSERT_EQUAL(seen, n);
    }
}

/* The pieces it took. */
static size_t seek(const struct lab *lab, struct flow_search *search)
{
    size_t n = 1;
    while (!flow_table_seek(lab->table, search)) {
        n++;
    }
    return n;
}

static void a_flow_is_found_by_its_id_in_pieces_while_others_come(void)
{
    enum { FLOWS = 5000 };
    static uint64_t ids[FLOWS];
    struct lab lab;
    struct flow_search none = {.id = 1};
    lab_start(&lab, NULL);
    lab.quiet = true;
    for (unsigned i = 0; i < FLOWS; i++) {
        syn(&lab, i);
        ids[i] = lab.conn->id;
    }
    CU_ASSERT(seek(&lab, &none) > 1);
    CU_ASSERT(!none.found);
    for (unsigned i = 0; i < FLOWS; i += 7) {
        struct flow_search search = {.id = ids[i]};
        bool over = flow_table_seek(lab.table, &search);
        for (unsigned k = 0; !over && k < 3; k++) {
            syn(&lab, FLOWS + i * 3 + k); /* makes buckets be split meanwhile */
        }
        if (!over) {
            (void)seek(&lab, &search);
        }
        CU_ASSERT(search.found);
        CU_ASSERT_EQUAL(search.packets[TO_SERVER], 1);
        CU_ASSERT_EQUAL(search.packets[TO_CLIENT], 0);
        CU_ASSERT(search.clock_us >= search.start_us);
    }
    lab_stop(&lab);
}

static CU_TestInfo table_tests[] = {
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    TEST(datagrams_are_delivered_one_by_one),
    TEST(datagram_from_a_well_known_port_comes_from_the_server),
    TEST(packets_without_ports_make_a_flow_without_data),
    TEST(vlans_keep_flows_apart),
    TEST(directions_in_different_networks_are_one_flow),
    TEST(networks_with_the_same_addresses_keep_their_flows_apart),
    TEST(packets_of_another_network_that_answer_nothing_are_another_flow),
    TEST(vlans_may_be_left_out),
    TEST(ipv6_flows_are_found_from_both_sides),
    TEST(tunnel_of_the_first_packet_is_kept),
    TEST(flows_are_found_after_prefetching),
    TEST(accounts_are_kept_for_each_direction),
    TEST(a_wrong_checksum_among_right_ones_is_left_aside),
    TEST(wrong_checksums_of_a_direction_that_has_no_right_ones_are_read),
    TEST(ids_are_the_same_in_every_run_and_fit_51_bits),
    TEST(flow_of_one_direction_is_marked_when_it_ends),
    TEST(list_sort_is_stable_at_every_length),
    {"a_flow_is_found_by_its_id_in_pieces_while_others_come",
     a_flow_is_found_by_its_id_in_pieces_while_others_come},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo time_tests[] = {
    TEST(timeouts_are_exact),
    TEST(long_timeouts_are_exact_too),
    TEST(each_state_has_its_timeout),
    TEST(flows_close_in_the_order_of_their_deadlines),
    TEST(ends_do_not_depend_on_other_flows),
    TEST(clock_may_jump_and_stand_still),
    TEST(all_flows_end_in_the_order_of_their_ids),
    CU_TEST_INFO_NULL,
};

static CU_TestInfo room_tests[] = {
    TEST(one_flow_beyond_the_table_ends_the_oldest_half_open_one),
    TEST(full_table_of_live_flows_ends_the_idlest),
    TEST(busy_flows_stay_though_they_came_first),
    TEST(who_takes_much_goes_first),
    TEST(ended_flows_are_remembered_while_there_is_room),
    TEST(flood_of_syns_stays_within_memory),
    TEST(flood_of_holes_stays_within_memory),
    TEST(table_survives_the_failure_of_any_allocation),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {.pName = "table", .pTests = table_tests},
        {.pName = "time", .pTests = time_tests},
        {.pName = "room", .pTests = room_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
