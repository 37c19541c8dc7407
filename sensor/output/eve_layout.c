/* eve_layout: geo data where other consumers look for it than Suricata's schema allows.
 *
 * The names are those of the consumers: the Elastic Common Schema (source, destination, client),
 * Logstash's geoip filter in its older layout, EveBox's own enrichment. Each is a piece of the
 * event, which only outputs with that layout get. What is where follows from whose side the event
 * is told from: the source is src_ip. */
#include "sensor/output/eve_parts.h"

#include <stdio.h>

bool eve_wants(const struct eve *e, enum layout layout)
{
    return (e->layouts & (1u << layout)) != 0;
}

size_t eve_piece_begin(const struct eve *e)
{
    return e->out.len;
}

void eve_piece_end(struct eve *e, size_t begin, enum layout layout)
{
    if (e->out.len > begin) {
        CHECK(e->n_pieces < EVENT_PIECES);
        e->pieces[e->n_pieces++] =
            (struct event_piece){.off = begin, .len = e->out.len - begin, .layouts = 1u << layout};
    }
}

static bool knows(const struct place *p)
{
    return p != NULL && (p->country_iso_code[0] != '\0' || p->country_name[0] != '\0' ||
                         p->continent_code[0] != '\0' || p->city_name[0] != '\0' ||
                         p->has_location || p->as_number != 0 || p->as_organization[0] != '\0');
}

/* One end of an event. */
struct side {
    const struct addr *addr;
    const uint16_t *port; /* or NULL */
    const struct place *place;
};

/* --- Elastic Common Schema
 * ---------------------------------------------------------------------------- */

static void add_ecs(struct json *j, const char *key, const struct side *side)
{
    json_object(j, key);
    eve_addr(j, "ip", side->addr);
    if (side->port != NULL) {
        json_number(j, "port", *side->port);
    }
    if (side->place != NULL) {
        eve_geo(j, side->place);
    }
    json_object_end(j);
}

/* --- Logstash
 * ------------------------------------------------------------------------------------------ */

static void add_location(struct json *j, const struct place *p)
{
    if (p->has_location) {
        json_object(j, "location");
        json_real(j, "lat", p->lat);
        json_real(j, "lon", p->lon);
        json_object_end(j);
    }
}

/* "QC" of "CA-QC". */
static struct span region_code(const struct place *p)
{
    struct span code = span_str(p->region_iso_code);
    size_t dash = span_find_byte(code, 0, '-');
    return dash == SPAN_NONE ? code : span_from(code, dash + 1);
}

static void add_logstash(struct json *j, const struct side *side)
{
    const struct place *p = side->place;
    json_object(j, "geoip");
    eve_addr(j, "ip", side->addr);
    json_text_if(j, "continent_code", p->continent_code);
    json_text_if(j, "country_code2", p->country_iso_code);
    json_text_if(j, "country_name", p->country_name);
    json_string_if(j, "region_code", region_code(p));
    json_text_if(j, "region_name", p->region_name);
    json_text_if(j, "city_name", p->city_name);
    json_text_if(j, "postal_code", p->postal_code);
    json_text_if(j, "timezone", p->timezone);
    if (p->has_location) {
        json_real(j, "latitude", p->lat);
        json_real(j, "longitude", p->lon);
    }
    add_location(j, p);
    if (p->as_number != 0) {
        json_number(j, "asn", p->as_number);
    }
    json_text_if(j, "as_org", p->as_organization);
    json_object_end(j);
}

/* --- EveBox
 * -------------------------------------------------------------------------------------------- */

static void add_evebox(struct json *j, const char *key, const struct side *side)
{
    static const struct {
        const char *code;
        const char *name;
    } continents[] = {
        {"AF", "Africa"},        {"AN", "Antarctica"}, {"AS", "Asia"},          {"EU", "Europe"},
        {"NA", "North America"}, {"OC", "Oceania"},    {"SA", "South America"},
    };
    const struct place *p = side->place;
    if (!knows(p)) {
        return;
    }
    json_object(j, key);
    eve_addr(j, "ip", side->addr);
    for (size_t i = 0; i < ARRAY_LEN(continents); i++) {
        if (span_equal(span_str(continents[i].code), span_str(p->continent_code))) {
            json_text(j, "continent_name", continents[i].name);
        }
    }
    json_text_if(j, "country_iso_code", p->country_iso_code);
    json_text_if(j, "country_name", p->country_name);
    json_text_if(j, "region_iso_code", p->region_iso_code);
    json_text_if(j, "region_name", p->region_name);
    json_text_if(j, "city_name", p->city_name);
    add_location(j, p);
    json_object_end(j);
}

/* --- all
 * -----------------------------------------------------------------------------------------------
 */

/* Whom one geoip object is about: the real client, else who of the two is known. */
static const struct side *foremost(const struct side *client, const struct side *source,
                                   const struct side *destination)
{
    return knows(client->place)        ? client
           : knows(source->place)      ? source
           : knows(destination->place) ? destination
                                       : NULL;
}

void eve_layouts(struct eve *e, struct json *j, const struct conn *conn, enum direction dir,
                 const struct eve_places *p)
{
    if (p == NULL) {
        return;
    }
    enum direction back = direction_other(dir);
    bool has_ports =
        conn->proto == IP_PROTO_TCP || conn->proto == IP_PROTO_UDP || conn->proto == IP_PROTO_SCTP;
    const struct place *places[] = {[TO_SERVER] = p->source, [TO_CLIENT] = p->destination};
    struct side source = {&conn->addr[dir], has_ports ? &conn->port[dir] : NULL, places[dir]};
    struct side target = {&conn->addr[back], has_ports ? &conn->port[back] : NULL, places[back]};
    struct side client = {p->client != NULL ? &p->client->addr : NULL, NULL, p->client_place};
    size_t begin = eve_piece_begin(e);
    if (eve_wants(e, LAYOUT_ECS)) {
        add_ecs(j, "source", &source);
        add_ecs(j, "destination", &target);
        if (client.addr != NULL) {
            add_ecs(j, "client", &client);
        }
        eve_piece_end(e, begin, LAYOUT_ECS);
    }
    begin = eve_piece_begin(e);
    const struct side *one = foremost(&client, &source, &target);
    if (eve_wants(e, LAYOUT_LOGSTASH) && one != NULL) {
        add_logstash(j, one);
        eve_piece_end(e, begin, LAYOUT_LOGSTASH);
    }
    begin = eve_piece_begin(e);
    if (eve_wants(e, LAYOUT_EVEBOX)) {
        add_evebox(j, "geoip_source", client.addr != NULL ? &client : &source);
        add_evebox(j, "geoip_destination", &target);
        eve_piece_end(e, begin, LAYOUT_EVEBOX);
    }
}
