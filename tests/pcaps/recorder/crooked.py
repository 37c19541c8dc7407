"""Captures as they come from bad places: derived from recorded ones, or recorded in odd ways."""

import gzip

import frames
import servers
from frames import ACK, SYN, Frame
from lab import FRONT, run
from scene import jndi, scene
from web import curl, python_client

TINY = 11  # bytes of payload; every look-up spans several segments


def tiny(path):
    """The segments of a capture, those with payload cut into tiny ones."""
    return [part for segment in frames.segments(path) for part in frames.split(segment, TINY)]


@scene("link-vlan", needs=["http-headers"])
def vlan(path, source):
    """http-headers with an 802.1Q tag on each frame."""
    frames.write(path, [frames.tag(f, 120) for f in frames.read(source)])


@scene("link-qinq", needs=["http-uri"])
def qinq(path, source):
    """http-uri with a service tag (802.1ad) and a customer tag on each frame."""
    frames.write(path, [frames.tag(frames.tag(f, 120), 200, 0x88A8)
                        for f in frames.read(source)])


def on_any(lab, path, link_type):
    servers.start_site(lab)
    with lab.capture(path, interface="any", link_type=link_type):
        curl(lab, "http://shop.example/", "-A", jndi("cooked"))
        curl(lab, "http://shop.example/news.html")


@scene("link-sll")
def sll(lab, path):
    """Recorded with "tcpdump -i any -y LINUX_SLL"."""
    on_any(lab, path, "LINUX_SLL")


@scene("link-sll2")
def sll2(lab, path):
    """Recorded with "tcpdump -i any -y LINUX_SLL2"."""
    on_any(lab, path, "LINUX_SLL2")


def without_ethernet(source, head=b""):
    return [Frame(f.time_us, head + f.data[14:]) for f in frames.read(source)
            if frames.ether_type(f) in (0x0800, 0x86DD)]


@scene("link-raw", needs=["http-schemes"])
def raw(path, source):
    """http-schemes without its Ethernet heads."""
    frames.write(path, without_ethernet(source), frames.RAW)


@scene("link-raw-ipv6", needs=["http-ipv6"])
def raw_ipv6(path, source):
    """http-ipv6 without its Ethernet heads."""
    frames.write(path, without_ethernet(source), frames.RAW)


@scene("link-null", needs=["mail-headers"])
def null(path, source):
    """mail-headers as from a BSD loopback interface."""
    frames.write(path, without_ethernet(source, b"\2\0\0\0"), frames.NULL)


@scene("file-pcapng", needs=["http-bodies"], suffix=".pcapng")
def pcapng(path, source):
    """http-bodies as pcapng, by editcap."""
    run("editcap", "-F", "pcapng", source, path)


@scene("file-two-links", needs=["link-raw", "mail-envelope"], suffix=".pcapng")
def two_links(path, first, second):
    """A pcapng with two interfaces of different link types, by mergecap."""
    run("mergecap", "-F", "pcapng", "-w", path, first, second)


@scene("file-gzip", needs=["http-nested"], suffix=".pcap.gz")
def compressed(path, source):
    """http-nested compressed with gzip."""
    with open(source, "rb") as file, open(path, "wb") as out:
        out.write(gzip.compress(file.read(), mtime=0))


@scene("file-zstd", needs=["http-nested"], suffix=".pcap.zst")
def compressed_zstd(path, source):
    """http-nested compressed with zstd."""
    import zstandard
    with open(source, "rb") as file, open(path, "wb") as out:
        out.write(zstandard.ZstdCompressor().compress(file.read()))


@scene("file-big-endian", needs=["http-unsure"])
def big_endian(path, source):
    """http-unsure as a big-endian machine would have written it, in nanoseconds."""
    frames.write(path, frames.read(source), order=">", nanoseconds=True)


@scene("file-truncated", needs=["http-headers"])
def truncated(path, source):
    """http-headers, ended inside its last packet."""
    with open(source, "rb") as file, open(path, "wb") as out:
        out.write(file.read()[:-30])


@scene("crooked-midstream", needs=["http-keepalive"])
def midstream(path, source):
    """http-keepalive, picked up after the first answer: no handshake, no first request."""
    parts = frames.segments(source)
    requests = [i for i, s in enumerate(parts) if s.target == 80 and s.payload]
    frames.write_segments(path, parts[requests[1]:])


@scene("crooked-to-server-only", needs=["http-headers"])
def to_server(path, source):
    """Only what the clients of http-headers sent."""
    frames.write_segments(path, [s for s in frames.segments(source) if s.target == 80])


@scene("crooked-to-client-only", needs=["http-responses"])
def to_client(path, source):
    """Only what the server of http-responses sent."""
    frames.write_segments(path, [s for s in frames.segments(source) if s.source == 8080])


@scene("crooked-tiny", needs=["http-coded-bodies"])
def tiny_segments(path, source):
    """http-coded-bodies in segments of eleven bytes."""
    frames.write_segments(path, tiny(source))


@scene("crooked-swapped", needs=["mail-mime"])
def swapped(path, source):
    """mail-mime in segments of eleven bytes, neighbours of one direction swapped."""
    parts, at = tiny(source), 0
    while at + 1 < len(parts):
        here, there = parts[at], parts[at + 1]
        if here.way == there.way and here.payload and there.payload:
            times = here.time_us, there.time_us
            parts[at], parts[at + 1] = there.with_(time_us=times[0]), here.with_(time_us=times[1])
            at += 1
        at += 1
    frames.write_segments(path, parts)


@scene("crooked-duplicated", needs=["http-uri"])
def duplicated(path, source):
    """http-uri: each segment twice, then its second half once more."""
    parts = []
    for segment in frames.segments(source):
        parts += [segment, segment]
        half = len(segment.payload) // 2
        if half:
            parts.append(segment.with_(seq=segment.seq + half, payload=segment.payload[half:]))
    frames.write_segments(path, parts)


@scene("crooked-gap", needs=["http-keepalive"])
def gap(path, source):
    """http-keepalive without the first request: the capture lost it, the server did not."""
    parts = frames.segments(source)
    first = next(s for s in parts if s.target == 80 and s.payload)
    frames.write_segments(path, [s for s in parts if s is not first])


@scene("crooked-gap-in-body", needs=["http-large-body"])
def gap_in_body(path, source):
    """http-large-body without its tenth segment: the look-up comes 350,000 bytes later."""
    parts = frames.segments(source)
    tenth = [s for s in parts if s.target == 80 and len(s.payload) > 1000][9]
    frames.write_segments(path, [s for s in parts if s is not tenth])


@scene("crooked-fragments", needs=["http-nested"])
def fragments(path, source):
    """http-nested in IPv4 fragments of 64 bytes; those of every other packet in reverse."""
    made = []
    for number, frame in enumerate(frames.read(source)):
        if frames.parse(frame) and len(frame.data) > 34 + 64:
            parts = frames.fragment4(frame, 64, number + 1)
            made += parts[::-1] if number % 2 else parts
        else:
            made.append(frame)
    frames.write(path, made)


@scene("crooked-fragments-ipv6", needs=["http-ipv6"])
def fragments_ipv6(path, source):
    """http-ipv6 in IPv6 fragments of 64 bytes."""
    made = []
    for number, frame in enumerate(frames.read(source)):
        if frames.parse(frame) and len(frame.data) > 54 + 64:
            made += frames.fragment6(frame, 64, number + 1)
        else:
            made.append(frame)
    frames.write(path, made)


@scene("crooked-wrap", needs=["mail-pipelining"])
def wrap(path, source):
    """mail-pipelining with sequence numbers that pass 2^32 inside the mails, both ways."""
    parts = frames.segments(source)
    start = {s.way: s.seq for s in parts if s.flags & SYN}
    moved = []
    for segment in parts:
        here, there, sport, dport = segment.way
        seq = segment.seq - start[segment.way] - 200
        ack = segment.ack - start[there, here, dport, sport] - 200 if segment.flags & ACK else 0
        moved.append(segment.with_(seq=seq, ack=ack, options=b""))
    frames.write_segments(path, moved)


@scene("crooked-snaplen")
def snaplen(lab, path):
    """Recorded with "tcpdump -s 170": the first look-up is kept, the second is not."""
    servers.start_app(lab, "server", FRONT, 80)
    with lab.capture(path, snaplen=170):
        curl(lab, "http://shop.example/?q=" + jndi("kept"))
        python_client(lab, [("POST", "/notes", {"Content-Type": "text/plain"},
                             b"an ordinary line\n" * 8 + jndi("lost").encode())])

