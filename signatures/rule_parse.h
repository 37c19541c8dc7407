#pragma once

#include "sensor/base/sbuf.h"
#include "signatures/rule.h"

/* What the reader of rules and its keywords share; nobody else includes this. */

enum { RULE_METADATA_MAX = 128, RULE_REFERENCES_MAX = 64, RULE_SCHEMES_MAX = 16 };

/* A buffer's tests while they are being read. */
struct group_parse {
    enum buffer buffer;
    struct group_parse *outer; /* of base64_data: the group whose last base64_decode it is of */
    size_t outer_test;
    uint8_t n_transforms;
    struct rule_step transforms[RULE_TRANSFORMS_MAX];
    struct rule_test tests[RULE_TESTS_MAX];
    size_t n_tests;
    struct span variables[RULE_VARIABLES_MAX]; /* names, in the order read */
    size_t n_variables;
    enum rule_presence presence;
    bool apart; /* what comes later for that buffer is another group */
};

/* One rule being read. */
struct rule_parse {
    struct rule_set *set;
    const char *file;
    size_t line;
    uint32_t sid;        /* for messages; 0 until known */
    struct span keyword; /* for messages; empty outside the options */
    unsigned n_mistakes;
    struct rule *rule;
    bool has_priority;
    unsigned flow_sorts; /* of the words of flow that stood there */
    struct group_parse groups[RULE_GROUPS_MAX];
    size_t n_groups;
    struct group_parse *group; /* chosen by the last sticky buffer; NULL: none yet */
    bool named;                /* it was named, and nothing was asked of it since */
    struct rule_test *last;    /* the content that modifiers apply to, or NULL */
    struct group_parse *last_group;
    struct group_parse *followed; /* of the last content or expression, wherever it was moved */
    struct group_parse *decoded;  /* has a base64_decode whose base64_data has not come yet */
    struct signature_metadata metadata[RULE_METADATA_MAX];
    struct span references[RULE_REFERENCES_MAX];
    struct span schemes[RULE_SCHEMES_MAX];
};

/* KEYWORD_ONCE: a value, and once in a rule. */
enum keyword_value { KEYWORD_ALONE, KEYWORD_VALUE, KEYWORD_EITHER, KEYWORD_ONCE };

/* Of what buffer a keyword is where no sticky one is chosen. */
enum keyword_buffer_of {
    KEYWORD_OF_PAYLOAD,
    KEYWORD_FOLLOWS, /* with the word "relative" of that of the content or expression before it */
};

/* One row for each keyword of the language. apply() returns false when it has told of a mistake. */
struct keyword {
    const char *name;
    enum keyword_value value;
    bool (*apply)(struct rule_parse *p, struct span value);
    enum keyword_buffer_of of;
};

/* NULL when there is none of that name. */
const struct keyword *keyword_find(struct span name);
/* Sticky buffers and old modifiers: true when `name` was one, and has been dealt with. */
bool keyword_buffer(struct rule_parse *p, struct span name);
/* "file.data:to_client": a sticky buffer of what goes that way; true when it has been dealt with.
 */
bool keyword_buffer_way(struct rule_parse *p, struct span name, struct span value);

/* What a message shows of a rule's own words: bytes up to a NUL, and at most this many. */
struct rule_shown {
    char text[61];
};

/* The start of `word`, to be told within a mistake: rule_mistake(p, "…'%s'", rule_shown(word).text)
 */
struct rule_shown rule_shown(struct span word);
/* Adds "file:line: sid N: keyword: " and the text to the set's mistakes; returns false. */
bool rule_mistake(struct rule_parse *p, const char *format, ...) PRINTF(2, 3);
/* Adds the same to the set's warnings, where it has any. */
void rule_warning(struct rule_parse *p, const char *format, ...) PRINTF(2, 3);
/* The group of that buffer with no transforms, made if need be; NULL with a mistake told when there
 * are too many. */
struct group_parse *rule_group_for(struct rule_parse *p, enum buffer buffer);
/* One more group of that buffer, empty; NULL with a mistake told when there are too many. */
struct group_parse *rule_group_new(struct rule_parse *p, enum buffer buffer);
/* Room for one more test in the chosen buffer (the payload when none was chosen), or NULL. */
struct rule_test *rule_test_add(struct rule_parse *p, enum rule_test_kind kind);
/* The same in a buffer that the keyword itself names; the chosen one stays. */
struct rule_test *rule_test_in(struct rule_parse *p, enum buffer buffer, enum rule_test_kind kind);

/* Keywords of values that several files of keywords need. */
/* A decimal number with an optional sign, the whole span. */
bool rule_number(struct span text, int64_t *ret_value);
/* The number of a variable that a test of the group reads, from 1 on; 0: none has that name. */
unsigned rule_variable(const struct group_parse *g, struct span name);
/* A number of the test, or the name of a variable that a test before it in the group reads: then
 * *ret_value is 0, and the test says which. */
bool rule_number_or_variable(const struct group_parse *g, struct rule_test *t,
                             enum rule_number_of of, struct span text, int64_t *ret_value);
/* The name of the decoder for a protocol that a rule names; NULL when there is none. */
const char *rule_decoder_name(struct span protocol);
/* "10", "0x0a", "10kb", "<10", ">=10", "!10", "5<>10" or "5-10" (neither of the two), "!5-10" (what
 * that is not); false with a mistake told. */
bool rule_size(struct rule_parse *p, struct span value, struct rule_size *ret_size,
               bool *ret_negated);
/* Whether it can be that of a datagram or a target. */
bool rule_size_fits(struct rule_parse *p, const struct rule_size *size);
/* Without the quotes around it; false with a mistake told when they are missing. Backslashes are
 * left. */
bool rule_unquote(struct rule_parse *p, struct span text, struct span *ret);

/* rule_check.c: whether the parts of a rule agree; tells of what does not. */
void rule_check(struct rule_parse *p);
/* The decoder whose buffer it is: those of one protocol begin with its name; NULL: no single one's.
 */
const char *rule_of_protocol(enum buffer buffer);
/* Whether a group is part of the rule: older modifiers may have taken all its tests away. */
bool rule_asks_something(const struct group_parse *g);

/* keyword_meta.c */
bool keyword_msg(struct rule_parse *p, struct span value);
bool keyword_sid(struct rule_parse *p, struct span value);
bool keyword_rev(struct rule_parse *p, struct span value);
bool keyword_gid(struct rule_parse *p, struct span value);
bool keyword_priority(struct rule_parse *p, struct span value);
bool keyword_classtype(struct rule_parse *p, struct span value);
bool keyword_reference(struct rule_parse *p, struct span value);
bool keyword_metadata(struct rule_parse *p, struct span value);
bool keyword_target(struct rule_parse *p, struct span value);
bool keyword_flow(struct rule_parse *p, struct span value);
/* What says nothing of whether a rule holds, and asks for what a sensor without it may leave out.
 */
bool keyword_without_effect(struct rule_parse *p, struct span value);
bool keyword_tag(struct rule_parse *p, struct span value);
bool keyword_prefilter(struct rule_parse *p, struct span value);
bool keyword_jndi_class(struct rule_parse *p, struct span value);
bool keyword_jndi_dialect(struct rule_parse *p, struct span value);
bool keyword_jndi_scheme(struct rule_parse *p, struct span value);
bool keyword_jndi_reaches_network(struct rule_parse *p, struct span value);

/* keyword_flow.c */
bool keyword_ip_proto(struct rule_parse *p, struct span value);
bool keyword_dsize(struct rule_parse *p, struct span value);
bool keyword_stream_size(struct rule_parse *p, struct span value);
bool keyword_threshold(struct rule_parse *p, struct span value);
bool keyword_detection_filter(struct rule_parse *p, struct span value);
bool keyword_flowbits(struct rule_parse *p, struct span value);
bool keyword_xbits(struct rule_parse *p, struct span value);
bool keyword_hostbits(struct rule_parse *p, struct span value);
bool keyword_noalert(struct rule_parse *p, struct span value);
/* What an alert rule does anyway; a pass rule does not. */
bool keyword_alert(struct rule_parse *p, struct span value);
bool keyword_app_layer_protocol(struct rule_parse *p, struct span value);
bool keyword_urilen(struct rule_parse *p, struct span value);

/* keyword_packet.c */
bool keyword_ttl(struct rule_parse *p, struct span value);
bool keyword_ip_id(struct rule_parse *p, struct span value);
bool keyword_seq(struct rule_parse *p, struct span value);
bool keyword_ack(struct rule_parse *p, struct span value);
bool keyword_window(struct rule_parse *p, struct span value);
bool keyword_tos(struct rule_parse *p, struct span value);
bool keyword_tcp_flags(struct rule_parse *p, struct span value);
bool keyword_fragbits(struct rule_parse *p, struct span value);
bool keyword_ipopts(struct rule_parse *p, struct span value);
bool keyword_sameip(struct rule_parse *p, struct span value);
bool keyword_l3_proto(struct rule_parse *p, struct span value);

/* keyword_requires.c */
/* Whether something that the rule requires is not there, so that it is not read; warns of it. *odd:
 * a condition on versions that is none. */
bool rule_lacks(struct rule_parse *p, struct span value, struct span *odd);

/* keyword_flowint.c */
bool keyword_flowint(struct rule_parse *p, struct span value);

/* keyword_content.c */
bool keyword_content(struct rule_parse *p, struct span value);
/* A content of http.uri, as it was once written. */
bool keyword_uricontent(struct rule_parse *p, struct span value);
bool keyword_nocase(struct rule_parse *p, struct span value);
bool keyword_depth(struct rule_parse *p, struct span value);
bool keyword_offset(struct rule_parse *p, struct span value);
bool keyword_distance(struct rule_parse *p, struct span value);
bool keyword_within(struct rule_parse *p, struct span value);
bool keyword_startswith(struct rule_parse *p, struct span value);
bool keyword_endswith(struct rule_parse *p, struct span value);
bool keyword_fast_pattern(struct rule_parse *p, struct span value);
bool keyword_rawbytes(struct rule_parse *p, struct span value);
/* Whether the modifiers of a finished group's contents agree; tells of what does not. */
bool keyword_content_check(struct rule_parse *p, const struct group_parse *group);

/* keyword_transform.c */
/* A transform without a value: true when `name` was one, and has been dealt with. */
bool keyword_transform(struct rule_parse *p, struct span name);
bool keyword_is_transform(struct span name);
bool keyword_from_base64(struct rule_parse *p, struct span value);
bool keyword_xor(struct rule_parse *p, struct span value);
bool keyword_pcrexform(struct rule_parse *p, struct span value);
bool keyword_gunzip(struct rule_parse *p, struct span value);
bool keyword_zlib_deflate(struct rule_parse *p, struct span value);

/* keyword_dns.c */
bool keyword_dns_opcode(struct rule_parse *p, struct span value);
bool keyword_dns_rcode(struct rule_parse *p, struct span value);
bool keyword_dns_rrtype(struct rule_parse *p, struct span value);

/* keyword_file.c */
bool keyword_filename(struct rule_parse *p, struct span value);
bool keyword_fileext(struct rule_parse *p, struct span value);
bool keyword_filesize(struct rule_parse *p, struct span value);

/* keyword_words.c */
bool keyword_tls_version(struct rule_parse *p, struct span value);
bool keyword_ssl_version(struct rule_parse *p, struct span value);
bool keyword_ssl_state(struct rule_parse *p, struct span value);
bool keyword_app_layer_event(struct rule_parse *p, struct span value);
/* "ldap.request.operation:search_request": the buffer is that word. True when the buffer is one
 * that takes a value, and has been dealt with. */
bool keyword_buffer_value(struct rule_parse *p, struct span name, struct span value);

/* keyword_test.c */
/* An expression without the backslashes that the rule around it wants; empty with a mistake told.
 */
struct span rule_pattern(struct rule_parse *p, struct span pattern);
bool keyword_pcre(struct rule_parse *p, struct span value);
bool keyword_isdataat(struct rule_parse *p, struct span value);
/* The buffer chosen must not be there, or, with or_else, must not be there or have what follows. */
bool keyword_absent(struct rule_parse *p, struct span value);
bool keyword_bsize(struct rule_parse *p, struct span value);
bool keyword_byte_test(struct rule_parse *p, struct span value);
bool keyword_byte_jump(struct rule_parse *p, struct span value);
bool keyword_byte_extract(struct rule_parse *p, struct span value);
bool keyword_byte_math(struct rule_parse *p, struct span value);
bool keyword_base64_decode(struct rule_parse *p, struct span value);
bool keyword_base64_data(struct rule_parse *p, struct span value);
