#pragma once

#include "sensor/app/options.h"
#include "sensor/output/writer.h"

/* Lays -o and -l over the configured outputs; without any there is eve.json. 0, or negative errno
 * with a line in err for each mistake. */
MUST_USE int outputs_complete(struct config *config, const struct options *options,
                              struct errbuf *err);
/* Whether all of them make sense and their places are there; touches nothing. 0, or negative errno
 * with a line in err for each mistake. */
MUST_USE int outputs_check(const struct config *config, struct errbuf *err);
/* Adds all to the writer, and opens them. As outputs_check(). `host` outlives the writer. */
MUST_USE int outputs_open(const struct config *config, const char *host, struct writer *writer,
                          struct errbuf *err);

/* Set of enum sandbox_right that they need once they are open. */
unsigned outputs_rights(const struct config *config);
/* Whether one of them starts threads while it works. */
bool outputs_start_threads(const struct config *config);

/* Bit set of the enum event_type that the configuration wants written at all. */
unsigned outputs_types(const struct config *config);
/* Bit set of the enum layout that any of them has. */
unsigned outputs_layouts(const struct config *config);
