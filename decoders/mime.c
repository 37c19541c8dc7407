/* mime: what is in a mail, and in the mails that are encoded inside it.
 *
 * A mail inside a mail is mostly just there, and mime_parts reads on in it. Some mailers encode it
 * as a whole (RFC 2046 section 5.2.1 forbids that, and readers read it). What such a part decodes
 * to is a mail of its own, read by a mime_parts of its own, which may hold another such part: a
 * stack of up to MIME_INNER_MAX of them. Deeper ones are files.
 *
 * Nothing recurses. work() has a level it is at: it reads there until something was unpacked, goes
 * one level in with that, and comes back out when it is used up. */
#include "decoders/mime.h"

#include "sensor/base/mem.h"

/* A mail that was encoded, and what in. */
struct mime_inner {
    struct mime_parts parts;
    struct encodings layers;
    bool ending;  /* all of it was given */
    bool flushed; /* and read */
};

void mime_start(struct mime *m, const struct decoder_limits *limits)
{
    m->limits = limits;
    m->open = true;
    mime_parts_start(&m->outer, limits, HEAD_OF_MAIL);
    m->outer.may_unpack = true;
}

void mime_resume(struct mime *m, const struct decoder_limits *limits)
{
    mime_start(m, limits);
    m->outer.head_lost = true;
}

static void pop_inner(struct mime *m)
{
    struct mime_inner *inner = m->inner[--m->n_inner];
    mime_parts_free(&inner->parts);
    mem_free(inner);
    m->inner[m->n_inner] = NULL;
}

void mime_free(struct mime *m)
{
    while (m->n_inner > 0) {
        pop_inner(m);
    }
    mime_parts_free(&m->outer);
    m->open = false;
}

static struct mime_parts *parts_at(struct mime *m, unsigned level)
{
    return level == 0 ? &m->outer : &m->inner[level - 1]->parts;
}

static struct mime_out out_at(const struct mime *m, const struct mime_out *out, unsigned level)
{
    struct mime_out at = *out;
    if (level > 0) {
        at.layers = m->inner[level - 1]->layers;
    }
    return at;
}

/* The reader of what is unpacked at a level: the one there is, or a new one. false: no memory. */
static bool open_inner(struct mime *m, const struct mime_out *out, unsigned level)
{
    if (m->n_inner > level) {
        return true;
    }
    struct mime_inner *inner = mem_alloc(sizeof(*inner));
    if (inner == NULL) {
        return false;
    }
    const struct mime_out around = out_at(m, out, level);
    inner->layers = mime_layers(&around, parts_at(m, level)->leaf.body.layers);
    mime_parts_start(&inner->parts, m->limits, HEAD_OF_MESSAGE);
    inner->parts.may_unpack = level + 1 < MIME_INNER_MAX;
    m->inner[m->n_inner++] = inner;
    return true;
}

/* Where work() is, and what there is to read at each level. */
struct work {
    struct mime *m;
    const struct mime_out *out;
    unsigned level;
    struct span rest[MIME_INNER_MAX + 1];
    bool cut; /* for mails inside that end now */
};

/* Something may have been unpacked, or the last of it: goes one level in. */
static void go_in(struct work *w)
{
    struct mime_parts *p = parts_at(w->m, w->level);
    if (p->unpacked.len > 0 && !open_inner(w->m, w->out, w->level)) {
        w->out->emit->ops->lost(w->out->emit->ctx, w->out->tx, LOST_MEMORY, p->unpacked.len);
        sbuf_reset(&p->unpacked);
    }
    bool there = w->m->n_inner > w->level;
    if (there && (p->unpacked.len > 0 || p->unpacked_ends)) {
        w->m->inner[w->level]->ending = p->unpacked_ends;
        w->level++;
        w->rest[w->level] = sbuf_span(&p->unpacked);
    }
    p->unpacked_ends = false;
}

/* All that was given at this level is read: ends it when that is due, and goes back out. */
static void go_out(struct work *w)
{
    struct mime_inner *inner = w->m->inner[w->level - 1];
    const struct mime_out at = out_at(w->m, w->out, w->level);
    if (inner->ending && !inner->flushed) {
        inner->flushed = mime_parts_flush(&inner->parts, &at, w->cut);
        go_in(w);
        return;
    }
    if (inner->flushed) {
        mime_parts_end(&inner->parts, &at, w->cut);
        pop_inner(w->m);
    }
    w->level--;
    sbuf_reset(&parts_at(w->m, w->level)->unpacked);
}

/* Reads `bytes` at a level, and all that comes of it further in. */
static void work(struct mime *m, const struct mime_out *out, unsigned level, struct span bytes,
                 bool cut)
{
    struct work w = {.m = m, .out = out, .level = level, .cut = cut};
    w.rest[level] = bytes;
    go_in(&w); /* with what the level's own flush may have left */
    for (;;) {
        struct mime_parts *p = parts_at(m, w.level);
        if (w.rest[w.level].len > 0 || mime_parts_has_surplus(p)) {
            const struct mime_out at = out_at(m, out, w.level);
            mime_parts_step(p, &at, &w.rest[w.level]);
            go_in(&w);
        } else if (w.level > level) {
            go_out(&w);
        } else {
            break;
        }
    }
}

void mime_data(struct mime *m, const struct mime_out *out, struct span bytes)
{
    work(m, out, 0, bytes, false);
}

void mime_gap(struct mime *m, const struct mime_out *out)
{
    for (unsigned level = 0; level <= m->n_inner; level++) {
        const struct mime_out at = out_at(m, out, level);
        mime_parts_gap(parts_at(m, level), &at);
        work(m, out, level, (struct span){NULL, 0}, true);
    }
}

void mime_end(struct mime *m, const struct mime_out *out, bool cut)
{
    if (!m->open) {
        return;
    }
    bool flushed = false;
    while (!flushed) {
        flushed = mime_parts_flush(&m->outer, out, cut);
        work(m, out, 0, (struct span){NULL, 0}, cut);
    }
    mime_parts_end(&m->outer, out, cut);
    mime_free(m);
}
