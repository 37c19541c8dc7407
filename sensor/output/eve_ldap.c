/* eve_ldap: the ldap object, as Suricata 8 has it: one request and the responses to it.
 *
 * The decoder kept the messages in their order: an operation, a number, and the parts that have
 * names. Passwords are never kept. */
#include "sensor/base/wire.h"
#include "sensor/output/eve_parts.h"

#include <stdio.h>

/* RFC 4511 §4.1.9, as Suricata spells them. */
static const struct {
    uint8_t code;
    const char *name;
} results[] = {
    {0, "success"},
    {1, "operations_error"},
    {2, "protocol_error"},
    {3, "time_limit_exceeded"},
    {4, "size_limit_exceeded"},
    {5, "compare_false"},
    {6, "compare_true"},
    {7, "auth_method_not_supported"},
    {8, "stronger_auth_required"},
    {10, "referral"},
    {11, "admin_limit_exceeded"},
    {12, "unavailable_critical_extension"},
    {13, "confidentiality_required"},
    {14, "sasl_bind_in_progress"},
    {16, "no_such_attribute"},
    {17, "undefined_attribute_type"},
    {18, "inappropriate_matching"},
    {19, "constraint_violation"},
    {20, "attribute_or_value_exists"},
    {21, "invalid_attribute_syntax"},
    {32, "no_such_object"},
    {33, "alias_problem"},
    {34, "invalid_dns_syntax"},
    {36, "alias_dereferencing_problem"},
    {48, "inappropriate_authentication"},
    {49, "invalid_credentials"},
    {50, "insufficient_access_rights"},
    {51, "busy"},
    {52, "unavailable"},
    {53, "unwilling_to_perform"},
    {54, "loop_detect"},
    {64, "naming_violation"},
    {65, "object_class_violation"},
    {66, "not_allowed_on_non_leaf"},
    {67, "not_allowed_on_rdn"},
    {68, "entry_already_exists"},
    {69, "object_class_mods_prohibited"},
    {71, "affects_multiple_dsas"},
    {80, "other"},
};

static bool is_op(const struct kept_field *k)
{
    return k->id == FIELD_LDAP_REQUEST_OP || k->id == FIELD_LDAP_RESPONSE_OP;
}

/* The next part with that id of the message that `op` begins, behind `at`; NULL without one. */
static const struct kept_field *next_part(const struct kept_field *at, enum field_id id)
{
    for (at = at->next; at != NULL && !is_op(at); at = at->next) {
        if (at->id == id) {
            return at;
        }
    }
    return NULL;
}

/* Begins an object for what the operation says, unless it says none of these (FIELD_N: nothing): a
 * message that is cut or damaged may be no more than its operation. */
static bool begin_parts(struct json *j, const char *key, const struct kept_field *op,
                        const enum field_id ids[3])
{
    bool any = false;
    for (size_t i = 0; i < 3; i++) {
        any = any || next_part(op, ids[i]) != NULL;
    }
    if (any) {
        json_object(j, key);
    }
    return any;
}

static void add_text(struct json *j, const char *key, const struct kept_field *op, enum field_id id)
{
    const struct kept_field *part = next_part(op, id);
    if (part != NULL) {
        json_string(j, key, part->value);
    }
}

static void add_texts(struct json *j, const char *key, const struct kept_field *op,
                      enum field_id id)
{
    const struct kept_field *part = next_part(op, id);
    if (part == NULL) {
        return;
    }
    json_array(j, key);
    for (; part != NULL && !j->cut; part = next_part(part, id)) {
        json_string(j, NULL, part->value);
    }
    json_array_end(j);
}

static void add_message_id(struct json *j, const struct kept_field *op)
{
    const struct kept_field *id = next_part(op, FIELD_LDAP_MESSAGE_ID);
    uint64_t number = 0;
    for (size_t i = 0; id != NULL && i < id->value.len; i++) {
        number = (number << 8 | span_at(id->value, i)) & UINT32_MAX;
    }
    json_number(j, "message_id", number);
}

/* --- requests ----------------------------------------------------------------------------------
 */

static void add_search(struct json *j, const struct kept_field *op)
{
    static const enum field_id parts[3] = {FIELD_LDAP_REQUEST_DN, FIELD_LDAP_REQUEST_TYPE, FIELD_N};
    if (begin_parts(j, "search_request", op, parts)) {
        add_text(j, "base_object", op, FIELD_LDAP_REQUEST_DN);
        add_texts(j, "attributes", op, FIELD_LDAP_REQUEST_TYPE);
        json_object_end(j);
    }
}

static void add_bind(struct json *j, const struct kept_field *op)
{
    static const enum field_id parts[3] = {FIELD_LDAP_REQUEST_DN, FIELD_LDAP_SASL_MECHANISM,
                                           FIELD_N};
    if (begin_parts(j, "bind_request", op, parts)) {
        add_text(j, "name", op, FIELD_LDAP_REQUEST_DN);
        if (next_part(op, FIELD_LDAP_SASL_MECHANISM) != NULL) {
            json_object(j, "sasl");
            add_text(j, "mechanism", op, FIELD_LDAP_SASL_MECHANISM);
            json_object_end(j);
        }
        json_object_end(j);
    }
}

static void add_one(struct json *j, const char *key, const char *name, const struct kept_field *op,
                    enum field_id id)
{
    if (next_part(op, id) != NULL) {
        json_object(j, key);
        add_text(j, name, op, id);
        json_object_end(j);
    }
}

static void add_request_parts(struct json *j, const struct kept_field *op)
{
    if (span_equal(op->value, SPAN("search_request"))) {
        add_search(j, op);
    } else if (span_equal(op->value, SPAN("bind_request"))) {
        add_bind(j, op);
    } else if (span_equal(op->value, SPAN("extended_request"))) {
        add_one(j, "extended_request", "name", op, FIELD_LDAP_REQUEST_OID);
    } else if (span_equal(op->value, SPAN("del_request"))) {
        add_one(j, "del_request", "dn", op, FIELD_LDAP_REQUEST_DN);
    }
}

/* --- responses ---------------------------------------------------------------------------------
 */

/* Attributes of an entry: a type, then its values. */
static void add_attributes(struct json *j, const struct kept_field *op)
{
    const struct kept_field *type = next_part(op, FIELD_LDAP_RESPONSE_TYPE);
    if (type == NULL) {
        return;
    }
    json_array(j, "attributes");
    for (; type != NULL && !j->cut; type = next_part(type, FIELD_LDAP_RESPONSE_TYPE)) {
        const struct kept_field *value = type->next;
        json_object(j, NULL);
        json_string(j, "type", type->value);
        bool any = value != NULL && value->id == FIELD_LDAP_RESPONSE_VALUE;
        if (any) {
            json_array(j, "values");
        }
        for (; value != NULL && value->id == FIELD_LDAP_RESPONSE_VALUE; value = value->next) {
            json_string(j, NULL, value->value);
        }
        if (any) {
            json_array_end(j);
        }
        json_object_end(j);
    }
    json_array_end(j);
}

static void add_result(struct json *j, const struct kept_field *op)
{
    const struct kept_field *code = next_part(op, FIELD_LDAP_RESULT);
    uint8_t number = code != NULL && code->value.len == 1 ? span_at(code->value, 0) : UINT8_MAX;
    size_t i = 0;
    while (i < ARRAY_LEN(results) && results[i].code != number) {
        i++;
    }
    if (code != NULL) {
        json_text(j, "result_code", i < ARRAY_LEN(results) ? results[i].name : "unknown");
    }
    add_text(j, "matched_dn", op, FIELD_LDAP_RESPONSE_DN);
    add_text(j, "message", op, FIELD_LDAP_RESPONSE_MESSAGE);
}

static void add_response(struct json *j, const struct kept_field *op)
{
    static const char *const with_result[] = {
        "bind_response", "search_result_done", "modify_response",  "add_response",
        "del_response",  "mod_dn_response",    "compare_response", "extended_response"};
    static const enum field_id of_entry[3] = {FIELD_LDAP_RESPONSE_DN, FIELD_LDAP_RESPONSE_TYPE,
                                              FIELD_N};
    static const enum field_id of_result[3] = {FIELD_LDAP_RESULT, FIELD_LDAP_RESPONSE_DN,
                                               FIELD_LDAP_RESPONSE_MESSAGE};
    json_object(j, NULL);
    json_string(j, "operation", op->value);
    add_message_id(j, op);
    if (span_equal(op->value, SPAN("search_result_entry")) &&
        begin_parts(j, "search_result_entry", op, of_entry)) {
        add_text(j, "base_object", op, FIELD_LDAP_RESPONSE_DN);
        add_attributes(j, op);
        json_object_end(j);
    }
    for (size_t i = 0; i < ARRAY_LEN(with_result); i++) {
        if (span_equal(op->value, span_str(with_result[i])) &&
            begin_parts(j, with_result[i], op, of_result)) {
            add_result(j, op);
            json_object_end(j);
        }
    }
    json_object_end(j);
}

void eve_ldap(struct json *j, const struct tx *tx)
{
    const struct kept_field *request = tx_field(tx, FIELD_LDAP_REQUEST_OP);
    const struct kept_field *response = tx_field(tx, FIELD_LDAP_RESPONSE_OP);
    if (request == NULL && response == NULL) {
        return;
    }
    json_object(j, "ldap");
    if (request != NULL) {
        json_object(j, "request");
        json_string(j, "operation", request->value);
        add_message_id(j, request);
        add_request_parts(j, request);
        json_object_end(j);
    }
    if (response != NULL) {
        json_array(j, "responses");
        for (; response != NULL && !j->cut; response = tx_next_field(response)) {
            add_response(j, response);
        }
        json_array_end(j);
    }
    json_object_end(j);
}
