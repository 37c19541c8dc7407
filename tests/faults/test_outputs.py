#!/usr/bin/python3
"""Outputs that are killed, filled, starved, absent: no loss is uncounted, none harms another.

test_outputs.py PROGRAM [--brokers PROGRAM] [--only PART]...

Prints as test_errors.py does.
"""

import sys

sys.dont_write_bytecode = True

import harness  # noqa: E402
import rows_disk  # noqa: E402
import rows_sinks  # noqa: E402
import rows_unread  # noqa: E402

if __name__ == "__main__":
    parser = harness.arguments(__doc__)
    parser.add_argument("--brokers", help="the program that mocks brokers of Kafka")
    harness.main(__doc__, rows_sinks.TESTS + rows_disk.TESTS + rows_unread.TESTS,
                 parser)
