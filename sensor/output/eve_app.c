/* eve_app: http, smtp, email, dns, ldap and tls objects out of the fields that a transaction kept.
 *
 * A table says which kept field fills which key; what needs more than copying (addresses in lists,
 * numbers) has a small function. */
#include "sensor/base/bytes.h"
#include "sensor/core/decoder.h"
#include "sensor/output/eve_parts.h"

/* ALWAYS: a text, also an empty one in place of what is not there. */
enum shape { TEXT, ALWAYS, NUMBER, EACH, ADDRESSES, PATH, URL, URLS };

struct row {
    enum field_id field;
    const char *item; /* NULL: any */
    const char *key;
    enum shape shape;
};

static const struct row http_rows[] = {
    {FIELD_HTTP_HOST, NULL, "hostname", TEXT},
    {FIELD_HTTP_URI_RAW, NULL, "url", URL},
    {FIELD_HTTP_USER_AGENT, NULL, "http_user_agent", TEXT},
    {FIELD_HTTP_REQUEST_HEADER, "x-forwarded-for", "xff", TEXT},
    {FIELD_HTTP_REQUEST_HEADER, "true-client-ip", "true_client_ip", TEXT},
    {FIELD_HTTP_REFERER, NULL, "http_refer", URL},
    {FIELD_HTTP_METHOD, NULL, "http_method", TEXT},
    {FIELD_HTTP_PROTOCOL, NULL, "protocol", TEXT},
    {FIELD_HTTP_STAT_CODE, NULL, "status", NUMBER},
    {FIELD_HTTP_LOCATION, NULL, "redirect", URL},
};

enum { ROWS_MAX = 10 }; /* of each of these tables */

static const struct row smtp_rows[] = {
    {FIELD_SMTP_HELO, NULL, "helo", TEXT},
    {FIELD_SMTP_MAIL_FROM, NULL, "mail_from", PATH},
    {FIELD_SMTP_RCPT_TO, NULL, "rcpt_to", EACH},
};

static const struct row email_rows[] = {
    {FIELD_EMAIL_FROM, NULL, "from", TEXT},
    {FIELD_EMAIL_TO, NULL, "to", ADDRESSES},
    {FIELD_EMAIL_CC, NULL, "cc", ADDRESSES},
    {FIELD_EMAIL_SUBJECT, NULL, "subject", ALWAYS},
    {FIELD_EMAIL_DATE, NULL, "date", TEXT},
    {FIELD_EMAIL_MESSAGE_ID, NULL, "message_id", TEXT},
    {FIELD_EMAIL_X_MAILER, NULL, "x_mailer", TEXT},
    {FIELD_EMAIL_RECEIVED, NULL, "received", EACH},
    {FIELD_EMAIL_ATTACHMENT, NULL, "attachment", EACH},
    {FIELD_EMAIL_URL, NULL, "url", URLS},
};

static bool fits(const struct row *row, const struct kept_field *kept)
{
    return kept->id == row->field &&
           (row->item == NULL || span_equal(kept->item, span_str(row->item)));
}

static const struct kept_field *find(const struct row *row, const struct kept_field *at)
{
    while (at != NULL && !fits(row, at)) {
        at = at->next;
    }
    return at;
}

/* "<a@b> SIZE=10" is shown as "<a@b>". */
static struct span path_of(struct span value)
{
    size_t close = span_find_byte(value, 0, '>');
    return close != SPAN_NONE ? span_head(value, close + 1)
                              : span_head(value, span_find_byte(value, 0, ' '));
}

/* Without passwords in it, where they are not to be told. Stands until the next one. */
static struct span url_of(struct eve *e, struct span value)
{
    if (e->redact.what == 0) {
        return value;
    }
    sbuf_reset(&e->redacted);
    redact_url(&e->redact, value, &e->redacted);
    return sbuf_span(&e->redacted);
}

/* Commas between addresses; not those in quotes, comments or angle brackets. */
static size_t address_end(struct span s)
{
    bool quoted = false;
    unsigned depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '<' || c == '(')) {
            depth++;
        } else if (!quoted && (c == '>' || c == ')') && depth > 0) {
            depth--;
        } else if (!quoted && depth == 0 && c == ',') {
            return i;
        }
    }
    return s.len;
}

static void add_addresses(struct json *j, struct span value)
{
    while (value.len > 0 && !j->cut) {
        size_t end = address_end(value);
        struct span one = span_trim(span_head(value, end));
        if (one.len > 0) {
            json_string(j, NULL, one);
        }
        value = span_from(value, end + 1);
    }
}

/* Whether one of the fields from `at` on that fit the row is not blank. */
static bool has_some(const struct row *row, const struct kept_field *at)
{
    while (at != NULL && span_trim(at->value).len == 0) {
        at = find(row, at->next);
    }
    return at != NULL;
}

static struct span one_of(struct eve *e, const struct row *row, struct span value)
{
    bool path = row->field == FIELD_SMTP_RCPT_TO;
    return span_trim(path ? path_of(value) : row->shape == URLS ? url_of(e, value) : value);
}

static void add_list(struct eve *e, struct json *j, const struct row *row,
                     const struct kept_field *at)
{
    if (!has_some(row, at)) {
        return;
    }
    json_array(j, row->key);
    for (; at != NULL && !j->cut; at = find(row, at->next)) {
        if (row->shape == ADDRESSES) {
            add_addresses(j, at->value);
        } else if (span_trim(at->value).len > 0) {
            json_string(j, NULL, one_of(e, row, at->value));
        }
    }
    json_array_end(j);
}

static void add_row(struct eve *e, struct json *j, const struct row *row,
                    const struct kept_field *kept)
{
    uint64_t number;
    if (kept == NULL) {
        if (row->shape == ALWAYS) {
            json_text(j, row->key, "");
        }
        return;
    }
    switch (row->shape) {
    case ALWAYS:
        json_string(j, row->key, kept->value);
        break;
    case TEXT:
        json_string_if(j, row->key, kept->value);
        break;
    case PATH:
        json_string_if(j, row->key, path_of(kept->value));
        break;
    case URL:
        json_string_if(j, row->key, url_of(e, kept->value));
        break;
    case NUMBER:
        for (const struct kept_field *next = kept; next != NULL; next = find(row, next->next)) {
            kept = next; /* the last: interim responses (1xx) come before the final one */
        }
        if (span_to_u64(kept->value, &number)) {
            json_number(j, row->key, number);
        }
        break;
    case EACH:
    case URLS:
    case ADDRESSES:
        add_list(e, j, row, kept);
        break;
    }
}

/* The fields are walked once: they lie apart, and each row would wait for all of them. */
static void add_rows(struct eve *e, struct json *j, const struct row *rows, size_t n,
                     const struct tx *tx)
{
    const struct kept_field *firsts[ROWS_MAX] = {NULL};
    CHECK(n <= ROWS_MAX);
    for (const struct kept_field *kept = tx->kept; kept != NULL; kept = kept->next) {
        for (size_t i = 0; i < n; i++) {
            if (firsts[i] == NULL && fits(&rows[i], kept)) {
                firsts[i] = kept;
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        add_row(e, j, &rows[i], firsts[i]);
    }
}

/* The media type without its parameters, of the response when there is one. */
static void add_content_type(struct json *j, const struct tx *tx)
{
    const struct kept_field *best = NULL;
    for (const struct kept_field *k = tx_field(tx, FIELD_HTTP_CONTENT_TYPE); k != NULL;
         k = tx_next_field(k)) {
        best = best == NULL || (k->dir == TO_CLIENT && best->dir == TO_SERVER) ? k : best;
    }
    if (best != NULL) {
        json_string_if(j, "http_content_type",
                       span_trim(span_head(best->value, span_find_byte(best->value, 0, ';'))));
    }
}

/* The port in the Host header, where it names one. */
static void add_http_port(struct json *j, const struct tx *tx)
{
    const struct kept_field *host = tx_field(tx, FIELD_HTTP_HOST_RAW);
    size_t colon = host == NULL ? SPAN_NONE : span_rfind_byte(host->value, ':');
    uint64_t port;
    if (colon != SPAN_NONE && span_to_u64(span_from(host->value, colon + 1), &port) &&
        port <= 65535) {
        json_number(j, "http_port", port);
    }
}

/* What only HTTP/2 has: the stream's number. */
static void add_http2(struct json *j, const struct tx *tx)
{
    const struct kept_field *stream = tx_field(tx, FIELD_HTTP2_STREAM);
    uint64_t number;
    if (stream != NULL && span_to_u64(stream->value, &number)) {
        json_text(j, "version", "2");
        json_object(j, "http2");
        json_number(j, "stream_id", number);
        json_object_end(j);
    }
}

static void add_http(struct eve *e, struct json *j, const struct tx *tx)
{
    json_object(j, "http");
    add_rows(e, j, http_rows, ARRAY_LEN(http_rows), tx);
    add_content_type(j, tx);
    add_http_port(j, tx);
    json_number(j, "length", tx->body_bytes[TO_CLIENT]);
    add_http2(j, tx);
    json_object_end(j);
}

/* Whether add_row() has something to show. Rows of numbers are not asked for. */
static bool shows(const struct row *row, const struct kept_field *kept)
{
    switch (row->shape) {
    case TEXT:
    case ALWAYS:
    case URL:
        return kept->value.len > 0;
    case PATH:
        return path_of(kept->value).len > 0;
    case EACH:
    case URLS:
    case ADDRESSES:
        return has_some(row, kept);
    case NUMBER:
        break;
    }
    return false;
}

/* SMTP of which only the server's side was seen has nothing: an object without a member is left
 * out. */
static bool has_smtp(const struct tx *tx)
{
    for (size_t i = 0; i < ARRAY_LEN(smtp_rows); i++) {
        const struct kept_field *kept = find(&smtp_rows[i], tx->kept);
        if (kept != NULL && shows(&smtp_rows[i], kept)) {
            return true;
        }
    }
    return false;
}

/* A mail may be all body: what the server takes for one is told as one. */
static bool has_email(const struct tx *tx)
{
    if (tx->body_bytes[TO_SERVER] > 0) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(email_rows); i++) {
        if (find(&email_rows[i], tx->kept) != NULL) {
            return true;
        }
    }
    return false;
}

static void add_smtp(struct eve *e, struct json *j, const struct tx *tx)
{
    if (has_smtp(tx)) {
        json_object(j, "smtp");
        add_rows(e, j, smtp_rows, ARRAY_LEN(smtp_rows), tx);
        json_object_end(j);
    }
    if (has_email(tx)) {
        json_object(j, "email");
        json_text(j, "status", (tx->flags & TX_CUT) != 0 ? "PARSE_TRUNCATED" : "PARSE_DONE");
        add_rows(e, j, email_rows, ARRAY_LEN(email_rows), tx);
        json_object_end(j);
    }
}

enum event_type eve_transaction_type(const struct decoder *decoder)
{
    if (decoder == NULL) {
        return EVENT_N;
    }
    struct span name = span_str(decoder->name);
    return span_equal(name, SPAN("http2")) ? EVENT_HTTP : event_type_by_name(name);
}

/* A question and its answer are two events of DNS; the others have one. */
static bool is_event(const struct tx *tx, enum event_type type, unsigned part)
{
    if (type == EVENT_DNS) {
        return part < EVE_TRANSACTION_PARTS && eve_dns_has(tx, (enum direction)part);
    }
    return (type == EVENT_HTTP || type == EVENT_SMTP || type == EVENT_LDAP || type == EVENT_TLS) &&
           part == 0;
}

/* Of what a honeypot decrypted. */
static void add_decrypted(struct json *j, const struct tx *tx)
{
    const struct conn_extra *extra = conn_extra(tx->conn);
    if (extra->tls != NULL && tx->start_us >= extra->tls_us) {
        json_object(j, "tls");
        json_text(j, "version", extra->tls);
        json_object_end(j);
    }
}

void eve_app_objects(struct eve *e, struct json *j, const struct tx *tx)
{
    enum event_type type = eve_transaction_type(tx->decoder);
    if (type == EVENT_HTTP) {
        add_http(e, j, tx);
    } else if (type == EVENT_SMTP) {
        add_smtp(e, j, tx);
    } else if (type == EVENT_LDAP) {
        eve_ldap(j, tx);
    } else if (type == EVENT_TLS) {
        eve_tls(j, tx);
        return; /* what it says goes before what is known otherwise */
    } else if (type == EVENT_DNS) {
        eve_dns(j, tx, eve_dns_has(tx, TO_SERVER) ? TO_SERVER : TO_CLIENT);
    }
    add_decrypted(j, tx);
}

static void add_file(struct json *j, const struct tx *tx, const struct file_seen *file)
{
    bool whole = !file->cut && !file->gaps;
    json_object(j, "fileinfo");
    json_string_if(j, "filename", file->name);
    json_bool(j, "gaps", file->gaps);
    json_text(j, "state", file->cut ? "TRUNCATED" : "CLOSED");
    if (whole && file->digest.len > 0) {
        json_string(j, file->hash, file->digest);
    }
    json_bool(j, "stored", false);
    json_number(j, "size", file->size);
    json_number(j, "tx_id", tx->id);
    json_object_end(j);
}

struct event *eve_file(struct eve *e, struct tx *tx, const struct file_seen *file,
                       const struct eve_places *places)
{
    struct json j;
    struct event_key key = eve_key(tx->conn);
    eve_begin(e, &j, EVENT_FILEINFO, tx->conn->last_us);
    eve_envelope(e, &j, tx->conn, TO_SERVER);
    eve_origin(&j, tx->conn, tx->conn->number);
    json_number(&j, "tx_id", tx->id);
    eve_app_objects(e, &j, tx);
    add_file(&j, tx, file);
    eve_layouts(e, &j, tx->conn, TO_SERVER, places);
    eve_metadata(e, &j, tx->conn, places);
    return eve_finish(e, &j, EVENT_FILEINFO, &key);
}

struct event *eve_transaction(struct eve *e, struct tx *tx, unsigned part,
                              const struct eve_places *places, bool *ret_has_event)
{
    enum event_type type = eve_transaction_type(tx->decoder);
    *ret_has_event = is_event(tx, type, part);
    if (!*ret_has_event) {
        return NULL;
    }
    struct json j;
    struct event_key key = eve_key(tx->conn);
    bool answered_later = type == EVENT_DNS && part == TO_SERVER;
    eve_begin(e, &j, type, answered_later ? tx->start_us : tx->end_us);
    eve_envelope(e, &j, tx->conn, TO_SERVER);
    eve_origin(&j, tx->conn, tx->conn->number);
    json_number(&j, "tx_id", tx->id);
    if (type == EVENT_DNS) {
        eve_dns(&j, tx, (enum direction)part);
    } else {
        eve_app_objects(e, &j, tx);
    }
    eve_layouts(e, &j, tx->conn, TO_SERVER, places);
    eve_metadata(e, &j, tx->conn, places);
    return eve_finish(e, &j, type, &key);
}
