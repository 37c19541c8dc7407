#!/usr/bin/python3
"""What wants more memory than memory.limit gets none, and the flows beside it are still read.

test_memory.py PROGRAM [--only PART]...

Each load of loads.py is fed through a pipe to a run with memory.limit 64 MiB, some to runs with
less, and nothing else is limited. Its peak of resident memory stays below the limit and OVERHEAD
together. A sanitizer's own memory cannot be told from the program's: with one the loads are a
twentieth, and only what is found is checked.
"""

import os
import re
import resource
import signal
import subprocess
import sys
import threading

sys.dont_write_bytecode = True

import harness  # noqa: E402
import loads  # noqa: E402
from harness import (Skip, demand, expect, expect_no_fault,  # noqa: E402
                     expect_packets, figure, waits_for_input)
from rows_capture import callbacks  # noqa: E402

MIB = 1 << 20
LIMIT_MIB = 64
# The program, its libraries, the compiled patterns, and the buffers of input and output.
OVERHEAD = 40 * MIB
TOGETHER = "half-open, holes, fragments and heads at once"
SECONDS = 300  # a guard against hanging, on a machine that has other things to do


def field_of_status(pid, name):
    """A size that the system tells of a process, in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(rf"^{name}:\s+(\d+) kB$", file.read(), re.M)[1]) * 1024


def feed(pieces, running):
    """Writes the pieces, until the reader is gone; how many packets they were is in the events.
    Returns the peak of its resident memory in bytes, asked when it has read everything and not yet
    ended. (What wait4() tells begins with what this process had when it was forked.)"""
    timer = threading.Timer(SECONDS, running.process.kill)
    timer.start()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    pipe, peak = running.process.stdin, 0
    try:
        for piece in pieces:
            pipe.write(piece)
        pipe.flush()
        running.wait_for(lambda: waits_for_input(running.pid), "all to be read", SECONDS)
        peak = field_of_status(running.pid, "VmHWM")
        pipe.close()
    except BrokenPipeError:
        pass
    running.process.wait()
    timer.cancel()
    return peak


def loaded(name, *more, limit_mib=LIMIT_MIB):
    load, n_pieces, wanted = loads.LOADS[name]
    most = limit_mib * MIB + OVERHEAD

    def test(lab):
        scale = 0.05 if lab.sanitized else 1
        lab.write("s.yaml", f"memory: {{limit: {limit_mib} MiB}}\n")
        running = lab.start("-r", "-", "-k", "none", "-c", "s.yaml", "--events", "alert,stats",
                            "-o", "out.json", *more, stdin=subprocess.PIPE)
        peak = feed(loads.with_good_flows(load, n_pieces, scale), running)
        expect(running.ended(b""), 0)
        print(f"# {name}: peak {peak // MIB} MiB", flush=True)
        events = lab.events()
        expect_packets(events, figure(events, "decoder.pkts"))
        found = sorted(filter(None, callbacks(events)))  # those that are never ended call nobody
        demand(found == sorted(loads.GOOD + wanted),
               f"alerts about {found}, expected {sorted(loads.GOOD + wanted)}")
        if not lab.sanitized:
            demand(peak <= most,
                   f"{peak // MIB} MiB resident at the peak, {most // MIB} allowed")
    return test


def refused(name, more_mib):
    """The system itself gives no more memory, in the midst of the run: what is lost is counted, and
    what was found before is told."""
    load, n_pieces, _ = loads.LOADS[name]

    def test(lab):
        if lab.sanitized:
            raise Skip("address space cannot be limited under a sanitizer")
        running = lab.start("-r", "-", "-k", "none", "--events", "alert,stats", "-o", "out.json",
                            stdin=subprocess.PIPE)
        running.wait_for(lambda: os.path.exists(lab.path("out.json")), "the start")
        pieces = loads.with_good_flows(load, n_pieces, 0.2)
        first = next(pieces)
        running.process.stdin.write(first)
        running.process.stdin.flush()
        running.wait_for(lambda: waits_for_input(running.pid), "the first packets to be read")
        most = field_of_status(running.pid, "VmSize") + more_mib * MIB
        resource.prlimit(running.pid, resource.RLIMIT_AS, (most, most))
        feed(pieces, running)
        ended = running.ended(b"")
        expect_no_fault(ended)
        events = lab.events()
        expect_packets(events, figure(events, "decoder.pkts"))
        lost = sum(figure(events, counter) for counter in (
            "flow.memcap", "flow_evicted", "lost_memory", "tx_lost", "detect.alert_queue_overflow"))
        demand(lost > 0, "the limit was not reached: nothing was lost")
        demand("/good-1" in callbacks(events), "what was before it is not told")
        n_lost = figure(events, "events_lost")
        if n_lost == 0:
            expect(ended, 0)
        else:
            expect(ended, 3, r"; \d+ records? lost")
            told = int(re.search(r"; (\d+) records? lost", ended.errors[0])[1])
            demand(told >= n_lost, f"{n_lost} records were lost; {ended.told()}")
    return test


TESTS = [(name, loaded(name)) for name in loads.LOADS] + [
    (f"no more than {more_mib} MiB from the system: {name}", refused(name, more_mib))
    for name in ("10^6 half-open flows", "10^5 flows with holes", "10^5 heads that never end")
    for more_mib in (0, 1, 16)] + [
    (f"three workers: {name}", loaded(name, "--workers", "3"))
    for name in ("10^5 flows with holes", "heads of 60 kB that do not end", "windows of 8 MiB")] + [
    (f"{limit_mib} MiB: {name}", loaded(name, limit_mib=limit_mib))
    for limit_mib, name in ((8, TOGETHER), (16, TOGETHER), (16, "10^5 flows with holes"),
                            (8, "3,000 datagrams of 64 KiB, overlapping"))]

if __name__ == "__main__":
    harness.main(__doc__, TESTS)
