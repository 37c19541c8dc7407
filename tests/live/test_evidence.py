#!/usr/bin/python3
"""Capture files of flows with an alert: what stands in them is what was sent, whole, and no more.

usage: test_evidence.py PROGRAM
"""
import glob
import os

from harness_live import Cables, received  # first: it sets where the others are
import flows
import frames
import wraps
from harness import demand, expect, expect_refused, figure, main, of_type
from rows_fragments import fragments4

OUT = ("-o", "out.json", "--set", "evidence.folder=kept")


def attack(number, start=0):
    """A conversation with an attack, in the third of three requests."""
    talk = flows.Talk((f"198.51.100.{number + 1}", 40000), start_us=flows.START_US + start).open()
    for url in ("/a", "/b"):
        talk.client(flows.request(url)).server(flows.response())
    asked = flows.request(f"/{number}", [(b"User-Agent", flows.lookup(f"n{number}"))])
    return talk.client(asked).server(flows.response(b"x" * 3000)).close()


def harmless(number):
    return flows.exchange((f"203.0.113.{number + 1}", 40000), url="/harmless")


def mixed(talks):
    """One frame of each in turn, at times of its own."""
    rows = [talk.frames for talk in talks]
    made = [row[at] for at in range(max(map(len, rows))) for row in rows if at < len(row)]
    return [frames.Frame(flows.START_US + i * 10, frame.data) for i, frame in enumerate(made)]


def replay(lab, packets, *args):
    os.makedirs(lab.path("kept"), exist_ok=True)
    lab.write("in.pcap", flows.pcap(packets))
    expect(lab.run("-r", "in.pcap", *OUT, *args), 0)
    return lab.events()


def kept_files(lab):
    return sorted(os.path.basename(path) for path in glob.glob(lab.path("kept", "*")))


def expect_kept(lab, events, sent):
    """Each alert names a file that holds the packets of its flow, in their order; there is no other
    file. sent: packets by the client's address."""
    files = set()
    for event in of_type(events, "alert"):
        path = event.get("capture_file")
        demand(path and os.path.exists(lab.path(path)), f"no such file: {path}")
        files.add(os.path.basename(path))
        client = event["src_ip"]
        held = frames.read(lab.path(path))
        wanted = [(frame.time_us, frame.data) for frame in sent[client]]
        demand([(frame.time_us, frame.data) for frame in held] == wanted,
               f"{path} holds {len(held)} packets, {client} had {len(wanted)}")
    demand(files, "no alert")
    demand(kept_files(lab) == sorted(files), f"files {kept_files(lab)}, named were {files}")


def by_client(packets):
    """Packets by the address that is the client's: that with the port 40000."""
    made = {}
    for frame in packets:
        ends = [".".join(map(str, frame.data[at:at + 4])) for at in (26, 30)]
        client = ends[0] if ends[1] == flows.SERVER[0] else ends[1]
        made.setdefault(client, []).append(frame)
    return made


def whole_flow(lab):
    """From its first packet, before the attack, to its last; at any number of workers."""
    packets = mixed([attack(0), harmless(1), attack(2), harmless(3), attack(4)])
    for workers in ("0", "2"):
        events = replay(lab, packets, "--workers", workers)
        demand(len(of_type(events, "alert")) == 3, "alerts are missing")
        expect_kept(lab, events, by_client(packets))
        demand(figure(events, "evidence_lost") == 0, "packets are missing")
        os.remove(lab.path("out.json"))
        again = replay(lab, packets, "--workers", workers)
        expect_kept(lab, again, by_client(packets))
        for name in kept_files(lab):
            os.remove(lab.path("kept", name))
        os.remove(lab.path("out.json"))


def readable_by_itself(lab):
    """What was kept, read by the sensor, gives the same attack."""
    replay(lab, attack(0).frames)
    name = kept_files(lab)[0]
    expect(lab.run("-r", os.path.join("kept", name), "-o", "again.json"), 0)
    found = [event["alert"]["context"]["jndi"]["decoded"]
             for path in ("out.json", "again.json")
             for event in of_type(lab.events(path), "alert")]
    demand(len(found) == 2 and found[0] == found[1], f"found {found}")


def in_fragments(lab):
    """Fragments have no ports, and belong to the flow all the same."""
    packets = []
    for at, frame in enumerate(attack(0).frames):
        parts = fragments4(frame.data[14:], at + 1) if len(frame.data) > 200 else [frame.data[14:]]
        packets += [frames.Frame(flows.START_US + len(packets) + i, wraps.ether(part))
                    for i, part in enumerate(parts)]
    demand(len(packets) > 30, "nothing is in fragments")
    events = replay(lab, packets)
    expect_kept(lab, events, {"198.51.100.1": packets})


def short_past(lab):
    """Of a long past only the latest is there, without a hole to the end."""
    talk = flows.Talk().open()
    for _ in range(200):
        talk.client(flows.request("/a")).server(flows.response(b"y" * 1000))
    asked = flows.request("/attack", [(b"User-Agent", flows.lookup("n"))])
    talk.client(asked).server(flows.response()).close()
    events = replay(lab, talk.frames, "--set", "evidence.recent=64KiB")
    path = of_type(events, "alert")[0]["capture_file"]
    held = [frame.data for frame in frames.read(lab.path(path))]
    sent = [frame.data for frame in talk.frames]
    demand(20 < len(held) < len(sent) and held == sent[-len(held):],
           f"{len(held)} packets, not the latest of {len(sent)}")


def caps(lab):
    """A file is cut at its cap, and the oldest files go."""
    replay(lab, attack(0).frames, "--set", "evidence.file=4KiB")
    size = os.path.getsize(lab.path("kept", kept_files(lab)[0]))
    whole = sum(len(frame.data) + 16 for frame in attack(0).frames) + 24
    demand(2000 < size < min(whole, 6000), f"{size} bytes of {whole}")
    os.remove(lab.path("out.json"))
    packets = [frame for n in range(1, 8) for frame in attack(n, n * 1000000).frames]
    events = replay(lab, packets, "--set", "evidence.files=3")
    named = [os.path.basename(event["capture_file"]) for event in of_type(events, "alert")]
    demand(kept_files(lab) == sorted(named[-3:]), f"{kept_files(lab)}, the latest are {named[-3:]}")


def not_wanted(lab):
    """Without a folder nothing is kept, and nothing named; without an alert there is no file."""
    lab.write("in.pcap", flows.pcap(attack(0).frames))
    expect(lab.run("-r", "in.pcap", "-o", "out.json"), 0)
    demand("capture_file" not in of_type(lab.events(), "alert")[0], "a file is named")
    os.remove(lab.path("out.json"))
    replay(lab, harmless(0).frames)
    demand(not kept_files(lab), f"kept {kept_files(lab)}")


def no_folder(lab):
    lab.write("in.pcap", flows.pcap(attack(0).frames))
    expect_refused(lab.run("-r", "in.pcap", *OUT),
                   r"^evidence folder 'kept' does not exist; mkdir -p kept$")


def live_behind_the_drop(lab):
    """The workers that see the packets may not open files; the store may."""
    cables = Cables(lab)
    os.makedirs(lab.path("kept"))
    os.chown(lab.path("kept"), 65534, 65534)
    live = cables.start("--workers", "2", *OUT, "--set", "output.stats_interval=1s", user="nobody")
    sent = attack(0).frames
    cables.send("v1", sent)
    events = received(live, lab, len(sent))
    path = of_type(events, "alert")[0]["capture_file"]
    held = [frame.data for frame in frames.read(lab.path(path))]
    demand(held == [frame.data for frame in sent], f"{len(held)} packets of {len(sent)}")


TESTS = [
    ("a flow is kept from its start to its end", whole_flow),
    ("what was kept can be read", readable_by_itself),
    ("fragments are kept", in_fragments),
    ("the past is as long as its memory", short_past),
    ("files and their number are capped", caps),
    ("nothing is kept unasked", not_wanted),
    ("no folder", no_folder),
    ("live capture keeps, behind the drop", live_behind_the_drop),
]

if __name__ == "__main__":
    main(__doc__, TESTS)
