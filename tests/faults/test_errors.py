#!/usr/bin/python3
"""What somebody sees when something is wrong: one test for each row of the list of errors.

test_errors.py PROGRAM [--geo FOLDER] [--only PART]...

Prints "ok NAME", "not ok NAME: why" or "skip NAME: why", and the sum; exit code 1 when one failed,
77 when all were skipped.
"""

import sys

sys.dont_write_bytecode = True

import harness  # noqa: E402
import rows_capture  # noqa: E402
import rows_config  # noqa: E402
import rows_output  # noqa: E402

if __name__ == "__main__":
    harness.main(__doc__, rows_capture.TESTS + rows_config.TESTS + rows_output.TESTS)
