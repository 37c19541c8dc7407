#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/sbuf.h"
#include "sensor/base/span.h"

/* Texts, NUL-terminated, owned by the config. */
struct config_list {
    char **items;
    size_t n;
};

#define CONFIG_BOOL                                  bool
#define CONFIG_NUMBER                                uint64_t
#define CONFIG_SIZE                                  uint64_t
#define CONFIG_TIME                                  uint64_t
#define CONFIG_TEXT                                  char *
#define CONFIG_WORD                                  char *
#define CONFIG_LIST                                  struct config_list
#define CONFIG_SET                                   struct config_list
#define KEY(member, path, type, text, min, max, doc) CONFIG_##type member;

/* One output: a member for each row of output.def. */
struct config_output {
#include "sensor/core/output.def"
};

/* One member for each row of config.def, and the list of outputs. */
struct config {
#include "sensor/core/config.def"
    struct config_output *outputs;
    size_t n_outputs;
};

#undef KEY
#undef CONFIG_BOOL
#undef CONFIG_NUMBER
#undef CONFIG_SIZE
#undef CONFIG_TEXT
#undef CONFIG_TIME
#undef CONFIG_WORD
#undef CONFIG_LIST
#undef CONFIG_SET

/* A config with every default. 0 or -ENOMEM. */
MUST_USE int config_init(struct config *ret_config);
/* Frees what it owns; all-zero is fine. */
void config_free(struct config *config);

/* Reads a YAML file over what `config` holds. Every mistake is a line of err ("FILE:LINE: …"). 0,
 * or a negative errno when there was one; config is then half changed and good only to be freed. */
MUST_USE int config_read(struct config *config, const char *path, struct errbuf *err);

/* Sets one key from text, as --set KEY=VALUE on the command line does. "outputs.N.type" is a key of
 * output N, from 0; the one behind the last is made, with every default. `where` stands before the
 * message. */
MUST_USE int config_set(struct config *config, const char *key, struct span value,
                        const char *where, struct errbuf *err);
/* Appends a value as text, as config_set() takes it: of one key, of a list its items behind commas.
 * -ENOENT when there is no such key or output, -ENOBUFS when the text is full. */
MUST_USE int config_get(const struct config *config, const char *key, struct sbuf *text);
/* Appends to a LIST key. 0 or -ENOMEM. */
MUST_USE int config_append(struct config_list *list, struct span value);
/* Empties the list. */
void config_list_free(struct config_list *list);

/* Calls `row` for each key (those of an output as "outputs[].type"), for listings and
 * documentation. */
struct config_key {
    const char *path;
    const char *type; /* "size" … */
    const char *text; /* default as text */
    uint64_t min;
    uint64_t max;
    const char *doc;
};
void config_each_key(void (*row)(void *ctx, const struct config_key *key), void *ctx);

/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be meant.
 */
const char *config_suggest(struct span word, const char *const *candidates, size_t n);
