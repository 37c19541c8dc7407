#pragma once

/* Before a function whose loops are worth it: compiled for wide vectors, too, or for processors
 * that count bits; which of them runs is settled when the program is loaded. ThreadSanitizer is not
 * there yet at that time. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
#define WIDE        __attribute__((target_clones("avx2", "default")))
#define COUNTS_BITS __attribute__((target_clones("popcnt", "default")))
#else
#define WIDE
#define COUNTS_BITS
#endif
