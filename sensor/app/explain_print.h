#pragma once

#include "sensor/app/explain_answer.h"
#include "sensor/base/sbuf.h"

#include <stdio.h>

/* Appends the answer as one line of JSON, made safe for whoever reads a log. `id`: a JSON value
 * that is echoed, or a string's text where id_is_text. */
void explain_print_json(const struct explanations *a, struct span id, bool id_is_text,
                        struct sbuf *line);

/* For a person: what was peeled off, the evaluation step by step (carried out anew with `lookup`),
 * and what it comes to. Control characters are shown escaped, long texts cut. */
void explain_print_steps(const struct explanations *a, struct span text, struct lookup *lookup,
                         uint64_t time_us, FILE *out);
