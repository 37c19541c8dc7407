"""Writes what packets are wrapped in: link layers and tunnels, from the standards named.

A wrapping takes an IP packet and whether the client sent it, and returns what lies in the capture.
"""

import struct

import frames
from flows import address

pack = struct.pack
MACS = bytes.fromhex("020000000002020000000001")
SNAP = bytes.fromhex("aaaa03000000")  # followed by an Ethernet type (RFC 1042)
IPV4, IPV6, TAG, SERVICE_TAG, BRIDGED = 0x0800, 0x86DD, 0x8100, 0x88A8, 0x6558
MPLS, PPP, ERSPAN, ERSPAN_III = 0x8847, 0x880B, 0x88BE, 0x22EB
GRE, UDP = 47, 17


def type_of(packet):
    return IPV4 if packet[0] >> 4 == 4 else IPV6


def ether(packet, kind=None):
    return MACS + pack(">H", type_of(packet) if kind is None else kind) + packet


def length_ether(content):
    """IEEE 802.3: a length in place of the type."""
    return MACS + pack(">H", len(content)) + content


def snap(packet):
    return SNAP + pack(">H", type_of(packet)) + packet


def tagged(packet, numbers, kind=TAG):
    tags = b""
    for i, number in enumerate(numbers):
        last = i + 1 == len(numbers)
        tags += pack(">HH", number, type_of(packet) if last else TAG)
    return ether(tags + packet, kind)


def labels(numbers):
    """MPLS labels (RFC 3032), the last with the bottom bit."""
    return b"".join(pack(">I", number << 12 | (i + 1 == len(numbers)) << 8 | 64)
                    for i, number in enumerate(numbers))


def ppp(packet):
    return pack(">H", 0x21 if packet[0] >> 4 == 4 else 0x57) + packet


def cisco(packet):
    """HDLC as Cisco's routers speak it."""
    return pack(">HH", 0x0F00, type_of(packet)) + packet


def pppoe(packet):
    return pack(">BBHH", 0x11, 0, 1, len(packet) + 2) + ppp(packet)


def ipv4(proto, payload, to_server=True, ends=("10.0.0.1", "10.0.0.2")):
    here, there = ends if to_server else ends[::-1]
    head = pack(">BBHHHBBH", 0x45, 0, 0, 1, 0, 64, proto, 0) + address(here) + address(there)
    return frames.build_ip(head, payload)


def ipv6(proto, payload, to_server=True):
    ends = [bytes.fromhex("20010db8") + bytes(11) + bytes([n]) for n in (1, 2)]
    here, there = ends if to_server else ends[::-1]
    return frames.build_ip(pack(">IHBB", 0x60000000, 0, proto, 64) + here + there, payload)


def routed(packet, kind):
    """An IPv6 packet on its way to another router first, its destination in a routing header:
    at the end, or of type 4 first."""
    hop, final = bytes.fromhex("20010db8") + bytes(11) + b"\x99", packet[24:40]
    stops = final + hop if kind == 4 else hop + final if kind == 0 else final
    extension = bytes([packet[6], len(stops) // 8, kind, 1, 0, 0, 0, 0]) + stops
    return frames.build_ip(packet[:6] + b"\x2b" + packet[7:24] + hop, extension + packet[40:])


def udp(port, payload, source=50000):
    return pack(">HHHH", source, port, 8 + len(payload), 0) + payload


def over_udp(port, head):
    """Behind a UDP header: head makes the tunnel's header and what follows it of a packet."""
    return lambda packet, up: ipv4(UDP, udp(port, head(packet)), up)


def gre(flags, payload, kind):
    """GRE (RFC 2784, 2890, 1701, 2637): the fields that the flags ask for."""
    head = pack(">HH", flags, kind)
    head += bytes(4) if flags & 0xC000 else b""          # checksum and offset
    head += pack(">I", 7) if flags & 0x2000 else b""     # key
    head += pack(">I", 1) if flags & 0x1000 else b""     # sequence
    head += pack(">I", 1) if flags & 0x0080 else b""     # acknowledgement, of version 1
    if flags & 0x4000:                                   # source routes, ended by an empty one
        head += pack(">HBB", IPV4, 0, 4) + address("10.0.0.9") + bytes(4)
    return head + payload


def over_gre(flags, kind=None, head=lambda packet: packet):
    return lambda packet, up: ipv4(
        GRE, gre(flags, head(packet), type_of(packet) if kind is None else kind), up)


def vxlan(packet):
    return pack(">II", 0x08000000, 77 << 8) + ether(packet)


def vxlan_policy(packet):
    return pack(">II", 0x88000005, 77 << 8) + ether(packet)


def vxlan_generic(packet):
    return pack(">II", 0x0C000001 if packet[0] >> 4 == 4 else 0x0C000002, 77 << 8) + packet


def service_header(packet):
    """NSH of type 1 (RFC 8300)."""
    return pack(">HBBI", 0x0FC6, 1, 1 if packet[0] >> 4 == 4 else 2, 0x1FF) + bytes(16) + packet


def vxlan_service(packet):
    return pack(">II", 0x0C000004, 77 << 8) + service_header(packet)


def geneve(packet):
    return pack(">BBHI", 0, 0, BRIDGED, 5 << 8) + ether(packet)


def geneve_options(packet):
    """With one option of eight bytes (RFC 8926, section 3.5)."""
    return (pack(">BBHI", 3, 0x40, BRIDGED, 5 << 8) + pack(">HBB", 0x0102, 0x80, 2) + bytes(8)
            + ether(packet))


def geneve_ip(packet):
    return pack(">BBHI", 0, 0, type_of(packet), 5 << 8) + packet


def gtpu(packet, flags=0, optional=b""):
    """GTP-U (3GPP TS 29.281): flags E, S, PN and the bytes they bring."""
    return pack(">BBHI", 0x30 | flags, 255, len(optional) + len(packet), 9) + optional + packet


def gtpu_sequence(packet):
    return gtpu(packet, 2, bytes([0, 1, 0, 0]))


def gtpu_extensions(packet):
    """A PDCP number and a PDU session container behind each other."""
    return gtpu(packet, 4, bytes([0, 0, 0, 0xC0, 1, 0, 9, 0x85, 1, 16, 9, 0]))


TEREDO_ORIGIN = bytes([0, 0, 1, 2, 3, 4, 5, 6])
TEREDO_AUTH = bytes([0, 1, 4, 4]) + b"abcdefgh" + bytes(9)


def erspan_ii(packet):
    return pack(">HHI", 0x1064, 1, 0) + ether(packet)


def erspan_iii(packet, platform=False):
    head = pack(">HHIHH", 0x2064, 0, 0, 0, 1 if platform else 0)
    return head + (bytes(8) if platform else b"") + ether(packet)


def sll(packet):
    return pack(">HHH8sH", 0, 1, 6, MACS[:6], type_of(packet)) + packet


def sll2(packet):
    return pack(">HHIHBB8s", type_of(packet), 0, 1, 1, 0, 6, MACS[:6]) + packet


def attribute(kind, value):
    return pack("<HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def nflog(packet):
    """Of the Linux kernel: a mark, a prefix, the payload."""
    return (b"\x02\x00" + pack(">H", 5) + attribute(1, pack(">HBB", IPV4, 3, 0))
            + attribute(10, b"log\0") + attribute(9, packet))


def wifi(content, to_server, flags=0, padded=False, aggregate=False, qos=True, four=False):
    """A data frame of IEEE 802.11; flags: 0x80 is a high throughput field."""
    way = 3 if four else 1 if to_server else 2
    head = bytes([0x88 if qos else 0x08, way | flags, 44, 0]) + MACS + MACS[:6] + bytes([16, 0])
    head += MACS[6:] if four else b""
    head += (b"\x80\x00" if aggregate else b"\x00\x00") if qos else b""
    head += bytes(4) if flags & 0x80 else b""
    return head + (bytes(-len(head) % 4) if padded else b"") + content


def mesh(content, to_server, addresses=0):
    """A data frame of a mesh: four addresses, and more in the mesh's own header."""
    own = bytes([addresses, 31, 7, 0, 0, 0]) + MACS[:6] * addresses
    frame = wifi(own + content, to_server, four=True)
    return frame[:31] + b"\x01" + frame[32:]


def radiotap(frame, flags=None):
    if flags is None:
        return pack("<BBHI", 0, 0, 8, 0) + frame
    return pack("<BBHIB", 0, 0, 9, 2, flags) + frame


def subframes(packets):
    """The frames of an aggregate, each but the last filled up to four bytes."""
    out = b""
    for packet in packets:
        out += bytes(-len(out) % 4) + length_ether(snap(packet))
    return out
