#pragma once

#include "decoders/line.h"
#include "decoders/mime.h"
#include "decoders/smtp_dot.h"
#include "decoders/smtp_pending.h"
#include "sensor/core/decoder.h"

/* Private to the files of the SMTP decoder. */

/* Readings besides the main one (0). */
enum {
    SMTP_READING_LOOSE = 1 /* from behind a dot line that only some servers take for an end */
};

enum smtp_state {
    SMTP_COMMANDS, /* command lines */
    SMTP_AUTH,     /* lines that answer the server's challenges */
    SMTP_DATA,     /* a mail, up to its final dot */
    SMTP_CHUNK,    /* a BDAT chunk */
    SMTP_SKIM,     /* lines of unknown nature, until one is a command: behind a gap, mid-stream */
};

/* What AUTH has said so far. */
enum smtp_mechanism { AUTH_OTHER, AUTH_PLAIN, AUTH_LOGIN, AUTH_CRAM_MD5, AUTH_OAUTH };

enum { SMTP_DOUBT_MAX = 16 };

struct smtp {
    /* Valid during a call only. */
    const struct emit *emit;
    /* For the life of the flow. */
    const struct decoder_limits *limits;
    bool midstream;
    unsigned reading;
    bool opaque;
    bool lmtp;
    bool starttls_asked;
    bool tls_agreed;  /* by a 220: what comes next says whether it begins */
    struct sbuf helo; /* for the events of the session's later mails */
    /* The stream. */
    enum smtp_state state;
    struct line lines[2]; /* by direction */
    bool long_open[2];    /* a line longer than the cap is being given as a body */
    bool fragment[2];     /* the line being read began in a gap */
    struct pending pending;
    enum smtp_mechanism mechanism;
    unsigned n_auth_lines; /* answers to AUTH's challenges so far */
    /* The transaction. */
    struct tx *tx;
    bool tx_open;    /* also when tx is NULL because memory was short */
    bool tx_cut;     /* bytes of it are missing */
    bool mail_begun; /* MAIL was seen, or mail data */
    bool mail_done;  /* the mail is complete or given up; what follows may still belong to it */
    unsigned n_rcpt;
    unsigned n_rcpt_agreed;
    /* Mail data. */
    bool in_data;      /* it was begun and is not complete */
    bool data_moved;   /* some of it came */
    bool data_gap;     /* some of it is missing */
    bool data_agreed;  /* the server said 354 */
    bool in_doubt;     /* it may still be a command: the server has not answered DATA */
    bool at_maybe_end; /* the last bytes were a dot line that is an end for some */
    uint8_t doubt[SMTP_DOUBT_MAX];
    unsigned n_doubt;
    unsigned n_unread; /* of them, when they turned out to be a command */
    struct dot dot;
    uint64_t chunk_left; /* of the BDAT chunk */
    bool chunk_last;
    bool alternate_due;      /* another reading begins with the next byte */
    uint64_t alternate_wait; /* bytes that the alternate reading opened last still covers */
    struct mime mime;
};

/* The transaction that now goes on, begun when there is none. */
struct tx *smtp_tx(struct smtp *s);
void smtp_end_tx(struct smtp *s);
void smtp_anomaly(struct smtp *s, enum direction dir, enum anomaly anomaly);
/* A field of the line announced last, or a decoded copy of a part of it. */
void smtp_field(struct smtp *s, const struct field *field);
/* The server said 220 to STARTTLS: what comes next tells whether TLS begins. */
void smtp_agree_tls(struct smtp *s);

/* smtp_command.c */

/* What the line is about, as far as its start tells. */
enum field_id smtp_command_field(struct span line);
/* true when the line begins with a command that this decoder knows, in a form that it allows. */
bool smtp_command_known(struct span line);
/* true for those with which a session or a mail begins. */
bool smtp_command_begins(struct span line);
/* Before anything of a command line is given: ends the transaction that it does not belong to. */
void smtp_command_begin(struct smtp *s, struct span line);
/* The fields of a command line whose bytes were announced; `flags` are added to theirs. */
void smtp_command_fields(struct smtp *s, struct span line, unsigned flags);
/* Does what the command says. */
void smtp_command_act(struct smtp *s, struct span line);

/* smtp_auth.c */

/* AUTH's argument: mechanism and maybe a first answer. The user name in an answer is a field, the
 * secret is inspected and not kept. */
void smtp_auth_first_fields(struct smtp *s, struct span argument, unsigned flags);
void smtp_auth_begin(struct smtp *s, struct span argument);
/* A line that answers a challenge. */
void smtp_auth_fields(struct smtp *s, struct span text, unsigned flags);
/* One answer was given. */
void smtp_auth_answered(struct smtp *s);

/* smtp_reply.c */

/* Does what a reply line says. */
void smtp_reply_act(struct smtp *s, struct span line);

/* smtp_data.c */

/* DATA was asked for. */
void smtp_data_begin(struct smtp *s);
/* The same where it is known that mail data comes, its first line already taken. */
void smtp_data_resume(struct smtp *s, struct span line, bool bare_lf);
void smtp_chunk_begin(struct smtp *s, uint64_t size, bool last);
/* Mail data in the states SMTP_DATA and SMTP_CHUNK: takes bytes off *rest. */
void smtp_data_take(struct smtp *s, struct span *rest);
/* The server has refused it. */
void smtp_data_refused(struct smtp *s);
void smtp_data_gap(struct smtp *s, uint64_t n_bytes);
/* Commands are missing, and with them perhaps a chunk. */
void smtp_data_between_gap(struct smtp *s);
/* The mail is complete, or is given up (cut). */
void smtp_data_end(struct smtp *s, bool cut);
