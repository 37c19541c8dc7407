/* gatekeeper: what follows when a packet is held back.
 *
 * Dropped, a packet is simply missing: both ends repeat until they give up. Rejected, both ends get
 * a RST with the very number they wait for (RFC 5961, section 3.2), the server from its client and
 * the client from its server. Where it is configured, the client of HTTP/1 gets an answer instead
 * (RFC 9110, section 15.5.4), and that of SMTP a 554 (RFC 5321, section 4.2.2), with the end of the
 * stream behind it; the client's own end is then acknowledged, and what else it sends is answered
 * by a RST. A server that missed its RST gets another with whatever it says.
 *
 * What goes through a tunnel is dropped without a word: the way back is not ours to make. */
#include "sensor/app/gatekeeper.h"

#include "sensor/app/pipeline.h"
#include "sensor/base/mem.h"
#include "sensor/packet/forge.h"

#include <string.h>

enum { REPLY_CAP = 60 + FORGED_PAYLOAD_MAX, TEXT_MAX = 400 };

struct gatekeeper {
    const struct report *report;
    bool answers;
    struct sbuf http; /* the whole answer */
    struct sbuf smtp;
    struct sbuf packets[REPLIES_MAX];
    struct reply replies[REPLIES_MAX];
    size_t n;
};

static bool is_closed(const char *policy)
{
    return strcmp(policy, "closed") == 0;
}

enum verdict gatekeeper_verdict(const struct config *config)
{
    return strcmp(config->inline_action, "drop") == 0 ? VERDICT_DROP : VERDICT_REJECT;
}

unsigned gatekeeper_classes(const struct config *config)
{
    unsigned classes = 0;
    for (unsigned class = LOOKUP_ATTEMPT; class <= LOOKUP_ATTACK; class ++) {
        for (size_t i = 0; i < config->inline_block.n; i++) {
            bool is = strcmp(config->inline_block.items[i],
                             lookup_class_name((enum lookup_class) class)) == 0;
            classes |= is ? 1U << class : 0;
        }
    }
    return classes;
}

struct guard gatekeeper_guard(const struct config *config, bool rules_block)
{
    bool blocks = rules_block || gatekeeper_classes(config) != 0;
    bool midstream = blocks && is_closed(config->inline_restart);
    return (struct guard){
        .on = true,
        .refuses = blocks,
        .midstream = midstream ? gatekeeper_verdict(config) : VERDICT_PASS,
        .memory_closed = blocks && is_closed(config->inline_memory),
    };
}

/* --- life
 * ---------------------------------------------------------------------------------------------- */

static void write_answers(struct gatekeeper *g, const char *text)
{
    struct span words = span_head(span_str(text), TEXT_MAX); /* a line: RFC 5321, 4.5.3.1.5 */
    sbuf_add_format(&g->http,
                    "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                    words.len);
    sbuf_add(&g->http, words);
    sbuf_add_str(&g->smtp, "554 5.7.1 ");
    sbuf_add(&g->smtp, words);
    sbuf_add_str(&g->smtp, "\r\n");
}

struct gatekeeper *gatekeeper_new(const struct config *config, const struct report *report)
{
    struct gatekeeper *g = mem_alloc(sizeof(*g));
    if (g == NULL) {
        return NULL;
    }
    g->report = report;
    g->answers = config->inline_answer;
    g->http = sbuf_with_cap(FORGED_PAYLOAD_MAX);
    g->smtp = sbuf_with_cap(FORGED_PAYLOAD_MAX);
    for (size_t i = 0; i < REPLIES_MAX; i++) {
        g->packets[i] = sbuf_with_cap(REPLY_CAP);
    }
    write_answers(g, config->inline_answer_text);
    if (g->http.cut || g->smtp.cut) {
        gatekeeper_free(&g);
    }
    return g;
}

void gatekeeper_free(struct gatekeeper **g)
{
    if (*g == NULL) {
        return;
    }
    sbuf_free(&(*g)->http);
    sbuf_free(&(*g)->smtp);
    for (size_t i = 0; i < REPLIES_MAX; i++) {
        sbuf_free(&(*g)->packets[i]);
    }
    mem_free(*g);
    *g = NULL;
}

/* --- replies
 * ------------------------------------------------------------------------------------------- */

/* A segment in the name of the receiver of the packet (back), or of its sender. */
static void reply(struct gatekeeper *g, const struct headers *h, bool back,
                  const struct forged *what)
{
    struct forged f = *what;
    f.src = back ? h->dst : h->src;
    f.dst = back ? h->src : h->dst;
    f.src_port = back ? h->dst_port : h->src_port;
    f.dst_port = back ? h->src_port : h->dst_port;
    if (g->n < REPLIES_MAX && forge_tcp(&f, &g->packets[g->n])) {
        g->replies[g->n] = (struct reply){back, sbuf_span(&g->packets[g->n])};
        g->n++;
    }
}

/* To the sender of a datagram, which no end waits for: as of a port where nobody listens. */
static void refuse_datagram(struct gatekeeper *g, const struct headers *h)
{
    const struct forged f = {.src = h->src,
                             .dst = h->dst,
                             .src_port = h->src_port,
                             .dst_port = h->dst_port,
                             .payload = h->payload};
    if (forge_unreachable(&f, &g->packets[0])) {
        g->replies[0] = (struct reply){true, sbuf_span(&g->packets[0])};
        g->n = 1;
    }
}

/* The number behind the packet. */
static uint32_t end_of(const struct headers *h)
{
    bool fin = (h->tcp_flags & TCP_FIN) != 0;
    return h->tcp_seq + (uint32_t)h->payload.len + h->missing + (fin ? 1 : 0);
}

/* What the client is told in place of the server's answer; empty: nothing. */
static struct span answer_to(const struct gatekeeper *g, const struct ruling *r)
{
    bool wanted = g->answers && r->dir == TO_SERVER;
    const char *protocol = wanted ? pipeline_owes_answer(r->conn) : NULL;
    if (protocol == NULL) {
        return span_of(NULL, 0);
    }
    return strcmp(protocol, "http") == 0   ? sbuf_span(&g->http)
           : strcmp(protocol, "smtp") == 0 ? sbuf_span(&g->smtp)
                                           : span_of(NULL, 0);
}

/* The flow has just been blocked. */
static void end_both(struct gatekeeper *g, const struct ruling *r, const struct headers *h)
{
    enum direction back = direction_other(r->dir);
    struct span answer = answer_to(g, r);
    struct forged forward = {
        .seq = r->expected[r->dir], .ack = r->expected[back], .flags = TCP_RST | TCP_ACK};
    struct forged backward = {
        .seq = r->expected[back], .ack = end_of(h), .flags = TCP_RST | TCP_ACK, .payload = answer};
    if (answer.len > 0) {
        backward.flags = TCP_PSH | TCP_FIN | TCP_ACK;
    }
    if (r->reason == DROP_MIDSTREAM) { /* nothing is known but what the packet says */
        forward.seq = h->tcp_seq;
        backward.seq = forward.ack = h->tcp_ack;
    }
    reply(g, h, false, &forward);
    reply(g, h, true, &backward);
}

/* Whoever goes on is told again; the end of a client that was answered is taken. */
static void tell_again(struct gatekeeper *g, const struct ruling *r, const struct headers *h)
{
    if ((h->tcp_flags & TCP_ACK) == 0 || (h->tcp_flags & TCP_RST) != 0) {
        return;
    }
    bool fin = (h->tcp_flags & TCP_FIN) != 0;
    bool says_nothing = h->payload.len + h->missing == 0 && !fin;
    if (r->dir == TO_SERVER && says_nothing) {
        return;
    }
    bool takes_end = g->answers && r->dir == TO_SERVER && fin;
    struct forged f = {.seq = h->tcp_ack, .ack = end_of(h), .flags = TCP_RST | TCP_ACK};
    f.flags = takes_end ? TCP_ACK : f.flags;
    reply(g, h, true, &f);
}

/* --- rulings
 * ------------------------------------------------------------------------------------------- */

static void count(const struct gatekeeper *g, const struct ruling *r)
{
    static const enum stat_id counters[DROP_N] = {
#define DROP(id, name, stat) [DROP_##id] = STAT_##stat,
#include "sensor/core/drop.def"
#undef DROP
    };
    struct stats *stats = g->report->stats;
    if (r->verdict == VERDICT_PASS) {
        stats_add(stats, STAT_IPS_ACCEPTED, 1);
        return;
    }
    stats_add(stats, STAT_IPS_BLOCKED, 1);
    stats_add(stats, counters[r->reason], 1);
    stats_add(stats, STAT_IPS_REJECTED, r->verdict == VERDICT_REJECT && r->first);
}

void gatekeeper_rule(struct gatekeeper *g, const struct ruling *r, const struct headers *h)
{
    g->n = 0;
    count(g, r);
    if (r->verdict == VERDICT_PASS || r->conn == NULL) {
        return;
    }
    if (r->first) {
        const struct eve_drop drop = {h, r->dir, r->verdict, r->reason};
        report_drop(g->report, r->conn, &drop);
    }
    if (r->verdict != VERDICT_REJECT || h->tunnel_depth > 0) {
        return;
    }
    if (h->proto == IP_PROTO_UDP) {
        refuse_datagram(g, h);
    } else if (h->proto != IP_PROTO_TCP) {
        return;
    } else if (r->first) {
        end_both(g, r, h);
    } else {
        tell_again(g, r, h);
    }
}

size_t gatekeeper_replies(const struct gatekeeper *g, const struct reply **ret_replies)
{
    *ret_replies = g->replies;
    return g->n;
}
