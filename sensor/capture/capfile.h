#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/wire.h"
#include "sensor/capture/ifaces.h"
#include "sensor/capture/window.h"
#include "sensor/core/packet.h"

/* One capture file while it is read: what format_pcap.c and format_pcapng.c share. */

enum capfile_status {
    CAPFILE_OK,
    CAPFILE_END,
    CAPFILE_WAIT, /* the batch must be released first */
    CAPFILE_INTERRUPTED,
    CAPFILE_BAD, /* nothing more can be read; a line in the errbuf */
};

struct capfile;

/* A file format. */
struct capture_format {
    /* Whether a file that begins so is one; at least CAPFILE_MAGIC bytes, less when the file has no
     * more. */
    bool (*knows)(struct span head);
    /* Reads what stands before the first packet. */
    enum capfile_status (*begin)(struct capfile *f, struct errbuf *err);
    /* The next packet: all but its number and clock. */
    enum capfile_status (*next)(struct capfile *f, struct packet *ret_packet, struct errbuf *err);
    /* Whether a record begins at the front of s, and another behind it. `last`: s ends where the
     * file does; else it is at least CAPFILE_LOOK_AHEAD bytes. */
    bool (*is_record)(const struct capfile *f, struct span s, bool last);
};

extern const struct capture_format format_pcap;
extern const struct capture_format format_pcapng;

enum {
    CAPFILE_MAGIC = 4,
    CAPFILE_MAX_PACKET = 256 * 1024, /* more is taken for damage, as libpcap does */
    CAPFILE_MAX_BLOCK = 384 * 1024,
    CAPFILE_MIN_WINDOW = CAPFILE_MAX_BLOCK + 64,
    CAPFILE_LOOK_AHEAD = CAPFILE_MAX_BLOCK + 32, /* a record and the head of the next */
    CAPFILE_MAX_SECTION_IFACES = 4096,
};

/* Classic pcap. */
struct pcap_head {
    size_t record_header; /* bytes */
    bool nanoseconds;
    int link_type;
    uint32_t iface;
};

/* An interface of the current section of a pcapng file. */
struct pcapng_iface {
    uint32_t iface; /* index in the source */
    int link_type;
    uint32_t snaplen; /* 0: none */
    bool binary;      /* resolution is a power of two, else of ten */
    uint8_t exponent;
    int64_t offset_s;
};

struct pcapng_section {
    struct pcapng_iface *ifaces;
    size_t n_ifaces;
    size_t room;
    uint64_t skip; /* bytes of a block yet to be passed */
};

struct capfile {
    const char *name; /* for messages; the owner's */
    struct feed *feed;
    struct window window;
    struct ifaces *ifaces; /* the source's */
    const struct capture_format *format;
    bool begun;
    bool big_endian;
    uint64_t n_packets; /* read so far */
    uint32_t number;    /* of the last packet's interface, in the file's own count */
    uint64_t last_us;   /* time of the last packet */
    bool resync;        /* look for the next record behind damage */
    bool looking;       /* doing so */
    bool was_damaged;
    struct errbuf damage; /* its line, until it is known how it goes on */
    struct pcap_head pcap;
    struct pcapng_section section;
};

/* Opens the file at `path` ("-": standard input) without reading from it yet. The stretches, of
 * CAPFILE_MIN_WINDOW bytes at least, and the ifaces outlive it. 0 or a negative errno. */
MUST_USE int capfile_open(const char *path, int wake_fd, struct stretches *stretches,
                          struct ifaces *ifaces, struct capfile **ret_file);
/* Nulls *f; accepts NULL. */
void capfile_close(struct capfile **f);
/* The next packet, all but its number and clock; its data lies in the window's stretch. */
enum capfile_status capfile_next(struct capfile *f, struct packet *ret_packet, struct errbuf *err);
/* Whether what was read so far shows that this is a capture at all. */
bool capfile_is_capture(const struct capfile *f);

/* For the formats. */
uint16_t capfile_u16(const struct capfile *f, struct span s, size_t off);
static inline uint32_t capfile_u32(const struct capfile *f, struct span s, size_t off)
{
    return f->big_endian ? wire_be32(s, off) : wire_le32(s, off);
}
/* capfile_need() where they are not there yet. */
enum capfile_status capfile_read(struct capfile *f, size_t len, struct errbuf *err);
/* The next len bytes; not OK: returns what capfile_next() is to return, END only when the file ends
 * exactly here, BAD (with a line) when it ends within. */
static inline enum capfile_status capfile_need(struct capfile *f, size_t len, struct errbuf *err)
{
    return window_has(&f->window, len) ? CAPFILE_OK : capfile_read(f, len, err);
}
/* The same for a window_skip() or window_need() of the format's own. */
enum capfile_status capfile_after(struct capfile *f, enum window_status status, struct errbuf *err);
/* A line that names the packet and the offset; returns CAPFILE_BAD. */
enum capfile_status capfile_damaged(struct capfile *f, struct errbuf *err, const char *format, ...)
    PRINTF(3, 4);
