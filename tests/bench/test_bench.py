#!/usr/bin/python3
"""Tests of the bench's tools: the captures are the same in every run, well-formed to the last
checksum, and hold what their tally says; the floor sees all of it.

usage: test_bench.py MAKE_CAPTURE FLOOR MEASURE
"""
import gzip
import hashlib
import json
import re
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

MAKE_CAPTURE = FLOOR = MEASURE = None
PROFILES = (
    "mixed", "small", "mail", "flows", "flows-few", "flows-short", "attack", "attack-clean",
)


def make(profile, size_mb, folder):
    """A capture of that kind, and its tally."""
    path = Path(folder, f"{profile}.pcap")
    subprocess.run([MAKE_CAPTURE, profile, str(size_mb), str(path)], check=True)
    return path, json.loads(Path(f"{path}.json").read_text(encoding="ascii"))


def packets(path):
    """(time in microseconds, bytes) of each packet."""
    content = path.read_bytes()
    magic, _major, _minor, _zone, _sigfigs, _snaplen, link = struct.unpack_from("<IHHIIII", content)
    assert (magic, link) == (0xA1B2C3D4, 1)
    at = 24
    while at < len(content):
        seconds, micros, caplen, length = struct.unpack_from("<IIII", content, at)
        assert caplen == length
        yield seconds * 1000000 + micros, content[at + 16:at + 16 + caplen]
        at += 16 + caplen


def checksum(data):
    """The Internet checksum of the data: 0 when it holds its own, right."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def dissect(frame):
    """(key, flags, seq, ack, payload) of a TCP packet, checksums verified."""
    at = 12
    if frame[at:at + 2] == b"\x81\x00":
        at += 4
    kind = frame[at:at + 2]
    ip = frame[at + 2:]
    if kind == b"\x08\x00":
        assert checksum(ip[:20]) == 0
        addresses, protocol, tcp = ip[12:20], ip[9], ip[20:]
        assert struct.unpack_from(">H", ip, 2)[0] == len(ip)
    else:
        assert kind == b"\x86\xdd"
        addresses, protocol, tcp = ip[8:40], ip[6], ip[40:]
        assert struct.unpack_from(">H", ip, 4)[0] == len(tcp)
    assert protocol == 6
    assert checksum(addresses + struct.pack(">HH", protocol, len(tcp)) + tcp) == 0
    half = len(addresses) // 2
    ports = struct.unpack_from(">HH", tcp)
    seq, ack, offset, flags = struct.unpack_from(">IIBB", tcp, 4)
    key = (addresses[:half], ports[0], addresses[half:], ports[1])
    return key, flags, seq, ack, tcp[(offset >> 4) * 4:]


class Stream:
    """One connection, checked packet by packet."""

    def __init__(self):
        self.next = {}
        self.data = {}

    def add(self, key, flags, seq, ack, payload):
        """Demands the next sequence number of each side, acknowledged as sent."""
        if flags & 2:
            assert key not in self.next
            self.next[key] = seq
            self.data[key] = bytearray()
        assert seq == self.next[key], "out of order"
        other = (*key[2:], *key[:2])
        assert not flags & 16 or ack == self.next[other], "acknowledges what was not sent"
        self.next[key] = (seq + len(payload) + (1 if flags & 3 else 0)) & 0xFFFFFFFF
        self.data[key] += payload


def follow(path):
    """The bytes of all directions by key, closed connections too: (client bytes, server bytes)."""
    open_streams, done, last = {}, [], 0
    for micros, frame in packets(path):
        assert micros > last, "time stands still"
        last = micros
        key, flags, *rest = dissect(frame)
        both = frozenset((key[:2], key[2:]))
        if flags & 18 == 2:
            stream = open_streams.get(both)
            assert stream is None or stream.closed == 2
            stream = open_streams[both] = Stream()
            stream.client, stream.closed = key, 0
            done.append(stream)
        stream = open_streams[both]
        stream.add(key, flags, *rest)
        stream.closed += flags & 1
    for stream in done:
        assert stream.closed == 2, "never closed"
        client = stream.client
        yield bytes(stream.data[client]), bytes(stream.data[(*client[2:], *client[:2])])


def gzip_bodies(server):
    """What the gzip bodies of a server's answers hold."""
    at = 0
    while at < len(server):
        end = server.index(b"\r\n\r\n", at) + 4
        head, at = server[at:end], end
        body, length = b"", re.search(rb"Content-Length: (\d+)", head)
        if b"chunked" in head:
            while True:
                end = server.index(b"\r\n", at)
                size, at = int(server[at:end], 16), end + 2
                body, at = body + server[at:at + size], at + size + 2
                if size == 0:
                    break
        elif length:
            body, at = server[at:at + int(length.group(1))], at + int(length.group(1))
        if b"Content-Encoding: gzip" in head:
            yield gzip.decompress(body)


class Captures(unittest.TestCase):
    """make_capture, each profile."""

    def test_same_bytes_in_every_run(self):
        for profile in PROFILES:
            digests = set()
            for _ in range(2):
                with tempfile.TemporaryDirectory() as folder:
                    path, _tally = make(profile, 1, folder)
                    digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
            self.assertEqual(len(digests), 1, profile)

    def test_packets_are_whole_and_hold_what_the_tally_says(self):
        for profile in PROFILES:
            with self.subTest(profile=profile), tempfile.TemporaryDirectory() as folder:
                path, tally = make(profile, 1, folder)
                requests = responses = mails = flows = 0
                bodies = []
                for client, server in follow(path):
                    flows += 1
                    if server.startswith(b"220 "):
                        mails += client.count(b"\r\n.\r\n")
                        continue
                    requests += len(re.findall(rb"(?:GET|POST) /\S+ HTTP/1\.1\r\n", client))
                    responses += len(re.findall(rb"HTTP/1\.1 \d+ \w[^\r]*\r\nServer: ", server))
                    bodies.extend(gzip_bodies(server))
                self.assertEqual(flows, tally["flows"])
                self.assertEqual(requests, tally["requests"])
                self.assertEqual(responses, tally["responses"])
                self.assertEqual(mails, tally["mails"])
                self.assertEqual(len(bodies), tally["gzip_bodies"])
                self.assertEqual(sum(map(len, bodies)), tally["inflated_bytes"])
                self.assertEqual(path.stat().st_size, tally["bytes"])

    def test_harmless_twin_of_the_attacks_has_none(self):
        with tempfile.TemporaryDirectory() as folder:
            attack, tally = make("attack", 1, folder)
            twin, harmless = make("attack-clean", 1, folder)
            self.assertEqual(tally["attacks"], tally["requests"])
            self.assertEqual(harmless["attacks"], 0)
            self.assertAlmostEqual(
                harmless["bytes"] / harmless["requests"], tally["bytes"] / tally["requests"],
                delta=40)
            opener = re.compile(rb"[$][{][j$]|%24%7B|u0024", re.I)
            self.assertGreaterEqual(len(opener.findall(attack.read_bytes())), tally["attacks"])
            self.assertIsNone(opener.search(twin.read_bytes()))

    def test_unknown_profile_is_refused(self):
        run = subprocess.run([MAKE_CAPTURE, "nope", "1", "x"], capture_output=True, check=False)
        self.assertEqual(run.returncode, 2)


class Floor(unittest.TestCase):
    """floor, each mode."""

    def test_floor_sees_what_the_capture_holds(self):
        with tempfile.TemporaryDirectory() as folder:
            path, tally = make("mixed", 3, folder)
            for mode in ("read", "scan", "inflate"):
                run = subprocess.run([FLOOR, mode, str(path)], check=True, capture_output=True)
                seen = json.loads(run.stdout)
                self.assertEqual(seen["packets"], tally["packets"])
                if mode != "read":
                    self.assertGreater(seen["payload_bytes"], tally["bytes"] * 0.8)
                    self.assertGreater(seen["hits"], 0)
            self.assertGreater(tally["gzip_bodies"], 0)
            self.assertEqual(seen["gzip_bodies"], tally["gzip_bodies"])
            self.assertEqual(seen["inflated_bytes"], tally["inflated_bytes"])

    def test_missing_capture_is_an_error(self):
        run = subprocess.run([FLOOR, "read", "nofile"], capture_output=True, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"nofile", run.stderr)


class Measure(unittest.TestCase):
    """measure."""

    def figures(self, *command):
        """What it writes of a command."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "figures")
            subprocess.run([MEASURE, str(path), *command], capture_output=True, check=True)
            return json.loads(path.read_text(encoding="ascii"))

    def test_work_memory_and_exit_code_are_those_of_the_command(self):
        work = "x = bytearray(200 << 20); x[::4096] = b'x' * len(x[::4096]); raise SystemExit(3)"
        used = self.figures(sys.executable, "-c", work)
        self.assertEqual(used["code"], 3)
        self.assertGreater(used["memory"], 200 << 20)
        self.assertGreater(used["cpu"], 0)
        self.assertGreaterEqual(used["wall"] * 3, used["cpu"])

    def test_memory_of_the_caller_is_not_counted(self):
        ballast = b"x" * (64 << 20)
        self.assertLess(self.figures("true")["memory"], len(ballast))

    def test_command_that_is_missing(self):
        self.assertEqual(self.figures("no-such-command")["code"], 127)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    MEASURE, FLOOR, MAKE_CAPTURE = sys.argv.pop(), sys.argv.pop(), sys.argv.pop()
    unittest.main()
