/* Tests of the addresses and ports of a rule's header: what is in a list, and what is none. */
#include "signatures/net.h"
#include "tests/unit/runner.h"

static const struct net_variable variables[] = {
    {.name = SPAN_LITERAL("HOME_NET"), .value = SPAN_LITERAL("[10.0.0.0/8,!10.9.0.0/16]")},
    {.name = SPAN_LITERAL("WEB"), .value = SPAN_LITERAL("[80,8000:8100,!8080]")},
    {SPAN_LITERAL("OPEN_NET"), SPAN_LITERAL("any"), SPAN_LITERAL("[0.0.0.0,::]")},
    {.name = SPAN_LITERAL("SERVERS"), .value = SPAN_LITERAL("$OPEN_NET")},
    {SPAN_LITERAL("OPEN"), SPAN_LITERAL("ANY"), SPAN_LITERAL("80")},
};

static bool addr_in(const char *list, const char *addr)
{
    char why[NET_WHY_SIZE];
    struct arena *arena = arena_new(1 << 16);
    struct net_variables v = {variables, ARRAY_LEN(variables)};
    struct net_set addrs;
    struct addr a;
    CU_ASSERT_FATAL(net_addrs_parse(span_str(list), &v, arena, &addrs, why));
    CU_ASSERT_FATAL(addr_parse(span_str(addr), &a));
    bool have = net_addrs_have(&addrs, &a);
    arena_free(&arena);
    return have;
}

static bool port_in(const char *list, uint16_t port)
{
    char why[NET_WHY_SIZE];
    struct arena *arena = arena_new(1 << 16);
    struct net_variables v = {variables, ARRAY_LEN(variables)};
    struct net_set ports;
    CU_ASSERT_FATAL(net_ports_parse(span_str(list), &v, arena, &ports, why));
    bool have = net_ports_have(&ports, port);
    arena_free(&arena);
    return have;
}

static void excluded_addresses_go_before_named_ones(void)
{
    CU_ASSERT(addr_in("any", "192.0.2.1"));
    CU_ASSERT(addr_in("any", "2001:db8::1"));
    CU_ASSERT(addr_in("$HOME_NET", "10.1.2.3"));
    CU_ASSERT_FALSE(addr_in("$HOME_NET", "10.9.2.3"));
    CU_ASSERT_FALSE(addr_in("$HOME_NET", "192.0.2.1"));
    CU_ASSERT_FALSE(addr_in("!$HOME_NET", "10.1.2.3"));
    CU_ASSERT(addr_in("!$HOME_NET", "10.9.2.3"));
    CU_ASSERT(addr_in("!$HOME_NET", "192.0.2.1"));
    CU_ASSERT(addr_in("[192.0.2.0/24, !192.0.2.7, [2001:db8::/32,!2001:db8:1::/48]]", "192.0.2.8"));
    CU_ASSERT_FALSE(addr_in("[192.0.2.0/24, !192.0.2.7]", "192.0.2.7"));
    CU_ASSERT_FALSE(addr_in("[192.0.2.0/24,[2001:db8::/32,!2001:db8:1::/48]]", "2001:db8:1::1"));
    CU_ASSERT(addr_in("[!192.0.2.7]", "192.0.2.8"));
    CU_ASSERT_FALSE(addr_in("![!192.0.2.7]", "192.0.2.8"));
    CU_ASSERT(addr_in("![!192.0.2.7]", "192.0.2.7"));
    CU_ASSERT(addr_in("[![192.0.2.0/24,!192.0.2.7],!198.51.100.1]", "203.0.113.1"));
    CU_ASSERT_FALSE(addr_in("[192.0.2.7,!192.0.2.7,10.0.0.0/8]", "192.0.2.7"));
    CU_ASSERT_FALSE(addr_in("[192.0.2.7,!192.0.2.0/24,10.0.0.0/8]", "192.0.2.7"));
    /* A list in a list stands in it, one with a sign is a set. */
    CU_ASSERT_FALSE(addr_in("[192.0.2.0/24,[!192.0.2.0/28,192.0.2.7]]", "192.0.2.7"));
    CU_ASSERT(addr_in("[192.0.2.0/24,![192.0.2.0/28,!192.0.2.7]]", "192.0.2.7"));
    CU_ASSERT_FALSE(addr_in("[192.0.2.0/24,![192.0.2.0/28,!192.0.2.7]]", "192.0.2.8"));
    CU_ASSERT(addr_in("[any,!$HOME_NET]", "192.0.2.1"));
    CU_ASSERT(addr_in("[any,!$HOME_NET]", "2001:db8::1"));
    CU_ASSERT_FALSE(addr_in("[any,!$HOME_NET]", "10.1.2.3"));
    CU_ASSERT(addr_in("!!192.0.2.7", "192.0.2.7"));
    CU_ASSERT_FALSE(addr_in("!!192.0.2.7", "192.0.2.8"));
}

static void a_family_that_a_list_does_not_name_is_not_in_it(void)
{
    CU_ASSERT_FALSE(addr_in("!192.0.2.0/24", "2001:db8::1"));
    CU_ASSERT_FALSE(addr_in("!2001:db8::/32", "192.0.2.1"));
    CU_ASSERT(addr_in("[192.0.2.0/24,!2001:db8::/32]", "2001:db9::1"));
    CU_ASSERT_FALSE(addr_in("[192.0.2.0/24,!2001:db8::/32]", "192.0.3.1"));
}

static void addresses_are_ranges_and_masks_too(void)
{
    CU_ASSERT(addr_in("192.0.2.3-192.0.2.9", "192.0.2.3"));
    CU_ASSERT(addr_in("[10.0.0.1,192.0.2.3-192.0.2.9]", "192.0.2.9"));
    CU_ASSERT_FALSE(addr_in("192.0.2.3-192.0.2.9", "192.0.2.10"));
    CU_ASSERT_FALSE(addr_in("192.0.2.3-192.0.2.9", "192.0.2.2"));
    CU_ASSERT(addr_in("2001:db8::1-2001:db8::ff", "2001:db8::9"));
    CU_ASSERT(addr_in("192.0.2.7/255.255.255.0", "192.0.2.200"));
    CU_ASSERT_FALSE(addr_in("192.0.2.7/255.255.255.0", "192.0.3.7"));
    CU_ASSERT(addr_in("192.0.2.7/0", "198.51.100.1"));
}

static void what_nobody_defined_can_be_excluded(void)
{
    CU_ASSERT(port_in("$OPEN", 80));
    CU_ASSERT(port_in("[80,$OPEN]", 81));
    CU_ASSERT_FALSE(port_in("!$OPEN", 80));
    CU_ASSERT(port_in("!$OPEN", 81));
    CU_ASSERT_FALSE(port_in("[1:100,![$OPEN,90]]", 80));
    CU_ASSERT_FALSE(port_in("[1:100,![$OPEN,90]]", 90));
    CU_ASSERT(port_in("[1:100,![$OPEN,90]]", 91));
    CU_ASSERT(port_in("!!$OPEN", 81));
    CU_ASSERT(addr_in("!$OPEN_NET", "10.0.0.1"));
    CU_ASSERT(addr_in("!$SERVERS", "2001:db8::1"));
    CU_ASSERT(addr_in("[10.0.0.0/8,!$SERVERS]", "10.0.0.1"));
    CU_ASSERT_FALSE(addr_in("[10.0.0.0/8,!$SERVERS]", "192.0.2.1"));
}

static void a_set_that_is_empty_is_told_of(void)
{
    static const char *const empty[] = {"!any",
                                        "!0.0.0.0/0",
                                        "[192.0.2.7,!192.0.2.0/24]",
                                        "[$HOME_NET,!$HOME_NET]",
                                        "[192.0.2.0/24,!192.0.2.0/25,!192.0.2.128/25]",
                                        "[!10.0.0.0/8,10.2.0.0/16]"};
    char why[NET_WHY_SIZE];
    struct arena *arena = arena_new(1 << 16);
    struct net_variables v = {variables, ARRAY_LEN(variables)};
    struct net_set set;
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        CU_ASSERT_FALSE(net_addrs_parse(span_str(empty[i]), &v, arena, &set, why));
        CU_ASSERT_NOT_EQUAL(span_find(span_str(why), 0, SPAN("no address is left")), SPAN_NONE);
    }
    CU_ASSERT_FALSE(net_ports_parse(SPAN("[1:99,!1:49,!50:]"), &v, arena, &set, why));
    CU_ASSERT(net_ports_parse(SPAN("[1:99,!1:49,!51:]"), &v, arena, &set, why));
    CU_ASSERT_FALSE(net_addrs_parse(SPAN("192.0.2.9-192.0.2.3"), &v, arena, &set, why));
    CU_ASSERT_FALSE(net_addrs_parse(SPAN("192.0.2.9/255.0.255.0"), &v, arena, &set, why));
    arena_free(&arena);
}

static void excluded_ports_go_before_named_ones(void)
{
    CU_ASSERT(port_in("any", 0));
    CU_ASSERT(port_in("$WEB", 80));
    CU_ASSERT(port_in("$WEB", 8100));
    CU_ASSERT_FALSE(port_in("$WEB", 8080));
    CU_ASSERT_FALSE(port_in("$WEB", 8101));
    CU_ASSERT(port_in("!$WEB", 8080));
    CU_ASSERT_FALSE(port_in("!80", 80));
    CU_ASSERT(port_in("!80", 81));
    CU_ASSERT(port_in("1024:", 65535));
    CU_ASSERT_FALSE(port_in("1024:", 1023));
    CU_ASSERT(port_in(":1024", 0));
}

static CU_TestInfo nets[] = {
    {"excluded addresses go before named ones", excluded_addresses_go_before_named_ones},
    {"a family that a list does not name is not in it",
     a_family_that_a_list_does_not_name_is_not_in_it},
    {"addresses are ranges and masks too", addresses_are_ranges_and_masks_too},
    {"what nobody defined can be excluded", what_nobody_defined_can_be_excluded},
    {"a set that is empty is told of", a_set_that_is_empty_is_told_of},
    {"excluded ports go before named ones", excluded_ports_go_before_named_ones},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"addresses and ports", NULL, NULL, NULL, NULL, nets},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
