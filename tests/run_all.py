#!/usr/bin/python3
"""Builds the tree in several ways and runs all of its tests; what scripts/test runs.

A test counts as many times as it has cases: what it says of itself is read from its output (a line
"N passed, N failed", CUnit's summary, unittest's). A test that ends with 77 was skipped; the line
that begins with "skipped:" says why.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILDS = ROOT / "build-test"
SANITIZED = ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false"]
# The suites that say nothing about the compiled program run in the first build only.
ONCE = ("lint", "script")
# What the system does to the program is the same with another compiler.
LEFT_OUT = {"clang-release": ("faults",)}
# name -> (compiler, options of meson)
WAYS = {
    "gcc-release": ("gcc", ["--buildtype=release"]),
    "gcc-sanitized": ("gcc", SANITIZED),
    "clang-release": ("clang", ["--buildtype=release"]),
    "clang-sanitized": ("clang", SANITIZED),
    "gcc-threads": ("gcc", ["--buildtype=debugoptimized", "-Db_sanitize=thread"]),
}
USUAL = ("gcc-release", "gcc-sanitized", "clang-release")
GOOD, BAD = ("OK", "EXPECTEDFAIL"), ("FAIL", "TIMEOUT", "UNEXPECTEDPASS", "ERROR", "INTERRUPT")
SHOWN_LINES = 40


class Sum:
    """Counts, and what has to be said about them at the end."""

    def __init__(self):
        self.passed = self.failed = 0
        self.skips, self.failures = [], []

    def add(self, other):
        """Adds another one's counts and reasons."""
        self.passed += other.passed
        self.failed += other.failed
        self.skips += other.skips
        self.failures += other.failures

    def line(self):
        """The plain last line."""
        skipped = f", {len(self.skips)} skipped" if self.skips else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def cases_of(output):
    """(passed, failed) as a test tells of itself, or None."""
    told = re.findall(r"^(\d+) passed, (\d+) failed", output, re.MULTILINE)
    if told:
        return int(told[-1][0]), int(told[-1][1])
    cunit = re.findall(r"^\s+tests\s+\d+\s+\d+\s+(\d+)\s+(\d+)\s+\d+", output, re.MULTILINE)
    if cunit:
        return int(cunit[-1][0]), int(cunit[-1][1])
    ran = re.findall(r"^Ran (\d+) tests? in", output, re.MULTILINE)
    if ran:
        counts = {
            name: int(n)
            for name, n in re.findall(r"(failures|errors|skipped)=(\d+)", output.rsplit("Ran ")[-1])
        }
        failed = counts.get("failures", 0) + counts.get("errors", 0)
        return int(ran[-1]) - failed - counts.get("skipped", 0), failed
    return None


def skips_in(name, output):
    """The reasons that a test gives for cases it did not run."""
    reasons = re.findall(r"^skip(?:ped)?:? (.+)$", output, re.MULTILINE)
    reasons += re.findall(r"\.\.\. skipped ['\"](.+)['\"]$", output, re.MULTILINE)
    return [f"{name}: {reason}" for reason in dict.fromkeys(reasons)]


def judge(way, record):
    """The sum of one line of meson's log."""
    found = Sum()
    name = f"{way}: {record['name'].split(' / ')[-1]}"
    output = record.get("stdout", "") + "\n" + record.get("stderr", "")
    if record["result"] == "SKIP":
        found.skips = skips_in(name, output)[:1] or [f"{name}: it does not say why"]
        return found
    found.passed, found.failed = cases_of(output) or (1, 0)
    found.skips = skips_in(name, output)
    if record["result"] not in GOOD:
        if record["result"] not in BAD:
            output += f"\nunknown result {record['result']}"
        found.failed = max(found.failed, 1)
        found.passed -= 1 if found.passed and cases_of(output) is None else 0
        tail = "\n".join(output.strip().split("\n")[-SHOWN_LINES:])
        found.failures = [f"{name}: {record['result']} (exit code {record['returncode']})\n{tail}"]
    return found


def read_log(way, path):
    """The sum of all tests of one run."""
    found = Sum()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            found.add(judge(way, json.loads(line)))
    return found


def broken(way, step, run):
    """The sum of a step that failed before any test could run."""
    found = Sum()
    found.failed = 1
    lines = (run.stdout + run.stderr).strip().split("\n")
    telling = [line for line in lines if re.search(r"\berror:|ERROR:|undefined reference", line)]
    tail = "\n".join((telling or lines)[-SHOWN_LINES:])
    found.failures = [f"{way}: {step} failed\n{tail}"]
    return found


def step(command, **environment):
    """Runs one step quietly."""
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", check=False,
    )


def build(way):
    """Builds one way; the sum of a failure, or None."""
    compiler, options = WAYS[way]
    folder = BUILDS / way
    if not (folder / "build.ninja").exists():
        shutil.rmtree(folder, ignore_errors=True)
        command = ["meson", "setup", str(folder), "-Dwerror=true", "-Dtests=true", *options]
        run = step(command, CC=compiler)
        if run.returncode != 0:
            return broken(way, "meson setup", run)
    run = step(["ninja", "-C", str(folder), "-k", "0"])
    return broken(way, "the build", run) if run.returncode != 0 else None


def test(way, first):
    """Runs the tests of one build."""
    folder = BUILDS / way
    log = folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    left_out = () if first else ONCE + LEFT_OUT.get(way, ())
    leave_out = [f"--no-suite={suite}" for suite in left_out]
    run = step(
        # Sanitized programs are several times slower.
        ["meson", "test", "-C", str(folder), "--no-rebuild", "-t", "5", *leave_out],
        ASAN_OPTIONS="detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=1",
        TSAN_OPTIONS="halt_on_error=1",
        # Compiling patterns takes longer than most tests, and gives the same in each build.
        JNDIWATCH_TEST_CACHE=str(BUILDS / "patterns"),
        LSAN_OPTIONS=f"suppressions={ROOT / 'tests' / 'leaks.supp'}:print_suppressions=0",
        UBSAN_OPTIONS="halt_on_error=1:abort_on_error=1:print_stacktrace=1",
    )
    if not log.exists():
        return broken(way, "meson test", run)
    found = read_log(way, log)
    if run.returncode != 0 and found.failed == 0:
        found.add(broken(way, "meson test", run))
    return found


def run_way(way, first):
    """Builds and tests one way, and says in a line how it went."""
    started = time.monotonic()
    found = build(way)
    built = time.monotonic()
    if found is None:
        found = test(way, first)
    seconds = f"built in {built - started:.0f} s, tested in {time.monotonic() - built:.0f} s"
    print(f"{way}: {found.line()} ({seconds})", flush=True)
    return found


def main():
    """Reads the command line and runs what was asked for."""
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    parser.add_argument("ways", nargs="*", metavar="BUILD",
                        help=f"which of {', '.join(WAYS)}, or all (default {' '.join(USUAL)})")
    ways = parser.parse_args().ways or list(USUAL)
    ways = list(WAYS) if ways == ["all"] else ways
    unknown = [way for way in ways if way not in WAYS]
    if unknown:
        parser.error(f"no build '{unknown[0]}'")
    print(f"test: builds and tests in {BUILDS.name}/: {', '.join(ways)}", flush=True)
    total = Sum()
    for way in ways:
        total.add(run_way(way, way == ways[0]))
    for failure in total.failures:
        print(f"\nFAILED {failure}")
    for reason in total.skips:
        print(f"skipped {reason}")
    print(total.line())
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
