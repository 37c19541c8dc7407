#pragma once

#include "sensor/base/check.h"

#include <stdbool.h>
#include <stddef.h>

/* An intrusive doubly linked list: the link is embedded in the thing, the list head owns nothing.
 */
struct list {
    struct list *prev;
    struct list *next;
};

/* The thing that embeds `link` as its member. */
#define LIST_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

void list_init(struct list *head);
bool list_is_empty(const struct list *head);
/* First link, or NULL. */
struct list *list_first(const struct list *head);
/* The link after `at`, or NULL at the end. */
struct list *list_next(const struct list *head, const struct list *at);
/* A link must not be in a list when it is added. */
void list_add_tail(struct list *head, struct list *link);
void list_add_before(struct list *at, struct list *link);
/* Leaves the link empty, so that removing twice does no harm. */
void list_remove(struct list *link);
/* Puts the list in order: `is_after` says whether a must stand behind b. Equal ones keep their
 * order. Takes no memory, n log n comparisons. */
void list_sort(struct list *head, bool (*is_after)(struct list *a, struct list *b));
