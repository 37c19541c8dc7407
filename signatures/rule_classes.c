/* rule_classes: what classtype means, from a file in the form that rule sets bring along.
 *
 * "config classification: web-application-attack,Web Application Attack,1": a name, a text for
 * alert.category, a priority from 1 (high) to 255. Lines end with the file; '#' begins a comment.
 * Limit: 1,024 classes. */
#include "signatures/rule.h"

enum { CLASSES_MAX = 1024 };

static bool read_class(struct rule_set *set, struct span line, struct rule_class_row *ret)
{
    struct span rest = line;
    uint64_t priority = 0;
    if (!span_equal(span_trim(span_split(&rest, ':')), SPAN("config classification"))) {
        return false;
    }
    struct span name = span_trim(span_split(&rest, ','));
    struct span text = span_trim(span_split(&rest, ','));
    if (name.len == 0 || text.len == 0 || !span_to_u64(span_trim(rest), &priority) ||
        priority < 1 || priority > UINT8_MAX) {
        return false;
    }
    *ret = (struct rule_class_row){
        .name = arena_copy(set->arena, name, SIZE_MAX, NULL),
        .text = arena_copy(set->arena, text, SIZE_MAX, NULL),
        .priority = (uint8_t)priority,
    };
    return true;
}

size_t rule_read_classes(struct rule_set *set, const char *file, struct span text)
{
    struct rule_class_row *rows = arena_alloc(set->arena, CLASSES_MAX * sizeof(*rows));
    size_t n = 0;
    size_t n_wrong = 0;
    for (size_t line = 1; rows != NULL && text.len > 0; line++) {
        struct span one = span_trim(span_split(&text, '\n'));
        if (one.len == 0 || one.data[0] == '#') {
            continue;
        }
        if (n < CLASSES_MAX && read_class(set, one, &rows[n])) {
            n++;
        } else {
            n_wrong++;
            errbuf_add(set->err, "%s:%zu: is not 'config classification: name,text,priority'", file,
                       line);
        }
    }
    set->classes = rows;
    set->n_classes = n;
    return n_wrong;
}
