"""Outputs that are killed, filled, starved or absent: whatever happens, the events that an output
has and those that it lost are together those that were made, and the other outputs have all."""

import json
import os
import re
import signal
import subprocess
import sys

import flows
from harness import (Network, Skip, demand, expect, expect_refused, needs_mounts, of_type,
                     sniffing, wait_for)
from rows_output import Fed, has_lines, lines_of
from rows_capture import OUT, good_file
from takers import DGRAM, STREAM, Kafka, Listener, Redis, Subscriber, need_type

MANY = 400  # conversations whose events fill every buffer on the way
LOCAL5 = 21  # RFC 5424, table 1
# What a terminal obeys, or what reorders a line.
TREACHEROUS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
                         "\ufeff\ufff9-\ufffb\xad\U000e0000-\U000e0fff]")
ENDS_SECONDS = 20  # on any machine; an output that hangs would be waited for for ever
QUICK = "timeout: 300 ms"  # how long a test waits for what will not come


def configure(lab, *outputs):
    """A configuration with these outputs, each the lines of a map of YAML in braces' words."""
    text = "outputs:\n" + "".join(f"  - {{{output}}}\n" for output in outputs)
    return ("-c", lab.write("outputs.yaml", text))


def unix(lab, kind, *more, name="s"):
    word = "unix_stream" if kind == STREAM else "unix_dgram"
    return ", ".join([f"type: {word}", f"target: {lab.path(name)}", *more])


def whole(lab, name="out.json"):
    """The lines of the file that all outputs are compared with."""
    lines = lab.text(name).splitlines(keepends=True)
    demand(lines, "nothing was written")
    lines_of(lab.text(name))
    return lines


def same(got, lines, what):
    """The output has all lines, in their order, byte for byte."""
    have = got.splitlines(keepends=True)
    first = next((i for i, (one, two) in enumerate(zip(have, lines)) if one != two), -1)
    demand(have == lines, f"{what} has {len(have)} lines, {len(lines)} were made; the first that "
           f"differs is number {first}")


def told_lost(ended):
    """What standard error says was lost in the end."""
    found = [int(n) for n in re.findall(r"; (\d+) records? lost", "\n".join(ended.errors))]
    return found[-1] if found else 0


def losses(events):
    """How many events an output was told that it missed, and the events without those lines."""
    told = [e for e in events if e.get("anomaly", {}).get("event") == "EVENTS_LOST"]
    return sum(e["metadata"]["flowints"]["events_lost"] for e in told), len(events) - len(told)


def sockets_get_what_the_file_gets(lab):
    good_file(lab, n=20)
    for kind in (STREAM, DGRAM):
        for workers in ("0", "2"):
            name = f"s{int(kind)}{workers}"
            out = f"{name}.json"
            listener = Listener(lab, kind, lab.path(name))
            expect(lab.run("-r", "good.pcap", "-o", out, "--workers", workers,
                           *configure(lab, unix(lab, kind, name=name))), 0)
            same(listener.data(), whole(lab, out), name)


def each_output_has_its_events(lab):
    good_file(lab)
    listener = Listener(lab, STREAM, lab.path("s"))
    expect(lab.run("-r", "good.pcap", "-o", "all.json", *configure(
        lab, unix(lab, STREAM, "events: [alert, stats]"), "target: " + lab.path("http.json")
        + ", events: [http], prefix: '@cee: '")), 0)
    events = lab.events("all.json")
    got = lines_of(listener.data())
    demand([e["event_type"] for e in got] == [e["event_type"] for e in events if e["event_type"] in
                                              ("alert", "stats")], "the socket has other events")
    lines = lab.text("http.json").splitlines()
    demand(all(line.startswith(b'@cee: {"') for line in lines), "a line is without its prefix")
    demand([json.loads(line[6:]) for line in lines] == of_type(events, "http"), "other events")


def nobody_listens(lab):
    """The file has all events, the socket's are counted, and the run ends."""
    good_file(lab)
    for kind in (STREAM, DGRAM):
        for workers in ("0", "2"):
            out = f"{int(kind)}{workers}.json"
            ended = lab.run("-r", "good.pcap", "-o", out, "--workers", workers,
                            *configure(lab, unix(lab, kind, QUICK)))
            demand(ended.code == 3, ended.told())
            n = len(lab.events(out))
            demand(told_lost(ended) == n, f"{n} events; {ended.told()}")
            demand(any("No such file or directory; trying again" in line
                       for line in ended.warnings), ended.told())


def not_a_socket(lab):
    """A file, a folder, a socket of the other kind."""
    good_file(lab)
    lab.write("file", "kept")
    os.mkdir(lab.path("folder"))
    other = Listener(lab, DGRAM, lab.path("other"))
    for name, why in (("file", "Connection refused"), ("folder", "Connection refused"),
                      ("other", "Protocol wrong type for socket")):
        ended = lab.run("-r", "good.pcap", "-o", f"{name}.json",
                        *configure(lab, unix(lab, STREAM, QUICK, name=name)))
        demand(ended.code == 3 and told_lost(ended) == len(lab.events(f"{name}.json")),
               ended.told())
        demand(any(why in line for line in ended.warnings), ended.told())
    demand(lab.text("file") == b"kept", "the file was written to")
    demand(not other.data(), "the other socket got something")


def wrong_outputs(lab):
    """All mistakes at once, before anything is begun."""
    need_type(lab, "redis")
    good_file(lab)
    expect_refused(
        lab.run("-r", "good.pcap", *configure(
            lab, "type: unix_stream", f"type: unix_dgram, target: /{'x' * 119}",
            "type: redis, target: nowhere", "type: syslog, target: 'udp:nowhere'",
            "target: none/eve.json", "line: 100 B")),
        r"needs a target", r"^socket path '.*' is 120 bytes, the limit is 107$",
        r"^'nowhere' is no address; example: 127\.0\.0\.1:6379", r"^'nowhere' is no address",
        r"^output directory 'none' does not exist; mkdir -p none$", r"line: at least 2 KiB")
    expect_refused(lab.run("-r", "good.pcap", *configure(lab, "type: redsi")),
                   r"outputs\.yaml:2: outputs\[\]\.type: 'redsi' is not allowed")


def slow_reader_of_files(lab):
    """File input waits for a reader that begins late; nothing is lost."""
    good_file(lab, n=MANY)
    for kind in (STREAM, DGRAM):
        name = f"s{int(kind)}"
        listener = Listener(lab, kind, lab.path(name), held=True)
        running = lab.start("-r", "good.pcap", "-o", f"{name}.json", "--workers", "1",
                            *configure(lab, unix(lab, kind, name=name)))
        running.wait_for(has_lines(lab.path(f"{name}.json")), "the file to be written")
        demand(running.alive(), "did not wait for its output")
        listener.release()
        expect(running.wait(), 0)
        same(listener.data(), whole(lab, f"{name}.json"), name)


def listener_comes_back(lab):
    """What the first had and what the second got are all events, each once."""
    path = lab.path("s")
    first = Listener(lab, STREAM, path)
    fed = Fed(lab, *OUT, *configure(lab, unix(lab, STREAM)))
    fed.until(lambda: first.n_bytes() > 200000, "the first listener to read")
    got = first.data()
    os.remove(path)
    fed.until(lambda: b"trying again" in fed.running.err(), "the loss of the listener")
    second = Listener(lab, STREAM, path)
    fed.until(lambda: second.n_bytes() > 0, "the second listener to read")
    expect(fed.end(), 0)
    same(got + second.data(), whole(lab), "both listeners together")


def expect_messages(messages, lines):
    """RFC 5424, section 6: header, no structured data, and the event."""
    header = re.compile(rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00) "
                        rb"([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) - (\{.*\})",
                        re.DOTALL)
    demand(len(messages) == len(lines), f"{len(messages)} messages, {len(lines)} events")
    for message, line in zip(messages, lines):
        match = header.fullmatch(message)
        demand(match, f"no message of RFC 5424: {message[:120]!r}")
        event = json.loads(match[7])
        demand(match[7] + b"\n" == line, f"another event: {match[7][:120]!r}")
        demand(match[4] == b"sensor" and match[6].decode() == event["event_type"], "wrong names")
        demand(match[2].decode()[:26] == event["timestamp"][:26], "another time")
        severity = event.get("alert", {}).get("severity")
        level = 6 if severity is None else {1: 2, 2: 3, 3: 4}.get(severity, 5)
        demand(int(match[1]) == LOCAL5 * 8 + level, f"priority {match[1]} of severity {severity}")


def syslog_everywhere(lab):
    """To a local socket, over UDP, over TCP with octet counting (RFC 6587, 3.4.1)."""
    good_file(lab)
    local = Listener(lab, DGRAM, lab.path("log"))
    udp = Listener(lab, DGRAM, ("127.0.0.1", 0))
    tcp = Listener(lab, STREAM, ("127.0.0.1", 0))
    more = "syslog: {identity: sensor, facility: local5}"
    expect(lab.run("-r", "good.pcap", *OUT, *configure(
        lab, f"type: syslog, target: {lab.path('log')}, {more}",
        f"type: syslog, target: 'udp:127.0.0.1:{udp.address[1]}', {more}",
        f"type: syslog, target: 'tcp:127.0.0.1:{tcp.address[1]}', {more}")), 0)
    for listener in (local, udp, tcp):
        listener.close()
    framed, rest = [], b"".join(tcp.parts)
    while rest:
        length, _, rest = rest.partition(b" ")
        framed.append(rest[:int(length)])
        rest = rest[int(length):]
    for messages in (local.parts, udp.parts, framed):
        expect_messages(messages, whole(lab))


def long_events_fit_a_message(lab):
    """8 KiB hold every message; what was cut is whole JSON, says so, and keeps the look-up."""
    long = flows.Talk().open().client(flows.request(
        "/" + "u" * 12000, [(b"User-Agent", flows.lookup("a")), (b"Referer", b"r" * 9000)]))
    lab.write("long.pcap", flows.pcap(long.server(flows.response()).close().frames))
    listener = Listener(lab, DGRAM, lab.path("log"))
    expect(lab.run("-r", "long.pcap", *OUT, "--set", "limits.field=64 KiB", *configure(
        lab, f"type: syslog, target: {lab.path('log')}")), 0)
    listener.close()
    lines = whole(lab)
    demand(max(map(len, lines)) > 9000, "no event is long")
    demand(len(listener.parts) == len(lines), "a message is missing")
    for message, line in zip(listener.parts, lines):
        text = message[message.index(b"{"):]
        event, full = json.loads(text), json.loads(line)
        demand(len(text) <= 8192, f"a message of {len(text)} bytes")
        cut = "truncated" in event.get("metadata", {}).get("flowbits", [])
        demand(cut == (len(line) - 1 > 8192) and (cut or event == full),
               "cut and not said, or said and not cut")
        if "alert" in full:
            demand(event["alert"]["context"] == full["alert"]["context"], "the look-up was cut")


def redis(server, *more):
    return ", ".join([f"type: redis, target: '{server.target}'", *more])


def redis_modes(lab):
    """Each mode holds all events in their order, byte for byte."""
    good_file(lab, n=50)
    server = Redis(lab)
    reader = Subscriber(lab, server, "c")
    expect(lab.run("-r", "good.pcap", *OUT, *configure(
        lab, redis(server), redis(server, "redis: {mode: rpush, key: r}"),
        redis(server, "redis: {mode: channel, key: c}"),
        redis(server, "redis: {mode: stream, key: s}"),
        redis(server, "redis: {mode: stream, key: m, maxlen: 7, exact: yes}"),
        redis(server, "redis: {key: d, database: 3}"))), 0)
    lines = [line[:-1] for line in whole(lab)]
    demand(server.ask("LRANGE", "suricata", 0, -1) == lines[::-1], "LPUSH")
    demand(server.ask("LRANGE", "r", 0, -1) == lines, "RPUSH")
    demand(reader.take(len(lines)) == lines, "PUBLISH")
    demand([fields for _, fields in server.ask("XRANGE", "s", "-", "+")]
           == [[b"eve", line] for line in lines], "XADD")
    demand([fields[1] for _, fields in server.ask("XRANGE", "m", "-", "+")] == lines[-7:], "MAXLEN")
    demand(server.ask("LLEN", "d") == 0, "the wrong database")


def redis_on_a_socket(lab):
    good_file(lab)
    server = Redis(lab, "--unixsocket", lab.path("redis.sock"))
    expect(lab.run("-r", "good.pcap", *OUT, "-o", "redis:" + lab.path("redis.sock")), 0)
    demand(server.ask("LLEN", "suricata") == len(whole(lab)), "an event is missing")


def expect_redis_lost(lab, why, *outputs, n_there=0):
    """Everything is lost there, is counted, and the reason is given; the file has all."""
    ended = lab.run("-r", "good.pcap", *OUT, *configure(lab, *outputs))
    n = len(lab.events())
    os.remove(lab.path("out.json"))
    demand(ended.code == 3 and told_lost(ended) == n - n_there, f"{n} events; {ended.told()}")
    demand(any(why in line for line in ended.warnings + ended.errors), ended.told())


def redis_refuses(lab):
    good_file(lab)
    server = Redis(lab)
    server.ask("SET", "text", "x")
    expect_redis_lost(lab, "WRONGTYPE", redis(server, QUICK, "redis: {key: text}"))
    server.ask("CONFIG", "SET", "maxmemory", "1")
    expect_redis_lost(lab, "OOM", redis(server, QUICK))
    server.ask("CONFIG", "SET", "maxmemory", "0")
    server.ask("REPLICAOF", "127.0.0.1", "1")
    expect_redis_lost(lab, "READONLY", redis(server, QUICK))
    server.ask("REPLICAOF", "NO", "ONE")
    demand(server.ask("LLEN", "suricata") == 0, "a block was taken in part")
    demand(server.ask("GET", "text") == b"x", "a key of another type was changed")


def redis_wants_a_password(lab):
    good_file(lab)
    server = Redis(lab)
    server.ask("CONFIG", "SET", "requirepass", "secret")
    expect_redis_lost(lab, "NOAUTH", redis(server, QUICK))
    expect_redis_lost(lab, "WRONGPASS", redis(server, QUICK, "redis: {password: wrong}"))
    server.ask("ACL", "SETUSER", "watcher", "on", ">word", "~*", "+@all", password="secret")
    expect(lab.run("-r", "good.pcap", *OUT, *configure(
        lab, redis(server, "redis: {password: secret}"),
        redis(server, "redis: {username: watcher, password: word, key: w}"))), 0)
    for key in ("suricata", "w"):
        demand(server.ask("LLEN", key, password="secret") == len(whole(lab)), "an event is missing")


def redis_is_down(lab):
    good_file(lab)
    server = Redis(lab)
    server.kill()
    expect_redis_lost(lab, "Connection refused; trying again", redis(server, QUICK))


def expect_kept(server, lab, key="suricata"):
    """All events in their order; a block whose answer was lost may stand there twice."""
    kept = server.ask("LRANGE", key, 0, -1)
    once = list(dict.fromkeys(kept))
    demand(once == [line[:-1] for line in whole(lab)], f"{len(once)} events are kept in the end")
    return len(kept) - len(once)


def redis_is_killed(lab):
    """Killed and started again in mid-run: all events are there in the end, in order."""
    server = Redis(lab)
    fed = Fed(lab, *OUT, *configure(lab, redis(server, "redis: {mode: rpush}")))
    fed.until(lambda: server.ask("LLEN", "suricata") > 0, "the first events")
    server.kill()
    fed.until(lambda: b"trying again" in fed.running.err(), "the loss of the server")
    server.start()
    n = server.ask("LLEN", "suricata")
    fed.until(lambda: server.ask("LLEN", "suricata") > n, "more events")
    expect(fed.end(), 0)
    expect_kept(server, lab)


def redis_runs_out_of_memory(lab):
    """What it refuses is kept, and sent when it takes events again."""
    server = Redis(lab)
    fed = Fed(lab, *OUT, *configure(lab, redis(server, "redis: {mode: rpush}")))
    fed.until(lambda: server.ask("LLEN", "suricata") > 0, "the first events")
    server.ask("CONFIG", "SET", "maxmemory", "1")
    fed.until(lambda: b"OOM command not allowed" in fed.running.err(), "the refusal")
    server.ask("CONFIG", "SET", "maxmemory", "0")
    n = server.ask("LLEN", "suricata")
    fed.until(lambda: server.ask("LLEN", "suricata") > n, "more events")
    expect(fed.end(), 0)
    demand(expect_kept(server, lab) == 0, "an event is there twice")


def redis_hangs(lab):
    """A server that is stopped and goes on: file input waits, and loses nothing."""
    server = Redis(lab)
    fed = Fed(lab, *OUT, *configure(lab, redis(server, "redis: {mode: rpush}")), "--workers", "1")
    fed.until(lambda: server.ask("LLEN", "suricata") > 0, "the first events")
    server.signal(signal.SIGSTOP)
    fed.until(lambda: b"the server does not answer; trying again" in fed.running.err(),
              "the server to be missed")
    server.signal(signal.SIGCONT)
    n = server.ask("LLEN", "suricata")
    fed.until(lambda: server.ask("LLEN", "suricata") > n, "more events")
    expect(fed.end(), 0)
    expect_kept(server, lab)


REDIS_TESTS = [
    ("redis modes", redis_modes),
    ("redis on a socket", redis_on_a_socket),
    ("redis refuses", redis_refuses),
    ("redis wants a password", redis_wants_a_password),
    ("redis is down", redis_is_down),
    ("redis is killed", redis_is_killed),
    ("redis runs out of memory", redis_runs_out_of_memory),
    ("redis hangs", redis_hangs),
]

SENDER = """
import socket, sys
peer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
peer.bind(("lo", 0))
for line in sys.stdin:
    for frame in line.split():
        peer.send(bytes.fromhex(frame))
    print("sent", flush=True)
"""


def loopback(lab):
    network = Network(lab)
    network.ip("link", "set", "lo", "up")
    return network


class Live:
    """A live capture in a network of its own, and somebody who sends there."""

    def __init__(self, lab, *words, before=(), network=None, **more):
        network = network or loopback(lab)
        os.chmod(lab.folder, 0o755)  # the sensor becomes another user
        self.lab = lab
        self.running = lab.start("-i", "lo", "-q", *words, before=[*network.enter, *before],
                                 **more)
        self.running.wait_for(lambda: sniffing(self.running.pid), "the capture to start")
        self.sender = subprocess.Popen([*network.enter, sys.executable, "-c", SENDER],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        lab.cleanups.callback(self.stop)
        self.n = 0

    def stop(self):
        self.sender.kill()
        self.sender.wait()
        self.sender.stdin.close()
        self.sender.stdout.close()

    def exchange(self):
        """One more conversation on the wire."""
        talk = flows.exchange(("198.51.100.7", 1024 + self.n % 60000), url=f"/live/{self.n}")
        self.sender.stdin.write(b" ".join(frame.data.hex().encode() for frame in talk.frames)
                                + b"\n")
        self.sender.stdin.flush()
        demand(self.sender.stdout.readline() == b"sent\n", "the sender ended")
        self.n += 1

    def until(self, condition, what):
        def step():
            if condition():
                return True
            self.running.must_live()
            self.exchange()
            return False
        wait_for(step, what)

    def end(self):
        """Told to end, it does, whatever its outputs do."""
        os.kill(self.running.pid, signal.SIGTERM)
        return self.running.wait(ENDS_SECONDS)


SOME = "events: [alert, http, flow]"


def expect_sum(lines, data, ended):
    """What an output has and what it lost is what the other output has; it was told of losses that
    it could be told of."""
    n_told, n_got = losses(lines_of(data))
    n_lost = told_lost(ended)
    demand(0 < n_told <= n_lost, f"{n_told} events are told to be lost; {ended.told()}")
    demand(n_lost + n_got == len(lines), f"{n_got} events and {n_lost} lost are not the "
           f"{len(lines)} that were made")
    kept = [line for line in data.splitlines(keepends=True) if b"EVENTS_LOST" not in line]
    made = iter(lines)
    demand(all(line in made for line in kept), "events are not in their order")


def live_reader_starves(lab):
    """A reader that stops reading costs nobody else an event, and is told what it missed."""
    listener = Listener(lab, STREAM, lab.path("s"), held=True)
    file = lab.path("file.json")
    live = Live(lab, *configure(lab, f"target: {file}, {SOME}",
                                unix(lab, STREAM, SOME, "queue: 128 KiB")))
    live.until(lambda: b"its queue is full" in live.running.err(), "the queue to be full")
    listener.release()
    live.until(lambda: b"EVENTS_LOST" in b"".join(listener.parts), "the loss to be told")
    ended = live.end()
    demand(ended.code == 3, ended.told())
    expect_sum(whole(lab, "file.json"), listener.data(), ended)


def live_listener_is_away(lab):
    """Nobody there at first: the queue keeps what it can, and it arrives."""
    file = lab.path("file.json")
    live = Live(lab, *configure(lab, f"target: {file}, {SOME}",
                                unix(lab, STREAM, SOME, "queue: 128 KiB")))
    live.until(lambda: b"its queue is full" in live.running.err(), "the queue to be full")
    listener = Listener(lab, STREAM, lab.path("s"))
    live.until(lambda: b"EVENTS_LOST" in b"".join(listener.parts), "the loss to be told")
    ended = live.end()
    demand(ended.code == 3, ended.told())
    expect_sum(whole(lab, "file.json"), listener.data(), ended)


def live_redis_hangs(lab):
    """It is stopped for good: the capture ends in time, the sum is right, the file has all."""
    path = lab.path("redis.sock")
    server = Redis(lab, "--unixsocket", path, "--unixsocketperm", "777")
    os.chmod(server.folder, 0o755)
    file = lab.path("file.json")
    live = Live(lab, *configure(lab, f"target: {file}, {SOME}",
                                f"type: redis, target: {path}, {SOME}, redis: {{mode: rpush}}"))
    live.until(lambda: server.ask("LLEN", "suricata") > 0, "the first events")
    server.signal(signal.SIGSTOP)
    n = live.n
    live.until(lambda: live.n > n + 200, "more conversations")
    ended = live.end()
    demand(ended.code == 3, ended.told())
    n_made = len(whole(lab, "file.json"))
    server.signal(signal.SIGCONT)
    demand(told_lost(ended) > 0, ended.told())
    n_there = server.ask("LLEN", "suricata")
    # Of what was on the way when it was stopped it may have taken more than it could say.
    demand(n_made - told_lost(ended) <= n_there <= n_made,
           f"{n_there} of {n_made} events are there; {ended.told()}")


def live_kafka_goes_and_comes(lab):
    """Its library may start threads though the sensor is shut in."""
    network = loopback(lab)
    cluster = brokers(lab, "suricata", before=network.enter)
    file = lab.path("file.json")
    live = Live(lab, *configure(lab, f"target: {file}, {SOME}", kafka(cluster, SOME)),
                network=network)
    live.until(lambda: live.n > 50 and cluster.records(), "the first records")
    cluster.tell("down")
    live.until(lambda: b"trying again" in live.running.err(), "the brokers to be missed")
    cluster.tell("up")
    live.until(lambda: b"again; 0 records were lost" in live.running.err(), "them to be back")
    expect(live.end(), 0)
    expect_records(cluster.records(), whole(lab, "file.json"), "suricata",
                   lambda event: event.get("src_ip", ""))


def live_pipe_is_not_read(lab):
    """Standard output that nobody reads stops nothing."""
    file = lab.path("file.json")
    reader, writer = os.pipe()
    lab.cleanups.callback(os.close, reader)
    live = Live(lab, "-o", "-", *configure(lab, f"target: {file}, {SOME}"), stdout=writer)
    os.close(writer)
    live.until(lambda: os.path.exists(file) and os.path.getsize(file) > 400000,
               "more than a pipe holds")
    wait_for(lambda: lab.text("file.json").count(b'"event_type":"http"') == live.n,
             "the file to have every request")
    ended = live.end()
    demand(ended.code == 3 and told_lost(ended) > 0, ended.told())
    demand(losses(lines_of(lab.text("file.json")))[0] == 0, "the file lost something")


def live_disk_is_full(lab):
    """There is space again later: whole lines, the loss in between told in the file itself."""
    needs_mounts()
    os.mkdir(lab.path("D"))
    script = ("mount -t tmpfs -o size=4m,mode=1777 none D || exit 77; "
              'head -c 3900k /dev/zero >D/filler; exec "$@"')
    file = lab.path("file.json")
    live = Live(lab, *configure(lab, f"target: {file}, {SOME}",
                                f"target: {lab.path('D', 'eve.json')}, queue: 128 KiB, {SOME}"),
                before=["unshare", "--mount", "sh", "-c", script, "sh"])
    inside = ["nsenter", f"--mount=/proc/{live.running.pid}/ns/mnt", "--"]
    live.until(lambda: b"No space left on device" in live.running.err(), "the disk to be full")
    live.until(lambda: b"its queue is full" in live.running.err(), "no room to wait in")
    subprocess.run([*inside, "rm", lab.path("D", "filler")], check=True)
    live.until(lambda: b"records were lost" in live.running.err(), "space")
    keeper = os.open(f"/proc/{live.running.pid}/ns/mnt", os.O_RDONLY)
    lab.cleanups.callback(os.close, keeper)
    ended = live.end()
    demand(ended.code == 3, ended.told())
    data = subprocess.run(["nsenter", f"--mount=/proc/self/fd/{keeper}", "cat",
                           lab.path("D", "eve.json")], check=True, capture_output=True,
                          pass_fds=[keeper]).stdout
    expect_sum(whole(lab, "file.json"), data, ended)


LIVE_TESTS = [
    ("live: a reader starves", live_reader_starves),
    ("live: a listener is away", live_listener_is_away),
    ("live: Redis hangs", live_redis_hangs),
    ("live: Kafka goes and comes", live_kafka_goes_and_comes),
    ("live: a pipe is not read", live_pipe_is_not_read),
    ("live: the disk is full", live_disk_is_full),
]

def brokers(lab, *topics, before=()):
    need_type(lab, "kafka")
    if lab.options.brokers is None:
        raise Skip("the program that mocks brokers was not built (--brokers)")
    return Kafka(lab, os.path.abspath(lab.options.brokers), *topics, before=before)


def kafka(cluster, *more):
    return ", ".join([f"type: kafka, target: '{cluster.target}'", *more])


def expect_records(records, lines, topic, key):
    """A topic has every event once; those of one key lie in one partition, in their order."""
    mine = [(partition, k, value) for t, partition, k, value in records if t == topic]
    demand(sorted(value for _, _, value in mine) == sorted(line[:-1] for line in lines),
           f"{topic} has {len(mine)} records of {len(lines)} events")
    wanted = {}
    for line in lines:
        wanted.setdefault(key(json.loads(line)), []).append(line[:-1])
    wanted.pop("", None)  # without a key they may lie anywhere
    for name, values in wanted.items():
        found = [(partition, value) for partition, k, value in mine if k == name]
        demand([value for _, value in found] == values, f"{topic}: the order of key '{name}'")
        demand(len({partition for partition, _ in found}) == 1, f"{topic}: key '{name}' is spread")


def kafka_topics_and_keys(lab):
    good_file(lab, n=20)
    cluster = brokers(lab, "suricata", "eve-alert", "eve-http", "flows")
    expect(lab.run("-r", "good.pcap", *OUT, *configure(
        lab, kafka(cluster, "kafka: {compression: lz4}"),
        kafka(cluster, "events: [alert, http], kafka: {topic: eve-%e, compression: zstd}"),
        kafka(cluster, "kafka: {topic: flows, partition_by: flow, compression: gzip}"))), 0)
    lines, records = whole(lab), cluster.records()
    expect_records(records, lines, "suricata", lambda event: event.get("src_ip", ""))
    expect_records(records, lines, "flows", lambda event: str(event.get("flow_id", "")))
    for kind in ("alert", "http"):
        expect_records(records, [line for line in lines if json.loads(line)["event_type"] == kind],
                       f"eve-{kind}", lambda event: event["src_ip"])


def kafka_settings(lab):
    """What is wrong is told at the start; what is right reaches librdkafka."""
    need_type(lab, "kafka")
    good_file(lab)
    expect_refused(
        lab.run("-r", "good.pcap", *configure(
            lab, "type: kafka", "type: kafka, target: x, kafka: {settings: [no.such=1]}",
            "type: kafka, target: x, kafka: {settings: [word]}",
            "type: kafka, target: x, kafka: {topic: ''}")),
        r"needs a target: its brokers", r"kafka: no\.such: No such configuration property",
        r"'word' is not NAME=VALUE", r"kafka\.topic is empty")
    # Brokers of its own would take connections, which the sandbox does not permit.
    expect(lab.run("-r", "good.pcap", *OUT, "--set", "rights.sandbox=no", *configure(
        lab, "type: kafka, kafka: {settings: [test.mock.num.brokers=3]}")), 0)
    lab.events()


def kafka_is_down(lab):
    good_file(lab)
    cluster = brokers(lab, "suricata")
    cluster.tell("down")
    ended = lab.run("-r", "good.pcap", *OUT, *configure(lab, kafka(cluster, "timeout: 2 s")))
    demand(ended.code == 3 and told_lost(ended) == len(lab.events()), ended.told())
    cluster.tell("up")
    demand(not cluster.records(), "a record that counts as lost is there")


def kafka_comes_back(lab):
    """Down and up in mid-run: every event is there once, in the order of its key."""
    cluster = brokers(lab, "suricata")
    fed = Fed(lab, *OUT, *configure(lab, kafka(cluster)), "--workers", "1")
    fed.until(lambda: fed.n > 100 and cluster.records(), "the first records")
    cluster.tell("down")
    fed.until(lambda: b"trying again" in fed.running.err(), "the brokers to be missed")
    cluster.tell("up")
    fed.until(lambda: b"again; 0 records were lost" in fed.running.err(), "the brokers to be back")
    expect(fed.end(), 0)
    expect_records(cluster.records(), whole(lab), "suricata", lambda event: event.get("src_ip", ""))


def expect_harmless(data, what):
    """No byte of it can do harm in a viewer, a terminal or a protocol; `data` is one event."""
    demand(b"$" not in data and data.startswith(b"{") and data.endswith(b"}"), f"{what}: {data!r}")
    bad = TREACHEROUS.search(data.decode("utf-8"))
    demand(bad is None, f"{what}: {bad and bad[0]!r} stands in it")
    json.loads(data)


def hostile_bytes_everywhere(lab):
    """Whatever was sent, each output gets the same harmless events, framed as it wants them."""
    lab.write("hostile.pcap", flows.pcap(flows.hostile()))
    stream, dgram, log = (Listener(lab, kind, lab.path(name)) for kind, name in (
        (STREAM, "stream"), (DGRAM, "dgram"), (DGRAM, "log")))
    server, cluster = Redis(lab), brokers(lab, "suricata")
    expect(lab.run("-r", "hostile.pcap", *OUT, *configure(
        lab, unix(lab, STREAM, name="stream"), unix(lab, DGRAM, name="dgram"),
        f"type: syslog, target: {lab.path('log')}, line: 64 KiB", redis(
            server, "redis: {mode: rpush}"),
        redis(server, "redis: {mode: stream, key: x}"), kafka(cluster))), 0)
    lines = [line[:-1] for line in whole(lab)]
    demand(any(b"\\\\xff" in line for line in lines), "nothing hostile came through")
    for line in lines:
        expect_harmless(line, "the file")
    same(stream.data(), [line + b"\n" for line in lines], "the stream")
    same(dgram.data(), [line + b"\n" for line in lines], "the datagrams")
    log.close()
    demand([part[part.index(b"{"):] for part in log.parts] == lines, "syslog")
    for part in log.parts:
        header = part[:part.index(b"{")]
        demand(header.count(b" ") == 7 and all(0x20 <= byte < 0x7f for byte in header),
               f"syslog's header: {header!r}")
    demand(server.ask("LRANGE", "suricata", 0, -1) == lines, "Redis, list")
    demand([fields[1] for _, fields in server.ask("XRANGE", "x", "-", "+")] == lines, "stream")
    demand(sorted(value for _, _, _, value in cluster.records()) == sorted(lines), "Kafka")


KAFKA_TESTS = [
    ("kafka topics and keys", kafka_topics_and_keys),
    ("kafka settings", kafka_settings),
    ("kafka is down", kafka_is_down),
    ("kafka comes back", kafka_comes_back),
    ("hostile bytes everywhere", hostile_bytes_everywhere),
]


def names_are_unique(lab):
    """Of whom the counters tell must be clear; given and made names are alike."""
    good_file(lab)
    for outputs in (("name: x", "name: x"), ("target: a.json", "name: file"),
                    ("target: a.json", "name: file2", "target: c.json")):
        words = [f"type: file, {word}" + ("" if "target" in word else f", target: {i}.json")
                 for i, word in enumerate(outputs)]
        name = "x" if "name: x" in outputs else "file2" if len(outputs) > 2 else "file"
        expect_refused(lab.run("-r", "good.pcap", *configure(lab, *words)),
                       rf"^two outputs are named '{name}'; ")
    expect(lab.run("-r", "good.pcap", *configure(lab, "type: file, target: a.json, name: x",
                                                 "type: file, target: b.json")), 0)


TESTS = [
    ("names of outputs", names_are_unique),
    ("sockets get what the file gets", sockets_get_what_the_file_gets),
    ("each output has its events", each_output_has_its_events),
    ("nobody listens", nobody_listens),
    ("not a socket", not_a_socket),
    ("wrong outputs", wrong_outputs),
    ("slow reader of files", slow_reader_of_files),
    ("listener comes back", listener_comes_back),
    ("syslog everywhere", syslog_everywhere),
    ("long events fit a message", long_events_fit_a_message),
] + REDIS_TESTS + KAFKA_TESTS + LIVE_TESTS
