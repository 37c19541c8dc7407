/* smtp_auth: AUTH, RFC 4954, as far as names can be read from it.
 *
 * PLAIN (RFC 4616) has an identity, a user and a password with NULs between; LOGIN asks for user
 * and password in turn; CRAM-MD5 (RFC 2195) answers with the user and a digest; XOAUTH2 and
 * OAUTHBEARER (RFC 7628) have the user behind "user=" or "a=". User names are SMTP_AUTH_USER. The
 * rest of what was decoded is given as SMTP_COMMAND, which no event keeps: a look-up may stand in a
 * password too, the password itself is nobody's business.
 *
 * How many answers a mechanism has is known for those; for any other the server's replies tell, or
 * the next command that is one. */
#include "decoders/smtp.h"

#include "sensor/codec/base64.h"

struct mechanism {
    struct span name;
    enum smtp_mechanism id;
    unsigned n_answers; /* 0: unknown */
};

static const struct mechanism mechanisms[] = {
    {SPAN_LITERAL("PLAIN"), AUTH_PLAIN, 1},       {SPAN_LITERAL("LOGIN"), AUTH_LOGIN, 2},
    {SPAN_LITERAL("CRAM-MD5"), AUTH_CRAM_MD5, 1}, {SPAN_LITERAL("XOAUTH2"), AUTH_OAUTH, 1},
    {SPAN_LITERAL("OAUTHBEARER"), AUTH_OAUTH, 1},
};

static const struct span oauth_user = SPAN_LITERAL("user=");
static const struct span oauth_identity = SPAN_LITERAL("a=");

/* Cuts the mechanism off *argument. */
static enum smtp_mechanism take_mechanism(struct span *argument)
{
    struct span name = span_split(argument, ' ');
    *argument = span_trim(*argument);
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        if (span_equal_nocase(name, mechanisms[i].name)) {
            return mechanisms[i].id;
        }
    }
    return AUTH_OTHER;
}

static unsigned n_answers(enum smtp_mechanism id)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        if (mechanisms[i].id == id) {
            return mechanisms[i].n_answers;
        }
    }
    return 0;
}

static void give(struct smtp *s, enum field_id id, struct span value, unsigned flags)
{
    const struct encodings none = {0};
    const struct field field = {
        .id = id,
        .value = value,
        .dir = TO_SERVER,
        .layers = encodings_with(none, ENCODING_BASE64),
        .flags = flags,
    };
    if (value.len > 0) {
        smtp_field(s, &field);
    }
}

static void give_plain(struct smtp *s, struct span text, unsigned flags)
{
    struct span identity = span_split(&text, '\0');
    struct span user = span_split(&text, '\0');
    give(s, FIELD_SMTP_AUTH_USER, user, flags);
    if (!span_equal(identity, user)) {
        give(s, FIELD_SMTP_AUTH_USER, identity, flags);
    }
    give(s, FIELD_SMTP_COMMAND, text, flags);
}

static void give_cram(struct smtp *s, struct span text, unsigned flags)
{
    size_t blank = span_rfind_byte(text, ' ');
    give(s, FIELD_SMTP_AUTH_USER, span_head(text, blank), flags);
}

static void give_oauth(struct smtp *s, struct span text, unsigned flags)
{
    /* "user=NAME\1auth=Bearer TOKEN\1\1", or "n,a=NAME,\1host=…\1auth=…\1\1". */
    struct span first = span_split(&text, '\1');
    while (first.len > 0) {
        struct span word = span_split(&first, ',');
        if (span_starts_nocase(word, oauth_user)) {
            give(s, FIELD_SMTP_AUTH_USER, span_from(word, oauth_user.len), flags);
        } else if (span_starts_nocase(word, oauth_identity)) {
            give(s, FIELD_SMTP_AUTH_USER, span_from(word, oauth_identity.len), flags);
        }
    }
    give(s, FIELD_SMTP_COMMAND, text, flags);
}

/* The n-th answer of a mechanism, decoded. */
static void give_answer(struct smtp *s, enum smtp_mechanism id, struct span text, unsigned flags)
{
    switch (id) {
    case AUTH_PLAIN:
        give_plain(s, text, flags);
        break;
    case AUTH_LOGIN:
        give(s, s->n_auth_lines == 0 ? FIELD_SMTP_AUTH_USER : FIELD_SMTP_COMMAND, text, flags);
        break;
    case AUTH_CRAM_MD5:
        give_cram(s, text, flags);
        break;
    case AUTH_OAUTH:
        give_oauth(s, text, flags);
        break;
    case AUTH_OTHER:
        give(s, FIELD_SMTP_COMMAND, text, flags);
        break;
    }
}

static void decode_answer(struct smtp *s, enum smtp_mechanism id, struct span text, unsigned flags)
{
    struct sbuf decoded = sbuf_with_cap(text.len);
    struct base64 d = base64_start(BASE64_STANDARD);
    base64_decode(&d, text, &decoded);
    base64_finish(&d, &decoded);
    give_answer(s, id, sbuf_span(&decoded), flags);
    sbuf_free(&decoded);
}

void smtp_auth_first_fields(struct smtp *s, struct span argument, unsigned flags)
{
    enum smtp_mechanism id = take_mechanism(&argument);
    s->n_auth_lines = 0;
    decode_answer(s, id, argument, flags);
}

void smtp_auth_begin(struct smtp *s, struct span argument)
{
    s->mechanism = take_mechanism(&argument);
    s->n_auth_lines = 0;
    s->state = SMTP_AUTH;
    if (argument.len > 0) {
        s->n_auth_lines = 1;
        if (n_answers(s->mechanism) == 1) {
            s->state = SMTP_COMMANDS;
        }
    }
}

void smtp_auth_fields(struct smtp *s, struct span text, unsigned flags)
{
    decode_answer(s, s->mechanism, text, flags);
}

void smtp_auth_answered(struct smtp *s)
{
    pending_add(&s->pending, PENDING_AUTH, 1);
    s->n_auth_lines++;
    if (s->n_auth_lines == n_answers(s->mechanism)) {
        s->state = SMTP_COMMANDS;
    }
}
