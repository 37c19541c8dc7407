"""Reads any capture of the tree as Ethernet frames: both formats, all link types, compressed or
not; and takes them apart into what the transformations work on."""

import struct

import harness  # noqa: F401  (its folders are searched for frames, packets and run)
import frames
import packets

SLL, SLL2, IEEE_802_3 = 113, 276, 12
NULL_FAMILIES = {2: 0x0800, 10: 0x86DD, 24: 0x86DD, 28: 0x86DD, 30: 0x86DD}
MACS = bytes.fromhex("020000000002020000000001")
TAGS = (0x8100, 0x88A8)


def ether_type_of(data, link_type, order):
    """(Ethernet type, length of the link header) of a packet that is not Ethernet."""
    if link_type == SLL:
        return struct.unpack_from(">H", data, 14)[0], 16
    if link_type == SLL2:
        return struct.unpack_from(">H", data, 0)[0], 20
    if link_type == frames.NULL:
        return NULL_FAMILIES[struct.unpack_from(order + "I", data, 0)[0]], 4
    if link_type in (frames.RAW, IEEE_802_3):
        return 0x0800 if data[0] >> 4 == 4 else 0x86DD, 0
    raise ValueError(f"link type {link_type}")


def as_ethernet(time_us, data, wire_len, link_type, order):
    if link_type == frames.ETHERNET:
        return frames.Frame(time_us, data, wire_len)
    kind, skip = ether_type_of(data, link_type, order)
    return frames.Frame(time_us, MACS + struct.pack(">H", kind) + data[skip:],
                        wire_len - skip + 14)


def read_pcap(data):
    order = packets.MAGICS[data[:4]]
    nanoseconds = data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
    link_type = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    at = 24
    while at + 16 <= len(data):
        sec, fraction, kept, length = struct.unpack_from(order + "IIII", data, at)
        at += 16 + kept
        if at <= len(data):
            time_us = sec * 1000000 + (fraction // 1000 if nanoseconds else fraction)
            yield as_ethernet(time_us, data[at - kept:at], length, link_type, order)


def resolution_of(block, order):
    """Ticks in a second of an interface (its option if_tsresol)."""
    at = 16
    while at + 4 <= len(block):
        code, length = struct.unpack_from(order + "HH", block, at)
        if code == 0:
            break
        if code == 9:
            value = block[at + 4]
            return 1 << (value & 127) if value & 128 else 10 ** value
        at += 4 + (length + 3) // 4 * 4
    return 10 ** 6


def read_pcapng(data):
    at, order, interfaces = 0, "<", []
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, size = struct.unpack_from(order + "II", data, at)
        block = data[at:at + size - 4]
        if kind == 1:
            interfaces.append((struct.unpack_from(order + "H", block, 8)[0],
                               resolution_of(block, order)))
        elif kind == packets.ENHANCED:
            number, high, low, kept, length = struct.unpack_from(order + "IIIII", block, 8)
            link_type, ticks = interfaces[number]
            yield as_ethernet((high << 32 | low) * 10 ** 6 // ticks, block[28:28 + kept], length,
                              link_type, order)
        at += size


def read(path):
    """All frames of a capture, as Ethernet frames."""
    data = packets.read(path)
    return list(read_pcap(data) if data[:4] in packets.MAGICS else read_pcapng(data))


def network_at(data):
    """(Ethernet type, offset of what it holds) behind all VLAN tags."""
    at = 12
    while struct.unpack_from(">H", data, at)[0] in TAGS:
        at += 4
    return struct.unpack_from(">H", data, at)[0], at + 2


def parse(frame):
    """The TCP segment in a frame, or the frame where there is none that is whole."""
    kind, at = network_at(frame.data)
    if frame.wire_len > len(frame.data) or kind not in (0x0800, 0x86DD):
        return frame
    if kind == 0x0800 and struct.unpack_from(">H", frame.data, at + 6)[0] & 0x3FFF:
        return frame  # a fragment
    segment = frames.parse(frames.Frame(frame.time_us, bytes(12) + struct.pack(">H", kind)
                                        + frame.data[at:]))
    return frame if segment is None else segment.with_(ether=frame.data[:at])


def build(part):
    return part if isinstance(part, frames.Frame) else frames.build(part)


def is_segment(part):
    return isinstance(part, frames.Segment)


def is_cut(frame):
    """Whether it was longer on the wire."""
    return frame.wire_len > len(frame.data)


def is_fragment(frame):
    kind, at = network_at(frame.data)
    if kind == 0x0800:
        return bool(struct.unpack_from(">H", frame.data, at + 6)[0] & 0x3FFF)
    return kind == 0x86DD and frame.data[at + 6] == 44
