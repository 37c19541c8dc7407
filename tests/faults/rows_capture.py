"""Faults of the command line and of captures: rows 1 to 20 of the list of errors."""

import gzip
import lzma
import os
import pty
import random
import re
import shutil
import signal
import struct
import subprocess

import flows
from harness import (Network, demand, expect, expect_packets, expect_refused, figure,
                     match_lines, of_type, sniffing, unprivileged, urls)
import frames

RECORD = 16
FILE_HEADER = 24
GOOD_PACKETS = 3 * flows.PER_EXCHANGE
OUT = ("-o", "out.json")


def good_file(lab, name="good.pcap", **how):
    return lab.write(name, flows.pcap(flows.good(**how)))


def expect_good(events, n=3, packets=None):
    """What good() makes is told of: n conversations with their attacks."""
    expect_packets(events, n * flows.PER_EXCHANGE if packets is None else packets)
    wanted = [f"/good/{i}" for i in range(n)]
    demand(sorted(urls(events)) == wanted, f"http events of {urls(events)}, expected {wanted}")
    expect_alerts(events, [f"/good-{i}" for i in range(n)])


def callbacks(events):
    return [event["alert"]["context"]["jndi"].get("callback", {}).get("path")
            for event in of_type(events, "alert")]


def expect_alerts(events, paths):
    """Exactly the look-ups with these call-backs are alerted."""
    found = callbacks(events)
    demand(sorted(found) == sorted(paths), f"alerts about {sorted(found)}, expected {paths}")


def offset_of(packets, number):
    """Where the record of a packet begins, counted from 1."""
    return FILE_HEADER + sum(RECORD + len(frame.data) for frame in packets[:number - 1])


def missing_capture(lab):
    os.mkdir(lab.path("D"))
    expect_refused(lab.run("-r", "nofile.pcap", "-l", "D"),
                   r"^cannot open capture 'nofile\.pcap': No such file or directory\. ")
    demand(not os.listdir(lab.path("D")), "the output directory was touched")


def missing_captures_are_all_told(lab):
    good_file(lab)
    ended = lab.run("-r", "one.pcap", "-r", "good.pcap", "-r", "two.pcap", *OUT)
    expect_refused(ended, r"'one\.pcap'", r"'two\.pcap'")
    demand(not os.path.exists(lab.path("out.json")), "the output was made")


def not_a_capture(lab):
    lab.write("text", "root:x:0:0:administrator\n" * 9)
    expect(lab.run("-r", "text", *OUT), 1,
           r"^'text' is not a pcap or pcapng file \(starts with 72 6f 6f 74\)")
    expect_packets(lab.events(), 0)


def two_bytes_are_no_capture(lab):
    lab.write("two", b"\xd4\xc3")
    expect(lab.run("-r", "two", *OUT), 1,
           r"^'two' is not a pcap or pcapng file \(starts with d4 c3")


def packed(content, kind):
    """The content compressed, or None where the tool for it is missing."""
    if kind == "gz":
        return gzip.compress(content)
    if kind == "xz":
        return lzma.compress(content)
    if shutil.which("zstd") is None:
        return None
    return subprocess.run(["zstd", "-qc"], input=content, stdout=subprocess.PIPE, check=True).stdout


def compressed(lab):
    for kind in ("gz", "xz", "zst"):
        content = packed(flows.pcap(flows.good()), kind)
        if content is None:
            continue
        lab.write(f"good.pcap.{kind}", content)
        expect(lab.run("-r", f"good.pcap.{kind}", "-o", f"{kind}.json"), 0)
        expect_good(lab.events(f"{kind}.json"))
        # What is compressed need not be a capture.
        lab.write(f"text.{kind}", packed(b"root:x:0:0\n" * 9, kind))
        expect(lab.run("-r", f"text.{kind}", "-o", f"text-{kind}.json"), 1,
               rf"^'text\.{kind}' is not a pcap or pcapng file \(.*starts with 72 6f 6f 74\)")


def compressed_and_cut(lab):
    noise = random.Random(1).randbytes(600000)  # several blocks of any packing
    talk = flows.exchange(url="/whole")
    talk.client(noise)
    for kind in ("gz", "xz", "zst"):
        content = packed(flows.pcap(talk.frames), kind)
        if content is None:
            continue
        lab.write(f"cut.{kind}", content[:len(content) * 2 // 3])
        expect(lab.run("-r", f"cut.{kind}", "-o", f"{kind}.json"), 1,
               rf"^'cut\.{kind}' .*packet \d+.*; \d+ packets were read")
        demand(urls(lab.events(f"{kind}.json")) == ["/whole"], "what was before the cut is missing")


def empty_file(lab):
    lab.write("e", b"")
    expect(lab.run("-r", "e", *OUT), 1, r"^'e' is empty \(0 bytes\)")
    expect_packets(lab.events(), 0)


def header_only(lab):
    lab.write("h", flows.pcap([]))
    expect(lab.run("-r", "h", *OUT), 0)
    events = lab.events()
    expect_packets(events, 0)
    demand(len(events) == 1, "events of nothing")


def pcapng_header_only(lab):
    lab.write("h", flows.pcapng([frames.ETHERNET], []))
    expect(lab.run("-r", "h", *OUT), 0)
    expect_packets(lab.events(), 0)


def truncated_in_a_record(lab):
    packets = flows.good()
    whole = flows.pcap(packets)
    at = offset_of(packets, 8)
    for inside in (1, RECORD - 1, RECORD, RECORD + 1, RECORD + len(packets[7].data) - 1):
        lab.write("t", whole[:at + inside])
        expect(lab.run("-r", "t", "-o", f"{inside}.json"), 1,
               rf"^'t' ends inside packet 8 at byte {at}; 7 packets were read")
        events = lab.events(f"{inside}.json")
        expect_packets(events, 7)
        expect_alerts(events, ["/good-0"])


def truncated_in_the_header(lab):
    for size in (4, 23):
        lab.write("t", flows.pcap(flows.good())[:size])
        expect(lab.run("-r", "t", "-o", f"{size}.json"), 1,
               rf"^'t' ends inside its file header at byte {size}; 0 packets were read")
        expect_packets(lab.events(f"{size}.json"), 0)


def truncated_pcapng(lab):
    packets = flows.good()
    whole = flows.pcapng([frames.ETHERNET], [(0, frame) for frame in packets])
    before = len(flows.pcapng([frames.ETHERNET], [(0, frame) for frame in packets[:7]]))
    lab.write("t", whole[:before + 20])
    expect(lab.run("-r", "t", *OUT), 1,
           rf"^'t' ends inside packet 8 at byte {before}; 7 packets were read")
    expect_packets(lab.events(), 7)


def damaged_record_header(lab):
    packets = flows.good()
    whole = bytearray(flows.pcap(packets))
    at = offset_of(packets, 12)
    struct.pack_into("<I", whole, at + 8, 0x7FFFFFFF)
    lab.write("d", bytes(whole))
    expect(lab.run("-r", "d", *OUT), 1,
           rf"^'d' is damaged at packet 12, byte {at}: .*; 11 packets were read")
    events = lab.events()
    expect_packets(events, 11)
    expect_alerts(events, ["/good-0"])


def read_on_behind_damage(lab):
    """With capture.resync what comes behind the damage is read, and that something is missing is
    still said."""
    packets = flows.good()
    for name, whole, at, place in (
            ("pcap", bytearray(flows.pcap(packets)), offset_of(packets, 12), 8),
            ("pcapng", bytearray(flows.pcapng([frames.ETHERNET], [(0, f) for f in packets])),
             len(flows.pcapng([frames.ETHERNET], [(0, f) for f in packets[:11]])), 4)):
        struct.pack_into("<I", whole, at + place, 0x7FFFFFFF)
        lab.write(name, bytes(whole))
        expect(lab.run("-r", name, "--set", "capture.resync=yes", "-o", f"{name}.json"), 1,
               rf"^'{name}' .*packet 12\b.*{at}\b")
        events = lab.events(f"{name}.json")
        expect_packets(events, len(packets) - 1)
        expect_alerts(events, ["/good-0", "/good-1", "/good-2"])


def damaged_block_of_pcapng(lab):
    packets = [(0, frame) for frame in flows.good()]
    at = len(flows.pcapng([frames.ETHERNET], packets[:11]))
    for length in (0, 8, 11, 33, 0xFFFFFFFF):
        whole = bytearray(flows.pcapng([frames.ETHERNET], packets))
        struct.pack_into("<I", whole, at + 4, length)
        lab.write("d", bytes(whole))
        expect(lab.run("-r", "d", "-o", f"{length}.json"), 1,
               rf"^'d' .*packet 12\b.*byte {at}\b.*; 11 packets were read")
        expect_packets(lab.events(f"{length}.json"), 11)


def directory(lab):
    """Captures of a folder come merged by time, whatever their names."""
    packets = flows.good(4)
    lab.write("captures/b.pcap", flows.pcap(packets[:10] + packets[20:30]))
    lab.write("captures/a", flows.pcap(packets[10:20] + packets[30:]))
    lab.write("captures/notes.txt", "not a capture")
    expect(lab.run("-r", "captures", *OUT), 0)
    events = lab.events()
    expect_good(events, 4)
    demand(urls(events) == [f"/good/{i}" for i in range(4)], f"not in order: {urls(events)}")


def empty_directory(lab):
    os.mkdir(lab.path("none"))
    expect(lab.run("-r", "none", *OUT), 1, r"^directory 'none' holds no capture")
    expect_packets(lab.events(), 0)


def no_read_permission(lab):
    path = good_file(lab, "G")
    before = unprivileged(lab)
    os.chmod(path, 0)
    import pwd
    owner = re.escape(pwd.getpwuid(os.stat(path).st_uid).pw_name)
    expect_refused(lab.run("-r", "G", "-o", "/dev/null", before=before),
                   rf"^cannot open capture 'G': Permission denied\. It belongs to {owner}, "
                   r"mode 0000")


def several_and_one_bad(lab):
    packets = flows.good(4)
    lab.write("a.pcap", flows.pcap(packets[:20]))
    lab.write("c.pcap", flows.pcap(packets[20:]))
    lab.write("bad.pcap", b"nothing of the kind")
    three = [word for name in ("a", "bad", "c") for word in ("-r", f"{name}.pcap")]
    expect(lab.run(*three, *OUT), 1, r"^'bad\.pcap' is not a pcap or pcapng file")
    expect_good(lab.events(), 4)
    lab.write("bad.pcap", flows.pcap(packets[:20])[:-7])
    expect(lab.run(*three, "-o", "cut.json"), 1, r"^'bad\.pcap' ends inside packet 20 ")
    expect_packets(lab.events("cut.json"), 40 + 19)


def two_bad_are_two_lines(lab):
    good_file(lab, "a.pcap")
    lab.write("x.pcap", b"nothing of the kind")
    lab.write("y.pcap", b"")
    expect(lab.run("-r", "x.pcap", "-r", "a.pcap", "-r", "y.pcap", *OUT), 1, r"^'x\.pcap' is not",
           r"^'y\.pcap' is empty")
    expect_good(lab.events())


def mixed_link_types(lab):
    """What cannot be read of a pcapng is said once for each link type; the rest goes on."""
    other = frames.Frame(flows.START_US, b"\x80\0" * 30)
    packets = [(0, frame) for frame in flows.good()]
    packets[5:5] = [(1, other), (2, other), (1, other)]
    lab.write("x.pcapng", flows.pcapng([frames.ETHERNET, 147, 189], packets))
    said = (r"^'x\.pcapng' packet {}: interface {} has link type {}, not supported; "
            "supported: .*EN10MB")
    expect(lab.run("-r", "x.pcapng", *OUT), 1, said.format(6, 1, r"USER0 \(147\)"),
           said.format(7, 2, r"USB_LINUX \(189\)"))
    events = lab.events()
    expect_good(events, 3, GOOD_PACKETS + 3)
    demand(figure(events, "refused_link_type") == 3, "not counted by reason")


def unknown_link_type(lab):
    lab.write("x.pcap", flows.pcap(flows.good(), link_type=147))
    expect(lab.run("-r", "x.pcap", *OUT), 1,
           r"^'x\.pcap' packet 1: interface 0 has link type USER0 \(147\), not supported; ")
    expect_packets(lab.events(), GOOD_PACKETS)


def link_type_without_a_name(lab):
    lab.write("x.pcap", flows.pcap(flows.good(), link_type=65000))
    expect(lab.run("-r", "x.pcap", *OUT), 1, r"^'x\.pcap' packet 1: .*65000.*not supported; ")


def standard_input(lab):
    whole = flows.pcap(flows.good())
    expect(lab.run("-r", "-", *OUT, feed=whole), 0)
    expect_good(lab.events())
    expect(lab.run("-r", "-", "-o", "gz.json", feed=gzip.compress(whole)), 0)
    expect_good(lab.events("gz.json"))


def empty_standard_input(lab):
    expect(lab.run("-r", "-", *OUT), 1, r"^'stdin' is empty \(0 bytes\)")
    expect_packets(lab.events(), 0)


def pipe_that_closes_early(lab):
    packets = flows.good()
    at = offset_of(packets, 18)
    expect(lab.run("-r", "-", *OUT, feed=flows.pcap(packets)[:at + 20]), 1,
           rf"^'stdin' ends inside packet 18 at byte {at}; 17 packets were read")
    expect_packets(lab.events(), 17)


def terminal(lab):
    master, slave = pty.openpty()
    lab.cleanups.callback(os.close, master)
    lab.cleanups.callback(os.close, slave)
    expect_refused(lab.run("-r", "-", *OUT, stdin=slave),
                   r"^standard input is a terminal, not a capture")


def wrong_options(lab):
    good_file(lab, "G")
    for words, pattern in (
            (["--rr", "x"], r"^unknown option '--rr' \(did you mean '-r'\?\)"),
            (["--event", "alert", "-r", "G"], r"^unknown option '--event' \(did you mean "
                                              r"'--events'\?\)"),
            (["--geopi=x", "-r", "G"], r"^unknown option '--geopi(=x)?' \(did you mean "
                                       r"'--geoip'\?\)"),
            (["-Z", "-r", "G"], r"^unknown option '-Z'"),
            (["-r", "G", "-i", "lo"], r"^-r and -i exclude each other"),
            (["-r", "G", "-c"], r"^option '(-c|--config)' needs an argument"),
            (["-r", "G", "--workers", "many"], r"^--workers.*'many' "),
            (["-r", "G", "--workers", "65"], r"^--workers.*'65' .*64"),
            (["-r", "G", "-k", "maybe"], r"^-k.*'maybe' .*all.*none.*auto"),
            (["-r", "G", "--events", "alert,htpp"], r"^--events.*'htpp'"),
    ):
        ended = lab.run(*OUT, *words)
        expect_refused(ended, pattern)
        demand(not os.path.exists(lab.path("out.json")), f"{words}: the output was made")


def nothing_to_read(lab):
    ended = lab.run()
    expect_refused(ended, r"-r.*-i|-i.*-r")


def all_mistakes_at_once(lab):
    """Everything that is checked before the start is told in one run."""
    lab.write("s.yaml", "streem: 1\n")
    expect_refused(
        lab.run("-r", "nofile.pcap", "-c", "s.yaml", "-S", "none.rules", "-l", "none"),
        r"^cannot open capture 'nofile\.pcap'", r"^s\.yaml:1: unknown key 'streem'",
        r"'none\.rules'", r"^output directory 'none' does not exist")


def wrong_filter(lab):
    good_file(lab, "G")
    ended = lab.run("-r", "G", *OUT, "tcp prot 80")
    demand(ended.code == 2, f"expected exit code 2; {ended.told()}")
    demand(len(ended.lines) == 3, f"not one mistake with its place below; {ended.told()}")
    first, expression, caret = ended.lines
    demand(re.match(r"jndiwatch: error: filter 'tcp prot 80': \S", first), first)
    column = caret.find("^")
    demand(expression.endswith("tcp prot 80") and expression[column:column + 4] == "prot",
           f"the caret is not below 'prot': {ended.lines}")
    demand(not os.path.exists(lab.path("out.json")), "the output was made")


def filter_as_several_words(lab):
    packets = flows.good(3)
    packets += flows.exchange(("198.51.100.8", 50000), url="/other").frames
    lab.write("G", flows.pcap(packets))
    expect(lab.run("-r", "G", *OUT, "host", "198.51.100.8", "and", "tcp"), 0)
    events = lab.events()
    demand(urls(events) == ["/other"], f"the filter let {urls(events)} through")
    expect_packets(events, flows.PER_EXCHANGE)


def live_without_permission(lab):
    before = unprivileged(lab)
    os.chmod(lab.folder, 0o777)
    expect(lab.run("-i", "lo", *OUT, before=before), 4,
           r"^cannot capture on 'lo': (Operation not permitted|You don't have permission).*"
           r"setcap cap_net_raw")


def no_such_interface(lab):
    network = Network(lab)
    network.ip("link", "set", "lo", "up")
    network.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    expect(lab.run("-i", "nosuch0", *OUT, before=network.enter), 4,
           r"^no interface 'nosuch0'; there are: (?=.*\blo \(up\))(?=.*\bv0 \(down\))")


def interface_down_then_gone(lab):
    network = Network(lab)
    network.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    network.ip("link", "set", "v0", "up")
    network.ip("link", "set", "v1", "up")
    live = lab.start("-i", "v0", *OUT, before=network.enter)
    live.wait_for(lambda: sniffing(live.pid), "the capture to start")
    network.ip("link", "set", "v0", "down")
    live.wait_for(lambda: b"'v0'" in live.err(), "a word about the interface that went down")
    demand(b"warning" in live.err(), f"no warning: {live.err()!r}")
    network.ip("link", "set", "v0", "up")
    network.ip("link", "del", "v0")
    ended = live.wait()
    expect(ended, 4, r"'v0'")
    lab.events()


def interface_that_is_waited_for(lab):
    """With --wait one that is not there, and one that goes away, are taken up when they come."""
    network = Network(lab)
    live = lab.start("-i", "v0", "--wait", *OUT, before=network.enter)
    live.wait_for(lambda: b"no interface 'v0' yet: waiting for it" in live.err(), "a word about it")
    for n in (1, 2):
        network.ip("link", "add", "v0", "up", "type", "veth", "peer", "name", "v1")
        live.wait_for(lambda n=n: live.err().count(b"'v0' is there: capturing") == n, "its start")
        network.ip("link", "del", "v0")
        live.wait_for(lambda n=n: live.err().count(b"capture on 'v0' ended: ") == n, "its end")
    os.kill(live.pid, signal.SIGTERM)
    ended = live.wait()
    expect(ended, 0)
    # That the folder of the test is not the user's that it became is told as well.
    about_v0 = [line for line in ended.warnings if "'v0'" in line]
    match_lines(about_v0, [r"^no interface 'v0' yet: waiting for it"]
                + [r"^capture on 'v0' ended: .*\. Trying again every 5 s"] * 2, "warning", ended)
    lab.events()


def packets_without_bytes(lab):
    packets = flows.good()
    empty = [frames.Frame(flows.START_US, b""), frames.Frame(flows.START_US, b"", 60)]
    packets[3:3] = empty * 50
    lab.write("z", flows.pcap(packets))
    ended = lab.run("-r", "z", *OUT)
    expect(ended, 0)
    demand(len(ended.warnings) <= 1, f"a line for each packet: {ended.warnings[:3]}")
    events = lab.events()
    expect_good(events, 3, GOOD_PACKETS + 100)
    demand(figure(events, "refused_empty") == 100, "not counted by reason")


def snaplen(lab):
    cut = [frames.Frame(f.time_us, f.data[:64], len(f.data)) for f in flows.good()]
    lab.write("s64", flows.pcap(cut, snaplen=64))
    ended = lab.run("-r", "s64", *OUT)
    expect(ended, 0)
    match_lines(ended.warnings, [r"^capture 's64' has snaplen 64: payload cannot be decoded; "
                                 r"capture with -s 0"], "warning", ended)
    events = lab.events()
    expect_packets(events, GOOD_PACKETS)
    found = of_type(events, "flow")
    demand(len(found) == 3, f"{len(found)} flows instead of 3")
    for event in found + of_type(events, "http"):
        demand("snaplen" in event["metadata"]["flowbits"], f"not marked: {event}")
    # Of each conversation, all of the payload but the first 10 bytes of each message is missing.
    lost = sum(len(f.data) - 64 for f in flows.good() if len(f.data) > 64)
    demand(figure(events, "lost_snaplen") == lost,
           f"{figure(events, 'lost_snaplen')} bytes not inspected, {lost} were not captured")


def expect_sane_times(events, packets):
    """Times are those of packets; nothing lasts shorter than nothing."""
    import datetime
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    told = {(epoch + datetime.timedelta(microseconds=frame.time_us)).strftime(
        "%Y-%m-%dT%H:%M:%S.%f+0000") for frame in packets}
    for event in events[:-1]:
        demand(event["timestamp"] in told, f"{event['timestamp']} is the time of no packet")
    for event in of_type(events, "flow"):
        flow = event["flow"]
        demand(flow["age"] >= 0 and flow["start"] in told and flow["end"] in told,
               f"times of {flow}")


def at_times(packets, times):
    return [frames.Frame(at, frame.data) for at, frame in zip(times, packets)]


def time_backwards(lab):
    packets = flows.good()
    times = [frame.time_us for frame in packets]
    for name, order in (("backwards", times[::-1]), ("equal", [times[0]] * len(times)),
                        ("zero", [0] * len(times)),
                        ("shuffled", random.Random(2).sample(times, len(times)))):
        moved = at_times(packets, order)
        lab.write(name, flows.pcap(moved))
        expect(lab.run("-r", name, "-o", f"{name}.json"), 0)
        events = lab.events(f"{name}.json")
        expect_good(events)
        demand(len(of_type(events, "flow")) == 3, f"{name}: flows fell apart")
        expect_sane_times(events, moved)


def one_packet_from_elsewhen(lab):
    """A single packet with a time far away ends no flow, and its own time is told."""
    for name, away_us in (("future", 10 * 365 * 86400), ("past", -10 * 365 * 86400)):
        talk = flows.Talk().open()
        content = flows.request("/good/0", [(b"User-Agent", flows.lookup("good-0"))])
        talk.client(content[:40])
        late = len(talk.parts)
        talk.client(content[40:]).server(flows.response()).close()
        packets = talk.frames
        stray = flows.Talk(("198.51.100.99", 1), start_us=flows.START_US + away_us * 1000000)
        packets[late:late] = stray.send(0, frames.SYN).frames
        lab.write(name, flows.pcap(packets))
        expect(lab.run("-r", name, "-o", f"{name}.json"), 0)
        events = lab.events(f"{name}.json")
        expect_good(events, 1, len(packets))
        demand(len(of_type(events, "flow")) == 2, f"{name}: the flow fell apart")
        expect_sane_times(events, packets)


def flow_of(events):
    found = of_type(events, "flow")
    demand(len(found) == 1, f"{len(found)} flow events instead of one")
    return found[0]


def run_parts(lab, name, parts):
    """Replays segments; the events."""
    lab.write(name, flows.pcap([frames.build(part) for part in parts]))
    expect(lab.run("-r", name, "-o", f"{name}.json"), 0)
    events = lab.events(f"{name}.json")
    expect_packets(events, len(parts))
    return events


def one_direction(lab):
    talk = flows.Talk().open()
    talk.client(flows.request("/r", [(b"User-Agent", flows.lookup("asked"))]))
    talk.server(flows.response(flows.lookup("answered"))).close()
    for side, path in ((0, "/asked"), (1, "/answered")):
        here = [part for part in talk.parts if (part.source == flows.SERVER[1]) == bool(side)]
        events = run_parts(lab, f"side{side}", here)
        expect_alerts(events, [path])
        event = flow_of(events)
        demand("one_sided" in event["metadata"]["flowbits"], f"not marked: {event['metadata']}")
        demand((event["src_ip"], event["dest_port"]) == (flows.CLIENT[0], 80),
               f"client and server are exchanged: {event}")


def no_handshake(lab):
    talk = flows.exchange(agent=flows.lookup("asked"))
    events = run_parts(lab, "nosyn", talk.parts[3:])
    expect_alerts(events, ["/asked"])
    event = flow_of(events)
    demand("midstream" in event["metadata"]["flowbits"], f"not marked: {event['metadata']}")
    demand(figure(events, "tcp.midstream_pickups") == 1, "not counted")


def lossy(lab):
    """Of a long conversation a third of the packets is missing: what is there is decoded."""
    talk = flows.Talk().open()
    for i in range(40):
        talk.client(flows.request(f"/r/{i}", [(b"User-Agent", flows.lookup(f"asked-{i}"))]))
        talk.server(flows.response())
    talk.close()
    chance = random.Random(3)
    kept = [part for part in talk.parts if chance.random() > 0.3]
    asked = [match[1].decode() for part in kept
             for match in [re.search(rb"1389(/asked-\d+)", part.payload)] if match]
    events = run_parts(lab, "lossy", kept)
    expect_alerts(events, asked)
    demand(figure(events, "tcp.reassembly_gap") > 0, "no gap was counted")
    event = flow_of(events)
    demand("gap" in event["metadata"]["flowbits"] and event["tcp"].get("ts_gap")
           and event["tcp"].get("tc_gap"), f"not marked: {event}")


TESTS = [
    ("row 1 missing capture", missing_capture),
    ("row 1 missing captures are all told", missing_captures_are_all_told),
    ("row 2 not a capture", not_a_capture),
    ("row 2 two bytes are no capture", two_bytes_are_no_capture),
    ("row 2 compressed captures are read", compressed),
    ("row 2 compressed captures that are cut", compressed_and_cut),
    ("row 3 empty file", empty_file),
    ("row 4 header only", header_only),
    ("row 4 header only, pcapng", pcapng_header_only),
    ("row 5 truncated in a record", truncated_in_a_record),
    ("row 5 truncated in the file header", truncated_in_the_header),
    ("row 5 truncated pcapng", truncated_pcapng),
    ("row 6 damaged record header", damaged_record_header),
    ("row 6 read on behind damage", read_on_behind_damage),
    ("row 6 damaged block of a pcapng", damaged_block_of_pcapng),
    ("row 7 directory", directory),
    ("row 7 directory without captures", empty_directory),
    ("row 8 no read permission", no_read_permission),
    ("row 9 several captures, one bad", several_and_one_bad),
    ("row 9 two bad ones are two lines", two_bad_are_two_lines),
    ("row 10 mixed link types", mixed_link_types),
    ("row 10 unknown link type", unknown_link_type),
    ("row 10 link type without a name", link_type_without_a_name),
    ("row 11 standard input", standard_input),
    ("row 11 empty standard input", empty_standard_input),
    ("row 11 pipe that closes early", pipe_that_closes_early),
    ("row 11 terminal", terminal),
    ("row 12 wrong options", wrong_options),
    ("row 12 nothing to read", nothing_to_read),
    ("row 12 all mistakes at once", all_mistakes_at_once),
    ("row 13 wrong filter", wrong_filter),
    ("row 13 filter as several words", filter_as_several_words),
    ("row 14 live capture without permission", live_without_permission),
    ("row 15 no such interface", no_such_interface),
    ("row 16 interface down, then gone", interface_down_then_gone),
    ("row 16 interface that is waited for", interface_that_is_waited_for),
    ("row 17 packets without bytes", packets_without_bytes),
    ("row 18 snaplen 64", snaplen),
    ("row 19 time backwards, equal, zero", time_backwards),
    ("row 19 one packet from elsewhen", one_packet_from_elsewhen),
    ("row 20 one direction", one_direction),
    ("row 20 no handshake", no_handshake),
    ("row 20 a third is missing", lossy),
]
