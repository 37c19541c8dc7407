/* outlet_line: an event as one output has it.
 *
 * Events are made once for all outputs; of the pieces that belong to some layouts an output gets
 * its own. Whatever is in an event was made harmless when it was made, and stays so: pieces are
 * left out, texts are cut, nothing else is changed. */
#include "sensor/output/outlet_line.h"

#include "sensor/base/clock.h"
#include "sensor/output/json.h"
#include "sensor/output/shorten.h"

#include <errno.h>
#include <string.h>

enum { SYSLOG_LINE = 8192 };

struct line_form line_form_of(const struct config_output *config)
{
    struct line_form form = {.prefix = span_str(config->prefix), .line_bytes = config->line};
    if (form.line_bytes == 0 && strcmp(config->type, "syslog") == 0) {
        form.line_bytes = SYSLOG_LINE;
    }
    for (size_t i = 0; i < config->layout.n; i++) {
        enum layout layout = layout_by_name(span_str(config->layout.items[i]));
        form.layouts |= layout == LAYOUT_N ? 0 : 1u << layout;
    }
    return form;
}

static bool add_pieces(const struct line_form *form, const struct event *event, struct sbuf *to)
{
    struct span json = span_of(event->json, event->len);
    size_t at = 0;
    for (size_t i = 0; i < event->n_pieces; i++) {
        const struct event_piece *piece = &event->pieces[i];
        if ((piece->layouts & form->layouts) == 0) {
            sbuf_add(to, span_sub(json, at, piece->off - at));
            at = piece->off + piece->len;
        }
    }
    return sbuf_add(to, span_from(json, at));
}

/* What stands in `to` from `start` on, when it is too long. */
static int make_fit(const struct line_form *form, size_t start, struct sbuf *to)
{
    size_t begin = start + form->prefix.len;
    if (form->line_bytes == 0 || to->len - start <= form->line_bytes) {
        return 0;
    }
    struct sbuf whole = sbuf_with_cap(to->len - begin);
    bool fits =
        form->prefix.len < form->line_bytes && sbuf_add(&whole, span_from(sbuf_span(to), begin));
    sbuf_shorten(to, begin);
    fits = fits && shorten(sbuf_span(&whole), form->line_bytes - form->prefix.len, to);
    sbuf_free(&whole);
    return fits ? 0 : -EMSGSIZE;
}

int line_of_event(const struct line_form *form, const struct event *event, struct sbuf *to)
{
    size_t start = to->len;
    int rc = sbuf_add(to, form->prefix) && add_pieces(form, event, to) ? 0 : -ENOMEM;
    if (rc == 0) {
        rc = make_fit(form, start, to);
    }
    if (rc == 0 && !sbuf_add_byte(to, '\n')) {
        rc = -ENOMEM;
    }
    if (rc != 0) {
        sbuf_shorten(to, start);
        to->cut = false; /* it was: the next line may be shorter */
    }
    return rc;
}

struct span line_value(struct span line, struct span key)
{
    size_t at = span_find(line, 0, key);
    struct span rest = at == SPAN_NONE ? span_of(NULL, 0) : span_from(line, at + key.len);
    size_t len = 0;
    while (len < rest.len && rest.data[len] != '"' && rest.data[len] != ',') {
        len++;
    }
    return span_head(rest, len);
}

static void write_loss(struct json *j, const struct line_loss *loss)
{
    char time[CLOCK_TEXT_SIZE];
    clock_format(loss->clock_us, time, sizeof(time));
    json_object(j, NULL);
    json_text(j, "timestamp", time);
    json_text(j, "event_type", "anomaly");
    json_text_if(j, "host", loss->host);
    json_object(j, "anomaly");
    json_text(j, "type", "output");
    json_text(j, "event", "EVENTS_LOST");
    json_object_end(j);
    json_object(j, "metadata");
    json_object(j, "flowints");
    json_number(j, "events_lost", loss->n_events);
    json_object_end(j);
    json_array(j, "flowvars");
    json_object(j, NULL);
    json_text(j, "output", loss->output);
    json_object_end(j);
    json_array_end(j);
    json_object_end(j);
    json_object_end(j);
}

bool line_of_loss(const struct line_form *form, const struct line_loss *loss, struct sbuf *to)
{
    struct sbuf text = sbuf_with_cap(4096);
    struct json j = json_begin(&text, 2048);
    write_loss(&j, loss);
    bool good = !text.cut && sbuf_add(to, form->prefix) && sbuf_add(to, sbuf_span(&text)) &&
                sbuf_add_byte(to, '\n');
    sbuf_free(&text);
    return good;
}
