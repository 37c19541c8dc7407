/* feeds: from inputs as they were named to sources.
 *
 * Interfaces are checked, and complained of, by the first worker's source alone. The groups of two
 * sensors on one machine must not be the same: their numbers come from the process's. */
#include "sensor/app/feeds.h"

#include "sensor/packet/decode.h"

#include <string.h>
#include <unistd.h>

enum { POLL_MS = 200, GROUPS = 1023 };

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
        .poll_ms = POLL_MS,
    };
}

int feeds_open(struct feeds *f, const struct options *options, const struct config *config,
               unsigned n_workers, struct errbuf *err)
{
    bool live = options->interfaces.n > 0;
    *f = (struct feeds){.ops = live ? &source_live : &source_file};
    if (options->interfaces.n + options->files.n == 0) {
        return 0;
    }
    struct source_options o = options_of(options, config, live);
    size_t n = live && n_workers > 1 ? n_workers : 1;
    CHECK(n <= PATROL_MAX); /* the key's own limit */
    if (n > 1) {
        o.fanout = (uint16_t)(((unsigned)getpid() % GROUPS + 1) * SOURCE_PORTS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        o.speaks = live && i == 0;
        int rc = f->ops->open(&o, &f->sources[i], err);
        if (rc != 0) {
            feeds_close(f);
            return rc;
        }
        f->n++;
    }
    return 0;
}

void feeds_close(struct feeds *f)
{
    for (size_t i = 0; i < f->n; i++) {
        f->ops->close(&f->sources[i]);
    }
    f->n = 0;
}

bool feeds_are_live(const struct feeds *f)
{
    return (f->ops->caps & SOURCE_LIVE) != 0;
}

void feeds_tend(struct feeds *f, struct errbuf *err)
{
    for (size_t i = 0; i < f->n; i++) {
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
