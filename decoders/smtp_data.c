/* smtp_data: the bytes of a mail, by DATA (RFC 5321 section 4.1.1.4) or BDAT (RFC 3030).
 *
 * DATA that the server has not answered yet, or whose answer was not captured, is taken for
 * granted, unless the very next bytes are a command that nobody writes first in a mail.
 *
 * Where a dot line is the end of the mail for some servers only, what follows it is read twice: on
 * as mail data here, and as commands by an alternate reading. The next such place opens another
 * one only when the last one's share of bytes is used up. */
#include "decoders/smtp.h"

#include "sensor/base/bytes.h"

enum { ALTERNATE_BYTES = 64 << 10 };

/* What a client says whose DATA was refused. */
static const struct span refused_next[] = {
    SPAN_LITERAL("QUIT\r\n"), SPAN_LITERAL("RSET\r\n"),   SPAN_LITERAL("QUIT\n"),
    SPAN_LITERAL("RSET\n"),   SPAN_LITERAL("MAIL FROM:"), SPAN_LITERAL("RCPT TO:<"),
};

static const struct span crlf = SPAN_LITERAL("\r\n");
static const struct span lf = SPAN_LITERAL("\n");

static struct mime_out out_of(struct smtp *s)
{
    return (struct mime_out){.emit = s->emit, .tx = smtp_tx(s), .dir = TO_SERVER};
}

/* A mail begins, unless a chunk of it came before. */
static void begin_mail(struct smtp *s)
{
    (void)smtp_tx(s);
    if (s->in_data) {
        return;
    }
    mime_start(&s->mime, s->limits);
    s->mail_begun = true;
    s->in_data = true;
    s->data_moved = false;
    s->data_gap = false;
    s->data_agreed = false;
    s->in_doubt = false;
    s->at_maybe_end = false;
    s->alternate_wait = 0;
    s->dot = dot_start(s->reading == SMTP_READING_LOOSE);
}

void smtp_data_begin(struct smtp *s)
{
    begin_mail(s);
    s->state = SMTP_DATA;
    s->in_doubt = true;
    s->n_doubt = 0;
}

static void move(struct smtp *s, struct span data)
{
    if (data.len == 0) {
        return;
    }
    bool all_seen = !s->midstream && !s->tx_cut && !s->data_gap;
    if (!s->data_moved && s->n_rcpt == 0 && all_seen) {
        smtp_anomaly(s, TO_SERVER, ANOMALY_SMTP_DATA_WITHOUT_RCPT);
    }
    s->data_moved = true;
    s->alternate_wait -= data.len < s->alternate_wait ? data.len : s->alternate_wait;
    const struct mime_out out = out_of(s);
    mime_data(&s->mime, &out, data);
}

void smtp_data_end(struct smtp *s, bool cut)
{
    const struct mime_out out = out_of(s);
    mime_end(&s->mime, &out, cut);
    s->in_data = false;
    s->in_doubt = false;
    s->mail_done = true;
    s->state = SMTP_COMMANDS;
    if (s->dot.bare_lf) {
        smtp_anomaly(s, TO_SERVER, ANOMALY_SMTP_BARE_LF);
    }
}

/* Its own end was seen. */
static void complete(struct smtp *s)
{
    unsigned n = s->lmtp && s->n_rcpt_agreed > 0 ? s->n_rcpt_agreed : 1;
    pending_add(&s->pending, PENDING_MAIL_END, n);
    smtp_data_end(s, false);
    if (s->data_gap) {
        s->state = SMTP_SKIM; /* it may have been a dot at the end of a sentence */
    }
}

static void on_maybe_end(struct smtp *s)
{
    s->at_maybe_end = true;
    smtp_anomaly(s, TO_SERVER, ANOMALY_SMTP_AMBIGUOUS_END);
    if (s->alternate_wait == 0) {
        s->alternate_wait = ALTERNATE_BYTES;
        s->alternate_due = true;
    }
}

static void take_data(struct smtp *s, struct span *rest)
{
    s->at_maybe_end = false;
    const struct dot_found found = dot_take(&s->dot, rest);
    move(s, found.data);
    switch (found.event) {
    case DOT_DATA:
        break;
    case DOT_MAYBE_END:
        on_maybe_end(s);
        break;
    case DOT_END:
        complete(s);
        break;
    }
}

/* Mail data whose nature was in doubt. It holds no end: a dot would have ended the doubt. */
static void settle(struct smtp *s)
{
    uint8_t held[SMTP_DOUBT_MAX];
    bytes_copy(held, s->doubt, s->n_doubt);
    struct span rest = span_of(held, s->n_doubt);
    s->in_doubt = false;
    while (rest.len > 0) {
        take_data(s, &rest);
    }
}

void smtp_data_refused(struct smtp *s)
{
    if (s->state != SMTP_DATA || s->data_moved) {
        return; /* the client sends it all the same */
    }
    s->state = SMTP_COMMANDS;
    s->in_data = false;
    s->n_unread = s->in_doubt ? s->n_doubt : 0;
    s->in_doubt = false;
}

/* Whether what is held is a command, or may still become one. */
static bool still_in_doubt(struct span held, bool *ret_command)
{
    bool maybe = false;
    for (size_t i = 0; i < ARRAY_LEN(refused_next); i++) {
        *ret_command = *ret_command || span_equal_nocase(held, refused_next[i]);
        maybe = maybe || span_starts_nocase(refused_next[i], held);
    }
    return maybe && !*ret_command;
}

static void take_doubt(struct smtp *s, struct span *rest)
{
    bool command = false;
    s->doubt[s->n_doubt++] = span_at(*rest, 0);
    *rest = span_from(*rest, 1);
    if (still_in_doubt(span_of(s->doubt, s->n_doubt), &command)) {
        return;
    }
    if (command) {
        smtp_data_refused(s);
    } else {
        settle(s);
    }
}

void smtp_data_resume(struct smtp *s, struct span line, bool bare_lf)
{
    if (s->in_data) { /* of a mail in chunks, whose end is missing */
        smtp_end_tx(s);
    }
    begin_mail(s);
    mime_resume(&s->mime, s->limits);
    s->state = SMTP_DATA;
    s->data_agreed = true;
    s->data_gap = true;
    s->dot.keep = true; /* it may be a chunk as well */
    struct span parts[] = {line, bare_lf ? lf : crlf};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        while (parts[i].len > 0) {
            take_data(s, &parts[i]);
        }
    }
}

static void end_chunk(struct smtp *s)
{
    s->state = SMTP_COMMANDS;
    if (s->chunk_last) {
        complete(s);
    } else {
        pending_add(&s->pending, PENDING_OTHER, 1);
    }
}

void smtp_chunk_begin(struct smtp *s, uint64_t size, bool last)
{
    begin_mail(s);
    s->state = SMTP_CHUNK;
    s->chunk_left = size;
    s->chunk_last = last;
    if (size == 0) {
        end_chunk(s);
    }
}

static void take_chunk(struct smtp *s, struct span *rest)
{
    size_t len = rest->len < s->chunk_left ? rest->len : (size_t)s->chunk_left;
    move(s, span_head(*rest, len));
    *rest = span_from(*rest, len);
    s->chunk_left -= len;
    if (s->chunk_left == 0) {
        end_chunk(s);
    }
}

void smtp_data_take(struct smtp *s, struct span *rest)
{
    if (s->state == SMTP_CHUNK) {
        take_chunk(s, rest);
    } else if (s->in_doubt && !s->data_agreed) {
        take_doubt(s, rest);
    } else {
        if (s->in_doubt) {
            settle(s);
        }
        take_data(s, rest);
    }
}

/* Some of a chunk is missing, and perhaps what came behind it. */
static void chunk_gap(struct smtp *s, uint64_t n_bytes)
{
    uint64_t beyond = n_bytes > s->chunk_left ? n_bytes - s->chunk_left : 0;
    s->chunk_left -= n_bytes - beyond;
    if (s->chunk_left == 0) {
        end_chunk(s);
    }
    if (beyond > 0) {
        s->state = SMTP_SKIM;
        s->fragment[TO_SERVER] = true;
        pending_lose(&s->pending);
    }
}

void smtp_data_between_gap(struct smtp *s)
{
    if (s->in_data) {
        const struct mime_out out = out_of(s);
        mime_gap(&s->mime, &out);
        s->data_gap = true;
        s->data_moved = true;
    }
}

void smtp_data_gap(struct smtp *s, uint64_t n_bytes)
{
    if (s->in_doubt) {
        settle(s);
    }
    smtp_data_between_gap(s);
    s->at_maybe_end = false;
    if (s->state == SMTP_CHUNK) {
        chunk_gap(s, n_bytes);
    } else {
        dot_gap(&s->dot);
    }
}
