#pragma once

#include "decoders/frames.h"
#include "decoders/numbered.h"

/* Private to the files of the LDAP decoder. */

/* The tags of protocolOp, RFC 4511 §4.2 to §4.14. */
enum ldap_op {
    LDAP_BIND_REQUEST = 0x60,
    LDAP_BIND_RESPONSE = 0x61,
    LDAP_UNBIND_REQUEST = 0x42,
    LDAP_SEARCH_REQUEST = 0x63,
    LDAP_SEARCH_ENTRY = 0x64,
    LDAP_SEARCH_DONE = 0x65,
    LDAP_MODIFY_REQUEST = 0x66,
    LDAP_MODIFY_RESPONSE = 0x67,
    LDAP_ADD_REQUEST = 0x68,
    LDAP_ADD_RESPONSE = 0x69,
    LDAP_DEL_REQUEST = 0x4a,
    LDAP_DEL_RESPONSE = 0x6b,
    LDAP_MOD_DN_REQUEST = 0x6c,
    LDAP_MOD_DN_RESPONSE = 0x6d,
    LDAP_COMPARE_REQUEST = 0x6e,
    LDAP_COMPARE_RESPONSE = 0x6f,
    LDAP_ABANDON_REQUEST = 0x50,
    LDAP_SEARCH_REFERENCE = 0x73,
    LDAP_EXTENDED_REQUEST = 0x77,
    LDAP_EXTENDED_RESPONSE = 0x78,
    LDAP_INTERMEDIATE_RESPONSE = 0x79,
};

/* What is known of an operation. */
struct ldap_op_info {
    uint8_t tag; /* enum ldap_op */
    bool response;
    bool last; /* nothing follows in its transaction */
    const char *name;
};

struct ldap {
    const struct emit *emit; /* valid during a call only */
    const struct decoder_limits *limits;
    struct frames sides[2];
    struct numbered open; /* requests without their last response; mark: LDAP_ASKED_TLS */
    bool tls_agreed;      /* in the call that is running */
};

enum { LDAP_ASKED_TLS = 1 };

/* ldap.c */

/* NULL when there is no such operation. */
const struct ldap_op_info *ldap_op(uint8_t tag);

/* ldap_message.c */

/* A message, or with `cut` its start. */
void ldap_message(struct ldap *l, enum direction dir, struct span message, bool cut);
