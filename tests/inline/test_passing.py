#!/usr/bin/python3
"""What is no attack passes the sensor inline byte for byte and in its order, whatever it is: frames
of every capture of the tree, and frames that nobody should send.

usage: test_passing.py PROGRAM
"""
import glob
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "faults"))

from harness_inline import SERVER, Row, join, need, sense, stop  # noqa: E402

from harness import Network, demand, figure, main  # noqa: E402
import frames  # noqa: E402
import shelf  # noqa: E402
import wraps  # noqa: E402

CAPTURES = os.path.join(HERE, "..", "..", "pcaps", "*.pcap*")
SEED = os.environ.get("JNDIWATCH_SEED", "4711")
MTU = 65000  # some captures have segments that were not cut yet
BATCH = 100
PATIENCE_SECONDS = 60
N_ODD = 2000
NO_ATTACK = ("-o", "out.json", "--set", "inline.block=")
BLOCKS = ("-o", "out.json", "--set", "inline.block=attack")

# Sends the frames whose hexadecimal digits it reads, a line each, and writes those that arrive; the
# kernel takes a tag off before it gives a frame to such a socket, and tells it beside.
TAP = """
import socket, struct, sys, threading
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
tap.setsockopt(263, 8, 1)  # PACKET_AUXDATA
tap.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
tap.bind((sys.argv[1], 3))
def send():
    for line in sys.stdin:
        tap.send(bytes.fromhex(line))
threading.Thread(target=send, daemon=True).start()
print("ready", flush=True)
while True:
    frame, beside, _, sender = tap.recvmsg(1 << 18, 256)
    status, *_, tag, kind = struct.unpack("IIIHHHH", beside[0][2][:20])
    if sender[2] != socket.PACKET_OUTGOING:
        if status & 16:
            kind = kind if status & 64 else 0x8100
            frame = frame[:12] + struct.pack(">HH", kind, tag) + frame[12:]
        print(frame.hex(), flush=True)
"""


class Tap:
    """One end of the row: what it sends, and what comes to it."""

    def __init__(self, lab, network, interface):
        self.process = subprocess.Popen([*network.enter, sys.executable, "-c", TAP, interface],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        lab.cleanups.callback(self.process.wait)
        lab.cleanups.callback(self.process.stdout.close)
        lab.cleanups.callback(self.process.stdin.close)
        lab.cleanups.callback(self.process.kill)
        self.kept = b""
        demand(self.lines(1) == [b"ready"], "no tap")

    def lines(self, n):
        """The next lines, fewer when nothing more comes."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.kept.count(b"\n") < n and (left := end - time.monotonic()) > 0:
            if select.select([self.process.stdout], [], [], left)[0]:
                self.kept += os.read(self.process.stdout.fileno(), 1 << 20)
        *lines, rest = self.kept.split(b"\n")
        self.kept = b"".join(line + b"\n" for line in lines[n:]) + rest
        return lines[:n]

    def lines_before(self, end):
        """What comes before a line that ends so."""
        lines = []
        while not lines or not lines[-1].endswith(end):
            line = self.lines(1)
            demand(line, f"waited in vain for the mark behind {len(lines)} frames")
            lines += line
        return lines[:-1]

    def send(self, batch):
        self.process.stdin.write(b"".join(frame.hex().encode() + b"\n" for frame in batch))
        self.process.stdin.flush()


def differs(sent, came):
    """The first frame that is not as it was, in words."""
    for at, frame in enumerate(sent):
        if came[at:at + 1] != [frame.hex().encode()]:
            return f"frame {at} of {len(sent)}, {frame[:60].hex()}… came as {came[at:at + 1]}"
    return None


def crosses(source, sink, sent):
    """Each frame comes out at the other end, as it was and in its order."""
    for at in range(0, len(sent), BATCH):
        batch = sent[at:at + BATCH]
        source.send(batch)
        wrong = differs(batch, sink.lines(len(batch)))
        demand(wrong is None, f"batch {at // BATCH}: {wrong}")


def recorded():
    """Of all captures, attacks and all."""
    return [frame.data for path in sorted(glob.glob(CAPTURES)) for frame in shelf.read(path)
            if len(frame.data) >= 14]


def odd_ip4(rand, size):
    """Any header: lengths, fragments and sums as they come, options, other versions."""
    head = struct.pack(">BBHHHBBH", rand.choice((0x45, 0x45, 0x46, 0x4F, 0x43, 0x55, 0x05)),
                       rand.randrange(256), rand.choice((size + 20, rand.randrange(65536))),
                       rand.randrange(65536), rand.choice((0, 0x4000, 0x2000, 0x2001, 0x1FFF, 185)),
                       rand.choice((0, 1, 64, 255)), rand.choice((1, 2, 4, 6, 6, 6, 17, 17, 41, 47,
                                                                  50, 58, 132, 255)),
                       rand.randrange(65536))
    return head + bytes([10, 9, 9, rand.randrange(4), 10, 9, 8, rand.randrange(4)])


def odd_ip6(rand, size):
    head = struct.pack(">IHBB", 0x60000000 | rand.randrange(1 << 20),
                       rand.choice((size, 0, rand.randrange(65536))),
                       rand.choice((0, 6, 6, 17, 43, 44, 44, 50, 51, 58, 59, 60, 135, 255)),
                       rand.randrange(256))
    return head + bytes.fromhex("20010db8") + rand.randbytes(12) + \
        bytes.fromhex("20010db8") + rand.randbytes(12)


def odd_content(rand):
    """Random bytes, text, or a TCP segment with any flags and options, of a flow of its own: what
    does not belong to the flow that it says is another test's."""
    size = rand.choice((0, 1, 7, 20, 40, 200, 1400))
    if rand.random() < 0.3:
        return b"GET /%d HTTP/1.1\r\nHost: shop.example\r\n\r\n" % rand.randrange(1000)
    if rand.random() < 0.5:
        return struct.pack(">HHIIBBHHH", rand.randrange(65536), rand.choice((80, 25, 5001)),
                           rand.randrange(1 << 32), rand.randrange(1 << 32), rand.randrange(256),
                           rand.randrange(256), rand.randrange(65536), rand.randrange(65536),
                           rand.randrange(65536)) + rand.randbytes(size)
    return rand.randbytes(size)


def odd_frame(rand):
    content = odd_content(rand)
    packet = (odd_ip4 if rand.random() < 0.6 else odd_ip6)(rand, len(content)) + content
    kind = rand.randrange(8)
    if kind == 0:  # anything but a tag, which the kernel would read
        return wraps.ether(content, rand.choice((0, 46, 1500, 0x0806, 0x8847, 0x8863, 0x8864,
                                                 0x88CC, 0x88E5, 0x9000, 0xFFFF)))
    if kind == 1:
        return wraps.length_ether(rand.choice((b"\x42\x42\x03", wraps.SNAP, b"\xff\xff")) + content)
    if kind == 2:
        return wraps.tagged(packet, [rand.randrange(65536)],
                            rand.choice((wraps.TAG, wraps.SERVICE_TAG)))
    if kind == 3:
        return wraps.tagged(packet, [rand.randrange(4096) for _ in range(rand.randrange(2, 5))])
    if kind == 4:
        return wraps.ether(rand.choice((wraps.pppoe(packet), wraps.labels([3, 4]) + packet)),
                           rand.choice((0x8864, wraps.MPLS)))
    if kind == 5:
        to = bytes.fromhex(rand.choice(("ffffffffffff", "0180c2000000", "333300000001",
                                        "01005e000001")))
        return to + wraps.ether(packet)[6:]
    return wraps.ether(packet)


def odd():
    rand = random.Random(SEED)
    return [odd_frame(rand) for _ in range(N_ODD)]


class Bridge:
    """Two ends and a sensor between them that has no address; nobody but the test says anything."""

    def __init__(self, lab):
        need("ip", "nsenter", "unshare")
        os.chmod(lab.folder, 0o755)
        self.lab = lab
        ends = [Network(lab) for _ in range(3)]
        self.sensor = ends[1]
        for network in ends:
            Row.run(network, "sh", "-c",
                    "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 || true")
        join(ends[0], "c0", self.sensor, "s0")
        join(self.sensor, "s1", ends[2], "v0")
        for network, name in zip((ends[0], self.sensor, self.sensor, ends[2]),
                                 ("c0", "s0", "s1", "v0")):
            network.ip("link", "set", name, "mtu", str(MTU))
        self.client, self.server = Tap(lab, ends[0], "c0"), Tap(lab, ends[2], "v0")

    def sense(self, *args):
        return sense(self.lab, self.sensor, "--bridge", "s0:s1", "--user", "nobody", *args)


def detects_only(lab):
    """Nothing is held back: attacks neither."""
    bridge = Bridge(lab)
    live = bridge.sense(*NO_ATTACK)
    for source, sink in ((bridge.client, bridge.server), (bridge.server, bridge.client)):
        crosses(source, sink, recorded() + odd())
    stop(live)
    demand(figure(lab.events(), "ips.blocked") == 0, "something was blocked")
    demand(any(event["event_type"] == "alert" for event in lab.events()), "nothing was found")


def blocks(lab):
    """What is no attack is not touched by a sensor that would hold attacks back."""
    bridge = Bridge(lab)
    live = bridge.sense(*BLOCKS)
    for source, sink in ((bridge.client, bridge.server), (bridge.server, bridge.client)):
        crosses(source, sink, odd())
    stop(live)
    demand(figure(lab.events(), "ips.blocked") == 0, "something was blocked")


def mac_of(network, interface):
    link = json.loads(Row.run(network, "ip", "-json", "link", "show", interface))
    return bytes.fromhex(link[0]["address"].replace(":", ""))


def to_server(macs, rand, content):
    """A packet that a router forwards, whatever it holds."""
    head = bytearray(odd_ip4(rand, len(content)))
    head[0], head[8] = 0x45, 64
    head[2:4] = struct.pack(">H", len(content) + 20)
    head[10:20] = bytes(2) + socket.inet_aton("10.9.1.2") + socket.inet_aton(SERVER)
    head[10:12] = struct.pack(">H", frames.checksum(bytes(head)))
    return macs + b"\x08\x00" + head + content


def forwarded(macs, client, server):
    """What of the odd packets comes to the server, and in which order."""
    rand = random.Random(SEED)
    mark, came = b"the end of a batch", []
    for _ in range(0, N_ODD, BATCH):
        client.send([to_server(macs, rand, odd_content(rand)) for _ in range(BATCH)])
        client.send([to_server(macs, random.Random(3), mark)])
        came += server.lines_before(mark.hex().encode())
    return [line for line in came if line[24:28] == b"0800"]  # IPv6 speaks by itself


def queue_passes(lab):
    """What the kernel forwards comes out the same, with the sensor and without it."""
    row = Row(lab, bridge=False)
    for network in (row.client, row.server):  # only the test is to say something
        row.run(network, "iptables", "-A", "OUTPUT", "-j", "DROP")
    row.sensor.ip("neigh", "add", SERVER, "lladdr", mac_of(row.server, "v0").hex(":"), "dev", "s1")
    client, server = Tap(lab, row.client, "c0"), Tap(lab, row.server, "v0")
    macs = mac_of(row.sensor, "s0") + mac_of(row.client, "c0")
    before = forwarded(macs, client, server)
    live = row.sense(*BLOCKS, user="nobody")
    after = forwarded(macs, client, server)
    stop(live)
    wrong = differs([bytes.fromhex(line.decode()) for line in before], after)
    demand(len(before) > N_ODD // 2 and wrong is None and len(before) == len(after),
           f"{len(before)} came without a sensor, {len(after)} with it: {wrong}")
    demand(figure(lab.events(), "ips.accepted") >= len(after), "they did not go by the sensor")
    demand(figure(lab.events(), "ips.blocked") == 0, "something was blocked")


TESTS = [
    ("a bridge that detects passes all", detects_only),
    ("a bridge that blocks passes what is odd", blocks),
    ("a queue that blocks passes what is odd", queue_passes),
]

if __name__ == "__main__":
    main(__doc__, TESTS)
