"""Instructions per packet, counted by callgrind: the figure without noise.

What an empty capture costs, the start and the end, is taken off. Valgrind runs one thread, knows
no AVX-512 and counts no cache misses, so the figures compare versions, not machines.
"""
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

from runs import BenchError, last_line

TOTAL = re.compile(r"Collected : (\d+)")


def installed():
    """Whether there is a valgrind to count with."""
    return shutil.which("valgrind") is not None


def count(command):
    """The instructions of a whole run."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *map(str, command)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
    )
    total = TOTAL.search(done.stderr)
    if done.returncode != 0 or not total:
        raise BenchError(f"callgrind: '{command[0]}' ended with {done.returncode}: "
                         f"{last_line(done.stderr)}")
    return int(total.group(1))


def per_packet(commands):
    """{name: instructions per packet} of {name: (command, capture, the same on an empty one)}."""
    with ThreadPoolExecutor(2) as pool:
        totals = {name: (pool.submit(count, command), capture, pool.submit(count, empty))
                  for name, (command, capture, empty) in commands.items()}
        return {
            name: (whole.result() - base.result()) / capture.tally["packets"]
            for name, (whole, capture, base) in totals.items()
        }
