#pragma once

#include "signatures/engine.h"

/* The rule files of signatures/rules, built into the program. */
extern const struct engine_text shipped_rules[];
extern const size_t shipped_rules_n;
