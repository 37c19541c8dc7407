#!/usr/bin/python3
"""Measures the evaluator and the peeler on collected texts that are not part of this tree.

usage: check_data.py EVALUATE JNDIWATCH

The folder named by JNDIWATCH_SHARED holds data/payloads-public.jsonl (payloads, each with what
Log4j 2.14.1 made of it) and data/benign.jsonl.xz (harmless texts). Demanded: every payload that
asks JNDI is an attack with exactly these names in this order, each once; a conditional one is
conditional with its names; nothing else, and no harmless text, is an attack or (unless labelled so)
conditional; and the answers are the same when no cheap check stands before them. The program's
`explain` is asked as well, as an analyst would. Without the folder the test is skipped.
"""

import base64
import json
import lzma
import os
import re
import subprocess
import sys

SKIP = 77
# What only the host knows, as the data has it and as events have it.
HOST_VALUE = re.compile(r"<(hostName|contextName|java:\w+)>")


def rows(path):
    opened = lzma.open(path, "rt") if path.endswith(".xz") else open(path, encoding="utf-8")
    with opened as lines:
        return [json.loads(line) for line in lines]


def evaluate(program, texts, *mode):
    lines = [base64.b64encode(t.encode("utf-8", "surrogatepass")) + b"\n" for t in texts]
    done = subprocess.run([program, *mode], input=b"".join(lines), stdout=subprocess.PIPE,
                          check=True)
    lines = done.stdout.decode("utf-8", "surrogateescape").rstrip("\n").split("\n")
    return [json.loads(line) for line in lines]


def explain(program, rows_):
    """The answers of `jndiwatch explain`, as evaluate() gives them."""
    feed = "".join(json.dumps({"id": r["id"], "payload": r["payload"]}) + "\n" for r in rows_)
    done = subprocess.run([program, "explain", "--jsonl"], input=feed.encode(),
                          stdout=subprocess.PIPE, check=True)
    got = [json.loads(line) for line in done.stdout.splitlines()]
    if [a["id"] for a in got] != [r["id"] for r in rows_]:
        raise SystemExit("explain: not one answer for each line")
    for answer in got:
        if answer["detected"] != (answer["class"] == "attack"):
            raise SystemExit("explain: %s detected, class %s" % (answer["id"], answer["class"]))
        answer["lookups"] = [name.removeprefix("jndi:") for name in answer["lookups"]]
    return got


def expected(row):
    """Class and names that a row demands; None for a class that is left open."""
    names = row["oracle_jndi"] if row["label"] == "attack" else row.get("cond_jndi", [])
    unique = []
    for name in names:
        name = HOST_VALUE.sub(r"${\1}", name)
        if name not in unique:
            unique.append(name)
    return row["label"], unique


def is_right(row, answer):
    label, names = expected(row)
    if label == "none":
        return answer["class"] in ("none", "attempt")
    return answer["class"] == label and answer["lookups"] == names


def same_text(row, answer):
    """Whether the text after the last pass is what Log4j left; the data has at most 300 characters
    of it, and has the message of the event as unset."""
    if answer["class"] == "conditional" or "event:Message" in answer["evaluated"]:
        return True
    final = HOST_VALUE.sub(r"${\1}", row["oracle_final"])
    got = answer["evaluated"]
    return got == final or (len(row["oracle_final"]) >= 300 and got.startswith(final[:290]))


def check_texts(name, data, answers):
    wrong = [(r, a) for r, a in zip(data, answers) if not same_text(r, a)]
    for row, answer in wrong[:20]:
        print("%s %s: %s" % (name, row["id"], json.dumps(row["payload"][:200])))
        print("  demanded text: %s" % json.dumps(row["oracle_final"]))
        print("  evaluated to:  %s" % json.dumps(answer["evaluated"][:300]))
    print("%s: %d texts after the last pass, %d wrong" % (name, len(data), len(wrong)))
    return len(wrong)


def check(name, data, answers):
    wrong = [(r, a) for r, a in zip(data, answers) if not is_right(r, a)]
    for row, answer in wrong[:20]:
        print("%s %s: %s" % (name, row["id"], json.dumps(row["payload"][:200])))
        print("  demanded: %s %s" % expected(row))
        print("  answered: %s %s" % (answer["class"], answer["lookups"]))
    print("%s: %d texts, %d wrong" % (name, len(data), len(wrong)))
    return len(wrong)


def main():
    program = sys.argv[1]
    folder = os.path.join(os.environ.get("JNDIWATCH_SHARED", ""), "data")
    if not os.path.isdir(folder):
        print("skipped: JNDIWATCH_SHARED names no folder with data/")
        return SKIP
    payloads = rows(os.path.join(folder, "payloads-public.jsonl"))
    harmless = rows(os.path.join(folder, "benign.jsonl.xz"))
    wrong = 0
    for name, data in (("payloads", payloads), ("harmless", harmless)):
        sent = [r["payload"] for r in data]
        decoded = [r.get("decoded", r["payload"]) for r in data]
        peeled = evaluate(program, sent, "peel")
        evaluated = evaluate(program, decoded)
        wrong += check(name + ", evaluated", data, evaluated)
        wrong += check_texts(name, data, evaluated)
        wrong += check(name + ", peeled", data, peeled)
        wrong += check(name + ", explained", data, explain(sys.argv[2], data))
        for row, a, b in zip(data, peeled, evaluate(program, sent, "forced")):
            if (a["class"], a["lookups"]) != (b["class"], b["lookups"]):
                print("%s %s: %s, forced %s" % (name, row["id"], a["class"], b["class"]))
                wrong += 1
    return 1 if wrong > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
