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
    SOURCE_LIVE = 1 << 0,       /* time is now; events may be dropped, packets never waited for */
    SOURCE_INLINE = 1 << 1,     /* verdicts matter */
    SOURCE_GIVES_REST = 1 << 2, /* after interrupt() receive() gives what has come already, and
                                   then nothing, without waiting */
};

/* Loss and progress. Counters since open. */
struct source_stats {
    uint64_t packets;
    uint64_t bytes; /* captured */
    uint64_t kernel_drops;
    uint64_t iface_drops;
    uint64_t errors;      /* how often a port could not be read from any more */
    uint64_t input_bytes; /* file position over all files, and their size in all; 0 when unknown */
    uint64_t input_size;
};

enum { SOURCE_PORTS_MAX = 64 };

/* One of several places that a live source reads from. Counters since open. */
struct source_port {
    const char *name; /* lives as long as the source */
    bool up;          /* captured from now */
    uint64_t packets;
    uint64_t bytes;
    uint64_t kernel_drops;
    uint64_t iface_drops;
    uint64_t errors;        /* how often it could not be read from any more */
    uint64_t upstream_lost; /* bytes that receivers acknowledged and that never came here; who asks
                               a source adds it */
};

/* How the kernel deals packets out to the sources of a group: by the two outer addresses, so that
 * fragments, tunnels and both directions stay together; or by its own hash of a flow. */
enum source_fanout { SOURCE_FANOUT_ADDRESSES, SOURCE_FANOUT_FLOWS };

struct decoy_plan;

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
    bool tended;     /* live: another thread calls tend(); else receive() does what it does */
    bool speaks;     /* live: tell the operator about interfaces: one source of a group does */
    uint16_t fanout; /* live: the kernel deals packets out to the sources of this group, which is a
                        multiple of 64; 0: alone */
    enum source_fanout fanout_by;
    uint32_t snaplen;
    bool promiscuous;
    size_t buffer_bytes;             /* kernel buffer of a live source */
    uint16_t queue;                  /* nfqueue: its number */
    uint32_t queue_packets;          /* how many may wait in it */
    uint32_t mark;                   /* netfilter mark of what the source sends itself; 0: none */
    bool fail_open;                  /* what it is too late for goes on */
    const struct decoy_plan *decoys; /* honeypot: where to listen */
    unsigned poll_ms;                /* longest wait of one receive() */
};

struct source;

/* Where packets come from. The worker owns the loop: receive a batch, process, release it, in this
 * order. Who reads files may receive others before it releases one. */
struct source_ops {
    const char *name;
    unsigned caps; /* enum source_cap */
    /* Opens every input and compiles the filter before the first packet. 0, or a negative errno
     * with a line per mistake in `err`. The source keeps no pointer into options. */
    int (*open)(const struct source_options *options, struct source **ret_source,
                struct errbuf *err);
    /* Fills the batch from its start. Packets are the source's until release(). Files: with several
     * batches out, SOURCE_OK without a packet may mean that one must be released first. */
    enum source_status (*receive)(struct source *s, struct packet_batch *batch, struct errbuf *err);
    /* Gives the whole batch back with its verdicts. */
    void (*release)(struct source *s, struct packet_batch *batch);
    /* Inline, between receive() and release(): an IP packet of our own, to be sent behind packet
     * `behind` of the batch, to where that was going or back to where it came from. Copied. */
    void (*inject)(struct source *s, size_t behind, bool back, struct span ip);
    /* Async-signal-safe: makes the next or the running receive() return SOURCE_INTERRUPTED. */
    void (*interrupt)(struct source *s);
    void (*stats)(const struct source *s, struct source_stats *ret_stats);
    /* Live: looks after interfaces that go and come, closes them and opens them again. On a thread
     * that has the rights for it, which is also the one that asks for stats and ports. What ends
     * the capture of one is a line in err. NULL: there is nothing to look after. */
    void (*tend)(struct source *s, struct errbuf *err);
    /* Live: the n-th port, in the order of the inputs; false when there are no more. */
    bool (*port)(const struct source *s, size_t n, struct source_port *ret_port);
    /* Name of an interface of the source ("eth0", or the one a pcapng names; "" when unknown);
     * lives as long as the source. */
    const char *(*iface)(const struct source *s, uint32_t iface);
    /* Nulls *s; accepts NULL. */
    void (*close)(struct source **s);
};

/* Figures of a source that are those of its ports, added up. */
struct source_stats source_sum_ports(const struct source *s,
                                     bool (*port)(const struct source *s, size_t n,
                                                  struct source_port *ret_port));

extern const struct source_ops source_file;
extern const struct source_ops source_live;
extern const struct source_ops source_nfqueue;
extern const struct source_ops source_bridge;
extern const struct source_ops source_decoy;
