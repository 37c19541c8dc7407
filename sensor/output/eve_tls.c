/* eve_tls: the tls object, as Suricata has it: what the two hellos of a connection say. */
#include "sensor/output/eve_parts.h"

/* The first at or behind `at` that the direction told, or NULL. */
static const struct kept_field *told(const struct kept_field *at, enum field_id id,
                                     enum direction dir)
{
    while (at != NULL && (at->id != id || at->dir != dir)) {
        at = at->next;
    }
    return at;
}

static void add_protocols(struct json *j, const char *key, const struct tx *tx, enum direction dir)
{
    const struct kept_field *k = told(tx->kept, FIELD_TLS_ALPN, dir);
    if (k == NULL) {
        return;
    }
    json_array(j, key);
    for (; k != NULL && !j->cut; k = told(k->next, FIELD_TLS_ALPN, dir)) {
        json_string(j, NULL, k->value);
    }
    json_array_end(j);
}

void eve_tls(struct json *j, const struct tx *tx)
{
    const struct kept_field *sni = tx_field(tx, FIELD_TLS_SNI);
    const struct kept_field *version = told(tx->kept, FIELD_TLS_VERSION, TO_CLIENT);
    if (sni == NULL && version == NULL && tx_field(tx, FIELD_TLS_ALPN) == NULL) {
        return; /* a client that names nothing, whose server was not seen */
    }
    json_object(j, "tls");
    if (sni != NULL) {
        json_string(j, "sni", sni->value);
    }
    if (version != NULL) {
        json_string(j, "version", version->value);
    }
    add_protocols(j, "client_alpns", tx, TO_SERVER);
    add_protocols(j, "server_alpns", tx, TO_CLIENT);
    json_object_end(j);
}
