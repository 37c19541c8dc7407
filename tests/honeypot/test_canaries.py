#!/usr/bin/python3
"""Tokens that listeners give away, and addresses that nobody has: told where they turn up.

usage: test_canaries.py PROGRAM
"""
import json
import os
import re
import signal
import smtplib
import socket

from harness_honeypot import (  # first: it sets where the others are
    OUT, SELFTEST, Honeypot, alerts, ask, get, lookups, validate)
import flows
from harness import arguments, demand, expect, expect_refused, main

CANARY, TRAP = 9002001, 9003001
SECRET = ("--set", "honeypot.canary_key=3f9c0d5a7716e2b8c4d1")
SPOTS = ("http:127.0.0.1:0:login", "http:127.0.0.2:0:login", "smtp:127.0.0.1:0")
TOKEN = re.compile(rb"session=([0-9a-f]{16});")


def tokens_of(lab, *args, spots=SPOTS):
    """Tokens as they are listed, by the names of their listeners."""
    words = [word for spot in spots for word in ("--listen", spot)]
    ended = lab.run("honeypot", "--honeypot-canaries", *words, *args)
    expect(ended, 0)
    told = [line.split() for line in ended.out.decode().splitlines()]
    demand(len(told) == len(spots), f"{told}")
    return {name: token for token, name in told}


def watching(tokens):
    return ("--set", "honeypot.canaries=" + ",".join(f"{t} {n}" for n, t in tokens.items()))


def seen(events):
    """Token and listener of each alert of a canary."""
    return [tuple(event["alert"]["metadata"][key][0] for key in ("canary", "listener"))
            for event in alerts(events) if CANARY <= event["alert"]["signature_id"] < TRAP]


def each_listener_has_its_own(lab):
    """The one that is listed, in every run; without a secret another each time."""
    tokens = list(tokens_of(lab, *SECRET).values())
    demand(len(set(tokens)) == len(SPOTS), f"{tokens}")
    for _ in range(2):
        pot = Honeypot(lab, *SECRET, spots=SPOTS)
        pages = [get(spot) for spot in pot.spots[:2]]
        demand([TOKEN.search(page)[1].decode() for page in pages] == tokens[:2], f"{pages}")
        demand(all(page.count(tokens[i].encode()) == 2 for i, page in enumerate(pages)), "places")
        greeting = ask(pot.spots[2], b"QUIT\r\n")
        demand(greeting.startswith(f"220 mx-{tokens[2]}.internal ".encode()), f"{greeting}")
        pot.stop()
    other = ("--set", "honeypot.canary_key=another secret of this kind")
    demand(not set(tokens) & set(tokens_of(lab, *other).values()), "the secret does not matter")
    without = []
    for _ in range(2):
        pot = Honeypot(lab, spots=SPOTS[:1])
        without.append(TOKEN.search(get(pot.first))[1])
        pot.stop()
    demand(without[0] != without[1], f"{without}")


def at_another_listener(lab):
    """Is an alert: here an address that stood on a page. At its own it is what it is there for."""
    tokens = tokens_of(lab, *SECRET)
    pot = Honeypot(lab, *SECRET, *watching(tokens), "--honeypot-selftest", spots=SPOTS)
    pot.run.wait_for(lambda: b"honeypot: self-test passed" in pot.run.err(), "the self-test")
    first = tokens[SPOTS[0].rpartition(":")[0]].encode()
    get(pot.first, b"/login?a=" + first, [b"Cookie: session=" + first])
    with smtplib.SMTP(*pot.spots[2].place, timeout=30) as client:
        client.sendmail("a@example.org", [f"helpdesk.{first.decode()}@mail.internal"],
                        b"Subject: x\r\n\r\nx\r\n")
    get(pot.spots[1], b"/", [b"Cookie: session=" + first])
    events = pot.stop()
    found = [event for event in alerts(events) if event["alert"]["signature_id"] == CANARY]
    demand([event["in_iface"] for event in found] == [pot.spots[2].name, pot.spots[1].name],
           f"{[event['in_iface'] for event in found]}")
    demand(all(event["alert"]["severity"] == 1 for event in found), "slight")
    demand(seen(found) == 2 * [(first.decode(), SPOTS[0].rpartition(":")[0])], f"{seen(found)}")
    demand(len(alerts(events, SELFTEST)) > len(SPOTS) - 1, "no self-test")


def in_other_traffic(lab):
    """To a server, from one, in a mail, in a name that is asked for; not where the decoy is."""
    tokens = tokens_of(lab, *SECRET)
    token = next(iter(tokens.values())).encode()
    page = b"<p>helpdesk." + token.upper() + b"@mail.internal</p>"
    talks = [
        (b"GET / HTTP/1.1\r\nHost: a\r\nCookie: session=" + token + b"\r\n\r\n", b""),
        (b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
         b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page),
        (b"EHLO a\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<helpdesk." + token
         + b"@mail.internal>\r\nQUIT\r\n", b""),
        (b"\x17\x03 of no protocol: " + token + b"\r\n", b""),
    ]
    packets = []
    for number, (request, answer) in enumerate(talks):
        talk = flows.Talk(client=("198.51.100.7", 20000 + number),
                          start_us=flows.START_US + number * 1000000).open().client(request)
        packets += (talk.server(answer) if answer else talk).close().frames
    lab.write("capture.pcap", flows.pcap(packets))

    def replayed(*args):
        expect(lab.run("-r", "capture.pcap", "-o", "seen.json", "--set", "cache=none", *args), 0)
        events = lab.events("seen.json")
        lab.write("seen.json", b"")
        for event in events if validate else ():
            demand(not validate(event), f"{event}")
        return events

    told = seen(replayed(*watching(tokens)))
    demand(told == len(talks) * [(token.decode(), SPOTS[0].rpartition(":")[0])], f"{told}")
    demand(not seen(replayed()), "told without being asked")
    there = ("--set", f"honeypot.passive={flows.SERVER[0]}/32")
    demand(not seen(replayed(*watching(tokens), *there)), "told of the decoy's own visitors")


def mail_to_a_spam_trap(lab):
    """Whoever takes it; not one to an address that only looks like it."""
    traps = ("--set", "honeypot.spam_traps=Trap@Example.org,other.trap@example.net")
    pot = Honeypot(lab, *traps, spots=("smtp:127.0.0.1:0",))
    with smtplib.SMTP(*pot.first.place, timeout=30) as client:
        client.sendmail("trap@example.org", ["xtrap@example.org", "trap@example.org.net"],
                        b"To: trap@example.org\r\n\r\nx " + flows.lookup("trap") + b"\r\n")
        client.sendmail("a@example.org", ["a@example.org", "trap@example.ORG"], b"\r\nx\r\n")
    events = pot.stop()
    found = [event["alert"] for event in alerts(events) if event["alert"]["signature_id"] >= TRAP]
    demand([alert["metadata"]["spam_trap"] for alert in found] == [["Trap@Example.org"]],
           f"{found}")
    demand(len(lookups(events)) == 1, "the look-up beside it")


class Watch:
    """A honeypot with a configuration that is written anew; its tokens are the reader's own."""

    GOOD = ("oldtoken01 old", "oldtrap@example.org")

    def __init__(self, lab):
        self.lab = lab
        self.visits = 0
        self.configure(*self.GOOD)
        self.pot = Honeypot(lab, "-c", "watch.yaml", "--socket", "s")

    def configure(self, canary, trap):
        self.lab.write("watch.yaml", "honeypot:\n"
                       f"  canaries: [\"{canary}\"]\n  spam_traps: [\"{trap}\"]\n")

    def told(self):
        return self.pot.run.err()

    def reload(self, word):
        """Asks for it by a signal; returns once it says that, of this reload."""
        n = self.told().count(word)
        os.kill(self.pot.run.pid, signal.SIGUSR2)
        self.pot.run.wait_for(lambda: self.told().count(word) > n, word.decode())

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.lab.path("s"))
            with client.makefile("rw", encoding="utf-8") as lines:
                for line in ({"version": "0.2"}, {"command": command}):
                    lines.write(json.dumps(line) + "\n")
                    lines.flush()
                    answer = json.loads(lines.readline())
        return answer

    def events(self):
        """Those so far."""
        whole = self.lab.text(OUT).rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def seen(self, token):
        """Whether a visit that brings it is an alert."""
        get(self.pot.first, b"/" + token)
        self.visits += 1
        mark = b"/visit-%d." % self.visits
        get(self.pot.first, mark)
        self.pot.run.wait_for(lambda: mark in self.lab.text(OUT), "the visit")
        return any(told == token.decode() for told, _ in seen(self.events()))


def others_after_a_reload(lab):
    """What is watched for is what the configuration says now, and only that."""
    watch = Watch(lab)
    demand(watch.seen(b"oldtoken01") and not watch.seen(b"newtoken01"), "before")
    watch.configure("newtoken01 new", "trap@example.org")
    watch.reload(b"reloaded: ")
    n_old = len(seen(watch.events()))
    demand(watch.seen(b"newtoken01"), "the new one is not")
    watch.seen(b"oldtoken01")
    demand(len(seen(watch.pot.stop())) == n_old + 1, "the old one still is")


def used_once_it_is_said(lab):
    """The very next visit is judged by the rules that a command said are in use."""
    watch = Watch(lab)
    for number in range(5):
        token = f"token{number:05}"
        watch.configure(f"{token} new", Watch.GOOD[1])
        demand(watch.ask("ruleset-reload-rules")["return"] == "OK", "refused")
        demand(watch.seen(token.encode()), f"reload {number}: the visit was not")
    watch.pot.stop()


def mistakes_in_a_reload(lab):
    """Are refused as a whole, by a signal and by command: the old ones stay, and it is said."""
    watch = Watch(lab)
    wrong = [("short", Watch.GOOD[1], r"honeypot\.canaries: 'short' is no token .*"),
             ("newtoken01 new", "nobody", r"honeypot\.spam_traps: 'nobody' is no mail address .*"),
             ("newtoken01 a;b", "trap@example.org", r"honeypot\.canaries: 'newtoken01 a;b' is .*")]
    errors = []
    for canary, trap, why in wrong:
        watch.configure(canary, trap)
        watch.reload(b"reload refused: ")
        answer = watch.ask("ruleset-reload-rules")
        demand(answer["return"] == "NOK" and re.match(f"^.*{why}", answer["message"]), f"{answer}")
        errors += 2 * [f"^reload refused: {why}; the old rules stay in use$"]
    demand(watch.seen(b"oldtoken01") and not watch.seen(b"newtoken01"), "not the old ones")
    watch.configure("newtoken01 new", Watch.GOOD[1])
    demand(watch.ask("ruleset-reload-rules")["return"] == "OK", "what is right is refused")
    demand(watch.seen(b"newtoken01"), "not taken up")
    watch.pot.stop(errors=errors)


def mistakes(lab):
    """Each is one line that names the key and the word."""
    listing = ("honeypot", "--honeypot-canaries")
    expect_refused(lab.run(*listing), r"^honeypot\.canary_key is empty: .*openssl rand -hex 16")
    expect_refused(lab.run(*listing, "--set", "honeypot.canary_key=fifteen letters"),
                   r"^honeypot\.canary_key has 15 characters; it needs at least 16")
    expect_refused(lab.run("--honeypot-canaries"), r"^--honeypot-canaries goes with honeypot: ")
    many = ",".join(f"token{number:04}" for number in range(1001))
    expect_refused(lab.run("-T", "--set", f"honeypot.canaries={many}"),
                   r"^honeypot\.canaries: 1001 entries are too many: 1000 are possible$")
    for word in ("seven77", "eight\"88", "x" * 129, "eight888 a;b"):
        expect_refused(lab.run("-T", "--set", f"honeypot.canaries={word}"),
                       r"^honeypot\.canaries: '" + re.escape(word) + "' is no token ")
    for word in ("a", "@b", "a@", "a@b@c", "a b@c", "a@b;"):
        expect_refused(lab.run("-T", "--set", f"honeypot.spam_traps={word}"),
                       r"^honeypot\.spam_traps: '" + re.escape(word) + "' is no mail address ")


TESTS = [
    ("each listener has its own", each_listener_has_its_own),
    ("at another listener", at_another_listener),
    ("in other traffic", in_other_traffic),
    ("mail to a spam trap", mail_to_a_spam_trap),
    ("others after a reload", others_after_a_reload),
    ("used once it is said", used_once_it_is_said),
    ("mistakes in a reload", mistakes_in_a_reload),
    ("mistakes", mistakes),
]

if __name__ == "__main__":
    main(__doc__, TESTS, arguments(__doc__))
