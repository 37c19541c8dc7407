#pragma once

#include "sensor/app/exposure.h"
#include "sensor/core/event.h"
#include "sensor/core/sighting.h"
#include "sensor/core/tally.h"
#include "sensor/core/tx.h"
#include "sensor/enrich/client.h"
#include "sensor/enrich/geo.h"
#include "sensor/output/eve.h"
#include "sensor/output/writer.h"

/* Openers of look-ups in one interval, which who sees all workers' events adds up. */
struct opened {
    uint64_t interval_us;
    uint64_t interval; /* number of the one that n is of */
    uint64_t n;
};

/* Turns findings, transactions and flows into events: asks for the places of their addresses, has
 * the event built, hands it to the writer, counts. One for each worker. */
struct report {
    struct eve *eve;
    struct geo_cache *geo;
    const struct client_policy *clients;
    struct writer *writer;
    unsigned producer; /* of the writer */
    unsigned types;    /* bit set of enum event_type that somebody wants */
    struct stats *stats;
    struct tally *tally;       /* NULL: nobody wants it */
    struct opened *opened;     /* NULL: nobody wants it */
    struct exposure *exposure; /* NULL: nobody wants it */
};

/* Counts look-ups that were opened in a field, whatever they are. */
void report_opened(const struct report *r, const struct tx *tx, enum field_id field, uint64_t n);
/* None follows before clock_us: hands on what there was in an interval that has ended. Before the
 * writer is promised that time. */
void report_opened_until(const struct report *r, uint64_t clock_us);
/* None follows at all; it is clock_us. */
void report_opened_end(const struct report *r, uint64_t clock_us);
/* What may be a step of an attempt's story; copied. */
void report_sighting(const struct report *r, const struct sighting *s);
/* `clock_us`: the event's place in the order; not below what the writer was promised. */
void report_alert(const struct report *r, struct tx *tx, const struct finding *finding,
                  uint64_t clock_us);
void report_transaction(const struct report *r, struct tx *tx);
void report_file(const struct report *r, struct tx *tx, const struct file_seen *file);
void report_flow(const struct report *r, struct conn *conn, enum close_reason reason);
/* The first packet of a flow that does not go on for its reason. */
void report_drop(const struct report *r, struct conn *conn, const struct eve_drop *drop);
void report_anomaly(const struct report *r, struct conn *conn, const struct tx *tx,
                    enum anomaly anomaly);
/* Of a packet that belongs to no flow. */
void report_packet_anomaly(const struct report *r, const struct packet *packet,
                           const struct headers *headers, enum anomaly anomaly);
