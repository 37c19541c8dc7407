/* story: a script of sightings, held against the attempts before them; no packets, no events. */
#include "sensor/base/bytes.h"
#include "sensor/output/story.h"
#include "tests/unit/runner.h"

#include <stdio.h>

/* What follows attempts: sightings by hand, held against the call-backs that are remembered. */

enum { SECOND = 1000000, HOUR = 3600 };

/* Whom it is about, in the text of the tests. */
static const struct addr attacker = {.family = 4, .bytes = {198, 51, 100, 23}};
static const struct addr victim = {.family = 4, .bytes = {192, 0, 2, 10}};
static const struct addr neighbour = {.family = 4, .bytes = {192, 0, 2, 11}};
static const struct addr callback = {.family = 4, .bytes = {203, 0, 113, 9}};
static const struct addr resolver = {.family = 4, .bytes = {203, 0, 113, 53}};

struct scene {
    struct story *story;
    uint64_t now_us;
    struct story_step step; /* the latest */
};

static struct scene scene_new(size_t callbacks)
{
    const struct story_options o = {callbacks, (uint64_t)HOUR * SECOND};
    struct scene s = {.story = story_new(&o), .now_us = 1000000000000};
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.story);
    return s;
}

static struct sighting seen_by(const struct scene *s, enum sighting_kind kind, const char *name)
{
    struct sighting seen = {
        .kind = kind, .key = {.clock_us = s->now_us}, .conn = {.last_us = s->now_us, .id = 7}};
    (void)snprintf(seen.name, sizeof(seen.name), "%s", name);
    return seen;
}

static void attempt_at(struct scene *s, const char *host, uint16_t port, uint64_t id,
                       struct addr target)
{
    struct sighting seen = seen_by(s, SIGHTING_ATTEMPT, host);
    seen.conn.addr[TO_SERVER] = attacker;
    seen.conn.addr[TO_CLIENT] = target;
    seen.conn.port[TO_CLIENT] = 8080;
    seen.attempt = (struct sighted_attempt){.attack_id = id,
                                            .scheme = SCHEME_LDAP,
                                            .class = LOOKUP_ATTACK,
                                            .dir = TO_SERVER,
                                            .port = port};
    CU_ASSERT(!story_see(s->story, &seen, &s->step));
}

static void attempt(struct scene *s, const char *host, uint16_t port, uint64_t id)
{
    attempt_at(s, host, port, id, victim);
}

/* The stage that this is a step to; STAGE_ATTEMPT: none. */
static enum stage see(struct scene *s, struct sighting *seen, struct addr from, struct addr to,
                      uint16_t port)
{
    seen->conn.addr[TO_SERVER] = from;
    seen->conn.addr[TO_CLIENT] = to;
    seen->conn.port[TO_CLIENT] = port;
    return story_see(s->story, seen, &s->step) ? s->step.stage : STAGE_ATTEMPT;
}

static enum stage connects(struct scene *s, struct addr from, struct addr to, uint16_t port)
{
    struct sighting seen = seen_by(s, SIGHTING_FLOW_OPEN, "");
    return see(s, &seen, from, to, port);
}

static enum stage asks(struct scene *s, struct addr from, const char *name)
{
    struct sighting seen = seen_by(s, SIGHTING_NAME, name);
    return see(s, &seen, from, resolver, 53);
}

static void is_told(struct scene *s, const char *name, struct addr addr)
{
    struct sighting seen = seen_by(s, SIGHTING_ADDRESSES, name);
    seen.addrs[0] = addr;
    seen.n_addrs = 1;
    CU_ASSERT_EQUAL(see(s, &seen, victim, resolver, 53), STAGE_ATTEMPT);
}

static enum stage refers(struct scene *s, const char *code)
{
    struct sighting seen = seen_by(s, SIGHTING_REFERENCE, code);
    return see(s, &seen, victim, callback, 1389);
}

static enum stage fetches(struct scene *s, struct addr from, const char *host)
{
    struct sighting seen = seen_by(s, SIGHTING_CLASS, host);
    return see(s, &seen, victim, from, 8000);
}

/* --- steps ---------------------------------------------------------------------------------------
 */

static void a_name_is_followed_to_the_class(void)
{
    struct scene s = scene_new(4);
    attempt(&s, "Evil.Example.", 1389, 1);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_ATTEMPT);
    CU_ASSERT_EQUAL(asks(&s, victim, "evil.example"), STAGE_RESOLVED);
    CU_ASSERT_STRING_EQUAL(s.step.host, "Evil.Example.");
    CU_ASSERT_EQUAL(s.step.ip.family, 0);
    is_told(&s, "EVIL.example", callback);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1388), STAGE_ATTEMPT);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_CALLED_BACK);
    CU_ASSERT(addr_equal(&s.step.ip, &callback));
    CU_ASSERT_EQUAL(refers(&s, "http://203.0.113.9:8000/"), STAGE_REFERENCE_SERVED);
    CU_ASSERT_EQUAL(fetches(&s, callback, ""), STAGE_CLASS_DELIVERED);
    CU_ASSERT_EQUAL(s.step.attempt.what.attack_id, 1);
    CU_ASSERT(addr_equal(&s.step.attempt.target, &victim));
    story_free(&s.story);
}

static void a_step_is_told_once_and_only_upwards(void)
{
    struct scene s = scene_new(4);
    attempt(&s, "203.0.113.9", 1389, 1);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_CALLED_BACK);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_ATTEMPT);
    CU_ASSERT_EQUAL(connects(&s, neighbour, callback, 1389), STAGE_CALLED_BACK);
    CU_ASSERT_EQUAL(refers(&s, ""), STAGE_REFERENCE_SERVED);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_ATTEMPT);
    attempt(&s, "203.0.113.9", 1389, 2); /* another attempt: another story */
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_CALLED_BACK);
    CU_ASSERT_EQUAL(s.step.attempt.what.attack_id, 2);
    CU_ASSERT_EQUAL(connects(&s, neighbour, callback, 1389), STAGE_ATTEMPT);
    story_free(&s.story);
}

static void names_beneath_and_variables_match(void)
{
    static const struct {
        const char *host;
        const char *asked;
        enum stage stage;
    } rows[] = {
        {"evil.example", "a.b.evil.example", STAGE_RESOLVED},
        {"evil.example", "notevil.example", STAGE_ATTEMPT},
        {"evil.example", "example", STAGE_ATTEMPT},
        {"\x24{hostName}.probe.example", "web01.probe.example", STAGE_RESOLVED},
        {"\x24{env:A}x.\x24{env:B}.probe.example", "ax.b.probe.example", STAGE_RESOLVED},
        {"\x24{hostName}.probe.example", "web01.other.example", STAGE_ATTEMPT},
        {"\x24{hostName}.example", "web01.example", STAGE_ATTEMPT}, /* too little is known */
        {"\x24{env:B}probe.example", "xprobe.example", STAGE_ATTEMPT},
        {"host.\x24{env:B}", "host.example", STAGE_ATTEMPT},
        {"com", "shop.com", STAGE_ATTEMPT},
        {"intranet", "intranet", STAGE_RESOLVED},
        {"localhost", "localhost", STAGE_ATTEMPT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s = scene_new(4);
        attempt(&s, rows[i].host, 1389, 1);
        CU_ASSERT_EQUAL(asks(&s, victim, rows[i].asked), rows[i].stage);
        story_free(&s.story);
    }
}

static void addresses_that_are_nowhere_are_not_remembered(void)
{
    static const char *const hosts[] = {"127.0.0.1", "0.0.0.0", "::1", "224.0.0.1",
                                        "255.255.255.255"};
    struct story_stats stats;
    struct scene s = scene_new(8);
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        attempt(&s, hosts[i], 1389, i);
    }
    attempt(&s, "192.0.2.10", 8080, 9); /* the server itself: all its visitors would be steps */
    story_stats(s.story, &stats);
    CU_ASSERT_EQUAL(stats.watched, 0);
    attempt(&s, "192.0.2.10", 1389, 9);
    story_stats(s.story, &stats);
    CU_ASSERT_EQUAL(stats.watched, 1);
    story_free(&s.story);
}

static void the_attempt_is_the_one_against_that_host(void)
{
    struct scene s = scene_new(4);
    for (unsigned i = 0; i < 40; i++) { /* more than one call-back remembers */
        struct addr target = {.family = 4, .bytes = {192, 0, 2, (uint8_t)(100 + i)}};
        attempt_at(&s, "203.0.113.9", 1389, 100 + i, target);
    }
    struct addr known = {.family = 4, .bytes = {192, 0, 2, 130}};
    struct addr forgotten = {.family = 4, .bytes = {192, 0, 2, 101}};
    CU_ASSERT_EQUAL(connects(&s, known, callback, 1389), STAGE_CALLED_BACK);
    CU_ASSERT_EQUAL(s.step.attempt.what.attack_id, 130);
    CU_ASSERT_EQUAL(connects(&s, forgotten, callback, 1389), STAGE_CALLED_BACK);
    CU_ASSERT_EQUAL(s.step.attempt.what.attack_id, 139);
    story_free(&s.story);
}

/* Names of one address are told apart by when they were tried, and against whom. */
static void one_address_of_many_names_is_that_of_the_latest_attempt(void)
{
    struct scene s = scene_new(8);
    attempt(&s, "a.evil.example", 1389, 1);
    is_told(&s, "a.evil.example", callback);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_CALLED_BACK);
    s.now_us += SECOND;
    attempt_at(&s, "b.evil.example", 1389, 2, neighbour);
    is_told(&s, "b.evil.example", callback);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_ATTEMPT);
    CU_ASSERT_EQUAL(connects(&s, neighbour, callback, 1389), STAGE_CALLED_BACK);
    CU_ASSERT_EQUAL(s.step.attempt.what.attack_id, 2);
    s.now_us += SECOND;
    attempt(&s, "c.evil.example", 1389, 3);
    is_told(&s, "c.evil.example", callback);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_CALLED_BACK);
    CU_ASSERT_EQUAL(s.step.attempt.what.attack_id, 3);
    CU_ASSERT_EQUAL(connects(&s, resolver, callback, 1389), STAGE_CALLED_BACK);
    CU_ASSERT_EQUAL(s.step.attempt.what.attack_id, 3);
    story_free(&s.story);
}

static void a_name_server_may_be_the_callback(void)
{
    struct scene s = scene_new(4);
    attempt(&s, "203.0.113.53", 53, 1);
    CU_ASSERT_EQUAL(asks(&s, victim, "secret.leak.example"), STAGE_CALLED_BACK);
    story_free(&s.story);
}

static void code_is_found_where_the_reference_points(void)
{
    static const struct {
        const char *code;
        struct addr from;
        const char *host;
        enum stage stage;
    } rows[] = {
        {"http://192.0.2.11/a/",
         {.family = 4, .bytes = {192, 0, 2, 11}},
         "",
         STAGE_CLASS_DELIVERED},
        {"http://[2001:db8::7]:80/",
         {.family = 6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 7}},
         "",
         STAGE_CLASS_DELIVERED},
        {"http://u@Code.Example:80/x",
         {.family = 4, .bytes = {192, 0, 2, 12}},
         "code.example",
         STAGE_CLASS_DELIVERED},
        {"http://192.0.2.11/", {.family = 4, .bytes = {192, 0, 2, 12}}, "", STAGE_ATTEMPT},
        {"", {.family = 4, .bytes = {192, 0, 2, 12}}, "code.example", STAGE_ATTEMPT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s = scene_new(4);
        attempt(&s, "203.0.113.9", 1389, 1);
        CU_ASSERT_EQUAL(refers(&s, rows[i].code), STAGE_REFERENCE_SERVED);
        CU_ASSERT_EQUAL(fetches(&s, rows[i].from, rows[i].host), rows[i].stage);
        story_free(&s.story);
    }
}

/* --- room and time -------------------------------------------------------------------------------
 */

static void the_table_is_bounded_and_evictions_are_counted(void)
{
    char host[32];
    struct story_stats stats;
    struct scene s = scene_new(3);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(host, sizeof(host), "203.0.113.%u", i + 1);
        attempt(&s, host, 1389, i);
    }
    attempt(&s, "203.0.113.1", 1389, 7); /* the first is now the latest */
    attempt(&s, "203.0.113.4", 1389, 8);
    story_stats(s.story, &stats);
    CU_ASSERT_EQUAL(stats.watched, 3);
    CU_ASSERT_EQUAL(stats.evicted, 1);
    CU_ASSERT_EQUAL(stats.outcomes[SCHEME_LDAP][STORY_NO_CALLBACK], 1);
    static const enum stage stages[] = {STAGE_CALLED_BACK, STAGE_ATTEMPT, STAGE_CALLED_BACK,
                                        STAGE_CALLED_BACK};
    for (unsigned i = 0; i < 4; i++) {
        struct addr to = {.family = 4, .bytes = {203, 0, 113, (uint8_t)(i + 1)}};
        CU_ASSERT_EQUAL(connects(&s, victim, to, 1389), stages[i]);
    }
    story_free(&s.story);
}

static void nothing_is_remembered_without_room(void)
{
    struct story_stats stats;
    struct scene s = scene_new(0);
    attempt(&s, "203.0.113.9", 1389, 1);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_ATTEMPT);
    story_stats(s.story, &stats);
    CU_ASSERT_EQUAL(stats.watched + stats.evicted, 0);
    story_free(&s.story);
}

static void what_was_remembered_for_long_enough_goes(void)
{
    struct story_stats stats;
    struct scene s = scene_new(4);
    attempt(&s, "203.0.113.9", 1389, 1);
    attempt(&s, "203.0.113.10", 1389, 2);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_CALLED_BACK);
    s.now_us += (uint64_t)HOUR * SECOND;
    story_until(s.story, s.now_us);
    story_stats(s.story, &stats);
    CU_ASSERT_EQUAL(stats.watched, 2);
    s.now_us++;
    story_until(s.story, s.now_us);
    story_stats(s.story, &stats);
    CU_ASSERT_EQUAL(stats.watched, 0);
    CU_ASSERT_EQUAL(stats.outcomes[SCHEME_LDAP][STORY_NO_CALLBACK], 1); /* the other was called */
    CU_ASSERT_EQUAL(stats.outcomes[SCHEME_LDAP][STAGE_CALLED_BACK], 1);
    CU_ASSERT_EQUAL(stats.evicted, 0);
    CU_ASSERT_EQUAL(story_n_steps(&stats), 1);
    CU_ASSERT_EQUAL(connects(&s, victim, callback, 1389), STAGE_ATTEMPT);
    story_free(&s.story);
}

/* Rows that are used again hold nothing of whom they were before, however often that happens. */
static void many_callbacks_come_and_go(void)
{
    char host[64];
    struct story_stats stats;
    struct scene s = scene_new(16);
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(host, sizeof(host), "h%u.evil%u.example", i, i % 7);
        attempt(&s, host, 1389, i);
        CU_ASSERT_EQUAL(asks(&s, victim, host), STAGE_RESOLVED);
        CU_ASSERT_EQUAL(s.step.attempt.what.attack_id, i);
        is_told(&s, host, callback);
        (void)connects(&s, victim, callback, 1389);
        s.now_us += SECOND;
        story_until(s.story, s.now_us);
    }
    story_stats(s.story, &stats);
    CU_ASSERT_EQUAL(stats.watched, 16);
    CU_ASSERT_EQUAL(stats.evicted, 5000 - 16);
    s.now_us += (uint64_t)2 * HOUR * SECOND;
    story_until(s.story, s.now_us);
    CU_ASSERT_EQUAL(connects(&s, neighbour, callback, 1389), STAGE_ATTEMPT);
    story_free(&s.story);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"a_name_is_followed_to_the_class", a_name_is_followed_to_the_class},
        {"a_step_is_told_once_and_only_upwards", a_step_is_told_once_and_only_upwards},
        {"names_beneath_and_variables_match", names_beneath_and_variables_match},
        {"addresses_that_are_nowhere_are_not_remembered",
         addresses_that_are_nowhere_are_not_remembered},
        {"the_attempt_is_the_one_against_that_host", the_attempt_is_the_one_against_that_host},
        {"one_address_of_many_names_is_that_of_the_latest_attempt",
         one_address_of_many_names_is_that_of_the_latest_attempt},
        {"a_name_server_may_be_the_callback", a_name_server_may_be_the_callback},
        {"code_is_found_where_the_reference_points", code_is_found_where_the_reference_points},
        {"the_table_is_bounded_and_evictions_are_counted",
         the_table_is_bounded_and_evictions_are_counted},
        {"nothing_is_remembered_without_room", nothing_is_remembered_without_room},
        {"what_was_remembered_for_long_enough_goes", what_was_remembered_for_long_enough_goes},
        {"many_callbacks_come_and_go", many_callbacks_come_and_go},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"story", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
