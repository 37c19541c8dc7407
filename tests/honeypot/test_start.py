#!/usr/bin/python3
"""What a honeypot looks at before it listens.

usage: test_start.py PROGRAM
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))

from harness_live import Cables, stop  # noqa: E402  first: it sets where the others are
from harness_honeypot import EVERYWHERE, Honeypot  # noqa: E402
from harness import arguments, expect, main  # noqa: E402

ADDRESS = "192.0.2.1"


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


TESTS = [
    ("captured interfaces", captured_interfaces),
]

if __name__ == "__main__":
    main(__doc__, TESTS, arguments(__doc__))
