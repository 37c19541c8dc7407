#!/usr/bin/python3
"""What wants more memory than memory.limit gets none, and the flows beside it are still read.

test_memory.py PROGRAM [--only PART]...

Each load of loads.py is fed through a pipe to a run with memory.limit 64 MiB. Its peak of resident
memory stays below the limit and OVERHEAD together. A sanitizer's own memory cannot be told from
the program's: with one the loads are a twentieth, and only what is found is checked.
"""

import os
import subprocess
import sys
import threading

sys.dont_write_bytecode = True

import harness  # noqa: E402
import loads  # noqa: E402
from harness import demand, expect, expect_packets, figure  # noqa: E402
from rows_capture import callbacks  # noqa: E402

MIB = 1 << 20
LIMIT = 64 * MIB
# The program, its libraries, the compiled patterns, and the buffers of input and output.
OVERHEAD = 64 * MIB
SECONDS = 110
CONFIG = "memory: {limit: 64 MiB}\nfragments: {memory: 4 MiB}\n"


def feed(pieces, pipe):
    """Writes the pieces, until the reader is gone; how many packets they were is in the events."""
    try:
        for piece in pieces:
            pipe.write(piece)
        pipe.close()
    except (BrokenPipeError, ValueError):
        pass


def peak_of(running):
    """Waits for the end; the peak of its resident memory in bytes."""
    timer = threading.Timer(SECONDS, running.process.kill)
    timer.start()
    _, status, usage = os.wait4(running.pid, 0)
    timer.cancel()
    running.process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024


def loaded(name, *more):
    load, n_pieces, wanted = loads.LOADS[name]

    def test(lab):
        scale = 0.05 if lab.sanitized else 1
        lab.write("s.yaml", CONFIG)
        running = lab.start("-r", "-", "-k", "none", "-c", "s.yaml", "--events", "alert,stats",
                            "-o", "out.json", *more, stdin=subprocess.PIPE)
        feeder = threading.Thread(target=feed, args=(
            loads.with_good_flows(load, n_pieces, scale), running.process.stdin))
        feeder.start()
        peak = peak_of(running)
        feeder.join()
        expect(running.ended(b""), 0)
        print(f"# {name}: peak {peak // MIB} MiB", flush=True)
        events = lab.events()
        expect_packets(events, figure(events, "decoder.pkts"))
        found = sorted(callbacks(events))
        demand(found == sorted(loads.GOOD + wanted),
               f"alerts about {found}, expected {sorted(loads.GOOD + wanted)}")
        if not lab.sanitized:
            demand(peak <= LIMIT + OVERHEAD, f"{peak // MIB} MiB resident at the peak, "
                   f"{(LIMIT + OVERHEAD) // MIB} allowed")
    return test


TESTS = [(name, loaded(name)) for name in loads.LOADS] + [
    ("three workers: 10^5 flows with holes", loaded("10^5 flows with holes", "--workers", "3"))]

if __name__ == "__main__":
    harness.main(__doc__, TESTS)
