/* ldap_message: one message to fields, RFC 4511 §4.
 *
 * The message is one region and every field lies in it. Attribute values are named by their
 * attribute in lower case; what no field names (a filter, controls, operations that are rare) is
 * inspected as it is. For the events the message's number and result are kept as bytes. */
#include "decoders/ldap.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/ber.h"
#include "sensor/core/tx.h"

enum {
    TAG_SIMPLE = 0x80,       /* of a bind: password */
    TAG_SASL = 0xa3,         /* mechanism and credentials */
    TAG_REFERRAL = 0xa3,     /* of a result */
    TAG_REQUEST_NAME = 0x80, /* of an extended request: its OID */
    TAG_RESPONSE_NAME = 0x8a,
    ITEM_MAX = 64, /* of an attribute's name */
};

/* One message being read. */
struct reading {
    struct ldap *l;
    struct tx *tx;
    enum direction dir;
    bool cut; /* its end is missing */
};

static void give(const struct reading *r, enum field_id id, struct span value, unsigned flags)
{
    const struct field field = {.id = id, .value = value, .dir = r->dir, .flags = flags};
    r->l->emit->ops->field(r->l->emit->ctx, r->tx, &field);
}

/* What could not be taken apart. */
static void give_rest(const struct reading *r, struct span rest)
{
    if (rest.len > 0) {
        give(r, FIELD_LDAP_MESSAGE, rest, FIELD_UNKEPT | (r->cut ? FIELD_CUT : 0U));
    }
}

static void malformed(const struct reading *r, struct span rest)
{
    if (!r->cut) {
        r->l->emit->ops->anomaly(r->l->emit->ctx, r->tx, r->dir, ANOMALY_LDAP_MALFORMED);
    }
    give_rest(r, rest);
}

/* An octet string as a field; false, with the rest given, when none is there. */
static bool take_text(const struct reading *r, struct span *rest, uint8_t tag, enum field_id id,
                      unsigned flags)
{
    struct span value;
    if (!ber_take_tag(rest, tag, &value)) {
        malformed(r, *rest);
        *rest = span_of(NULL, 0);
        return false;
    }
    give(r, id, value, flags);
    return true;
}

/* --- attributes --------------------------------------------------------------------------------
 */

static void give_value(const struct reading *r, enum field_id id, struct span type,
                       struct span value)
{
    uint8_t item[ITEM_MAX];
    struct span name = span_head(type, sizeof(item));
    bytes_copy_lower(item, name.data, name.len);
    const struct field field = {
        .id = id, .item = span_of(item, name.len), .value = value, .dir = r->dir};
    r->l->emit->ops->field(r->l->emit->ctx, r->tx, &field);
}

/* PartialAttribute ::= SEQUENCE { type, vals SET OF value }, §4.1.7: its contents. */
static void take_attribute(const struct reading *r, struct span rest)
{
    bool request = r->dir == TO_SERVER;
    struct span type;
    struct span values;
    struct span value;
    if (!ber_take_tag(&rest, BER_OCTETS, &type)) {
        malformed(r, rest);
        return;
    }
    give(r, request ? FIELD_LDAP_REQUEST_TYPE : FIELD_LDAP_RESPONSE_TYPE, type, 0);
    if (!ber_take_tag(&rest, BER_SET, &values) && values.len == 0) {
        malformed(r, rest);
        return;
    }
    while (ber_take_tag(&values, BER_OCTETS, &value)) {
        give_value(r, request ? FIELD_LDAP_REQUEST_VALUE : FIELD_LDAP_RESPONSE_VALUE, type, value);
    }
    if (values.len > 0) {
        malformed(r, values);
    }
}

static void take_attributes(const struct reading *r, struct span rest)
{
    struct span list;
    struct span one;
    if (!ber_take_tag(&rest, BER_SEQUENCE, &list) && list.len == 0) {
        malformed(r, rest);
        return;
    }
    while (ber_take_tag(&list, BER_SEQUENCE, &one)) {
        take_attribute(r, one);
    }
    if (list.len > 0) {
        malformed(r, list);
    }
}

/* --- requests ----------------------------------------------------------------------------------
 */

/* BindRequest, §4.2. */
static void take_bind(const struct reading *r, struct span rest)
{
    struct span version;
    struct span sasl;
    if (!ber_take_tag(&rest, BER_INTEGER, &version) ||
        !take_text(r, &rest, BER_OCTETS, FIELD_LDAP_REQUEST_DN, 0)) {
        give_rest(r, rest);
        return;
    }
    if (ber_take_tag(&rest, TAG_SASL, &sasl)) {
        (void)take_text(r, &sasl, BER_OCTETS, FIELD_LDAP_SASL_MECHANISM, 0);
        give_rest(r, sasl);
    } else if (ber_take_tag(&rest, TAG_SIMPLE, &sasl) && sasl.len > 0) {
        give(r, FIELD_LDAP_CREDENTIALS, sasl, 0);
    }
    give_rest(r, rest);
}

/* SearchRequest, §4.5.1: scope, aliases, two limits and typesOnly stand between name and filter. */
static void take_search(const struct reading *r, struct span rest)
{
    static const uint8_t between[] = {BER_ENUM, BER_ENUM, BER_INTEGER, BER_INTEGER, BER_BOOLEAN};
    struct span value;
    struct span list;
    uint8_t tag = 0;
    if (!take_text(r, &rest, BER_OCTETS, FIELD_LDAP_REQUEST_DN, 0)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(between); i++) {
        if (!ber_take_tag(&rest, between[i], &value)) {
            malformed(r, rest);
            return;
        }
    }
    if (!ber_take(&rest, &tag, &value)) {
        malformed(r, rest);
        return;
    }
    give(r, FIELD_LDAP_FILTER, value, 0);
    if (!ber_take_tag(&rest, BER_SEQUENCE, &list)) {
        malformed(r, rest);
        return;
    }
    while (ber_take_tag(&list, BER_OCTETS, &value)) {
        give(r, FIELD_LDAP_REQUEST_TYPE, value, 0);
    }
    give_rest(r, list);
}

/* ModifyRequest, §4.6. */
static void take_modify(const struct reading *r, struct span rest)
{
    struct span list;
    struct span change;
    struct span value;
    if (!take_text(r, &rest, BER_OCTETS, FIELD_LDAP_REQUEST_DN, 0)) {
        return;
    }
    if (!ber_take_tag(&rest, BER_SEQUENCE, &list)) {
        malformed(r, rest);
        return;
    }
    while (ber_take_tag(&list, BER_SEQUENCE, &change)) {
        if (!ber_take_tag(&change, BER_ENUM, &value) ||
            !ber_take_tag(&change, BER_SEQUENCE, &value)) {
            malformed(r, change);
            continue;
        }
        take_attribute(r, value);
    }
    give_rest(r, list);
}

/* ExtendedRequest, §4.12. Returns whether it asks for StartTLS, §4.14. */
static bool take_extended(const struct reading *r, struct span rest)
{
    struct span name;
    if (!ber_take_tag(&rest, TAG_REQUEST_NAME, &name)) {
        malformed(r, rest);
        return false;
    }
    give(r, FIELD_LDAP_REQUEST_OID, name, 0);
    give_rest(r, rest);
    return span_equal(name, SPAN("1.3.6.1.4.1.1466.20037"));
}

/* --- responses ---------------------------------------------------------------------------------
 */

static void take_uris(const struct reading *r, struct span rest)
{
    struct span uri;
    while (ber_take_tag(&rest, BER_OCTETS, &uri)) {
        give(r, FIELD_LDAP_REFERRAL, uri, 0);
    }
    if (rest.len > 0) {
        malformed(r, rest);
    }
}

/* LDAPResult, §4.1.9, and what some responses have behind it. Returns the result code, or
 * UINT32_MAX without one. */
static uint32_t take_result(const struct reading *r, struct span rest)
{
    struct span code;
    struct span value;
    if (!ber_take_tag(&rest, BER_ENUM, &code)) {
        malformed(r, rest);
        return UINT32_MAX;
    }
    give(r, FIELD_LDAP_RESULT, code, FIELD_REPEATED);
    if (!take_text(r, &rest, BER_OCTETS, FIELD_LDAP_RESPONSE_DN, 0) ||
        !take_text(r, &rest, BER_OCTETS, FIELD_LDAP_RESPONSE_MESSAGE, 0)) {
        return ber_number(code);
    }
    if (ber_take_tag(&rest, TAG_REFERRAL, &value)) {
        take_uris(r, value);
    }
    if (ber_take_tag(&rest, TAG_RESPONSE_NAME, &value)) {
        give(r, FIELD_LDAP_RESPONSE_OID, value, 0);
    }
    give_rest(r, rest);
    return ber_number(code);
}

/* --- the message -------------------------------------------------------------------------------
 */

struct outcome {
    bool asks_tls;
    uint32_t result;
};

static struct outcome take_op(const struct reading *r, const struct ldap_op_info *op,
                              struct span value)
{
    struct outcome out = {.result = UINT32_MAX};
    switch ((enum ldap_op)op->tag) {
    case LDAP_BIND_REQUEST:
        take_bind(r, value);
        break;
    case LDAP_SEARCH_REQUEST:
        take_search(r, value);
        break;
    case LDAP_MODIFY_REQUEST:
        take_modify(r, value);
        break;
    case LDAP_ADD_REQUEST:
        if (take_text(r, &value, BER_OCTETS, FIELD_LDAP_REQUEST_DN, 0)) {
            take_attributes(r, value);
        }
        break;
    case LDAP_DEL_REQUEST:
        give(r, FIELD_LDAP_REQUEST_DN, value, 0);
        break;
    case LDAP_MOD_DN_REQUEST:
    case LDAP_COMPARE_REQUEST:
        if (take_text(r, &value, BER_OCTETS, FIELD_LDAP_REQUEST_DN, 0)) {
            give_rest(r, value);
        }
        break;
    case LDAP_EXTENDED_REQUEST:
        out.asks_tls = take_extended(r, value);
        break;
    case LDAP_SEARCH_ENTRY:
        if (take_text(r, &value, BER_OCTETS, FIELD_LDAP_RESPONSE_DN, 0)) {
            take_attributes(r, value);
        }
        break;
    case LDAP_SEARCH_REFERENCE:
        take_uris(r, value);
        break;
    case LDAP_UNBIND_REQUEST:
    case LDAP_ABANDON_REQUEST:
    case LDAP_INTERMEDIATE_RESPONSE:
        give_rest(r, value);
        break;
    case LDAP_BIND_RESPONSE:
    case LDAP_SEARCH_DONE:
    case LDAP_MODIFY_RESPONSE:
    case LDAP_ADD_RESPONSE:
    case LDAP_DEL_RESPONSE:
    case LDAP_MOD_DN_RESPONSE:
    case LDAP_COMPARE_RESPONSE:
    case LDAP_EXTENDED_RESPONSE:
        out.result = take_result(r, value);
        break;
    }
    return out;
}

/* The parts of LDAPMessage, §4.1.1. */
struct parts {
    struct span id;
    const struct ldap_op_info *op;
    struct span value;
    struct span controls;
};

static bool split(struct span message, bool cut, struct parts *ret)
{
    struct span rest;
    uint8_t tag = 0;
    bool whole = ber_take_tag(&message, BER_SEQUENCE, &rest);
    if ((!whole && !cut) || !ber_take_tag(&rest, BER_INTEGER, &ret->id)) {
        return false;
    }
    whole = ber_take(&rest, &tag, &ret->value);
    ret->op = whole || ret->value.len > 0 ? ldap_op(tag) : NULL;
    ret->controls = whole ? rest : span_of(NULL, 0);
    return ret->op != NULL && (whole || cut);
}

static struct tx *find_tx(struct ldap *l, const struct parts *p, enum direction dir,
                          struct numbered_tx *ret)
{
    struct numbered_tx *asked = p->op->response ? numbered_find(&l->open, ret->id) : NULL;
    if (asked == NULL) {
        ret->tx = l->emit->ops->tx_begin(l->emit->ctx, dir);
        return ret->tx;
    }
    *ret = *asked;
    numbered_remove(&l->open, asked);
    return ret->tx;
}

static void read_all(const struct reading *r, const struct parts *p, struct span message,
                     struct numbered_tx *own)
{
    const struct region region = {
        .kind = REGION_HEAD, .field = FIELD_LDAP_MESSAGE, .dir = r->dir, .bytes = message};
    r->l->emit->ops->region(r->l->emit->ctx, r->tx, &region);
    give(r, p->op->response ? FIELD_LDAP_RESPONSE_OP : FIELD_LDAP_REQUEST_OP, span_str(p->op->name),
         0);
    give(r, FIELD_LDAP_MESSAGE_ID, p->id, FIELD_REPEATED);
    struct outcome out = take_op(r, p->op, p->value);
    give_rest(r, p->controls);
    bool agreed = own->mark == LDAP_ASKED_TLS && r->dir == TO_CLIENT && out.result == 0;
    own->mark = out.asks_tls ? LDAP_ASKED_TLS : own->mark;
    bool last = p->op->last || r->cut;
    if (last) {
        r->l->emit->ops->tx_end(r->l->emit->ctx, r->tx, r->cut ? TX_CUT : 0);
    } else {
        numbered_add(&r->l->open, r->l->emit, *own, r->l->limits->open_tx);
    }
    if (agreed) {
        frames_stop(&r->l->sides[r->dir]);
        r->l->tls_agreed = true;
    }
}

void ldap_message(struct ldap *l, enum direction dir, struct span message, bool cut)
{
    struct parts parts = {.op = NULL};
    struct reading r = {.l = l, .dir = dir, .cut = cut};
    if (!split(message, cut, &parts)) {
        if (!cut) {
            l->emit->ops->anomaly(l->emit->ctx, NULL, dir, ANOMALY_LDAP_MALFORMED);
        }
        frames_stray(&l->sides[dir], message);
        return;
    }
    struct numbered_tx own = {.id = ber_number(parts.id)};
    r.tx = find_tx(l, &parts, dir, &own);
    read_all(&r, &parts, message, &own);
}
