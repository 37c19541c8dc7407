#pragma once

#include "sensor/base/span.h"

/* Basic Encoding Rules as LDAP uses them: definite lengths, tags of one byte (RFC 4511 §5.1). */

enum {
    BER_BOOLEAN = 0x01,
    BER_INTEGER = 0x02,
    BER_OCTETS = 0x04,
    BER_ENUM = 0x0a,
    BER_SEQUENCE = 0x30,
    BER_SET = 0x31,
};

/* Takes the element at the start of *rest off it. False, with nothing taken, when there is none or
 * its end is not there; then *ret_value is what is there of it. */
MUST_USE bool ber_take(struct span *rest, uint8_t *ret_tag, struct span *ret_value);
/* The same where only that tag will do. */
MUST_USE bool ber_take_tag(struct span *rest, uint8_t tag, struct span *ret_value);
/* An INTEGER's or ENUMERATED's contents as a number: the low 32 bits of more. */
uint32_t ber_number(struct span value);
/* Bytes of a whole element, tag and length included, by its start; 0 when more of it must be
 * seen, -1 when no element with a definite length of up to four bytes begins so. */
int64_t ber_length(struct span start);
/* Where an element's value begins and how long it is, by the element's start; 0 when more of it
 * must be seen, -1 as above. */
int ber_head(struct span start, uint64_t *ret_len);
