"""What the bench measures with: one run of a program, programs in turn, ratios of paired runs.

CPU is user and system time of the whole process. Each contender is run in turn (A B C A B C …), so
that a slow minute of the machine is shared; a ratio is the median of the ratios of each turn.
"""
import json
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20


class BenchError(Exception):
    """What the operator is told, in one line."""


class Capture(NamedTuple):
    """A capture file, and what its maker says it holds."""

    path: Path
    tally: dict


def last_line(text):
    """The last line of what a program said, for a message."""
    return text.strip().split("\n")[-1]


class Run:
    """One run of a program: its CPU and wall time in seconds, peak memory in bytes, and output."""

    def __init__(self, measure, command):
        with tempfile.TemporaryDirectory() as folder:
            figures = Path(folder, "figures")
            run = subprocess.run(
                [str(measure), str(figures), *map(str, command)], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, errors="replace", check=False,
            )
            used = json.loads(figures.read_text(encoding="ascii")) if figures.exists() else {}
        self.output = run.stdout
        if used.get("code") != 0:
            words = " ".join(map(str, command))
            raise BenchError(f"'{words}' ended with {used.get('code')}: {last_line(run.stderr)}")
        self.cpu, self.wall, self.memory = used["cpu"], used["wall"], used["memory"]


class Contender:
    """One program on one capture. `output` is the file of events that it writes, None without."""

    def __init__(self, name, capture, command, output=None):
        self.name, self.capture, self.command = name, capture, command
        self.output, self.runs = output, []

    def run(self, measure):
        """Runs it once, without the output of the last time, to which it would append."""
        if self.output:
            self.output.unlink(missing_ok=True)
        self.runs.append(Run(measure, self.command))

    def value(self, turn, what):
        """One figure of one run: cpu, wall, or cpu/packets, cpu/bytes of the capture."""
        figure, _, per = what.partition("/")
        return getattr(self.runs[turn], figure) / (self.capture.tally[per] if per else 1)

    def median(self, what):
        """The median of that figure."""
        return statistics.median(self.value(turn, what) for turn in range(len(self.runs)))

    def peak_mib(self):
        """The most memory that any of its runs had."""
        return max(run.memory for run in self.runs) / MIB

    def events(self):
        """The events that its last run wrote, one after the other."""
        with open(self.output, encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def ratio(top, bottom, what):
    """The median of the ratios of paired runs."""
    turns = range(min(len(top.runs), len(bottom.runs)))
    return statistics.median(
        top.value(turn, what) / max(bottom.value(turn, what), 1e-9) for turn in turns)


def take_turns(contenders, n_turns, measure, say):
    """Runs all of them n times, in turn."""
    for turn in range(n_turns):
        say(f"bench: {contenders[0].name} and {len(contenders) - 1} more: "
            f"run {turn + 1} of {n_turns}")
        for contender in contenders:
            contender.run(measure)
