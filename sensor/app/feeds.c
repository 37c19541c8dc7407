/* feeds: from inputs as they were named to sources.
 *
 * Interfaces are checked, and complained of, by the first worker's source alone. The groups of two
 * sensors on one machine must not be the same: their numbers come from the process's. */
#include "sensor/app/feeds.h"

#include "sensor/packet/decode.h"

#include <string.h>
#include <unistd.h>

enum { POLL_MS = 200, GROUPS = 1023, NAME_SIZE = 64 };

static struct source_options options_of(const struct options *o, const struct config *c, bool live)
{
    const struct config_list *inputs = live ? &o->interfaces : &o->files;
    return (struct source_options){
        .inputs = (const char *const *)inputs->items,
        .n_inputs = inputs->n,
        .filter = o->filter,
        .link_supported = packet_link_supported,
        .link_names = packet_link_names(),
        .snaplen = (uint32_t)c->capture_snaplen,
        .promiscuous = c->capture_promiscuous,
        .resync = c->capture_resync,
        .wait = o->wait,
        .tended = live,
        .fanout_by =
            strcmp(c->capture_fanout, "flows") == 0 ? SOURCE_FANOUT_FLOWS : SOURCE_FANOUT_ADDRESSES,
        .buffer_bytes = c->capture_buffer,
        .queue_packets = (uint32_t)c->inline_queue,
        .mark = (uint32_t)c->inline_mark,
        .fail_open = strcmp(c->inline_late, "open") == 0,
        .poll_ms = POLL_MS,
    };
}

static const struct source_ops *ops_of(const struct options *o)
{
    return o->honeypot           ? &source_decoy
           : o->nfqueue != NULL  ? &source_nfqueue
           : o->bridge != NULL   ? &source_bridge
           : o->interfaces.n > 0 ? &source_live
                                 : &source_file;
}

/* How many sources the workers want, and what is particular to the kind. */
static size_t prepare(const struct options *options, unsigned n_workers, struct source_options *o)
{
    uint16_t last = 0;
    if (options->nfqueue != NULL) {
        CHECK(options_queues(options->nfqueue, &o->queue, &last)); /* checked with the options */
        return (size_t)(last - o->queue) + 1;
    }
    bool shared = options->bridge != NULL || options->interfaces.n > 0;
    size_t n = shared && n_workers > 1 ? n_workers : 1;
    if (n > 1) {
        o->fanout = (uint16_t)(((unsigned)getpid() % GROUPS + 1) * SOURCE_PORTS_MAX);
    }
    return n;
}

static int open_all(struct feeds *f, struct source_options *o, size_t n, struct errbuf *err)
{
    CHECK(n <= PATROL_MAX); /* the key's own limit */
    for (size_t i = 0; i < n; i++) {
        o->speaks = feeds_are_live(f) && i == 0;
        int rc = f->ops->open(o, &f->sources[i], err);
        if (rc != 0) {
            feeds_close(f);
            return rc;
        }
        o->queue++;
        f->n++;
    }
    return 0;
}

int feeds_open(struct feeds *f, const struct options *options, const struct config *config,
               unsigned n_workers, struct errbuf *err)
{
    char names[2][NAME_SIZE];
    const char *const ends[] = {names[0], names[1]};
    *f = (struct feeds){.ops = ops_of(options), .decoys = f->decoys};
    bool none = options->interfaces.n + options->files.n == 0 && f->decoys == NULL;
    /* A queue that is only checked would be taken from the sensor that runs. */
    bool checks_queue = options->nfqueue != NULL && options->action == ACTION_TEST;
    if (checks_queue || (none && !feeds_are_inline(f))) {
        return 0;
    }
    struct source_options o = options_of(options, config, feeds_are_live(f));
    o.decoys = f->decoys;
    if (options->bridge != NULL) {
        CHECK(options_bridge(options->bridge, names[0], names[1], sizeof(names[0])));
        o.inputs = ends;
        o.n_inputs = ARRAY_LEN(ends);
    }
    return open_all(f, &o, prepare(options, n_workers, &o), err);
}

void feeds_close(struct feeds *f)
{
    for (size_t i = 0; i < f->n; i++) {
        f->ops->close(&f->sources[i]);
    }
    f->n = 0;
}

bool feeds_are_inline(const struct feeds *f)
{
    return (f->ops->caps & SOURCE_INLINE) != 0;
}

bool feeds_are_live(const struct feeds *f)
{
    return (f->ops->caps & SOURCE_LIVE) != 0;
}

void feeds_tend(struct feeds *f, struct errbuf *err)
{
    for (size_t i = 0; f->ops->tend != NULL && i < f->n; i++) {
        f->ops->tend(f->sources[i], err);
    }
}

void feeds_stats(const struct feeds *f, struct source_stats *ret_sum)
{
    *ret_sum = (struct source_stats){0};
    for (size_t i = 0; i < f->n; i++) {
        struct source_stats one = {0};
        f->ops->stats(f->sources[i], &one);
        ret_sum->packets += one.packets;
        ret_sum->bytes += one.bytes;
        ret_sum->kernel_drops += one.kernel_drops;
        ret_sum->iface_drops += one.iface_drops;
        ret_sum->errors += one.errors;
        ret_sum->input_bytes += one.input_bytes;
        ret_sum->input_size += one.input_size;
    }
}

/* What the interface itself dropped is told to each of its sockets alike. */
static bool sum_port(const struct feeds *f, size_t n, struct source_port *ret_sum)
{
    struct source_port one;
    *ret_sum = (struct source_port){0};
    for (size_t i = 0; i < f->n; i++) {
        if (f->ops->port == NULL || !f->ops->port(f->sources[i], n, &one)) {
            return false;
        }
        uint64_t drops = ret_sum->iface_drops;
        ret_sum->name = one.name;
        ret_sum->up = one.up;
        ret_sum->packets += one.packets;
        ret_sum->kernel_drops += one.kernel_drops;
        ret_sum->errors += one.errors;
        ret_sum->iface_drops = one.iface_drops > drops ? one.iface_drops : drops;
    }
    return f->n > 0;
}

size_t feeds_ports(const struct feeds *f, const struct patrol *patrol,
                   struct source_port *ret_ports, size_t room)
{
    size_t n = 0;
    for (; n < room && sum_port(f, n, &ret_ports[n]); n++) {
        if (patrol != NULL) {
            ret_ports[n].upstream_lost = patrol_upstream_lost(patrol, ret_ports[n].name);
        }
    }
    return n;
}
