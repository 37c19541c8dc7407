#pragma once

#include "sensor/base/sbuf.h"

/* The scalar value at off and the bytes it takes, 0 when no well-formed UTF-8 sequence starts there
 * (overlong forms, surrogates and values above 10FFFF are not well-formed). */
size_t utf8_next(struct span s, size_t off, uint32_t *ret_cp);
/* Appends cp; U+FFFD for surrogates and what lies above 10FFFF. false at the cap. */
bool utf8_add(struct sbuf *out, uint32_t cp);
/* false when any byte is not part of a well-formed sequence. */
bool utf8_is_valid(struct span s);

enum utf16_order { UTF16_LE, UTF16_BE };

/* Whether s reads as UTF-16 of mostly ASCII text: by its byte order mark, or because nearly every
 * second byte is zero. */
bool utf16_guess(struct span s, enum utf16_order *ret_order);
/* UTF-16 to UTF-8; a byte order mark at the start is dropped, lone surrogates give U+FFFD, an odd
 * last byte is dropped. */
void utf16_decode(struct span in, enum utf16_order order, struct sbuf *out);

/* UTF-7 (RFC 2152) to UTF-8; returns the number of shifted sections ("+...-", "+-" not counted)
 * that decoded to something. What is no well-formed section stays as it stands. */
size_t utf7_decode(struct span in, struct sbuf *out);
/* The same for a text that may be anything else, base64 for one: sections in which half a pair of
 * surrogates stands alone stay as they stand, and those of which no character is a Latin letter or
 * sign, or has one as its upper or lower case. */
size_t utf7_decode_latin(struct span in, struct sbuf *out);

/* Copies s with every overlong UTF-8 form (C0 A4, E0 80 A4, F0 80 80 A4) put into its shortest;
 * returns how many there were. */
size_t utf8_undo_overlong(struct span in, struct sbuf *out);
/* The one overlong form at off: its length and the character it stands for; 0 when there is none.
 */
size_t utf8_overlong_at(struct span in, size_t off, uint32_t *ret_cp);
