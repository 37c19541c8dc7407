"""IP fragments: in any order, overlapping, contradicting each other, in tunnels."""

import flows
import frames
from harness import demand, of_type, urls
from rows_capture import callbacks
from rows_links import RAW, expect_one, packets_of
from rows_streams import anomalies, replay
import wraps

SIZE = 24
HEAD = 20  # of IPv4


def fragments4(packet, number, size=SIZE):
    frame = frames.Frame(0, bytes(14) + packet)
    return [part.data[14:] for part in frames.fragment4(frame, size, number)]


def fragments6(packet, number, size=SIZE):
    frame = frames.Frame(0, bytes(14) + packet)
    return [part.data[14:] for part in frames.fragment6(frame, size, number)]


def cut(packet, number, size=SIZE):
    return (fragments4 if packet[0] >> 4 == 4 else fragments6)(packet, number, size)


def decoy(fragment, mask=0x15):
    """A fragment in the same place with other letters."""
    head = HEAD if fragment[0] >> 4 == 4 else 48
    return fragment[:head] + bytes(c ^ mask if 0x20 < c < 0x7F else c for c in fragment[head:])


def capture(make, version=4):
    """The exchange; make(packet, up, number) gives what stands for each packet."""
    made = []
    for number, (time_us, packet, up) in enumerate(packets_of(version), 1):
        made += [frames.Frame(time_us, part) for part in make(packet, up, number)]
    return flows.pcap(made, RAW)


def alike(make, version=4):
    """All comes out as if there were no fragments."""
    return lambda lab: expect_one(replay(lab, capture(make, version)))


def spoil(change):
    """Changes the fragments of the request: whatever stands beside it, the look-up is found."""
    def make(packet, up, number):
        parts = cut(packet, number)
        return change(parts) if up and len(parts) > 3 else parts

    def test(lab):
        for version in (4, 6):
            events = replay(lab, capture(make, version))
            demand(callbacks(events) == ["/in"], f"IPv{version}: look-ups {callbacks(events)}")
            demand(len(of_type(events, "flow")) == 1, "more than one flow")
            demand("fragment_overlap" in anomalies(events), f"anomalies {anomalies(events)}")
    return test


def in_place(order):
    """The fragment with the look-up in several versions: r is the real one."""
    def change(parts):
        versions = {"r": parts[3], "d": decoy(parts[3]), "e": decoy(parts[3], 0x0A)}
        return parts[:3] + [versions[name] for name in order] + parts[4:]
    return spoil(change)


def early_end(parts):
    """A decoy says that the datagram ends where the third fragment does; it is not there yet."""
    last = parts[2][:6] + bytes([parts[2][6] & 0xDF]) + parts[2][7:]
    last = frames.build_ip(last[:HEAD], last[HEAD:])
    return [parts[0], decoy(last)] + parts[3:] + [parts[2], parts[1]]


def too_late(parts):
    """A decoy makes the datagram whole; the real fragment comes behind it."""
    return parts[:3] + parts[4:] + [decoy(parts[3]), parts[3]]


def cut_short(parts):
    """A decoy makes a datagram of the first three; the rest comes behind."""
    last = parts[2][:6] + bytes([parts[2][6] & 0xDF]) + parts[2][7:]
    return [frames.build_ip(last[:HEAD], last[HEAD:])] + parts


def late_end(parts):
    """A decoy says that it goes on behind its end."""
    at = SIZE * (len(parts) + 1) // 8
    head = parts[0][:6] + bytes([0x20 | at >> 8, at & 255]) + parts[0][8:HEAD]
    return [frames.build_ip(head, bytes(SIZE))] + parts


def only_v4(change, wanted=("/in",)):
    def make(packet, up, number):
        parts = fragments4(packet, number)
        return change(parts) if up and len(parts) > 3 else parts

    def test(lab):
        events = replay(lab, capture(make))
        demand(callbacks(events) == ["/in"] and (wanted is None or tuple(urls(events)) == wanted),
               f"look-ups {callbacks(events)}, requests {urls(events)}")
        demand("fragment_overlap" in anomalies(events), f"anomalies {anomalies(events)}")
    return test


def too_large(lab):
    """A fragment beyond 65,535 bytes is refused, and told; the others are put together."""
    def make(packet, up, number):
        parts = fragments4(packet, number)
        head = parts[0][:6] + b"\x1f\xff" + parts[0][8:HEAD]
        return [frames.build_ip(head, bytes(SIZE))] + parts if len(parts) > 3 else parts
    events = replay(lab, capture(make))
    demand(callbacks(events) == ["/in"], f"look-ups {callbacks(events)}")
    demand(anomalies(events) == {"fragment_too_large"}, f"anomalies {anomalies(events)}")


def tunnelled(inner, outer):
    """GRE with fragments inside, outside, or both."""
    def make(packet, up, number):
        made = []
        for i, part in enumerate(cut(packet, number, 48) if inner else [packet]):
            whole = wraps.ipv4(wraps.GRE, wraps.gre(0, part, wraps.type_of(part)), up)
            made += fragments4(whole, number * 100 + i, 32) if outer else [whole]
        return made
    return make


def over_vxlan(packet, up, number):
    """On a port that says nothing, backwards."""
    whole = wraps.over_udp(40123, wraps.vxlan)(packet, up)
    return fragments4(whole, number, 64)[::-1]


ALIKE = [
    ("in order", cut),
    ("backwards", lambda packet, up, number: cut(packet, number)[::-1]),
    ("of eight bytes", lambda packet, up, number: cut(packet, number, 8)),
    ("each twice", lambda packet, up, number: [
        part for part in cut(packet, number) for _ in range(2)]),
    ("all twice", lambda packet, up, number: cut(packet, number) * 2),
    ("one of them again", lambda packet, up, number: cut(packet, number) + cut(packet, number)[:1]),
    ("the same number for all", lambda packet, up, number: cut(packet, 7)),
    ("atomic", lambda packet, up, number: cut(packet, number, 65528)),
    ("inside GRE", tunnelled(True, False)),
    ("outside GRE", tunnelled(False, True)),
    ("inside and outside GRE", tunnelled(True, True)),
    ("around VXLAN", over_vxlan),
]

TESTS = [
    (f"fragments: {name}, IPv{version}", alike(
        (lambda packet, up, number: cut(packet, number)) if make is cut else make, version))
    for name, make in ALIKE for version in (4, 6)
] + [
    (f"fragments: overlap, {order}", in_place(order)) for order in ("dr", "rd", "drd", "dre", "edr")
] + [
    ("fragments: the real one too late", spoil(too_late)),
    ("fragments: cut short", only_v4(cut_short, None)),
    ("fragments: an end too early", only_v4(early_end)),
    ("fragments: data behind the end", only_v4(late_end)),
    ("fragments: too large", too_large),
]
