#!/usr/bin/python3
"""Tests of the sensor inline, between real clients and real servers in network namespaces: what is
an attack does not come through, everything else does, as it was sent.

JNDIWATCH_INLINE_REQUESTS says how many HTTP requests are sent in each of the first two tests; by
default a few hundred.
"""

import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))

from harness_inline import SERVER, Row, stop, wait_for  # noqa: E402

from harness import demand, expect, figure, main  # noqa: E402

REQUESTS = int(os.environ.get("JNDIWATCH_INLINE_REQUESTS", "300"))
SEED = os.environ.get("JNDIWATCH_SEED", "4711")
OUT = ("-o", "out.json", "--set", "inline.block=attack")


def of_type(events, kind):
    return [event for event in events if event["event_type"] == kind]


def keep_resets_in(row):
    """The client's kernel knows nothing of the connections of its raw sockets. Of fragments only
    the first has a header, which iptables by nftables does not see by itself."""
    row.run(row.client, "iptables", "-A", "OUTPUT", "!", "-f", "-p", "tcp", "--sport",
            "20000:31999", "--tcp-flags", "RST,ACK", "RST", "-j", "DROP")


def requests(row):
    """Sends requests and compares what came of each with what it was."""
    keep_resets_in(row)
    results = row.client_script("http_requests.py", REQUESTS, SEED, timeout=3000)
    whole = {int(url[1:].split("?")[0]) for url in row.whole_requests()}
    attacks = {int(number) for number, (is_attack, *_) in results.items() if is_attack}
    others = {int(number) for number in results} - attacks
    demand(len(attacks) > REQUESTS // 10, "hardly an attack was sent")
    through = {number: results[str(number)] for number in attacks & whole}
    demand(not through, f"{len(through)} attacks came through whole: {list(through.items())[:5]}")
    lost = {number: results[str(number)] for number in others
            if number not in whole or results[str(number)][1] != "200"}
    demand(not lost, f"{len(lost)} others did not: {list(lost.items())[:5]}")
    return results, attacks


def events_of(lab, attacks):
    """Every attack is an alert that says blocked and a drop event, and nothing else is."""
    alerts = [event for event in of_type(lab.events(), "alert")
              if "volume" not in event["alert"]["context"]]  # roll-ups tell what was told
    told = {int(event["alert"]["context"]["jndi"]["decoded"].rsplit("/", 1)[1]) for event in alerts}
    demand(told == attacks, f"alerts of {sorted(told ^ attacks)[:9]} are wrong or missing")
    demand(all(event["alert"]["action"] == "blocked" and event["verdict"]["action"] == "drop"
               for event in alerts), "an alert says that its request went on")
    drops = of_type(lab.events(), "drop")
    flows = {event["flow_id"] for event in drops if event["drop"]["reason"] == "rules"}
    demand(flows == {event["flow_id"] for event in alerts}, "drop events and alerts do not agree")


def http_through_queues(lab):
    """Two queues, two workers, without rights, answered by a RST."""
    row = Row(lab, bridge=False, queues="--queue-balance 0:1")
    row.serve_http()
    live = row.sense(*OUT, queues="0:1", user="nobody")
    results, attacks = requests(row)
    came = {results[str(number)][1] for number in attacks}
    demand(came == {"reset"}, f"attacks came to {came}")
    stop(live)
    events_of(lab, attacks)
    demand(figure(lab.events(), "ips.rejected") >= len(attacks), "ips.rejected is too low")


def http_through_bridge(lab):
    """A bridge of two workers, answered by a 403."""
    row = Row(lab, bridge=True)
    row.serve_http()
    live = row.sense(*OUT, "--workers", "2", "--set", "inline.answer=yes", user="nobody")
    results, attacks = requests(row)
    came = {results[str(number)][1] for number in attacks if results[str(number)][2] != "bytes"}
    demand("403" in came and came <= {"403", "reset"}, f"attacks came to {came}")
    stop(live)
    events_of(lab, attacks)


def mail_through_queue(lab):
    """Mails to postfix: attacks get a 554, and are never accepted."""
    row = Row(lab, bridge=False)
    row.serve_mail()
    live = row.sense(*OUT, "--set", "inline.answer=yes")
    results = row.client_script("mails.py", 60, SEED)
    stop(live)
    wrong = {n: r for n, r in results.items() if r[1][:3] != ("554" if r[0] else "250")}
    demand(not wrong, f"mails came to {list(wrong.items())[:5]}")
    accepted = row.mail_log()
    for number, (is_attack, _) in results.items():
        demand((f"message-id=<{number}@example.org>" in accepted) != is_attack or is_attack,
               f"mail {number} is not in the server's log")
    queued = len(re.findall(": removed$", accepted, re.M))  # "(canceled)": what broke off
    demand(queued <= sum(not is_attack for is_attack, _ in results.values()),
           "postfix took more mails than were harmless")


RULES = """
reject tcp any any -> any 7000 (msg:"refused"; content:"say forbidden"; sid:1;)
reject udp any any -> any 7000 (msg:"refused"; content:"say forbidden"; sid:2;)
"""


def rejected_by_rule(lab, bridge):
    """By TCP both ends get a RST, by UDP the sender an ICMP; what no rule names goes on."""
    row = Row(lab, bridge)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rejects.py")
    server = row.spawn(row.server, [sys.executable, "-B", script, "--serve"],
                       stdout=subprocess.PIPE, text=True)
    demand(server.stdout.readline() == "listens\n", "the server did not start")
    lab.write("own.rules", RULES)
    live = row.sense("-o", "out.json", "-S", "own.rules", "--set", "volume.write=no",
                     user="nobody")
    came = row.client_script("rejects.py", "hello", "forbidden", "again")
    wanted = {"tcp hello": "say hello", "udp hello": "say hello", "tcp forbidden": "reset",
              "udp forbidden": "refused", "tcp again": "say again", "udp again": "say again"}
    demand(came == wanted, f"{came}")
    heard = [server.stdout.readline().strip() for _ in range(5)]
    demand(sorted(heard) == ["tcp reset", "tcp say again", "tcp say hello", "udp say again",
                             "udp say hello"], f"the server heard {heard}")
    stop(live)
    alerts = of_type(lab.events(), "alert")
    told = sorted((event["alert"]["signature_id"], event["alert"]["action"]) for event in alerts)
    demand(told == [(1, "blocked"), (2, "blocked")], f"{told}")


def rejected_at_a_queue(lab):
    rejected_by_rule(lab, bridge=False)


def rejected_at_a_bridge(lab):
    rejected_by_rule(lab, bridge=True)


def detects_only(lab):
    """By default nothing is blocked."""
    row = Row(lab, bridge=False)
    row.serve_http()
    live = row.sense("-o", "out.json")
    results = row.client_script("http_requests.py", 40, SEED)
    lost = [r for r in results.values() if r[1] != "200" and r[2] not in ("order", "fragments")]
    demand(not lost, f"requests came to {lost[:3]}")
    stop(live)
    alerts = of_type(lab.events(), "alert")
    demand(alerts and all(event["alert"]["action"] == "allowed" for event in alerts),
           "an alert says that something was blocked")
    demand(not of_type(lab.events(), "drop"), "something was dropped")


def dies_under_load(lab):
    """Killed, and started again, with queue-bypass and fail-open: no connection dies of it."""
    row = Row(lab, bridge=False)
    row.serve_http()
    until = lab.path("enough")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "steady.py")
    live = row.sense(*OUT)
    clients = row.spawn(row.client, [sys.executable, "-B", script, "10.9.2.2", "24", until],
                        stdout=subprocess.PIPE, text=True)
    demand(clients.stdout.readline() == "started\n", "the clients did not start")
    size = os.path.getsize
    log = lab.path("nginx", "whole.log")
    for _ in range(3):
        before = size(log)
        wait_for(lambda: size(log) > before + 20000, "requests with a sensor")
        os.kill(live.pid, signal.SIGKILL)
        live.wait()
        before = size(log)
        wait_for(lambda: size(log) > before + 20000, "requests without one")
        live = row.sense(*OUT)
    with open(until, "w", encoding="ascii"):
        pass
    said = clients.stdout.read()
    stop(live)
    result = json.loads(said)
    demand(not result["wrong"], f"{len(result['wrong'])} connections died: {result['wrong'][:3]}")
    demand(result["each"] > 0, "a connection was never answered")


CLOSED = ("--set", "inline.late=closed", "--set", "inline.memory=closed",
          "--set", "inline.restart=closed")


class Held:
    """A client and a server that talk through the sensor, or try to."""

    def __init__(self, row):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hold.py")
        words = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.server = row.spawn(row.server, [sys.executable, "-B", script, "--serve"], **words)
        demand(self.server.stdout.readline() == "listens\n", "the server did not start")
        self.client = row.spawn(row.client, [sys.executable, "-B", script, SERVER], **words)

    def says(self, how, word):
        self.client.stdin.write(f"{how} {word}\n")
        self.client.stdin.flush()
        return self.client.stdout.readline().strip()

    def heard(self):
        """The next datagram that came to the server."""
        return self.server.stdout.readline().strip()


def without_sensor(lab, bridge, closed):
    """Killed, and started again: what passes in between, and what becomes of a connection that was
    there before. Datagrams arrive in order, so one that did not come before the next was lost."""
    row = Row(lab, bridge, bypass=not closed)
    live = row.sense(*OUT, *(CLOSED if closed else ()))
    started = live.err().decode()
    policy = "closed" if closed else "open"
    late = "closed" if bridge else policy  # a bridge drops what it has no room for
    demand(f"too late: {late}, no memory: {policy}, start not seen: {policy}" in started, started)
    held = Held(row)
    demand(held.says("tcp", "before") == "before", "the connection")
    demand(held.says("udp", "before") == "sent" and held.heard() == "before", "a datagram")
    os.kill(live.pid, signal.SIGKILL)
    live.wait()
    held.says("udp", "between")
    if not closed and not bridge:
        demand(held.heard() == "between", "it did not pass without a sensor")
        demand(held.says("tcp", "between") == "between", "the connection did not go on")
    live = row.sense(*OUT, *(CLOSED if closed else ()))
    held.says("udp", "after")
    demand(held.heard() == "after", "something passed without a sensor, or nothing with it")
    wanted = "reset" if closed else "after"
    said = held.says("tcp", "after")
    demand(said == wanted, f"the connection: {said}, not {wanted}")
    stop(live)
    told = [event["drop"]["reason"] for event in of_type(lab.events(), "drop")]
    demand(bool(told) == closed, f"drop events: {told}")


def open_at_a_queue(lab):
    without_sensor(lab, bridge=False, closed=False)


def closed_at_a_queue(lab):
    without_sensor(lab, bridge=False, closed=True)


def open_at_a_bridge(lab):
    without_sensor(lab, bridge=True, closed=False)


def closed_at_a_bridge(lab):
    without_sensor(lab, bridge=True, closed=True)


def queue_in_use(lab):
    """One queue has one reader, and the second says so."""
    row = Row(lab, bridge=False)
    live = row.sense(*OUT)
    second = lab.start("--nfqueue", "0", "-o", "second.json", before=row.sensor.enter).wait()
    expect(second, 4, r"^cannot take packets from queue 0: it is in use \(netlink port \d+\)")
    demand(not os.path.exists(lab.path("second.json")), "it was half started")
    stop(live)


def wrong_interfaces(lab):
    """Each mistake a line; nothing is left behind."""
    row = Row(lab, bridge=True)
    row.sensor.ip("link", "add", "down0", "type", "veth", "peer", "name", "down1")
    enter = row.sensor.enter
    for words, code, error in (
            (("--bridge", "s0:nosuch0"), 4, r"^no interface 'nosuch0'"),
            (("--bridge", "s0:down0"), 4, r"^cannot make a bridge of 'down0': it is down"),
            (("--bridge", "s0"), 2, r"^--bridge: 's0' is not two interfaces A:B"),
            (("--nfqueue", "3:1"), 2, r"^--nfqueue: '3:1' is no queue number"),
            (("--nfqueue", "0", "--bridge", "s0:s1"), 2, r"exclude each other")):
        ended = lab.start(*words, "-o", "no.json", before=enter).wait()
        expect(ended, code, error)
        demand(not os.path.exists(lab.path("no.json")), "it was half started")


TESTS = [
    ("HTTP through queues", http_through_queues),
    ("HTTP through a bridge", http_through_bridge),
    ("mail through a queue", mail_through_queue),
    ("rejected by a rule at a queue", rejected_at_a_queue),
    ("rejected by a rule at a bridge", rejected_at_a_bridge),
    ("detects only", detects_only),
    ("killed under load", dies_under_load),
    ("open without a sensor, at a queue", open_at_a_queue),
    ("closed without a sensor, at a queue", closed_at_a_queue),
    ("open when it comes back, at a bridge", open_at_a_bridge),
    ("closed when it comes back, at a bridge", closed_at_a_bridge),
    ("queue in use", queue_in_use),
    ("wrong interfaces", wrong_interfaces),
]

if __name__ == "__main__":
    main(__doc__, TESTS)
