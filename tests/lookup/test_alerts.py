#!/usr/bin/python3
"""What the sensor tells of payloads in traffic is what `jndiwatch explain` says of them.

usage: test_alerts.py PROGRAM [CASES [SEED]]   (at most 38,000)

Generated payloads are sent in HTTP requests, each in a connection of its own and in one of several
places. An attack must be told with the names that the reference evaluator finds, and nothing else
may be told as an attack. Payloads that the place would change before anybody sees them (a line end
in a header) are left out.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "faults")]

import flows  # noqa: E402
import generate  # noqa: E402
import reference  # noqa: E402

SHOWN = 20


def in_header(name):
    return lambda text: flows.request(headers=[(name, text.encode())])


def in_uri(text):
    return flows.request(url="/a?q=" + urllib.parse.quote(text, safe=""))


def in_form(text):
    body = b"a=1&q=" + urllib.parse.quote_plus(text).encode()
    return flows.request(method="POST", body=body, headers=[
        (b"Content-Type", b"application/x-www-form-urlencoded")])


def in_json(text):
    body = json.dumps({"a": [1, {"q": text}]}).encode()
    return flows.request(method="POST", body=body, headers=[(b"Content-Type", b"application/json")])


PLACES = (in_header(b"User-Agent"), in_header(b"X-Api-Version"), in_uri, in_form, in_json)


def send(i, text, names):
    """The request of a case. What asks nothing does not go into JSON: its braces may close what is
    open, and then the document as a whole is an attack."""
    return (PLACES if names else PLACES[:-1])[i % (len(PLACES) - (not names))](text)


def is_fit(text):
    """Whether every place carries the text as it is."""
    return (text == text.strip() and "\r" not in text and "\n" not in text and "\0" not in text
            and not any("\ud800" <= c <= "\udfff" for c in text))


def cases(seed, n):
    """(payload, names it asks) of n payloads."""
    found = []
    number = 0
    while len(found) < n:
        text = generate.payload(seed, number)
        number += 1
        try:
            if is_fit(text):
                found.append((text, ["jndi:" + name for name in reference.names_asked(text)]))
        except (reference.GivenUp, RecursionError):
            continue
    return found


def client_of(i):
    return "198.51.%d.%d" % (100 + i // 250, 1 + i % 250)


def capture(rows):
    """The requests as a capture; each comes at the reference's time, behind three packets."""
    packets = []
    start_us = reference.EVENT_TIME * 1000000 - 3000
    for i, (text, names) in enumerate(rows):
        talk = flows.Talk((client_of(i), 40000), start_us=start_us)
        talk.open().client(send(i, text, names)).server(flows.response()).close()
        packets += talk.frames
    return flows.pcap(packets)


def attacks(program, rows):
    """The names of the attacks that are told, by the client's address."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "in.pcap")
        with open(path, "wb") as file:
            file.write(capture(rows))
        done = subprocess.run([program, "-q", "-r", path, "-o", "-", "--events", "alert"],
                              stdout=subprocess.PIPE, check=True, timeout=100)
    told = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        jndi = event["alert"]["context"].get("jndi", {})
        if jndi.get("class") == "attack":
            told.setdefault(event["src_ip"], []).append(jndi)
    return told


def main():
    program = sys.argv[1]
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    sys.setrecursionlimit(20000)
    rows = cases(seed, n)
    told = attacks(program, rows)
    wrong = 0
    for i, (text, names) in enumerate(rows):
        got = told.get(client_of(i), [])
        if [jndi["lookups"] for jndi in got] != ([names] if names else []):
            wrong += 1
            if wrong <= SHOWN:
                print("case %d: %s\n  demanded %s\n  told     %s" % (
                    i, json.dumps(text), names,
                    [(jndi["field"], jndi["lookups"]) for jndi in got]))
    print("%d payloads, %d ask, %d told wrongly" % (n, sum(1 for r in rows if r[1]), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
