/* smtp_probe: tells SMTP and LMTP from the first bytes of either direction.
 *
 * A greeting "220 …" may be FTP's too, so it counts only when it says SMTP or LMTP; commands and
 * replies that other line protocols share (QUIT, AUTH PLAIN, 250 without an enhanced status code)
 * decide nothing, and the next line is asked. Mid-stream, a header that only mails have, sent to
 * the server, is taken for mail data. */
#include "decoders/smtp_probe.h"

#include "sensor/base/bytes.h"

struct sign {
    struct span text;
    enum probe verdict; /* of a line that begins with it; MORE: ask the next line */
    bool whole;         /* nothing may follow on the line */
};

static const struct sign commands[] = {
    {SPAN_LITERAL("EHLO "), PROBE_YES, false},
    {SPAN_LITERAL("HELO "), PROBE_YES, false},
    {SPAN_LITERAL("LHLO "), PROBE_YES, false},
    {SPAN_LITERAL("MAIL FROM:"), PROBE_YES, false},
    {SPAN_LITERAL("RCPT TO:"), PROBE_YES, false},
    {SPAN_LITERAL("DATA"), PROBE_YES, true},
    {SPAN_LITERAL("BDAT "), PROBE_YES, false},
    {SPAN_LITERAL("XCLIENT "), PROBE_YES, false},
    {SPAN_LITERAL("XFORWARD "), PROBE_YES, false},
    {SPAN_LITERAL("STARTTLS"), PROBE_YES, true},
    {SPAN_LITERAL("VRFY "), PROBE_YES, false},
    {SPAN_LITERAL("EXPN "), PROBE_YES, false},
    {SPAN_LITERAL("RSET"), PROBE_MORE, true},
    {SPAN_LITERAL("NOOP"), PROBE_MORE, true},
    {SPAN_LITERAL("QUIT"), PROBE_MORE, true},
    {SPAN_LITERAL("HELP"), PROBE_MORE, false},
    {SPAN_LITERAL("AUTH PLAIN"), PROBE_MORE, false},
    {SPAN_LITERAL("AUTH LOGIN"), PROBE_MORE, false},
};

static const struct sign replies[] = {
    {SPAN_LITERAL("250 2."), PROBE_YES, false},
    {SPAN_LITERAL("250-PIPELINING"), PROBE_YES, false},
    {SPAN_LITERAL("250-SIZE"), PROBE_YES, false},
    {SPAN_LITERAL("250-8BITMIME"), PROBE_YES, false},
    {SPAN_LITERAL("250-STARTTLS"), PROBE_YES, false},
    {SPAN_LITERAL("250-ENHANCEDSTATUS"), PROBE_YES, false},
    {SPAN_LITERAL("354 "), PROBE_YES, false},
    {SPAN_LITERAL("220 2."), PROBE_YES, false},
    {SPAN_LITERAL("221 2."), PROBE_YES, false},
    {SPAN_LITERAL("235 2."), PROBE_YES, false},
    {SPAN_LITERAL("550 5."), PROBE_YES, false},
    {SPAN_LITERAL("554 5."), PROBE_YES, false},
    {SPAN_LITERAL("450 4."), PROBE_YES, false},
    {SPAN_LITERAL("451 4."), PROBE_YES, false},
    {SPAN_LITERAL("334 "), PROBE_MORE, false},
    {SPAN_LITERAL("220"), PROBE_MORE, false},
    {SPAN_LITERAL("250"), PROBE_MORE, false},
};

/* Headers that stand first in a mail as servers get it, and that no other protocol has. */
static const struct sign headers[] = {
    {SPAN_LITERAL("Received: "), PROBE_YES, false},
    {SPAN_LITERAL("Return-Path: <"), PROBE_YES, false},
    {SPAN_LITERAL("DKIM-Signature: "), PROBE_YES, false},
    {SPAN_LITERAL("Message-ID: <"), PROBE_YES, false},
    {SPAN_LITERAL("MIME-Version: "), PROBE_YES, false},
    {SPAN_LITERAL("Subject: "), PROBE_YES, false},
};

static const struct span smtp_word = SPAN_LITERAL("SMTP");
static const struct span lmtp_word = SPAN_LITERAL("LMTP");
static const struct span greeting = SPAN_LITERAL("220");

/* What the start of `line` is; MORE as well when it is too short to tell. */
static enum probe look_up(const struct sign *signs, size_t n, struct span line, bool ended)
{
    enum probe verdict = PROBE_NO;
    for (size_t i = 0; i < n; i++) {
        bool starts = span_starts_nocase(line, signs[i].text);
        if (starts && (!signs[i].whole || (ended && line.len == signs[i].text.len))) {
            return signs[i].verdict;
        }
        if (!ended && (starts || span_starts_nocase(signs[i].text, line))) {
            verdict = PROBE_MORE;
        }
    }
    return verdict;
}

static enum probe probe_line(struct span line, bool ended, enum direction dir)
{
    if (span_at(line, line.len - 1) == '\r') {
        line = span_head(line, line.len - 1);
    }
    if (dir == TO_SERVER) {
        enum probe verdict = look_up(commands, ARRAY_LEN(commands), line, ended);
        return verdict != PROBE_NO ? verdict : look_up(headers, ARRAY_LEN(headers), line, ended);
    }
    if (span_starts(line, greeting) && (span_find_nocase(line, 0, smtp_word) != SPAN_NONE ||
                                        span_find_nocase(line, 0, lmtp_word) != SPAN_NONE)) {
        return PROBE_YES;
    }
    return look_up(replies, ARRAY_LEN(replies), line, ended);
}

enum probe smtp_probe(struct span first, enum direction dir)
{
    while (first.len > 0) {
        bool ended = span_find_byte(first, 0, '\n') != SPAN_NONE;
        enum probe verdict = probe_line(span_split(&first, '\n'), ended, dir);
        if (verdict != PROBE_MORE) {
            return verdict;
        }
    }
    return PROBE_MORE;
}

enum probe smtp_probe_mail(struct span line)
{
    return look_up(headers, ARRAY_LEN(headers), line, true);
}
