/* contract: checks what every decoder promises, whatever it is fed.
 *
 * Transactions are ended once and not used afterwards; bodies begin with FIRST and end with LAST
 * before their transaction does; CUT comes with LAST only; item names are lower case and stand
 * where the field has them; every span can be read to its end; nothing is announced as lost without
 * a byte. With AddressSanitizer a span into bytes of an earlier call is caught too, because each
 * piece is given in a block of its own.
 *
 * Not checked here: what the values are. That is the transcripts' part. */
#include "tests/replay/contract.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

static void demand(struct contract *c, bool holds, const char *promise)
{
    if (!holds && c->broken == NULL) {
        c->broken = promise;
    }
}

static void touch(struct contract *c, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        c->touched += s.data[i];
    }
}

static struct contract_tx *find(struct contract *c, const struct tx *tx)
{
    for (size_t i = 0; i < c->n_live; i++) {
        if (c->live[i].tx == tx) {
            return &c->live[i];
        }
    }
    return NULL;
}

/* The open transaction; NULL for none (which is allowed) and for a stale one (which is not). */
static struct contract_tx *look_up(struct contract *c, const struct tx *tx)
{
    struct contract_tx *live = tx != NULL ? find(c, tx) : NULL;
    demand(c, tx == NULL || live != NULL, "a transaction is not used after its end");
    return live;
}

static struct tx *on_begin(void *ctx, enum direction dir)
{
    struct contract *c = ctx;
    demand(c, dir == TO_SERVER || dir == TO_CLIENT, "a transaction has a direction");
    demand(c, c->n_live < CONTRACT_LIVE, "open transactions are capped");
    struct tx *tx = c->no_tx || c->n_live == CONTRACT_LIVE ? NULL : mem_alloc(sizeof(*tx));
    if (tx == NULL) {
        return NULL;
    }
    tx->id = c->n_tx++;
    tx->dir = dir;
    c->live[c->n_live++] = (struct contract_tx){.tx = tx};
    if (c->recorder != NULL) {
        recorder_begin(c->recorder, tx);
    }
    return tx;
}

static void check_item(struct contract *c, enum field_id id, struct span item)
{
    demand(c, id < FIELD_N, "a field is a row of field.def");
    demand(c, item.len == 0 || (id < FIELD_N && field_info(id)->named),
           "only named fields have items");
    for (size_t i = 0; i < item.len; i++) {
        demand(c, byte_lower(item.data[i]) == item.data[i], "item names are lower case");
    }
}

static void check_body(struct contract *c, struct contract_tx *live, const struct region *region)
{
    bool first = (region->flags & REGION_FIRST) != 0;
    bool last = (region->flags & REGION_LAST) != 0;
    demand(c, last || (region->flags & REGION_CUT) == 0, "a body is cut only at its last piece");
    demand(c, first || (region->boundary.len == 0 && region->body_type == BODY_UNKNOWN),
           "a body's type comes with its first piece");
    demand(c, region->bytes.len > 0 || first || last, "an empty piece begins or ends a body");
    if (live != NULL) {
        demand(c, live->body_open[region->dir] != first, "a body goes from FIRST to LAST");
        live->body_open[region->dir] = !last;
    }
}

static void record_field(void *ctx, struct tx *tx, const struct field *field);
static void on_anomaly(void *ctx, struct tx *tx, enum direction dir, enum anomaly anomaly);

/* Leaves a head without fields and gets them from a copy of it. */
static void get_fields(struct contract *c, struct tx *tx, const struct region *region)
{
    static const struct emit_ops late_ops = {.field = record_field, .anomaly = on_anomaly};
    const struct emit emit = {.ops = &late_ops, .ctx = c};
    uint8_t *copy = mem_alloc(region->bytes.len);
    demand(c, c->decoder->fields != NULL, "a head tells its fields again to who is there for it");
    if (copy == NULL || c->decoder->fields == NULL) {
        mem_free(copy);
        return;
    }
    bytes_copy(copy, region->bytes.data, region->bytes.len);
    c->decoder->fields(c->env.limits, &emit, tx, region->dir, span_of(copy, region->bytes.len));
    mem_free(copy);
    c->late[region->dir] = true;
}

static bool on_region(void *ctx, struct tx *tx, const struct region *region)
{
    struct contract *c = ctx;
    struct contract_tx *live = look_up(c, tx);
    tx = live != NULL ? tx : NULL;
    c->late[region->dir] = false;
    check_item(c, region->field, region->item);
    touch(c, region->bytes);
    touch(c, region->boundary);
    touch(c, region->item);
    if (region->kind == REGION_BODY) {
        check_body(c, live, region);
    } else {
        demand(c, (region->flags & ~(unsigned)REGION_AGAIN) == 0 && region->bytes.len > 0,
               "a head is not empty, without flags of bodies");
    }
    if (c->recorder != NULL) {
        recorder_region(c->recorder, tx, region);
    }
    if (c->late_fields && tx != NULL && (region->flags & REGION_AGAIN) != 0) {
        get_fields(c, tx, region);
    }
    return !c->late[region->dir];
}

static void record_field(void *ctx, struct tx *tx, const struct field *field)
{
    struct contract *c = ctx;
    tx = look_up(c, tx) != NULL ? tx : NULL;
    check_item(c, field->id, field->item);
    const unsigned all =
        FIELD_TRUNCATED | FIELD_CUT | FIELD_REPEATED | FIELD_UNKEPT | FIELD_ODD | FIELD_ASIDE;
    demand(c, (field->flags & ~all) == 0, "a field has field flags only");
    demand(c, (field->flags & FIELD_REPEATED) == 0 || (field->flags & FIELD_UNKEPT) == 0,
           "a field is inspected or kept");
    touch(c, field->value);
    touch(c, field->item);
    if (c->recorder != NULL) {
        recorder_field(c->recorder, tx, field);
    }
}

static void on_field(void *ctx, struct tx *tx, const struct field *field)
{
    struct contract *c = ctx;
    if (!c->late[field->dir] || (field->flags & FIELD_UNKEPT) == 0) {
        record_field(ctx, tx, field);
    } /* else a copy of what was got already */
}

static void on_anomaly(void *ctx, struct tx *tx, enum direction dir, enum anomaly anomaly)
{
    struct contract *c = ctx;
    tx = look_up(c, tx) != NULL ? tx : NULL;
    demand(c, anomaly < ANOMALY_N && anomaly_info(anomaly)->type == ANOMALY_TYPE_APPLAYER,
           "a decoder reports anomalies of its own layer");
    if (c->recorder != NULL && anomaly < ANOMALY_N) {
        recorder_anomaly(c->recorder, tx, dir, anomaly);
    }
}

static void on_lost(void *ctx, struct tx *tx, enum lost reason, uint64_t n_bytes)
{
    struct contract *c = ctx;
    tx = look_up(c, tx) != NULL ? tx : NULL;
    demand(c, reason < LOST_N && n_bytes > 0, "a loss has a reason and at least a byte");
    if (c->recorder != NULL && reason < LOST_N) {
        recorder_lost(c->recorder, tx, reason, n_bytes);
    }
}

static void give(struct contract *c, enum direction dir, struct span bytes);

static bool is_end(const struct contract *c, struct span rest)
{
    return rest.len == 0 || (rest.len <= c->given.len &&
                             span_from(c->given, c->given.len - rest.len).data == rest.data);
}

static void take_handed(struct contract *c, enum direction dir, struct span bytes)
{
    touch(c, bytes);
    if (c->recorder != NULL) {
        recorder_handed(c->recorder, dir, bytes);
    }
}

/* The last n of the bytes, but not those that the main reading left unread. */
static struct span read_end(const struct contract *main, struct span bytes, size_t n)
{
    struct span end = span_from(bytes, bytes.len - n);
    size_t n_unread = main->n_unread < end.len ? main->n_unread : end.len;
    return span_head(end, end.len - n_unread);
}

static void give_alternate(struct contract *c, enum direction dir, struct span bytes)
{
    struct span part = span_head(bytes, c->alternate_left);
    if (dir != c->alternate_dir || part.len == 0) {
        return;
    }
    c->alternate_left -= part.len;
    if (c->handed[dir]) {
        take_handed(c, dir, part);
    } else {
        give(c, dir, part);
    }
}

static void on_alternate(void *ctx, enum direction dir, unsigned reading, struct span rest)
{
    struct contract *c = ctx;
    touch(c, rest);
    demand(c, reading != 0, "0 is the main reading");
    demand(c, is_end(c, rest), "another reading begins in the bytes being given");
    if (c->recorder != NULL) {
        recorder_alternate(c->recorder, dir, reading);
    }
    if (c->is_alternate || c->n_alternates == CONTRACT_ALTERNATES) {
        return;
    }
    struct recorder *recorder = c->recorder != NULL ? mem_alloc(sizeof(*recorder)) : NULL;
    struct decoder_env env = c->env;
    env.reading = reading;
    struct contract *alternate = contract_new(c->decoder, &env, recorder);
    if (alternate == NULL) {
        mem_free(recorder);
        return;
    }
    c->alternates[c->n_alternates++] = alternate;
    alternate->late_fields = c->late_fields;
    alternate->is_alternate = true;
    alternate->alternate_dir = dir;
    alternate->alternate_left = CONTRACT_ALTERNATE_BYTES;
    alternate->alternate_due = rest.len;
}

static void gap_in_handed(struct contract *c, enum direction dir)
{
    if (c->recorder != NULL) {
        recorder_handed_gap(c->recorder, dir);
    }
}

static void on_hand_over(void *ctx, enum direction dir, struct span rest)
{
    struct contract *c = ctx;
    c->handed[dir] = true;
    take_handed(c, dir, rest);
}

static void on_client(void *ctx, const struct addr *addr)
{
    struct contract *c = ctx;
    demand(c, addr->family != 0, "a client that is told has an address");
    if (c->recorder != NULL) {
        recorder_client(c->recorder, addr);
    }
}

static void on_starttls(void *ctx, struct span rest)
{
    struct contract *c = ctx;
    demand(c, is_end(c, rest), "what is encrypted is of the bytes being given");
    c->tls = true;
    c->n_unread = rest.len;
    if (c->recorder != NULL) {
        recorder_starttls(c->recorder);
    }
}

static void on_opaque(void *ctx, enum lost reason, struct span rest)
{
    struct contract *c = ctx;
    demand(c, is_end(c, rest), "what is not read is of the bytes being given");
    c->opaque = true;
    c->n_unread = rest.len;
    if (c->recorder != NULL) {
        recorder_opaque(c->recorder, reason);
    }
}

static void on_end(void *ctx, struct tx *tx, unsigned flags)
{
    struct contract *c = ctx;
    struct contract_tx *live = look_up(c, tx);
    demand(c, (flags & ~(unsigned)TX_CUT) == 0, "a transaction ends cut or whole");
    if (live == NULL) {
        return;
    }
    demand(c, !live->body_open[0] && !live->body_open[1], "a body ends before its transaction");
    if (c->recorder != NULL) {
        recorder_end(c->recorder, tx, flags);
    }
    *live = c->live[--c->n_live];
    mem_free(tx);
}

static const struct emit_ops ops = {
    .tx_begin = on_begin,
    .region = on_region,
    .field = on_field,
    .anomaly = on_anomaly,
    .lost = on_lost,
    .alternate = on_alternate,
    .hand_over = on_hand_over,
    .starttls = on_starttls,
    .client = on_client,
    .opaque = on_opaque,
    .tx_end = on_end,
};

struct contract *contract_new(const struct decoder *decoder, const struct decoder_env *env,
                              struct recorder *recorder)
{
    struct contract *c = mem_alloc(sizeof(*c));
    void *state = mem_alloc(decoder->state_size);
    if (c == NULL || state == NULL) {
        mem_free(c);
        mem_free(state);
        return NULL;
    }
    c->decoder = decoder;
    c->env = *env;
    c->recorder = recorder;
    c->state = state;
    decoder->open(c->state, &c->env);
    return c;
}

static void give(struct contract *c, enum direction dir, struct span bytes)
{
    struct emit emit = {.ops = &ops, .ctx = c};
    uint8_t *copy = mem_alloc(bytes.len);
    if (copy == NULL) {
        return;
    }
    bytes_copy(copy, bytes.data, bytes.len);
    c->given = span_of(copy, bytes.len);
    c->decoder->data(c->state, &emit, dir, c->given);
    c->given = span_of(NULL, 0);
    bytes_zero(copy, bytes.len);
    mem_free(copy);
}

void contract_data(struct contract *c, enum direction dir, struct span bytes)
{
    if (c->opaque || bytes.len == 0) {
        return;
    }
    size_t n_alternates = c->n_alternates;
    bool had_tls = c->tls;
    if (c->handed[dir]) {
        take_handed(c, dir, bytes);
    } else {
        give(c, dir, bytes);
    }
    for (size_t i = 0; !had_tls && i < c->n_alternates; i++) {
        struct contract *alternate = c->alternates[i];
        size_t n = i < n_alternates ? bytes.len : alternate->alternate_due;
        give_alternate(alternate, dir, read_end(c, bytes, n));
    }
}

void contract_gap(struct contract *c, enum direction dir, uint64_t n_bytes)
{
    struct emit emit = {.ops = &ops, .ctx = c};
    if (c->opaque || n_bytes == 0) {
        return;
    }
    for (size_t i = 0; !c->tls && i < c->n_alternates; i++) {
        struct contract *alternate = c->alternates[i];
        if (alternate->alternate_left > 0 && alternate->alternate_dir == dir) {
            contract_gap(alternate, dir, n_bytes);
        }
    }
    if (c->handed[dir]) {
        gap_in_handed(c, dir);
        return;
    }
    c->decoder->gap(c->state, &emit, dir, n_bytes);
    if (c->handed[dir]) {
        gap_in_handed(c, dir);
    }
}

void contract_end(struct contract *c, enum direction dir)
{
    struct emit emit = {.ops = &ops, .ctx = c};
    if (c->opaque) {
        return;
    }
    for (size_t i = 0; !c->tls && i < c->n_alternates; i++) {
        if (c->alternates[i]->alternate_dir == dir) {
            contract_end(c->alternates[i], dir);
        }
    }
    if (c->handed[dir]) {
        return;
    }
    if (c->decoder->end != NULL) {
        c->decoder->end(c->state, &emit, dir);
    }
}

void contract_close(struct contract *c, enum close_reason reason)
{
    struct emit emit = {.ops = &ops, .ctx = c};
    for (size_t i = 0; i < c->n_alternates; i++) {
        contract_close(c->alternates[i], reason);
        demand(c, c->alternates[i]->broken == NULL, c->alternates[i]->broken);
    }
    c->decoder->close(c->state, &emit, reason);
    demand(c, c->n_live == 0, "close ends every open transaction");
}

void contract_free(struct contract **c)
{
    if (*c == NULL) {
        return;
    }
    for (size_t i = 0; i < (*c)->n_alternates; i++) {
        struct recorder *recorder = (*c)->alternates[i]->recorder;
        if (recorder != NULL) {
            recorder_free(recorder);
            mem_free(recorder);
        }
        contract_free(&(*c)->alternates[i]);
    }
    for (size_t i = 0; i < (*c)->n_live; i++) {
        mem_free((*c)->live[i].tx);
    }
    mem_free((*c)->state);
    mem_free(*c);
    *c = NULL;
}
