/* keyword_file: names and sizes of files, as Suricata writes them.
 *
 * filename and fileext are contents of the buffer file.name in letters of any case; filesize is a
 * bsize of file.data, asked of a file as a whole and apart from what is asked of its bytes. Files
 * are what a form or a mail brings, the body of a POST or PUT without a form, and that of a
 * response. Of one whose end was not seen, only that it is larger can be known. */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"

enum { NAME_MAX_BYTES = 256 };

/* A content of file.name, negated with '!' in front; `before` stands before what is quoted. */
static bool ask_name(struct rule_parse *p, struct span value, const char *before, bool ends)
{
    bool negated = span_at(value, 0) == '!';
    struct span text;
    if (!rule_unquote(p, span_trim(span_from(value, negated)), &text)) {
        return false;
    }
    struct sbuf name = sbuf_with_cap(NAME_MAX_BYTES);
    sbuf_add_str(&name, before);
    sbuf_add(&name, text);
    struct rule_test *t = !name.cut && text.len > 0
                              ? rule_test_in(p, (enum buffer)FIELD_FILE_NAME, RULE_CONTENT)
                              : NULL;
    p->last = NULL;
    if (t != NULL) {
        t->negated = negated;
        t->content.bytes = arena_copy(p->set->arena, sbuf_span(&name), SIZE_MAX, NULL);
        t->content.nocase = true;
        t->content.ends = ends;
    }
    sbuf_free(&name);
    return t != NULL ||
           rule_mistake(p, "wants 1 to %d bytes", NAME_MAX_BYTES - (int)span_str(before).len);
}

/* filename:"payload" */
bool keyword_filename(struct rule_parse *p, struct span value)
{
    return ask_name(p, value, "", false);
}

/* fileext:"jar" */
bool keyword_fileext(struct rule_parse *p, struct span value)
{
    return ask_name(p, value, ".", true);
}

/* filesize:>100, 100<>200, <10MB */
bool keyword_filesize(struct rule_parse *p, struct span value)
{
    struct rule_size size;
    bool negated = false;
    struct group_parse *before = p->group;
    if (!rule_size(p, value, &size, &negated)) {
        return false;
    }
    p->group = rule_group_new(p, BUFFER_FILE_DATA);
    struct rule_test *t = p->group != NULL ? rule_test_add(p, RULE_BSIZE) : NULL;
    if (t != NULL) {
        p->group->apart = true;
        t->negated = negated;
        t->size = size;
    }
    p->group = before;
    return t != NULL;
}
