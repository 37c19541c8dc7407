#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/config.h"
#include "sensor/core/conn.h"
#include "sensor/core/finding.h"

/* What is seen elsewhere of what a decoy gave away: the rules for tokens of listeners
 * (honeypot.canaries) and for mail to addresses that nobody has (honeypot.spam_traps). */

/* Most entries of each list, and bytes of the rules' text. */
enum { CANARIES_MAX = 1000, CANARIES_RULES_MAX = 4 * 1024 * 1024 };

/* Appends the rules of a configuration, of numbers from 9002001 on and 9003001 on. 0, or a negative
 * errno with a line in err for each entry that is none. */
MUST_USE int canaries_rules(const struct config *config, struct sbuf *text, struct errbuf *err);
/* Whether a finding is a token in a flow with the decoy that gives it away; with a decoy that
 * somebody else answers for (honeypot.passive), any token. */
bool canaries_at_home(const struct conn *conn, const struct finding *finding);
