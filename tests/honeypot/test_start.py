#!/usr/bin/python3
"""What a honeypot looks at before it listens.

usage: test_start.py PROGRAM
"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))

from harness_live import Cables, stop  # noqa: E402  first: it sets where the others are
from harness_honeypot import (  # noqa: E402
    EVERYWHERE, SELFTEST, TOUCHED, Honeypot, alerts, get, has_tls, lookups)
import flows  # noqa: E402
from harness import (  # noqa: E402
    Network, Skip, arguments, demand, expect, expect_refused, figure, main)

ADDRESS = "192.0.2.1"
TIME = ("--set", "volume.interval=1s")


def captured_interfaces(lab):
    """Are listened at where that was allowed, and at no other time."""
    cables = Cables(lab)
    cables.network.ip("addr", "add", f"{ADDRESS}/24", "dev", "v0")
    cables.network.ip("link", "set", "lo", "up")
    live = cables.start("-o", "live.json")

    def refused(*spots):
        words = [word for spot in spots for word in ("--listen", spot)]
        ended = lab.run("honeypot", *words, "-o", "out.json", "--set", "cache=none",
                        "--set", "honeypot.allow_on=w0", before=cables.network.enter)
        return ended

    expect(refused(f"http:{ADDRESS}:8080", "tcp:127.0.0.1:8081"), 4,
           rf"^cannot listen at 'http:{ADDRESS}:8080': packets of its interface 'v0' are "
           r"captured \(it is promiscuous\)\. .*honeypot\.allow_on=v0$")
    expect(refused("tcp:*:8080", "syslog:*:8081"), 4,
           r"^cannot listen at 'tcp:\*:8080' and others: packets of its interface 'v0' ")
    Honeypot(lab, "--user", "root", before=cables.network.enter).stop()
    Honeypot(lab, "--user", "root", "--set", "honeypot.allow_on=v0", spots=("http:*:0",),
             before=cables.network.enter).stop(warnings=[EVERYWHERE])
    stop(live)
    Honeypot(lab, "--user", "root", spots=(f"http:{ADDRESS}:0",),
             before=cables.network.enter).stop()


def every_listener_is_tested(lab):
    """By one probe each, and one in TLS; none is an attack, or a touch."""
    kinds = ["http:127.0.0.1:0", "smtp:127.0.0.1:0", "tcp:127.0.0.1:0", "syslog:127.0.0.1:0",
             "ldap:[::1]:0", "http:*:0"]
    pot = Honeypot(lab, "--honeypot-selftest", "--set", "volume.write=yes", *TIME, spots=kinds)
    pot.run.wait_for(lambda: b"honeypot: self-test passed" in pot.run.err(), "the self-test")
    get(pot.first, b"/", [b"X-A: " + flows.lookup("real")])
    events = pot.stop(warnings=[EVERYWHERE])
    tested = [event["in_iface"] for event in alerts(events, SELFTEST)]
    wanted = [spot.name for spot in pot.spots for _ in range(1 + twice(lab, spot))]
    demand(sorted(tested) == sorted(wanted), f"{tested}")
    demand(all(event["alert"]["severity"] == 4 for event in alerts(events, SELFTEST)), "severe")
    demand(len(lookups(events)) == 1 and len(alerts(events, TOUCHED)) == 1, "told as an attack")
    demand(figure(events, "alert_attack") == 1, "counted as an attack")


def twice(lab, spot):
    return spot.kind == "http" and has_tls(lab)


def a_test_that_fails(lab):
    """Names the listener and ends: here nobody can come by loopback."""
    network = Network(lab)
    network.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    network.ip("addr", "add", f"{ADDRESS}/24", "dev", "v0")
    ended = lab.run("honeypot", "--honeypot-selftest", "--listen", "tcp:*:7", "-o", "out.json",
                    "--set", "cache=none", "--user", "root", before=network.enter)
    expect(ended, 4, r"^self-test: no event of the probe through listener 'tcp:\*:7': ")


def probes_that_are_lost(lab):
    """Were sent, and did not come, or only their connection did: each is named, with why."""
    if shutil.which("iptables") is None:
        raise Skip("iptables is not installed")
    network = Network(lab)
    network.ip("link", "set", "lo", "up")
    for what in ("udp --dport 514", "tcp --dport 7 --tcp-flags PSH PSH"):
        rule = ["iptables", "-A", "INPUT", "-p", *what.split(), "-j", "DROP"]
        subprocess.run([*network.enter, *rule], check=True)
    spots = ("syslog:127.0.0.1:514", "tcp:127.0.0.1:7", "smtp:127.0.0.1:25")
    listeners = [word for spot in spots for word in ("--listen", spot)]
    ended = lab.run("honeypot", "--honeypot-selftest", *listeners, "-o", "out.json",
                    "--set", "cache=none", "--user", "root", before=network.enter)
    probe = "^self-test: no event of the probe through listener "
    expect(ended, 4, probe + r"'syslog:127\.0\.0\.1:514': nothing of it arrived$",
           probe + r"'tcp:127\.0\.0\.1:7': its connection was seen, but not what it sent$")
    told = [event["in_iface"] for event in alerts(lab.events(), SELFTEST)]
    demand(told == ["smtp:127.0.0.1:25"], f"{told}")


def only_of_honeypots(lab):
    expect_refused(lab.run("-r", "x.pcap", "--honeypot-selftest", "-o", "-"),
                   r"^--honeypot-selftest goes with honeypot: ")


TESTS = [
    ("every listener is tested", every_listener_is_tested),
    ("a test that fails", a_test_that_fails),
    ("probes that are lost", probes_that_are_lost),
    ("only of honeypots", only_of_honeypots),
    ("captured interfaces", captured_interfaces),
]

if __name__ == "__main__":
    main(__doc__, TESTS, arguments(__doc__))
