/* ifaces: the names of the interfaces that packets came from.
 *
 * A capture of many sections names the same few interfaces over and over, a directory of captures
 * names none: rows are shared, so the list stays short, and names stay where they are once given
 * out. */
#include "sensor/capture/ifaces.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

enum { NAME_MAX_LEN = 255 };

struct iface {
    int link_type;
    size_t len;
    char name[NAME_MAX_LEN + 1];
};

void ifaces_free(struct ifaces *list)
{
    for (size_t i = 0; i < list->n; i++) {
        mem_free(list->rows[i]);
    }
    mem_free(list->rows);
    *list = (struct ifaces){0};
}

static bool is_row(const struct iface *row, struct span name, int link_type)
{
    return row->link_type == link_type && span_equal(span_of(row->name, row->len), name);
}

/* The name as text: what cannot be printed becomes '?'. */
static void set_name(struct iface *row, struct span name)
{
    row->len = name.len;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = span_at(name, i);
        row->name[i] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
}

uint32_t ifaces_add(struct ifaces *list, struct span name, int link_type)
{
    name = span_head(name, NAME_MAX_LEN);
    if (list->last < list->n && is_row(list->rows[list->last], name, link_type)) {
        return (uint32_t)list->last;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (is_row(list->rows[i], name, link_type)) {
            list->last = i;
            return (uint32_t)i;
        }
    }
    if (list->rows == NULL) {
        list->rows = mem_alloc_array(IFACES_MAX, sizeof(*list->rows));
    }
    struct iface *row = list->n < IFACES_MAX && list->rows != NULL ? mem_alloc(sizeof(*row)) : NULL;
    if (row == NULL) {
        return IFACES_MAX;
    }
    row->link_type = link_type;
    set_name(row, name);
    list->rows[list->n] = row;
    list->last = list->n;
    return (uint32_t)list->n++;
}

const char *ifaces_name(const struct ifaces *list, uint32_t index)
{
    return index < list->n ? list->rows[index]->name : "";
}
