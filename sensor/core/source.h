#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/core/packet.h"

enum source_status {
    SOURCE_OK,      /* the batch holds packets, perhaps none */
    SOURCE_TIMEOUT, /* live: nothing came within the poll interval */
    SOURCE_END,     /* no more packets, all was read */
    SOURCE_END_BAD, /* no more packets, an input could not be read to its end: the errbuf says which
                       and where */
    SOURCE_INTERRUPTED, /* interrupt() was called */
    SOURCE_FAILED,      /* capture ended by itself: the errbuf says why */
};

enum source_cap {
    SOURCE_LIVE = 1 << 0,   /* time is now; events may be dropped, packets never waited for */
    SOURCE_INLINE = 1 << 1, /* verdicts matter */
};

/* Loss and progress. Counters since open. */
struct source_stats {
    uint64_t packets;
    uint64_t bytes; /* captured */
    uint64_t kernel_drops;
    uint64_t iface_drops;
    uint64_t input_bytes; /* file position over all files, and their size in all; 0 when unknown */
    uint64_t input_size;
};

struct source_options {
    const char *const *inputs; /* files, directories, "-"; or interface names */
    size_t n_inputs;
    const char *filter; /* BPF expression or NULL */
    /* Which link types the decoder reads, and their names (static): packets of others are an error
     * of their input. NULL: all. */
    bool (*link_supported)(int link_type);
    const char *link_names;
    bool resync;     /* files: read on behind damage, where records can be told again */
    bool wait;       /* live: wait for interfaces that are not there, or that go away */
    uint16_t fanout; /* live: the kernel deals flows out to the sources of this group; 0: alone */
    uint32_t snaplen;
    bool promiscuous;
    size_t buffer_bytes; /* kernel buffer of a live source */
    unsigned poll_ms;    /* longest wait of one receive() */
};

struct source;

/* Where packets come from. The worker owns the loop: receive a batch, process, release it, in this
 * order. */
struct source_ops {
    const char *name;
    unsigned caps; /* enum source_cap */
    /* Opens every input and compiles the filter before the first packet. 0, or a negative errno
     * with a line per mistake in `err`. The source keeps no pointer into options. */
    int (*open)(const struct source_options *options, struct source **ret_source,
                struct errbuf *err);
    /* Fills the batch from its start. Packets are the source's until release(). */
    enum source_status (*receive)(struct source *s, struct packet_batch *batch, struct errbuf *err);
    /* Gives the whole batch back with its verdicts. */
    void (*release)(struct source *s, struct packet_batch *batch);
    /* Async-signal-safe: makes the next or the running receive() return SOURCE_INTERRUPTED. */
    void (*interrupt)(struct source *s);
    void (*stats)(const struct source *s, struct source_stats *ret_stats);
    /* Name of an interface of the source ("eth0", or the one a pcapng names; "" when unknown);
     * lives as long as the source. */
    const char *(*iface)(const struct source *s, uint32_t iface);
    /* Nulls *s; accepts NULL. */
    void (*close)(struct source **s);
};

extern const struct source_ops source_file;
extern const struct source_ops source_live;
