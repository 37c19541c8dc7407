/* list: intrusive doubly linked list with a sentinel head.
 *
 * The sort is a bottom-up merge sort on the links themselves: no recursion, no memory, so it can be
 * used where memory is what is short. */
#include "sensor/base/list.h"

void list_init(struct list *head)
{
    head->prev = head;
    head->next = head;
}

bool list_is_empty(const struct list *head)
{
    return head->next == head || head->next == NULL;
}

struct list *list_first(const struct list *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

struct list *list_next(const struct list *head, const struct list *at)
{
    return at->next == head ? NULL : at->next;
}

void list_add_before(struct list *at, struct list *link)
{
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}

void list_add_tail(struct list *head, struct list *link)
{
    list_add_before(head, link);
}

void list_remove(struct list *link)
{
    if (link->next == NULL) {
        return;
    }
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = NULL;
    link->next = NULL;
}

/* Merges two chains that are linked by `next` alone and end with NULL. */
static struct list *merge(struct list *a, struct list *b,
                          bool (*is_after)(struct list *, struct list *))
{
    struct list *merged = NULL;
    struct list **end = &merged;
    while (a != NULL && b != NULL) {
        struct list **from = is_after(a, b) ? &b : &a;
        *end = *from;
        *from = (*from)->next;
        end = &(*end)->next;
    }
    *end = a != NULL ? a : b;
    return merged;
}

void list_sort(struct list *head, bool (*is_after)(struct list *a, struct list *b))
{
    enum { N_RUNS = 64 };
    struct list *runs[N_RUNS] = {NULL}; /* runs[i] is empty or 2^i long, and older than those below
                                           it */
    struct list *link = list_first(head);
    while (link != NULL) {
        struct list *run = link;
        link = list_next(head, link);
        run->next = NULL;
        unsigned i = 0;
        for (; runs[i] != NULL; i++) {
            run = merge(runs[i], run, is_after);
            runs[i] = NULL;
        }
        runs[i] = run;
    }
    struct list *sorted = NULL;
    for (unsigned i = 0; i < N_RUNS; i++) {
        sorted = merge(runs[i], sorted, is_after);
    }
    list_init(head);
    while (sorted != NULL) {
        struct list *next = sorted->next;
        list_add_tail(head, sorted);
        sorted = next;
    }
}
