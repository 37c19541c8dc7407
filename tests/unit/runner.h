#pragma once

#include <CUnit/CUnit.h>

/* Runs a table of suites that ends with CU_SUITE_INFO_NULL; the exit code for main(). */
int run_suites(CU_SuiteInfo *suites);
