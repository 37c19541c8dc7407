/* smtp_reply: what the server says, RFC 5321 section 4.2, as far as it decides how the client's
 * bytes are to be read.
 *
 * 354 confirms that mail data follows, a refusal of DATA that none does; 220 to STARTTLS agrees to
 * end what can be read; 334 makes the next line an answer. A final reply while mail data is still
 * going on, where bytes are missing or where the data has just come to a dot line that is an end
 * for some, means that the server has seen the end. */
#include "decoders/smtp.h"

#include "sensor/base/bytes.h"

enum {
    CODE_READY = 220,
    CODE_CHALLENGE = 334,
    CODE_SEND_MAIL = 354,
    CODE_CLOSING = 421,
    CODE_REFUSED = 400, /* and above */
};

/* The code of a reply line, 0 when it has none. */
static unsigned parse_code(struct span line)
{
    uint64_t code;
    uint8_t after = span_at(line, 3);
    bool ends = line.len == 3 || after == ' ' || after == '-' || after == '\t';
    if (line.len < 3 || !ends || !span_to_u64(span_head(line, 3), &code)) {
        return 0;
    }
    return code >= 200 && code < 600 ? (unsigned)code : 0;
}

static void on_ready(struct smtp *s)
{
    enum pending_kind first = pending_first(&s->pending);
    if (first == PENDING_STARTTLS || (s->pending.lost && s->starttls_asked)) {
        smtp_agree_tls(s);
    } else if (first == PENDING_GREETING) {
        (void)pending_take(&s->pending);
    }
    /* Else it is the greeting, which answers no command. */
}

static void on_send_mail(struct smtp *s)
{
    (void)pending_take_until(&s->pending, PENDING_DATA);
    s->data_agreed = s->data_agreed || s->state == SMTP_DATA;
}

static void on_challenge(struct smtp *s)
{
    (void)pending_take(&s->pending);
    if (s->state == SMTP_COMMANDS) {
        s->mechanism = AUTH_OTHER;
        s->state = SMTP_AUTH;
    }
}

/* A reply that no command waits for. */
static void on_unasked(struct smtp *s, unsigned code)
{
    bool missed = s->data_gap || s->at_maybe_end;
    if (s->state == SMTP_DATA && s->data_agreed && missed && code != CODE_CLOSING) {
        smtp_data_end(s, !s->at_maybe_end);
        s->state = s->at_maybe_end ? SMTP_COMMANDS : SMTP_SKIM;
    }
}

static void on_final(struct smtp *s, unsigned code)
{
    switch (pending_take(&s->pending)) {
    case PENDING_RCPT:
        s->n_rcpt_agreed += code < CODE_REFUSED ? 1 : 0;
        break;
    case PENDING_DATA:
        smtp_data_refused(s);
        break;
    case PENDING_AUTH:
        if (s->state == SMTP_AUTH) {
            s->state = SMTP_COMMANDS;
        }
        break;
    case PENDING_STARTTLS:
        s->starttls_asked = false;
        break;
    case PENDING_NONE:
        on_unasked(s, code);
        break;
    case PENDING_OTHER:
    case PENDING_MAIL_END:
    case PENDING_GREETING:
        break;
    }
}

void smtp_reply_act(struct smtp *s, struct span line)
{
    unsigned code = parse_code(line);
    if (code == 0) {
        smtp_anomaly(s, TO_CLIENT, ANOMALY_SMTP_BAD_REPLY);
        return;
    }
    if (span_at(line, 3) == '-') {
        return; /* more lines of this reply follow */
    }
    if (code == CODE_READY) {
        on_ready(s);
    } else if (code == CODE_SEND_MAIL) {
        on_send_mail(s);
    } else if (code == CODE_CHALLENGE) {
        on_challenge(s);
    } else {
        on_final(s, code);
    }
}
