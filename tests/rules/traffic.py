"""Conversations that a rule is about, out of the rule: flows.Talk for TCP, and datagrams."""

import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "faults"))

import flows  # noqa: E402
import frames  # noqa: E402
import matching  # noqa: E402

HOME, OTHER_HOME = "192.0.2.10", "192.0.2.20"
OUTSIDE, FAR_OUTSIDE = "198.51.100.7", "203.0.113.9"
HOME_NET = "192.0.2.0/24"
PORTS = {"http": 80, "dns": 53, "tcp": 4711, "udp": 4712, "ldap": 1389}
UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/?&=:,;@()'!*"


def datagram(time_us, source, target, payload):
    """A UDP datagram as a frame; ends are (address, port)."""
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    ip = (struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0)
          + flows.address(source[0]) + flows.address(target[0]))
    ip = ip[:10] + struct.pack(">H", frames.checksum(ip)) + ip[12:]
    return frames.Frame(time_us, flows.ETHER + ip + udp)


def dns_query(name, ident=7):
    """A DNS question for an A record (RFC 1035 §4.1)."""
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b".") if label)
    return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0" + b"\0\1\0\1"


def tlv(tag, *values):
    """An element of BER with a short or a two-byte length."""
    value = b"".join(values)
    length = bytes([len(value)]) if len(value) < 128 else b"\x82" + struct.pack(">H", len(value))
    return bytes([tag]) + length + value


def ldap_search(name, number=2):
    """A search for one object, as JNDI sends it (RFC 4511 §4.5.1)."""
    zero = tlv(2, b"\0")
    return tlv(0x30, tlv(2, bytes([number])),
               tlv(0x63, tlv(4, name), tlv(10, b"\0"), tlv(10, b"\3"), zero, zero, tlv(1, b"\0"),
                   tlv(0x87, b"objectClass"), tlv(0x30)))


def ldap_entry(name, value, number=2):
    """An entry with one attribute, and the end of the search."""
    entry = tlv(0x64, tlv(4, name),
                tlv(0x30, tlv(0x30, tlv(4, b"javaCodeBase"), tlv(0x31, tlv(4, value)))))
    done = tlv(0x65, tlv(10, b"\0"), tlv(4), tlv(4))
    return b"".join(tlv(0x30, tlv(2, bytes([number])), part) for part in (entry, done))


def quoted(uri):
    return b"".join(bytes([c]) if c in UNRESERVED else b"%%%02X" % c for c in uri)


class Story:
    """One rule's conversation: what is said in each of its buffers, who says it to whom."""

    def __init__(self, rule):
        self.rule = rule
        self.said, self.places = {}, {}
        self.protocol = rule.protocol
        self.to_client = "to_client" in rule.flow
        self.segment = 1400
        self.before = b""   # said by the same side, in segments of its own
        self.over_tcp = False
        sender = HOME if "HOME_NET" in rule.source and "!" not in rule.source else OUTSIDE
        receiver = HOME if "HOME_NET" in rule.target else FAR_OUTSIDE
        if sender == receiver:
            receiver = OTHER_HOME
        self.ends = (sender, receiver)
        for buffer, tests in rule.groups.items():
            prefix = b"a" if buffer == "dns.query" else b"x" if buffer in ("", "http.uri") else b""
            if buffer == "dns.query" and tests[0].value.startswith(b"."):
                prefix = b"abc"
            self.said[buffer], self.places[buffer] = matching.lay(tests, prefix)
            seen = self.seen(buffer)
            if not matching.fulfils(seen, tests):
                raise ValueError(f"sid {rule.sid}: {seen!r} does not fulfil its rule")

    def seen(self, buffer):
        """What the rule looks at, of what is said."""
        if "dotprefix" in self.rule.transforms.get(buffer, []):
            return b"." + self.said[buffer]
        return self.said[buffer]

    # --- near misses ---

    def spoil(self):
        """One byte of one content is another."""
        for buffer, tests in self.rule.groups.items():
            if any(not test.negated for test in tests):
                text = matching.spoil(self.said[buffer], tests, self.places[buffer])
                if "dotprefix" not in self.rule.transforms.get(buffer, []) or \
                        not matching.fulfils(b"." + text, tests):
                    self.said[buffer] = text
                    return True
        return False

    def turn_round(self):
        """The same bytes from the other side of the connection."""
        if self.protocol not in ("tcp",) or not {"to_server", "to_client"} & set(self.rule.flow):
            return False
        self.to_client = not self.to_client
        return True

    def go_elsewhere(self):
        """Between addresses that the rule does not name."""
        if "HOME_NET" in self.rule.target:
            self.ends = (self.ends[0], FAR_OUTSIDE)
        elif "HOME_NET" in self.rule.source:
            self.ends = (OUTSIDE, FAR_OUTSIDE)
        else:
            return False
        return True

    def change_protocol(self):
        """The same bytes over the other transport; as DNS, in a stream that is none."""
        other = {"tcp": "udp", "udp": "tcp", "http": "udp"}.get(self.protocol)
        if other is None or "" not in self.said:
            return False
        self.protocol = other
        return True

    def grow(self):
        """Behind more bytes than the rule allows in the stream."""
        sizes = [value.split(",") for name, value in self.rule.amounts if name == "stream_size"]
        if self.protocol != "tcp" or not sizes or sizes[0][:2] != ["client", "<"]:
            return False
        self.before = b"z" * int(sizes[0][2])
        return True

    # --- other ways of saying the same ---

    def in_pieces(self):
        """In segments of five bytes."""
        self.segment = 5
        return self.protocol in ("tcp", "http", "ldap")

    def later_segment(self):
        """Behind a segment with other things: a place at the start is one in a segment too."""
        self.before = b"something else\n"
        return self.protocol == "tcp"

    def by_tcp(self):
        """DNS over TCP."""
        self.over_tcp = True
        return self.protocol == "dns"

    # --- packets ---

    def http_request(self):
        uri = quoted(self.said.get("http.uri", b"/index.html"))
        uri = uri if uri.startswith((b"/", b"%2F")) or "http.uri" in self.said else b"/" + uri
        headers = []
        if "" in self.said:
            headers.append((b"X-Api", self.said[""]))
        if "http.content_type" in self.said:
            headers.append((b"Content-Type", self.said["http.content_type"] + b"x"))
        if "http.user_agent" in self.said:
            headers.append((b"User-Agent", self.said["http.user_agent"]))
        body = self.said.get("http.request_body", b"")
        return flows.request(uri, headers, body, self.said.get("http.method", b"GET").decode())

    def stream(self):
        """(from the client, from the server)."""
        if self.protocol == "http":
            return self.http_request(), flows.response()
        if self.protocol == "ldap":
            name = self.said.get("ldap.request.dn", b"a")
            return ldap_search(name), ldap_entry(
                name, self.said.get("ldap.responses.attribute", b"http://192.0.2.9/"))
        if self.protocol == "dns":
            question = dns_query(self.said["dns.query"])
            return struct.pack(">H", len(question)) + question, b""
        if self.to_client:
            return b"\x01hello\r\n", self.said[""]
        return self.said[""] + b"\n", b"\x02done\r\n"

    def frames(self, port, time_us):
        """The packets; the client's port tells whose they are."""
        source, target = self.ends
        server_port = PORTS[self.protocol]
        if self.protocol in ("dns", "udp") and not self.over_tcp:
            payload = dns_query(self.said["dns.query"]) if self.protocol == "dns" \
                else self.said[""]
            return [datagram(time_us, (source, port), (target, server_port), payload)]
        client, server = (target, source) if self.to_client else (source, target)
        up, down = self.stream()
        talk = flows.Talk((client, port), (server, server_port), time_us).open()
        if self.before:
            talk.say(1 if self.to_client else 0, self.before)
        talk.client(up, self.segment).server(down, self.segment).close()
        return talk.frames
