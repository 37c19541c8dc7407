/* config: the key table, values as text, and their checks.
 *
 * config.def is the only place where a key stands; struct, defaults, bounds, messages and the
 * listing derive from it. A default is a text that goes through the same parser as a value of the
 * file. Reading YAML is config_yaml.c. */
#include "sensor/core/config.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum key_type { KEY_BOOL, KEY_NUMBER, KEY_SIZE, KEY_TIME, KEY_TEXT, KEY_WORD, KEY_LIST, KEY_SET };

struct key {
    struct config_key row;
    enum key_type type;
    size_t offset;
    bool of_output; /* a member of struct config_output, else of struct config */
};

#define OUTPUTS     "outputs"
#define EACH_OUTPUT OUTPUTS "[]."
enum { OUTPUTS_MAX = 32, PATH_CAP = 512 };

static const struct key keys[] = {
#define KEY(member, path_, type_, text_, min_, max_, doc_)                                         \
    {.row = {.path = path_, .text = text_, .min = min_, .max = max_, .doc = doc_},                 \
     .type = KEY_##type_,                                                                          \
     .offset = offsetof(struct config, member)},
#include "sensor/core/config.def"
#undef KEY
#define KEY(member, path_, type_, text_, min_, max_, doc_)                                         \
    {.row = {.path = EACH_OUTPUT path_, .text = text_, .min = min_, .max = max_, .doc = doc_},     \
     .type = KEY_##type_,                                                                          \
     .offset = offsetof(struct config_output, member),                                             \
     .of_output = true},
#include "sensor/core/output.def"
#undef KEY
};

static const char *const type_names[] = {"yes or no", "number", "size", "time",
                                         "text",      "word",   "list", "list of words"};

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"B", 1},           {"KiB", 1ULL << 10},   {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30},
    {"k", 1ULL << 10},  {"m", 1ULL << 20},     {"g", 1ULL << 30},   {"kB", 1000},
    {"MB", 1000000ULL}, {"GB", 1000000000ULL},
};

static const struct unit time_units[] = {
    {"s", 1000000},  {"us", 1},         {"ms", 1000},
    {"m", 60000000}, {"min", 60000000}, {"h", 3600000000ULL},
};

/* `whole`: a struct config or config_output, as the key says. */
static void *member_of(void *whole, const struct key *key)
{
    return (char *)whole + key->offset;
}

static const void *member_in(const void *whole, const struct key *key)
{
    return (const char *)whole + key->offset;
}

static const struct key *key_by_path(struct span path)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (span_equal(span_str(keys[i].row.path), path)) {
            return &keys[i];
        }
    }
    return NULL;
}

/* --- values -------------------------------------------------------------------------------------
 */

static bool parse_bool(struct span text, bool *ret_value)
{
    static const char *const words[] = {"yes", "no", "true", "false", "on", "off"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_equal_nocase(text, span_str(words[i]))) {
            *ret_value = i % 2 == 0;
            return true;
        }
    }
    return false;
}

/* "64 MiB": a decimal number, blanks, a unit or none (then the first of the table). */
static bool parse_units(struct span text, const struct unit *units, size_t n, uint64_t *ret_value)
{
    size_t digits = 0;
    while (digits < text.len && byte_is_digit(text.data[digits])) {
        digits++;
    }
    uint64_t value;
    if (!span_to_u64(span_head(text, digits), &value)) {
        return false;
    }
    struct span unit = span_trim(span_from(text, digits));
    for (size_t i = 0; i < n; i++) {
        if (unit.len == 0 || span_equal_nocase(unit, span_str(units[i].name))) {
            if (value > UINT64_MAX / units[i].factor) {
                return false;
            }
            *ret_value = value * units[i].factor;
            return true;
        }
    }
    return false;
}

static bool parse_number(enum key_type type, struct span text, uint64_t *ret_value)
{
    if (type == KEY_SIZE) {
        return parse_units(text, size_units, ARRAY_LEN(size_units), ret_value);
    }
    if (type == KEY_TIME) {
        return parse_units(text, time_units, ARRAY_LEN(time_units), ret_value);
    }
    return span_to_u64(text, ret_value);
}

/* In the largest unit that says it exactly. */
static void format_number(enum key_type type, uint64_t value, char *ret_text, size_t size)
{
    static const struct unit times[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}};
    const struct unit *units = type == KEY_SIZE ? size_units : times;
    size_t n = type == KEY_SIZE ? 4 : ARRAY_LEN(times);
    const struct unit *best = type == KEY_TIME && value == 0 ? &times[2] : &units[0];
    for (size_t i = 0; i < n; i++) {
        if (value >= units[i].factor && value % units[i].factor == 0) {
            best = &units[i];
        }
    }
    int len = type == KEY_NUMBER
                  ? snprintf(ret_text, size, "%" PRIu64, value)
                  : snprintf(ret_text, size, "%" PRIu64 " %s", value / best->factor, best->name);
    CHECK(len > 0 && (size_t)len < size);
}

/* A WORD's doc begins with its words: "a|b|c: …". */
static bool is_one_of(const struct key *key, struct span text)
{
    struct span words = span_str(key->row.doc);
    words = span_head(words, span_find_byte(words, 0, ':'));
    while (words.len > 0) {
        if (span_equal(span_split(&words, '|'), text)) {
            return true;
        }
    }
    return false;
}

static char *copy_text(struct span text)
{
    char *copy = mem_alloc(text.len + 1);
    if (copy != NULL) {
        bytes_copy(copy, text.data, text.len);
    }
    return copy;
}

void config_list_free(struct config_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        mem_free(list->items[i]);
    }
    mem_free(list->items);
    *list = (struct config_list){0};
}

int config_append(struct config_list *list, struct span value)
{
    char *copy = copy_text(value);
    char **items =
        copy == NULL ? NULL : mem_resize(list->items, (list->n + 1) * sizeof(*list->items));
    if (items == NULL) {
        mem_free(copy);
        return -ENOMEM;
    }
    list->items = items;
    list->items[list->n++] = copy;
    return 0;
}

static int set_list(struct config_list *list, struct span text)
{
    config_list_free(list);
    while (text.len > 0) {
        struct span item = span_trim(span_split(&text, ','));
        if (item.len > 0 && config_append(list, item) != 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int set_text(char **member, struct span text)
{
    char *copy = copy_text(text);
    if (copy == NULL) {
        return -ENOMEM;
    }
    mem_free(*member);
    *member = copy;
    return 0;
}

static int wrong(const struct key *key, struct span text, const char *where, struct errbuf *err)
{
    char low[32];
    char high[32];
    int len = (int)(text.len < 80 ? text.len : 80);
    switch (key->type) {
    case KEY_NUMBER:
    case KEY_SIZE:
    case KEY_TIME:
        format_number(key->type, key->row.min, low, sizeof(low));
        format_number(key->type, key->row.max, high, sizeof(high));
        errbuf_add(err, "%s%s: '%.*s' is not a %s; example: %s (allowed %s … %s)", where,
                   key->row.path, len, (const char *)text.data, type_names[key->type],
                   key->row.text, low, high);
        break;
    case KEY_BOOL:
        errbuf_add(err, "%s%s: '%.*s' is not yes or no", where, key->row.path, len,
                   (const char *)text.data);
        break;
    case KEY_TEXT:
    case KEY_WORD:
    case KEY_LIST:
    case KEY_SET:
        errbuf_add(err, "%s%s: '%.*s' is not allowed; %s", where, key->row.path, len,
                   (const char *)text.data, key->row.doc);
        break;
    }
    return -EINVAL;
}

static int set_words(struct config_list *list, const struct key *key, struct span text,
                     const char *where, struct errbuf *err)
{
    struct span rest = text;
    int rc = 0;
    while (rest.len > 0) {
        struct span word = span_trim(span_split(&rest, ','));
        if (word.len > 0 && !is_one_of(key, word)) {
            rc = wrong(key, word, where, err);
        }
    }
    return rc != 0 ? rc : set_list(list, text);
}

static int set_key(void *whole, const struct key *key, struct span text, const char *where,
                   struct errbuf *err)
{
    void *member = member_of(whole, key);
    uint64_t number = 0;
    if (key->type != KEY_TEXT) {
        text = span_trim(text); /* of a text the blanks may be what is meant */
    }
    switch (key->type) {
    case KEY_BOOL:
        return parse_bool(text, member) ? 0 : wrong(key, text, where, err);
    case KEY_NUMBER:
    case KEY_SIZE:
    case KEY_TIME:
        if (!parse_number(key->type, text, &number) || number < key->row.min ||
            number > key->row.max) {
            return wrong(key, text, where, err);
        }
        *(uint64_t *)member = number;
        return 0;
    case KEY_WORD:
        return is_one_of(key, text) ? set_text(member, text) : wrong(key, text, where, err);
    case KEY_TEXT:
        return set_text(member, text);
    case KEY_LIST:
        return set_list(member, text);
    case KEY_SET:
        return set_words(member, key, text, where, err);
    }
    return -EINVAL;
}

/* --- the whole
 * ------------------------------------------------------------------------------------ */

/* Every default of one of the two structs. */
static int init_whole(void *whole, bool of_output)
{
    struct errbuf err = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(keys); i++) {
        if (keys[i].of_output == of_output) {
            rc = set_key(whole, &keys[i], span_str(keys[i].row.text), "", &err);
            CHECK(rc == 0 || rc == -ENOMEM); /* a default its own bounds refuse is our bug */
        }
    }
    errbuf_free(&err);
    return rc;
}

static void free_whole(void *whole, bool of_output)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i].of_output != of_output) {
            continue;
        }
        void *member = member_of(whole, &keys[i]);
        if (keys[i].type == KEY_LIST || keys[i].type == KEY_SET) {
            config_list_free(member);
        } else if (keys[i].type == KEY_TEXT || keys[i].type == KEY_WORD) {
            mem_free(*(char **)member);
        }
    }
}

int config_init(struct config *ret_config)
{
    *ret_config = (struct config){0};
    int rc = init_whole(ret_config, false);
    if (rc != 0) {
        config_free(ret_config);
    }
    return rc;
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < config->n_outputs; i++) {
        free_whole(&config->outputs[i], true);
    }
    mem_free(config->outputs);
    free_whole(config, false);
    *config = (struct config){0};
}

/* One more output, as the defaults say. */
static int add_output(struct config *config)
{
    struct config_output *outputs =
        mem_resize(config->outputs, (config->n_outputs + 1) * sizeof(*outputs));
    if (outputs == NULL) {
        return -ENOMEM;
    }
    config->outputs = outputs;
    outputs[config->n_outputs] = (struct config_output){0};
    config->n_outputs++; /* half made it is freed with the others */
    return init_whole(&outputs[config->n_outputs - 1], true);
}

void config_each_key(void (*row)(void *ctx, const struct config_key *key), void *ctx)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct config_key key = keys[i].row;
        key.type = type_names[keys[i].type];
        row(ctx, &key);
    }
}

/* --- unknown keys
 * --------------------------------------------------------------------------------- */

enum { WORD_CAP = 32 };

/* Levenshtein's distance of two short words; beyond WORD_CAP letters they count as far apart. */
static size_t distance(struct span a, struct span b)
{
    size_t row[WORD_CAP + 1];
    if (a.len > WORD_CAP || b.len > WORD_CAP) {
        return WORD_CAP;
    }
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t change = diagonal + (byte_lower(a.data[i - 1]) != byte_lower(b.data[j - 1]));
            size_t shift = (row[j - 1] < above ? row[j - 1] : above) + 1;
            row[j] = change < shift ? change : shift;
            diagonal = above;
        }
    }
    return row[b.len];
}

const char *config_suggest(struct span word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t best_distance = word.len / 3 + 2; /* farther than that is another word */
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, span_str(candidates[i]));
        if (d < best_distance) {
            best_distance = d;
            best = candidates[i];
        }
    }
    return best;
}

/* The part of `path` below `parent`, up to its next dot; empty when it does not lie below. */
static struct span child_of(const char *path, struct span parent)
{
    struct span rest = span_str(path);
    if (parent.len > 0) {
        if (!span_starts(rest, parent) || span_at(rest, parent.len) != '.') {
            return span_of(NULL, 0);
        }
        rest = span_from(rest, parent.len + 1);
    }
    return span_head(rest, span_find_byte(rest, 0, '.'));
}

/* Length of the longest beginning of `path`, in whole segments, that some key has. */
static size_t known_len(struct span path)
{
    size_t known = 0;
    for (size_t end = 0; end < path.len; end++) {
        end = span_find_byte(path, end, '.');
        end = end == SPAN_NONE ? path.len : end;
        struct span part = span_head(path, end);
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(keys) && !found; i++) {
            struct span key = span_str(keys[i].row.path);
            found = span_starts(key, part) && (key.len == end || key.data[end] == '.');
        }
        if (!found) {
            return known;
        }
        known = end;
    }
    return known;
}

static void unknown(struct span path, const char *where, struct errbuf *err)
{
    struct span parent = span_head(path, known_len(path));
    size_t start = parent.len > 0 ? parent.len + 1 : 0;
    struct span word = span_from(path, start);
    word = span_head(word, span_find_byte(word, 0, '.'));
    struct span best = {NULL, 0};
    size_t best_distance = word.len / 3 + 2;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct span child = child_of(keys[i].row.path, parent);
        size_t d = child.len > 0 ? distance(word, child) : best_distance;
        if (d < best_distance) {
            best_distance = d;
            best = child;
        }
    }
    size_t shown = start + word.len;
    int len = (int)(shown < 80 ? shown : 80);
    if (best.len > 0) {
        errbuf_add(err, "%sunknown key '%.*s' (did you mean '%.*s'?)", where, len,
                   (const char *)path.data, (int)best.len, (const char *)best.data);
    } else {
        errbuf_add(err, "%sunknown key '%.*s'; --list-keys names all", where, len,
                   (const char *)path.data);
    }
}

/* "outputs.3.type" becomes "outputs[].type" and 3; false when it is no such path. */
static bool is_of_output(struct span path, struct sbuf *ret_path, uint64_t *ret_number)
{
    struct span rest = path;
    struct span head = span_split(&rest, '.');
    struct span number = span_split(&rest, '.');
    if (!span_equal(head, SPAN(OUTPUTS)) || !span_to_u64(number, ret_number)) {
        return false;
    }
    sbuf_add_str(ret_path, EACH_OUTPUT);
    return sbuf_add(ret_path, rest) && sbuf_add_byte(ret_path, '\0');
}

/* Output `number`, made when it is the next; NULL, and a line, when it cannot be. */
static struct config_output *output_at(struct config *config, uint64_t number, const char *where,
                                       struct errbuf *err)
{
    if (number > config->n_outputs || number >= OUTPUTS_MAX) {
        errbuf_add(err, "%sthere are %zu outputs, of %d at most; number %llu is none of them",
                   where, config->n_outputs, OUTPUTS_MAX, (unsigned long long)number);
        return NULL;
    }
    if (number == config->n_outputs && add_output(config) != 0) {
        errbuf_add(err, "%sthere is no memory for another output", where);
        return NULL;
    }
    return &config->outputs[number];
}

int config_set(struct config *config, const char *key, struct span value, const char *where,
               struct errbuf *err)
{
    struct span path = span_str(key);
    struct sbuf canonical = sbuf_with_cap(PATH_CAP);
    uint64_t number = 0;
    bool of_output = is_of_output(path, &canonical, &number);
    if (of_output) {
        path = span_head(sbuf_span(&canonical), canonical.len - 1);
    }
    const struct key *row = key_by_path(path);
    int rc = -EINVAL;
    if (span_equal(path, SPAN(OUTPUTS))) {
        errbuf_add(err, "%s" OUTPUTS " is a list of maps, such as - type: file", where);
    } else if (row == NULL || row->of_output != of_output) {
        unknown(path, where, err);
    } else if (of_output) {
        struct config_output *output = output_at(config, number, where, err);
        rc = output == NULL ? -EINVAL : set_key(output, row, value, where, err);
    } else {
        rc = set_key(config, row, value, where, err);
    }
    sbuf_free(&canonical);
    return rc;
}

/* --- values as text
 * ------------------------------------------------------------------------------- */

static bool add_list(struct sbuf *text, const struct config_list *list)
{
    bool good = true;
    for (size_t i = 0; i < list->n; i++) {
        good = (i == 0 || sbuf_add_byte(text, ',')) && sbuf_add_str(text, list->items[i]) && good;
    }
    return good;
}

static bool add_value(struct sbuf *text, const struct key *key, const void *member)
{
    char number[32];
    switch (key->type) {
    case KEY_BOOL:
        return sbuf_add_str(text, *(const bool *)member ? "yes" : "no");
    case KEY_NUMBER:
    case KEY_SIZE:
    case KEY_TIME:
        format_number(key->type, *(const uint64_t *)member, number, sizeof(number));
        return sbuf_add_str(text, number);
    case KEY_TEXT:
    case KEY_WORD:
        return sbuf_add_str(text, *(char *const *)member);
    case KEY_LIST:
    case KEY_SET:
        return add_list(text, member);
    }
    return false;
}

int config_get(const struct config *config, const char *key, struct sbuf *text)
{
    struct span path = span_str(key);
    struct sbuf canonical = sbuf_with_cap(PATH_CAP);
    const void *whole = config;
    uint64_t number = 0;
    bool of_output = is_of_output(path, &canonical, &number);
    if (of_output) {
        path = span_head(sbuf_span(&canonical), canonical.len - 1);
        whole = number < config->n_outputs ? &config->outputs[number] : NULL;
    }
    const struct key *row = key_by_path(path);
    bool found = row != NULL && whole != NULL && row->of_output == of_output;
    bool good = found && add_value(text, row, member_in(whole, row));
    sbuf_free(&canonical);
    return !found ? -ENOENT : good ? 0 : -ENOBUFS;
}
