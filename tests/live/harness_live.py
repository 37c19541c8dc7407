"""What the tests of live capture share: cables in a namespace of their own, and a hand that puts
frames on them.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))

from harness import Network, Skip, demand, expect, figure  # noqa: E402

# Reads "INTERFACE HEX" lines, sends each frame, answers with a line.
HAND = """
import socket, sys
sockets = {}
for line in sys.stdin:
    name, frame = line.split()
    if name not in sockets:
        sockets[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sockets[name].bind((name, 0))
    sockets[name].send(bytes.fromhex(frame))
    print("sent", flush=True)
"""


class Cables:
    """Cables v0-v1, w0-w1 …: what is sent into the second end arrives at the first."""

    def __init__(self, lab, names=("v",), mtu=1500):
        if os.geteuid() != 0:
            raise Skip("capturing needs root")
        os.chmod(lab.folder, 0o755)
        self.lab = lab
        self.network = Network(lab)
        # Nothing but what the test sends: no neighbour discovery.
        subprocess.run([*self.network.enter, "sh", "-c",
                        "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"], check=False)
        for name in names:
            self.network.ip("link", "add", f"{name}0", "mtu", str(mtu), "up", "type", "veth",
                            "peer", "name", f"{name}1", "mtu", str(mtu))
            self.network.ip("link", "set", f"{name}1", "up")
        self.take_up()

    def take_up(self):
        """Makes a new hand: sockets of interfaces that are gone stay gone."""
        self.hand = subprocess.Popen([*self.network.enter, sys.executable, "-c", HAND],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lab.cleanups.callback(self.hand.wait)
        self.lab.cleanups.callback(self.hand.stdout.close)
        self.lab.cleanups.callback(self.hand.stdin.close)

    def set_offloads(self, name, **offloads):
        if shutil.which("ethtool") is None:
            raise Skip("settings of interfaces need ethtool")
        words = [word for pair in offloads.items() for word in pair]
        subprocess.run([*self.network.enter, "ethtool", "-K", name, *words], check=True,
                       capture_output=True)

    def send(self, name, packets):
        for frame in packets:
            self.hand.stdin.write(f"{name} {frame.data.hex()}\n")
            self.hand.stdin.flush()
            demand(self.hand.stdout.readline() == "sent\n", "the hand let go")

    def start(self, *args, interfaces=("v0",), user="root"):
        """A sensor, once it has begun to read."""
        words = [word for name in interfaces for word in ("-i", name)]
        live = self.lab.start(*words, "--user", user, "--set", "cache=none",
                              "--set", "volume.write=no", *args,
                              before=self.network.enter)
        live.wait_for(lambda: b"geo databases: " in live.err(), "the start")
        return live


class Client:
    """Speaks as suricatasc does: the version without a newline, commands with one, answers that end
    with one."""

    def __init__(self, path, version=b'{"version": "0.2"}'):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)  # waits for room, which with a timeout it would not
        self.socket.settimeout(30)
        self.socket.send(version)
        self.greeting = self.answer()

    def answer(self):
        """The next answer; None when the other side has hung up."""
        data = b""
        while not data.endswith(b"\n"):
            try:
                piece = self.socket.recv(1024)
            except ConnectionResetError:
                return None
            if not piece:
                demand(not data, f"half an answer: {data!r}")
                return None
            data += piece
        demand(data.count(b"\n") == 1, f"more than a line: {data!r}")
        return json.loads(data)

    def ask(self, command, **arguments):
        words = {"command": command, **({"arguments": arguments} if arguments else {})}
        self.socket.send(json.dumps(words).encode() + b"\n")
        return self.answer()

    def ok(self, command, **arguments):
        answer = self.ask(command, **arguments)
        demand(answer and answer["return"] == "OK", f"{command}: {answer}")
        return answer["message"]


def stop(live):
    os.kill(live.pid, signal.SIGTERM)
    ended = live.wait()
    expect(ended, 0)
    return ended


def so_far(lab, path="out.json"):
    """The last stats that were written, as events; none before the first."""
    if not os.path.exists(lab.path(path)):
        return []
    lines = [line for line in lab.text(path).split(b"\n") if b'"event_type":"stats"' in line]
    return [json.loads(lines[-1])] if lines else []


def received(live, lab, n, path="out.json"):
    """Ends the run when n packets have come; its events."""
    def here():
        events = so_far(lab, path)
        return bool(events) and figure(events, "decoder.pkts") >= n
    live.wait_for(here, f"{n} packets")
    stop(live)
    events = lab.events(path)
    seen = figure(events, "decoder.pkts")
    demand(seen == n, f"{seen} packets came, {n} were sent")
    return events
