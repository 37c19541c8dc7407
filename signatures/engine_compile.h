#pragma once

#include "signatures/engine_parts.h"
#include "signatures/peel.h"

/* Turns the rules of e->set into groups, lists and the gate's database. */
MUST_USE int engine_compile(struct engine *e, const struct engine_options *options,
                            struct errbuf *err);
enum engine_cost engine_rule_cost(const struct engine *e, const struct engine_rule *rule);
