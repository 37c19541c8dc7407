#pragma once

#include "sensor/core/event.h"
#include "sensor/core/file.h"
#include "sensor/core/place.h"
#include "sensor/core/source.h"
#include "sensor/core/stats.h"
#include "sensor/core/tx.h"
#include "sensor/output/json.h"

/* Builds events in EVE's layout: the only place that knows how findings, transactions and flows
 * look as JSON. One for each worker. Every function returns a finished event that the caller owns
 * (mem_free()), or NULL when there is no memory: count it as lost. */
struct eve;

struct redact;

struct eve_options {
    const char *host;            /* sensor name; copied */
    size_t line_bytes;           /* longest line */
    const char *evidence_folder; /* of the capture files of flows that have one; NULL: none.
                                    Outlives it */
    const struct redact *redact; /* what is not told; copied. NULL: nothing */
    unsigned layouts; /* bit set of enum layout that some output has; 0: LAYOUT_CONTEXT */
};

struct eve *eve_new(const struct eve_options *options);
/* Nulls *e; accepts NULL. */
void eve_free(struct eve **e);

/* What is known of the addresses of an event. NULL: not known. */
struct eve_places {
    const struct place *source;      /* of the client's side of the flow */
    const struct place *destination; /* of the server's side */
    const struct client *client;     /* the real client, when a proxy told it */
    const struct place *client_place;
    const struct place *callback;
};

/* conn->n_events is counted up: it numbers the events of a flow. */
struct event *eve_alert(struct eve *e, struct tx *tx, const struct finding *finding,
                        const struct eve_places *places);
/* What who counts alerts goes by. */
void eve_alert_facts(const struct tx *tx, const struct finding *finding,
                     const struct eve_places *places, struct alert_facts *ret_facts);
/* Event number `part`, from 0, of a transaction: by its decoder an http, smtp, ldap or tls event,
 * or the dns events of question and answer. NULL without an event when there is none of that number
 * (of dns, the other may be there): *ret_has_event tells that from memory that is short. */
enum { EVE_TRANSACTION_PARTS = 2 };
struct event *eve_transaction(struct eve *e, struct tx *tx, unsigned part,
                              const struct eve_places *places, bool *ret_has_event);
/* A fileinfo event: a file that the transaction carries, which is complete or will not be. */
struct event *eve_file(struct eve *e, struct tx *tx, const struct file_seen *file,
                       const struct eve_places *places);
/* A packet that did not go on: its headers, and why. */
struct eve_drop {
    const struct headers *headers;
    enum direction dir;
    enum verdict verdict;
    enum drop_reason reason;
};
struct event *eve_drop(struct eve *e, struct conn *conn, const struct eve_drop *drop);
struct event *eve_flow(struct eve *e, struct conn *conn, enum close_reason reason,
                       const struct eve_places *places);
/* tx may be NULL. */
struct event *eve_anomaly(struct eve *e, struct conn *conn, const struct tx *tx,
                          enum anomaly anomaly);
/* An anomaly of a packet that was not given to a flow; of the headers what could be read. */
struct event *eve_packet_anomaly(struct eve *e, const struct packet *packet,
                                 const struct headers *headers, enum anomaly anomaly);
/* An anomaly of the sensor's own, at that time. */
struct event *eve_own_anomaly(struct eve *e, uint64_t time_us, enum anomaly anomaly);
/* A figure that is not of stats.def: one of an output. */
struct eve_figure {
    const char *name;  /* "lost" */
    const char *about; /* "redis": the two make the key output_lost_redis */
    uint64_t value;
};
struct eve_rules {
    uint64_t reloaded_us; /* wall clock; 0: not told */
    uint64_t n_loaded;
    uint64_t n_failed;
};

/* What a stats event tells. */
struct eve_sums {
    uint64_t uptime_s; /* of packet time */
    const struct stats *stats;
    const struct source_port *ports; /* interfaces; NULL when there are none */
    size_t n_ports;
    const struct eve_figure *outputs;
    size_t n_outputs;
    const struct eve_rules *rules; /* NULL: not told */
};
/* The rule set in use, as the one object of an array of that name. */
void eve_add_rules(struct json *j, const char *name, const struct eve_rules *rules);
/* The same counters as members of the object that is open, those without a place in EVE in one of
 * its own, "flowints". */
void eve_add_counters(struct json *j, const struct eve_sums *sums);
/* One thread's counters as an object of that name, with all the objects that suricata_exporter
 * expects there, also where nothing in them is counted. */
void eve_add_thread(struct json *j, const char *name, const struct stats *stats);
struct event *eve_stats(struct eve *e, uint64_t time_us, const struct eve_sums *sums);

/* The event type that eve_transaction() would write for a decoder's transactions, or EVENT_N. */
enum event_type eve_transaction_type(const struct decoder *decoder);

/* Members of the open object, as all that is told in JSON writes them: a time; an id, "c-0123abcd";
 * what is known of an asset, its name under `name_key`. `key` NULL: an item of the open array. */
void eve_time(struct json *j, const char *key, uint64_t time_us);
void eve_id(struct json *j, const char *key, char prefix, uint64_t id);
void eve_asset(struct json *j, const char *name_key, const struct asset *asset);
