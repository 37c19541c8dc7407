#pragma once

#include "sensor/base/hash.h"
#include "sensor/core/anomaly.h"
#include "sensor/core/packet.h"
#include "sensor/core/stats.h"
#include "sensor/packet/checksum.h"

/* What became of a packet. Each is counted in exactly one of PACKETS_DECODED, PACKETS_FRAGMENTS,
 * PACKETS_NOT_IP and the REFUSED_ counters, which together are DECODER_PKTS. */
enum decode_result {
    DECODE_DONE,    /* the headers are filled */
    DECODE_HELD,    /* an IP fragment, kept until its datagram is whole. Where it gives another
                       reading of one that was, packet_alternate() has that */
    DECODE_NOT_IP,  /* ARP, spanning tree … */
    DECODE_REFUSED, /* too short, impossible, too deep …: counted by reason */
};

/* Told of malformed packets while they are decoded. `headers` is what was read so far; its spans
 * are not set. */
struct packet_user {
    void (*anomaly)(void *ctx, const struct packet *packet, const struct headers *headers,
                    enum anomaly anomaly);
    void *ctx;
};

struct packet_options {
    struct stats *stats;               /* the worker's; outlives the decoder */
    struct packet_user user;           /* anomaly may be NULL */
    struct checksum_policy *checksums; /* NULL: none is verified; outlives the decoder */
    bool survey;           /* this decoder makes the policy's survey, and refuses nothing */
    struct hash_key key;   /* of the table of fragments */
    unsigned max_layers;   /* most nested headers */
    size_t fragment_bytes; /* most memory for fragments */
    uint64_t fragment_timeout_us;
};

/* Takes packets apart, from the link layer to the innermost transport header. One per worker. */
struct packet_decoder;

/* 0, or -ENOMEM. */
MUST_USE int packet_decoder_new(const struct packet_options *options,
                                struct packet_decoder **ret_decoder);
/* Nulls *d; accepts NULL. Fragments still held are counted as dropped. */
void packet_decoder_free(struct packet_decoder **d);

/* Takes one packet. ret_headers is filled when DECODE_DONE; its spans lie in the packet, or in a
 * reassembled datagram that lives until the next call. */
enum decode_result packet_decode(struct packet_decoder *d, const struct packet *packet,
                                 struct headers *ret_headers);
/* The next packet of the frame that packet_decode() took: an aggregate of Wi-Fi has several. false
 * when there is none; else *ret_result says what became of it, as for the first. Not counted as a
 * packet. */
bool packet_next(struct packet_decoder *d, struct headers *ret_headers,
                 enum decode_result *ret_result);
/* The next other reading of the datagram that the last of these two returned: its fragments
 * overlap with different data, and a receiver may take others than the first. false when there is
 * none left that holds whole headers. Not counted as a packet. */
bool packet_alternate(struct packet_decoder *d, struct headers *ret_headers);

/* Whether packets of this link type (LINKTYPE_ or DLT_ number) can be decoded. */
bool packet_link_supported(int link_type);
/* Their names for an error message: "EN10MB, RAW, …". */
const char *packet_link_names(void);
