#pragma once

#include "sensor/core/config.h"

enum action {
    ACTION_RUN,
    ACTION_TEST, /* check everything, start nothing */
    ACTION_HELP,
    ACTION_VERSION,
    ACTION_BUILD_INFO,
    ACTION_LIST_FIELDS,
    ACTION_LIST_RULES,
    ACTION_LIST_KEYS,
    ACTION_LIST_CANARIES,
};

/* The command line. Texts point into argv, or are owned by the lists. */
struct options {
    enum action action;
    struct config_list files;      /* -r */
    struct config_list interfaces; /* -i */
    const char *nfqueue;           /* --nfqueue, or NULL */
    const char *bridge;            /* --bridge, or NULL */
    struct config_list rules;      /* -S */
    struct config_list geo;        /* --geoip */
    struct config_list settings;   /* --set KEY=VALUE */
    struct config_list outputs;    /* -o */
    bool honeypot;                 /* the first word */
    struct config_list listen;     /* --listen */
    const char *config;            /* -c, or NULL */
    const char *exposure;          /* --exposure, or NULL */
    const char *log_dir;           /* -l, or NULL */
    const char *events;            /* --events, or NULL */
    const char *checksums;         /* -k, or NULL */
    const char *workers;           /* --workers, or NULL */
    const char *user;              /* --user, or NULL */
    const char *socket;            /* --socket, or NULL */
    char *filter;                  /* the trailing words, joined; or NULL; owned */
    bool without_geo;              /* no option: databases are another's business */
    bool quiet;                    /* -q */
    bool wait;                     /* --wait */
    bool selftest;                 /* --honeypot-selftest */
    bool init_errors_fatal;        /* --init-errors-fatal */
};

/* 0, or -EINVAL with a line in err for each mistake. */
MUST_USE int options_parse(int argc, char **argv, struct options *ret_options, struct errbuf *err);
void options_free(struct options *o);
/* "N" or "N:M" (first and last queue), and "A:B" (two interfaces, of at most `size` bytes each).
 * false when the text is none. */
MUST_USE bool options_queues(const char *text, uint16_t *ret_first, uint16_t *ret_last);
MUST_USE bool options_bridge(const char *text, char *ret_a, char *ret_b, size_t size);
/* The whole --help text. */
void options_help(void);
