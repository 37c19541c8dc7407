/* recorder: what a decoder emitted, as text that can be compared and read.
 *
 * What may depend on how the bytes were cut is evened out here and nowhere else: pieces of one body
 * are joined (up to a gap in it), losses with the same reason are added up, and an anomaly is
 * written once for each transaction and direction, as events have it. */
#include "tests/replay/recorder.h"

#include "sensor/base/mem.h"
#include "sensor/core/tx.h"

#include <inttypes.h>

enum { VALUE_CAP = 64 << 20 };

static struct record *add(struct recorder *r, enum record_kind kind, const struct tx *tx)
{
    if (r->n == r->room) {
        r->room = r->room > 0 ? r->room * 2 : 64;
        r->rows = mem_resize(r->rows, r->room * sizeof(r->rows[0]));
        CHECK(r->rows != NULL);
    }
    struct record *row = &r->rows[r->n++];
    *row = (struct record){
        .kind = kind,
        .tx = tx != NULL ? tx->id : RECORD_NO_TX,
        .item = sbuf_with_cap(VALUE_CAP),
        .boundary = sbuf_with_cap(VALUE_CAP),
        .value = sbuf_with_cap(VALUE_CAP),
    };
    return row;
}

/* The latest record of a kind, transaction and direction, or NULL. */
static struct record *latest(struct recorder *r, const struct record *like, bool same_what)
{
    for (size_t i = r->n; i > 0; i--) {
        struct record *row = &r->rows[i - 1];
        if (row->kind == like->kind && row->tx == like->tx && row->dir == like->dir &&
            (!same_what || row->what == like->what)) {
            return row;
        }
    }
    return NULL;
}

void recorder_begin(struct recorder *r, const struct tx *tx)
{
    add(r, RECORD_BEGIN, tx)->dir = tx->dir;
}

static void begin_body(struct recorder *r, const struct tx *tx, const struct region *region)
{
    struct record *row = add(r, RECORD_BODY, tx);
    row->dir = region->dir;
    row->what = region->field;
    row->flags = region->flags & REGION_AFTER_GAP;
    row->layers = region->layers;
    row->body_type = region->body_type;
    sbuf_add(&row->item, region->item);
    sbuf_add(&row->boundary, region->boundary);
}

static void on_body(struct recorder *r, const struct tx *tx, const struct region *region)
{
    const struct record like = {
        .kind = RECORD_BODY, .tx = tx != NULL ? tx->id : RECORD_NO_TX, .dir = region->dir};
    struct record *row = latest(r, &like, false);
    if (row == NULL || (region->flags & (REGION_FIRST | REGION_AFTER_GAP)) != 0) {
        begin_body(r, tx, region);
        row = &r->rows[r->n - 1];
    }
    sbuf_add(&row->value, region->bytes);
    row->flags |= region->flags & (REGION_LAST | REGION_CUT);
}

void recorder_region(struct recorder *r, const struct tx *tx, const struct region *region)
{
    if (region->kind == REGION_BODY) {
        on_body(r, tx, region);
        return;
    }
    struct record *row = add(r, RECORD_HEAD, tx);
    row->dir = region->dir;
    row->what = region->field;
    row->layers = region->layers;
    sbuf_add(&row->value, region->bytes);
}

void recorder_field(struct recorder *r, const struct tx *tx, const struct field *field)
{
    struct record *row = add(r, RECORD_FIELD, tx);
    row->dir = field->dir;
    row->what = field->id;
    row->flags = field->flags;
    row->layers = field->layers;
    sbuf_add(&row->item, field->item);
    sbuf_add(&row->value, field->value);
}

void recorder_anomaly(struct recorder *r, const struct tx *tx, enum direction dir,
                      enum anomaly anomaly)
{
    const struct record like = {.kind = RECORD_ANOMALY,
                                .tx = tx != NULL ? tx->id : RECORD_NO_TX,
                                .dir = dir,
                                .what = anomaly};
    if (latest(r, &like, true) == NULL) {
        struct record *row = add(r, RECORD_ANOMALY, tx);
        row->dir = dir;
        row->what = anomaly;
    }
}

void recorder_lost(struct recorder *r, const struct tx *tx, enum lost reason, uint64_t n_bytes)
{
    const struct record like = {
        .kind = RECORD_LOST, .tx = tx != NULL ? tx->id : RECORD_NO_TX, .what = reason};
    struct record *row = latest(r, &like, true);
    if (row == NULL) {
        row = add(r, RECORD_LOST, tx);
        row->what = reason;
    }
    row->n += n_bytes;
}

void recorder_alternate(struct recorder *r, enum direction dir, unsigned reading)
{
    struct record *row = add(r, RECORD_ALTERNATE, NULL);
    row->dir = dir;
    row->what = reading;
}

void recorder_handed(struct recorder *r, enum direction dir, struct span bytes)
{
    const struct record like = {.kind = RECORD_HANDED, .tx = RECORD_NO_TX, .dir = dir};
    struct record *row = latest(r, &like, false);
    if (bytes.len == 0) {
        return;
    }
    if (row == NULL || r->handed_gap[dir]) {
        row = add(r, RECORD_HANDED, NULL);
        row->dir = dir;
        row->flags = r->handed_gap[dir] ? REGION_AFTER_GAP : 0;
        r->handed_gap[dir] = false;
    }
    sbuf_add(&row->value, bytes);
}

void recorder_handed_gap(struct recorder *r, enum direction dir)
{
    r->handed_gap[dir] = true;
}

void recorder_client(struct recorder *r, const struct addr *addr)
{
    char text[ADDR_TEXT_SIZE];
    addr_format(addr, text, sizeof(text));
    sbuf_add_str(&add(r, RECORD_CLIENT, NULL)->value, text);
}

void recorder_starttls(struct recorder *r)
{
    (void)add(r, RECORD_STARTTLS, NULL);
}

void recorder_opaque(struct recorder *r, enum lost reason)
{
    add(r, RECORD_OPAQUE, NULL)->what = reason;
}

void recorder_end(struct recorder *r, const struct tx *tx, unsigned flags)
{
    add(r, RECORD_END, tx)->flags = flags;
}

void recorder_free(struct recorder *r)
{
    for (size_t i = 0; i < r->n; i++) {
        sbuf_free(&r->rows[i].item);
        sbuf_free(&r->rows[i].boundary);
        sbuf_free(&r->rows[i].value);
    }
    mem_free(r->rows);
    *r = (struct recorder){0};
}

static const char *const body_types[] = {"",           " form", " json",  " xml",
                                         " multipart", " text", " binary"};

void recorder_add_shown(struct sbuf *out, struct span bytes)
{
    static const struct span digits = SPAN_LITERAL("0123456789abcdef");
    sbuf_add_byte(out, '"');
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = span_at(bytes, i);
        if (c == '"' || c == '\\') {
            sbuf_add_byte(out, '\\');
            sbuf_add_byte(out, c);
        } else if (c >= 0x20 && c < 0x7f) {
            sbuf_add_byte(out, c);
        } else {
            sbuf_add_str(out, "\\x");
            sbuf_add_byte(out, span_at(digits, c >> 4));
            sbuf_add_byte(out, span_at(digits, c & 0xf));
        }
    }
    sbuf_add_byte(out, '"');
}

static void add_tx(const struct record *row, const char *prefix, struct sbuf *out)
{
    if (row->tx == RECORD_NO_TX) {
        sbuf_add_format(out, "%s-", prefix);
    } else {
        sbuf_add_format(out, "%s%" PRIu32, prefix, row->tx);
    }
}

static void add_name(const struct record *row, struct sbuf *out)
{
    sbuf_add_str(out, field_info((enum field_id)row->what)->name);
    if (row->item.len > 0) {
        sbuf_add_byte(out, '[');
        sbuf_add(out, sbuf_span(&row->item));
        sbuf_add_byte(out, ']');
    }
    for (size_t i = 0; i < row->layers.n; i++) {
        sbuf_add_str(out, i == 0 ? " (" : ",");
        sbuf_add_str(out, encoding_name((enum encoding)row->layers.ids[i]));
    }
    sbuf_add_str(out, row->layers.n > 0 ? ")" : "");
}

static void add_value(const struct record *row, struct sbuf *out)
{
    sbuf_add_byte(out, ' ');
    recorder_add_shown(out, sbuf_span(&row->value));
}

static void add_body(const struct record *row, struct sbuf *out)
{
    sbuf_add_str(out, body_types[row->body_type]);
    if (row->boundary.len > 0) {
        sbuf_add_str(out, " boundary=");
        sbuf_add(out, sbuf_span(&row->boundary));
    }
    sbuf_add_str(out, (row->flags & REGION_AFTER_GAP) != 0 ? " after_gap" : "");
    sbuf_add_str(out, (row->flags & REGION_CUT) != 0 ? " cut" : "");
    add_value(row, out);
}

static void add_line(const struct record *row, struct sbuf *out)
{
    const char *arrow = row->dir == TO_SERVER ? ">" : "<";
    switch (row->kind) {
    case RECORD_BEGIN:
        sbuf_add_format(out, " %s begin", arrow);
        break;
    case RECORD_HEAD:
        sbuf_add_format(out, " %s head ", arrow);
        add_name(row, out);
        add_value(row, out);
        break;
    case RECORD_FIELD:
        sbuf_add_format(out, " %s field ", arrow);
        add_name(row, out);
        sbuf_add_str(out, (row->flags & FIELD_TRUNCATED) != 0 ? " truncated" : "");
        sbuf_add_str(out, (row->flags & FIELD_CUT) != 0 ? " cut" : "");
        sbuf_add_str(out, (row->flags & FIELD_REPEATED) != 0 ? " repeated" : "");
        sbuf_add_str(out, (row->flags & FIELD_UNKEPT) != 0 ? " unkept" : "");
        sbuf_add_str(out, (row->flags & FIELD_ODD) != 0 ? " odd" : "");
        sbuf_add_str(out, (row->flags & FIELD_ASIDE) != 0 ? " aside" : "");
        add_value(row, out);
        break;
    case RECORD_BODY:
        sbuf_add_format(out, " %s body ", arrow);
        add_name(row, out);
        add_body(row, out);
        break;
    case RECORD_ANOMALY:
        sbuf_add_format(out, " %s anomaly %s", arrow, anomaly_info((enum anomaly)row->what)->event);
        break;
    case RECORD_LOST:
        sbuf_add_format(out, " lost %s %" PRIu64, lost_name((enum lost)row->what), row->n);
        break;
    case RECORD_OPAQUE:
        sbuf_add_format(out, " opaque %s", lost_name((enum lost)row->what));
        break;
    case RECORD_STARTTLS:
        sbuf_add_str(out, " starttls");
        break;
    case RECORD_ALTERNATE:
        sbuf_add_format(out, " %s alternate %u", arrow, row->what);
        break;
    case RECORD_HANDED:
        sbuf_add_format(out, " %s handed%s", arrow,
                        (row->flags & REGION_AFTER_GAP) != 0 ? " after_gap" : "");
        add_value(row, out);
        break;
    case RECORD_CLIENT:
        sbuf_add_str(out, " client");
        add_value(row, out);
        break;
    case RECORD_END:
        sbuf_add_str(out, (row->flags & TX_CUT) != 0 ? " end cut" : " end");
        break;
    }
}

void recorder_lines(const struct recorder *r, const char *prefix, struct recorder_wants wants,
                    struct sbuf *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct record *row = &r->rows[i];
        if ((row->kind == RECORD_HEAD && !wants.heads) ||
            (row->kind == RECORD_FIELD && !wants.fields)) {
            continue;
        }
        add_tx(row, prefix, out);
        add_line(row, out);
        sbuf_add_byte(out, '\n');
    }
}
