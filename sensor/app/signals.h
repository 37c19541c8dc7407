#pragma once

#include "sensor/core/source.h"
#include "sensor/output/writer.h"

/* The process has one set of them, and so has this file.
 *
 * SIGINT and SIGTERM ask the run to end, SIGHUP has the outputs opened anew, SIGUSR2 asks for a
 * reload. A second SIGINT or SIGTERM ends the process at once and says so; one that comes with the
 * first, a second later, if it still runs then. */

/* Before rules and databases are read, which takes a while: a rotation of logs, or a reload, that
 * falls into it does not end the process, but is heeded as soon as it runs. */
void signals_early(void);
/* Before anything is opened: a signal during the start ends the run as one during it does. */
void signals_on(void);
/* From now on they wake `source` by its `ops`, and reach the writer. `source` NULL: who runs looks
 * often enough. All of them outlive signals_off(). */
void signals_to(const struct source_ops *ops, struct source *source, struct writer *writer);
/* SIGHUP is ignored, nothing is woken. */
void signals_off(void);

/* As if SIGTERM had come. */
void signals_stop(void);
/* Whether the run is to end. */
bool signals_stopped(void);
/* Whether a reload was asked for since the last call. */
bool signals_take_reload(void);
