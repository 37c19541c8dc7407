#!/usr/bin/python3
"""The same capture gives the same events in the same order, byte for byte, in every run, at any
number of workers, and in every output; stats alone may differ. What alerts and anomalies say does
not depend on what else is written.

test_same.py PROGRAM --pcaps FOLDER
"""

import argparse
import json
import os
import sys
import tempfile
import subprocess

import run

WORKERS = ("0", "0", "1", "4", "4")
FEW = ("alert", "anomaly")


def events(program, paths, workers, folder):
    """The lines of two outputs but for the stats, and the exit code."""
    with open(os.path.join(folder, "outputs.yaml"), "w", encoding="ascii") as file:
        file.write("outputs:\n  - {target: one.json}\n  - {target: two.json}\n")
    words = [word for path in paths for word in ("-r", path)]
    done = subprocess.run([program, "-c", "outputs.yaml", "-q", "--workers", workers, *words],
                          cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=run.SECONDS, check=False)
    found = []
    for name in ("one.json", "two.json"):
        with open(os.path.join(folder, name), "rb") as file:
            found.append(run.without_stats(file.read()))
        os.remove(os.path.join(folder, name))
    return done.returncode, *found


def few(program, paths, folder, *types):
    """The lines of alerts and anomalies when events of these types are written."""
    words = [word for path in paths for word in ("-r", path)]
    subprocess.run([program, "-q", "-l", folder, "--events", ",".join(FEW + types), *words],
                   cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                   timeout=run.SECONDS, check=False)
    path = os.path.join(folder, "eve.json")
    with open(path, "rb") as file:
        lines = file.read().splitlines()
    os.remove(path)
    return [line for line in lines if json.loads(line)["event_type"] in FEW]


def fault(program, paths, folder):
    """How two runs differ, or None."""
    if few(program, paths, folder) != few(program, paths, folder, "http", "fileinfo", "smtp"):
        return "alerts differ with what else is written"
    first = None
    for workers in WORKERS:
        code, one, two = events(program, paths, workers, folder)
        if code not in (0, 1):
            return f"exit code {code} with {workers} workers"
        if one != two:
            return f"two outputs differ with {workers} workers"
        first = first if first is not None else (code, one)
        if (code, one) != first:
            at = next((i for i, (a, b) in enumerate(zip(one, first[1])) if a != b), "the end")
            return f"with {workers} workers it is otherwise, from line {at} on"
    return None if len(first[1]) > 1 else "there are no events"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--pcaps", required=True)
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    captures = {name: os.path.abspath(path) for name, path in run.captures(options.pcaps).items()}
    sets = {**{name: [path] for name, path in captures.items()}, "all": list(captures.values())}
    n_failed = 0
    for name, paths in sets.items():
        with tempfile.TemporaryDirectory(prefix="jndiwatch-same-") as folder:
            why = fault(program, paths, folder)
        print(f"not ok {name}: {why}" if why else f"ok {name}", flush=True)
        n_failed += why is not None
    print(f"{len(sets) - n_failed} passed, {n_failed} failed")
    return 1 if n_failed or not sets else 0


if __name__ == "__main__":
    sys.exit(main())
