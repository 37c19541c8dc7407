#!/usr/bin/python3
"""Tests of run_all.py: how it reads what tests say of themselves."""
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import run_all  # noqa: E402

CUNIT = """
Run Summary:    Type  Total    Ran Passed Failed Inactive
              suites      1      1    n/a      0        0
               tests     20     20     {passed}     {failed}        0
             asserts    220    220    220      0      n/a
"""


def judged(result, stdout="", stderr="", code=0):
    """The sum of one test."""
    record = {"name": "jndiwatch:quick+unit / base", "result": result, "returncode": code,
              "stdout": stdout, "stderr": stderr}
    return run_all.judge("gcc-release", record)


class Judging(unittest.TestCase):
    """One test each."""

    def counts(self, found, passed, failed, skipped=0):
        """Compares the counts."""
        self.assertEqual((found.passed, found.failed, len(found.skips)), (passed, failed, skipped))

    def test_silent_test_counts_once(self):
        self.counts(judged("OK", "fine\n"), 1, 0)
        self.counts(judged("FAIL", "bad\n", code=1), 0, 1)
        self.counts(judged("TIMEOUT", "", code=-15), 0, 1)
        self.counts(judged("ERROR", "", code=-11), 0, 1)

    def test_cases_are_counted(self):
        self.counts(judged("OK", CUNIT.format(passed=20, failed=0)), 20, 0)
        self.counts(judged("FAIL", CUNIT.format(passed=18, failed=2), code=1), 18, 2)
        self.counts(judged("OK", "ok a\n31 passed, 0 failed\n"), 31, 0)
        self.counts(judged("OK", "", "Ran 46 tests in 0.4s\n\nOK\n"), 46, 0)
        failed = "Ran 46 tests in 0.4s\n\nFAILED (failures=2, errors=1, skipped=1)\n"
        self.counts(judged("FAIL", "", failed, 1), 42, 3)

    def test_crash_after_a_good_summary_is_a_failure(self):
        found = judged("FAIL", CUNIT.format(passed=20, failed=0), "LeakSanitizer: leaks\n", -6)
        self.assertEqual(found.failed, 1)
        self.assertIn("LeakSanitizer", found.failures[0])

    def test_result_that_is_not_known_is_a_failure(self):
        self.counts(judged("PERHAPS"), 0, 1)

    def test_skipped_test_gives_its_reason(self):
        found = judged("SKIP", "skipped: no namespaces here\n", code=77)
        self.counts(found, 0, 0, 1)
        self.assertEqual(found.skips, ["gcc-release: base: no namespaces here"])
        self.counts(judged("SKIP", "", code=77), 0, 0, 1)

    def test_skipped_cases_give_their_reasons(self):
        found = judged("OK", "skipped live: no capture rights\n3 passed, 0 failed, 1 skipped\n")
        self.counts(found, 3, 0, 1)
        found = judged("OK", "ok one\nskip row 47: no faketime\n1 passed, 0 failed, 1 skipped\n")
        self.counts(found, 1, 0, 1)


class Log(unittest.TestCase):
    """A whole run."""

    def test_lines_are_added_up(self):
        records = [
            {"name": "a / one", "result": "OK", "returncode": 0, "stdout": "5 passed, 0 failed\n"},
            {"name": "a / two", "result": "FAIL", "returncode": 1, "stdout": "oh\n"},
            {"name": "a / three", "result": "SKIP", "returncode": 77, "stdout": "skipped: no\n"},
        ]
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("".join(json.dumps(record) + "\n" for record in records))
            file.flush()
            found = run_all.read_log("way", file.name)
        self.assertEqual(found.line(), "5 passed, 1 failed, 1 skipped")

    def test_last_line_without_skips_names_none(self):
        found = run_all.Sum()
        found.passed = 3
        self.assertEqual(found.line(), "3 passed, 0 failed")


if __name__ == "__main__":
    unittest.main()
