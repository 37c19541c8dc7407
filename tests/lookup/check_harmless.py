#!/usr/bin/python3
"""Nothing is told of harmless texts.

usage: check_harmless.py PROGRAM [--cases N] [--seed S]

N generated texts (harmless.py) go through `jndiwatch explain`. In none may there be a look-up of
any class, of either dialect. One in a hundred may be given up as too costly: text that is full of
what introduces six encodings at once, and long base64 that is not of text, which by chance decodes
to more of it. Every case depends on the seed and its number alone.
"""

import argparse
import json
import subprocess
import sys

import harmless

BATCH = 5000
SHOWN = 20
GIVEN_UP = 0.01  # of all


def explain(program, texts):
    feed = "".join(json.dumps({"id": i, "payload": t}) + "\n" for i, t in enumerate(texts))
    done = subprocess.run([program, "explain", "--jsonl"], input=feed.encode(),
                          stdout=subprocess.PIPE, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if [a["id"] for a in answers] != list(range(len(texts))):
        raise SystemExit("not one answer for each text")
    return answers


def wrong(answer):
    """What is wrong with an answer, or None."""
    for said in (answer, answer.get("commons_text", {"class": "none"})):
        if said["class"] != "none":
            return f"{said['class']} {said['lookups']}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--cases", type=int, default=BATCH)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    n_wrong = n_given_up = 0
    for first in range(0, options.cases, BATCH):
        numbers = range(first, min(first + BATCH, options.cases))
        texts = [harmless.text(options.seed, i) for i in numbers]
        for number, text, answer in zip(numbers, texts, explain(options.program, texts)):
            why = wrong(answer)
            n_given_up += bool(answer.get("over_budget"))
            if why is not None:
                n_wrong += 1
                if n_wrong <= SHOWN:
                    print(f"{options.seed} {number}: {why} in {text[:2000]!a}")
    print(f"{options.cases} texts, {n_given_up} given up, {n_wrong} wrong")
    return 1 if n_wrong > 0 or n_given_up > options.cases * GIVEN_UP else 0


if __name__ == "__main__":
    sys.exit(main())
