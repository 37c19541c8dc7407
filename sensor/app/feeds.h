#pragma once

#include "sensor/app/options.h"
#include "sensor/app/patrol.h"
#include "sensor/core/source.h"

/* Where the packets of a run come from: one source of all its files, or of each worker a source of
 * all its interfaces. All-zero is none. */
struct feeds {
    const struct source_ops *ops;
    struct source *sources[PATROL_MAX];
    size_t n;
    const struct decoy_plan *decoys; /* for feeds_open(), which keeps it; NULL: none */
};

/* Opens what the options name, or nothing when they name nothing. n_workers counts for live capture
 * alone. 0, or a negative errno with a line in err for each mistake. */
MUST_USE int feeds_open(struct feeds *f, const struct options *options, const struct config *config,
                        unsigned n_workers, struct errbuf *err);
void feeds_close(struct feeds *f);

bool feeds_are_inline(const struct feeds *f);
bool feeds_are_live(const struct feeds *f);
/* Live: looks after interfaces that go and come. */
void feeds_tend(struct feeds *f, struct errbuf *err);
void feeds_stats(const struct feeds *f, struct source_stats *ret_sum);
/* Live: what each interface gave in all, at most `room`; returns how many there are of them.
 * `patrol` may be NULL. */
size_t feeds_ports(const struct feeds *f, const struct patrol *patrol,
                   struct source_port *ret_ports, size_t room);
