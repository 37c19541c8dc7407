#!/usr/bin/python3
"""Each rule of a rule file fires on traffic made for it, and on nothing that just misses.

test_rules.py --jndiwatch PROGRAM RULES

What is sent is made from what the rule means (traffic.py), for each rule a conversation from a port
of its own, and said again in other ways that mean the same. Then the same with one byte of a
content changed, from the other side, between other addresses, over another transport, in too long a
stream: the rule must be silent there. Questions and searches must also be events with the name that
was sent, and with JNDIWATCH_SHARED set every event must validate. RULES may name a file that is not
there ("$JNDIWATCH_SHARED/..."): then the test is skipped. Prints a line for each way, and the sum.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import rule_text
import traffic  # its folders are searched for the next two
import flows
import run

FIRST_PORT = 20000
STEP_US = 50000
SAME = ("plainly", "in_pieces", "later_segment", "by_tcp")
MISSES = ("spoil", "turn_round", "go_elsewhere", "change_protocol", "grow")
SKIPPED = 77


def conversations(rules, way):
    """The conversations of a capture: (story, port, frames)."""
    made = []
    for i, rule in enumerate(rules):
        story = traffic.Story(rule)
        if way == "plainly" or getattr(story, way)():
            made.append((story, FIRST_PORT + i,
                         story.frames(FIRST_PORT + i, flows.START_US + i * STEP_US)))
    return made


def events_of(program, rules_path, made, folder):
    """{client's port: events} of what the program tells."""
    capture = os.path.join(folder, "made.pcap")
    out = os.path.join(folder, "eve.json")
    config = os.path.join(folder, "jndiwatch.yaml")
    with open(capture, "wb") as file:
        file.write(flows.pcap([frame for _story, _port, frames in made for frame in frames]))
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'vars:\n  HOME_NET: "{traffic.HOME_NET}"\n  EXTERNAL_NET: "!$HOME_NET"\n')
    done = subprocess.run([program, "-c", config, "-S", rules_path, "-r", capture, "-o", out],
                          capture_output=True, timeout=300, check=False)
    if done.returncode != 0:
        raise SystemExit(f"exit code {done.returncode}: {done.stderr.decode()[-600:]}")
    told = {}
    with open(out, "rb") as file:
        events = run.parse(file.read())
    for event in events:
        ports = {event.get("src_port", 0), event.get("dest_port", 0)}
        port = max((p for p in ports if FIRST_PORT <= p < FIRST_PORT + 10000), default=0)
        told.setdefault(port, []).append(event)
    return told


def name_told(event):
    """The name that a dns or ldap event says was asked for; None of other events."""
    if event["event_type"] == "dns":
        return event["dns"]["queries"][0]["rrname"]
    if event["event_type"] == "ldap":
        return event["ldap"]["request"]["search_request"]["base_object"]
    return None


def complaints(story, way, events):
    """What is wrong with the events of one conversation."""
    rule = story.rule
    sids = [event["alert"]["signature_id"] for event in events if event["event_type"] == "alert"]
    if (rule.sid in sids) != (way in SAME):
        yield f"sid {rule.sid} {'fired' if rule.sid in sids else 'did not fire'}: {rule.text}"
    for buffer in ("dns.query", "ldap.request.dn"):
        if buffer in story.said:
            names = [name_told(event) for event in events]
            if story.said[buffer].decode("latin-1") not in names:
                yield f"sid {rule.sid}: no event with {story.said[buffer]}: {names}"


def check(program, rules_path, rules, way, validate):
    """The complaints about one capture, and how many rules it held."""
    made = conversations(rules, way)
    if not made:
        return [], 0
    with tempfile.TemporaryDirectory(prefix="jndiwatch-rules-") as folder:
        told = events_of(program, rules_path, made, folder)
    wrong = []
    for story, port, _frames in made:
        wrong += complaints(story, way, told.get(port, []))
    for event in sum(told.values(), []) if validate else []:
        wrong += [f"{fault} in {event}"[:600] for fault in validate(event)]
    return wrong, len(made)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jndiwatch", required=True)
    parser.add_argument("rules")
    options = parser.parse_args()
    path = os.path.expandvars(options.rules)
    if not os.path.exists(path):
        print(f"skipped: {options.rules} is not there")
        return SKIPPED
    rules = rule_text.read_rules(path)
    validate = run.schema_check()
    n_failed = 0
    for way in SAME + MISSES:
        wrong, n_made = check(options.jndiwatch, path, rules, way, validate)
        n_failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {way}: {n_made} of {len(rules)} rules")
        for complaint in wrong:
            print(f"    {complaint}")
    print(f"{len(SAME + MISSES) - n_failed} passed, {n_failed} failed")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
