/* main: the command line's actions, and the only place that ends the process.
 *
 * Before anything else the standard descriptors are made sure of, and the signals that a failing
 * write would send are switched off. */
#include "sensor/app/decoys.h"
#include "sensor/app/explain.h"
#include "sensor/app/lists.h"
#include "sensor/app/options.h"
#include "sensor/app/run.h"
#include "sensor/app/signals.h"
#include "sensor/base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A closed standard descriptor would be taken by the next file that is opened, and error text
 * written into it. */
static void hold_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        (void)close(fd);
    }
}

/* The write that fails says so itself. */
static void ignore_signals_of_writes(void)
{
    const int signals[] = {SIGPIPE, SIGXFSZ};
    struct sigaction action = {.sa_handler = SIG_IGN};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        (void)sigaction(signals[i], &action, NULL);
    }
}

/* Their certificate is no matter here. */
static int list_canaries(struct config *c, const struct options *o, struct errbuf *err)
{
    struct decoys *decoys = NULL;
    c->honeypot_tls = false;
    if (c->honeypot_canary_key[0] == '\0') {
        errbuf_add(err, "honeypot.canary_key is empty: tokens would be others at each start. Set "
                        "it to a secret, as `openssl rand -hex 16` gives");
    } else if (decoys_new(c, o, &decoys, err) == 0) {
        decoys_list_canaries(decoys);
    }
    decoys_free(&decoys);
    return errbuf_is_empty(err) ? EXIT_ALL_DONE : EXIT_NOT_STARTED;
}

static int with_snapshot(const struct options *o)
{
    struct snapshot s = {0};
    struct errbuf err = {0};
    struct errbuf warnings = {0};
    signals_early();
    int rc = snapshot_load(&s, o, &err, &warnings);
    log_lines(&warnings, LOG_LEVEL_WARNING);
    int code = EXIT_NOT_STARTED;
    if (o->action == ACTION_LIST_CANARIES) {
        code = rc == 0 ? list_canaries(&s.config, o, &err) : EXIT_NOT_STARTED;
        log_lines(&err, LOG_LEVEL_ERROR);
    } else if (o->action != ACTION_LIST_RULES) {
        code = (int)run(&s, o, rc != 0, &err);
    } else if (rc == 0) {
        list_rules(s.engine);
        code = EXIT_ALL_DONE;
    } else {
        log_lines(&err, LOG_LEVEL_ERROR);
    }
    errbuf_free(&err);
    errbuf_free(&warnings);
    snapshot_free(&s);
    return code;
}

static int act(const struct options *o)
{
    switch (o->action) {
    case ACTION_RUN:
    case ACTION_TEST:
    case ACTION_LIST_RULES:
    case ACTION_LIST_CANARIES:
        return with_snapshot(o);
    case ACTION_HELP:
        options_help();
        break;
    case ACTION_VERSION:
        list_version();
        break;
    case ACTION_BUILD_INFO:
        list_build_info();
        break;
    case ACTION_LIST_FIELDS:
        list_fields();
        break;
    case ACTION_LIST_KEYS:
        list_keys();
        break;
    }
    return fflush(stdout) == 0 ? EXIT_ALL_DONE : EXIT_OUTPUT_LOST;
}

int main(int argc, char **argv)
{
    struct options options;
    struct errbuf err = {0};
    hold_standard_descriptors();
    ignore_signals_of_writes();
    if (argc > 1 && strcmp(argv[1], "explain") == 0) {
        return (int)explain(argc - 1, &argv[1]);
    }
    int code = EXIT_NOT_STARTED;
    if (options_parse(argc, argv, &options, &err) == 0) {
        code = act(&options);
    } else {
        log_lines(&err, LOG_LEVEL_ERROR);
    }
    errbuf_free(&err);
    options_free(&options);
    return code;
}
