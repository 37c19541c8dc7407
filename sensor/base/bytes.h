#pragma once

#include "sensor/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies len bytes; the two must not overlap. len 0 with NULL pointers is fine. */
void bytes_copy(void *to, const void *from, size_t len);
/* The same for ranges that may overlap. */
void bytes_move(void *to, const void *from, size_t len);
void bytes_zero(void *to, size_t len);
bool bytes_equal(const void *a, const void *b, size_t len);
/* <0, 0, >0 as memcmp. */
int bytes_compare(const void *a, const void *b, size_t len);

/* ASCII only, whatever the locale: these are wire bytes. */
uint8_t byte_lower(uint8_t c);
uint8_t byte_upper(uint8_t c);
/* Copies len bytes in lower case; the two must not overlap. */
void bytes_copy_lower(uint8_t *to, const uint8_t *from, size_t len);
/* Whether they are the same but for the case of letters. */
bool bytes_equal_nocase(const uint8_t *a, const uint8_t *b, size_t len);
bool byte_is_alpha(uint8_t c);
bool byte_is_upper(uint8_t c);
bool byte_is_digit(uint8_t c);
bool byte_is_alnum(uint8_t c);
/* Space, tab, CR, LF, VT, FF. */
bool byte_is_space(uint8_t c);
/* 0..15, or -1 when c is no hexadecimal digit. */
int byte_hex(uint8_t c);
