/* teller: what is said of all alerts together.
 *
 * Intervals are whole ones of packet time (a minute begins when the clock's does), so that they are
 * the same in every run and at any number of workers: events come here in their one order, and a
 * worker's sightings of openers come as an event of their own at the end of the interval they lie
 * in. An interval in which there was nothing is told by nothing.
 *
 * The roll-ups of an interval, one for each campaign, one for those that had no room, one for all,
 * have the time of its end. */
#include "sensor/output/teller.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/output/eve_story.h"
#include "sensor/output/eve_volume.h"
#include "sensor/output/noise.h"
#include "sensor/output/recent.h"

#include <inttypes.h>
#include <stdio.h>

struct teller {
    struct teller_options options;
    struct teller_user user;
    struct eve *eve;
    struct volume *volume;
    struct noise *noise;
    struct recent *recent;
    struct story *story;
    struct surge surge;
    bool started;
    uint64_t interval; /* number of the one that is open */
    uint64_t n_opened; /* in it */
};

struct teller *teller_new(const struct teller_options *options, const struct teller_user *user)
{
    struct teller *t = mem_alloc(sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->options = *options;
    t->user = *user;
    struct eve_options eve = {
        .host = options->host,
        .line_bytes = options->line_bytes,
        .layouts = options->layouts,
    };
    bool tells = options->writes || options->story.callbacks > 0;
    t->eve = tells ? eve_new(&eve) : NULL;
    t->volume = options->writes ? volume_new(&options->volume) : NULL;
    t->noise = noise_new(options->quiet_us);
    t->recent = recent_new(options->quiet_us);
    t->story = story_new(&options->story);
    bool lacks = (tells && t->eve == NULL) || (options->writes && t->volume == NULL);
    if (t->noise == NULL || t->recent == NULL || t->story == NULL || lacks) {
        teller_free(&t);
    }
    return t;
}

void teller_free(struct teller **t)
{
    if (*t == NULL) {
        return;
    }
    volume_free(&(*t)->volume);
    noise_free(&(*t)->noise);
    recent_free(&(*t)->recent);
    story_free(&(*t)->story);
    eve_free(&(*t)->eve);
    mem_free(*t);
    *t = NULL;
}

static void tell(struct teller *t, const struct eve_volume *v)
{
    t->user.tell(t->user.ctx, eve_volume(t->eve, v), v->time_us);
}

static void tell_group(struct teller *t, struct eve_volume *v, enum eve_volume_scope scope,
                       const struct volume_group *g)
{
    if (g != NULL && g->alerts > 0) {
        v->scope = scope;
        v->group = g;
        tell(t, v);
    }
}

static void tell_rollups(struct teller *t, struct eve_volume *v)
{
    const struct volume_group *g;
    for (size_t i = 0; (g = volume_campaign(t->volume, i)) != NULL; i++) {
        tell_group(t, v, EVE_VOLUME_CAMPAIGN, g);
    }
    tell_group(t, v, EVE_VOLUME_OTHER, volume_other(t->volume));
    if (v->n_opened > 0 || volume_total(t->volume)->alerts > 0) {
        v->scope = EVE_VOLUME_TOTAL;
        v->group = volume_total(t->volume);
        tell(t, v);
    }
}

/* Tells of the open interval and closes it. */
static void close_interval(struct teller *t, uint64_t time_us)
{
    struct eve_volume v = {
        .time_us = time_us,
        .start_us = t->interval * t->options.interval_us,
        .interval_us = t->options.interval_us,
        .n_opened = t->n_opened,
    };
    tell_rollups(t, &v);
    if (surge_step(&t->surge, &t->options.surge, t->n_opened, &v.baseline)) {
        v.scope = EVE_VOLUME_SURGE;
        v.group = volume_total(t->volume);
        tell(t, &v);
    }
    volume_reset(t->volume);
    t->n_opened = 0;
}

void teller_until(struct teller *t, uint64_t clock_us)
{
    if (clock_us != UINT64_MAX) {
        recent_until(t->recent, clock_us);
        story_until(t->story, clock_us);
    }
    if (!t->started || clock_us == UINT64_MAX) {
        return; /* it begins with the first event, where roll-ups are written at all */
    }
    uint64_t interval = clock_us / t->options.interval_us;
    if (interval > t->interval) {
        close_interval(t, (t->interval + 1) * t->options.interval_us);
        surge_rest(&t->surge, &t->options.surge, interval - t->interval - 1);
        t->interval = interval;
    }
}

/* There is room behind the text; what stands behind the number moves. */
static void set_repeat(struct event *event, uint64_t n)
{
    char digits[EVENT_REPEAT_DIGITS + 1];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n);
    size_t end = event->repeat_off + 1;
    bytes_move(event->json + end + len - 1, event->json + end, event->len - end);
    bytes_copy(event->json + event->repeat_off, digits, len);
    event->len += len - 1;
    for (size_t i = 0; i < event->n_pieces; i++) {
        struct event_piece *p = &event->pieces[i];
        if (p->off > event->repeat_off) {
            p->off += len - 1;
        } else if (p->off + p->len > event->repeat_off) {
            p->len += len - 1;
        }
    }
}

/* Whether it is written, and not just counted. */
static bool count_repeat(struct teller *t, struct event *event)
{
    uint64_t n = noise_repeat(t->noise, event);
    if (event->repeat_off > 0 && n > 1) {
        set_repeat(event, n);
    }
    return !t->options.writes || t->options.full_alerts == 0 || n <= t->options.full_alerts;
}

static void count(struct teller *t, const struct event *event, bool told)
{
    if (!t->started) {
        t->interval = event->key.clock_us / t->options.interval_us;
        t->started = true;
    }
    t->n_opened += event->n_opened;
    if (event->facts != NULL) {
        volume_add(t->volume, event, told);
    }
}

static const struct place *place_of(const struct teller *t, const struct addr *addr,
                                    struct place *ret)
{
    if (t->options.find_place == NULL || addr->family == 0) {
        return NULL;
    }
    t->options.find_place(t->options.place_ctx, addr, ret);
    return ret;
}

/* What followed an attempt, if that is what it is: an alert of its own, which is written now. */
static void follow(struct teller *t, struct sighting *seen)
{
    struct story_step step;
    struct place source;
    struct place destination;
    struct place callback;
    if (!story_see(t->story, seen, &step)) {
        return;
    }
    struct conn *conn = &seen->conn;
    conn->tunnel = conn->tunnel != NULL ? &seen->tunnel : NULL;
    conn->extra = NULL; /* the worker's, and gone by now */
    conn->app = NULL;
    const struct eve_places places = {
        .source = place_of(t, &conn->addr[TO_SERVER], &source),
        .destination = place_of(t, &conn->addr[TO_CLIENT], &destination),
        .callback = place_of(t, &step.ip, &callback),
    };
    struct event *event = eve_story(t->eve, seen, &step, &places);
    if (event != NULL && t->options.writes) {
        count(t, event, true);
    }
    t->user.tell(t->user.ctx, event, seen->key.clock_us);
}

bool teller_see(struct teller *t, struct event *event, bool told)
{
    if (event->sighting != NULL) {
        follow(t, event->sighting);
        return told;
    }
    if (event->facts != NULL && event->facts->is_lookup) {
        told = count_repeat(t, event) && told;
        recent_see(t->recent, event->facts->campaign, event->key.clock_us);
    }
    if (t->options.writes) {
        count(t, event, told);
    }
    return told;
}

void teller_stories(const struct teller *t, struct story_stats *ret_stats)
{
    story_stats(t->story, ret_stats);
}

uint64_t teller_n_campaigns(const struct teller *t)
{
    return recent_n(t->recent);
}

void teller_finish(struct teller *t, uint64_t clock_us)
{
    if (t->started) {
        uint64_t end = (t->interval + 1) * t->options.interval_us;
        close_interval(t, clock_us < end ? clock_us : end);
        t->started = false;
    }
}
