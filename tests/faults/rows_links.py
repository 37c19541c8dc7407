"""Link layers and tunnels: one conversation in each, told as if it stood alone."""

import flows
import frames
import wraps
from harness import demand, of_type, urls
from rows_capture import callbacks
from rows_streams import anomalies, replay

RAW = 101
CHECK = b"\x12\x34\x56\x78"
ODD = 40123  # a port that belongs to no tunnel


def packets_of(version):
    """(time, packet, whether the client sent it) of an exchange with a look-up in it."""
    made = []
    for part in flows.exchange(url="/in", agent=flows.lookup("in")).parts:
        up = part.target == flows.SERVER[1]
        if version == 6:
            here, there = part.addresses
            prefix = bytes.fromhex("20010000") + bytes(8)  # of Teredo (RFC 4380, section 2.6)
            part = part.with_(ip=bytes([0x60, 0, 0, 0, 0, 0, 6, 64]) + prefix + here + prefix
                              + there)
        made.append((part.time_us, frames.build(part).data[14:], up))
    return made


def expect_one(events):
    """The exchange, once and whole."""
    told = of_type(events, "http")
    demand(urls(events) == ["/in"] and told[0]["http"].get("status") == 200,
           f"requests {[event['http'] for event in told]}")
    demand(callbacks(events) == ["/in"], f"look-ups {callbacks(events)}")
    demand(len(of_type(events, "flow")) == 1, f"{len(of_type(events, 'flow'))} flows")
    demand(not anomalies(events), f"anomalies {anomalies(events)}")


def in_capture(link_type, wrap, version=4):
    def test(lab):
        made = [frames.Frame(time_us, wrap(packet, up))
                for time_us, packet, up in packets_of(version)]
        expect_one(replay(lab, flows.pcap(made, link_type)))
    return test


def tunnel_is_told(lab):
    """Events say what the packets came through, seen from where the rest of the event is."""
    wrap = wraps.over_udp(4789, wraps.vxlan)
    made = [frames.Frame(time_us, wrap(wraps.ipv4(4, packet, up), up))
            for time_us, packet, up in packets_of(4)]
    events = [event for event in replay(lab, flows.pcap(made, RAW)) if "flow_id" in event]
    demand({event["event_type"] for event in events} == {"alert", "http", "flow"}, "events missing")
    for event in events:
        wanted = {"src_ip": "10.0.0.1", "src_port": 50000, "dest_ip": "10.0.0.2", "proto": "UDP",
                  "dest_port": 4789, "depth": 2, "pkt_src": "wire/pcap"}
        demand(event["tunnel"] == wanted, f"tunnel {event['tunnel']}")
        demand(event["pkt_src"] == "vxlan encapsulation", f"pkt_src {event['pkt_src']}")


def anomaly_has_addresses(lab):
    """A packet that reaches no flow is told with what can be read of it."""
    packet = wraps.over_gre(0)(wraps.ipv4(6, bytes(12)), True)
    events = of_type(replay(lab, flows.pcap([frames.Frame(1, packet)], RAW)), "anomaly")
    demand(len(events) == 1 and events[0]["anomaly"]["event"] == "tcp_bad_header", f"{events}")
    keys = ("src_ip", "dest_ip", "proto", "pkt_src", "pcap_cnt")
    told = {key: events[0].get(key) for key in keys}
    demand(told == {"src_ip": "10.0.0.1", "dest_ip": "10.0.0.2", "proto": "TCP", "pcap_cnt": 1,
                    "pkt_src": "gre tunnel"}, f"told {told}")


def plain(wrap):
    """A wrapping that is the same both ways."""
    return lambda packet, _up: wrap(packet)


def aggregates(lab):
    """Neighbours of one way in one frame."""
    made, run = [], []
    packets = packets_of(4)
    for i, (time_us, packet, up) in enumerate(packets):
        run.append(packet)
        if i + 1 == len(packets) or packets[i + 1][2] != up:
            frame = wraps.wifi(wraps.subframes(run), up, aggregate=True)
            made.append(frames.Frame(time_us, wraps.radiotap(frame + CHECK, 0x10)))
            run = []
    demand(len(made) < len(packets), "nothing was joined")
    expect_one(replay(lab, flows.pcap(made, 127)))


def two_interfaces(lab):
    """Both directions on interfaces of different link types."""
    made = [(0, frames.Frame(time_us, wraps.ether(packet))) if up
            else (1, frames.Frame(time_us, packet)) for time_us, packet, up in packets_of(4)]
    expect_one(replay(lab, flows.pcapng([1, RAW], made)))


def no_vxlan(lab):
    """Payload on its port that begins with the bit that every VXLAN header has."""
    texts = (b"HTTP/1.1 200 OK\r\n\r\n", b"\x08", b"\x08" * 30, b"\xff" * 100, b"\x0c\0\0\1" * 9)
    made = [frames.Frame(i, wraps.ipv4(17, wraps.udp(4789, text, 2000 + i)))
            for i, text in enumerate(texts)]
    events = replay(lab, flows.pcap(made, RAW))
    told = [event["src_port"] for event in of_type(events, "flow") if "tunnel" not in event]
    demand(sorted(told) == [2000 + i for i in range(len(texts))], f"flows {told}")
    demand(not anomalies(events), f"anomalies {anomalies(events)}")


LINKS = [
    ("Ethernet", 1, plain(wraps.ether)),
    ("Ethernet, padded", 1, lambda packet, up: wraps.ether(packet).ljust(60, b"\0")),
    ("Ethernet with its check sequence", 1, lambda packet, up: wraps.ether(packet) + CHECK),
    ("802.3 with SNAP", 1, lambda packet, up: wraps.length_ether(wraps.snap(packet))),
    ("802.3 with LLC alone", 1, lambda packet, up: wraps.length_ether(b"\x06\x06\x03" + packet)),
    ("a priority tag one way", 1,
     lambda packet, up: wraps.tagged(packet, [0xE000]) if up else wraps.ether(packet)),
    ("priorities that differ", 1, lambda packet, up: wraps.tagged(packet, [5 | up << 13])),
    ("service tag", 1, lambda packet, up: wraps.tagged(packet, [5, 6], wraps.SERVICE_TAG)),
    ("MPLS", 1, lambda packet, up: wraps.ether(wraps.labels([100, 101, 102]) + packet, 0x8847)),
    ("pseudo-wire", 1,
     lambda packet, up: wraps.ether(wraps.labels([100]) + wraps.ether(packet), 0x8847)),
    ("pseudo-wire with a control word", 1,
     lambda packet, up: wraps.ether(wraps.labels([100]) + bytes(4) + wraps.ether(packet), 0x8847)),
    ("pseudo-wire, PPPoE", 1, lambda packet, up: wraps.ether(
        wraps.labels([100]) + wraps.ether(wraps.pppoe(packet), 0x8864), 0x8847)),
    ("pseudo-wire with a control word, PPPoE", 1, lambda packet, up: wraps.ether(
        wraps.labels([100]) + bytes(4) + wraps.ether(wraps.pppoe(packet), 0x8864), 0x8847)),
    ("pseudo-wire, tags, padded PPPoE", 1, lambda packet, up: wraps.ether(
        wraps.labels([100]) + (wraps.MACS + wraps.pack(">HHHHHH", 0x9100, 7, 0x8100, 8, 0x8100, 9)
                               + b"\x88\x64" + wraps.pppoe(packet)).ljust(80, b"\0"), 0x8847)),
    ("PPPoE", 1, lambda packet, up: wraps.ether(wraps.pppoe(packet), 0x8864)),
    ("PPP", 9, lambda packet, up: b"\xff\x03" + wraps.ppp(packet)),
    ("PPP without its address", 9, plain(wraps.ppp)),
    ("PPP, compressed protocol", 50, lambda packet, up: b"\x21" + packet),
    ("Cisco HDLC as PPP", 50, plain(wraps.cisco)),
    ("Cisco HDLC", 104, plain(wraps.cisco)),
    ("cooked", 113, plain(wraps.sll)),
    ("cooked v2", 276, plain(wraps.sll2)),
    ("null", 0, lambda packet, up: b"\x02\x00\x00\x00" + packet),
    ("null, big-endian", 0, lambda packet, up: b"\x00\x00\x00\x02" + packet),
    ("loop", 108, lambda packet, up: b"\x00\x00\x00\x02" + packet),
    ("NFLOG", 239, plain(wraps.nflog)),
    ("802.11", 105, lambda packet, up: wraps.wifi(wraps.snap(packet), up, qos=False)),
    ("802.11, QoS, high throughput", 105,
     lambda packet, up: wraps.wifi(wraps.snap(packet), up, 0x80)),
    ("802.11, four addresses", 105,
     lambda packet, up: wraps.wifi(wraps.snap(packet), up, four=True)),
    ("radiotap", 127, lambda packet, up: wraps.radiotap(wraps.wifi(wraps.snap(packet), up))),
    ("radiotap, padded, check sequence", 127, lambda packet, up: wraps.radiotap(
        wraps.wifi(wraps.snap(packet), up, padded=True) + CHECK, 0x30)),
    ("Prism", 119, lambda packet, up: b"\x44\x00\x00\x00\x90\x00\x00\x00" + bytes(136)
     + wraps.wifi(wraps.snap(packet), up)),
    ("AVS", 163, lambda packet, up: bytes.fromhex("8021100100000040") + bytes(56)
     + wraps.wifi(wraps.snap(packet), up)),
] + [
    (f"802.11, mesh, {n} addresses more", 105,
     lambda packet, up, n=n: wraps.mesh(wraps.snap(packet), up, n)) for n in range(3)
] + [
    (f"{n} tags", 1, lambda packet, up, n=n: wraps.tagged(packet, list(range(10, 10 + n))))
    for n in (1, 2, 3, 5, 12)
] + [
    (f"raw IP as {number}", number, lambda packet, up: packet) for number in (12, 14, 101, 228)
]

UDP_TUNNELS = [
    ("VXLAN", 4789, wraps.vxlan), ("VXLAN with a policy", 4789, wraps.vxlan_policy),
    ("VXLAN-GPE", 4790, wraps.vxlan_generic), ("VXLAN-GPE, NSH", 4790, wraps.vxlan_service),
    ("Geneve", 6081, wraps.geneve), ("Geneve with options", 6081, wraps.geneve_options),
    ("Geneve without Ethernet", 6081, wraps.geneve_ip),
    ("GTP-U", 2152, wraps.gtpu), ("GTP-U, sequence", 2152, wraps.gtpu_sequence),
    ("GTP-U, extensions", 2152, wraps.gtpu_extensions),
    ("GRE in UDP", 4754, lambda packet: wraps.gre(0, packet, wraps.type_of(packet))),
    ("GRE in UDP, Ethernet", 4754,
     lambda packet: wraps.gre(0x2000, wraps.ether(packet), wraps.BRIDGED)),
]

TUNNELS = [
    ("PPTP", wraps.over_gre(0x3001, wraps.PPP, wraps.ppp)),
    ("PPTP with an acknowledgement", wraps.over_gre(0x3081, wraps.PPP, wraps.ppp)),
    ("Ethernet in GRE", wraps.over_gre(0x2000, wraps.BRIDGED, wraps.ether)),
    ("MPLS in GRE", wraps.over_gre(0, wraps.MPLS, lambda packet: wraps.labels([7]) + packet)),
    ("ERSPAN I", wraps.over_gre(0, wraps.ERSPAN, wraps.ether)),
    ("ERSPAN II", wraps.over_gre(0x1000, wraps.ERSPAN, wraps.erspan_ii)),
    ("ERSPAN III", wraps.over_gre(0x1000, wraps.ERSPAN_III, wraps.erspan_iii)),
    ("ERSPAN III with a subheader", wraps.over_gre(
        0x1000, wraps.ERSPAN_III, lambda packet: wraps.erspan_iii(packet, True))),
    ("IP in IP", lambda packet, up: wraps.ipv4(4 if packet[0] >> 4 == 4 else 41, packet, up)),
    ("IP in IPv6", lambda packet, up: wraps.ipv6(4 if packet[0] >> 4 == 4 else 41, packet, up)),
    ("GRE over IPv6", lambda packet, up: wraps.ipv6(
        47, wraps.gre(0, packet, wraps.type_of(packet)), up)),
    ("ERSPAN of VXLAN of GTP-U", lambda packet, up: wraps.over_gre(
        0x1000, wraps.ERSPAN, wraps.erspan_ii)(wraps.over_udp(4789, wraps.vxlan)(
            wraps.over_udp(2152, wraps.gtpu)(packet, up), up), up)),
] + [
    (f"GRE, flags {flags:x}", wraps.over_gre(flags << 12)) for flags in range(16)
] + [
    (f"{name}, port {port}", wraps.over_udp(port, head))
    for name, usual, head in UDP_TUNNELS for port in (usual, ODD)
]

TEREDO = [
    (f"Teredo {name}, port {port}", wraps.over_udp(port, lambda packet, head=head: head + packet))
    for port in (3544, ODD) for name, head in (
        ("", b""), ("with origin", wraps.TEREDO_ORIGIN), ("with authentication", wraps.TEREDO_AUTH),
        ("with both", wraps.TEREDO_AUTH + wraps.TEREDO_ORIGIN))
]

TESTS = [
    ("link: aggregates of 802.11", aggregates),
    ("link: two in one pcapng", two_interfaces),
    ("tunnel: not every payload on its port", no_vxlan),
    ("tunnel: events tell it", tunnel_is_told),
    ("tunnel: anomalies tell addresses", anomaly_has_addresses),
] + [
    (f"link: {name}", in_capture(link_type, wrap)) for name, link_type, wrap in LINKS
] + [
    (f"link: null, IPv6 as {family}, {order}", in_capture(
        0, lambda packet, up, family=family, order=order: wraps.pack(order + "I", family) + packet,
        6)) for family in (10, 24, 26, 28, 30) for order in "<>"
] + [
    (f"link: routing header of type {kind}", in_capture(
        RAW, lambda packet, up, kind=kind: wraps.routed(packet, kind), 6)) for kind in (0, 2, 4)
] + [
    (f"tunnel: {name}, IPv{version}", in_capture(RAW, wrap, version))
    for name, wrap in TUNNELS for version in (4, 6)
] + [
    (f"tunnel: {name}", in_capture(RAW, wrap, 6)) for name, wrap in TEREDO
]
