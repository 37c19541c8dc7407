"""Captures that want more memory than there is to be had, made piece by piece as they are read.

Every load is a function of a scale (1: whole) that yields records of a pcap with Ethernet frames.
Checksums are left out, for speed: they are to be replayed with -k none.
"""

import struct
import zlib

import flows
import frames

STEP_US = 10
BIG_SEGMENT = 60000
SERVER = flows.address("192.0.2.80")
WEB, MAIL = 80, 25
HALF_OPEN, UNFINISHED = 20000000, 30000000  # clients of loads that come together
BOMB_BYTES = 100 * 1000 * 1000
HEADER_BYTES = 1000 * 1000 * 1000


class Wire:
    """Writes records of TCP segments, one every 10 µs, without the cost of whole objects."""

    def __init__(self, start_us):
        self.time_us = start_us

    def segment(self, ends, seq, ack, flags, payload=b""):
        """A record. ends: (address, port) of the sender and of the receiver."""
        (here, port), (there, to_port) = ends
        self.time_us += STEP_US
        sec, usec = divmod(self.time_us, 1000000)
        length = 40 + len(payload)
        return struct.pack("<IIII", sec, usec, length + 14, length + 14) + struct.pack(
            ">14sBBHHHBBH4s4sHHIIBBHHH", flows.ETHER, 0x45, 0, length, 0, 0x4000, 64, 6, 0,
            here, there, port, to_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags,
            flows.WINDOW, 0, 0) + payload


    def datagram(self, source, number, at, payload):
        """A record of a fragment of a UDP datagram, that does not end with it."""
        self.time_us += STEP_US
        sec, usec = divmod(self.time_us, 1000000)
        length = 20 + len(payload)
        return struct.pack("<IIII", sec, usec, length + 14, length + 14) + struct.pack(
            ">14sBBHHHBBH4s4s", flows.ETHER, 0x45, 0, length, number & 0xFFFF, 0x2000 | at // 8, 64,
            17, 0, source, SERVER) + payload


def client(number, port=WEB):
    """The two ends of a client's own: 65536 ports of each of many addresses."""
    return ((struct.pack(">I", 0x0A000000 + number // 60000), 1024 + number % 60000),
            (SERVER, port))


class Stream:
    """One TCP conversation on a wire."""

    def __init__(self, wire, number, port=WEB):
        self.wire = wire
        self.ends = client(number, port)
        self.seq = [1000, 5000]

    def send(self, side, flags, payload=b""):
        ends = self.ends[::-1] if side else self.ends
        made = self.wire.segment(ends, self.seq[side], self.seq[1 - side], flags, payload)
        self.seq[side] += len(payload) + bool(flags & (frames.SYN | frames.FIN))
        return made

    def open(self):
        return (self.send(0, frames.SYN) + self.send(1, frames.SYN | frames.ACK)
                + self.send(0, frames.ACK))

    def say(self, side, content, size=BIG_SEGMENT):
        """Payload, acknowledged at its end."""
        made = [self.send(side, frames.ACK | frames.PSH, content[at:at + size])
                for at in range(0, len(content), size)]
        return b"".join(made) + self.send(1 - side, frames.ACK)

    def close(self):
        return (self.send(0, frames.FIN | frames.ACK) + self.send(1, frames.FIN | frames.ACK)
                + self.send(0, frames.ACK))


def half_open(wire, scale):
    """10^6 connections that are asked for and never answered."""
    for number in range(int(1000000 * scale)):
        yield wire.segment(client(HALF_OPEN + number), number * 77, 0, frames.SYN)


def holes(wire, scale):
    """10^5 connections with a hole before what was captured."""
    payload = b"GET /behind-a-hole HTTP/1.1\r\n" + b"x" * 700
    for number in range(int(100000 * scale)):
        ends = client(number)
        yield (wire.segment(ends, 1000, 0, frames.SYN)
               + wire.segment(ends[::-1], 5000, 1001, frames.SYN | frames.ACK)
               + wire.segment(ends, 1101, 5001, frames.ACK | frames.PSH, payload))


def unfinished_heads(wire, scale):
    """10^5 requests whose heads never end."""
    head = b"GET /slow HTTP/1.1\r\nHost: shop.example\r\nX-Slow: " + b"a" * 400
    for number in range(int(100000 * scale)):
        stream = Stream(wire, UNFINISHED + number)
        yield stream.open() + stream.send(0, frames.ACK | frames.PSH, head)


def unanswered(wire, scale):
    """10^5 requests in one connection that nobody answers."""
    stream = Stream(wire, 0)
    yield stream.open()
    one = b"".join(flows.request(f"/{i}", [(b"Cookie", b"c" * 200)]) for i in range(100))
    for _ in range(int(1000 * scale) + 1):
        yield stream.say(0, one)


def bomb(wire, scale):
    """Answers of 100 MB that are packed into 100 kB, a look-up at the end of each, at once in
    four connections."""
    press = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1000000)
    pieces = [press.compress(zeros) for _ in range(int(BOMB_BYTES * scale) // len(zeros))]
    pieces += [press.compress(flows.lookup("bomb")), press.flush()]
    body = b"".join(pieces)
    head = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body))
    streams = [Stream(wire, number) for number in range(4)]
    for stream in streams:
        yield stream.open() + stream.say(0, flows.request("/bomb")) + stream.say(1, head)
    for at in range(0, len(body), 14000):
        for stream in streams:
            yield stream.say(1, body[at:at + 14000], 1400)
    for stream in streams:
        yield stream.close()


def huge_header(wire, scale):
    """One header of 1 GB, a look-up at its end."""
    stream = Stream(wire, 0)
    yield stream.open() + stream.say(0, b"GET / HTTP/1.1\r\nHost: shop.example\r\nX-Long: ")
    piece = b"A" * BIG_SEGMENT
    for _ in range(int(HEADER_BYTES * scale) // BIG_SEGMENT):
        yield stream.say(0, piece)
    yield stream.say(0, flows.lookup("long") + b"\r\n\r\n") + stream.say(1, flows.response())
    yield stream.close()


def deep_mail(wire, scale):
    """A mail of 10^4 nested parts, a look-up in the innermost."""
    depth = int(10000 * scale) + 100
    stream = Stream(wire, 0, MAIL)
    yield stream.open() + stream.say(1, b"220 mail\r\n")
    for line in (b"EHLO a.example", b"MAIL FROM:<a@a.example>", b"RCPT TO:<b@b.example>"):
        yield stream.say(0, line + b"\r\n") + stream.say(1, b"250 ok\r\n")
    yield stream.say(0, b"DATA\r\n") + stream.say(1, b"354 go\r\n")
    yield stream.say(0, b"Subject: deep\r\nMIME-Version: 1.0\r\n")
    for level in range(depth):
        yield stream.say(0, b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
                         % (level, level))
    yield stream.say(0, b"Content-Type: text/plain\r\n\r\n" + flows.lookup("deep") + b"\r\n")
    for level in reversed(range(depth)):
        yield stream.say(0, b"--b%d--\r\n" % level)
    yield stream.say(0, b".\r\n") + stream.say(1, b"250 ok\r\n") + stream.close()


def backwards(wire, scale):
    """64 Ki segments of one byte, the last first."""
    stream = Stream(wire, 0)
    yield stream.open()
    size = int(65536 * scale)
    body = flows.lookup("backwards").rjust(size)
    content = flows.request("/", body=body[200:], method="POST")
    seq = stream.seq[0]
    for at in reversed(range(len(content))):
        yield wire.segment(stream.ends, seq + at, stream.seq[1], frames.ACK, content[at:at + 1])
    stream.seq[0] += len(content)
    yield stream.say(1, flows.response()) + stream.close()


def open_in_turn(wire, n, first, pieces):
    """n conversations at once: in each the first words, then piece after piece in turn, and never
    an end."""
    streams = [Stream(wire, number) for number in range(n)]
    for stream in streams:
        yield stream.open() + stream.say(0, first)
    for piece in pieces:
        for stream in streams:
            yield stream.say(0, piece, 1400)


def post(length, *headers):
    return flows.request("/open", [(b"Content-Length", b"%d" % length), *headers], method="POST")


def open_bodies(wire, scale):
    """2,000 bodies of 200 kB, each with something at its start that may be a look-up, so that what
    follows is kept."""
    start = b"a=" + flows.OPENER.encode() + b"jndi:ldap://" + b"x" * 20000
    yield from open_in_turn(wire, int(2000 * scale), post(200000),
                            [start] + [b"y" * 20000] * 8)


def open_gzip(wire, scale):
    """20,000 packed bodies that have begun: each has a decompressor with its window."""
    press = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = press.compress(bytes(range(256)) * 40) + press.flush(zlib.Z_SYNC_FLUSH)
    yield from open_in_turn(wire, int(20000 * scale),
                            post(100000, (b"Content-Encoding", b"gzip")), [packed])


# A frame that asks for a window of 8 MiB, and its first block: 128 KiB of one byte (RFC 8878).
ZSTD_WINDOW = b"\x28\xb5\x2f\xfd\x00\x68" + (1 << 1 | 0x20000 << 3).to_bytes(3, "little") + b"z"


def open_zstd(wire, scale):
    """500 bodies packed with the largest window there may be."""
    yield from open_in_turn(wire, int(500 * scale) + 1,
                            post(100000, (b"Content-Encoding", b"zstd")), [ZSTD_WINDOW])


def huge_heads(wire, scale):
    """4,000 heads of 60 kB that never end."""
    yield from open_in_turn(wire, int(4000 * scale), b"GET /heads HTTP/1.1\r\nHost: a\r\n",
                            [b"X-Much: " + b"h" * 10000 + b"\r\n"] * 6)


def open_mails(wire, scale):
    """4,000 mails with nested parts, each amid a line."""
    def talk(number):
        stream = Stream(wire, number, MAIL)
        made = stream.open() + stream.say(1, b"220 mail\r\n")
        for line in (b"EHLO a", b"MAIL FROM:<a@a.example>", b"RCPT TO:<b@b.example>"):
            made += stream.say(0, line + b"\r\n") + stream.say(1, b"250 ok\r\n")
        made += stream.say(0, b"DATA\r\n") + stream.say(1, b"354 go\r\n")
        for level in range(30):
            made += stream.say(0, b"Content-Type: multipart/mixed; boundary=%s%d\r\n\r\n--%s%d\r\n"
                               % (b"b" * 60, level, b"b" * 60, level))
        return made + stream.say(0, b"Subject: " + b"s" * 12000)
    for number in range(int(4000 * scale)):
        yield talk(number)


def many_fields(wire, scale):
    """10^4 transactions that keep as much for their events as they may."""
    head = flows.request("/kept?" + "q" * 2000, [
        (name, b"v" * 2000) for name in (b"User-Agent", b"Referer", b"X-Forwarded-For", b"Cookie",
                                          b"Content-Type", b"Origin")])
    yield from open_in_turn(wire, int(10000 * scale), head, [])


def fragments(wire, scale):
    """10^5 datagrams of which only the first fragment comes."""
    for number in range(int(100000 * scale)):
        yield wire.datagram(struct.pack(">I", 0x0A000000 + number // 60000), number, 0, bytes(800))


def overlapping(wire, scale):
    """3,000 datagrams of 64 KiB, one number after the other: every fragment comes twice, the
    second time shifted by half, and one in the middle never comes."""
    size = 1480
    for number in range(int(3000 * scale)):
        source = struct.pack(">I", 0x0B000000 + number)
        for at in range(0, 65000 - size, size):
            if at == 20 * size:
                continue
            for start in (at, at + size // 2 // 8 * 8):
                yield wire.datagram(source, number, start, bytes([number & 255]) * size)


def at_once(*together):
    """Several loads in turn."""
    def load(wire, scale):
        left = [one(wire, scale) for one in together]
        while left:
            for one in list(left):
                piece = next(one, None)
                if piece is None:
                    left.remove(one)
                else:
                    yield piece
    return load


# name -> (load, how many records it has at scale 1 (about), look-ups that must be found in it)
LOADS = {
    "10^6 half-open flows": (half_open, 1000000, []),
    "10^5 flows with holes": (holes, 100000, []),
    "10^5 heads that never end": (unfinished_heads, 100000, []),
    "10^5 requests without answer": (unanswered, 1000, []),
    "answers packed 1000 to 1": (bomb, 60, ["/bomb"] * 4),
    "header of 1 GB": (huge_header, 16000, ["/long"]),
    "mail of 10^4 nested parts": (deep_mail, 20000, ["/deep"]),
    "64 Ki segments of one byte, backwards": (backwards, 65536, ["/backwards"]),
    "10^5 first fragments": (fragments, 100000, []),
    "3,000 datagrams of 64 KiB, overlapping": (overlapping, 250000, []),
    "half-open, holes, fragments and heads at once": (
        at_once(half_open, holes, fragments, overlapping, unfinished_heads), 1550000, []),
    "bodies that are kept": (open_bodies, 20000, []),
    "packed bodies that do not end": (open_gzip, 40000, []),
    "windows of 8 MiB": (open_zstd, 1000, []),
    "heads of 60 kB that do not end": (huge_heads, 28000, []),
    "mails that do not end": (open_mails, 4000, []),
    "transactions that keep much": (many_fields, 10000, []),
}


def with_good_flows(load, n_pieces, scale):
    """The load, and beside it: whole conversations with an attack before, amid and behind it, and
    one that lasts as long as the load, a bit of its request coming now and then."""
    wire = Wire(flows.START_US)
    content = flows.request("/long", [(b"User-Agent", flows.lookup("good-long"))])
    long = Stream(wire, 15000000)
    n_good = 0

    def good():
        nonlocal n_good
        stream = Stream(wire, 15100000 + n_good)
        n_good += 1
        return (stream.open() + stream.say(0, flows.request(
            "/good", [(b"User-Agent", flows.lookup(f"good-{n_good}"))]))
            + stream.say(1, flows.response()) + stream.close())

    yield flows.pcap([]) + good() + long.open()
    every = max(1, int(n_pieces * scale) // 20)
    sent = 0
    for number, piece in enumerate(load(wire, scale)):
        yield piece
        if number % every == 0 and sent < len(content) - 1:
            yield long.send(0, frames.ACK | frames.PSH, content[sent:sent + 5])
            sent += 5
        if number == every * 10:
            yield good()
    if n_good < 2:
        yield good()
    yield long.say(0, content[sent:]) + long.say(1, flows.response()) + long.close() + good()


GOOD = ["/good-long", "/good-1", "/good-2", "/good-3"]
