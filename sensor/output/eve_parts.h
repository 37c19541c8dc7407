#pragma once

/* What the files of eve share; not for others. */

#include "sensor/output/community_id.h"
#include "sensor/output/eve.h"
#include "sensor/output/json.h"
#include "sensor/output/redact.h"

struct eve {
    struct sbuf out;
    struct sbuf host;
    struct community_ids ids;
    size_t soft_cap;
    const char *evidence_folder; /* NULL: none */
    struct redact redact;
    struct sbuf redacted; /* the value at hand */
    uint64_t n_stats;     /* stats events so far: the later one of a time stands later */
    unsigned layouts;
    size_t repeat_off;                       /* as the event's */
    const struct alert_facts *facts;         /* of the event at hand; NULL: none */
    struct event_piece pieces[EVENT_PIECES]; /* of the event at hand */
    size_t n_pieces;
};

/* The keys that all events of a flow begin with. `time_us` is the event's; dir: whose sender is
 * src_ip. */
void eve_begin(struct eve *e, struct json *j, enum event_type type, uint64_t time_us);
void eve_envelope(struct eve *e, struct json *j, const struct conn *conn, enum direction dir);
/* The same of a packet that belongs to no flow, as far as its headers could be read. */
void eve_packet(struct json *j, const struct headers *headers);
/* "capture_file", of a flow that has one. */
void eve_capture_file(const struct eve *e, struct json *j, const struct conn *conn);
/* "pcap_cnt" and "app_proto". */
void eve_origin(struct json *j, const struct conn *conn, uint64_t number);
/* metadata with the flow's marks, figures and, when given, the places as flowvars; also what
 * cutting the line has to say. */
void eve_metadata(struct eve *e, struct json *j, const struct conn *conn,
                  const struct eve_places *places);
/* Geo data of the layouts but LAYOUT_CONTEXT; dir: whose sender is src_ip. places may be NULL. */
void eve_layouts(struct eve *e, struct json *j, const struct conn *conn, enum direction dir,
                 const struct eve_places *places);
/* Whether any output has that layout. */
bool eve_wants(const struct eve *e, enum layout layout);
/* What is written between the two is a piece of the layout; nothing is none. Never the first member
 * of an object, so that its comma goes with it. */
size_t eve_piece_begin(const struct eve *e);
void eve_piece_end(struct eve *e, size_t begin, enum layout layout);
/* Closes the object and makes the event. */
struct event *eve_finish(struct eve *e, struct json *j, enum event_type type,
                         const struct event_key *key);
struct event_key eve_key(struct conn *conn);

/* geo, as and scope of an address, as members of the open object. */
void eve_place(struct json *j, const struct place *place);
/* geo and as only. */
void eve_geo(struct json *j, const struct place *place);
/* The http, smtp and email, dns, ldap or tls objects of a transaction. */
void eve_app_objects(struct eve *e, struct json *j, const struct tx *tx);
/* The ldap object. */
void eve_ldap(struct json *j, const struct tx *tx);
/* The tls object; of a connection whose server was not seen without its version. */
void eve_tls(struct json *j, const struct tx *tx);
/* Whether a DNS message of that direction was seen: a question to the server, or an answer. */
bool eve_dns_has(const struct tx *tx, enum direction dir);
/* The dns object of that message. */
void eve_dns(struct json *j, const struct tx *tx, enum direction dir);
/* "verdict": what became of a packet. */
void eve_verdict(struct json *j, enum verdict verdict);
/* The flow object as alerts carry it. */
void eve_flow_brief(struct json *j, const struct conn *conn);
void eve_addr(struct json *j, const char *key, const struct addr *addr);
/* Parts of alerts, as members of the open object: an address and its port; what is known of an
 * address, or nothing for NULL; the decoy that a flow touches. */
void eve_endpoint(struct json *j, const char *key, const struct conn *conn, enum direction dir);
void eve_side(struct json *j, const char *key, const struct place *place);
void eve_honeypot(struct json *j, const struct decoy *decoy, uint64_t flow_id);
