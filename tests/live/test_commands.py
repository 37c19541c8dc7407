#!/usr/bin/python3
"""The command socket: a client as suricatasc is one, and what goes wrong at the socket.

usage: test_commands.py PROGRAM
"""
import json
import os
import shutil
import signal
import socket
import subprocess

from harness_live import Cables, Client, stop  # first: it sets where the others are
import flows
import frames
from harness import Skip, demand, expect, expect_refused, figure, main, wait_for

COMMANDS = ("version", "uptime", "running-mode", "capture-mode", "iface-list", "iface-stat",
            "dump-counters", "reopen-log-files", "ruleset-reload-rules", "ruleset-stats",
            "ruleset-failed-rules", "memcap-list", "memcap-show", "memcap-set", "conf-get",
            "get-flow-stats-by-id", "exposure", "campaigns", "shutdown", "command-list")
RULE = 'alert tcp any any -> any any (msg:"m"; content:"never-sent"; sid:{}; rev:1;)\n'
BROKEN = 'alert tcp any any -> any any (msg:"m"; nosuch:1; sid:{};)\n'


def live(lab, *args):
    """A sensor on two cables, which takes commands."""
    cables = Cables(lab, ("v", "w"))
    run = cables.start("--socket", "s", "-o", "out.json", *args, interfaces=("v0", "w0"))
    client = Client(lab.path("s"))
    demand(client.greeting == {"return": "OK"}, f"greeted with {client.greeting}")
    return cables, run, client


def what_the_exporter_asks(client, counters):
    """suricata_exporter takes these to be there, and dies where an object is not."""
    demand(counters["uptime"] >= 0 and counters["flow"]["memuse"] >= 0, f"{counters}")
    demand({"memuse", "reassembly_memuse"} <= set(counters["tcp"]), f"{counters['tcp']}")
    demand(counters["http"]["memuse"] == counters["ftp"]["memuse"] == 0, "no memuse")
    engine, = counters["detect"]["engines"]
    demand(engine["id"] == 0 and engine["rules_loaded"] > 10 and engine["rules_failed"] == 0
           and engine["last_reload"] == client.ok("ruleset-reload-time")[0]["last_reload"],
           f"{engine}")
    threads = counters["threads"]
    demand(list(threads) == [f"W#{i + 1:02}" for i in range(len(threads))], f"{list(threads)}")
    for thread in threads.values():
        for path in ("capture", "tcp", "flow.wrk", "defrag.ipv4", "defrag.ipv6", "detect",
                     "decoder", "flow_bypassed", "app_layer.flow"):
            place = thread
            for word in path.split("."):
                place = place[word]
            demand(isinstance(place, dict), path)
    for place, word in (("decoder", "pkts"), ("detect", "alert"), ("flow", "tcp")):
        demand(sum(thread[place][word] for thread in threads.values())
               == counters[place][word], f"{place}.{word} does not add up")


def all_commands(lab):
    cables, run, client = live(lab, "--workers", "2")
    known = client.ok("command-list")
    demand(known["count"] == len(known["commands"]), "the count is wrong")
    missing = set(COMMANDS) - set(known["commands"])
    demand(not missing, f"not there: {missing}")
    demand(client.ok("version").startswith("jndiwatch "), "no version")
    demand(0 <= client.ok("uptime") < 600, "no uptime")
    demand(client.ok("running-mode") == "workers", "no running mode")
    demand(client.ok("capture-mode") == "PCAP_DEV", "no capture mode")
    demand(client.ok("iface-list") == {"count": 2, "ifaces": ["v0", "w0"]}, "no interfaces")
    cables.send("v1", flows.good())
    wait_for(lambda: client.ok("iface-stat", iface="v0")["pkts"] == 30, "packets in iface-stat")
    stat = client.ok("iface-stat", iface="w0")
    demand((stat["pkts"], stat["drop"], stat["up"]) == (0, 0, True), f"{stat}")
    wait_for(lambda: client.ok("dump-counters")["decoder"]["pkts"] == 30, "dump-counters")
    counters = client.ok("dump-counters")
    demand(counters["capture"]["kernel_packets"] == 30 and counters["detect"]["alert"] == 3,
           f"{counters}")
    what_the_exporter_asks(client, counters)
    rules = client.ok("ruleset-stats")
    demand(rules[0]["rules_loaded"] > 10 and rules[0]["rules_failed"] == 0, f"{rules}")
    demand(client.ok("ruleset-failed-rules") == [], "no rule failed")
    names = {row["name"]: row["value"] for row in client.ok("memcap-list")}
    demand(names["memory.limit"] == "256mb", f"{names}")
    hosts = client.ok("exposure")["hosts"]
    demand([(one["ip"], one["attempts"]) for one in hosts] == [("192.0.2.10", 3)], f"{hosts}")
    campaigns = client.ok("campaigns")
    demand(campaigns["count"] == 3 and campaigns["campaigns"][0]["targets"] == 1, f"{campaigns}")
    for command, arguments in (("no-such-command", {}), ("iface-stat", {"iface": "nosuch0"}),
                               ("iface-stat", {}), ("iface-stat", {"iface": 7})):
        answer = client.ask(command, **arguments)
        demand(answer["return"] == "NOK" and answer["message"], f"{command}: {answer}")
    demand(client.ok("shutdown"), "no word at the end")
    expect(run.wait(), 0)
    demand(client.answer() is None, "more than was asked for")
    demand(not os.path.exists(lab.path("s")), "the socket was left over")
    demand(figure(lab.events(), "decoder.pkts") == 30, "events are missing")


def refused(client, words, command, **arguments):
    answer = client.ask(command, **arguments)
    demand(answer["return"] == "NOK" and words in answer["message"],
           f"{command} {arguments}: {answer}")


def settings(lab):
    """Every kind of value as the configuration takes it; of passwords none."""
    _, run, client = live(lab, "--set", "memory.limit=96 MiB", "--set", "flow.timeout.udp=90 s",
                          "--set", "output.types=alert,http,stats", "--set", "flow.max=54321")
    for key, value in (("memory.limit", "96 MiB"), ("flow.timeout.udp", "90 s"),
                       ("flow.max", "54321"), ("output.types", "alert,http,stats"),
                       ("cache", "none"), ("volume.write", "no"), ("rights.sandbox", "yes"),
                       ("outputs.0.target", "out.json"), ("outputs.0.queue", "16 MiB"),
                       ("command.socket", "s"), ("vars.HOME_NET", "any")):
        demand(client.ok("conf-get", variable=key) == value, f"{key}: "
               f"{client.ask('conf-get', variable=key)}")
    for key in ("memory", "nosuch", "", "outputs", "outputs.1.target", "outputs.9.target",
                "outputs[].target", "x" * 400):
        answer = client.ask("conf-get", variable=key)
        demand(answer["return"] == "NOK" and answer["message"], f"{key}: {answer}")
    for key in ("outputs.0.redis.password", "outputs.0.kafka.settings", "honeypot.canary_key",
                "redact_salt"):
        refused(client, "is not told", "conf-get", variable=key)
    refused(client, "not a string", "conf-get")
    stop(run)


def half_requests(first_port, n):
    """As many flows, each with the beginning of a request that is kept until its end comes."""
    made = []
    for port in range(first_port, first_port + n):
        talk = flows.Talk((flows.CLIENT[0], port))
        made += talk.send(0, frames.PSH | frames.ACK,
                          flows.request(headers=[(b"X", b"y" * 1000)])[:-2]).frames
    return made


def memory_limit(lab):
    """It can be raised and lowered, not below what is in use, and is kept from then on."""
    cables, run, client = live(lab, "--set", "flow.timeout.tcp=10 min")
    demand(client.ok("memcap-show", config="memory.limit") == {"value": "256mb"}, "as it began")
    demand(client.ok("memcap-show", config="stream.pending")["value"].endswith("mb"), "another")

    def counters(n):
        wait_for(lambda: client.ok("dump-counters")["decoder"]["pkts"] == n, f"{n} packets")
        return client.ok("dump-counters")["flow"]
    cables.send("v1", half_requests(2000, 3000))
    used = counters(3000)
    demand(used["memuse"] > 8 << 20 and used["active"] == 3000, f"{used}")
    refused(client, "less than the memory in use", "memcap-set", config="memory.limit",
            memcap="8mb")
    for value in ("4mb", "999gb", "lots", "1 tb", "mb", "", "18446744073709551615mb"):
        answer = client.ask("memcap-set", config="memory.limit", memcap=value)
        demand(answer["return"] == "NOK" and answer["message"], f"{value}: {answer}")
    refused(client, "memcap-list", "memcap-set", config="nosuch", memcap="64mb")
    refused(client, "memcap-list", "memcap-show", config="nosuch")
    refused(client, "at the start", "memcap-set", config="stream.pending", memcap="64mb")
    limit = used["memuse"] + (2 << 20)
    demand(str(limit) in client.ok("memcap-set", config="memory.limit", memcap=str(limit)), "lower")
    cables.send("v1", half_requests(12000, 3000))
    tight = counters(6000)
    demand(tight["memuse"] <= limit and tight["active"] < 5000, f"{tight}, limit {limit}")
    client.ok("memcap-set", config="memory.limit", memcap="128MB")
    names = {row["name"]: row["value"] for row in client.ok("memcap-list")}
    demand(names["memory.limit"] == "128mb", f"{names}")
    cables.send("v1", half_requests(22000, 3000))
    wide = counters(9000)
    demand(wide["memuse"] > limit and wide["active"] == tight["active"] + 3000,
           f"{wide}, {tight}")
    stop(run)


def one_flow(lab):
    """A flow by the id that its events have, whichever worker has it."""
    cables, run, client = live(lab, "--workers", "2")
    talk = flows.exchange((flows.CLIENT[0], 40000), url="/one", agent=flows.lookup("one"))
    begun = talk.frames[:-3]  # it does not end
    cables.send("v1", half_requests(2000, 400) + begun)
    run.wait_for(lambda: b'"event_type":"alert"' in lab.text("out.json"), "the alert")
    wait_for(lambda: client.ok("dump-counters")["decoder"]["pkts"] == 400 + len(begun), "all")
    line = next(line for line in lab.text("out.json").split(b"\n")
                if b'"event_type":"alert"' in line)
    seen = client.ok("get-flow-stats-by-id", flow_id=json.loads(line)["flow_id"])
    sizes = [len(frame.data) - 14 for frame in begun]
    to_client = (1, 4, 5)  # SYN-ACK, ACK, response
    back = sum(sizes[i] for i in to_client)
    demand((seen["pkts_toserver"], seen["pkts_toclient"]) == (len(begun) - 3, 3), f"{seen}")
    demand((seen["bytes_toserver"], seen["bytes_toclient"]) == (sum(sizes) - back, back),
           f"{seen}")
    demand(0 <= seen["age"] < 600, f"{seen}")
    refused(client, "Not found", "get-flow-stats-by-id", flow_id=4711)
    for wrong in ({}, {"flow_id": "x"}, {"flow_id": -1}, {"flow_id": [1]}):
        refused(client, "not an integer", "get-flow-stats-by-id", **wrong)
    other = Client(lab.path("s"))
    for one in (client, other):
        one.socket.send(b'{"command": "get-flow-stats-by-id", "arguments": {"flow_id": 1}}\n')
    for answer in (client.answer(), other.answer()):
        demand(answer["return"] == "NOK" and ("Not found" in answer["message"]
                                              or "ask again" in answer["message"]), f"{answer}")
    stop(run)


def reload_and_reopen(lab):
    rules = lab.write("r/a.rules", RULE.format(1))
    _, run, client = live(lab, "-S", "r/a.rules")
    before = client.ok("ruleset-stats")[0]["rules_loaded"]
    lab.write("r/a.rules", RULE.format(1) + RULE.format(2))
    demand(client.ok("ruleset-reload-rules") == "done", "not reloaded")
    after = client.ok("ruleset-stats")[0]["rules_loaded"]
    demand(after == before + 1, f"{before} rules, then {after}")
    with open(rules, "a", encoding="ascii") as file:
        file.write(BROKEN.format(3))
    answer = client.ask("ruleset-reload-rules")
    demand(answer["return"] == "NOK" and "a.rules:3: sid 3" in answer["message"], f"{answer}")
    demand(client.ok("ruleset-stats")[0]["rules_loaded"] == after, "the old ones are in use")
    os.rename(lab.path("out.json"), lab.path("old.json"))
    client.ok("reopen-log-files")
    run.wait_for(lambda: os.path.exists(lab.path("out.json")), "a new output")
    os.kill(run.pid, signal.SIGTERM)
    expect(run.wait(), 0, r"^reload refused: r/a.rules:3: sid 3: ")


def failed_rules(lab):
    lab.write("a.rules", RULE.format(1) + BROKEN.format(2))
    _, run, client = live(lab, "-S", "a.rules")
    failed = client.ok("ruleset-failed-rules")
    demand(len(failed) == 1 and failed[0]["filename"] == "a.rules" and failed[0]["line"] == 2
           and "nosuch" in failed[0]["error"], f"{failed}")
    demand(client.ok("ruleset-stats")[0]["rules_failed"] == 1, "not counted")
    os.kill(run.pid, signal.SIGTERM)
    run.wait()


def greeted(path):
    """A client that is not refused because there are too many."""
    try:
        client = Client(path)
    except BrokenPipeError:
        return None
    return client if client.greeting else None


def rude_clients(lab):
    """What does not speak the protocol is let go, and disturbs nobody."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    _, run, client = live(lab)
    path = lab.path("s")
    for words in (b"GET / HTTP/1.1\r\n\r\n", b'{"version": "9"}', b'{"version": 2}', b"[]", b"{}",
                  b'{"command": "version"}', b"\0" * 100):
        greeting = Client(path, words).greeting
        demand(greeting is None or greeting["return"] == "NOK", f"{words}: {greeting}")
    endless = Client(path)
    try:
        for _ in range(100):
            endless.socket.send(b'{"command": "' + b"x" * 1000)
    except OSError:
        pass
    demand(endless.answer() is None, "a request without end was answered")
    silent = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for one in silent:
        one.connect(path)
    demand(client.ok("version"), "others are in the way")
    for one in silent:
        one.close()
    pieces = wait_for(lambda: greeted(path), "those who left to be let go")
    for piece in (b'{"comm', b'and": "ver', b'sion", "x": "}{\\"}"}{"command": "uptime"}'):
        pieces.socket.send(piece)
    answers = b""
    while answers.count(b"\n") < 2:
        answers += pieces.socket.recv(1024)
    first, second = (json.loads(line) for line in answers.splitlines())
    demand("jndiwatch" in first["message"] and second["message"] >= 0, "requests in pieces")
    stop(run)


def socket_in_use(lab):
    _, run, client = live(lab)
    lab.write("g", flows.pcap(flows.good()))
    expect_refused(lab.run("-r", "g", "-o", "other.json", "--socket", "s"),
                   rf"^'s' is in use by process {run.pid}$")
    demand(client.ok("version"), "the first one suffers")
    run.process.kill()
    run.process.wait()
    demand(os.path.exists(lab.path("s")), "there is no stale socket")
    expect(lab.run("-r", "g", "-o", "other.json", "--socket", "s"), 0)
    demand(not os.path.exists(lab.path("s")), "the socket was left over")


def wrong_paths(lab):
    lab.write("g", flows.pcap(flows.good()))
    for path, words in (("x" * 120, r"^socket path is 120 bytes, the limit is 107$"),
                        ("none/s", r"^cannot listen at 'none/s': No such file.*\. Choose "),
                        ("g", r"^cannot listen at 'g': there is a file of that name")):
        expect_refused(lab.run("-r", "g", "-o", "-", "--socket", path), words)
    demand(os.path.getsize(lab.path("g")) > 1000, "the file was touched")


def suricatasc(lab):
    """The real one, where this machine has it."""
    tool = shutil.which("suricatasc") or os.environ.get("JNDIWATCH_SURICATASC")
    if not tool:
        raise Skip("suricatasc is not installed")
    _, run, _ = live(lab)
    for command in ("version", "uptime", "iface-list", "iface-stat v0", "dump-counters",
                    "running-mode", "capture-mode", "reopen-log-files", "ruleset-reload-rules",
                    "ruleset-stats", "ruleset-failed-rules", "memcap-list",
                    "memcap-show memory.limit", "memcap-set memory.limit 512mb",
                    "conf-get memory.limit", "exposure", "campaigns", "shutdown"):
        done = subprocess.run([tool, "-c", command, lab.path("s")], capture_output=True,
                              check=False, timeout=60)
        demand(done.returncode == 0 and json.loads(done.stdout)["return"] == "OK",
               f"{command}: {done.stdout} {done.stderr}")
    expect(run.wait(), 0)


def a_silent_pipe(lab):
    """A capture that comes by a pipe is told of while nothing comes, and ended."""
    os.mkfifo(lab.path("pipe"))
    pipe = os.open(lab.path("pipe"), os.O_RDWR)
    lab.cleanups.callback(os.close, pipe)
    os.write(pipe, flows.pcap(flows.good()))
    run = lab.start("-r", "pipe", "--socket", "s", "-o", "out.json")
    wait_for(lambda: os.path.exists(lab.path("s")), "the command socket")
    client = Client(lab.path("s"))
    wait_for(lambda: client.ok("dump-counters")["detect"]["alert"] == 3, "the alerts")
    refused(client, "live capture", "memcap-set", config="memory.limit", memcap="512mb")
    refused(client, "live capture", "get-flow-stats-by-id", flow_id=1)
    demand(client.ok("conf-get", variable="command.socket") == "s", "a setting")
    client.ok("shutdown")
    demand(run.wait().code == 1, "the input's end was not read, and the exit code does not say so")


TESTS = [
    ("all commands", all_commands),
    ("settings are told", settings),
    ("another memory.limit", memory_limit),
    ("a flow by its id", one_flow),
    ("a pipe that is silent", a_silent_pipe),
    ("reload and reopen", reload_and_reopen),
    ("rules that failed", failed_rules),
    ("clients that do not speak the protocol", rude_clients),
    ("row 45 a socket in use, and a stale one", socket_in_use),
    ("row 46 paths that cannot be", wrong_paths),
    ("the real suricatasc", suricatasc),
]

if __name__ == "__main__":
    main(__doc__, TESTS)
