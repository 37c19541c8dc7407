/* filter: BPF expressions, by libpcap.
 *
 * An expression means different instructions on different link types, and a pcapng file, or several
 * files, may hold several. libpcap says what is wrong with an expression but not where: the place
 * is found by asking which of its words first leaves nothing that could follow. */
#include "sensor/capture/filter.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/capture/linktype.h"

#include <errno.h>
#include <pcap/pcap.h>

enum { MAX_LINKS = 32, SNAPLEN = 262144, TEXT_CAP = 4096 };

struct program {
    int link_type;
    bool usable;
    struct bpf_program code;
};

struct filter {
    char expression[TEXT_CAP];
    struct program programs[MAX_LINKS];
    size_t n;
    struct program *last; /* used last */
};

/* Compiles; the handle, when the caller wants it, holds the message. */
static bool compile(const char *expression, int link_type, struct bpf_program *ret_code,
                    struct sbuf *message)
{
    pcap_t *handle = pcap_open_dead(linktype_dlt(link_type), SNAPLEN);
    if (handle == NULL) {
        return false;
    }
    bool ok = pcap_compile(handle, ret_code, expression, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (!ok && message != NULL) {
        (void)sbuf_add_str(message, pcap_geterr(handle));
    }
    pcap_close(handle);
    return ok;
}

static bool compiles(struct sbuf *text, int link_type)
{
    struct bpf_program code;
    bool ok = sbuf_add_byte(text, 0) && compile((const char *)text->data, link_type, &code, NULL);
    if (ok) {
        pcap_freecode(&code);
    }
    return ok;
}

/* Whether anything can follow `head`: it is enough to try one ending of each kind the grammar
 * knows, with the open parentheses closed. */
static bool can_go_on(struct span head, int link_type)
{
    static const char *const endings[] = {
        "",
        " ip",
        " 1",
        " 192.0.2.1",
        " 192.0.2.0/24",
        " 1-2",
        " port 1",
        " host 192.0.2.1",
        " 02:00:00:00:00:01",
        " = 1",
        "]=1",
        " 1=1",
        " 1]=1",
        " proto 1",
        " net 192.0.2.0/24",
        " multicast",
    };
    struct sbuf text = sbuf_with_cap(TEXT_CAP + 64);
    size_t open = 0;
    for (size_t i = 0; i < head.len; i++) {
        open += span_at(head, i) == '(';
        open -= span_at(head, i) == ')' && open > 0;
    }
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(endings) && !found; i++) {
        sbuf_reset(&text);
        (void)sbuf_add(&text, head);
        (void)sbuf_add_str(&text, endings[i]);
        for (size_t n = 0; n < open; n++) {
            (void)sbuf_add_byte(&text, ')');
        }
        found = compiles(&text, link_type);
    }
    sbuf_free(&text);
    return found;
}

/* Where the word begins that spoils it; its end when it only wants more. */
static size_t place_of_mistake(struct span expression, int link_type)
{
    size_t off = 0;
    while (off < expression.len) {
        while (byte_is_space(span_at(expression, off))) {
            off++;
        }
        size_t end = off;
        while (end < expression.len && !byte_is_space(span_at(expression, end))) {
            end++;
        }
        if (end > off && !can_go_on(span_head(expression, end), link_type)) {
            return off;
        }
        off = end;
    }
    return expression.len;
}

static void explain(const char *expression, int link_type, struct span message, struct errbuf *err)
{
    size_t place = place_of_mistake(span_str(expression), link_type);
    errbuf_add(err, "filter '%s': %.*s", expression, (int)message.len, (const char *)message.data);
    errbuf_add(err, "    %s", expression);
    errbuf_add(err, "    %*s", (int)place + 1, "^");
}

int filter_prepare(struct filter *f, int link_type, struct errbuf *err)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->programs[i].link_type == link_type) {
            return f->programs[i].usable ? 0 : -EINVAL;
        }
    }
    if (f->n == MAX_LINKS) {
        errbuf_add(err, "filter '%s': more than %d link types in the input", f->expression,
                   MAX_LINKS);
        return -EINVAL;
    }
    struct program *p = &f->programs[f->n++];
    struct sbuf message = sbuf_with_cap(PCAP_ERRBUF_SIZE);
    p->link_type = link_type;
    p->usable = compile(f->expression, link_type, &p->code, &message);
    if (!p->usable) {
        explain(f->expression, link_type, sbuf_span(&message), err);
    }
    sbuf_free(&message);
    return p->usable ? 0 : -EINVAL;
}

int filter_new(const char *expression, int link_type, struct filter **ret_filter,
               struct errbuf *err)
{
    struct filter *f = mem_alloc(sizeof(*f));
    if (f == NULL) {
        return -ENOMEM;
    }
    struct span text = span_str(expression);
    if (text.len >= sizeof(f->expression)) {
        errbuf_add(err, "filter '%.40s…': longer than %zu bytes", expression,
                   sizeof(f->expression) - 1);
        mem_free(f);
        return -EINVAL;
    }
    bytes_copy(f->expression, text.data, text.len);
    int error = filter_prepare(f, link_type, err);
    if (error != 0) {
        filter_free(&f);
        return error;
    }
    *ret_filter = f;
    return 0;
}

void filter_free(struct filter **f)
{
    if (*f == NULL) {
        return;
    }
    for (size_t i = 0; i < (*f)->n; i++) {
        if ((*f)->programs[i].usable) {
            pcap_freecode(&(*f)->programs[i].code);
        }
    }
    mem_free(*f);
    *f = NULL;
}

static struct program *program_for(struct filter *f, int link_type)
{
    if (f->last != NULL && f->last->link_type == link_type) {
        return f->last;
    }
    for (size_t i = 0; i < f->n; i++) {
        if (f->programs[i].link_type == link_type) {
            f->last = &f->programs[i];
            return f->last;
        }
    }
    return NULL;
}

bool filter_passes(struct filter *f, const struct packet *packet)
{
    const struct program *p = program_for(f, packet->link_type);
    struct pcap_pkthdr header = {.caplen = (uint32_t)packet->data.len, .len = packet->wire_len};
    return p != NULL && p->usable && pcap_offline_filter(&p->code, &header, packet->data.data) != 0;
}

int filter_attach(struct pcap *handle, const char *expression, struct errbuf *err)
{
    struct bpf_program code;
    if (pcap_compile(handle, &code, expression, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        explain(expression, pcap_datalink(handle), span_str(pcap_geterr(handle)), err);
        return -EINVAL;
    }
    int result = pcap_setfilter(handle, &code) == 0 ? 0 : -EIO;
    if (result != 0) {
        errbuf_add(err, "filter '%s': %s", expression, pcap_geterr(handle));
    }
    pcap_freecode(&code);
    return result;
}
