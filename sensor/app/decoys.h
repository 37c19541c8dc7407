#pragma once

#include "sensor/app/options.h"
#include "sensor/core/conn.h"
#include "sensor/core/nets.h"
#include "sensor/core/signature.h"
#include "sensor/decoy/persona.h"
#include "sensor/decoy/source_decoy.h"
#include "sensor/decoy/tls.h"

/* The decoys of a run: where to listen, posing as what, and what a touch of one is called. Made at
 * the start, then only read. */
struct decoys;
struct selftest;

/* As options and configuration name them: networks without a listener, and of a honeypot the
 * listeners; without any name the usual ones. 0, or a negative errno
 * with a line in err for each mistake. */
MUST_USE int decoys_new(const struct config *config, const struct options *options,
                        struct decoys **ret_decoys, struct errbuf *err);
/* Nulls *d; accepts NULL. */
void decoys_free(struct decoys **d);

const struct decoy_plan *decoys_plan(const struct decoys *d);
const struct decoy_limits *decoys_limits(const struct decoys *d);
/* The balancers whose PROXY header is believed. */
const struct nets *decoys_proxies(const struct decoys *d);
/* NULL where TLS is not spoken. */
const struct decoy_tls *decoys_tls(const struct decoys *d);
/* Whether mail listeners offer it: with a certificate that was given, since a mail server's own is
 * what tells it from others. */
bool decoys_offer_starttls(const struct decoys *d);
/* The process that speaks it has its own copy: the key goes. */
void decoys_forget_tls(struct decoys *d);
/* In words: "TLS with a certificate of its own" … */
const char *decoys_tls_words(const struct decoys *d);
/* One for each listener of the plan. */
const struct persona *const *decoys_personas(const struct decoys *d);
/* Prints the token that each listener gives away, and its name. */
void decoys_list_canaries(const struct decoys *d);
/* The ports are open: events name listeners as these do. */
void decoys_learn(struct decoys *d, const struct decoy_listeners *listeners);

/* The probes through its listeners; NULL: none are sent. The caller's, who outlives the flows. */
void decoys_set_selftest(struct decoys *d, struct selftest *test);
struct selftest *decoys_selftest(const struct decoys *d);

/* What the flow touched, or NULL. */
const struct decoy *decoys_touched(const struct decoys *d, const struct conn *conn);
/* Whether somebody inside touched it: an address of HOME_NET; where that says "any", one that is
 * not of the public Internet. */
bool decoys_is_inside(const struct decoys *d, const struct addr *addr);

/* Whether it is one of those who look for such things with our leave. */
bool decoys_is_scanner(const struct decoys *d, const struct addr *addr);

/* What a touch is called: every one; and the alarm that is told once for each source of ours and
 * interval. */
struct decoy_signatures {
    struct signature outside;
    struct signature inside;
    struct signature alarm;
    struct signature scanner;
    struct signature selftest; /* what was found in a probe of our own */
};
const struct decoy_signatures *decoys_signatures(const struct decoys *d);
