#!/usr/bin/python3
"""What a full dissector finds in crooked traffic the sensor finds too.

test_dissector.py PROGRAM [--only PART]...

All captures of pcaps/ become one, each in a network of its own, and that is made crooked in each
way in turn: one way only, taken up in the middle, with packets lost, wrapped, in fragments, with
wrong checksums. The requests of HTTP that are told are held against those that tshark finds in the
same file: at least SHARE of them must be there, and none that the traffic does not have.
"""

import collections
import functools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import harness  # noqa: E402
from harness import Skip, demand, expect_no_fault, expect_packets, of_type, parse  # noqa: E402
import expect as plans  # noqa: E402
import flows  # noqa: E402
import frames  # noqa: E402
import laws  # noqa: E402
from rows_fragments import cut  # noqa: E402
import rows_links  # noqa: E402
import run as replay  # noqa: E402
import shelf  # noqa: E402
import transform  # noqa: E402

SEED = os.environ.get("JNDIWATCH_SEED", "1")
SHARE = 0.99
FOLDER = os.path.abspath(os.path.join(harness.TOP, "pcaps"))
LONGEST = 60  # characters of a target that are compared: both sides shorten long ones
GAP_US = 3600 * 10 ** 6  # no connection goes on for so long
TSHARK = ("-n", "-o", "tcp.reassemble_out_of_order:TRUE")
HONOURED = ("-o", "tcp.check_checksum:TRUE")  # what has a wrong one is not put together


# --- the traffic ----------------------------------------------------------------------------------


def elsewhere(part, number):
    """A segment in the network of this number: only the second byte of its addresses differs."""
    at = (13, 17) if part.version == 4 else (9, 25)
    ip = bytearray(part.ip)
    for offset in at:
        ip[offset] ^= number
    return part.with_(ip=bytes(ip))


@functools.lru_cache(maxsize=1)
def traffic():
    """The segments of each capture that needs no configuration, one capture after the other."""
    made, start_us = [], flows.START_US
    for number, (name, path) in enumerate(sorted(replay.captures(FOLDER).items()), 1):
        parts = [part for part in map(shelf.parse, shelf.read(path)) if shelf.is_segment(part)]
        if plans.load(os.path.join(FOLDER, name + ".expect")).args or not parts:
            continue
        offset_us = start_us - parts[0].time_us
        made.append([elsewhere(part, number).with_(time_us=part.time_us + offset_us)
                     for part in parts])
        start_us = max(part.time_us for part in made[-1]) + GAP_US
    return made


def chance_of(name):
    return random.Random(f"{SEED}/{name}")


# --- who finds what -------------------------------------------------------------------------------


def key(method, target):
    """A request as far as both spell it alike."""
    plain = "".join(c if " " < c < "\x7f" else "?" for c in target)
    return f"{method} {plain[:LONGEST]}"


def dissected(path, *more):
    """The requests that tshark finds."""
    with tempfile.TemporaryDirectory(prefix="jndiwatch-dissector-") as home:
        ended = subprocess.run(
            ["tshark", *TSHARK, *more, "-r", path, "-Y", "http.request.method", "-T", "json",
             "-e", "http.request.method", "-e", "http.request.uri"],
            capture_output=True, check=False, env={**os.environ, "HOME": home})
    demand(ended.returncode == 0, f"tshark: {ended.stderr.decode()[-300:]}")
    found = collections.Counter()
    for packet in json.loads(ended.stdout.decode("utf-8", "replace") or "[]"):
        layers = packet["_source"]["layers"]
        methods = layers.get("http.request.method", [])
        targets = layers.get("http.request.uri", [])
        found.update(map(key, methods, targets + [""] * (len(methods) - len(targets))))
    return found


def is_first_version(event):
    return event["http"].get("version") != "2" and "http_method" in event["http"]


def requests_of(events):
    return collections.Counter(key(event["http"]["http_method"], event["http"].get("url", ""))
                               for event in of_type(events, "http") if is_first_version(event))


def sensed(lab, path, n):
    """The requests that the program tells; its events break no law."""
    ended = lab.run("-r", path, "-o", "out.json")
    demand(ended.code == 0, ended.told())
    expect_no_fault(ended)
    events = lab.events()
    expect_packets(events, n)
    broken = laws.broken(events, n)
    demand(not broken, "; ".join(broken[:3]))
    return requests_of(events)


def named(requests):
    return ", ".join(f"{n} × {name}" for name, n in sorted(requests.items())[:6])


@functools.lru_cache(maxsize=1)
def straight(program):
    """The requests that the program tells of the traffic as it is: other tests hold it to them."""
    with tempfile.TemporaryDirectory(prefix="jndiwatch-dissector-") as folder:
        path, out = os.path.join(folder, "straight.pcap"), os.path.join(folder, "out.json")
        with open(path, "wb") as file:
            file.write(segments(same)(traffic(), None)[0])
        subprocess.run([program, "-r", path, "-o", out], check=True, capture_output=True)
        with open(out, "rb") as file:
            return requests_of(parse(file.read()))


def invented(found, sent):
    """What is told more often than it was sent; of a target some of which was lost the beginning
    may be told."""
    return collections.Counter({
        request: n for request, n in (found - sent).items()
        if request in sent or not any(whole.startswith(request) for whole in sent)})


def compared(name, make, *more):
    """A test: make(captures, chance) gives one crooked capture, and how many packets it has."""
    def test(lab):
        if shutil.which("tshark") is None:
            raise Skip("needs tshark")
        capture, n = make(traffic(), chance_of(name))
        path = lab.write("crooked", capture)
        wanted, found = dissected(path, *more), sensed(lab, path, n)
        missing, more_than_sent = wanted - found, invented(found, straight(lab.program))
        print(f"# {name}: {found.total()} requests, tshark {wanted.total()}, "
              f"{missing.total()} of them missing", flush=True)
        demand(missing.total() <= wanted.total() * (1 - SHARE),
               f"{missing.total()} of {wanted.total()} requests are missing: {named(missing)}")
        demand(not more_than_sent, f"requests that nobody sent: {named(more_than_sent)}")
    return test


# --- crooked ways ---------------------------------------------------------------------------------


def same(parts, _chance):
    return parts


def one_way(to_server):
    """Where that is not known, by the ports."""
    return lambda parts, _chance: transform.one_way(parts, to_server) or [
        part for part in parts if (part.target < part.source) == to_server]


def without_openings(parts, _chance):
    return transform.without_handshake(parts, None)


def taken_up(parts, chance):
    """Each connection from some segment on."""
    counts = collections.Counter(part.flow for part in parts)
    left = {flow: chance.randrange(n) for flow, n in counts.items()}
    made = []
    for part in parts:
        left[part.flow] -= 1
        if left[part.flow] < 0:
            made.append(part)
    return made


def lossy(share):
    """Segments with payload are lost."""
    return lambda parts, chance: [part for part in parts
                                  if not part.payload or chance.random() >= share]


def both(*changes):
    """One after the other."""
    def change(parts, chance):
        for one in changes:
            parts = one(parts, chance) or parts
        return parts
    return change


def ethernet(made):
    return flows.pcap(made), len(made)


def changed(captures, change, chance):
    """The segments of all captures, each changed by itself; of those in which there is nothing to
    change, as they are."""
    return [part for parts in captures for part in change(parts, chance) or parts]


def segments(change):
    """The frames of changed segments."""
    return lambda captures, chance: ethernet([frames.build(part) for part in
                                              changed(captures, change, chance)])


def with_wrong_sum(part):
    frame = frames.build(part)
    data = bytearray(frame.data)
    data[len(part.ether) + len(part.ip) + 16] ^= 0x5A
    return frames.Frame(frame.time_us, bytes(data))


def offloaded(captures, chance):
    """One host in two leaves its checksums to the card."""
    hosts = {}
    return ethernet([with_wrong_sum(part)
                     if hosts.setdefault(part.addresses[0], chance.random() < 0.5)
                     else frames.build(part) for part in changed(captures, same, chance)])


def decoys(captures, chance):
    """Before segments with payload others in their place, with other bytes and a wrong sum."""
    made = []
    for part in changed(captures, same, chance):
        if part.payload and chance.random() < 0.5:
            made.append(with_wrong_sum(part.with_(payload=bytes(b ^ 1 for b in part.payload))))
        made.append(frames.build(part))
    return ethernet(made)


def fragments(change):
    """Each packet with much payload in fragments, and these changed."""
    def make(captures, chance):
        made, number = [], 0
        for part in changed(captures, same, chance):
            frame, at = frames.build(part), len(part.ether)
            if len(part.payload) < 40:
                made.append(frame)
                continue
            number += 1
            pieces = cut(frame.data[at:], number & 0xFFFF, 8 * chance.randint(3, 60))
            made += [frames.Frame(frame.time_us, part.ether + piece)
                     for piece in change(pieces, chance)]
        return ethernet(made)
    return make


def wrapped(rows, change):
    """Each connection in one of these. A link type is an interface."""
    link_types = sorted({link_type for _, link_type, _ in rows})

    def make(captures, chance):
        clients = transform.clients_of(changed(captures, same, chance))
        chosen, made = {}, []
        for part in changed(captures, change, chance):
            if part.flow not in chosen:
                chosen[part.flow] = chance.choice(
                    [row for row in rows if part.version == 4 or row[0] not in OF_IPV4])
            _, link_type, wrap = chosen[part.flow]
            packet = frames.build(part).data[len(part.ether):]
            made.append((link_types.index(link_type),
                         frames.Frame(part.time_us, wrap(packet, part.way in clients))))
        return flows.pcapng(link_types, made), len(made)
    return make


# These say that IPv4 follows, or a family that is a number of its own for IPv6.
OF_IPV4 = ("802.3 with LLC alone", "null", "null, big-endian", "loop")
TUNNELS = [(name, rows_links.RAW, wrap) for name, wrap in rows_links.TUNNELS]

CHANGES = [
    ("as they are", same),
    ("pieces", transform.pieces),
    ("duplicates", transform.duplicates),
    ("swapped", transform.swapped),
    ("answers first", transform.answers_first),
    ("numbers that wrap", transform.wrapped),
    ("clients only", one_way(True)),
    ("servers only", one_way(False)),
    ("without openings", without_openings),
    ("taken up", taken_up),
    ("one of 100 lost", lossy(0.01)),
    ("one of ten lost", lossy(0.1)),
    ("swapped pieces, taken up, some lost", both(transform.swapped, taken_up, lossy(0.02))),
    ("duplicates of clients only", both(transform.duplicates, one_way(True))),
]

FRAGMENTS = [
    ("in order", lambda pieces, _chance: pieces),
    ("backwards", lambda pieces, _chance: pieces[::-1]),
    ("shuffled", lambda pieces, chance: chance.sample(pieces, len(pieces))),
    ("each twice", lambda pieces, _chance: [piece for piece in pieces for _ in range(2)]),
]

TESTS = [(name, compared(name, make)) for name, make in [
    (f"segments: {name}", segments(change)) for name, change in CHANGES
] + [
    (f"fragments: {name}", fragments(change)) for name, change in FRAGMENTS
] + [
    (f"{kind}: {name}", wrapped(rows, change)) for kind, rows in (
        ("links", rows_links.LINKS), ("tunnels", TUNNELS))
    for name, change in CHANGES if name in ("as they are", "clients only", "without openings",
                                            "one of ten lost")
] + [
    ("checksums: offloaded", offloaded),
]] + [("checksums: decoys", compared("checksums: decoys", decoys, *HONOURED))]

if __name__ == "__main__":
    print(f"# JNDIWATCH_SEED={SEED}")
    harness.main(__doc__, TESTS)
