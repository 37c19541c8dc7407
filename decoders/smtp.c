/* smtp: mail on its way, RFC 5321 and LMTP, RFC 2033.
 *
 * This file is the session: which bytes are lines and which are a mail, where a transaction begins
 * and ends, what a gap does. Commands are in smtp_command.c, AUTH in smtp_auth.c, replies in
 * smtp_reply.c, DATA and BDAT in smtp_data.c, what is in a mail in mime.c.
 *
 * A transaction is one mail: from the session's first line, or from the first command behind the
 * last mail, to the next mail. QUIT, RSET and NOOP behind a mail belong to it. A session without a
 * mail is one transaction. Every line is a region, its argument a field lying in it; a line longer
 * than the cap is a body, so that it is inspected to its end, and its start is given again for
 * events and acted upon.
 *
 * Either direction is enough: replies are matched to commands where they are seen, and without them
 * what follows DATA is mail data. Behind a gap, lines are given as they are until one is a command.
 * Once TLS begins behind STARTTLS it is handed over: of it, the hellos can be read. Passwords are
 * inspected but never kept. */
#include "decoders/smtp.h"

#include "decoders/smtp_probe.h"
#include "sensor/base/bytes.h"
#include "sensor/core/tx.h"

enum { HELO_CAP = 512, TLS_HANDSHAKE = 0x16 };

static void open_flow(void *state, const struct decoder_env *env)
{
    struct smtp *s = state;
    s->limits = env->limits;
    s->midstream = env->midstream;
    s->reading = env->reading;
    s->state = env->midstream || env->reading != 0 ? SMTP_SKIM : SMTP_COMMANDS;
    s->lines[TO_SERVER] = line_start(env->limits->line_bytes);
    s->lines[TO_CLIENT] = line_start(env->limits->line_bytes);
    s->helo = sbuf_with_cap(HELO_CAP);
}

/* Transactions and what is told of them. */

struct tx *smtp_tx(struct smtp *s)
{
    if (s->tx_open) {
        return s->tx;
    }
    s->tx = s->emit->ops->tx_begin(s->emit->ctx, TO_SERVER);
    s->tx_open = true;
    s->tx_cut = false;
    s->mail_begun = false;
    s->mail_done = false;
    s->n_rcpt = 0;
    s->n_rcpt_agreed = 0;
    if (s->helo.len > 0) {
        const struct field helo = {.id = FIELD_SMTP_HELO,
                                   .value = sbuf_span(&s->helo),
                                   .dir = TO_SERVER,
                                   .flags = FIELD_REPEATED};
        s->emit->ops->field(s->emit->ctx, s->tx, &helo);
    }
    return s->tx;
}

void smtp_anomaly(struct smtp *s, enum direction dir, enum anomaly anomaly)
{
    s->emit->ops->anomaly(s->emit->ctx, smtp_tx(s), dir, anomaly);
}

void smtp_field(struct smtp *s, const struct field *field)
{
    s->emit->ops->field(s->emit->ctx, smtp_tx(s), field);
}

/* A piece of a line that is longer than the cap. */
static void give_piece(struct smtp *s, struct region piece)
{
    piece.kind = REGION_BODY;
    if (!s->long_open[piece.dir]) {
        piece.flags |= REGION_FIRST;
        piece.body_type = BODY_TEXT;
    }
    s->long_open[piece.dir] = (piece.flags & REGION_LAST) == 0;
    s->emit->ops->region(s->emit->ctx, smtp_tx(s), &piece);
}

/* The transaction ends inside a long line: what follows of it is a body of the next. */
static void close_long_line(struct smtp *s, enum direction dir)
{
    if (s->long_open[dir]) {
        const struct region end = {
            .field = FIELD_SMTP_COMMAND, .dir = dir, .flags = REGION_LAST | REGION_CUT};
        give_piece(s, end);
    }
}

void smtp_end_tx(struct smtp *s)
{
    if (!s->tx_open) {
        return;
    }
    if (s->in_data) {
        s->tx_cut = true;
        smtp_data_end(s, true);
    }
    close_long_line(s, TO_SERVER);
    close_long_line(s, TO_CLIENT);
    bool cut = s->tx_cut || (s->mail_begun && !s->mail_done);
    s->emit->ops->tx_end(s->emit->ctx, s->tx, cut ? TX_CUT : 0);
    s->tx = NULL;
    s->tx_open = false;
}

void smtp_agree_tls(struct smtp *s)
{
    (void)pending_take_until(&s->pending, PENDING_STARTTLS);
    s->tls_agreed = true;
}

/* A server may still say something in the clear, as that it ends. */
static bool answers_in_tls(const struct smtp *s, struct span bytes)
{
    return s->tls_agreed && !line_is_open(&s->lines[TO_CLIENT]) &&
           !byte_is_digit(span_at(bytes, 0));
}

/* Lines. */

static void give_line(struct smtp *s, enum direction dir, struct span line)
{
    if (line.len > 0) {
        const struct region region = {
            .kind = REGION_HEAD,
            .field = dir == TO_SERVER ? FIELD_SMTP_COMMAND : FIELD_SMTP_REPLY,
            .dir = dir,
            .bytes = line,
        };
        s->emit->ops->region(s->emit->ctx, smtp_tx(s), &region);
    }
}

static void give_field(struct smtp *s, enum direction dir, struct span line, unsigned flags)
{
    const struct field field = {
        .id = dir == TO_SERVER ? FIELD_SMTP_COMMAND : FIELD_SMTP_REPLY,
        .value = line,
        .dir = dir,
        .flags = flags,
    };
    if (line.len > 0) {
        smtp_field(s, &field);
    }
}

static bool is_answer(const struct smtp *s, struct span line)
{
    return s->state == SMTP_AUTH && !smtp_command_known(line);
}

/* The fields of a line whose bytes were given. */
static void give_fields(struct smtp *s, enum direction dir, struct span line, unsigned flags)
{
    if (dir == TO_CLIENT || s->state == SMTP_SKIM) {
        give_field(s, dir, line, flags);
    } else if (is_answer(s, line)) {
        give_field(s, dir, line, flags);
        if ((flags & FIELD_CUT) == 0) { /* else it may be the start of a command */
            smtp_auth_fields(s, line, flags);
        }
    } else {
        smtp_command_fields(s, line, flags);
    }
}

static void act(struct smtp *s, enum direction dir, struct span line)
{
    if (dir == TO_CLIENT) {
        smtp_reply_act(s, line);
    } else if (is_answer(s, line)) {
        smtp_auth_answered(s);
    } else {
        s->state = SMTP_COMMANDS;
        smtp_command_act(s, line);
    }
}

/* A line of which it is not known whether it is a command; true when it is. */
static bool skim(struct smtp *s, const struct line_found *found)
{
    struct span line = found->bytes;
    bool loose = s->reading == SMTP_READING_LOOSE;
    if (loose ? smtp_command_begins(line) : smtp_command_known(line)) {
        s->state = SMTP_COMMANDS;
        s->fragment[TO_SERVER] = false;
        return true;
    }
    if (loose) {
        return false; /* the main reading has this line too, as data */
    }
    if (smtp_probe_mail(line) == PROBE_YES) {
        smtp_data_resume(s, line, found->bare_lf);
    } else {
        give_line(s, TO_SERVER, line);
        give_field(s, TO_SERVER, line, s->fragment[TO_SERVER] ? FIELD_CUT : 0);
    }
    return false;
}

static void whole_line(struct smtp *s, enum direction dir, const struct line_found *found)
{
    if (dir == TO_SERVER && s->state == SMTP_SKIM && !skim(s, found)) {
        return;
    }
    if (dir == TO_SERVER) {
        smtp_command_begin(s, found->bytes);
    }
    give_line(s, dir, found->bytes);
    if (found->bare_lf) {
        smtp_anomaly(s, dir, ANOMALY_SMTP_BARE_LF);
    }
    give_fields(s, dir, found->bytes, s->fragment[dir] ? FIELD_CUT : 0);
    act(s, dir, found->bytes);
}

/* A body of the mail may be open, and two cannot be: the line's start has to do. */
static void long_between_chunks(struct smtp *s, const struct line_found *found)
{
    if (found->first) {
        give_line(s, TO_SERVER, found->bytes);
    } else if (found->bytes.len > 0) {
        s->emit->ops->lost(s->emit->ctx, smtp_tx(s), LOST_CAP, found->bytes.len);
    }
}

static void long_piece(struct smtp *s, enum direction dir, const struct line_found *found,
                       unsigned flags)
{
    struct span start = line_long_start(&s->lines[dir]);
    if (dir == TO_SERVER && s->state == SMTP_SKIM && s->reading == SMTP_READING_LOOSE) {
        return;
    }
    if (found->first && dir == TO_SERVER && s->state != SMTP_SKIM) {
        smtp_command_begin(s, start);
    }
    if (found->first) {
        smtp_anomaly(s, dir, ANOMALY_SMTP_LINE_TOO_LONG);
    }
    if (dir == TO_SERVER && s->in_data) {
        long_between_chunks(s, found);
        return;
    }
    const struct region piece = {
        .field = dir == TO_CLIENT ? FIELD_SMTP_REPLY : smtp_command_field(start),
        .dir = dir,
        .bytes = found->bytes,
        .flags = flags,
    };
    if (piece.bytes.len > 0 || flags != 0 || !s->long_open[dir]) {
        give_piece(s, piece);
    }
}

static void long_tail(struct smtp *s, enum direction dir, const struct line_found *found)
{
    struct span start = line_long_start(&s->lines[dir]);
    long_piece(s, dir, found, REGION_LAST);
    if (dir == TO_SERVER && s->state == SMTP_SKIM) {
        return;
    }
    if (found->bare_lf) {
        smtp_anomaly(s, dir, ANOMALY_SMTP_BARE_LF);
    }
    bool given = dir == TO_SERVER && s->in_data; /* as a region of its own */
    give_fields(s, dir, start, FIELD_TRUNCATED | (given ? 0U : (unsigned)FIELD_REPEATED));
    act(s, dir, start);
}

static void take_line(struct smtp *s, enum direction dir, struct span *rest)
{
    struct line_found found = line_take(&s->lines[dir], rest);
    switch (found.part) {
    case LINE_NONE:
        return;
    case LINE_PIECE:
        long_piece(s, dir, &found, 0);
        return;
    case LINE_WHOLE:
        whole_line(s, dir, &found);
        break;
    case LINE_TAIL:
        long_tail(s, dir, &found);
        break;
    }
    s->fragment[dir] = false;
}

/* Bytes behind DATA that turned out to be no mail. */
static void read_doubt(struct smtp *s)
{
    uint8_t held[SMTP_DOUBT_MAX];
    struct span rest = span_of(held, s->n_unread);
    bytes_copy(held, s->doubt, s->n_unread);
    s->n_unread = 0;
    while (rest.len > 0) {
        take_line(s, TO_SERVER, &rest);
    }
}

/* What there is of a line that will not end. It is not acted upon: nobody else does. */
static void give_up_line(struct smtp *s, enum direction dir)
{
    struct line_found found = line_give_up(&s->lines[dir]);
    bool unsaid = dir == TO_SERVER && s->state == SMTP_SKIM && s->reading == SMTP_READING_LOOSE;
    s->fragment[dir] = false;
    if (found.part == LINE_TAIL) {
        long_piece(s, dir, &found, REGION_LAST | REGION_CUT);
        give_fields(s, dir, line_long_start(&s->lines[dir]),
                    FIELD_CUT | FIELD_TRUNCATED | FIELD_REPEATED);
    } else if (found.part == LINE_WHOLE && !unsaid) {
        if (dir == TO_SERVER && s->state != SMTP_SKIM) {
            smtp_command_begin(s, found.bytes);
        }
        give_line(s, dir, found.bytes);
        give_fields(s, dir, found.bytes, FIELD_CUT);
    }
}

/* Nothing can be read any more, from `rest` on of what is now being given. */
static void go_opaque(struct smtp *s, struct span rest)
{
    give_up_line(s, TO_SERVER);
    give_up_line(s, TO_CLIENT);
    s->emit->ops->opaque(s->emit->ctx, LOST_STARTTLS, rest);
    s->opaque = true;
    smtp_end_tx(s);
}

/* TLS begins: what of it can be read is for who reads TLS. */
static void begin_tls(struct smtp *s, enum direction dir, struct span rest)
{
    const struct emit *emit = s->emit;
    give_up_line(s, TO_SERVER);
    give_up_line(s, TO_CLIENT);
    s->opaque = true;
    smtp_end_tx(s);
    emit->ops->starttls(emit->ctx, rest);
    emit->ops->hand_over(emit->ctx, direction_other(dir), span_of(NULL, 0));
    emit->ops->hand_over(emit->ctx, dir, rest);
}

/* Behind the 220 to STARTTLS: a client that goes on with words, or with the line that it is in, has
 * not begun. */
static void settle_tls(struct smtp *s, struct span bytes)
{
    uint8_t first = span_at(bytes, 0);
    bool in_line = line_is_open(&s->lines[TO_SERVER]);
    if (in_line ? first != TLS_HANDSHAKE : byte_is_alpha(first)) {
        s->tls_agreed = false;
        s->starttls_asked = false;
    } else if (first == TLS_HANDSHAKE) {
        begin_tls(s, TO_SERVER, bytes);
    } else {
        go_opaque(s, bytes);
    }
}

/* What was agreed cannot be seen to begin: nothing can be read any more. */
static void presume_tls(struct smtp *s)
{
    if (s->tls_agreed && !s->opaque) {
        go_opaque(s, span_of(NULL, 0));
    }
}

/* The calls of struct decoder. */

static bool is_tls(const struct smtp *s, struct span rest)
{
    return s->starttls_asked && !line_is_open(&s->lines[TO_SERVER]) &&
           span_at(rest, 0) == TLS_HANDSHAKE;
}

static void take_to_server(struct smtp *s, struct span *rest)
{
    switch (s->state) {
    case SMTP_COMMANDS:
    case SMTP_AUTH:
    case SMTP_SKIM:
        if (is_tls(s, *rest)) {
            begin_tls(s, TO_SERVER, *rest);
        } else {
            take_line(s, TO_SERVER, rest);
        }
        break;
    case SMTP_DATA:
    case SMTP_CHUNK:
        smtp_data_take(s, rest);
        break;
    }
    if (s->alternate_due) {
        s->alternate_due = false;
        s->emit->ops->alternate(s->emit->ctx, TO_SERVER, SMTP_READING_LOOSE, *rest);
    }
}

static void data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct smtp *s = state;
    s->emit = emit;
    while (bytes.len > 0 && !s->opaque) {
        if (dir == TO_SERVER && s->tls_agreed) {
            settle_tls(s, bytes);
        } else if (dir == TO_SERVER) {
            take_to_server(s, &bytes);
        } else if (answers_in_tls(s, bytes) && span_at(bytes, 0) == TLS_HANDSHAKE) {
            begin_tls(s, TO_CLIENT, bytes);
        } else if (answers_in_tls(s, bytes)) {
            go_opaque(s, bytes);
        } else {
            take_line(s, TO_CLIENT, &bytes);
        }
        read_doubt(s);
    }
}

static void gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct smtp *s = state;
    s->emit = emit;
    presume_tls(s);
    if (s->opaque) {
        return;
    }
    s->tx_cut = s->tx_open;
    if (dir == TO_SERVER && (s->state == SMTP_DATA || s->state == SMTP_CHUNK)) {
        smtp_data_gap(s, n_bytes);
        return;
    }
    give_up_line(s, dir);
    s->fragment[dir] = true;
    pending_lose(&s->pending);
    if (dir == TO_SERVER) {
        s->state = SMTP_SKIM;
        smtp_data_between_gap(s);
    }
}

static void end(void *state, const struct emit *emit, enum direction dir)
{
    struct smtp *s = state;
    s->emit = emit;
    if (!s->opaque) {
        give_up_line(s, dir);
    }
}

static void close_flow(void *state, const struct emit *emit, enum close_reason reason)
{
    struct smtp *s = state;
    s->emit = emit;
    (void)reason;
    presume_tls(s);
    if (!s->opaque) {
        give_up_line(s, TO_SERVER);
        give_up_line(s, TO_CLIENT);
    }
    smtp_end_tx(s);
    mime_free(&s->mime);
    line_free(&s->lines[TO_SERVER]);
    line_free(&s->lines[TO_CLIENT]);
    sbuf_free(&s->helo);
}

const struct decoder smtp_decoder = {
    .name = "smtp",
    .state_size = sizeof(struct smtp),
    .probe = smtp_probe,
    .open = open_flow,
    .data = data,
    .gap = gap,
    .end = end,
    .close = close_flow,
};
