#!/usr/bin/python3
"""Asks the program and a reference evaluator the same questions.

usage: check_reference.py PROGRAM [--evaluate|--wrapped] [--cases N] [--seed S]
       check_reference.py --data

N generated payloads (generate.py) go through `jndiwatch explain`, and each must ask the names that
the reference (reference.py) says, in the same order: an attack where there are some, none where
there are none. With --evaluate PROGRAM is tests/lookup/evaluate, which peels nothing; with
--wrapped each payload is sent in an outer encoding, which must change nothing. Every case depends
on the seed and its number alone. With --data the reference itself is checked, on payloads
that Log4j 2.14.1 was run on, in the folder that JNDIWATCH_SHARED names.
"""

import argparse
import collections
import json
import os
import subprocess
import sys

import check_data
import generate
import reference

BATCH = 5000
SHOWN = 20


def explain(program, payloads):
    feed = "".join(json.dumps({"id": i, "payload": p}) + "\n" for i, p in enumerate(payloads))
    done = subprocess.run(
        [program, "explain", "--jsonl", "--time", str(reference.EVENT_TIME)],
        input=feed.encode(), stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if [a["id"] for a in answers] != list(range(len(payloads))):
        raise SystemExit("not one answer for each payload")
    return answers


def evaluate(program, payloads):
    """The same of what stands there, without peeling."""
    answers = check_data.evaluate(program, payloads)
    for answer in answers:
        answer["detected"] = answer["class"] == "attack"
        answer["encodings"] = []
        answer["lookups"] = ["jndi:" + name.encode("utf-8", "surrogateescape").decode(
            "utf-8", "surrogatepass") for name in answer["lookups"]]
    return answers


def explain_wrapped(program, payloads):
    """The answers to the payloads in an outer encoding each."""
    answers = explain(program, [generate.wrapped(p, i) for i, p in enumerate(payloads)])
    for answer in answers:
        answer["encodings"] = []  # as expected
    return answers


def compare(payload, answer, counts):
    """What is wrong with an answer, or None."""
    try:
        names = ["jndi:" + name for name in reference.names_asked(payload)]
    except (reference.GivenUp, RecursionError):
        counts["given up by the reference"] += 1
        return None
    if answer.get("over_budget"):  # said, and nothing more is promised
        counts["over budget"] += 1
        return None
    if answer["encodings"] and not names:
        counts["peeled"] += 1
        return None
    counts["ask" if names else "ask nothing: " + answer["class"]] += 1
    got = answer["lookups"] if answer["detected"] else []
    if got != names:
        return "demanded %s, answered %s %s" % (names, answer["class"], answer["lookups"])
    return None


def check_generated(ask, program, seed, cases):
    counts = collections.Counter()
    wrong = 0
    for first in range(0, cases, BATCH):
        numbers = range(first, min(first + BATCH, cases))
        payloads = [generate.payload(seed, number) for number in numbers]
        for number, payload, answer in zip(numbers, payloads, ask(program, payloads)):
            fault = compare(payload, answer, counts)
            if fault is not None:
                wrong += 1
                if wrong <= SHOWN:
                    print("seed %d case %d: %s\n  %s" % (seed, number, json.dumps(payload), fault))
    print("seed %d: %d cases, %d wrong; %s" % (
        seed, cases, wrong, ", ".join("%s %d" % row for row in sorted(counts.items()))))
    if not cases / 4 < counts["ask"] < cases * 3 / 4:
        print("the payloads are not what they were made for: %d ask" % counts["ask"])
        wrong += 1
    if counts["over budget"] > 3 + cases / 200:
        print("given up too often: %d" % counts["over budget"])
        wrong += 1
    return wrong


def check_data_rows():
    """The number of rows on which the reference is wrong, or None without data."""
    folder = os.path.join(os.environ.get("JNDIWATCH_SHARED", ""), "data")
    if not os.path.isdir(folder):
        print("skipped: JNDIWATCH_SHARED names no folder with data/")
        return None
    wrong = 0
    for name in ("payloads-public.jsonl", "benign.jsonl.xz"):
        rows = check_data.rows(os.path.join(folder, name))
        for row in rows:
            label, names = check_data.expected(row)
            text = row.get("decoded", row["payload"])
            try:
                got = reference.names_asked(text)
            except reference.GivenUp:
                print("%s: the reference gives up" % row["id"])
                continue
            if got != (names if label == "attack" else []):
                wrong += 1
                print("%s: %s\n  demanded %s %s, reference says %s" % (
                    row["id"], json.dumps(text[:300]), label, names, got))
        print("%s: %d texts" % (name, len(rows)))
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", nargs="?")
    parser.add_argument("--evaluate", dest="ask", action="store_const", const=evaluate,
                        default=explain)
    parser.add_argument("--wrapped", dest="ask", action="store_const", const=explain_wrapped)
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", action="store_true")
    options = parser.parse_args()
    sys.setrecursionlimit(20000)
    wrong = check_data_rows() if options.data else check_generated(
        options.ask, options.program, options.seed, options.cases)
    if wrong is None:
        return check_data.SKIP
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
