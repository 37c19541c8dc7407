#!/usr/bin/python3
"""Live capture: interfaces that share workers and come and go, and what is lost on the way.

usage: test_live.py PROGRAM
"""
import os

from harness_live import Cables, received, so_far, stop  # first: it sets where the others are
import flows
import frames
import wraps
from harness import demand, figure, main, match_lines, of_type
from rows_fragments import fragments4, fragments6

N_TALKS = 24
OUT = ("-o", "out.json", "--set", "output.stats_interval=1s")


def talk(number):
    """A conversation of two hosts of its own, with an attack."""
    return flows.exchange((f"198.51.100.{number + 1}", 40000 + number), url=f"/{number}",
                          agent=flows.lookup(f"n{number}"), server=(f"192.0.2.{number + 1}", 80))


def packets_of(number):
    """The IP packets of a conversation, and whether the client sent each."""
    return [(frame.data[14:], part.source != 80)
            for frame, part in zip(talk(number).frames, talk(number).parts)]


def to_ipv6(number, packet, up):
    """The same segment over IPv6, between addresses of its own."""
    ends = [bytes.fromhex("20010db8") + bytes(10) + bytes([number + 1, n]) for n in (1, 2)]
    here, there = ends if up else ends[::-1]
    head = (0x60000000).to_bytes(4, "big") + bytes([0, 0, 6, 64]) + here + there
    return frames.build_ip(head, packet[20:])


def plain(number, at, packet, up):
    """One frame for each packet; of every third conversation in two VLAN tags."""
    return [wraps.tagged(packet, [7, 8]) if number % 3 == 2 else wraps.ether(packet)]


def in_fragments(number, at, packet, up):
    """Every other packet comes in fragments, of IPv4 and of IPv6."""
    packet = to_ipv6(number, packet, up) if number % 2 else packet
    cut = fragments6 if number % 2 else fragments4
    parts = cut(packet, at + 1) if at % 2 and len(packet) > 100 else [packet]
    return [wraps.ether(part) for part in parts]


def in_tunnels(number, at, packet, up):
    """VXLAN (RFC 7348): the outer source port is another one for each direction."""
    ends = (f"10.0.{number}.1", f"10.0.{number}.2")
    inner = bytes([8, 0, 0, 0, 0, 0, 7, 0]) + wraps.ether(packet)
    outer = wraps.udp(4789, inner, 50000 + number * 2 + up)
    return [wraps.ether(wraps.ipv4(wraps.UDP, outer, up, ends))]


def stays_together(wrap):
    """However packets are wrapped, each conversation is one worker's: one flow, and found."""
    def test(lab):
        cables = Cables(lab)
        live = cables.start("--workers", "4", *OUT)
        rows = [[frames.Frame(0, data) for at, (packet, up) in enumerate(packets_of(number))
                 for data in wrap(number, at, packet, up)] for number in range(N_TALKS)]
        longest = max(map(len, rows))
        sent = [row[at] for at in range(longest) for row in rows if at < len(row)]
        cables.send("v1", sent)
        events = received(live, lab, len(sent))
        found = [event for event in of_type(events, "flow") if event["proto"] == "TCP"]
        demand(len(found) == N_TALKS, f"{len(found)} TCP flows instead of {N_TALKS}")
        seen = sorted(event["http"]["url"] for event in of_type(events, "alert"))
        wanted = sorted(f"/{number}" for number in range(N_TALKS))
        demand(seen == wanted, f"alerts for {seen}")
    return test


def several_interfaces(lab):
    """Each is named in its events, and told of by itself."""
    cables = Cables(lab, ("v", "w"))
    live = cables.start("--workers", "2", *OUT, interfaces=("v0", "w0"))
    cables.send("v1", talk(1).frames)
    cables.send("w1", talk(2).frames + talk(3).frames)
    events = received(live, lab, 30)
    came = {event["http"]["url"]: event["in_iface"] for event in of_type(events, "alert")}
    demand(came == {"/1": "v0", "/2": "w0", "/3": "w0"}, f"alerts came from {came}")
    for name, n in (("v0", 10), ("w0", 20)):
        for what, wanted in (("packets", n), ("kernel_drops", 0), ("iface_drops", 0),
                             ("upstream_lost", 0), ("up", 1)):
            told = figure_of(events, f"iface.{name}.{what}")
            demand(told == wanted, f"{what} of {name} are {told}")
    line = b"w0: 20 packets; lost: 0 by the kernel, 0 by the interface, 0 B before it."
    demand(line in live.err(), f"the sum says {live.err()!r}")


def figure_of(events, name):
    return events[-1]["metadata"]["flowints"][name]


def lost_upstream(lab):
    """Bytes that the receiver acknowledged, though they never came, were lost before us."""
    cables = Cables(lab, ("v", "w"))
    live = cables.start(*OUT, interfaces=("v0", "w0"))
    holed = flows.Talk().open()
    holed.client(flows.request("/a")).server(flows.response(b"x" * 5000)).client(
        flows.request("/b")).server(flows.response()).close()
    parts = holed.parts
    # A segment in the middle of the first answer: all of it is acknowledged.
    missing = next(at for at, part in enumerate(parts)
                   if part.payload.startswith(b"x") and len(part.payload) == 1400)
    lost = len(parts[missing].payload)
    cables.send("v1", [frames.build(part) for at, part in enumerate(parts) if at != missing])
    cables.send("w1", talk(1).frames)
    events = received(live, lab, len(parts) - 1 + 10)
    told = {name: figure_of(events, f"iface.{name}.upstream_lost") for name in ("v0", "w0")}
    demand(told == {"v0": lost, "w0": 0}, f"lost before us: {told}, it were {lost} on v0")
    demand(figure(events, "capture_upstream_lost") == lost, "the sum is another")


def about_cables(ended):
    """The warnings but the one of a program that was built without a sandbox."""
    return [line for line in ended.warnings if "no seccomp" not in line]


def start_warns(lab):
    """What keeps us from seeing the wire is told at the start, one line each."""
    cables = Cables(lab, ("v", "w"), mtu=9000)
    for name in ("v0", "w0"):
        cables.set_offloads(name, gro="off", tso="off", gso="off", rxvlan="off")
    live = cables.start("--set", "capture.snaplen=2000", *OUT, interfaces=("v0",))
    wanted = [r"^interface 'v0' carries packets of 9000 bytes, capture.snaplen is 2000: ",
              r"^goes on as root"]
    match_lines(about_cables(stop(live)), wanted, "warning", live.ended(b""))
    os.remove(lab.path("out.json"))
    cables.set_offloads("w0", gro="on", rxvlan="on")
    live = cables.start(*OUT, interfaces=("w0",))
    wanted = [r"^interface 'w0' shows segments merged .* ethtool -K w0 gro off$",
              r"^interface 'w0' takes VLAN tags off: .* ethtool -K w0 rxvlan off$",
              r"^goes on as root"]
    match_lines(about_cables(stop(live)), wanted, "warning", live.ended(b""))


def comes_and_goes(lab):
    """Down and up, gone and back: one line each way, and captured again by every worker."""
    cables = Cables(lab)
    live = cables.start("--workers", "2", "--wait", *OUT)
    cables.send("v1", talk(1).frames)
    cables.network.ip("link", "set", "v0", "down")
    live.wait_for(lambda: b"'v0' is down" in live.err(), "a word about the interface")
    cables.network.ip("link", "set", "v0", "up")
    live.wait_for(lambda: b"'v0' is up" in live.err(), "a word about its return")
    cables.network.ip("link", "del", "v0")
    live.wait_for(lambda: b"capture on 'v0' ended: " in live.err(), "a word about its end")
    cables.network.ip("link", "add", "v0", "up", "type", "veth", "peer", "name", "v1")
    cables.network.ip("link", "set", "v1", "up")
    live.wait_for(lambda: b"'v0' is there: capturing" in live.err(), "a word about its return")
    cables.take_up()
    for number in range(2, 8):
        cables.send("v1", talk(number).frames)
    live.wait_for(lambda: so_far(lab) and figure(so_far(lab), "decoder.pkts") >= 70, "all packets")
    ended = stop(live)
    told = [line for line in ended.lines if "'v0'" in line and "ethtool" not in line]
    wanted = [r"'v0' is down: waiting", r"'v0' is up( again)?$", r"capture on 'v0' ended: ",
              r"'v0' is there: capturing"]
    match_lines(told, wanted, "line", ended)
    found = sorted(event["http"]["url"] for event in of_type(lab.events(), "alert"))
    demand(found == [f"/{number}" for number in range(1, 8)], f"alerts for {found}")


TESTS = [
    ("workers share flows, in VLANs", stays_together(plain)),
    ("workers share flows, in fragments", stays_together(in_fragments)),
    ("workers share flows, in tunnels", stays_together(in_tunnels)),
    ("several interfaces", several_interfaces),
    ("lost before the interface", lost_upstream),
    ("warnings at the start", start_warns),
    ("an interface that comes and goes", comes_and_goes),
]

if __name__ == "__main__":
    main(__doc__, TESTS)
