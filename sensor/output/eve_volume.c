/* eve_volume: roll-ups and surges, as alerts of our own.
 *
 * They are of many: there is no flow, and the addresses are those of the first. What is counted
 * stands in alert.context.volume, where the schema lets anything stand; counts by value are lists
 * of value and count, not objects with a key for each, because a reader makes a column of every
 * key.
 */
#include "sensor/output/eve_volume.h"

#include "sensor/base/mem.h"
#include "sensor/output/eve_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { SID_SURGE = 9000301, SID_ROLLUP = 9000302, SEVERITY_SURGE = 2, SEVERITY_ROLLUP = 4 };

static const char *const scopes[] = {
    [EVE_VOLUME_CAMPAIGN] = "campaign",
    [EVE_VOLUME_OTHER] = "other_campaigns",
    [EVE_VOLUME_TOTAL] = "total",
    [EVE_VOLUME_SURGE] = "total",
};

static const char *const messages[] = {
    [EVE_VOLUME_CAMPAIGN] = "JNDI lookups of one campaign, rolled up",
    [EVE_VOLUME_OTHER] = "JNDI lookups of other campaigns, rolled up",
    [EVE_VOLUME_TOTAL] = "Alerts of all campaigns and rules, rolled up",
    [EVE_VOLUME_SURGE] = "Lookup openers surge above their baseline",
};

/* More first, then by text: the order does not depend on who came first. */
static int compare(const void *a, const void *b)
{
    const struct volume_value *x = a;
    const struct volume_value *y = b;
    if (x->n != y->n) {
        return x->n < y->n ? 1 : -1;
    }
    return span_compare(span_str(x->text), span_str(y->text));
}

static void add_value(struct json *j, const char *text, uint64_t n)
{
    json_object(j, NULL);
    json_text(j, "value", text);
    json_number(j, "count", n);
    json_object_end(j);
}

static void add_values(struct json *j, enum volume_by by, const struct volume_values *v)
{
    char key[16];
    if (v->n == 0) {
        return;
    }
    (void)snprintf(key, sizeof(key), "by_%s", volume_by_name(by));
    qsort(v->list, v->n, sizeof(*v->list), compare);
    json_array(j, key);
    for (size_t i = 0; i < v->n; i++) {
        add_value(j, v->list[i].text, v->list[i].n);
    }
    if (v->other > 0) {
        add_value(j, "other", v->other);
    }
    json_array_end(j);
}

static void add_campaign(struct json *j, const struct volume_group *g)
{
    eve_id(j, "campaign", 'c', g->campaign);
    json_text_if(j, "callback", g->callback);
}

static void add_group(struct json *j, const struct volume_group *g)
{
    json_number(j, "alerts", g->alerts);
    json_number(j, "told", g->told);
    json_number(j, "clients", volume_n_clients(g));
    if (g->alerts > 0) {
        eve_time(j, "first_seen", g->first_us);
        eve_time(j, "last_seen", g->last_us);
    }
    for (unsigned by = 0; by < VOLUME_BY_N; by++) {
        add_values(j, (enum volume_by)by, &g->by[by]);
    }
}

static void add_volume(struct json *j, const struct eve_volume *v)
{
    json_object(j, "volume");
    json_text(j, "scope", scopes[v->scope]);
    if (v->scope == EVE_VOLUME_CAMPAIGN) {
        add_campaign(j, v->group);
    }
    eve_time(j, "start", v->start_us);
    json_number(j, "interval_s", v->interval_us / 1000000);
    if (v->scope >= EVE_VOLUME_TOTAL) {
        json_number(j, "dollar_braces", v->n_opened);
    }
    if (v->scope == EVE_VOLUME_SURGE) {
        json_number(j, "baseline", v->baseline);
    }
    add_group(j, v->group);
    json_object_end(j);
}

/* Readers sort alerts by these: the first of many stands for them. */
static void add_ends(struct json *j, const struct volume_group *g)
{
    if (g->alerts > 0) {
        eve_addr(j, "src_ip", &g->client);
        eve_addr(j, "dest_ip", &g->target);
        json_text(j, "proto", "TCP");
    }
    json_text(j, "app_proto", "failed");
}

struct event *eve_volume(struct eve *e, const struct eve_volume *v)
{
    struct json j;
    bool surge = v->scope == EVE_VOLUME_SURGE;
    struct event_key key = {.clock_us = v->time_us, .flow_id = UINT64_MAX};
    eve_begin(e, &j, EVENT_ALERT, v->time_us);
    add_ends(&j, v->group);
    json_object(&j, "alert");
    json_text(&j, "action", "allowed");
    json_number(&j, "gid", 1);
    json_number(&j, "signature_id", surge ? SID_SURGE : SID_ROLLUP);
    json_number(&j, "rev", 1);
    json_text(&j, "signature", messages[v->scope]);
    json_text(&j, "category",
              surge ? "Attempted Administrator Privilege Gain" : "Not Suspicious Traffic");
    json_number(&j, "severity", surge ? SEVERITY_SURGE : SEVERITY_ROLLUP);
    json_object(&j, "context");
    add_volume(&j, v);
    json_object_end(&j);
    json_object_end(&j);
    return eve_finish(e, &j, EVENT_ALERT, &key);
}
