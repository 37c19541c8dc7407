/* text: what the bench's captures are written from.
 *
 * A small generator (splitmix64) instead of the C library's, so that a seed means the same capture
 * everywhere, and a vocabulary whose texts compress about as well as real pages do once identifiers
 * are strewn in. */
#include "tests/bench/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
    "about",     "account",  "active",   "address",  "after",   "again",   "all",     "also",
    "amount",    "and",      "another",  "answer",   "any",     "are",     "around",  "article",
    "ask",       "at",       "author",   "away",     "back",    "basket",  "because", "before",
    "begin",     "below",    "best",     "better",   "between", "book",    "both",    "bring",
    "build",     "business", "but",      "button",   "buy",     "call",    "can",     "card",
    "care",      "cart",     "case",     "change",   "check",   "city",    "class",   "clear",
    "close",     "code",     "color",    "come",     "company", "contact", "content", "could",
    "country",   "course",   "create",   "customer", "data",    "date",    "day",     "delivery",
    "detail",    "did",      "do",       "document", "does",    "done",    "down",    "each",
    "early",     "easy",     "email",    "end",      "enough",  "even",    "every",   "example",
    "far",       "feature",  "few",      "field",    "file",    "find",    "first",   "follow",
    "for",       "form",     "free",     "from",     "full",    "get",     "give",    "good",
    "great",     "group",    "hand",     "has",      "have",    "head",    "help",    "her",
    "here",      "high",     "his",      "home",     "house",   "how",     "idea",    "image",
    "important", "in",       "index",    "into",     "is",      "item",    "just",    "keep",
    "know",      "language", "large",    "last",     "late",    "learn",   "left",    "letter",
    "life",      "like",     "line",     "list",     "little",  "live",    "long",    "look",
    "made",      "main",     "make",     "many",     "market",  "may",     "me",      "mean",
    "member",    "menu",     "message",  "more",     "most",    "move",    "much",    "name",
    "near",      "need",     "network",  "never",    "new",     "next",    "night",   "no",
    "not",       "now",      "number",   "of",       "off",     "offer",   "office",  "often",
    "old",       "on",       "one",      "only",     "open",    "option",  "or",      "order",
    "other",     "our",      "out",      "over",     "own",     "page",    "paper",   "part",
    "people",    "person",   "place",    "plan",     "please",  "point",   "press",   "price",
    "product",   "project",  "public",   "question", "quick",   "read",    "ready",   "report",
    "request",   "result",   "return",   "right",    "same",    "save",    "say",     "school",
    "search",    "second",   "see",      "send",     "service", "set",     "should",  "show",
    "side",      "simple",   "site",     "small",    "so",      "some",    "start",   "state",
    "still",     "stop",     "story",    "such",     "support", "system",  "table",   "take",
    "team",      "tell",     "than",     "that",     "the",     "their",   "them",    "then",
    "there",     "these",    "they",     "thing",    "think",   "this",    "time",    "title",
    "to",        "today",    "together", "top",      "total",   "town",    "travel",  "tree",
    "type",      "under",    "until",    "up",       "update",  "use",     "user",    "value",
    "very",      "view",     "wait",     "walk",     "want",    "was",     "water",   "way",
    "we",        "week",     "well",     "were",     "what",    "when",    "where",   "which",
    "while",     "who",      "why",      "will",     "with",    "word",    "work",    "world",
    "would",     "write",    "year",     "yes",      "you",     "young",   "your",
};

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

uint64_t random_next(struct random *r)
{
    r->state += 0x9e3779b97f4a7c15U;
    uint64_t z = r->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint32_t random_below(struct random *r, uint32_t n)
{
    return (uint32_t)((random_next(r) >> 32) * n >> 32);
}

uint32_t random_range(struct random *r, uint32_t from, uint32_t to)
{
    return from + random_below(r, to - from + 1);
}

int random_chance(struct random *r, uint32_t percent)
{
    return random_below(r, 100) < percent;
}

const char *random_pick(struct random *r, const char *const *texts, size_t n)
{
    return texts[random_below(r, (uint32_t)n)];
}

const char *random_word(struct random *r)
{
    return RANDOM_PICK(r, words);
}

static uint8_t *room_for(struct text *t, size_t len)
{
    if (t->len + len > t->room) {
        t->room = (t->len + len) * 2;
        t->data = realloc(t->data, t->room);
        if (t->data == NULL) {
            fprintf(stderr, "make_capture: error: out of memory\n");
            exit(1);
        }
    }
    t->len += len;
    return t->data + t->len - len;
}

void text_add(struct text *t, const void *data, size_t len)
{
    if (len > 0) {
        memcpy(room_for(t, len), data, len);
    }
}

void text_format(struct text *t, const char *format, ...)
{
    char buffer[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(buffer, sizeof(buffer), format, args);
    va_end(args);
    CHECK(n >= 0 && (size_t)n < sizeof(buffer));
    text_add(t, buffer, (size_t)n);
}

void text_hex(struct text *t, struct random *r, size_t n)
{
    uint8_t *to = room_for(t, n);
    for (size_t i = 0; i < n; i++) {
        to[i] = (uint8_t) "0123456789abcdef"[random_below(r, 16)];
    }
}

void text_base64_noise(struct text *t, struct random *r, size_t n)
{
    uint8_t *to = room_for(t, n);
    for (size_t i = 0; i < n; i++) {
        to[i] = (uint8_t)base64_digits[random_below(r, 64)];
    }
}

void text_noise(struct text *t, struct random *r, size_t n)
{
    uint8_t *to = room_for(t, n);
    for (size_t i = 0; i < n; i++) {
        to[i] = (uint8_t)random_next(r);
    }
}

void text_words(struct text *t, struct random *r, size_t n, size_t width, const char *end)
{
    size_t line_start = t->len;
    for (size_t i = 0; i < n; i++) {
        const char *word = random_word(r);
        if (width > 0 && t->len - line_start > width) {
            text_format(t, "%s", end);
            line_start = t->len;
        }
        text_format(t, "%s%s", word, i + 1 < n ? " " : "");
    }
}

void text_base64_lines(struct text *t, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t three = (uint32_t)data[i] << 16;
        three |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        three |= left > 2 ? data[i + 2] : 0;
        char four[4] = {
            base64_digits[three >> 18],
            base64_digits[three >> 12 & 63],
            left > 1 ? base64_digits[three >> 6 & 63] : '=',
            left > 2 ? base64_digits[three & 63] : '=',
        };
        text_add(t, four, sizeof(four));
        if (i % 57 == 54 || left <= 3) {
            text_add(t, "\r\n", 2);
        }
    }
}

void text_free(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}
