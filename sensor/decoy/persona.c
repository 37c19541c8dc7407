/* persona: what listeners pose as, and which of its pages a path is answered with.
 *
 * Nothing of a request ever stands in an answer. The shipped personas are texts in the program,
 * read as files are; a file of the same name takes their place. */
#include "sensor/decoy/persona.h"

#include "sensor/base/arena.h"
#include "sensor/base/bytes.h"
#include "sensor/base/file.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 32, ARENA_BYTES = 128 * 1024 * 1024 };

struct personas {
    struct persona list[PERSONAS_MAX];
    char names[PERSONAS_MAX][NAME_SIZE];
    size_t n;
    struct arena *arena;
};

bool persona_is_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!byte_is_alnum(s.data[i]) && s.data[i] != '-' && s.data[i] != '_') {
            return false;
        }
    }
    return s.len > 0;
}

static bool fits(struct span pattern, struct span path)
{
    if (span_ends(pattern, SPAN("*"))) {
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
    return NULL;
}

/* --- all of them
 * ------------------------------------------------------------------------------------- */

/* A text as the next persona. */
static int add(struct personas *p, struct span name, const char *file, struct span text,
               struct errbuf *err)
{
    if (p->n == PERSONAS_MAX) {
        errbuf_add(err, "persona '%s' is one too many: %d are possible", file, PERSONAS_MAX);
        return -E2BIG;
    }
    if (!persona_read(text, file, p->arena, &p->list[p->n], err)) {
        return -EINVAL;
    }
    (void)snprintf(p->names[p->n], NAME_SIZE, "%.*s", (int)name.len, (const char *)name.data);
    p->list[p->n].name = p->names[p->n];
    p->n++;
    return 0;
}

/* "tomcat" of "/etc/jndiwatch/tomcat.persona"; empty when it is none that a name can be. */
static struct span name_of(const char *path)
{
    struct span name = span_str(path);
    size_t slash = span_rfind_byte(name, '/');
    name = slash != SPAN_NONE ? span_from(name, slash + 1) : name;
    if (!span_ends(name, SPAN(".persona"))) {
        return span_of(NULL, 0);
    }
    name = span_head(name, name.len - SPAN(".persona").len);
    return persona_is_name(name) && name.len < NAME_SIZE ? name : span_of(NULL, 0);
}

int personas_add(struct personas *p, const char *path, struct errbuf *err)
{
    struct span name = name_of(path);
    if (name.len == 0) {
        errbuf_add(err,
                   "persona '%s': its file is to be called NAME.persona, with letters, digits, "
                   "- and _, at most %d",
                   path, NAME_SIZE - 1);
        return -EINVAL;
    }
    struct sbuf text = sbuf_with_cap(PERSONA_FILE_MAX);
    bool opened = false;
    int rc = file_read(path, &text, &opened);
    if (rc == -EFBIG) {
        errbuf_add(err, "persona '%s' is longer than %d KiB", path, PERSONA_FILE_MAX / 1024);
    } else if (rc != 0) {
        errbuf_add(err, "cannot read persona '%s': %s", path, strerror(-rc));
    } else {
        rc = add(p, name, path, sbuf_span(&text), err);
    }
    sbuf_free(&text);
    return rc;
}

/* The shipped ones, behind those of files. Their mistakes would be ours. */
static const struct persona *find_shipped(struct personas *p, const char *name)
{
    struct errbuf err = {0};
    for (size_t i = 0; i < shipped_personas_n; i++) {
        if (strcmp(shipped_personas[i].name, name) == 0) {
            int rc = add(p, span_str(name), name, shipped_personas[i].text, &err);
            errbuf_free(&err);
            return rc == 0 ? &p->list[p->n - 1] : NULL;
        }
    }
    return NULL;
}

const struct persona *personas_find(struct personas *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->names[i], name) == 0) {
            return &p->list[i];
        }
    }
    return find_shipped(p, name);
}

/* A copy of the text, with the token in each of its places: at most twice as long. */
static bool mark(struct arena *arena, struct span *inout_text, struct span token)
{
    struct span text = *inout_text;
    struct sbuf out = sbuf_with_cap(2 * PERSONA_PAGE_MAX);
    while (text.len > 0) {
        size_t at = span_find(text, 0, SPAN(PERSONA_CANARY));
        (void)sbuf_add(&out, span_head(text, at));
        if (at != SPAN_NONE) {
            (void)sbuf_add(&out, token);
        }
        text = at == SPAN_NONE ? span_of(NULL, 0) : span_from(text, at + SPAN(PERSONA_CANARY).len);
    }
    bool whole = !out.cut;
    *inout_text = arena_copy(arena, sbuf_span(&out), SIZE_MAX, NULL);
    sbuf_free(&out);
    return whole;
}

const struct persona *personas_mark(struct personas *p, const struct persona *persona,
                                    struct span token)
{
    struct persona *marked = arena_alloc(p->arena, sizeof(*marked));
    struct persona_page *pages =
        arena_alloc(p->arena, (persona->n_pages + 1) * sizeof(persona->pages[0]));
    if (marked == NULL || pages == NULL) {
        return NULL;
    }
    bool whole = true;
    for (size_t i = 0; i < persona->n_pages; i++) {
        pages[i] = persona->pages[i];
        whole = mark(p->arena, &pages[i].headers, token) && whole;
        whole = mark(p->arena, &pages[i].body, token) && whole;
    }
    *marked = *persona;
    marked->pages = pages;
    whole = mark(p->arena, &marked->host, token) && whole;
    whole = mark(p->arena, &marked->greeting, token) && whole;
    return whole && !arena_overflowed(p->arena) ? marked : NULL;
}

struct personas *personas_new(void)
{
    struct personas *p = mem_alloc(sizeof(*p));
    if (p != NULL) {
        p->arena = arena_new(ARENA_BYTES);
    }
    if (p != NULL && p->arena == NULL) {
        personas_free(&p);
    }
    return p;
}

void personas_free(struct personas **p)
{
    if (*p != NULL) {
        arena_free(&(*p)->arena);
        mem_free(*p);
    }
    *p = NULL;
}
