/* client: the real client behind proxies.
 *
 * Headers are written by whoever likes to, so they are believed only when the packet comes from a
 * trusted network, and only as far as an unbroken chain of trusted proxies reaches: the list is
 * read from its right end, and the first address that is not trusted is the client. What stands
 * left of it may be invented. What a PROXY protocol header in front of the flow says stands in the
 * place of the packet's source: it is nearer than any header. X-Forwarded-For and Forwarded (RFC
 * 7239) are lists, over several header lines too; the others hold one address. Of mail it is what
 * the relay says of its own client (XCLIENT, XFORWARD), and then the Received headers, the newest
 * of which stands first. A message whose beginning is guessed may be contents of another, and
 * written by anybody: it is not believed. */
#include "sensor/enrich/client.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/core/nets.h"
#include "sensor/core/sockname.h"
#include "sensor/enrich/client_mail.h"

#include <errno.h>

enum { CHAIN_MAX = 64 };

enum form { FORM_LIST, FORM_FORWARDED, FORM_ONE };

static const struct header {
    const char *name;
    enum form form;
} known[] = {
    {"x-forwarded-for", FORM_LIST}, {"forwarded", FORM_FORWARDED}, {"true-client-ip", FORM_ONE},
    {"cf-connecting-ip", FORM_ONE}, {"x-real-ip", FORM_ONE},
};

struct client_policy {
    struct nets trusted;
    const struct header *headers[ARRAY_LEN(known)];
    size_t n_headers;
};

static const struct header *header_by_name(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (span_equal_nocase(name, span_str(known[i].name))) {
            return &known[i];
        }
    }
    return NULL;
}

static int add_header(struct client_policy *p, const char *text, struct errbuf *err)
{
    const struct header *h = header_by_name(span_str(text));
    if (h == NULL || p->n_headers == ARRAY_LEN(known)) {
        errbuf_add(err,
                   "client.headers: '%s' is not one of x-forwarded-for, forwarded, true-client-ip, "
                   "cf-connecting-ip, x-real-ip",
                   text);
        return -EINVAL;
    }
    p->headers[p->n_headers++] = h;
    return 0;
}

int client_policy_new(const struct config_list *trusted, const struct config_list *headers,
                      struct client_policy **ret_policy, struct errbuf *err)
{
    struct client_policy *p = mem_alloc(sizeof(*p));
    int rc = p == NULL ? -ENOMEM : nets_read(&p->trusted, trusted, "client.trusted", err);
    for (size_t i = 0; p != NULL && i < headers->n; i++) {
        int one = add_header(p, headers->items[i], err);
        rc = rc == 0 ? one : rc;
    }
    if (rc != 0) {
        client_policy_free(&p);
        return rc;
    }
    *ret_policy = p;
    return 0;
}

void client_policy_free(struct client_policy **p)
{
    mem_free(*p);
    *p = NULL;
}

bool client_wants_header(const struct client_policy *p, struct span name)
{
    for (size_t i = 0; p->trusted.n > 0 && i < p->n_headers; i++) {
        if (span_equal(name, span_str(p->headers[i]->name))) {
            return true;
        }
    }
    return false;
}

/* What listens on both families writes "::ffff:192.0.2.1" (RFC 4291 section 2.5.5.2). */
static struct addr unmapped(const struct addr *addr)
{
    return addr->family == 6 ? sockname_addr_v6(addr_span(addr)) : *addr;
}

bool client_trusts(const struct client_policy *p, const struct addr *addr)
{
    struct addr plain = unmapped(addr);
    return nets_have(&p->trusted, &plain);
}

/* --- reading a header
 * ----------------------------------------------------------------------------------- */

/* Also an obfuscated one (RFC 7239 section 6). */
static bool is_port(struct span text)
{
    uint64_t number = 0;
    return span_at(text, 0) == '_' || (span_to_u64(text, &number) && number <= UINT16_MAX);
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80", "2001:db8::1", each perhaps in quotes. */
static bool parse_node(struct span text, struct addr *ret_addr)
{
    text = span_trim(text);
    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"') {
        text = span_sub(text, 1, text.len - 2);
    }
    size_t colon = span_rfind_byte(text, ':');
    if (!addr_parse(text, ret_addr) &&
        (colon == SPAN_NONE || !is_port(span_from(text, colon + 1)) ||
         !addr_parse(span_head(text, colon), ret_addr))) {
        return false;
    }
    *ret_addr = unmapped(ret_addr);
    return true;
}

/* What can be no address: left of it nothing is sure. */
#define NOBODY SPAN("unknown")

/* Cuts off what stands before the first semicolon that is in no quoted string. */
static struct span take_pair(struct span *element)
{
    bool quoted = false;
    size_t at = 0;
    for (; at < element->len; at++) {
        uint8_t c = element->data[at];
        if (c == ';' && !quoted) {
            break;
        }
        quoted = quoted != (c == '"');
        at += c == '\\';
    }
    struct span pair = span_head(*element, at);
    *element = span_from(*element, at + 1);
    return pair;
}

static bool is_escaped(struct span s, size_t at)
{
    size_t n = 0;
    while (n < at && s.data[at - 1 - n] == '\\') {
        n++;
    }
    return n % 2 == 1;
}

/* Cuts off what stands behind the last comma that is in no quoted string: seen from the right,
 * since there the proxies wrote. What a sender left open on the left opens nothing of theirs. */
static struct span take_last(struct span *list)
{
    bool quoted = false;
    size_t at = list->len;
    for (; at > 0; at--) {
        uint8_t c = list->data[at - 1];
        if (c == ',' && !quoted) {
            break;
        }
        quoted = quoted != (c == '"' && !is_escaped(*list, at - 1));
    }
    struct span last = span_from(*list, at);
    *list = span_head(*list, at > 0 ? at - 1 : 0);
    return last;
}

/* The node of for= in one element of Forwarded: "for=192.0.2.1;proto=http". */
static struct span forwarded_node(struct span element)
{
    while (element.len > 0) {
        struct span pair = span_trim(take_pair(&element));
        if (span_starts_nocase(pair, SPAN("for="))) {
            return span_from(pair, 4);
        }
    }
    return NOBODY;
}

struct chain {
    struct span nodes[CHAIN_MAX]; /* left to right; of a longer one the right end is kept */
    size_t n;
};

static void chain_add(struct chain *c, struct span node)
{
    if (c->n == CHAIN_MAX) {
        bytes_move(&c->nodes[0], &c->nodes[1], (CHAIN_MAX - 1) * sizeof(c->nodes[0]));
        c->n--;
    }
    c->nodes[c->n++] = node;
}

/* Elements without anything in them are none (RFC 9110 section 5.6.1). */
static void add_list(struct chain *c, struct span list)
{
    while (list.len > 0) {
        struct span part = span_trim(span_split(&list, ','));
        if (part.len > 0) {
            chain_add(c, part);
        }
    }
}

/* Other pairs than for= may hold what a sender likes, commas too, in quotes. */
static void add_forwarded(struct chain *c, struct span list)
{
    struct span last[CHAIN_MAX];
    size_t n = 0;
    while (list.len > 0 && n < CHAIN_MAX) {
        struct span element = span_trim(take_last(&list));
        if (element.len > 0) {
            last[n++] = element;
        }
    }
    while (n > 0) {
        chain_add(c, forwarded_node(last[--n]));
    }
}

/* The nearest proxy writes at the end of the list: of a long one the end is what counts, and one
 * whose end is not known names nobody. */
static void read_value(struct chain *c, const struct kept_field *k, enum form form)
{
    struct span list = k->value;
    bool whole = !k->cut && !k->truncated;
    if (!whole) {
        list = k->tail;
        (void)span_split(&list, ','); /* begins anywhere */
        chain_add(c, NOBODY);
    }
    if (form == FORM_ONE && whole && list.len > 0) {
        chain_add(c, list);
    } else if (form == FORM_LIST && !k->truncated) {
        add_list(c, list);
    } else if (form == FORM_FORWARDED && !k->truncated) {
        add_forwarded(c, list);
    }
}

static void read_chain(const struct tx *tx, const struct header *h, struct chain *ret)
{
    ret->n = 0;
    for (const struct kept_field *k = tx_field(tx, FIELD_HTTP_REQUEST_HEADER); k != NULL;
         k = tx_next_field(k)) {
        if (span_equal(k->item, span_str(h->name)) && !k->odd) {
            read_value(ret, k, h->form);
        }
    }
    if ((tx->flags & TX_FIELDS_LOST) != 0) {
        chain_add(ret, NOBODY); /* the nearest proxy's may be among those */
    }
}

/* From the right: trusted proxies are passed, the first other one is the client; when all are
 * trusted, the leftmost. What cannot be read ends the chain: left of it nothing is sure. */
static bool walk(const struct client_policy *p, const struct chain *c, struct client *ret)
{
    bool found = false;
    for (size_t i = c->n; i > 0; i--) {
        struct addr addr;
        if (!parse_node(c->nodes[i - 1], &addr)) {
            return found;
        }
        ret->addr = addr;
        found = true;
        if (!client_trusts(p, &addr)) {
            return true;
        }
        ret->trusted_hops++;
    }
    return found;
}

/* By the headers, which were written by proxies as far as `n_hops` of them are trusted. The first
 * that is there decides, also by naming nobody: who could fill the next one in is not known. */
static bool find_in_headers(const struct client_policy *p, const struct tx *tx, unsigned n_hops,
                            struct client *ret_client)
{
    for (size_t i = 0; i < p->n_headers; i++) {
        struct chain chain;
        struct client client = {.from = p->headers[i]->name, .trusted_hops = n_hops};
        read_chain(tx, p->headers[i], &chain);
        if (walk(p, &chain, &client)) {
            *ret_client = client;
            return true;
        }
        if (chain.n > 0) {
            return false;
        }
    }
    return false;
}

/* What is known so far, the nearest first: each is believed because the one before is trusted.
 * true when it is trusted itself, and who it names may be believed. */
static bool step(const struct client_policy *p, const struct addr *addr, const char *from,
                 struct client *client)
{
    client->addr = unmapped(addr);
    client->from = from;
    client->trusted_hops++;
    return client_trusts(p, &client->addr);
}

/* The relay's own header stands first, those of the relays before it follow. */
static void find_in_received(const struct client_policy *p, const struct tx *tx,
                             struct client *client)
{
    bool trusted = true;
    for (const struct kept_field *k = tx_field(tx, FIELD_EMAIL_RECEIVED); trusted && k != NULL;
         k = tx_next_field(k)) {
        struct addr addr;
        trusted = received_from(k->value, &addr) && step(p, &addr, "received", client);
    }
}

/* A mail's, behind `client`, whom proxies told, or nobody yet. */
static void find_in_mail(const struct client_policy *p, const struct tx *tx, struct client *client)
{
    const struct addr *told = &conn_extra(tx->conn)->xclient;
    if (told->family == 0 || step(p, told, "xclient", client)) {
        find_in_received(p, tx, client);
    }
}

bool client_find(const struct client_policy *p, const struct tx *tx, struct client *ret_client)
{
    const struct addr *told = &conn_extra(tx->conn)->told_client;
    struct client client = {0};
    if (!client_trusts(p, &tx->conn->addr[TO_SERVER])) {
        return false;
    }
    bool trusted = told->family == 0 || step(p, told, "proxy-protocol", &client);
    if (trusted && (tx->flags & TX_UNSURE) == 0 &&
        !find_in_headers(p, tx, client.trusted_hops + 1, &client)) {
        find_in_mail(p, tx, &client);
    }
    if (client.from == NULL) {
        return false;
    }
    *ret_client = client;
    return true;
}
