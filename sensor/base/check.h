#pragma once

/* CHECK(x): stays on in release. Only for what no input, file, rule or configuration can bring
 * about. */
#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __FILE__, __LINE__))

/* Says what broke and where on stderr, then abort()s. Does not return. */
_Noreturn void check_failed(const char *what, const char *file, int line);

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define UNUSED       __attribute__((unused))
