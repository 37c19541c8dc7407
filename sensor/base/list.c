/* list: intrusive doubly linked list with a sentinel head. */
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
