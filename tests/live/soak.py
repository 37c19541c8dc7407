#!/usr/bin/python3
"""A soak: replays a capture into a cable at the highest rate without loss, for long; memory has to
stay flat, and no line of the output may be broken, also when the sensor is killed and started
again.

usage: soak.py PROGRAM --capture FILE [--minutes N] [--workers N] [--share PART]

Needs root, tcpreplay and ip. The rate is found in steps of a few seconds: doubled until packets are
lost, then halved in between; the soak runs at a part of the last one without loss, nine tenths by
default: less where the machine has other work to do.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import time

from harness_live import Cables, Client, so_far  # first: it sets where the others are
from harness import Skip, arguments, demand, figure, main

STEP_SECONDS, SAMPLE_SECONDS = 5, 10
FIRST_MBPS, MOST_MBPS, CLOSE_ENOUGH = 50.0, 10000.0, 1.15
GROWTH = 1.05  # how far memory may be above what it was after a third of the time


class Replay:
    """tcpreplay on the far end of the cable, over and over."""

    def __init__(self, cables, capture, mbps):
        self.process = subprocess.Popen(
            [*cables.network.enter, "tcpreplay", "--quiet", "--loop=0", "--preload-pcap",
             f"--mbps={mbps}", "--intf1=v1", capture], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)

    def stop(self):
        """Ends it; the packets that were sent, and the rate that was reached."""
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate()[0]
        sent = re.search(r"(?:Successful packets|Actual): +(\d+)", said)
        rate = re.search(r"Rated: .*?([\d.]+) Mbps", said)
        return int(sent[1]) if sent else 0, float(rate[1]) if rate else 0.0


def start(lab, cables):
    live = cables.start("--workers", lab.options.workers, "-o", "out.json", "--socket", "s",
                        "--set", "output.stats_interval=1s")
    return live, Client(lab.path("s"))


def lost_at(lab, cables, client, mbps):
    """Packets lost in a step at that rate, and the rate that tcpreplay reached."""
    before = client.ok("iface-stat", iface="v0")
    replay = Replay(cables, lab.options.capture, mbps)
    time.sleep(STEP_SECONDS)
    _, rate = replay.stop()
    after = client.ok("iface-stat", iface="v0")
    return sum(after[key] - before[key] for key in ("drop", "iface-drop")), rate


def highest_rate(lab, cables, client):
    """The highest rate without loss, in Mbit/s."""
    good, bad, mbps = 0.0, None, FIRST_MBPS
    while mbps <= MOST_MBPS and (bad is None or bad / max(good, 1) > CLOSE_ENOUGH):
        lost, reached = lost_at(lab, cables, client, mbps)
        print(f"# {mbps:.0f} Mbit/s: reached {reached:.0f}, {lost} packets lost", flush=True)
        if lost:
            bad = mbps
        else:
            good = mbps
            if reached < mbps * 0.9:  # the sender is at its end
                good = reached
                break
        mbps = good * 2 if bad is None else (good + bad) / 2
    demand(good > 0, "packets are lost at any rate")
    return good


def resident(pid):
    """Memory in MiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) / 1024


def broken_lines(lab):
    with open(lab.path("out.json"), "rb") as file:
        lines = file.read().split(b"\n")
    broken = [] if lines[-1] == b"" else [lines[-1]]
    for line in lines[:-1]:
        try:
            json.loads(line)
        except ValueError:
            broken.append(line)
    return broken, len(lines) - 1


def soak(lab):
    for name in ("tcpreplay", "ip"):
        if shutil.which(name) is None:
            raise Skip(f"{name} is not installed")
    cables = Cables(lab)
    live, client = start(lab, cables)
    rate = highest_rate(lab, cables, client) * lab.options.share
    before = client.ok("iface-stat", iface="v0")
    replay = Replay(cables, lab.options.capture, rate)
    end = time.monotonic() + lab.options.minutes * 60
    memory = []
    while time.monotonic() < end:
        time.sleep(min(SAMPLE_SECONDS, max(0.1, end - time.monotonic())))
        live.must_live()
        memory.append(resident(live.pid))
    stat = client.ok("iface-stat", iface="v0")
    settled = max(memory[:max(1, len(memory) // 3)])
    print(f"# {lab.options.minutes} min at {rate:.0f} Mbit/s: {stat['pkts'] - before['pkts']} "
          f"packets, {stat['drop'] - before['drop']} dropped; memory {memory[0]:.0f}, after a "
          f"third at most {settled:.0f}, at most {max(memory):.0f} MiB", flush=True)
    demand(stat["drop"] == before["drop"], "packets were lost at a rate that was without loss")
    demand(max(memory) < settled * GROWTH + 4,
           f"memory grew from {settled:.0f} to {max(memory):.0f} MiB")
    for n in range(5):
        live.process.kill()
        live.process.wait()
        broken, lines = broken_lines(lab)
        print(f"# killed: {lines} lines, {len(broken)} broken", flush=True)
        live, client = start(lab, cables)
        size = os.path.getsize(lab.path("out.json"))
        live.wait_for(lambda s=size: os.path.getsize(lab.path("out.json")) > s + 300000,
                      "events after the restart")
    replay.stop()
    os.kill(live.pid, signal.SIGTERM)
    demand(live.wait().code == 0, "a bad end")
    broken, lines = broken_lines(lab)
    demand(not broken, f"{len(broken)} of {lines} lines are broken: {broken[:1]}")
    demand(figure(so_far(lab), "decoder.pkts") > 0, "nothing was seen")


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--capture", required=True, type=os.path.abspath)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--workers", default="1")
    parser.add_argument("--share", type=float, default=0.9)
    main(__doc__, [("soak", soak)], parser)
