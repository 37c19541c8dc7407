/* persona: what listeners pose as, and which of its pages a path is answered with.
 *
 * Nothing of a request ever stands in an answer. */
#include "sensor/decoy/persona.h"

static const struct persona_page tomcat_pages[] = {
    {.path = SPAN_LITERAL("/manager*"),
     .status = 401,
     .type = SPAN_LITERAL("text/html;charset=UTF-8"),
     .header = SPAN_LITERAL("WWW-Authenticate: Basic realm=\"Tomcat Manager Application\""),
     .body = SPAN_LITERAL("<!doctype html><html lang=\"en\"><head><title>401 Unauthorized</title>"
                          "</head><body><h1>401 Unauthorized</h1></body></html>\n")},
    {.path = SPAN_LITERAL("*"),
     .status = 200,
     .type = SPAN_LITERAL("text/html;charset=UTF-8"),
     .body = SPAN_LITERAL("<!doctype html><html lang=\"en\"><head><title>Application</title>"
                          "</head><body><h1>It works</h1><p>The application is being set up.</p>"
                          "</body></html>\n")},
};

static const struct persona personas[] = {
    {.name = "tomcat",
     .server = SPAN_LITERAL("Apache-Coyote/1.1"),
     .pages = tomcat_pages,
     .n_pages = ARRAY_LEN(tomcat_pages)},
    {.name = "postfix",
     .greeting = SPAN_LITERAL("220 mail.internal ESMTP Postfix\r\n"),
     .host = SPAN_LITERAL("mail.internal")},
    {.name = "silent"},
};

const struct persona *persona_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(personas); i++) {
        if (span_equal(span_str(personas[i].name), span_str(name))) {
            return &personas[i];
        }
    }
    return NULL;
}

static bool fits(struct span pattern, struct span path)
{
    if (pattern.len > 0 && span_at(pattern, pattern.len - 1) == '*') {
        return span_starts(path, span_head(pattern, pattern.len - 1));
    }
    return span_equal(pattern, path);
}

const struct persona_page *persona_page(const struct persona *p, struct span path)
{
    struct span alone = span_head(path, span_find_byte(path, 0, '?'));
    for (size_t i = 0; i < p->n_pages; i++) {
        if (fits(p->pages[i].path, alone)) {
            return &p->pages[i];
        }
    }
    CHECK(p->n_pages > 0);
    return &p->pages[p->n_pages - 1];
}
