/* hpack: HTTP/2 header compression (RFC 7541), by libnghttp2.
 *
 * Names and values come out as they were sent, whatever bytes are in them. libnghttp2 refuses names
 * and values of more than 64 KiB, as the servers that are built on it do. */
#include "sensor/codec/hpack.h"

#include "sensor/base/mem.h"

#include <nghttp2/nghttp2.h>

enum { TABLE_DEFAULT = 4096, TABLE_MAX = 1 << 20 };

struct hpack {
    nghttp2_mem memory; /* the library keeps a pointer to it */
    nghttp2_hd_inflater *inflater;
    uint32_t table;   /* allowed, */
    uint32_t allowed; /* and from the next block on */
    bool broken;
};

static void *on_malloc(size_t size, void *user)
{
    (void)user;
    return mem_resize(NULL, size);
}

static void on_free(void *block, void *user)
{
    (void)user;
    mem_free(block);
}

static void *on_calloc(size_t n, size_t size, void *user)
{
    (void)user;
    return mem_alloc_array(n, size);
}

static void *on_realloc(void *block, size_t size, void *user)
{
    (void)user;
    return mem_resize(block, size);
}

struct hpack *hpack_new(void)
{
    struct hpack *h = mem_alloc(sizeof(*h));
    if (h == NULL) {
        return NULL;
    }
    h->memory = (nghttp2_mem){NULL, on_malloc, on_free, on_calloc, on_realloc};
    h->table = h->allowed = TABLE_DEFAULT;
    if (nghttp2_hd_inflate_new2(&h->inflater, &h->memory) != 0) {
        mem_free(h);
        return NULL;
    }
    return h;
}

void hpack_free(struct hpack **h)
{
    if (*h != NULL) {
        nghttp2_hd_inflate_del((*h)->inflater);
        mem_free(*h);
        *h = NULL;
    }
}

enum hpack_result hpack_next(struct hpack *h, struct span *in, bool last,
                             struct hpack_header *ret_header)
{
    static const uint8_t nothing[1] = {0};
    nghttp2_nv nv;
    int flags = 0;
    if (h->broken) {
        return HPACK_BROKEN;
    }
    if (h->allowed > h->table && /* refused within a block */
        nghttp2_hd_inflate_change_table_size(h->inflater, h->allowed) == 0) {
        h->table = h->allowed;
    }
    const uint8_t *bytes = in->len > 0 ? in->data : nothing;
    ssize_t taken = nghttp2_hd_inflate_hd2(h->inflater, &nv, &flags, bytes, in->len, last);
    if (taken < 0) {
        h->broken = true;
        return HPACK_BROKEN;
    }
    *in = span_from(*in, (size_t)taken);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        ret_header->name = span_of(nv.name, nv.namelen);
        ret_header->value = span_of(nv.value, nv.valuelen);
        return HPACK_HEADER;
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
        nghttp2_hd_inflate_end_headers(h->inflater);
        return HPACK_END;
    }
    return HPACK_MORE;
}

void hpack_allow_table(struct hpack *h, uint32_t n_bytes)
{
    n_bytes = n_bytes < TABLE_MAX ? n_bytes : TABLE_MAX;
    h->allowed = n_bytes > h->allowed ? n_bytes : h->allowed;
}
