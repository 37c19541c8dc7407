#pragma once

#include "tests/flow/lab.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>

/* What a short play must make the table say, to its end. */
UNUSED static void expect(struct lab *lab, const char *log)
{
    lab_finish(lab);
    if (strcmp(lab_log(lab), log) != 0) {
        printf("\n  said   %s\n  wanted %s\n", lab_log(lab), log);
    }
    CU_ASSERT_STRING_EQUAL(lab_log(lab), log);
    CU_ASSERT_EQUAL(lab->n_open, 0);
    CU_ASSERT_EQUAL(flow_table_memory(lab->table), 0);
    lab_stop(lab);
}

/* lab_start() takes the lab's address, so each test has its own. */
#define PLAY(lab)                                                                                  \
    struct lab lab;                                                                                \
    lab_start(&(lab), NULL);                                                                       \
    lab_open(&(lab), 0)
