/* runner: what every unit test's main() calls.
 *
 * A failed assertion, a suite that could not start and a table without tests are all a failure. */
#include "tests/unit/runner.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

int run_suites(CU_SuiteInfo *suites)
{
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
        fprintf(stderr, "cannot start: %s\n", CU_get_error_msg());
        return EXIT_FAILURE;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_ErrorCode code = CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    unsigned run = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return code == CUE_SUCCESS && failed == 0 && run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
