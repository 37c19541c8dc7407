/* pipeline: from bytes in order to findings, for one worker.
 *
 * Which decoder reads a flow is decided by what its first bytes look like, on any port, in either
 * direction; of a flow whose start was not seen, at every piece until one is recognised. What no
 * decoder reads is scanned as it is, so an unknown protocol hides nothing. Transactions and what is
 * found in them are pipeline_tx.c's. */
#include "sensor/app/pipeline.h"

#include "sensor/app/pipeline_parts.h"
#include "sensor/app/sightings.h"
#include "sensor/app/touch.h"
#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"
#include "sensor/flow/flow.h"

#include <errno.h>
#include <string.h>

enum { ALTERNATE_BYTES = 64 * 1024, OUTERS_MAX = 4 };

/* --- bytes no decoder reads
 * -------------------------------------------------------------------------- */

static void raw_region(struct flow_app *app, enum direction dir, struct span bytes, unsigned flags)
{
    struct region region = {
        .kind = REGION_BODY,
        .field = app->conn->proto == IP_PROTO_UDP ? FIELD_UDP_PAYLOAD : FIELD_STREAM_PAYLOAD,
        .dir = dir,
        .bytes = bytes,
        .flags = flags,
    };
    detect_region(app->pipeline->detector, &app->raw[dir]->tx, &region);
}

static void raw_end(struct flow_app *app, enum direction dir, unsigned flags)
{
    struct tx_slot *slot = app->raw[dir];
    if (slot == NULL) {
        return;
    }
    if (slot->in_body) {
        raw_region(app, dir, span_of(NULL, 0), REGION_LAST | flags);
    }
    app->raw[dir] = NULL;
    pipeline_tx_end(app, slot, 0);
}

static void raw_data(struct flow_app *app, enum direction dir, struct span bytes)
{
    bool datagram = app->conn->proto == IP_PROTO_UDP;
    if (app->raw[dir] == NULL) {
        app->raw[dir] = pipeline_tx_begin(app, NULL, dir);
    }
    if (app->raw[dir] == NULL) {
        pipeline_lose(app, LOST_MEMORY, bytes.len);
        return;
    }
    if (datagram) {
        raw_region(app, dir, bytes, REGION_FIRST | REGION_LAST);
        raw_end(app, dir, 0);
        return;
    }
    raw_region(app, dir, bytes, app->raw[dir]->in_body ? 0 : REGION_FIRST);
    app->raw[dir]->in_body = true;
}

/* --- which decoder
 * ------------------------------------------------------------------------------------- */

/* What TLS hides within another protocol stays that one's. */
static void name_flow(const struct flow_app *app, const struct decoder *decoder)
{
    const struct app_stats *counters = pipeline_stats_of(decoder, app->conn);
    if ((app->conn->marks & CONN_STARTTLS) != 0) {
        return;
    }
    app->conn->app_proto = decoder->name;
    if (counters != NULL) {
        stats_add(app->pipeline->options.report.stats, counters->flows, 1);
    }
}

static void claim(struct flow_app *app, const struct decoder *decoder)
{
    app->main = reading_new(app, decoder, 0);
    if (app->main == NULL) {
        return; /* without memory it is read as unknown bytes */
    }
    app->conn->claimed = !decoder->opening_only;
    name_flow(app, decoder);
    raw_end(app, TO_SERVER, 0);
    raw_end(app, TO_CLIENT, 0);
}

static enum probe ask_decoder(const struct decoder *d, bool datagram, struct span first,
                              enum direction dir)
{
    if (!datagram) {
        return d->probe(first, dir);
    }
    return d->probe_datagram != NULL ? d->probe_datagram(first, dir) : PROBE_NO;
}

/* The surest answer of all decoders about the first bytes of a direction. */
static enum probe ask_decoders(bool datagram, struct span first, enum direction dir,
                               const struct decoder **ret_decoder)
{
    enum probe best = PROBE_NO;
    for (const struct decoder *const *d = decoders; *d != NULL; d++) {
        enum probe answer = ask_decoder(*d, datagram, first, dir);
        if (answer == PROBE_YES) {
            *ret_decoder = *d;
            return PROBE_YES;
        }
        best = answer == PROBE_MORE ? PROBE_MORE : best;
    }
    return best;
}

/* What a decoder left unread when it said that the flow had become opaque; what comes later the
 * flow table counts. Not within the call: how much it is depends on how the bytes were cut, and
 * events that end there must not. */
static void count_unread(struct flow_app *app)
{
    if (app->n_uncounted > 0) {
        pipeline_lose(app, (enum lost)app->conn->opaque_reason, app->n_uncounted);
        app->n_uncounted = 0;
    }
}

/* A datagram goes in as a message of a stream does: behind its length. */
static void give(struct flow_app *app, struct reading *r, enum direction dir, struct span bytes)
{
    if (app->conn->proto == IP_PROTO_UDP) {
        uint8_t len[2] = {(uint8_t)(bytes.len >> 8), (uint8_t)bytes.len};
        r->decoder->data(r->state, &r->emit, dir, span_of(len, sizeof(len)));
    }
    r->decoder->data(r->state, &r->emit, dir, bytes);
    count_unread(app);
}

/* What the reading now at work left unread is no other one's either. */
static void feed_alternate(struct flow_app *app, struct reading *r, struct span bytes)
{
    size_t n_unread = app->n_unread < bytes.len ? app->n_unread : bytes.len;
    struct span part = span_head(bytes, bytes.len - n_unread);
    if (part.len > 0 && !r->handed[r->dir]) {
        r->fed += part.len;
        give(app, r, r->dir, part);
    }
}

/* Those that began in the bytes just given to the main reading, while these are there. */
static void start_alternates(struct flow_app *app)
{
    for (struct reading *r = app->alternates; r != NULL && r->fresh; r = r->next) {
        struct span due = r->due;
        r->due = span_of(NULL, 0);
        feed_alternate(app, r, due);
    }
}

static void feed(struct flow_app *app, struct reading *r, enum direction dir, struct span bytes)
{
    give(app, r, dir, bytes);
    start_alternates(app);
}

static void feed_main(struct flow_app *app, enum direction dir, struct span bytes)
{
    feed(app, app->main, dir, bytes);
}

/* Keeps a piece until somebody is sure; it fits. */
static void hold_start(struct flow_app *app, enum direction dir, struct span piece)
{
    if (app->start[dir] == NULL) {
        app->start[dir] = mem_alloc(sizeof(*app->start[dir]));
    }
    struct first_bytes *start = app->start[dir];
    if (start == NULL) {
        pipeline_lose(app, LOST_MEMORY, piece.len);
        return;
    }
    bytes_copy(start->bytes + start->len, piece.data, piece.len);
    start->len += piece.len;
    start->n += start->n < ARRAY_LEN(start->ends);
    start->ends[start->n - 1] = (uint16_t)start->len;
}

/* Bytes held while nobody was sure go where they belong now, in the pieces they came in. */
static void release_start(struct flow_app *app, enum direction dir)
{
    struct first_bytes *held = app->start[dir];
    app->start[dir] = NULL;
    app->undecided[dir] = false;
    size_t from = 0;
    for (size_t i = 0; held != NULL && i < held->n; i++) {
        struct span piece = span_of(held->bytes + from, held->ends[i] - from);
        from = held->ends[i];
        if (app->main != NULL) {
            feed_main(app, dir, piece);
        } else {
            raw_data(app, dir, piece);
        }
    }
    mem_free(held);
}

static void swap_starts(struct flow_app *app)
{
    struct first_bytes *start = app->start[0];
    bool undecided = app->undecided[0];
    bool began = app->began[0];
    app->start[0] = app->start[1];
    app->start[1] = start;
    app->undecided[0] = app->undecided[1];
    app->undecided[1] = undecided;
    app->began[0] = app->began[1];
    app->began[1] = began;
}

/* Taken up in the middle, or of datagrams, the first packet may have misled about who is the
 * server: the contents know better. */
static enum probe ask_both_ways(struct flow_app *app, struct span first, enum direction *dir,
                                const struct decoder **ret_decoder)
{
    bool datagram = app->conn->proto == IP_PROTO_UDP;
    enum probe answer = ask_decoders(datagram, first, *dir, ret_decoder);
    bool sure = !datagram && (app->conn->marks & CONN_MIDSTREAM) == 0;
    bool begun = app->raw[0] != NULL || app->raw[1] != NULL || app->n_outer > 0;
    if (answer == PROBE_YES || sure || begun) {
        return answer;
    }
    if (ask_decoders(datagram, first, direction_other(*dir), ret_decoder) == PROBE_YES) {
        uint64_t sent = app->conn->stream_bytes[0];
        app->conn->stream_bytes[0] = app->conn->stream_bytes[1];
        app->conn->stream_bytes[1] = sent;
        flow_swap(app->conn);
        swap_starts(app);
        app->unsure = true; /* what looked like an answer was none */
        *dir = direction_other(*dir);
        return PROBE_YES;
    }
    return answer;
}

/* Taken up in the middle, a flow may say something else first, and a piece that comes while nobody
 * is sure about that begins a message all the same; what was held before it is nobody's. */
static bool begins_anew(struct flow_app *app, struct span piece, enum direction *dir,
                        const struct decoder **ret_decoder)
{
    bool midstream = (app->conn->marks & CONN_MIDSTREAM) != 0;
    if (app->start[*dir] == NULL || !midstream ||
        ask_both_ways(app, piece, dir, ret_decoder) != PROBE_YES) {
        return false;
    }
    release_start(app, *dir);
    return true;
}

/* First bytes of a direction that no decoder reads yet. */
static void probe(struct flow_app *app, enum direction dir, struct span bytes)
{
    const struct decoder *decoder = NULL;
    struct span first = bytes;
    struct first_bytes *held = app->start[dir];
    if (held != NULL) {
        struct span more = span_head(bytes, PROBE_BYTES - held->len);
        bytes_copy(held->bytes + held->len, more.data, more.len);
        first = span_of(held->bytes, held->len + more.len);
    }
    enum probe answer = ask_both_ways(app, first, &dir, &decoder);
    if (answer != PROBE_YES && begins_anew(app, bytes, &dir, &decoder)) {
        answer = PROBE_YES;
    }
    bool more = answer == PROBE_MORE && first.len < PROBE_BYTES;
    if (more) {
        hold_start(app, dir, bytes);
        app->undecided[dir] = true;
        return;
    }
    if (answer == PROBE_YES) {
        claim(app, decoder);
        release_start(app, direction_other(dir));
    }
    release_start(app, dir);
    if (app->main != NULL) {
        feed_main(app, dir, bytes);
    } else {
        raw_data(app, dir, bytes);
    }
}

/* Once a direction's beginning was of no known protocol, only flows taken up in the middle or
 * behind a hole are looked at again. */
static bool is_worth_probing(const struct flow_app *app, enum direction dir)
{
    if (app->n_outer > OUTERS_MAX) {
        return false;
    }
    if (app->conn->proto != IP_PROTO_TCP) {
        return !app->began[dir];
    }
    return app->undecided[dir] || !app->began[dir] || app->after_gap[dir] ||
           (app->conn->marks & CONN_MIDSTREAM) != 0;
}

/* --- stream interface
 * ------------------------------------------------------------------------------------ */

static int on_open(void *ctx, struct conn *conn)
{
    struct pipeline *p = ctx;
    if (p->options.decoys != NULL) {
        touch_flow(p->options.decoys, &p->options.report, conn);
    }
    sightings_flow(p, conn);
    return 0;
}

/* Made with the first payload: a flow without any costs nothing here. NULL when there is no memory.
 */
struct flow_app *pipeline_app_of(struct pipeline *p, struct conn *conn)
{
    if (conn->app == NULL) {
        struct flow_app *app = mem_alloc(sizeof(*app));
        if (app == NULL) {
            return NULL;
        }
        app->pipeline = p;
        app->conn = conn;
        app->unsure = (conn->marks & (CONN_MIDSTREAM | CONN_GAP)) != 0;
        conn->app = app;
    }
    return conn->app;
}

static void feed_alternates(struct flow_app *app, enum direction dir, struct span bytes)
{
    struct reading **at = &app->alternates;
    while (*at != NULL) {
        struct reading *r = *at;
        if (!r->fresh && r->dir == dir) {
            feed_alternate(app, r, bytes);
        }
        r->fresh = false;
        if (r->fed < ALTERNATE_BYTES) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        app->n_alternates--;
        reading_close(&r, CLOSE_EVICTED);
    }
}

static void close_alternates(struct flow_app *app, enum close_reason reason)
{
    while (app->alternates != NULL) {
        struct reading *r = app->alternates;
        app->alternates = r->next;
        app->n_alternates--;
        reading_close(&r, reason);
    }
}

/* The outermost reading that still takes this direction's bytes, or NULL. */
static struct reading *outer_of(const struct flow_app *app, enum direction dir)
{
    struct reading *r = app->outer;
    while (r != NULL && r->handed[dir]) {
        r = r->next;
    }
    return r;
}

/* Those that handed both directions over have nothing left to do. */
static void close_outers(struct flow_app *app, bool all, enum close_reason reason)
{
    struct reading **at = &app->outer;
    while (*at != NULL) {
        struct reading *r = *at;
        if (!all && !(r->handed[TO_SERVER] && r->handed[TO_CLIENT])) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        reading_close(&r, reason);
    }
}

/* Bytes for the innermost reading. */
static void take(struct flow_app *app, enum direction dir, struct span bytes)
{
    if (app->main != NULL) {
        feed_main(app, dir, bytes);
    } else if (is_worth_probing(app, dir)) {
        app->began[dir] = true;
        app->after_gap[dir] = false;
        probe(app, dir, bytes);
    } else {
        raw_data(app, dir, bytes);
    }
}

/* The reading that handed over stays until it has done so in both directions: what it has open may
 * still be going on in the other. How deep is counted, not how many are open. Alternate readings of
 * it go on: what ends the protocol for the one need not be there for the other. */
void pipeline_hand_over(struct flow_app *app, struct reading *outer, enum direction dir,
                        struct span rest)
{
    if (app->main == outer) {
        struct reading **end = &app->outer;
        while (*end != NULL) {
            end = &(*end)->next;
        }
        *end = outer;
        app->main = NULL;
        app->n_outer++;
        app->conn->claimed = false;
        for (unsigned d = TO_SERVER; d <= TO_CLIENT; d++) {
            app->began[d] = app->undecided[d] = app->after_gap[d] = false;
        }
    }
    if (rest.len > 0) {
        take(app, dir, rest);
    }
}

static void on_data(void *ctx, struct conn *conn, enum direction dir, struct span bytes)
{
    struct pipeline *p = ctx;
    struct flow_app *app = pipeline_app_of(p, conn);
    conn->stream_bytes[dir] += bytes.len;
    conn->piece_bytes = (uint32_t)bytes.len;
    if (app == NULL) {
        pipeline_lose_of(p, conn, LOST_MEMORY, bytes.len);
        return;
    }
    app->unsure = app->unsure && dir == TO_SERVER;
    struct reading *outer = outer_of(app, dir);
    if (outer != NULL) {
        feed(app, outer, dir, bytes);
    } else {
        take(app, dir, bytes);
    }
    feed_alternates(app, dir, bytes);
    if (app->ends_alternates) {
        close_alternates(app, CLOSE_FIN);
        app->ends_alternates = false;
        app->n_unread = 0;
    }
    close_outers(app, false, CLOSE_FIN);
    detect_settle(p->detector);
}

static void gap_in_alternates(struct flow_app *app, enum direction dir, uint64_t n_bytes)
{
    for (struct reading *r = app->alternates; r != NULL; r = r->next) {
        if (r->dir == dir && !r->handed[dir]) {
            r->decoder->gap(r->state, &r->emit, dir, n_bytes);
        }
    }
}

static void on_gap(void *ctx, struct conn *conn, enum direction dir, uint64_t n_bytes,
                   enum lost reason)
{
    struct flow_app *app = conn->app;
    (void)ctx;
    (void)reason;
    conn->stream_bytes[dir] += n_bytes;
    if (app == NULL) {
        return;
    }
    app->unsure = app->unsure || dir == TO_SERVER;
    gap_in_alternates(app, dir, n_bytes);
    struct reading *outer = outer_of(app, dir);
    if (outer != NULL) {
        outer->decoder->gap(outer->state, &outer->emit, dir, n_bytes);
        if (!outer->handed[dir]) {
            detect_settle(app->pipeline->detector);
            return;
        }
    }
    release_start(app, dir);
    app->after_gap[dir] = true;
    if (app->main != NULL && conn->proto == IP_PROTO_TCP) { /* a datagram hides no other one */
        app->main->decoder->gap(app->main->state, &app->main->emit, dir, n_bytes);
    }
    raw_end(app, dir, REGION_CUT);
    detect_settle(app->pipeline->detector);
}

/* Scans other contents, as they may begin in the middle of a message. */
static void alternate_as_it_is(struct flow_app *app, enum direction dir, struct span bytes)
{
    const struct conn *conn = app->conn;
    struct tx_slot *slot = pipeline_tx_begin(app, NULL, dir);
    if (slot == NULL) {
        return;
    }
    slot->tx.flags |= TX_ALTERNATE;
    slot->tx.id = conn->n_tx > 0 ? conn->n_tx - 1 : 0;
    struct region region = {.kind = REGION_BODY,
                            .field = conn->proto == IP_PROTO_UDP ? FIELD_UDP_PAYLOAD
                                                                 : FIELD_STREAM_PAYLOAD,
                            .dir = dir,
                            .bytes = bytes,
                            .flags = REGION_FIRST | REGION_LAST};
    detect_region(app->pipeline->detector, &slot->tx, &region);
    pipeline_tx_end(app, slot, 0);
}

/* The other contents of bytes that were read already: a decoder of the same kind looks for a
 * message in them, and they are scanned as they are, because they may begin in the middle of one.
 */
static void on_alternate(void *ctx, struct conn *conn, enum direction dir, struct span bytes)
{
    struct pipeline *p = ctx;
    struct flow_app *app = pipeline_app_of(p, conn);
    if (app == NULL || bytes.len == 0) {
        return;
    }
    struct reading *r = app->main != NULL ? reading_new(app, app->main->decoder, 0) : NULL;
    if (r != NULL) {
        r->alternate = true;
        give(app, r, dir, bytes);
        reading_close(&r, CLOSE_END_OF_INPUT);
    }
    alternate_as_it_is(app, dir, bytes);
    detect_settle(p->detector);
}

/* What somebody waits for in a list of transactions. */
static void judge_all(struct pipeline *p, struct tx_slot *slot)
{
    for (; slot != NULL; slot = slot->next) {
        detect_judge(p->detector, &slot->tx);
    }
}

static void on_judge(void *ctx, struct conn *conn)
{
    struct pipeline *p = ctx;
    struct flow_app *app = conn->app;
    if (app == NULL) {
        return;
    }
    const struct reading *lists[] = {app->main, app->outer, app->alternates};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (const struct reading *r = lists[i]; r != NULL; r = r->next) {
            judge_all(p, r->open);
        }
    }
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        judge_all(p, app->raw[dir]);
        const struct first_bytes *held = app->start[dir];
        if (app->undecided[dir] && p->options.block.enforces) {
            app->judged_start = true;
            alternate_as_it_is(app, (enum direction)dir,
                               held != NULL ? span_of(held->bytes, held->len) : (struct span){0});
        }
    }
    detect_settle(p->detector);
}

static void on_anomaly(void *ctx, struct conn *conn, enum direction dir, enum anomaly anomaly)
{
    struct flow_app *app = pipeline_app_of(ctx, conn);
    if (app != NULL) {
        pipeline_anomaly(app, NULL, dir, anomaly);
    }
}

/* The end of a reading may still hand bytes over: it is the main one until then, and one of the
 * outer ones behind that. */
static void close_main(struct flow_app *app, enum close_reason reason)
{
    struct reading *old = app->main;
    reading_end(old, reason);
    struct reading **at = &app->main;
    if (*at != old) {
        for (at = &app->outer; *at != old; at = &(*at)->next) {
        }
    }
    *at = old->next;
    mem_free(old);
}

/* What is handed over at the end may be the beginning of another reading, a level deeper. */
static void close_readings(struct flow_app *app, enum close_reason reason)
{
    do {
        if (app->main != NULL) {
            close_main(app, reason);
        }
        close_outers(app, true, reason);
    } while (app->main != NULL);
    close_alternates(app, reason);
}

static void app_free(struct pipeline *p, struct flow_app *app, enum close_reason reason)
{
    if (app->main != NULL) {
        pipeline_write_overdue(p, app->main->open, app->conn->clock_us);
    }
    for (struct reading *r = app->outer; r != NULL; r = r->next) {
        pipeline_write_overdue(p, r->open, app->conn->clock_us);
    }
    for (size_t dir = 0; dir < 2; dir++) {
        pipeline_write_overdue(p, app->raw[dir], app->conn->clock_us);
        release_start(app, (enum direction)dir);
    }
    close_readings(app, reason);
    for (size_t dir = 0; dir < 2; dir++) {
        release_start(app, (enum direction)dir); /* what was handed over at the end */
        raw_end(app, (enum direction)dir, 0);
    }
    mem_free(app->seen);
    mem_free(app);
}

/* Both directions ended: the flow itself is remembered for a while, its readings are not needed.
 * Nor is the rest, unless something was told that must not be told twice. */
static void forget(struct pipeline *p, struct flow_app *app)
{
    struct conn *conn = app->conn;
    if (app->n_seen > 0 || app->anomalies != 0) {
        close_readings(app, CLOSE_FIN);
        return;
    }
    app_free(p, app, CLOSE_FIN);
    conn->app = NULL;
}

/* The direction has ended: so it has for the reading that takes its bytes. */
static void end_direction(struct flow_app *app, enum direction dir)
{
    struct reading *outer = outer_of(app, dir);
    if (outer != NULL) {
        if (outer->decoder->end != NULL) {
            outer->decoder->end(outer->state, &outer->emit, dir);
        }
        return;
    }
    release_start(app, dir);
    if (app->main != NULL && app->main->decoder->end != NULL) {
        app->main->decoder->end(app->main->state, &app->main->emit, dir);
    }
    raw_end(app, dir, 0);
}

static void on_end(void *ctx, struct conn *conn, enum direction dir)
{
    struct flow_app *app = conn->app;
    if (app == NULL) {
        return;
    }
    end_direction(app, dir);
    detect_settle(app->pipeline->detector);
    app->ended[dir] = true;
    if (app->ended[direction_other(dir)]) {
        forget(ctx, app);
    }
}

static void on_close(void *ctx, struct conn *conn, enum close_reason reason)
{
    struct pipeline *p = ctx;
    if (conn->app != NULL) {
        app_free(p, conn->app, reason);
        conn->app = NULL;
    }
    if (p->options.evidence != NULL) {
        evidence_end(p->options.evidence, conn);
    }
    report_flow(&p->options.report, conn, reason);
    if (p->ends) {
        const struct report *r = &p->options.report;
        writer_advance_flow(r->writer, r->producer, conn->clock_us, conn->id);
    }
}

void pipeline_ends(struct pipeline *p)
{
    p->ends = true;
}

const char *pipeline_owes_answer(const struct conn *conn)
{
    const struct flow_app *app = conn->app;
    const struct reading *main = app != NULL ? app->main : NULL;
    if (main == NULL || app->n_outer > 0) {
        return NULL;
    }
    const struct tx_slot *slot = main->open;
    if (strcmp(main->decoder->name, "http") != 0) {
        return main->decoder->name;
    }
    const struct kept_field *protocol =
        slot != NULL ? tx_field(&slot->tx, FIELD_HTTP_PROTOCOL) : NULL;
    bool is_alone = slot != NULL && slot->next == NULL && (slot->tx.flags & TX_RESPONSE_SEEN) == 0;
    bool is_one = protocol != NULL && span_starts(protocol->value, SPAN("HTTP/1."));
    return is_alone && is_one ? "http" : NULL;
}

static const struct stream_ops stream_ops = {
    .open = on_open,
    .packet = pipeline_packet,
    .data = on_data,
    .gap = on_gap,
    .alternate = on_alternate,
    .judge = on_judge,
    .anomaly = on_anomaly,
    .end = on_end,
    .close = on_close,
};

void pipeline_trim(struct pipeline *p)
{
    detector_trim(p->detector);
}

struct stream_user pipeline_user(struct pipeline *p)
{
    return (struct stream_user){&stream_ops, p, &p->wants_packets};
}

static void on_file(void *ctx, struct tx *tx, const struct file_seen *file)
{
    const struct pipeline *p = ctx;
    report_file(&p->options.report, tx, file);
}

static void on_url(void *ctx, struct tx *tx, struct span url)
{
    const struct pipeline *p = ctx;
    const struct field field = {.id = FIELD_EMAIL_URL, .value = url, .dir = TO_SERVER};
    tx_keep(tx, &field, p->options.kept_field_bytes);
    detect_field_again(p->detector, tx, &field);
}

/* --- life
 * ---------------------------------------------------------------------------------------------- */

struct pipeline *pipeline_new(const struct pipeline_options *options)
{
    struct pipeline *p = mem_alloc(sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    p->options = *options;
    p->pool.arena_bytes = options->kept_tx_bytes;
    list_init(&p->due);
    p->wants_heads = options->block.enforces ||
                     (options->report.types & (1U << EVENT_HTTP | 1U << EVENT_FILEINFO)) != 0;
    p->wants_files = (options->report.types & 1U << EVENT_FILEINFO) != 0;
    p->files = (struct files_user){.file = on_file, .ctx = p, .hash = options->file_hash};
    p->wants_urls = (options->report.types & 1U << EVENT_SMTP) != 0;
    p->urls = (struct urls_user){.url = on_url, .ctx = p};
    struct detect_user user = {.found = pipeline_found, .ctx = p, .opened = pipeline_opened};
    p->detector = detector_new(options->engine, &options->detect, options->report.stats, &user);
    if (p->detector == NULL) {
        mem_free(p);
        return NULL;
    }
    p->wants_packets = detector_asks_packets(p->detector);
    return p;
}

void pipeline_free(struct pipeline **p)
{
    if (*p == NULL) {
        return;
    }
    detector_free(&(*p)->detector);
    tx_pool_free(&(*p)->pool);
    mem_free(*p);
    *p = NULL;
}

int pipeline_use(struct pipeline *p, struct engine *engine)
{
    int r = detector_use(p->detector, engine);
    p->wants_packets = detector_asks_packets(p->detector);
    return r;
}
