#pragma once

/* What the files of talk share; not for others. */

#include "sensor/decoy/talk.h"

/* Takes bytes up to the end of a line. true once the line is complete: it stands in t->line without
 * its end, cut where it was too long, until talk_next_line(). *bytes is what is left. */
bool talk_line(struct talk *t, struct span *bytes);
void talk_next_line(struct talk *t);
struct span talk_line_span(const struct talk *t);
/* Appends to what is to be sent; beyond the limit the talk is over. */
void talk_say(struct talk *t, struct span text);

void talk_http(struct talk *t, struct span bytes, uint64_t now_us);
void talk_ldap(struct talk *t, struct span bytes);
void talk_smtp(struct talk *t, struct span bytes, uint64_t now_us);
