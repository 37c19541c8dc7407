/* geo_layout: the record layouts of the vendors.
 *
 * MaxMind (and DB-IP, which follows it) nest maps with names by language; IPinfo and ip-location-db
 * are flat, with the same key meaning different things in different editions. A layout is a table
 * of paths; it is chosen once for a database. Strings are bounded (they are not NUL-terminated in
 * the file), an empty one counts as absent, a number may come in any width or as text ("AS15169").
 */
#include "sensor/enrich/geo_layout.h"

#include "sensor/base/bytes.h"
#include "sensor/base/span.h"

enum { STEPS = 5 };

enum target {
    TARGET_COUNTRY_CODE,
    TARGET_COUNTRY_NAME,
    TARGET_CONTINENT_CODE,
    TARGET_REGION_CODE,
    TARGET_REGION_NAME,
    TARGET_CITY,
    TARGET_POSTAL,
    TARGET_TIMEZONE,
    TARGET_LAT,
    TARGET_LON,
    TARGET_AS_NUMBER,
    TARGET_AS_NAME,
};

struct step {
    enum target target;
    const char *path[STEPS]; /* ended by NULL */
};

struct geo_layout {
    const struct step *steps;
    size_t n;
};

static const struct step maxmind[] = {
    {TARGET_COUNTRY_CODE, {"country", "iso_code"}},
    {TARGET_COUNTRY_CODE, {"registered_country", "iso_code"}},
    {TARGET_COUNTRY_NAME, {"country", "names", "en"}},
    {TARGET_COUNTRY_NAME, {"registered_country", "names", "en"}},
    {TARGET_CONTINENT_CODE, {"continent", "code"}},
    {TARGET_REGION_CODE, {"subdivisions", "0", "iso_code"}},
    {TARGET_REGION_NAME, {"subdivisions", "0", "names", "en"}},
    {TARGET_CITY, {"city", "names", "en"}},
    {TARGET_CITY, {"city"}},
    {TARGET_POSTAL, {"postal", "code"}},
    {TARGET_TIMEZONE, {"location", "time_zone"}},
    {TARGET_LAT, {"location", "latitude"}},
    {TARGET_LON, {"location", "longitude"}},
    {TARGET_AS_NUMBER, {"autonomous_system_number"}},
    {TARGET_AS_NAME, {"autonomous_system_organization"}},
};

static const struct step ipinfo[] = {
    {TARGET_COUNTRY_CODE, {"country_code"}},
    {TARGET_COUNTRY_NAME, {"country"}},
    {TARGET_CONTINENT_CODE, {"continent_code"}},
    {TARGET_REGION_NAME, {"region"}},
    {TARGET_CITY, {"city"}},
    {TARGET_TIMEZONE, {"timezone"}},
    {TARGET_POSTAL, {"postal_code"}},
    {TARGET_LAT, {"lat"}},
    {TARGET_LON, {"lng"}},
    {TARGET_AS_NUMBER, {"asn"}},
    {TARGET_AS_NAME, {"as_name"}},
};

/* IPinfo's older editions: "country" is the code. */
static const struct step ipinfo_old[] = {
    {TARGET_COUNTRY_CODE, {"country"}},
    {TARGET_COUNTRY_NAME, {"country_name"}},
    {TARGET_CONTINENT_CODE, {"continent"}},
    {TARGET_REGION_NAME, {"region"}},
    {TARGET_CITY, {"city"}},
    {TARGET_TIMEZONE, {"timezone"}},
    {TARGET_POSTAL, {"postal_code"}},
    {TARGET_LAT, {"lat"}},
    {TARGET_LON, {"lng"}},
    {TARGET_AS_NUMBER, {"asn"}},
    {TARGET_AS_NAME, {"as_name"}},
};

/* ip-location-db. */
static const struct step flat[] = {
    {TARGET_COUNTRY_CODE, {"country_code"}},
    {TARGET_REGION_NAME, {"state1"}},
    {TARGET_CITY, {"city"}},
    {TARGET_POSTAL, {"postcode"}},
    {TARGET_TIMEZONE, {"timezone"}},
    {TARGET_LAT, {"latitude"}},
    {TARGET_LON, {"longitude"}},
    {TARGET_AS_NUMBER, {"autonomous_system_number"}},
    {TARGET_AS_NAME, {"autonomous_system_organization"}},
};

static const struct geo_layout layouts[] = {
    {maxmind, ARRAY_LEN(maxmind)},
    {ipinfo, ARRAY_LEN(ipinfo)},
    {ipinfo_old, ARRAY_LEN(ipinfo_old)},
    {flat, ARRAY_LEN(flat)},
};

/* --- values
 * ------------------------------------------------------------------------------------------ */

/* Cuts at a character: no half UTF-8 sequence stays. */
static void set_text(char *to, size_t size, struct span text)
{
    if (to[0] != '\0') {
        return;
    }
    size_t len = text.len < size - 1 ? text.len : size - 1;
    while (len > 0 && len < text.len && (text.data[len] & 0xc0) == 0x80) {
        len--;
    }
    bytes_copy(to, text.data, len);
    to[len] = '\0';
}

static bool value_real(const MMDB_entry_data_s *v, double *ret)
{
    if (v->type == MMDB_DATA_TYPE_DOUBLE) {
        *ret = v->double_value;
        return true;
    }
    if (v->type == MMDB_DATA_TYPE_FLOAT) {
        *ret = (double)v->float_value;
        return true;
    }
    return false;
}

static uint32_t value_number(const MMDB_entry_data_s *v)
{
    uint64_t n = 0;
    switch (v->type) {
    case MMDB_DATA_TYPE_UINT16:
        return v->uint16;
    case MMDB_DATA_TYPE_UINT32:
        return v->uint32;
    case MMDB_DATA_TYPE_INT32:
        return v->int32 > 0 ? (uint32_t)v->int32 : 0;
    case MMDB_DATA_TYPE_UINT64:
        return v->uint64 <= UINT32_MAX ? (uint32_t)v->uint64 : 0;
    case MMDB_DATA_TYPE_UTF8_STRING: {
        struct span text = span_of(v->utf8_string, v->data_size);
        text = span_starts_nocase(text, SPAN("AS")) ? span_from(text, 2) : text;
        return span_to_u64(text, &n) && n <= UINT32_MAX ? (uint32_t)n : 0;
    }
    default: /* MMDB's types are plain numbers, not an enum */
        return 0;
    }
}

static void set_coordinate(struct place *place, enum target target, double value)
{
    if (target == TARGET_LAT) {
        place->lat = value;
    } else {
        place->lon = value;
        place->has_location = true;
    }
}

static void set_string(struct place *p, enum target target, struct span text)
{
    switch (target) {
    case TARGET_COUNTRY_CODE:
        if (text.len == 2) {
            set_text(p->country_iso_code, sizeof(p->country_iso_code), text);
        }
        break;
    case TARGET_COUNTRY_NAME:
        set_text(p->country_name, sizeof(p->country_name), text);
        break;
    case TARGET_CONTINENT_CODE:
        if (text.len == 2) {
            set_text(p->continent_code, sizeof(p->continent_code), text);
        }
        break;
    case TARGET_REGION_CODE:
        set_text(p->region_iso_code, sizeof(p->region_iso_code), text);
        break;
    case TARGET_REGION_NAME:
        set_text(p->region_name, sizeof(p->region_name), text);
        break;
    case TARGET_CITY:
        set_text(p->city_name, sizeof(p->city_name), text);
        break;
    case TARGET_POSTAL:
        set_text(p->postal_code, sizeof(p->postal_code), text);
        break;
    case TARGET_TIMEZONE:
        set_text(p->timezone, sizeof(p->timezone), text);
        break;
    case TARGET_AS_NAME:
        set_text(p->as_organization, sizeof(p->as_organization), text);
        break;
    case TARGET_LAT:
    case TARGET_LON:
    case TARGET_AS_NUMBER:
        break;
    }
}

static void set(struct place *place, enum target target, const MMDB_entry_data_s *v)
{
    double real;
    if (target == TARGET_AS_NUMBER) {
        place->as_number = place->as_number != 0 ? place->as_number : value_number(v);
    } else if (target == TARGET_LAT || target == TARGET_LON) {
        if (value_real(v, &real)) {
            set_coordinate(place, target, real);
        }
    } else if (v->type == MMDB_DATA_TYPE_UTF8_STRING && v->data_size > 0) {
        set_string(place, target, span_of(v->utf8_string, v->data_size));
    }
}

/* "ENG" becomes "GB-ENG", as ISO 3166-2 and ECS write it. */
static void join_region(struct place *place, bool had_region)
{
    char whole[sizeof(place->region_iso_code)] = "";
    struct span region = span_str(place->region_iso_code);
    struct span country = span_str(place->country_iso_code);
    if (had_region || region.len == 0 || country.len != 2 || region.len + 4 > sizeof(whole)) {
        return;
    }
    bytes_copy(whole, country.data, 2);
    whole[2] = '-';
    bytes_copy(whole + 3, region.data, region.len);
    bytes_copy(place->region_iso_code, whole, sizeof(whole));
}

/* A path that leads nowhere, or through something that is no map, is an answer; anything else is a
 * broken record. */
static bool is_absence(int status)
{
    return status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR ||
           status == MMDB_INVALID_LOOKUP_PATH_ERROR;
}

bool geo_layout_read(const struct geo_layout *layout, MMDB_entry_s *entry, struct place *place)
{
    bool good = true;
    bool had_region = place->region_iso_code[0] != '\0';
    bool had_location = place->has_location;
    for (size_t i = 0; i < layout->n; i++) {
        MMDB_entry_data_s value;
        int status = MMDB_aget_value(entry, &value, layout->steps[i].path);
        bool coordinate =
            layout->steps[i].target == TARGET_LAT || layout->steps[i].target == TARGET_LON;
        if (status == MMDB_SUCCESS && value.has_data && !(coordinate && had_location)) {
            set(place, layout->steps[i].target, &value);
        } else if (status != MMDB_SUCCESS) {
            good = good && is_absence(status);
        }
    }
    join_region(place, had_region);
    return good;
}

/* --- which layout
 * -------------------------------------------------------------------------------------- */

static bool knows_something(const struct place *p)
{
    return p->country_iso_code[0] != '\0' || p->city_name[0] != '\0' || p->as_number != 0 ||
           p->continent_code[0] != '\0' || p->has_location;
}

static bool layout_fits(const struct geo_layout *layout, MMDB_entry_s *entry)
{
    struct place place = {0};
    (void)geo_layout_read(layout, entry, &place);
    return knows_something(&place);
}

/* A value of the flat editions of IPinfo tells which: only the newer has a code beside the name. */
static const struct geo_layout *layout_by_record(MMDB_entry_s *entry)
{
    MMDB_entry_data_s value;
    const char *const code[] = {"country_code", NULL};
    const char *const plain[] = {"country", NULL};
    bool has_code = MMDB_aget_value(entry, &value, code) == MMDB_SUCCESS && value.has_data;
    bool has_plain = MMDB_aget_value(entry, &value, plain) == MMDB_SUCCESS && value.has_data &&
                     value.type == MMDB_DATA_TYPE_UTF8_STRING;
    if (has_code && has_plain) {
        return &layouts[1];
    }
    if (has_plain) {
        return &layouts[2];
    }
    return has_code ? &layouts[3] : NULL;
}

static const struct geo_layout *layout_of_entry(MMDB_entry_s *entry)
{
    const struct geo_layout *layout = layout_by_record(entry);
    if (layout != NULL && layout_fits(layout, entry)) {
        return layout;
    }
    for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
        if (layout_fits(&layouts[i], entry)) {
            return &layouts[i];
        }
    }
    return NULL;
}

/* Depth first through the search tree, as far as the first records that tell. Bounded: a damaged
 * tree may run in circles. */
enum { TREE_DEPTH = 130, TREE_STEPS = 65536 };

struct tree_walk {
    uint32_t nodes[TREE_DEPTH];
    size_t n;
    const struct geo_layout *layout;
};

static void visit(struct tree_walk *w, uint64_t record, uint8_t type, MMDB_entry_s *entry)
{
    if (type == MMDB_RECORD_TYPE_SEARCH_NODE && w->n < TREE_DEPTH) {
        w->nodes[w->n++] = (uint32_t)record;
    } else if (type == MMDB_RECORD_TYPE_DATA && w->layout == NULL) {
        w->layout = layout_of_entry(entry);
    }
}

static const struct geo_layout *layout_by_probing(const MMDB_s *mmdb)
{
    struct tree_walk w = {.n = 1};
    for (unsigned step = 0; w.n > 0 && w.layout == NULL && step < TREE_STEPS; step++) {
        MMDB_search_node_s node;
        if (MMDB_read_node(mmdb, w.nodes[--w.n], &node) == MMDB_SUCCESS) {
            visit(&w, node.right_record, node.right_record_type, &node.right_record_entry);
            visit(&w, node.left_record, node.left_record_type, &node.left_record_entry);
        }
    }
    return w.layout;
}

const struct geo_layout *geo_layout_of(const MMDB_s *mmdb)
{
    const struct geo_layout *layout = layout_by_probing(mmdb);
    if (layout != NULL || mmdb->metadata.database_type == NULL) {
        return layout;
    }
    /* No record that tells (perhaps a damaged one): believe the type. */
    struct span type = span_str(mmdb->metadata.database_type);
    const struct span words[] = {SPAN_LITERAL("City"), SPAN_LITERAL("Country"), SPAN_LITERAL("ASN"),
                                 SPAN_LITERAL("Enterprise")};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_find(type, 0, words[i]) != SPAN_NONE) {
            return &layouts[0];
        }
    }
    if (span_find_nocase(type, 0, SPAN("ipinfo")) != SPAN_NONE) {
        return &layouts[1];
    }
    bool is_flat = span_starts(type, SPAN("country ip")) || span_starts(type, SPAN("city ip")) ||
                   span_starts(type, SPAN("asn ip"));
    return is_flat ? &layouts[3] : NULL;
}
