/* assets: names for addresses of one's own.
 *
 *     # network, name, owner, exposure, vulnerable
 *     10.1.0.0/16,   Munich,    it@example.com
 *     10.1.2.30,     web shop,  shop@example.com,  internet,  yes
 *
 * Rows are sorted by length of prefix, the longest first, and then by address: a search tries one
 * length after the other, by halves. At most 65536 rows. */
#include "sensor/enrich/assets.h"

#include "sensor/base/file.h"
#include "sensor/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_CAP = 16 * 1024 * 1024, ROWS_MAX = 65536, PREFIX_LENS = 129, FIELDS = 5 };

struct row {
    struct addr_net net;
    struct asset asset;
    size_t line;
};

struct assets {
    struct row *rows;
    size_t n;
    size_t room;
    size_t
        starts[PREFIX_LENS + 1]; /* rows of prefix length i begin at starts[PREFIX_LENS - 1 - i] */
};

/* --- a line
 * ---------------------------------------------------------------------------------------------- */

/* Where a mistake is. */
struct place_in_file {
    const char *path;
    size_t line;
    struct errbuf *err;
};

static bool complain(const struct place_in_file *at, const char *what, struct span text)
{
    int len = (int)(text.len < 80 ? text.len : 80);
    errbuf_add(at->err, "%s:%zu: '%.*s' is not %s", at->path, at->line, len,
               (const char *)text.data, what);
    return false;
}

static bool read_exposure(const struct place_in_file *at, struct span text, enum reach *ret)
{
    for (unsigned i = 0; i < REACH_N; i++) {
        if (span_equal_nocase(text, span_str(reach_name((enum reach)i)))) {
            *ret = (enum reach)i;
            return true;
        }
    }
    return complain(at, "internet, partner, internal or nothing", text);
}

static bool read_vulnerable(const struct place_in_file *at, struct span text, enum vulnerable *ret)
{
    bool yes = span_equal_nocase(text, SPAN("yes"));
    bool no = span_equal_nocase(text, SPAN("no"));
    if (!yes && !no && text.len > 0) {
        return complain(at, "yes, no or nothing", text);
    }
    *ret = yes ? VULNERABLE_YES : no ? VULNERABLE_NO : VULNERABLE_UNKNOWN;
    return true;
}

static bool read_text(const struct place_in_file *at, struct span text, char ret[ASSET_TEXT_SIZE])
{
    if (text.len >= ASSET_TEXT_SIZE || span_find_byte(text, 0, '\0') != SPAN_NONE) {
        return complain(at, "a text of at most 63 bytes", text);
    }
    (void)snprintf(ret, ASSET_TEXT_SIZE, "%.*s", (int)text.len, (const char *)text.data);
    return true;
}

/* Bits behind the prefix count for nothing: equal networks are then equal. */
static void mask(struct addr_net *net)
{
    for (unsigned i = 0; i < sizeof(net->addr.bytes); i++) {
        unsigned bits = net->prefix_len > i * 8 ? net->prefix_len - i * 8u : 0;
        unsigned kept = bits >= 8 ? 0xff : 0xff00u >> bits & 0xff;
        net->addr.bytes[i] = (uint8_t)(net->addr.bytes[i] & kept);
    }
}

static bool read_row(const struct place_in_file *at, struct span line, struct row *ret)
{
    struct span fields[FIELDS] = {0};
    struct span rest = line;
    for (size_t i = 0; i < FIELDS && rest.len > 0; i++) {
        fields[i] = span_trim(span_split(&rest, ','));
    }
    if (rest.len > 0) {
        return complain(at, "at most five fields with commas between", line);
    }
    if (!addr_net_parse(fields[0], &ret->net)) {
        return complain(at, "a network; example: 192.0.2.0/24", fields[0]);
    }
    if (fields[1].len == 0) {
        return complain(at, "a network and its name", line);
    }
    mask(&ret->net);
    ret->line = at->line;
    bool good = read_text(at, fields[1], ret->asset.name);
    good = read_text(at, fields[2], ret->asset.owner) && good;
    good = read_exposure(at, fields[3], &ret->asset.exposure) && good;
    return read_vulnerable(at, fields[4], &ret->asset.vulnerable) && good;
}

/* --- the table
 * ------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    if (x->net.prefix_len != y->net.prefix_len) {
        return x->net.prefix_len > y->net.prefix_len ? -1 : 1;
    }
    int order = addr_compare(&x->net.addr, &y->net.addr);
    return order != 0 ? order : x->line < y->line ? -1 : x->line > y->line;
}

static struct row *add_row(struct assets *a)
{
    if (a->n == a->room) {
        size_t room = a->room > 0 ? a->room * 2 : 64;
        struct row *rows = mem_resize(a->rows, room * sizeof(*rows));
        if (rows == NULL) {
            return NULL;
        }
        a->rows = rows;
        a->room = room;
    }
    a->rows[a->n] = (struct row){0};
    return &a->rows[a->n++];
}

static int read_lines(struct assets *a, const char *path, struct span text, struct errbuf *err)
{
    struct place_in_file at = {.path = path, .err = err};
    int rc = 0;
    while (text.len > 0) {
        struct span line = span_trim(span_split(&text, '\n'));
        at.line++;
        if (line.len == 0 || span_at(line, 0) == '#') {
            continue;
        }
        struct row *row = a->n < ROWS_MAX ? add_row(a) : NULL;
        if (row == NULL) {
            errbuf_add(err, "%s:%zu: more than %d networks, or no memory", path, at.line, ROWS_MAX);
            return -E2BIG;
        }
        if (!read_row(&at, line, row)) {
            a->n--;
            rc = -EINVAL;
        }
    }
    return rc;
}

/* The same network twice: which of the two is meant nobody can tell. */
static int find_twins(const struct assets *a, const char *path, struct errbuf *err)
{
    int rc = 0;
    for (size_t i = 1; i < a->n; i++) {
        const struct row *x = &a->rows[i - 1];
        const struct row *y = &a->rows[i];
        if (x->net.prefix_len == y->net.prefix_len && addr_equal(&x->net.addr, &y->net.addr)) {
            errbuf_add(err, "%s:%zu: this network stands at line %zu already", path, y->line,
                       x->line);
            rc = -EEXIST;
        }
    }
    return rc;
}

static void find_starts(struct assets *a)
{
    size_t at = 0;
    for (unsigned i = 0; i < PREFIX_LENS; i++) {
        unsigned prefix_len = PREFIX_LENS - 1 - i;
        a->starts[i] = at;
        while (at < a->n && a->rows[at].net.prefix_len == prefix_len) {
            at++;
        }
    }
    a->starts[PREFIX_LENS] = at;
}

static int read_file(const char *path, struct sbuf *text, struct errbuf *err)
{
    bool opened = false;
    int rc = file_read(path, text, &opened);
    if (rc != 0) {
        errbuf_add(err, "cannot %s file of assets '%s': %s%s", opened ? "read" : "open", path,
                   strerror(-rc), opened ? "" : ". Check the path");
    }
    return rc;
}

int assets_read(const char *path, struct assets **ret_assets, struct errbuf *err)
{
    struct assets *a = mem_alloc(sizeof(*a));
    struct sbuf text = sbuf_with_cap(FILE_CAP);
    int rc = a == NULL ? -ENOMEM : read_file(path, &text, err);
    if (rc == 0) {
        rc = read_lines(a, path, sbuf_span(&text), err);
        if (a->n > 1) {
            qsort(a->rows, a->n, sizeof(*a->rows), compare);
        }
        int twins = find_twins(a, path, err);
        rc = rc != 0 ? rc : twins;
        find_starts(a);
    }
    sbuf_free(&text);
    if (rc != 0) {
        assets_free(&a);
        return rc;
    }
    *ret_assets = a;
    return 0;
}

void assets_free(struct assets **a)
{
    if (*a != NULL) {
        mem_free((*a)->rows);
        mem_free(*a);
        *a = NULL;
    }
}

/* --- look-up
 * --------------------------------------------------------------------------------------------- */

/* Among the rows of one prefix length. */
static const struct asset *find_exact(const struct assets *a, size_t low, size_t high,
                                      const struct addr *network)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = addr_compare(network, &a->rows[middle].net.addr);
        if (order == 0) {
            return &a->rows[middle].asset;
        }
        if (order > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct asset *assets_find(const struct assets *a, const struct addr *addr)
{
    for (unsigned i = 0; a != NULL && i < PREFIX_LENS; i++) {
        struct addr_net net = {.addr = *addr, .prefix_len = (uint8_t)(PREFIX_LENS - 1 - i)};
        if (a->starts[i] == a->starts[i + 1]) {
            continue;
        }
        mask(&net);
        const struct asset *found = find_exact(a, a->starts[i], a->starts[i + 1], &net.addr);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}
