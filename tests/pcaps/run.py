#!/usr/bin/python3
"""Replays the captures of pcaps/ and compares what comes out with what was sent.

run.py --jndiwatch PROGRAM [--only NAME]... [--geoip FILE]... [--pcaps FOLDER]

Prints "ok NAME" or "not ok NAME: why" for each capture and "N passed, N failed" at the end; exit
code 1 when one failed. With JNDIWATCH_SHARED naming a folder that has data/eve-schema.json, each
event is validated against that schema, too.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

import expect
import laws
import packets

SUFFIXES = (".pcap", ".pcapng", ".pcap.gz", ".pcapng.gz", ".pcap.zst", ".pcap.xz")
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SECONDS = 300


class Failed(Exception):
    """Why a capture failed; further reasons after the first."""

    def __init__(self, *reasons):
        super().__init__(reasons[0])
        self.reasons = reasons


def captures(folder):
    """Name -> path of every capture of a folder."""
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "*"))):
        for suffix in SUFFIXES:
            if path.endswith(suffix):
                found[os.path.basename(path)[:-len(suffix)]] = path
    return found


def replay(program, capture, args, wanted_exit):
    """Runs the program once; returns the bytes that it wrote."""
    with tempfile.TemporaryDirectory(prefix="jndiwatch-pcaps-") as folder:
        out = os.path.join(folder, "out.json")
        try:
            done = subprocess.run([program, "-r", capture, "-o", out, *args], cwd=folder,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                                  check=False)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"did not end within {SECONDS} s") from error
        except OSError as error:
            raise Failed(f"cannot run {program}: {error.strerror}") from error
        if done.returncode != wanted_exit:
            last = done.stderr.decode(errors="replace").strip().split("\n")[-1]
            raise Failed(f"exit code {done.returncode}, expected {wanted_exit}: {last}")
        if not os.path.exists(out):
            raise Failed("wrote no output")
        with open(out, "rb") as file:
            return file.read()


def unique(pairs):
    """A JSON object whose keys stand there once."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has a key twice")
    return made


def refuse(text):
    raise ValueError(f"{text} is no JSON")


def parse(data):
    """The events of an output: whole lines, each one JSON object, no byte pair that opens a
    look-up."""
    if b"${" in data:
        raise Failed(f"the bytes of an opener stand in the output at {data.index(b'${')}")
    if not data.endswith(b"\n"):
        raise Failed("the last line is not complete")
    events = []
    for number, line in enumerate(data[:-1].split(b"\n"), 1):
        try:
            event = json.loads(line.decode("utf-8"), object_pairs_hook=unique,
                               parse_constant=refuse)
        except ValueError as error:
            raise Failed(f"line {number} of the output: {error}") from error
        if not isinstance(event, dict):
            raise Failed(f"line {number} of the output is no object")
        events.append(event)
    return events


def schema_check():
    """A function that tells how an event breaks the schema; None when there is none to ask."""
    folder = os.environ.get("JNDIWATCH_SHARED")
    path = os.path.join(folder, "data", "eve-schema.json") if folder else ""
    if not os.path.isfile(path):
        print("# not validated against a schema: JNDIWATCH_SHARED names no data/eve-schema.json")
        return None
    try:
        import jsonschema
    except ImportError:
        print("# not validated against a schema: python3-jsonschema is missing")
        return None
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    validator = jsonschema.validators.validator_for(schema)(schema)

    def faults(event):
        return [f"schema: {'.'.join(map(str, e.absolute_path))}: {e.message[:200]}"
                for e in validator.iter_errors(event)]
    return faults


def without_stats(data):
    return [line for line in data.split(b"\n") if b'"event_type":"stats"' not in
            line.replace(b" ", b"")]


def check(options, capture, plan, validate):
    """Replays one capture and raises Failed with all that is wrong."""
    args = list(plan.args)
    for file in options.geoip:
        args += ["--geoip", os.path.abspath(file)]
    program = os.path.abspath(options.jndiwatch)
    data = replay(program, capture, args, plan.exit)
    events = parse(data)
    reasons = expect.problems(plan, events, ("geo",) if options.geoip else ())
    reasons += laws.broken(events, packets.count(capture))
    if validate:
        reasons += [f"event {n} ({e.get('event_type')}): {fault}"
                    for n, e in enumerate(events, 1) for fault in validate(e)]
    more = replay(program, capture, args + ["--workers", "3"], plan.exit)
    if without_stats(more) != without_stats(data):
        reasons.append("three workers give other events than the default")
    if reasons:
        raise Failed(*reasons)


def one(options, name, capture, validate):
    """Prints the result of one capture; true when it passed."""
    try:
        path = os.path.join(options.pcaps, name + ".expect")
        if not os.path.exists(path):
            raise Failed("there is no .expect file")
        check(options, capture, expect.load(path), validate)
    except Failed as error:
        print(f"not ok {name}: {error.reasons[0]}")
        for reason in error.reasons[1:]:
            print(f"# {reason}")
        return False
    except expect.BadExpectation as error:
        print(f"not ok {name}: {error}")
        return False
    print(f"ok {name}")
    return True


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--jndiwatch", required=True)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--geoip", action="append", default=[])
    parser.add_argument("--pcaps", default=os.path.join(TOP, "pcaps"))
    options = parser.parse_args()
    options.pcaps = os.path.abspath(options.pcaps)
    found = captures(options.pcaps)
    unknown = [name for name in options.only if name not in found]
    if unknown or not found:
        sys.exit(f"no capture named {', '.join(unknown)}" if unknown
                 else f"no captures in {options.pcaps}")
    validate = schema_check()
    results = [one(options, name, capture, validate) for name, capture in found.items()
               if not options.only or name in options.only]
    for path in sorted(glob.glob(os.path.join(options.pcaps, "*.expect"))):
        name = os.path.basename(path)[:-len(".expect")]
        if name not in found and not options.only:
            print(f"not ok {name}: there is no capture")
            results.append(False)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
