#pragma once

#include "sensor/base/sbuf.h"

/* Appends a mail header's value with its encoded words (RFC 2047, "=?utf-8?B?...?=") decoded and
 * put into UTF-8; blanks and line ends between two words vanish, all else is copied. Returns the
 * number of words. */
size_t words_decode(struct span in, struct sbuf *out);

/* Appends the value of an extended parameter (RFC 2231, "utf-8'en'%24%7Bx"), decoded and put into
 * UTF-8. false when it has not that form: then it is appended as it stands. */
bool words_decode_extended(struct span in, struct sbuf *out);
