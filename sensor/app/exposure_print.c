/* exposure_print: hosts and campaigns as JSON, for --exposure and the command socket.
 *
 * Hosts of one asset are summed up under its name: an owner asks about a service, not about
 * addresses. The order does not depend on workers: by attempts, then by address. */
#include "sensor/app/exposure_print.h"

#include "sensor/base/mem.h"
#include "sensor/output/eve.h"

#include <stdlib.h>

/* --- parts
 * -----------------------------------------------------------------------------------------------
 */

static void add_time(struct json *j, const char *key, uint64_t time_us)
{
    if (time_us > 0) {
        eve_time(j, key, time_us);
    }
}

static void add_count(struct json *j, const char *value, uint64_t n)
{
    if (n > 0) {
        json_object(j, NULL);
        json_text(j, "value", value);
        json_number(j, "count", n);
        json_object_end(j);
    }
}

static void add_classes(struct json *j, const struct exposed_host *h)
{
    json_array(j, "by_class");
    for (unsigned i = EXPOSURE_CLASSES; i-- > 0;) {
        add_count(j, alert_class_name((enum lookup_class)i), h->by_class[i]);
    }
    json_array_end(j);
}

static void add_fields(struct json *j, const struct exposed_host *h)
{
    json_array(j, "by_field");
    for (unsigned field = 0; field < FIELD_N; field++) {
        add_count(j, field_info((enum field_id)field)->name, h->by_field[field]);
    }
    json_array_end(j);
}

static void add_campaigns(struct json *j, const struct exposed_host *h)
{
    json_array(j, "campaigns");
    for (size_t i = 0; i < h->n_campaigns; i++) {
        eve_id(j, NULL, 'c', h->campaigns[i]);
    }
    json_array_end(j);
    if (h->more_campaigns) {
        json_bool(j, "more_campaigns", true);
    }
}

static void add_share(struct json *j, const struct exposed_host *h)
{
    json_number(j, "flows", h->flows);
    json_number(j, "payload_bytes", h->payload_bytes);
    json_number(j, "not_inspected_bytes", h->not_inspected_bytes);
    if (h->payload_bytes > 0) {
        json_real(j, "inspected_share",
                  1.0 - (double)h->not_inspected_bytes / (double)h->payload_bytes);
    }
}

static void add_counts(struct json *j, const struct exposed_host *h)
{
    json_number(j, "attempts", h->attempts);
    if (h->rules > 0) {
        json_number(j, "other_alerts", h->rules);
    }
    if (h->attempts > 0) {
        add_classes(j, h);
        add_fields(j, h);
        add_campaigns(j, h);
    }
    add_time(j, "first_seen", h->first_us);
    add_time(j, "last_seen", h->last_us);
    add_share(j, h);
}

/* --- hosts
 * -----------------------------------------------------------------------------------------------
 */

static int compare_hosts(const void *a, const void *b)
{
    const struct exposed_host *const *x = a;
    const struct exposed_host *const *y = b;
    uint64_t left = (*x)->attempts + (*x)->rules;
    uint64_t right = (*y)->attempts + (*y)->rules;
    return left != right ? (left < right ? 1 : -1) : addr_compare(&(*x)->addr, &(*y)->addr);
}

static void add_host(struct json *j, const struct exposed_host *h)
{
    char text[ADDR_TEXT_SIZE];
    addr_format(&h->addr, text, sizeof(text));
    json_object(j, NULL);
    json_text_if(j, "ip", text);
    if (h->asset != NULL) {
        eve_asset(j, "asset", h->asset);
    }
    add_counts(j, h);
    json_object_end(j);
}

/* Sums of an asset's hosts: the figures alone. */
struct group {
    const struct asset *asset;
    struct exposed_host sum;
    uint64_t hosts;
};

static int compare_assets(const void *a, const void *b)
{
    const struct exposed_host *const *x = a;
    const struct exposed_host *const *y = b;
    const struct asset *left = (*x)->asset;
    const struct asset *right = (*y)->asset;
    if (left == NULL || right == NULL) {
        return (left == NULL) - (right == NULL);
    }
    int order = span_compare(span_str(left->name), span_str(right->name));
    return order != 0 ? order : (left < right ? -1 : left > right);
}

static void add_group(struct json *j, const struct group *g)
{
    json_object(j, NULL);
    eve_asset(j, "asset", g->asset);
    json_number(j, "hosts", g->hosts);
    json_number(j, "attempts", g->sum.attempts);
    add_time(j, "last_seen", g->sum.last_us);
    add_share(j, &g->sum);
    json_object_end(j);
}

static void add_to_group(struct group *g, const struct exposed_host *h)
{
    g->hosts++;
    g->sum.attempts += h->attempts;
    g->sum.flows += h->flows;
    g->sum.payload_bytes += h->payload_bytes;
    g->sum.not_inspected_bytes += h->not_inspected_bytes;
    g->sum.last_us = h->last_us > g->sum.last_us ? h->last_us : g->sum.last_us;
}

/* Hosts in the order of their assets, those without one last. */
static void add_groups(struct json *j, const struct exposed_host **hosts, size_t n)
{
    struct group g = {0};
    json_array(j, "assets");
    for (size_t i = 0; i < n && hosts[i]->asset != NULL; i++) {
        if (g.asset != NULL && hosts[i]->asset != g.asset) {
            add_group(j, &g);
            g = (struct group){0};
        }
        g.asset = hosts[i]->asset;
        add_to_group(&g, hosts[i]);
    }
    if (g.asset != NULL) {
        add_group(j, &g);
    }
    json_array_end(j);
}

static const struct exposed_host **list_hosts(const struct exposure *e, size_t *ret_n)
{
    size_t n = 0;
    while (exposure_host(e, n) != NULL) {
        n++;
    }
    const struct exposed_host **list = mem_alloc((n + 1) * sizeof(const struct exposed_host *));
    for (size_t i = 0; list != NULL && i < n; i++) {
        list[i] = exposure_host(e, i);
    }
    *ret_n = n;
    return list;
}

bool exposure_print(struct json *j, const struct exposure *e, size_t most)
{
    size_t n = 0;
    const struct exposed_host **list = list_hosts(e, &n);
    const struct exposed_host *other = exposure_other_hosts(e);
    if (list == NULL) {
        return false;
    }
    qsort(list, n, sizeof(const struct exposed_host *), compare_hosts);
    json_number(j, "count", n);
    json_array(j, "hosts");
    for (size_t i = 0; i < n && i < most; i++) {
        add_host(j, list[i]);
    }
    json_array_end(j);
    qsort(list, n, sizeof(const struct exposed_host *), compare_assets);
    add_groups(j, list, n);
    if (other->attempts + other->rules + other->flows > 0) {
        json_object(j, "other_hosts");
        add_counts(j, other);
        json_object_end(j);
    }
    mem_free(list);
    return true;
}

/* --- campaigns
 * ------------------------------------------------------------------------------------------- */

static int compare_campaigns(const void *a, const void *b)
{
    const struct exposed_campaign *const *x = a;
    const struct exposed_campaign *const *y = b;
    if ((*x)->last_us != (*y)->last_us) {
        return (*x)->last_us < (*y)->last_us ? 1 : -1;
    }
    return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

static void add_campaign(struct json *j, const struct exposed_campaign *c)
{
    json_text_if(j, "callback", c->callback);
    if (c->id != 0) {
        eve_id(j, "campaign", 'c', c->id);
        json_text(j, "scheme", scheme_name(c->scheme));
    }
    json_text(j, "class", alert_class_name(c->class));
    json_number(j, "attempts", c->attempts);
    json_number(j, "targets", distinct_count(&c->targets));
    json_number(j, "clients", distinct_count(&c->clients));
    add_time(j, "first_seen", c->first_us);
    add_time(j, "last_seen", c->last_us);
}

bool exposure_print_campaigns(struct json *j, const struct exposure *e, size_t most)
{
    size_t n = 0;
    while (exposure_campaign(e, n) != NULL) {
        n++;
    }
    const struct exposed_campaign **list =
        mem_alloc((n + 1) * sizeof(const struct exposed_campaign *));
    if (list == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        list[i] = exposure_campaign(e, i);
    }
    qsort(list, n, sizeof(const struct exposed_campaign *), compare_campaigns);
    json_number(j, "count", n);
    json_array(j, "campaigns");
    for (size_t i = 0; i < n && i < most; i++) {
        json_object(j, NULL);
        add_campaign(j, list[i]);
        json_object_end(j);
    }
    json_array_end(j);
    if (exposure_other_campaigns(e)->attempts > 0) {
        json_object(j, "other_campaigns");
        add_campaign(j, exposure_other_campaigns(e));
        json_object_end(j);
    }
    mem_free(list);
    return true;
}
