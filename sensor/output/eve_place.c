/* eve_place: where an address is, under the names of the Elastic Common Schema, so that one rename
 * lifts them into place. */
#include "sensor/output/eve_parts.h"

static bool has_geo(const struct place *p)
{
    return p->country_iso_code[0] != '\0' || p->country_name[0] != '\0' ||
           p->city_name[0] != '\0' || p->continent_code[0] != '\0' || p->has_location;
}

void eve_geo(struct json *j, const struct place *p)
{
    if (has_geo(p)) {
        json_object(j, "geo");
        json_text_if(j, "country_iso_code", p->country_iso_code);
        json_text_if(j, "country_name", p->country_name);
        json_text_if(j, "continent_code", p->continent_code);
        json_text_if(j, "region_iso_code", p->region_iso_code);
        json_text_if(j, "region_name", p->region_name);
        json_text_if(j, "city_name", p->city_name);
        json_text_if(j, "postal_code", p->postal_code);
        json_text_if(j, "timezone", p->timezone);
        if (p->has_location) {
            json_object(j, "location");
            json_real(j, "lat", p->lat);
            json_real(j, "lon", p->lon);
            json_object_end(j);
        }
        json_object_end(j);
    }
    if (p->as_number != 0 || p->as_organization[0] != '\0') {
        json_object(j, "as");
        if (p->as_number != 0) {
            json_number(j, "number", p->as_number);
        }
        if (p->as_organization[0] != '\0') {
            json_object(j, "organization");
            json_text(j, "name", p->as_organization);
            json_object_end(j);
        }
        json_object_end(j);
    }
}

void eve_asset(struct json *j, const char *name_key, const struct asset *a)
{
    json_text(j, name_key, a->name);
    json_text_if(j, "owner", a->owner);
    json_text_if(j, "exposure", reach_name(a->exposure));
    if (a->vulnerable != VULNERABLE_UNKNOWN) {
        json_bool(j, "vulnerable", a->vulnerable == VULNERABLE_YES);
    }
}

void eve_place(struct json *j, const struct place *p)
{
    eve_geo(j, p);
    json_text(j, "scope", scope_name(p->scope));
    if (p->asset != NULL) {
        json_object(j, "asset");
        eve_asset(j, "name", p->asset);
        json_object_end(j);
    }
}
