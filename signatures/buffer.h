#pragma once

#include "sensor/core/field.h"

/* What a rule can look at. The first FIELD_N are the fields themselves, by their numbers; then come
 * those that are made of several fields or of a changed one. */
enum buffer {
    BUFFER_PAYLOAD = FIELD_N, /* what rules without a sticky buffer look at */
    BUFFER_HTTP_START,        /* the head of a request or response, from its first line on */
    BUFFER_FILE_DATA,
    BUFFER_REQUEST_HEADER,
    BUFFER_RESPONSE_HEADER,
    BUFFER_HEADER_RAW,
    BUFFER_HEADER_NAMES,
    BUFFER_DNS_QUERIES,
    BUFFER_DNS_RESPONSE,
    BUFFER_IP_SRC, /* this and what follows: of a packet */
    BUFFER_IP_DST,
    BUFFER_IPV4_HDR,
    BUFFER_IPV6_HDR,
    BUFFER_TCP_HDR,
    BUFFER_UDP_HDR,
    BUFFER_N
};

enum buffer_make {
    BUFFER_VALUE,       /* the field's value */
    BUFFER_HEADER_LINE, /* "name: value" */
    BUFFER_HEADERS,     /* a whole block of headers, each trimmed, without cookies */
    BUFFER_NAMES,       /* the names of a whole block of headers */
};

enum { BUFFER_FIELDS_MAX = 16 };

struct buffer_info {
    const char *name;
    enum buffer_make make;
    enum field_id fields[BUFFER_FIELDS_MAX]; /* it is made of each of these */
    size_t n_fields;                         /* 0: of every region */
};

/* By the name of a sticky buffer ("http.uri", "file.data", also Suricata's older "file_data"), or
 * by the older content modifier ("http_uri"); BUFFER_N when there is none. */
enum buffer buffer_by_name(struct span name);
enum buffer buffer_by_modifier(struct span name);
/* Of a pcre's flag letter (U, I, H …); BUFFER_N when it names none. */
enum buffer buffer_by_pcre_flag(uint8_t letter);
struct buffer_info buffer_info(enum buffer b);
/* Which way what it is made of goes: bits 1 << enum direction. */
unsigned buffer_ways(enum buffer b);
/* Whether it is a region's bytes, of any field. */
bool buffer_is_region(enum buffer b);
/* Whether it is an address or a header of a packet. */
bool buffer_is_header(enum buffer b);
/* Whether it is one of jndi.lookup, jndi.callback and jndi.variable: what an evaluation gives. */
bool buffer_is_result(enum buffer b);
/* The name of the header that a field is, as it is usually written; "" when the field is none, or
 * bears its name as its item. */
const char *buffer_header_name(enum field_id id);
/* The field of a header's own, of what goes that way; FIELD_N when it has none. */
enum field_id buffer_header_field(struct span name, enum direction dir);
