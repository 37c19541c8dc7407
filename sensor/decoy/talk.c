/* talk: conversations of a honeypot.
 *
 * Each kind is a function that is pushed what came in and takes all of it. Memory of one talk is
 * that of its struct and of the answers that wait, both with a limit: of what comes in nothing is
 * kept but the start of a line. */
#include "sensor/decoy/talk_parts.h"

#include "sensor/base/bytes.h"

bool talk_line(struct talk *t, struct span *bytes)
{
    size_t end = span_find_byte(*bytes, 0, '\n');
    struct span piece = span_head(*bytes, end);
    size_t room = sizeof(t->line) - t->line_len;
    size_t n = piece.len < room ? piece.len : room;
    bytes_copy(t->line + t->line_len, piece.data, n);
    t->line_len += n;
    t->head += piece.len;
    *bytes = end == SPAN_NONE ? span_of(NULL, 0) : span_from(*bytes, end + 1);
    return end != SPAN_NONE;
}

void talk_next_line(struct talk *t)
{
    t->line_len = 0;
}

struct span talk_line_span(const struct talk *t)
{
    struct span line = span_of(t->line, t->line_len);
    return span_ends(line, SPAN("\r")) ? span_head(line, line.len - 1) : line;
}

void talk_say(struct talk *t, struct span text)
{
    if (!t->over && !sbuf_add(&t->out, text)) {
        t->over = true;
        t->cut = true;
    }
}

void talk_open(struct talk *t)
{
    t->out = sbuf_with_cap(TALK_ANSWERS_MAX);
    t->in_head = t->kind == DECOY_HTTP;
    if (t->kind != DECOY_HTTP && t->persona->greeting.len > 0) {
        talk_say(t, t->persona->greeting);
        talk_say(t, SPAN("\r\n"));
    }
}

static void talk_tcp(struct talk *t)
{
    if (t->received > t->limits->body_bytes) {
        t->over = true;
        t->cut = true;
    }
}

void talk_data(struct talk *t, struct span bytes, uint64_t now_us)
{
    t->received += bytes.len;
    if (t->over || t->awaits_tls) {
        return;
    }
    switch (t->kind) {
    case DECOY_HTTP:
        talk_http(t, bytes, now_us);
        break;
    case DECOY_SMTP:
        talk_smtp(t, bytes, now_us);
        break;
    case DECOY_LDAP:
        talk_ldap(t, bytes);
        break;
    case DECOY_TCP:
    case DECOY_SYSLOG: /* has no talk */
    case DECOY_KIND_N:
        talk_tcp(t);
        break;
    }
}

void talk_in_tls(struct talk *t)
{
    if (t->awaits_tls) {
        t->awaits_tls = false;
        t->offers_tls = false;
        t->smtp = (struct smtp_talk){.mistakes = t->smtp.mistakes};
    }
}

void talk_close(struct talk *t)
{
    sbuf_free(&t->out);
}
