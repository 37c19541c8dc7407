#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/span.h"

/* What a listener poses as: static answers, from which nothing of the real machine can be told. */

/* An answer to requests for some paths. */
struct persona_page {
    struct span path; /* "/manager*": what begins so; without a star this one alone */
    unsigned status;
    struct span type;    /* Content-Type; empty: none */
    struct span headers; /* further header lines with their ends; may be empty */
    struct span body;
};

struct persona {
    const char *name;
    struct span server;         /* the Server header; empty: none is sent */
    struct span greeting;       /* what a connection other than HTTP is told first; may be empty */
    struct span host;           /* what a mail server is called; empty: it is none */
    struct persona_page *pages; /* the first that fits counts; none: a 404 */
    size_t n_pages;
};

enum {
    PERSONA_FILE_MAX = 256 * 1024,
    PERSONA_LINE_MAX = 4096,
    PERSONA_PAGES_MAX = 64,
    PERSONA_PAGE_MAX = 32 * 1024, /* headers and body together */
    PERSONAS_MAX = 64,
};

struct arena;

/* Reads a persona from its text, into the arena (whose cap is at least twice PERSONA_FILE_MAX).
 * What is wrong is one line of err, "FILE:LINE: …": then false. `file` is for that alone. */
MUST_USE bool persona_read(struct span text, const char *file, struct arena *arena,
                           struct persona *ret_persona, struct errbuf *err);
/* Whether it is letters, digits, - and _ alone: a name of a persona, or of a header of its pages.
 */
bool persona_is_name(struct span s);
/* The page for a path (with its query, or without), or NULL. */
const struct persona_page *persona_page(const struct persona *p, struct span path);

/* Those that are shipped, and those of files, which come before them. */
struct personas;

/* NULL when there is no memory. */
MUST_USE struct personas *personas_new(void);
/* Nulls *p; accepts NULL. */
void personas_free(struct personas **p);
/* Adds a file "folder/NAME.persona" as NAME. 0, or a negative errno with a line in err. */
MUST_USE int personas_add(struct personas *p, const char *path, struct errbuf *err);
/* Of that name, or NULL. Lives as long as all of them. A shipped one is read when it is first asked
 * for. */
const struct persona *personas_find(struct personas *p, const char *name);

/* Where a token of the listener stands: in headers and bodies of pages, greeting and host. */
#define PERSONA_CANARY "@CANARY@"

/* The persona with this token, at most twice as long as its place. Lives as long as all of them;
 * NULL when there is no memory. */
MUST_USE const struct persona *personas_mark(struct personas *p, const struct persona *persona,
                                             struct span token);

/* A text of the program's own, as the files of sensor/decoy/personas were when it was built. */
struct persona_text {
    const char *name;
    struct span text;
};
extern const struct persona_text shipped_personas[];
extern const size_t shipped_personas_n;
