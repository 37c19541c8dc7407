/* story: which call-back a thing that was seen belongs to.
 *
 * One row for each call-back (host and port), however many attempts name it, with the latest
 * attempts against different targets. It is found by its name and by its addresses: its own, and
 * those that DNS told for the name. Which of its attempts a host's step belongs to: the one before,
 * unless there was a later one against that host; else the latest against that host; else the
 * latest of all, because what was sent to one machine is often logged on another.
 *
 * What only the host knows (hostName, env) stands in a name as a variable: the labels behind the
 * last one are what is looked for, as long as they are two. A name matches with any name beneath
 * it, but a single label only as it is: else an attempt that names "com" would turn all of DNS into
 * steps. Not remembered: addresses that no packet goes to, and call-backs to the server that was
 * asked itself, for then every later visitor would be a step.
 *
 * Rows are taken in the order of their latest attempt when there is no room. What was told is kept
 * apart, in a table of fixed size; when it is full, that goes which was told longest ago: then a
 * step may be told again. All times are of packets. */
#include "sensor/output/story.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/list.h"
#include "sensor/base/mem.h"

#include <stdatomic.h>

enum {
    ATTEMPTS = 16, /* against different targets, of one call-back */
    ADDRS = 8,     /* that its name has */
    LABELS_MAX = 64,
    TOLD_PLACES = 2048,
    TOLD_WAYS = 4,
};

/* Stands in one place of the index. */
struct node {
    struct list bucket;
    uint64_t key; /* 0: it stands nowhere */
    struct row *row;
};

struct row {
    struct list recent; /* in story.recent */
    struct node name;   /* by its name */
    struct node by_addr[ADDRS];
    struct addr addrs[ADDRS];
    size_t next_addr;
    uint64_t id;
    uint64_t last_us;
    uint16_t port;
    bool has_step;
    struct addr code; /* where its reference points; family 0: to a name, or nowhere */
    uint64_t code_name;
    struct story_attempt attempts[ATTEMPTS]; /* the latest first */
    size_t n_attempts;
    char host[SIGHTING_NAME_SIZE];
};

struct told {
    uint64_t key; /* 0: free */
    uint64_t last_us;
    enum stage stage;
    struct story_attempt attempt;
};

struct story {
    struct story_options options;
    struct row *rows;
    size_t n_used; /* of rows, from the first */
    struct list free;
    struct list recent; /* rows, longest ago first */
    struct list *buckets;
    size_t n_buckets; /* a power of two */
    uint64_t clock_us;
    _Atomic uint64_t watched;
    _Atomic uint64_t evicted;
    _Atomic uint64_t outcomes[SCHEME_N][STORY_OUTCOMES];
    struct told told[TOLD_PLACES][TOLD_WAYS];
};

const char *story_outcome_name(unsigned outcome)
{
    return outcome == STORY_NO_CALLBACK ? "no_callback_seen" : stage_name((enum stage)outcome);
}

struct story *story_new(const struct story_options *options)
{
    struct story *s = mem_alloc(sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->options = *options;
    s->n_buckets = 16;
    while (s->n_buckets < 2 * options->callbacks) {
        s->n_buckets *= 2;
    }
    s->rows = mem_alloc_array(options->callbacks + 1, sizeof(*s->rows));
    s->buckets = mem_alloc_array(s->n_buckets, sizeof(*s->buckets));
    if (s->rows == NULL || s->buckets == NULL) {
        story_free(&s);
        return NULL;
    }
    for (size_t i = 0; i < s->n_buckets; i++) {
        list_init(&s->buckets[i]);
    }
    list_init(&s->free);
    list_init(&s->recent);
    return s;
}

void story_free(struct story **s)
{
    if (*s == NULL) {
        return;
    }
    mem_free((*s)->rows);
    mem_free((*s)->buckets);
    mem_free(*s);
    *s = NULL;
}

static void bump(_Atomic uint64_t *n, int64_t by)
{
    uint64_t now = atomic_load_explicit(n, memory_order_relaxed);
    atomic_store_explicit(n, now + (uint64_t)by, memory_order_relaxed);
}

/* --- keys ----------------------------------------------------------------------------------------
 */

static uint64_t key_of_name(struct span name)
{
    return hash_fixed(name) | 1;
}

static uint64_t key_of_addr(const struct addr *addr, uint16_t port)
{
    const uint64_t words[] = {hash_fixed(addr_span(addr)), port};
    return hash_words_fixed(words, ARRAY_LEN(words)) | 1;
}

/* Lower case, without the dot of the root. */
static struct span plain_name(struct span name, char ret_text[SIGHTING_NAME_SIZE])
{
    name = span_head(name, SIGHTING_NAME_SIZE - 1);
    name = span_ends(name, SPAN(".")) ? span_head(name, name.len - 1) : name;
    bytes_copy_lower((uint8_t *)ret_text, name.data, name.len);
    ret_text[name.len] = '\0';
    return span_of(ret_text, name.len);
}

/* What of a host's name is the same whoever asks; empty when that is too little. */
static struct span known_part(struct span host)
{
    size_t brace = span_rfind_byte(host, '}');
    if (brace == SPAN_NONE) {
        return host;
    }
    size_t dot = span_find_byte(host, brace, '.');
    struct span rest = dot == SPAN_NONE ? span_of(NULL, 0) : span_from(host, dot + 1);
    return span_find_byte(rest, 0, '.') == SPAN_NONE ? span_of(NULL, 0) : rest;
}

/* Whether packets go there that somebody else could see. */
static bool is_somewhere(const struct addr *a)
{
    static const struct addr loopback6 = {.family = 6, .bytes = {[15] = 1}};
    static const struct addr none6 = {.family = 6};
    if (a->family == 4) {
        return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
    }
    return a->bytes[0] != 0xff && !addr_equal(a, &loopback6) && !addr_equal(a, &none6);
}

/* --- the index -----------------------------------------------------------------------------------
 */

static void node_remove(struct node *n)
{
    if (n->key != 0) {
        list_remove(&n->bucket);
        n->key = 0;
    }
}

static void node_add(struct story *s, struct node *n, uint64_t key, struct row *row)
{
    node_remove(n);
    n->key = key;
    n->row = row;
    list_add_tail(&s->buckets[key / 2 % s->n_buckets], &n->bucket);
}

/* The next with that key behind `at`, or the first; NULL behind the last. */
static struct node *next_node(const struct story *s, uint64_t key, const struct node *at)
{
    struct list *head = &s->buckets[key / 2 % s->n_buckets];
    struct list *link = at == NULL ? list_first(head) : list_next(head, &at->bucket);
    for (; link != NULL; link = list_next(head, link)) {
        struct node *n = LIST_ENTRY(link, struct node, bucket);
        if (n->key == key) {
            return n;
        }
    }
    return NULL;
}

/* The same of the name itself, or of one that it lies beneath; *at is moved to it, with its key. */
static struct node *first_by_name(const struct story *s, struct span name)
{
    for (size_t i = 0; name.len > 0 && i < LABELS_MAX; i++) {
        struct node *n = next_node(s, key_of_name(name), NULL);
        if (n != NULL) {
            return n;
        }
        size_t dot = span_find_byte(name, 0, '.');
        name = dot == SPAN_NONE ? span_of(NULL, 0) : span_from(name, dot + 1);
        if (span_find_byte(name, 0, '.') == SPAN_NONE) {
            return NULL; /* a single label */
        }
    }
    return NULL;
}

static bool has_addr(const struct row *row, const struct addr *addr)
{
    for (size_t i = 0; i < ADDRS; i++) {
        if (row->by_addr[i].key != 0 && addr_equal(&row->addrs[i], addr)) {
            return true;
        }
    }
    return false;
}

static void add_addr(struct story *s, struct row *row, const struct addr *addr)
{
    if (is_somewhere(addr) && !has_addr(row, addr)) {
        size_t i = row->next_addr++ % ADDRS;
        row->addrs[i] = *addr;
        node_add(s, &row->by_addr[i], key_of_addr(addr, row->port), row);
    }
}

/* --- rows ----------------------------------------------------------------------------------------
 */

static void forget(struct story *s, struct row *row)
{
    if (!row->has_step) {
        bump(&s->outcomes[row->attempts[0].what.scheme][STORY_NO_CALLBACK], 1);
    }
    node_remove(&row->name);
    for (size_t i = 0; i < ADDRS; i++) {
        node_remove(&row->by_addr[i]);
    }
    list_remove(&row->recent);
    list_add_tail(&s->free, &row->recent);
    bump(&s->watched, -1);
}

static struct row *oldest(const struct story *s)
{
    struct list *link = list_first(&s->recent);
    return link != NULL ? LIST_ENTRY(link, struct row, recent) : NULL;
}

static struct row *take_row(struct story *s)
{
    struct list *link = list_first(&s->free);
    if (link == NULL && s->n_used < s->options.callbacks) {
        return &s->rows[s->n_used++];
    }
    if (link == NULL) {
        forget(s, oldest(s));
        bump(&s->evicted, 1);
        link = list_first(&s->free);
    }
    list_remove(link);
    return LIST_ENTRY(link, struct row, recent);
}

static struct row *row_of(const struct story *s, uint64_t key, uint64_t id)
{
    const struct node *n = next_node(s, key, NULL);
    while (n != NULL && n->row->id != id) {
        n = next_node(s, key, n);
    }
    return n != NULL ? n->row : NULL;
}

/* The attempt stands first, in place of an earlier one against the same target. */
static void add_attempt(struct row *row, const struct story_attempt *a)
{
    size_t at = 0;
    while (at < row->n_attempts && !addr_equal(&row->attempts[at].target, &a->target)) {
        at++;
    }
    if (at == row->n_attempts && row->n_attempts < ATTEMPTS) {
        row->n_attempts++;
    }
    at = at < ATTEMPTS ? at : ATTEMPTS - 1;
    bytes_move(&row->attempts[1], &row->attempts[0], at * sizeof(*a));
    row->attempts[0] = *a;
}

static struct row *make_row(struct story *s, uint64_t id, uint16_t port, struct span host)
{
    struct row *row = take_row(s);
    *row = (struct row){.id = id, .port = port};
    bytes_copy(row->host, host.data, host.len);
    list_add_tail(&s->recent, &row->recent);
    bump(&s->watched, 1);
    return row;
}

static void remember(struct story *s, const struct sighting *seen)
{
    char text[SIGHTING_NAME_SIZE];
    struct addr ip = {0};
    const struct conn *c = &seen->conn;
    const struct sighted_attempt *what = &seen->attempt;
    enum direction back = direction_other(what->dir);
    struct span host = plain_name(span_str(seen->name), text);
    bool is_addr = addr_parse(host, &ip);
    struct span name = is_addr ? span_of(NULL, 0) : known_part(host);
    bool is_itself = addr_equal(&ip, &c->addr[back]) && what->port == c->port[back];
    bool is_local = name.len == 0 || span_equal(name, SPAN("localhost"));
    if (is_addr ? !is_somewhere(&ip) || is_itself : is_local) {
        return;
    }
    const uint64_t words[] = {hash_fixed(host), what->port};
    uint64_t id = hash_words_fixed(words, ARRAY_LEN(words));
    uint64_t key = is_addr ? key_of_addr(&ip, what->port) : key_of_name(name);
    struct row *row = row_of(s, key, id);
    if (row == NULL) {
        row = make_row(s, id, what->port, span_str(seen->name));
        if (is_addr) {
            add_addr(s, row, &ip);
        } else {
            node_add(s, &row->name, key, row);
        }
    }
    const struct story_attempt a = {*what, c->id, c->last_us, c->addr[what->dir], c->addr[back]};
    add_attempt(row, &a);
    row->last_us = seen->key.clock_us;
    list_remove(&row->recent);
    list_add_tail(&s->recent, &row->recent);
}

/* --- steps ---------------------------------------------------------------------------------------
 */

static const struct story_attempt *against(const struct row *row, const struct addr *host)
{
    for (size_t i = 0; i < row->n_attempts; i++) {
        if (addr_equal(&row->attempts[i].target, host)) {
            return &row->attempts[i];
        }
    }
    return NULL;
}

/* Of all rows with that key, `n` being the first: that with the latest attempt against this host,
 * else that with the latest of all. Names of one campaign often have one address. */
static struct row *foremost(const struct story *s, const struct node *n, const struct addr *host)
{
    uint64_t key = n != NULL ? n->key : 0;
    struct row *best = NULL;
    uint64_t best_us = 0;
    bool best_own = false;
    for (; n != NULL; n = next_node(s, key, n)) {
        const struct story_attempt *own = against(n->row, host);
        uint64_t us = own != NULL ? own->time_us : n->row->last_us;
        if (best == NULL || (own != NULL && !best_own) ||
            ((own != NULL) == best_own && us > best_us)) {
            best = n->row;
            best_us = us;
            best_own = own != NULL;
        }
    }
    return best;
}

/* The call-back that a flow goes to. */
static struct row *row_of_flow(const struct story *s, const struct conn *c)
{
    uint64_t key = key_of_addr(&c->addr[TO_CLIENT], c->port[TO_CLIENT]);
    return foremost(s, next_node(s, key, NULL), &c->addr[TO_SERVER]);
}

static struct told *told_of(struct story *s, const struct row *row, const struct addr *host)
{
    const uint64_t words[] = {row->id, hash_fixed(addr_span(host))};
    uint64_t key = hash_words_fixed(words, ARRAY_LEN(words)) | 1;
    struct told *ways = s->told[key / 2 % TOLD_PLACES];
    struct told *best = &ways[0];
    for (size_t i = 0; i < TOLD_WAYS; i++) {
        if (ways[i].key == key) {
            return &ways[i];
        }
        if (best->key != 0 && (ways[i].key == 0 || ways[i].last_us < best->last_us)) {
            best = &ways[i];
        }
    }
    *best = (struct told){.key = key};
    return best;
}

/* The attempt whose step it is, and how far it had come with that host. */
static struct told *begin_step(struct story *s, const struct row *row, const struct addr *host)
{
    struct told *told = told_of(s, row, host);
    const struct story_attempt *own = against(row, host);
    bool fresh = told->last_us == 0 || s->clock_us - told->last_us > s->options.remember_us;
    if (own != NULL && own->what.attack_id != told->attempt.what.attack_id) {
        fresh = true;
    }
    if (fresh) {
        told->stage = STAGE_ATTEMPT;
        told->attempt = own != NULL ? *own : row->attempts[0];
    }
    return told;
}

static bool step(struct story *s, struct row *row, enum stage stage, const struct sighting *seen,
                 struct story_step *ret)
{
    const struct conn *c = &seen->conn;
    struct told *told = begin_step(s, row, &c->addr[TO_SERVER]);
    bool further = stage > told->stage;
    told->last_us = s->clock_us;
    row->has_step = true;
    if (!further) {
        return false;
    }
    told->stage = stage;
    bump(&s->outcomes[told->attempt.what.scheme][stage], 1);
    *ret = (struct story_step){.stage = stage, .attempt = told->attempt, .host = row->host};
    if (stage > STAGE_RESOLVED && has_addr(row, &c->addr[TO_CLIENT])) {
        ret->ip = c->addr[TO_CLIENT];
    }
    return true;
}

static bool see_flow(struct story *s, const struct sighting *seen, struct story_step *ret)
{
    struct row *row = row_of_flow(s, &seen->conn);
    return row != NULL && step(s, row, STAGE_CALLED_BACK, seen, ret);
}

static bool see_name(struct story *s, const struct sighting *seen, struct story_step *ret)
{
    char text[SIGHTING_NAME_SIZE];
    const struct node *n = first_by_name(s, plain_name(span_str(seen->name), text));
    struct row *row = foremost(s, n, &seen->conn.addr[TO_SERVER]);
    if (row != NULL && step(s, row, STAGE_RESOLVED, seen, ret)) {
        return true;
    }
    return see_flow(s, seen, ret); /* a call-back may be a DNS server */
}

/* The name has them at all its ports, of which each is a row. */
static void see_addresses(struct story *s, const struct sighting *seen)
{
    char text[SIGHTING_NAME_SIZE];
    struct node *n = first_by_name(s, plain_name(span_str(seen->name), text));
    uint64_t key = n != NULL ? n->key : 0;
    for (; n != NULL; n = next_node(s, key, n)) {
        for (size_t i = 0; n == &n->row->name && i < seen->n_addrs; i++) {
            add_addr(s, n->row, &seen->addrs[i]);
        }
    }
}

/* The host in "http://203.0.113.9:8000/". */
static struct span host_in_url(struct span url)
{
    size_t colon = span_find(url, 0, SPAN("://"));
    url = colon == SPAN_NONE ? url : span_from(url, colon + 3);
    url = span_head(url, span_find_byte(url, 0, '/'));
    size_t at = span_rfind_byte(url, '@');
    url = at == SPAN_NONE ? url : span_from(url, at + 1);
    if (span_starts(url, SPAN("["))) {
        return span_head(url, span_find_byte(url, 0, ']') + 1);
    }
    return span_head(url, span_find_byte(url, 0, ':'));
}

static bool see_reference(struct story *s, const struct sighting *seen, struct story_step *ret)
{
    char text[SIGHTING_NAME_SIZE];
    struct row *row = row_of_flow(s, &seen->conn);
    if (row == NULL) {
        return false;
    }
    struct span code = plain_name(host_in_url(span_str(seen->name)), text);
    if (code.len > 0 && !addr_parse(code, &row->code)) {
        row->code_name = key_of_name(code);
    }
    return step(s, row, STAGE_REFERENCE_SERVED, seen, ret);
}

static bool is_code_of(const struct row *row, const struct addr *server, uint64_t host)
{
    bool there = row->code.family != 0 && addr_equal(&row->code, server);
    bool named = host != 0 && (host == row->code_name || host == row->name.key);
    return there || named || has_addr(row, server);
}

/* On any port: it is rarely that of the call-back. Classes are seldom fetched, so all rows are
 * looked through, the latest first. */
static bool see_class(struct story *s, const struct sighting *seen, struct story_step *ret)
{
    char text[SIGHTING_NAME_SIZE];
    struct span name = plain_name(span_str(seen->name), text);
    uint64_t host = name.len > 0 ? key_of_name(name) : 0;
    for (struct list *link = s->recent.prev; link != &s->recent; link = link->prev) {
        struct row *row = LIST_ENTRY(link, struct row, recent);
        if (is_code_of(row, &seen->conn.addr[TO_CLIENT], host)) {
            return step(s, row, STAGE_CLASS_DELIVERED, seen, ret);
        }
    }
    return false;
}

bool story_see(struct story *s, const struct sighting *seen, struct story_step *ret_step)
{
    s->clock_us = seen->key.clock_us;
    if (seen->kind == SIGHTING_ATTEMPT) {
        if (s->options.callbacks > 0) {
            remember(s, seen);
        }
        return false;
    }
    if (list_is_empty(&s->recent)) {
        return false;
    }
    switch (seen->kind) {
    case SIGHTING_FLOW_OPEN:
        return see_flow(s, seen, ret_step);
    case SIGHTING_NAME:
        return see_name(s, seen, ret_step);
    case SIGHTING_ADDRESSES:
        see_addresses(s, seen);
        return false;
    case SIGHTING_REFERENCE:
        return see_reference(s, seen, ret_step);
    case SIGHTING_CLASS:
        return see_class(s, seen, ret_step);
    case SIGHTING_ATTEMPT:
        break;
    }
    return false;
}

void story_until(struct story *s, uint64_t clock_us)
{
    struct row *row;
    while ((row = oldest(s)) != NULL && clock_us > row->last_us &&
           clock_us - row->last_us > s->options.remember_us) {
        forget(s, row);
    }
}

void story_stats(const struct story *s, struct story_stats *ret)
{
    *ret = (struct story_stats){
        .watched = atomic_load_explicit(&s->watched, memory_order_relaxed),
        .evicted = atomic_load_explicit(&s->evicted, memory_order_relaxed),
    };
    for (size_t i = 0; i < SCHEME_N; i++) {
        for (size_t k = 0; k < STORY_OUTCOMES; k++) {
            ret->outcomes[i][k] = atomic_load_explicit(&s->outcomes[i][k], memory_order_relaxed);
        }
    }
}

uint64_t story_n_stage(const struct story_stats *stats, enum stage stage)
{
    uint64_t n = 0;
    for (size_t i = 0; i < SCHEME_N; i++) {
        n += stats->outcomes[i][stage];
    }
    return n;
}

uint64_t story_n_steps(const struct story_stats *stats)
{
    uint64_t n = 0;
    for (unsigned i = STAGE_ATTEMPT + 1; i < STAGE_N; i++) {
        n += story_n_stage(stats, (enum stage)i);
    }
    return n;
}
