"""A small packet tool: reads and writes captures, takes TCP over IP over Ethernet apart and back.

It knows what the recorder's own captures contain and no more: classic little-endian pcap with
Ethernet frames. Every function returns new frames; checksums are computed anew.
"""

import dataclasses
import struct

ETHERNET, RAW, NULL = 1, 101, 0
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


@dataclasses.dataclass(frozen=True)
class Frame:
    time_us: int
    data: bytes
    wire_len: int = 0  # where it was longer than what is kept


def read(path):
    """All frames of a capture of the recorder."""
    with open(path, "rb") as file:
        data = file.read()
    magic, link_type = struct.unpack("<I16xI", data[:24])
    if magic != 0xA1B2C3D4 or link_type != ETHERNET:
        raise ValueError(f"{path}: not a little-endian Ethernet pcap")
    frames, at = [], 24
    while at < len(data):
        sec, usec, kept, length = struct.unpack_from("<IIII", data, at)
        frames.append(Frame(sec * 1000000 + usec, data[at + 16:at + 16 + kept], length))
        at += 16 + kept
    return frames


def write(path, frames, link_type=ETHERNET, order="<", nanoseconds=False):
    """Writes a classic pcap in either byte order and either resolution."""
    with open(path, "wb") as file:
        magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
        file.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type))
        for frame in frames:
            sec, fraction = divmod(frame.time_us, 1000000)
            file.write(struct.pack(order + "IIII", sec, fraction * (1000 if nanoseconds else 1),
                                   len(frame.data), max(len(frame.data), frame.wire_len)))
            file.write(frame.data)


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ether_type(frame):
    return struct.unpack_from(">H", frame.data, 12)[0]


@dataclasses.dataclass(frozen=True)
class Segment:
    """A TCP segment with all that is needed to build its frame again."""
    time_us: int
    ether: bytes        # 14 bytes
    ip: bytes           # the whole IP header
    source: int
    target: int
    seq: int
    ack: int
    flags: int
    window: int
    options: bytes
    payload: bytes
    urgent: int = 0     # what the urgent pointer says

    @property
    def version(self):
        return self.ip[0] >> 4

    @property
    def addresses(self):
        return (self.ip[12:16], self.ip[16:20]) if self.version == 4 else (self.ip[8:24],
                                                                           self.ip[24:40])

    @property
    def flow(self):
        """The same for both directions."""
        here, there = self.addresses
        return tuple(sorted([(here, self.source), (there, self.target)]))

    @property
    def way(self):
        """Differs for both directions."""
        return (*self.addresses, self.source, self.target)

    def with_(self, **changes):
        return dataclasses.replace(self, **changes)


def parse(frame):
    """The segment in a frame, None when it holds something else (ARP)."""
    kind, data = ether_type(frame), frame.data[14:]
    if kind == 0x0800 and data[9] == 6:
        size, total = (data[0] & 15) * 4, struct.unpack_from(">H", data, 2)[0]
    elif kind == 0x86DD and data[6] == 6:
        size, total = 40, 40 + struct.unpack_from(">H", data, 4)[0]
    else:
        return None
    ip, tcp = data[:size], data[size:total]
    source, target, seq, ack, offset, flags, window = struct.unpack_from(">HHIIBBH", tcp)
    head = (offset >> 4) * 4
    return Segment(frame.time_us, frame.data[:14], ip, source, target, seq, ack, flags, window,
                   tcp[20:head], tcp[head:])


def build_ip(ip, payload):
    """An IP packet with lengths and header checksum of its own."""
    if ip[0] >> 4 == 6:
        return ip[:4] + struct.pack(">H", len(payload)) + ip[6:] + payload
    ip = ip[:2] + struct.pack(">H", len(ip) + len(payload)) + ip[4:10] + b"\0\0" + ip[12:]
    return ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + payload


def build(segment):
    """The frame of a segment."""
    head = struct.pack(">HHIIBBHHH", segment.source, segment.target, segment.seq & 0xFFFFFFFF,
                       segment.ack & 0xFFFFFFFF, (20 + len(segment.options)) // 4 << 4,
                       segment.flags, segment.window, 0, segment.urgent) + segment.options
    here, there = segment.addresses
    if segment.version == 4:
        pseudo = here + there + struct.pack(">BBH", 0, 6, len(head) + len(segment.payload))
    else:
        pseudo = here + there + struct.pack(">II", len(head) + len(segment.payload), 6)
    check = checksum(pseudo + head + segment.payload)
    tcp = head[:16] + struct.pack(">H", check) + head[18:] + segment.payload
    return Frame(segment.time_us, segment.ether + build_ip(segment.ip, tcp))


def segments(path):
    """The TCP segments of a capture, in order."""
    return [s for s in map(parse, read(path)) if s is not None]


def write_segments(path, parts):
    write(path, [build(s) for s in parts])


def split(segment, size):
    """Cuts a segment into segments of at most size bytes of payload."""
    if len(segment.payload) <= size:
        return [segment]
    parts = []
    for at in range(0, len(segment.payload), size):
        piece = segment.payload[at:at + size]
        last = at + size >= len(segment.payload)
        flags = segment.flags if last else segment.flags & ~(FIN | PSH)
        parts.append(segment.with_(seq=segment.seq + at, payload=piece, flags=flags))
    return parts


def tag(frame, number, kind=0x8100):
    """Puts a VLAN tag in front of what the frame holds."""
    return dataclasses.replace(frame, wire_len=0, data=frame.data[:12]
                               + struct.pack(">HH", kind, number) + frame.data[12:])


def fragment4(frame, size, number):
    """Cuts an IPv4 packet into fragments of size bytes (a multiple of 8)."""
    ip, payload = frame.data[14:34], frame.data[34:]
    frames = []
    for at in range(0, len(payload), size):
        more = 0x2000 if at + size < len(payload) else 0
        head = ip[:4] + struct.pack(">HH", number, more | at // 8) + ip[8:]
        frames.append(Frame(frame.time_us, frame.data[:14] + build_ip(head,
                                                                     payload[at:at + size])))
    return frames


def fragment6(frame, size, number):
    """Cuts an IPv6 packet into fragments (RFC 8200 section 4.5) of size bytes."""
    ip, payload = frame.data[14:54], frame.data[54:]
    frames = []
    for at in range(0, len(payload), size):
        more = 1 if at + size < len(payload) else 0
        head = struct.pack(">BBHI", ip[6], 0, at | more, number)
        packet = build_ip(ip[:6] + b"\x2c" + ip[7:], head + payload[at:at + size])
        frames.append(Frame(frame.time_us, frame.data[:14] + packet))
    return frames
