#!/usr/bin/python3
"""Which wrong checksums count: all of a sender's are offload, one among right ones is a decoy.

test_checksums.py PROGRAM [--only PART]...

What a receiver takes is known from what was sent: it drops a segment whose checksum is wrong.
"""

import struct
import sys

sys.dont_write_bytecode = True

import flows  # noqa: E402
import frames  # noqa: E402
import harness  # noqa: E402
from harness import demand, expect, expect_packets, figure, of_type, urls  # noqa: E402
from rows_capture import expect_alerts  # noqa: E402

TCP_SUM = 14 + 20 + 16
IP_SUM = 14 + 10
MANY_SEGMENTS = 1100  # more than a survey looks at


def spoiled(frame, at=TCP_SUM):
    """The frame with another checksum; neither right nor that of a pseudo header alone."""
    data = bytearray(frame.data)
    was, = struct.unpack_from(">H", data, at)
    struct.pack_into(">H", data, at, (was + 0x0101) % 0xFFFF)
    return frames.Frame(frame.time_us, bytes(data))


def decoyed(port=40000, start_us=flows.START_US, name="true", decoy="decoy"):
    """A conversation amid which comes a segment with other contents and a wrong checksum; and the
    number of its frames."""
    real = flows.request("/" + name, [(b"User-Agent", flows.lookup(name))])
    other = flows.request("/" + name, [(b"User-Agent", flows.lookup(decoy))])
    talk = flows.Talk((flows.CLIENT[0], port), start_us=start_us).open()
    lie = flows.Talk((flows.CLIENT[0], port), start_us=talk.time_us - 500)
    lie.seq = list(talk.seq)
    lie.send(0, frames.PSH | frames.ACK, other)
    talk.client(real).server(flows.response()).close()
    packets = talk.frames
    packets[3:3] = [spoiled(lie.frames[0])]
    return packets


def replayed(lab, name, packets, *words):
    """The events of a replay, the same whatever the number of workers."""
    lab.write(f"{name}.pcap", flows.pcap(packets))
    expect(lab.run("-r", f"{name}.pcap", *words, "-o", f"{name}.json"), 0)
    events = lab.events(f"{name}.json")
    expect_packets(events, len(packets))
    expect(lab.run("-r", f"{name}.pcap", *words, "--workers", "3", "-o", f"{name}-3.json"), 0)
    spread = lab.events(f"{name}-3.json")
    expect_packets(spread, len(packets))
    demand(spread[:-1] == events[:-1], f"{name}: not the same with three workers")
    return events


def bad_sums(events):
    """Packets left out for their checksums: refused, and left aside by their flows."""
    return figure(events, "refused_checksum"), figure(events, "flow_wrong_checksum")


def expect_told(events, n):
    told = [event for event in of_type(events, "anomaly")
            if event["anomaly"]["event"] == "bad_checksum"]
    demand(len(told) == n, f"{len(told)} anomalies about checksums, expected {n}")


def all_wrong(lab):
    """Nothing of a capture whose checksums mean nothing is lost, however short it is."""
    for n in (1, 3, 200):
        packets = [spoiled(frame) for frame in flows.good(n)]
        events = replayed(lab, f"wrong{n}", packets)
        expect_alerts(events, [f"/good-{i}" for i in range(n)])
        demand(bad_sums(events) == (0, 0), f"left out: {bad_sums(events)}")
        expect_told(events, 0)


def one_side_wrong(lab):
    """What one machine sends is wrong, what it gets is right: it was captured on that machine."""
    packets = [spoiled(frame) if frame.data[:12] == flows.ETHER[:12] else frame
               for frame in flows.good()]
    events = replayed(lab, "side", packets)
    expect_alerts(events, [f"/good-{i}" for i in range(3)])
    demand(bad_sums(events) == (0, 0), f"left out: {bad_sums(events)}")


def headers_wrong(lab):
    """The headers' checksums are all wrong, those of the segments are right and count."""
    packets = [spoiled(frame, IP_SUM) for frame in decoyed()]
    events = replayed(lab, "headers", packets)
    expect_alerts(events, ["/true"])
    demand(bad_sums(events) == (1, 0), f"left out: {bad_sums(events)}")


def one_header_wrong(lab):
    packets = flows.good()
    packets[13] = spoiled(packets[13], IP_SUM)
    events = replayed(lab, "header", packets)
    expect_alerts(events, ["/good-0", "/good-2"])
    demand(bad_sums(events) == (1, 0), f"left out: {bad_sums(events)}")


def decoy(lab):
    """A decoy in a capture of eleven packets does not count, and is told."""
    events = replayed(lab, "decoy", decoyed())
    expect_alerts(events, ["/true"])
    demand(urls(events) == ["/true"], f"requests {urls(events)}")
    demand(bad_sums(events) == (1, 0), f"left out: {bad_sums(events)}")
    expect_told(events, 1)
    demand(figure(events, "tcp.overlap") == 0, "the decoy got into the stream")


def decoy_reset(lab):
    """A reset that its receiver would drop ends nothing."""
    packets = flows.exchange(agent=flows.lookup("behind")).frames
    lie = flows.Talk(start_us=packets[2].time_us + 500)
    lie.seq = [1001, 900001]
    packets[3:3] = [spoiled(lie.send(0, frames.RST | frames.ACK).frames[0])]
    events = replayed(lab, "reset", packets)
    expect_alerts(events, ["/behind"])
    demand(bad_sums(events) == (1, 0), f"left out: {bad_sums(events)}")
    flow, = of_type(events, "flow")
    demand(flow["flow"]["pkts_toserver"] + flow["flow"]["pkts_toclient"] == flows.PER_EXCHANGE,
           "the decoy is counted as one of its flow's packets")


def decoy_opening(lab):
    """A SYN with another number and a wrong checksum, before the true one."""
    packets = flows.exchange(agent=flows.lookup("opened")).frames
    lie = flows.Talk(start_us=packets[0].time_us - 500, isn=(777000, 0))
    packets[0:0] = [spoiled(lie.send(0, frames.SYN).frames[0])]
    events = replayed(lab, "opening", packets)
    expect_alerts(events, ["/opened"])
    demand(bad_sums(events) == (1, 0), f"left out: {bad_sums(events)}")
    demand(len(of_type(events, "flow")) == 1, "the decoy made a flow")


def strangers(lab):
    """Senders that come after the survey: each flow judges by what it has seen of them."""
    packets = flows.good(MANY_SEGMENTS // flows.PER_EXCHANGE + 1)
    n_good = len(packets) // flows.PER_EXCHANGE
    late_us = packets[-1].time_us + 1000000
    moved = flows.Talk(("203.0.113.77", 5000), ("203.0.113.88", 80), late_us).open()
    moved.client(flows.request("/offload", [(b"User-Agent", flows.lookup("offload"))]))
    moved.server(flows.response()).close()
    lied = [frames.Frame(frame.time_us, frame.data.replace(
        flows.address(flows.CLIENT[0]), flows.address("203.0.113.66"))) for frame in decoyed(
            41000, late_us + 1000000)]
    lied = [resummed(frame) if i != 3 else spoiled(resummed(frame))
            for i, frame in enumerate(lied)]
    events = replayed(lab, "strangers", packets + [spoiled(f) for f in moved.frames] + lied)
    expect_alerts(events, [f"/good-{i}" for i in range(n_good)] + ["/offload", "/true"])
    demand(bad_sums(events) == (0, 1), f"left out: {bad_sums(events)}")
    expect_told(events, 1)


def resummed(frame):
    """The frame with right checksums."""
    data = frame.data
    ip = data[14:24] + b"\0\0" + data[26:34]
    ip = ip[:10] + struct.pack(">H", frames.checksum(ip)) + ip[12:]
    tcp = data[34:50] + b"\0\0" + data[52:]
    pseudo = ip[12:20] + struct.pack(">BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack(">H", frames.checksum(pseudo + tcp)) + tcp[18:]
    return frames.Frame(frame.time_us, data[:14] + ip + tcp)


def pipe(lab):
    """A pipe may fall silent, so nothing waits for a survey: the flow judges, with the same
    result."""
    packets = decoyed()
    for workers in ("0", "3"):
        name = f"pipe{workers}.json"
        expect(lab.run("-r", "-", "--workers", workers, "-o", name, feed=flows.pcap(packets)), 0)
        events = lab.events(name)
        expect_alerts(events, ["/true"])
        demand(bad_sums(events) == (0, 1), f"left out: {bad_sums(events)}")
    wrong = [spoiled(frame) for frame in flows.good()]
    expect(lab.run("-r", "-", "-o", "wrong.json", feed=flows.pcap(wrong)), 0)
    expect_alerts(lab.events("wrong.json"), [f"/good-{i}" for i in range(3)])


def all_and_none(lab):
    """What is asked for goes before what is seen."""
    events = replayed(lab, "none", decoyed(), "-k", "none")
    expect_alerts(events, ["/decoy", "/true"])
    wrong = [spoiled(frame) for frame in flows.good()]
    events = replayed(lab, "all", wrong, "-k", "all")
    expect_alerts(events, [])
    demand(bad_sums(events) == (len(wrong), 0), f"left out: {bad_sums(events)}")


def several_files(lab):
    """The first packets of all the files together, in the order of their times."""
    packets = decoyed()
    lab.write("a.pcap", flows.pcap(packets[::2]))
    lab.write("b.pcap", flows.pcap(packets[1::2]))
    expect(lab.run("-r", "b.pcap", "-r", "a.pcap", "-o", "files.json"), 0)
    events = lab.events("files.json")
    expect_packets(events, len(packets))
    expect_alerts(events, ["/true"])
    demand(bad_sums(events) == (1, 0), f"left out: {bad_sums(events)}")


TESTS = [
    ("all wrong", all_wrong),
    ("one side wrong", one_side_wrong),
    ("headers wrong", headers_wrong),
    ("one header wrong", one_header_wrong),
    ("decoy", decoy),
    ("decoy that resets", decoy_reset),
    ("decoy that opens", decoy_opening),
    ("senders after the survey", strangers),
    ("pipe", pipe),
    ("all and none", all_and_none),
    ("several files", several_files),
]

if __name__ == "__main__":
    harness.main(__doc__, TESTS)
