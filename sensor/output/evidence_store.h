#pragma once

#include "sensor/base/errbuf.h"

#include <stdint.h>

/* Capture files of flows that were told of: one classic pcap file for each flow, in one folder;
 * with one more than the cap the oldest goes. */
struct evidence_store;

struct evidence_store_options {
    const char *folder;   /* outlives the store */
    size_t files_max;     /* files of earlier runs are counted in */
    unsigned n_producers; /* each one thread */
    bool threaded;        /* files are written by a thread of its own; else inside of put */
    bool may_drop;        /* a full queue drops, and counts; else the producer waits */
};

/* One packet of a flow. Made with mem_alloc(), owned by who holds it. */
struct evidence_piece {
    uint64_t flow_id;
    uint64_t time_us;
    uint32_t wire_len;
    int link_type;
    bool last; /* no packet: the flow has ended */
    size_t len;
    uint8_t bytes[];
};

/* Looks at the folder, which has to be there and to be ours to write. 0, or a negative errno with a
 * line in err. */
MUST_USE int evidence_store_new(const struct evidence_store_options *options,
                                struct evidence_store **ret_store, struct errbuf *err);
/* Starts the thread, if there is to be one. */
MUST_USE int evidence_store_start(struct evidence_store *s);
/* Takes the piece, whatever happens. */
void evidence_store_put(struct evidence_store *s, unsigned producer, struct evidence_piece *piece);
/* Packets that are in no file, for want of space or memory. Any thread may ask. */
uint64_t evidence_store_lost(const struct evidence_store *s);
/* All producers are done: writes everything. Nulls *s; accepts NULL. */
void evidence_store_free(struct evidence_store **s);

enum { EVIDENCE_NAME_SIZE = 48 };
/* The name of a flow's file, in the folder. */
void evidence_name(uint64_t flow_id, char *ret_text, size_t size);
