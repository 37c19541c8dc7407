/* eve_tls: the tls object, as Suricata has it: what the two hellos of a connection say. */
#include "sensor/output/eve_parts.h"

static bool is_from(const struct kept_field *k, enum field_id id, enum direction dir)
{
    return k->id == id && k->dir == dir;
}

static void add_protocols(struct json *j, const char *key, const struct tx *tx, enum direction dir)
{
    bool open = false;
    for (const struct kept_field *k = tx->kept; k != NULL && !j->cut; k = k->next) {
        if (!is_from(k, FIELD_TLS_ALPN, dir)) {
            continue;
        }
        if (!open) {
            json_array(j, key);
            open = true;
        }
        json_string(j, NULL, k->value);
    }
    if (open) {
        json_array_end(j);
    }
}

/* Of a client that names nothing, and whose server was not seen, there is nothing to say. */
static bool has_any(const struct tx *tx)
{
    for (const struct kept_field *k = tx->kept; k != NULL; k = k->next) {
        if (k->id == FIELD_TLS_SNI || k->id == FIELD_TLS_ALPN ||
            is_from(k, FIELD_TLS_VERSION, TO_CLIENT)) {
            return true;
        }
    }
    return false;
}

void eve_tls(struct json *j, const struct tx *tx)
{
    const struct kept_field *sni = tx_field(tx, FIELD_TLS_SNI);
    if (!has_any(tx)) {
        return;
    }
    json_object(j, "tls");
    if (sni != NULL) {
        json_string(j, "sni", sni->value);
    }
    for (const struct kept_field *k = tx->kept; k != NULL; k = k->next) {
        if (is_from(k, FIELD_TLS_VERSION, TO_CLIENT)) {
            json_string(j, "version", k->value);
            break;
        }
    }
    add_protocols(j, "client_alpns", tx, TO_SERVER);
    add_protocols(j, "server_alpns", tx, TO_CLIENT);
    json_object_end(j);
}
