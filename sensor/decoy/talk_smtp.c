/* talk_smtp: a mail server (RFC 5321) that takes every mail and delivers none.
 *
 * Commands are answered as far as a sender needs to hand over its mail; every recipient is fine,
 * which is what makes spammers' lists and scanners talk. Nothing is stored, relayed or looked up.
 * Who makes too many mistakes is sent away, as is a mail beyond the limit. */
#include "sensor/base/bytes.h"
#include "sensor/decoy/talk_parts.h"

#include <inttypes.h>
#include <stdio.h>

enum { MISTAKES_MAX = 20, RECIPIENTS_MAX = 1000 };

static void say(struct talk *t, const char *text)
{
    talk_say(t, span_str(text));
}

static void goodbye(struct talk *t, const char *text)
{
    say(t, text);
    t->over = true;
}

static void mistake(struct talk *t, const char *text)
{
    say(t, text);
    if (++t->smtp.mistakes > MISTAKES_MAX) {
        goodbye(t, "421 4.7.0 Too many errors\r\n");
    }
}

static void on_helo(struct talk *t)
{
    t->smtp.greeted = true;
    say(t, "250 ");
    talk_say(t, t->persona->host);
    say(t, "\r\n");
}

static void on_ehlo(struct talk *t)
{
    char size[64];
    t->smtp.greeted = true;
    say(t, "250-");
    talk_say(t, t->persona->host);
    (void)snprintf(size, sizeof(size), "\r\n250-PIPELINING\r\n250-SIZE %zu\r\n",
                   t->limits->body_bytes);
    say(t, size);
    say(t, t->offers_tls ? "250-STARTTLS\r\n" : "");
    say(t, "250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n");
}

static void on_mail(struct talk *t)
{
    if (!t->smtp.greeted) {
        mistake(t, "503 5.5.1 Say hello first\r\n");
    } else if (t->smtp.has_sender) {
        mistake(t, "503 5.5.1 There is a sender already\r\n");
    } else {
        t->smtp.has_sender = true;
        say(t, "250 2.1.0 Ok\r\n");
    }
}

static void on_rcpt(struct talk *t)
{
    if (!t->smtp.has_sender) {
        mistake(t, "503 5.5.1 Sender first\r\n");
    } else if (t->smtp.n_recipients == RECIPIENTS_MAX) {
        mistake(t, "452 4.5.3 Too many recipients\r\n");
    } else {
        t->smtp.n_recipients++;
        say(t, "250 2.1.5 Ok\r\n");
    }
}

static void on_data(struct talk *t)
{
    if (t->smtp.n_recipients == 0) {
        mistake(t, "503 5.5.1 Recipients first\r\n");
    } else {
        t->smtp.in_data = true;
        t->smtp.body = 0;
        say(t, "354 End data with <CR><LF>.<CR><LF>\r\n");
    }
}

static void forget_mail(struct talk *t)
{
    t->smtp.has_sender = false;
    t->smtp.n_recipients = 0;
    t->smtp.in_data = false;
}

static void on_rset(struct talk *t)
{
    forget_mail(t);
    say(t, "250 2.0.0 Ok\r\n");
}

static void on_noop(struct talk *t)
{
    say(t, "250 2.0.0 Ok\r\n");
}

static void on_vrfy(struct talk *t)
{
    say(t, "252 2.0.0 Send a mail and see\r\n");
}

static void on_quit(struct talk *t)
{
    goodbye(t, "221 2.0.0 Bye\r\n");
}

/* What was said before counts no more, and what is behind it in the same piece is no part of what
 * will be encrypted (RFC 3207 sections 4.2 and 6). */
static void on_starttls(struct talk *t)
{
    if (!t->offers_tls) {
        mistake(t, "502 5.5.2 Command not recognized\r\n");
        return;
    }
    say(t, "220 2.0.0 Ready to start TLS\r\n");
    t->awaits_tls = true;
}

static const struct {
    struct span word;
    void (*act)(struct talk *t);
} commands[] = {
    {SPAN_LITERAL("HELO"), on_helo}, {SPAN_LITERAL("EHLO"), on_ehlo},
    {SPAN_LITERAL("MAIL"), on_mail}, {SPAN_LITERAL("RCPT"), on_rcpt},
    {SPAN_LITERAL("DATA"), on_data}, {SPAN_LITERAL("RSET"), on_rset},
    {SPAN_LITERAL("NOOP"), on_noop}, {SPAN_LITERAL("VRFY"), on_vrfy},
    {SPAN_LITERAL("QUIT"), on_quit}, {SPAN_LITERAL("STARTTLS"), on_starttls},
};

static void take_command(struct talk *t)
{
    struct span line = talk_line_span(t);
    struct span word = span_head(line, span_find_byte(line, 0, ' '));
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (span_equal_nocase(word, commands[i].word)) {
            commands[i].act(t);
            return;
        }
    }
    mistake(t, "502 5.5.2 Command not recognized\r\n");
}

/* The name of the mail in the queue that there is not: of the time alone. */
static void end_mail(struct talk *t, uint64_t now_us)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "250 2.0.0 Ok: queued as %010" PRIX64 "\r\n",
                   now_us & UINT64_C(0xffffffffff));
    say(t, text);
    forget_mail(t);
}

static void take_line(struct talk *t, uint64_t now_us)
{
    struct span line = talk_line_span(t);
    if (!t->smtp.in_data) {
        take_command(t);
    } else if (span_equal(line, SPAN("."))) {
        end_mail(t, now_us);
    }
    talk_next_line(t);
    t->smtp.body += t->smtp.in_data ? t->head : 0;
    t->head = 0;
}

void talk_smtp(struct talk *t, struct span bytes, uint64_t now_us)
{
    while (bytes.len > 0 && !t->over && !t->awaits_tls) {
        bool complete = talk_line(t, &bytes);
        uint64_t body = t->smtp.body + t->head;
        if (t->smtp.in_data && body > t->limits->body_bytes) {
            t->cut = true;
            goodbye(t, "552 5.3.4 Message too large\r\n");
        } else if (!t->smtp.in_data && t->head > t->limits->head_bytes) {
            t->cut = true;
            goodbye(t, "500 5.5.2 Line too long\r\n");
        } else if (complete) {
            take_line(t, now_us);
        }
    }
}
