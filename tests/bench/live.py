"""The highest rate without loss: a capture is sent through a cable between two network namespaces'
ends, faster and slower, until the sensor loses nothing and would lose something if it were faster.

The cable is a veth pair in a namespace that ends with the bench; tcpreplay sends from memory, with
other addresses in each round. Lost is what the kernel dropped by the program's own count, and what
was sent and is in no count.
"""
import math
import os
import re
import shutil
import signal
import subprocess
import time
from typing import NamedTuple

import suricata
from runs import BenchError, last_line

MTU = 9216
NEAR, FAR = "v0", "v1"
SENT = re.compile(r"Actual: (\d+) packets \((\d+) bytes\) sent in ([\d.]+) seconds")
READY = {"jndiwatch": "geo databases:", "suricata": "Engine started"}
# A program is idle when it uses less than this share of a processor for so many looks.
IDLE_SHARE, LOOKS, LOOK_S = 0.02, 3, 0.1
# Of each program, interface and worker; Suricata counts it in frames, each with a head.
BUFFER = 64 << 20
FRAME = MTU + 128


class Trial(NamedTuple):
    """One sending: what was sent, in bits and packets a second, and how many were lost."""

    gbits: float
    mpackets: float
    lost: int


class Cable:
    """A veth pair in a namespace of its own; what goes into the far end comes out of the near."""

    def __init__(self):
        for tool in ("unshare", "nsenter", "ip", "tcpreplay"):
            if not shutil.which(tool):
                raise BenchError(f"live needs {tool}; run scripts/setup")
        self.keeper = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo made; exec cat"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.keeper.stdout.readline() != b"made\n":
            raise BenchError("making a network namespace is not permitted; live needs root")
        self.enter = ["nsenter", f"--net=/proc/{self.keeper.pid}/ns/net", "--"]
        # Nothing but what is sent: no neighbour discovery.
        self.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
        self.run("ip", "link", "add", NEAR, "mtu", str(MTU), "type", "veth",
                 "peer", "name", FAR, "mtu", str(MTU))
        for name in (NEAR, FAR):
            self.run("ip", "link", "set", name, "up")

    def run(self, *words):
        """Runs a program in the namespace; its standard output."""
        done = subprocess.run([*self.enter, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"'{' '.join(words)}' failed: {last_line(done.stderr)}")
        return done.stdout + done.stderr

    def close(self):
        """The namespace goes with its keeper."""
        self.keeper.stdin.close()
        self.keeper.wait()
        self.keeper.stdout.close()

    def send(self, capture, mbits, seconds):
        """(packets, bytes, seconds) sent of a capture, over and over, at a rate (0: highest)."""
        pace = ["--mbps", f"{mbits:.3f}"] if mbits else ["--topspeed"]
        a_round = capture.tally["bytes"] * 8e-6
        rounds = max(1, math.ceil((mbits or 4000) * seconds / a_round))
        said = self.run("tcpreplay", "-q", "-i", FAR, "--preload-pcap", "--unique-ip", "--loop",
                        str(rounds), *pace, str(capture.path))
        sent = SENT.search(said)
        if not sent:
            raise BenchError(f"tcpreplay did not say what it sent: {last_line(said)}")
        return int(sent.group(1)), int(sent.group(2)), float(sent.group(3))


def cpu_seconds(pid):
    """What a process has used of processors so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Listener:
    """A program at the near end, from its start until it has told what it saw."""

    def __init__(self, cable, kind, command, eve):
        self.eve = eve
        eve.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [*cable.enter, *map(str, command)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = ""
        while READY[kind] not in said:
            said = self.process.stdout.readline()
            if not said:
                raise BenchError(f"{kind} did not start: '{' '.join(map(str, command))}'")

    def wait_until_idle(self):
        """Until it has worked off what was sent to it."""
        last, quiet = cpu_seconds(self.process.pid), 0
        while quiet < LOOKS:
            time.sleep(LOOK_S)
            now = cpu_seconds(self.process.pid)
            quiet = quiet + 1 if now - last <= IDLE_SHARE * LOOK_S else 0
            last = now

    def end(self):
        """Ends it; its last statistics."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()
        return suricata.last_stats(self.eve)


def try_rate(cable, start, capture, mbits, seconds):
    """One trial: a program from start() listens, the capture is sent."""
    listener = start()
    try:
        packets, n_bytes, took = cable.send(capture, mbits, seconds)
        listener.wait_until_idle()
    finally:
        stats = listener.end()
    unseen = max(0, packets - stats.get("decoder.pkts", 0))
    took = max(took, 1e-6)
    return Trial(n_bytes * 8e-9 / took, packets * 1e-6 / took,
                 max(unseen, stats.get("capture.kernel_drops", 0)))


def search(attempt, steps, say):
    """(highest trial without loss or None, lowest with loss or None) of attempt(Mbit/s), halving
    what lies between. A rate counts as lossless when one of two trials is: others are at work on
    the machine too."""
    def best(mbits):
        trial = attempt(mbits)
        trial = trial if trial.lost == 0 else min(trial, attempt(mbits), key=lambda t: t.lost)
        say(f"bench: live: {trial.gbits:.2f} Gbit/s: {trial.lost:,} packets lost")
        return trial

    top = best(0)
    if top.lost == 0:
        return top, None
    good, bad = None, top
    for _ in range(steps):
        trial = best(((good.gbits if good else 0) + bad.gbits) * 500)
        # A sender that does not come to the rate has told nothing about the higher one.
        good, bad = (trial, bad) if trial.lost == 0 else (good, trial)
        if good and good.gbits >= bad.gbits * 0.97:
            break
    return good, bad


def starters(cable, programs, options, scratch):
    """{name: start()} of the programs that listen."""
    eve = scratch / "live.json"
    found = {}
    for workers in options.workers:
        words = [programs.sensor, "-i", NEAR, "-o", eve, "--user", "root", "--events",
                 "alert,stats", "--workers", workers, "--set", f"cache={programs.patterns}",
                 "--set", f"capture.buffer={BUFFER}"]
        found[f"jndiwatch, {workers} workers"] = lambda words=words: Listener(
            cable, "jndiwatch", words, eve)
        if programs.suricata:
            folder = scratch / f"live-suricata-{workers}"
            other = [*programs.suricata.command(folder, programs.et_rules, max(1, workers), NEAR,
                                                BUFFER // FRAME),
                     f"--af-packet={NEAR}", "--runmode", "workers"]
            found[f"suricata, {max(1, workers)} workers"] = lambda other=other, folder=folder: (
                Listener(cable, "suricata", other, folder / "eve.json"))
    return found


def measure(programs, capture, options, scratch, say):
    """{name: (highest trial without loss, lowest with)} of all programs."""
    cable = Cable()
    try:
        found = {}
        for name, start in starters(cable, programs, options, scratch).items():
            say(f"bench: live: {name}")
            found[name] = search(
                lambda mbits, start=start: try_rate(cable, start, capture, mbits, options.seconds),
                options.steps, say)
        return found
    finally:
        cable.close()
