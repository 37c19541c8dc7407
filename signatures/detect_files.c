/* detect_files: the files of HTTP, as rules ask for them.
 *
 * The body of a POST or PUT is a file that has the path's name, that of a response one that its
 * Content-Disposition names, or the path. Of a form (RFC 7578) each part with a file name is a file
 * of its own and the form is none. The gate has seen the bytes of a part as those of the form, and
 * look-ups are found there: here they are only shown to rules, for which they pass the gate once
 * more. This costs nothing without rules about files.
 *
 * Contents of a part are gathered up to HELD_MAX bytes, so that short files are one text; where a
 * part is cut depends on nothing but its bytes. */
#include "signatures/detect_parts.h"

#include "sensor/base/mem.h"
#include "sensor/codec/mimeparam.h"
#include "sensor/codec/multipart.h"
#include "signatures/target.h"

#include <string.h>

enum { NAME_MAX = 4096, HELD_MAX = 16 * 1024, HELD_POOR = 512 /* when memory is short */ };

struct form {
    struct multipart multipart;
    struct sbuf held; /* of the part at hand */
    struct sbuf name; /* of it */
    size_t room;      /* of `held`, as it was counted */
    enum direction dir;
    bool open;      /* it is a file, */
    bool begun;     /* some of which was shown to the rules */
    bool after_gap; /* bytes are missing before `held` */
};

/* --- names -------------------------------------------------------------------------------------
 */

static void try_name(struct detector *d, struct tx *tx, enum direction dir, struct span name)
{
    const struct field field = {.id = FIELD_FILE_NAME, .value = name, .dir = dir};
    detect_field_again(d, tx, &field);
}

/* Keeps the name that a body will have. */
static void keep_name(struct detector *d, struct tx *tx, enum direction dir, struct span name)
{
    struct tx_state *state = detect_state(d, tx);
    if (state != NULL) {
        state->file_names[dir] = arena_copy(tx->arena, name, NAME_MAX, NULL);
    }
}

static void keep_path(struct detector *d, struct tx *tx, struct span target)
{
    struct span path = target_path(target, &d->targets[0], &d->targets[1]);
    keep_name(d, tx, TO_SERVER, path);
    struct tx_state *state = tx->detect;
    if (state != NULL) {
        state->file_names[TO_CLIENT] = state->file_names[TO_SERVER];
    }
}

/* The file name in a block of headers; false without one, or where it is empty. */
static bool disposed_name(struct span block, struct sbuf *ret_name)
{
    while (mimeparam_take_file_name(&block, ret_name)) {
        if (ret_name->len > 0) {
            return true;
        }
    }
    return false;
}

/* --- heads -------------------------------------------------------------------------------------
 */

static enum head_method method_of(struct span head)
{
    return span_starts(head, SPAN("POST "))  ? HEAD_POST
           : span_starts(head, SPAN("PUT ")) ? HEAD_PUT
                                             : HEAD_OTHER;
}

void detect_files_head(struct detector *d, struct tx *tx, const struct region *region)
{
    struct head *h = &d->heads[region->dir];
    if (region->field != FIELD_HTTP_HEADER) {
        return;
    }
    struct span rest = region->bytes;
    struct span line = span_split(&rest, '\n');
    (void)span_split(&line, ' ');
    bool request = region->dir == TO_SERVER && span_find(line, 0, SPAN(" HTTP/")) != SPAN_NONE;
    if (request) { /* and no later part of a long head */
        h->method = method_of(region->bytes);
    }
    bool http2 = tx->decoder != NULL && strcmp(tx->decoder->name, "http2") == 0;
    if (!detect_is_wanted(d, tx, FIELD_FILE_NAME) || http2) { /* files of HTTP/2 have no name */
        return;
    }
    if (request) {
        keep_path(d, tx, span_split(&line, ' '));
    }
    struct sbuf name = sbuf_with_cap(NAME_MAX);
    if (region->dir == TO_CLIENT && disposed_name(rest, &name)) {
        keep_name(d, tx, TO_CLIENT, sbuf_span(&name));
    }
    sbuf_free(&name);
}

/* --- parts of forms ----------------------------------------------------------------------------
 */

static void show(struct detector *d, struct tx *tx, struct form *f, unsigned flags)
{
    flags |= f->begun ? 0U : REGION_FIRST;
    flags |= f->after_gap ? REGION_AFTER_GAP : 0U;
    const struct region region = {.kind = REGION_BODY,
                                  .field = FIELD_FILE_DATA,
                                  .dir = f->dir,
                                  .bytes = sbuf_span(&f->held),
                                  .flags = flags};
    f->begun = true;
    f->after_gap = false;
    detect_body(d, tx, &region, BODY_FOR_RULES);
    sbuf_reset(&f->held);
}

static void add_to_part(struct detector *d, struct tx *tx, struct form *f, struct span piece)
{
    while (f->open && piece.len > 0) {
        size_t n = f->held.cap - f->held.len;
        n = n < piece.len ? n : piece.len;
        sbuf_add(&f->held, span_head(piece, n));
        piece = span_from(piece, n);
        d->body_bytes += f->held.room - f->room;
        f->room = f->held.room;
        if (f->held.len == f->held.cap || f->held.cut) {
            show(d, tx, f, 0);
        }
    }
}

static void end_part(struct detector *d, struct tx *tx, struct form *f, unsigned flags)
{
    if (f->open) {
        show(d, tx, f, REGION_LAST | flags);
    }
    f->open = false;
    f->begun = false;
}

static void begin_part(struct detector *d, struct tx *tx, struct form *f)
{
    f->open = disposed_name(sbuf_span(&f->multipart.head), &f->name);
    f->begun = false;
    f->after_gap = false;
    sbuf_reset(&f->held);
    if (f->open) {
        try_name(d, tx, f->dir, sbuf_span(&f->name));
    }
}

static void read_parts(struct detector *d, struct tx *tx, struct form *f, struct span bytes)
{
    enum multipart_step step;
    do {
        struct span piece = {0};
        step = multipart_next(&f->multipart, &bytes, &piece);
        switch (step) {
        case MULTIPART_HEAD:
            begin_part(d, tx, f);
            break;
        case MULTIPART_DATA:
            add_to_part(d, tx, f, piece);
            break;
        case MULTIPART_END:
            end_part(d, tx, f, 0);
            break;
        case MULTIPART_MORE:
            break;
        }
    } while (step != MULTIPART_MORE);
}

static void form_free(struct detector *d, struct form **form)
{
    if (*form != NULL) {
        d->body_bytes -= (*form)->room;
        multipart_free(&(*form)->multipart);
        sbuf_free(&(*form)->held);
        sbuf_free(&(*form)->name);
        mem_free(*form);
        *form = NULL;
    }
}

static struct form *form_new(struct detector *d, const struct region *region)
{
    bool poor = d->body_bytes > d->limits.body_memory;
    struct form *f = mem_alloc(sizeof(*f));
    if (f != NULL) {
        *f = (struct form){.held = sbuf_with_cap(poor ? HELD_POOR : HELD_MAX),
                           .name = sbuf_with_cap(NAME_MAX),
                           .dir = region->dir};
        if (!multipart_start(&f->multipart, region->boundary)) {
            form_free(d, &f);
        }
    }
    return f;
}

/* A form begins: its parts are read beside it. */
static void begin_form(struct detector *d, struct tx *tx, const struct region *region)
{
    struct tx_state *state = detect_state(d, tx);
    detect_files_end(d, tx);
    if (state != NULL) {
        state->form = form_new(d, region);
        stats_add(d->stats, STAT_LOST_MEMORY, state->form == NULL ? region->bytes.len : 0);
    }
}

/* --- bodies ------------------------------------------------------------------------------------
 */

/* What a body is that begins: flags for detect_body(). */
static unsigned begin_body(struct detector *d, struct tx *tx, const struct region *region)
{
    const struct tx_state *state = tx->detect;
    const struct head *h = &d->heads[region->dir];
    enum head_method method = h->tx == tx ? h->method : HEAD_UNKNOWN;
    bool request = region->field == FIELD_HTTP_REQUEST_BODY;
    if (request && method == HEAD_POST && region->body_type == BODY_MULTIPART &&
        region->boundary.len > 0) {
        begin_form(d, tx, region);
        return BODY_NO_FILE;
    }
    if (request && method == HEAD_OTHER) {
        return BODY_NO_FILE;
    }
    if (state != NULL) {
        try_name(d, tx, region->dir, state->file_names[region->dir]);
    }
    return 0;
}

unsigned detect_files_body(struct detector *d, struct tx *tx, const struct region *region)
{
    bool request = region->field == FIELD_HTTP_REQUEST_BODY;
    if (!request && region->field != FIELD_HTTP_RESPONSE_BODY) {
        return 0;
    }
    unsigned how = (region->flags & REGION_FIRST) != 0 ? begin_body(d, tx, region) : 0;
    const struct tx_state *state = tx->detect;
    struct form *f = request && state != NULL ? state->form : NULL;
    if (f == NULL) {
        return how;
    }
    if ((region->flags & REGION_AFTER_GAP) != 0) {
        multipart_gap(&f->multipart);
        if (f->open && f->held.len > 0) {
            show(d, tx, f, 0);
        }
        f->after_gap = f->begun;
    }
    read_parts(d, tx, f, region->bytes);
    if ((region->flags & REGION_LAST) != 0) {
        detect_files_end(d, tx);
    }
    return how;
}

void detect_files_judge(struct detector *d, struct tx *tx)
{
    const struct tx_state *state = tx->detect;
    if (state->form != NULL && state->form->open && state->form->held.len > 0) {
        show(d, tx, state->form, 0);
    }
}

void detect_files_end(struct detector *d, struct tx *tx)
{
    struct tx_state *state = tx->detect;
    if (state != NULL && state->form != NULL) {
        end_part(d, tx, state->form, REGION_CUT);
        form_free(d, &state->form);
    }
}
