/* mail: both sides of connections over SMTP (RFC 5321), one or more mails each.
 *
 * Mails are MIME with a text, a page and up to two attachments in base64. One in three clients
 * pipelines its commands (RFC 2920). */
#include "tests/bench/conversation.h"

enum step {
    BANNER,
    HELLO,
    HELLO_REPLY,
    SENDER,
    SENDER_REPLY,
    RECIPIENT,
    RECIPIENT_REPLY,
    DATA,
    DATA_REPLY,
    CONTENT,
    CONTENT_REPLY,
    QUIT,
    QUIT_REPLY,
    OVER,
};

static void add_headers(struct bench *b, const struct conversation *c, struct text *t)
{
    struct random *r = &b->random;
    text_format(t, "Received: from mail%u.example.org (mail%u.example.org [198.18.0.%u])\r\n",
                c->host, c->host, c->host % 250);
    text_format(t, "\tby mx.example.net (Postfix) with ESMTPS id ");
    text_hex(t, r, 11);
    text_format(t, "\r\n\tfor <%s@example.net>; Thu,  1 Jan 2026 00:00:00 +0000 (UTC)\r\n",
                random_word(r));
    text_format(t, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1;\r\n"
                   "\th=from:to:subject:date; bh=");
    text_base64_noise(t, r, 43);
    text_format(t, "=;\r\n\tb=");
    text_base64_noise(t, r, 70);
    text_format(t,
                "\r\nFrom: =?UTF-8?Q?%s_M=C3=BCller?= <%s@example.org>\r\nTo: %s@example.net\r\n",
                random_word(r), random_word(r), random_word(r));
    text_format(t, "Subject: ");
    text_words(t, r, random_range(r, 2, 8), 0, "");
    text_format(t, "\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <");
    text_hex(t, r, 24);
    text_format(t, "@example.org>\r\nX-Mailer: %s %u.%u\r\nMIME-Version: 1.0\r\n", random_word(r),
                random_below(r, 20), random_below(r, 10));
}

static void make_content(struct bench *b, struct conversation *c, struct text *t)
{
    const struct body *body = corpus_pick(&b->corpus, &b->random, BODY_MAIL);
    add_headers(b, c, t);
    text_format(t, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n", body->boundary);
    c->message.body = &body->plain;
    b->tally.mails++;
    c->left--;
}

static void add_envelope(struct bench *b, struct text *t, enum step step)
{
    struct random *r = &b->random;
    if (step == SENDER) {
        text_format(t, "MAIL FROM:<%s.%s@example.org> SIZE=60000\r\n", random_word(r),
                    random_word(r));
    } else {
        text_format(t, "RCPT TO:<%s.%s@example.net>\r\n", random_word(r), random_word(r));
    }
}

static void add_line(struct bench *b, struct conversation *c, struct text *t)
{
    switch ((enum step)c->step) {
    case BANNER:
        text_format(t, "220 mx.example.net ESMTP Postfix\r\n");
        break;
    case HELLO:
        text_format(t, "EHLO mail%u.example.org\r\n", c->host);
        break;
    case HELLO_REPLY:
        text_format(t, "250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n"
                       "250-8BITMIME\r\n250 CHUNKING\r\n");
        break;
    case SENDER:
    case RECIPIENT:
        add_envelope(b, t, (enum step)c->step);
        break;
    case SENDER_REPLY:
    case RECIPIENT_REPLY:
        text_format(t, "250 2.1.0 Ok\r\n");
        break;
    case DATA:
        text_format(t, "DATA\r\n");
        break;
    case DATA_REPLY:
        text_format(t, "354 End data with <CR><LF>.<CR><LF>\r\n");
        break;
    case CONTENT:
        make_content(b, c, t);
        break;
    case CONTENT_REPLY:
        text_format(t, "250 2.0.0 Ok: queued\r\n");
        break;
    case QUIT:
        text_format(t, "QUIT\r\n");
        break;
    case QUIT_REPLY:
        text_format(t, "221 2.0.0 Bye\r\n");
        break;
    case OVER:
        break;
    }
}

static bool is_reply(uint32_t step)
{
    return step != OVER && step % 2 == 0;
}

/* MAIL, RCPT and DATA in one go, then their three replies. */
static void make_pipelined(struct bench *b, struct conversation *c, struct text *t)
{
    uint32_t first = c->step;
    for (c->step = first; c->step <= DATA_REPLY; c->step += 2) {
        add_line(b, c, t);
    }
    c->step = first == SENDER ? SENDER_REPLY : CONTENT;
}

bool mail_next(struct bench *b, struct conversation *c)
{
    struct text *t = &c->message.head;
    t->len = 0;
    c->message.body = NULL;
    if (c->step == OVER) {
        return false;
    }
    c->message.side = is_reply(c->step) ? SERVER : CLIENT;
    bool pipelines = c->session % 3 == 0;
    if (pipelines && (c->step == SENDER || c->step == SENDER_REPLY)) {
        make_pipelined(b, c, t);
        return true;
    }
    add_line(b, c, t);
    c->step++;
    if (c->step == QUIT && c->left > 0) {
        c->step = SENDER;
    }
    return true;
}
