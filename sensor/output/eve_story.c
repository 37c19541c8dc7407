/* eve_story: an attempt has come further, as an alert of our own.
 *
 * It is of the flow that showed it. Who attacks is its server, and its client the target, whichever
 * of them sent the packet; of a name that was asked for only the target is told, for the server is
 * nobody's enemy. The time of the attempt, its flow and its two ends stand in
 * alert.context.jndi.attempt. Roll-ups count it among the alerts that come from no look-up, so that
 * attempts are counted once. */
#include "sensor/output/eve_story.h"

#include "sensor/core/decoder.h"
#include "sensor/output/eve_parts.h"

#include <stdio.h>

enum { SEVERITY = 1 };

static const struct {
    uint32_t sid;
    const char *msg;
} signatures[STAGE_N] = {
#define STAGE(id, name, sid, msg, doc) [STAGE_##id] = {sid, msg},
#include "sensor/core/stage.def"
#undef STAGE
};

static void add_word(struct json *j, const char *key, const char *word)
{
    json_array(j, key);
    json_text(j, NULL, word);
    json_array_end(j);
}

/* As rules have it: readers make columns of these. */
static void add_metadata(struct json *j, enum lookup_dialect dialect)
{
    bool log4j = dialect == LOOKUP_LOG4J;
    json_object(j, "metadata");
    add_word(j, "affected_product", log4j ? "Apache_Log4j" : "Apache_Commons_Text");
    add_word(j, "attack_target", "Server");
    add_word(j, "created_at", log4j ? "2021_12_10" : "2022_10_13");
    add_word(j, "cve", log4j ? "CVE_2021_44228" : "CVE_2022_42889");
    add_word(j, "mitre_tactic_id", "TA0001");
    add_word(j, "mitre_tactic_name", "Initial_Access");
    add_word(j, "mitre_technique_id", "T1190");
    add_word(j, "mitre_technique_name", "Exploit_Public_Facing_Application");
    add_word(j, "signature_severity", "Critical");
    json_object_end(j);
}

static void add_attempt(struct json *j, const struct story_attempt *a)
{
    json_object(j, "attempt");
    eve_time(j, "timestamp", a->time_us);
    json_number(j, "flow_id", a->flow_id);
    eve_addr(j, "client", &a->client);
    eve_addr(j, "target", &a->target);
    json_object_end(j);
}

static void add_callback(struct json *j, const struct story_step *step, const struct place *place)
{
    json_object(j, "callback");
    json_text(j, "host", step->host);
    eve_addr(j, "ip", &step->ip);
    if (step->attempt.what.port != 0) {
        json_number(j, "port", step->attempt.what.port);
    }
    if (place != NULL) {
        eve_geo(j, place);
    }
    json_object_end(j);
}

static void add_jndi(struct json *j, const struct sighting *seen, const struct story_step *step,
                     const struct place *place)
{
    const struct sighted_attempt *what = &step->attempt.what;
    json_object(j, "jndi");
    if (what->dialect != LOOKUP_LOG4J) {
        json_text(j, "dialect", lookup_dialect_name(what->dialect));
    }
    json_text(j, "class", lookup_class_name(what->class));
    json_text(j, "field", field_info(what->field)->name);
    if (what->scheme != SCHEME_NONE && what->scheme != SCHEME_OTHER) {
        json_text(j, "scheme", scheme_name(what->scheme)); /* any other has no name here */
    }
    json_bool(j, "reaches_network", what->reaches_network);
    add_callback(j, step, place);
    eve_id(j, "attack_id", 'a', what->attack_id);
    eve_id(j, "campaign", 'c', what->campaign);
    json_text(j, "stage", stage_name(step->stage));
    if (step->stage == STAGE_RESOLVED) {
        json_text_if(j, "asked", seen->name);
    } else if (step->stage == STAGE_REFERENCE_SERVED) {
        json_text_if(j, "reference", seen->name);
    }
    add_attempt(j, &step->attempt);
    json_object_end(j);
}

/* The look-up's own part is of all layouts, the two addresses of one. */
static void add_context(struct eve *e, struct json *j, const struct sighting *seen,
                        const struct story_step *step, const struct eve_places *places)
{
    json_object(j, "context");
    add_jndi(j, seen, step, places->callback);
    if (seen->decoy != NULL) {
        eve_honeypot(j, seen->decoy, seen->conn.id);
    }
    size_t sides = eve_piece_begin(e);
    if (eve_wants(e, LAYOUT_CONTEXT)) {
        bool back = step->stage >= STAGE_REFERENCE_SERVED;
        eve_side(j, "source", back ? places->destination : places->source);
        eve_side(j, "destination", back ? places->source : places->destination);
    }
    eve_piece_end(e, sides, LAYOUT_CONTEXT);
    json_object_end(j);
}

static void add_alert(struct eve *e, struct json *j, const struct sighting *seen,
                      const struct story_step *step, const struct eve_places *places)
{
    bool done = step->stage == STAGE_CLASS_DELIVERED;
    json_object(j, "alert");
    json_text(j, "action", "allowed");
    json_number(j, "gid", 1);
    json_number(j, "signature_id", signatures[step->stage].sid);
    json_number(j, "rev", 1);
    json_text(j, "signature", signatures[step->stage].msg);
    json_text(j, "category",
              done ? "Successful Administrator Privilege Gain"
                   : "Attempted Administrator Privilege Gain");
    json_number(j, "severity", SEVERITY);
    if (step->stage > STAGE_RESOLVED) {
        eve_endpoint(j, "source", &seen->conn, TO_CLIENT);
    }
    eve_endpoint(j, "target", &seen->conn, TO_SERVER);
    add_metadata(j, step->attempt.what.dialect);
    add_context(e, j, seen, step, places);
    json_object_end(j);
}

static struct alert_facts facts_of(const struct sighting *seen, const struct story_step *step,
                                   const struct eve_places *places)
{
    struct alert_facts f = {
        .field = step->attempt.what.field,
        .time_us = seen->conn.last_us,
        .client = seen->conn.addr[TO_CLIENT],
        .target = seen->conn.addr[TO_SERVER],
    };
    if (places->destination != NULL) {
        (void)snprintf(f.country, sizeof(f.country), "%s", places->destination->country_iso_code);
        f.as_number = places->destination->as_number;
    }
    f.asset = places->source != NULL ? places->source->asset : NULL;
    return f;
}

struct event *eve_story(struct eve *e, const struct sighting *seen, const struct story_step *step,
                        const struct eve_places *places)
{
    struct json j;
    const struct conn *conn = &seen->conn;
    const struct alert_facts facts = facts_of(seen, step, places);
    enum direction dir = step->stage >= STAGE_REFERENCE_SERVED ? TO_CLIENT : TO_SERVER;
    eve_begin(e, &j, EVENT_ALERT, conn->last_us);
    e->facts = &facts;
    eve_envelope(e, &j, conn, dir);
    eve_origin(&j, conn, conn->number);
    json_text(&j, "direction", direction_name(dir));
    add_alert(e, &j, seen, step, places);
    eve_flow_brief(&j, conn);
    json_number(&j, "stream", conn->proto == IP_PROTO_TCP);
    eve_layouts(e, &j, conn, dir, places);
    eve_metadata(e, &j, conn, NULL);
    struct event *event = eve_finish(e, &j, EVENT_ALERT, &seen->key);
    e->facts = NULL;
    return event;
}
