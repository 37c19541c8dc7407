/* smtp_command: the client's command lines, RFC 5321 section 4.1, BDAT (RFC 3030), XCLIENT and
 * XFORWARD (Postfix).
 *
 * A verb is a row of a table: which field its argument is, and what it does to the session. Blanks
 * are allowed where servers allow them ("MAIL  FROM :  <a@b>"). The value of MAIL and RCPT is all
 * that follows the colon, ESMTP parameters included. Verbs that are not in the table are given as
 * SMTP_COMMAND and do nothing; only what no server could take for a verb is an anomaly. */
#include "decoders/smtp.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/xtext.h"

enum { ATTRIBUTE_NAME_MAX = 32 };

static const struct span last_word = SPAN_LITERAL("LAST");

enum verb_form {
    FORM_FREE,  /* any argument, or none */
    FORM_NAME,  /* a name */
    FORM_PATH,  /* a word, a colon and the rest */
    FORM_NONE,  /* no argument */
    FORM_PAIRS, /* name=value … */
};

struct verb {
    struct span name;
    enum verb_form form;
    enum field_id field; /* of the argument */
    struct span word;    /* FORM_PATH: before the colon */
    bool idle;           /* never begins a transaction where another one stands */
    bool begins;         /* a session or a mail may begin with it */
    void (*act)(struct smtp *s, struct span argument);
};

/* What the verbs do. */

static void expect(struct smtp *s, enum pending_kind kind)
{
    pending_add(&s->pending, kind, 1);
}

/* RFC 5321 section 4.1.4: a greeting gives up the mail, as RSET does. */
static void give_up_mail(struct smtp *s)
{
    if (s->in_data) {
        smtp_data_end(s, true);
    }
    s->mail_done = s->mail_begun || s->n_rcpt > 0;
}

static void act_other(struct smtp *s, struct span argument)
{
    (void)argument;
    expect(s, PENDING_OTHER);
}

static void act_helo(struct smtp *s, struct span argument)
{
    sbuf_reset(&s->helo);
    sbuf_add(&s->helo, argument);
    s->lmtp = false;
    expect(s, PENDING_OTHER);
}

static void act_lhlo(struct smtp *s, struct span argument)
{
    act_helo(s, argument);
    s->lmtp = true;
}

static void act_mail(struct smtp *s, struct span argument)
{
    (void)argument;
    s->mail_begun = true;
    expect(s, PENDING_OTHER);
}

static void act_rcpt(struct smtp *s, struct span argument)
{
    (void)argument;
    s->n_rcpt++;
    expect(s, PENDING_RCPT);
}

static void act_data(struct smtp *s, struct span argument)
{
    (void)argument;
    expect(s, PENDING_DATA);
    smtp_data_begin(s);
}

static void act_bdat(struct smtp *s, struct span argument)
{
    struct span rest = argument;
    uint64_t size;
    if (!span_to_u64(span_split(&rest, ' '), &size)) {
        smtp_anomaly(s, TO_SERVER, ANOMALY_SMTP_BAD_BDAT);
        expect(s, PENDING_OTHER);
        return;
    }
    smtp_chunk_begin(s, size, span_equal_nocase(span_trim(rest), last_word));
}

static void act_auth(struct smtp *s, struct span argument)
{
    expect(s, PENDING_AUTH);
    smtp_auth_begin(s, argument);
}

static void act_starttls(struct smtp *s, struct span argument)
{
    (void)argument;
    s->starttls_asked = true;
    expect(s, PENDING_STARTTLS);
}

static void act_rset(struct smtp *s, struct span argument)
{
    (void)argument;
    give_up_mail(s);
    expect(s, PENDING_OTHER);
}

static void act_xclient(struct smtp *s, struct span argument)
{
    (void)argument;
    expect(s, PENDING_GREETING);
}

#define NO_WORD                                                                                    \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

static const struct verb verbs[] = {
    {SPAN_LITERAL("MAIL"), FORM_PATH, FIELD_SMTP_MAIL_FROM, SPAN_LITERAL("FROM"), false, true,
     act_mail},
    {SPAN_LITERAL("RCPT"), FORM_PATH, FIELD_SMTP_RCPT_TO, SPAN_LITERAL("TO"), false, false,
     act_rcpt},
    {SPAN_LITERAL("DATA"), FORM_NONE, FIELD_SMTP_COMMAND, NO_WORD, false, false, act_data},
    {SPAN_LITERAL("EHLO"), FORM_NAME, FIELD_SMTP_HELO, NO_WORD, false, true, act_helo},
    {SPAN_LITERAL("HELO"), FORM_NAME, FIELD_SMTP_HELO, NO_WORD, false, true, act_helo},
    {SPAN_LITERAL("LHLO"), FORM_NAME, FIELD_SMTP_HELO, NO_WORD, false, true, act_lhlo},
    {SPAN_LITERAL("BDAT"), FORM_FREE, FIELD_SMTP_COMMAND, NO_WORD, false, false, act_bdat},
    {SPAN_LITERAL("RSET"), FORM_NONE, FIELD_SMTP_COMMAND, NO_WORD, true, false, act_rset},
    {SPAN_LITERAL("NOOP"), FORM_FREE, FIELD_SMTP_COMMAND, NO_WORD, true, false, act_other},
    {SPAN_LITERAL("QUIT"), FORM_NONE, FIELD_SMTP_COMMAND, NO_WORD, true, false, act_rset},
    {SPAN_LITERAL("AUTH"), FORM_FREE, FIELD_SMTP_COMMAND, NO_WORD, false, false, act_auth},
    {SPAN_LITERAL("STARTTLS"), FORM_NONE, FIELD_SMTP_COMMAND, NO_WORD, false, false, act_starttls},
    {SPAN_LITERAL("VRFY"), FORM_FREE, FIELD_SMTP_COMMAND, NO_WORD, false, false, act_other},
    {SPAN_LITERAL("EXPN"), FORM_FREE, FIELD_SMTP_COMMAND, NO_WORD, false, false, act_other},
    {SPAN_LITERAL("HELP"), FORM_FREE, FIELD_SMTP_COMMAND, NO_WORD, false, false, act_other},
    {SPAN_LITERAL("XCLIENT"), FORM_PAIRS, FIELD_SMTP_XCLIENT, NO_WORD, false, true, act_xclient},
    {SPAN_LITERAL("XFORWARD"), FORM_PAIRS, FIELD_SMTP_XCLIENT, NO_WORD, false, true, act_other},
};

/* A command line taken apart. */
struct command {
    const struct verb *verb; /* NULL: not in the table */
    bool good;               /* in the form that the verb has */
    struct span name;
    struct span argument; /* without blanks around it; of FORM_PATH what follows the colon */
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* A form with arguments only some verbs refuse, but no client sends: "QUIT now" is prose. */
static bool check_form(struct command *c)
{
    switch (c->verb->form) {
    case FORM_FREE:
        return true;
    case FORM_NONE:
        return c->argument.len == 0;
    case FORM_NAME:
        return c->argument.len > 0;
    case FORM_PAIRS:
        return span_find_byte(c->argument, 0, '=') != SPAN_NONE;
    case FORM_PATH:
        break;
    }
    struct span rest = c->argument;
    size_t colon = span_find_byte(rest, 0, ':');
    if (colon == SPAN_NONE ||
        !span_equal_nocase(span_trim(span_split(&rest, ':')), c->verb->word)) {
        return false;
    }
    c->argument = span_trim(rest);
    return true;
}

static struct command parse(struct span line)
{
    size_t len = 0;
    while (len < line.len && !is_blank(span_at(line, len))) {
        len++;
    }
    struct command c = {.name = span_head(line, len), .argument = span_trim(span_from(line, len))};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (span_equal_nocase(c.name, verbs[i].name)) {
            c.verb = &verbs[i];
            c.good = check_form(&c);
            break;
        }
    }
    return c;
}

bool smtp_command_known(struct span line)
{
    return parse(line).good;
}

bool smtp_command_begins(struct span line)
{
    const struct command c = parse(line);
    return c.good && c.verb->begins;
}

enum field_id smtp_command_field(struct span line)
{
    const struct command c = parse(line);
    return c.good && c.verb->form != FORM_PAIRS ? c.verb->field : FIELD_SMTP_COMMAND;
}

void smtp_command_begin(struct smtp *s, struct span line)
{
    const struct command c = parse(line);
    bool idle = c.verb != NULL && c.verb->idle;
    bool greets = c.good && c.verb->form == FORM_NAME;
    if ((s->mail_begun || s->n_rcpt > 0) && greets) {
        give_up_mail(s);
    }
    bool next_mail = s->mail_begun && c.good && c.verb->field == FIELD_SMTP_MAIL_FROM;
    if (s->tx_open && ((s->mail_done && !idle) || next_mail)) {
        smtp_end_tx(s);
    }
    if (greets) {
        sbuf_reset(&s->helo); /* the new one is about to be given */
    }
}

/* Fields. */

static void give(struct smtp *s, enum field_id id, struct span value, unsigned flags)
{
    const struct field field = {.id = id, .value = value, .dir = TO_SERVER, .flags = flags};
    if (value.len > 0) {
        smtp_field(s, &field);
    }
}

static void give_pair(struct smtp *s, struct span pair, unsigned flags)
{
    uint8_t lower[ATTRIBUTE_NAME_MAX];
    struct span name = span_head(span_split(&pair, '='), sizeof(lower));
    for (size_t i = 0; i < name.len; i++) {
        lower[i] = byte_lower(span_at(name, i));
    }
    struct sbuf decoded = sbuf_with_cap(pair.len);
    bool escaped = xtext_decode(pair, &decoded) > 0;
    const struct field field = {
        .id = FIELD_SMTP_XCLIENT,
        .item = span_of(lower, name.len),
        .value = escaped ? sbuf_span(&decoded) : pair,
        .dir = TO_SERVER,
        .flags = flags,
    };
    if (field.value.len > 0) {
        smtp_field(s, &field);
    }
    sbuf_free(&decoded);
}

static void give_pairs(struct smtp *s, struct span line, struct span pairs, unsigned flags)
{
    while (pairs.len > 0) {
        struct span pair = span_split(&pairs, ' ');
        if (span_find_byte(pair, 0, '=') != SPAN_NONE) {
            give_pair(s, pair, flags);
        }
    }
    give(s, FIELD_SMTP_COMMAND, line, flags);
}

static bool is_verb(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!byte_is_alnum(span_at(name, i)) && span_at(name, i) != '-') {
            return false;
        }
    }
    return name.len > 0 && byte_is_alpha(span_at(name, 0));
}

void smtp_command_fields(struct smtp *s, struct span line, unsigned flags)
{
    const struct command c = parse(line);
    if (c.verb == NULL || !c.good) {
        give(s, FIELD_SMTP_COMMAND, line, flags);
    } else if (c.verb->form == FORM_PAIRS) {
        give_pairs(s, line, c.argument, flags);
    } else if (c.verb->field == FIELD_SMTP_COMMAND) {
        give(s, FIELD_SMTP_COMMAND, line, flags);
    } else {
        give(s, c.verb->field, c.argument, flags);
    }
    if (c.verb != NULL && c.verb->act == act_auth) {
        smtp_auth_first_fields(s, c.argument, flags);
    }
    bool bad = c.verb != NULL ? !c.good : !is_verb(c.name);
    if (bad && (flags & FIELD_CUT) == 0) {
        smtp_anomaly(s, TO_SERVER, ANOMALY_SMTP_BAD_COMMAND);
    }
}

void smtp_command_act(struct smtp *s, struct span line)
{
    const struct command c = parse(line);
    if (c.verb == NULL || (c.verb->form == FORM_PATH && !c.good)) {
        act_other(s, c.argument);
    } else {
        c.verb->act(s, c.argument);
    }
}
