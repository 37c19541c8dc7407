#pragma once

#include "signatures/engine.h"

/* What --list-…, --version and --build-info print on standard output. */
void list_fields(void);
void list_keys(void);
void list_rules(const struct engine *engine);
void list_version(void);
void list_build_info(void);
