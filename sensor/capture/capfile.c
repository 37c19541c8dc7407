/* capfile: one capture file, whatever its format.
 *
 * The format is found by the first bytes. What goes wrong is said in one line that names the file,
 * the packet and the offset (in the decompressed stream, where the file is compressed), and ends
 * this file only. */
#include "sensor/capture/capfile.h"

#include "sensor/base/mem.h"
#include "sensor/base/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NO_PACKET = -1 };

static const struct capture_format *const formats[] = {&format_pcap, &format_pcapng};

int capfile_open(const char *path, int wake_fd, struct stretches *stretches, struct ifaces *ifaces,
                 struct capfile **ret_file)
{
    struct capfile *f = mem_alloc(sizeof(*f));
    if (f == NULL) {
        return -ENOMEM;
    }
    int error = feed_open(path, wake_fd, &f->feed);
    if (error != 0) {
        mem_free(f);
        return error;
    }
    f->name = strcmp(path, "-") == 0 ? "stdin" : path;
    f->window = window_of(f->feed, stretches);
    f->ifaces = ifaces;
    *ret_file = f;
    return 0;
}

void capfile_close(struct capfile **f)
{
    if (*f == NULL) {
        return;
    }
    window_free(&(*f)->window);
    errbuf_free(&(*f)->damage);
    feed_close(&(*f)->feed);
    mem_free((*f)->section.ifaces);
    mem_free(*f);
    *f = NULL;
}

uint16_t capfile_u16(const struct capfile *f, struct span s, size_t off)
{
    return f->big_endian ? wire_be16(s, off) : wire_le16(s, off);
}

/* "7 packets were read". */
static void add_read(const struct capfile *f, char *ret_text, size_t size)
{
    (void)snprintf(ret_text, size, "%" PRIu64 " packet%s read", f->n_packets,
                   f->n_packets == 1 ? " was" : "s were");
}

static enum capfile_status cut(struct capfile *f, struct errbuf *err)
{
    char read[64];
    add_read(f, read, sizeof(read));
    if (f->begun) {
        errbuf_add(err, "'%s' ends inside packet %" PRIu64 " at byte %" PRIu64 "; %s", f->name,
                   f->n_packets + 1, window_offset(&f->window), read);
    } else {
        errbuf_add(err, "'%s' ends inside its file header at byte %" PRIu64 "; %s", f->name,
                   window_offset(&f->window) + window_rest(&f->window).len, read);
    }
    return CAPFILE_BAD;
}

static enum capfile_status unreadable(struct capfile *f, struct errbuf *err)
{
    char read[64];
    const char *why = feed_why(f->feed);
    add_read(f, read, sizeof(read));
    errbuf_add(err, "'%s' %s, at packet %" PRIu64 ", byte %" PRIu64 "; %s", f->name,
               why[0] != '\0' ? why : "cannot be read: out of memory", f->n_packets + 1,
               window_offset(&f->window) + window_rest(&f->window).len, read);
    return CAPFILE_BAD;
}

enum capfile_status capfile_damaged(struct capfile *f, struct errbuf *err, const char *format, ...)
{
    char what[160];
    char read[64];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    add_read(f, read, sizeof(read));
    errbuf_add(err, "'%s' is damaged at packet %" PRIu64 ", byte %" PRIu64 ": %s; %s", f->name,
               f->n_packets + 1, window_offset(&f->window), what, read);
    return CAPFILE_BAD;
}

enum capfile_status capfile_after(struct capfile *f, enum window_status status, struct errbuf *err)
{
    switch (status) {
    case WINDOW_OK:
        return CAPFILE_OK;
    case WINDOW_END:
        return window_rest(&f->window).len == 0 && f->begun ? CAPFILE_END : cut(f, err);
    case WINDOW_WAIT:
        return CAPFILE_WAIT;
    case WINDOW_INTERRUPTED:
        return CAPFILE_INTERRUPTED;
    case WINDOW_BAD:
        break;
    }
    return unreadable(f, err);
}

enum capfile_status capfile_read(struct capfile *f, size_t len, struct errbuf *err)
{
    return capfile_after(f, window_need(&f->window, len), err);
}

static enum capfile_status not_a_capture(struct capfile *f, struct errbuf *err)
{
    struct span head = span_head(window_rest(&f->window), CAPFILE_MAGIC);
    char hex[CAPFILE_MAGIC * 3 + 1] = "";
    for (size_t i = 0; i < head.len; i++) {
        (void)snprintf(hex + i * 3, 4, " %02x", span_at(head, i));
    }
    const char *packing = feed_packing(f->feed);
    if (head.len == 0 && packing == NULL) {
        errbuf_add(err, "'%s' is empty (0 bytes)", f->name);
    } else if (packing != NULL) {
        errbuf_add(err, "'%s' is not a pcap or pcapng file (%s data that starts with%s)", f->name,
                   packing, head.len == 0 ? " nothing" : hex);
    } else {
        errbuf_add(err, "'%s' is not a pcap or pcapng file (starts with%s)", f->name, hex);
    }
    return CAPFILE_BAD;
}

/* Finds the format and reads the head of the file. */
static enum capfile_status begin(struct capfile *f, struct errbuf *err)
{
    enum window_status status = window_need(&f->window, CAPFILE_MAGIC);
    if (status != WINDOW_OK && status != WINDOW_END) {
        return capfile_after(f, status, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(formats) && f->format == NULL; i++) {
        f->format = formats[i]->knows(window_rest(&f->window)) ? formats[i] : NULL;
    }
    if (f->format == NULL) {
        return not_a_capture(f, err);
    }
    enum capfile_status begun = f->format->begin(f, err);
    f->begun = begun == CAPFILE_OK;
    return begun;
}

bool capfile_is_capture(const struct capfile *f)
{
    return f->format != NULL;
}

/* Adds the line about the damage, with how it goes on. */
static void tell_damage(struct capfile *f, const char *how, struct errbuf *err)
{
    struct span line = span_trim(span_str(errbuf_text(&f->damage)));
    errbuf_add(err, "%.*s%s", (int)line.len, (const char *)line.data, how);
    errbuf_free(&f->damage);
    f->was_damaged = true;
    f->looking = false;
}

/* The first place in s where a record begins; SPAN_NONE: not where that can be told. */
static size_t find_record(const struct capfile *f, struct span s, bool last)
{
    size_t ahead = last ? 1 : CAPFILE_LOOK_AHEAD;
    for (size_t off = 0; off + ahead <= s.len; off++) {
        if (f->format->is_record(f, wire_from(s, off), last)) {
            return off;
        }
    }
    return SPAN_NONE;
}

/* Goes on to the next record behind damage. CAPFILE_BAD: there is none. */
static enum capfile_status look(struct capfile *f, struct errbuf *err)
{
    while (true) {
        enum window_status status = window_need(&f->window, CAPFILE_LOOK_AHEAD);
        if (status == WINDOW_WAIT || status == WINDOW_INTERRUPTED) {
            return capfile_after(f, status, err);
        }
        bool last = status != WINDOW_OK;
        struct span s = window_rest(&f->window);
        size_t off = find_record(f, s, last);
        if (off != SPAN_NONE) {
            char how[64];
            window_take(&f->window, off);
            (void)snprintf(how, sizeof(how), "; went on at byte %" PRIu64,
                           window_offset(&f->window));
            tell_damage(f, how, err);
            return CAPFILE_OK;
        }
        if (last) {
            tell_damage(f, "; nothing behind it can be read", err);
            return CAPFILE_BAD;
        }
        window_take(&f->window, s.len - CAPFILE_LOOK_AHEAD + 1);
    }
}

/* The next packet, or a way past damage (CAPFILE_OK without a packet: ret_packet->link_type -1). */
static enum capfile_status next_or_look(struct capfile *f, struct packet *ret_packet,
                                        struct errbuf *err)
{
    if (f->looking) {
        ret_packet->link_type = NO_PACKET;
        return look(f, err);
    }
    enum capfile_status status = f->format->next(f, ret_packet, f->resync ? &f->damage : err);
    if (status != CAPFILE_BAD || !f->resync) {
        return status;
    }
    f->looking = true;
    f->section.skip = 0;
    if (window_rest(&f->window).len > 0) {
        window_take(&f->window, 1); /* what is here is no record */
    }
    ret_packet->link_type = NO_PACKET;
    return look(f, err);
}

enum capfile_status capfile_next(struct capfile *f, struct packet *ret_packet, struct errbuf *err)
{
    if (!f->begun) {
        enum capfile_status status = begin(f, err);
        if (status != CAPFILE_OK) {
            return status;
        }
    }
    enum capfile_status status = CAPFILE_OK;
    do {
        status = next_or_look(f, ret_packet, err);
    } while (status == CAPFILE_OK && ret_packet->link_type == NO_PACKET);
    if (status == CAPFILE_OK) {
        f->n_packets++;
        f->last_us = ret_packet->time_us;
    }
    return status;
}
