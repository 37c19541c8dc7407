"""What the tests of faults share: running the program under a guard against hanging, and asking
about what it said, what it wrote, and how it ended.

A test is a function that is given a Lab (a folder of its own and the program). It returns when all
is well, raises Failed with what is wrong, or Skip with why it cannot be run here.
"""

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path[:0] = [os.path.join(HERE, "..", "pcaps"), os.path.join(HERE, "..", "pcaps", "recorder")]

import run as replay  # noqa: E402  tests/pcaps/run.py: its parser is the strict one

HANG_SECONDS = 60
SKIPPED = 77
FAULT = re.compile(r"Sanitizer|runtime error:|jndiwatch: bug:")
ERROR = "jndiwatch: error: "
REFUSED = ("refused_link_type", "refused_truncated", "refused_header", "refused_checksum",
           "refused_layers", "refused_memory", "refused_empty")
HELD = ("packets_decoded", "packets_fragments", "packets_not_ip")


class Failed(Exception):
    """What is wrong."""


class Skip(Exception):
    """Why a test cannot be run here."""


class Moot(Exception):
    """Why there is nothing to test: the test is not counted."""


class Ended:
    """How a run of the program ended, and what it said and wrote."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err.decode(errors="replace")

    @property
    def lines(self):
        return self.err.splitlines()

    @property
    def errors(self):
        """What stands behind "jndiwatch: error: "."""
        return [line[len(ERROR):] for line in self.lines if line.startswith(ERROR)]

    @property
    def warnings(self):
        start = "jndiwatch: warning: "
        return [line[len(start):] for line in self.lines if line.startswith(start)]

    def told(self):
        """All that was said, short enough for a line of a report."""
        return f"exit code {self.code}, said: {' | '.join(self.lines)[:600] or 'nothing'}"


def demand(condition, text):
    if not condition:
        raise Failed(text)


def match_lines(lines, patterns, what, ended):
    """Each pattern fits one line of its own, and no line is left."""
    left = list(lines)
    for pattern in patterns:
        fitting = [line for line in left if re.search(pattern, line)]
        demand(fitting, f"no {what} fits /{pattern}/; {ended.told()}")
        left.remove(fitting[0])
    demand(not left, f"more than was to be said: {' '.join(left[:1])}; {ended.told()}")


def expect_no_fault(ended):
    """No sanitizer spoke, and no check of the program's own."""
    for line in ended.lines:
        demand(not FAULT.search(line), f"a fault of our own: {line}")


def expect(ended, code, *errors):
    """The exit code, and exactly one line of error for each mistake."""
    demand(ended.code == code, f"expected exit code {code}; {ended.told()}")
    match_lines(ended.errors, errors, "error", ended)
    expect_no_fault(ended)


def expect_refused(ended, *errors):
    """Nothing was started: exit code 2, the errors, and not a line besides."""
    expect(ended, 2, *errors)
    demand(not ended.out, f"wrote {ended.out[:80]!r} to standard output")
    besides = [line for line in ended.lines
               if not line.startswith(ERROR) and not line.startswith("jndiwatch: warning: ")]
    demand(not besides, f"said more than the errors: {' '.join(besides[:1])}")


def parse(data):
    """The events of an output: complete lines, each a JSON object, the last one the stats."""
    try:
        events = replay.parse(data)
    except replay.Failed as error:
        raise Failed(error.reasons[0]) from error
    demand(events, "no event was written")
    demand(events[-1].get("event_type") == "stats", "the last event is no stats")
    return events


def of_type(events, kind):
    return [event for event in events if event.get("event_type") == kind]


def urls(events):
    """The URLs of the http events."""
    return [event["http"].get("url", "") for event in of_type(events, "http")]


def figure(events, name):
    """A counter of the last stats: "decoder.pkts", or the name of one in metadata.flowints."""
    last = events[-1]
    if "." not in name:
        return last["metadata"]["flowints"][name]
    at = last["stats"]
    for step in name.split("."):
        at = at[step]
    return at


def expect_packets(events, n):
    """All n packets are accounted for, and so is all that was made of them."""
    seen = figure(events, "decoder.pkts")
    demand(seen == n, f"stats tell of {seen} packets instead of {n}")
    parts = sum(figure(events, name) for name in HELD + REFUSED)
    demand(parts == n, f"{parts} packets decoded, held or refused by reason, {n} seen")
    refused = sum(figure(events, name) for name in REFUSED)
    told = figure(events, "decoder.invalid")
    demand(told == refused, f"decoder.invalid is {told}, the reasons add up to {refused}")
    begun, ended = (figure(events, name) for name in ("tx_begun", "tx_written"))
    lost = figure(events, "tx_lost")
    demand(begun == ended + lost, f"{begun} transactions begun, {ended} ended, {lost} lost")


def wait_for(condition, what, seconds=HANG_SECONDS):
    """Asks until the condition holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        demand(time.monotonic() < deadline, f"waited {seconds} s for {what}")
        time.sleep(0.005)


class Running:
    """A run that has not ended. Its standard error goes to a file, so that it can be asked about
    before the end and never blocks the program."""

    def __init__(self, process, err_path):
        self.process = process
        self.err_path = err_path

    @property
    def pid(self):
        return self.process.pid

    def err(self):
        with open(self.err_path, "rb") as file:
            return file.read()

    def alive(self):
        return self.process.poll() is None

    def must_live(self):
        demand(self.alive(), f"ended too early; {self.ended(b'').told()}")
        return True

    def wait_for(self, condition, what, seconds=HANG_SECONDS):
        """Waits for a condition that the program brings about; fails at once when it ended."""
        wait_for(lambda: condition() or (self.must_live() and False), what, seconds)

    def signal(self, number):
        """Sends a signal and waits until it was taken: it is no longer pending."""
        os.kill(self.pid, number)
        wait_for(lambda: not self.pending(number), f"signal {number} to be taken")

    def pending(self, number):
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
                masks = re.findall(r"^(?:SigPnd|ShdPnd):\t([0-9a-f]+)$", file.read(), re.M)
        except OSError:
            return False
        return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)

    def ended(self, out):
        return Ended(self.process.returncode, out, self.err())

    def wait(self, seconds=HANG_SECONDS):
        """How it ended."""
        try:
            out = self.process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired as error:
            raise Failed(f"did not end within {seconds} s") from error
        return self.ended(out or b"")


class Lab:
    """A folder of its own, and the program."""

    def __init__(self, program, folder, options):
        self.program = program
        self.folder = folder
        self.sanitized = is_sanitized(program)
        self.geo = options.geo
        self.options = options
        self.running = []
        self.cleanups = contextlib.ExitStack()
        self.n_err = 0

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        """A file of the folder; returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def start(self, *args, before=(), **more):
        """Starts the program in the folder, with words in front of it; see subprocess.Popen."""
        self.n_err += 1
        err_path = self.path(f".err{self.n_err}")
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "cwd": self.folder, **more}
        with open(err_path, "wb") as err:
            more.setdefault("stderr", err)
            try:
                process = subprocess.Popen([*before, self.program, *args], **more)
            except OSError as error:
                raise Failed(f"cannot run {self.program}: {error.strerror}") from error
        started = Running(process, err_path)
        self.running.append(started)
        return started

    def run(self, *args, **more):
        """Runs the program to its end."""
        feed = more.pop("feed", None)
        if feed is not None:
            more["stdin"] = self.reader_of(feed)
        return self.start(*args, **more).wait()

    def reader_of(self, content):
        """The reading end of a pipe that a process of its own fills with the content and closes."""
        path = self.write(".feed", content)
        feeder = subprocess.Popen(["cat", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.cleanups.callback(feeder.wait)
        self.cleanups.callback(feeder.stdout.close)
        return feeder.stdout

    def events(self, path="out.json"):
        """What was written to a file of the folder."""
        full = self.path(path)
        demand(os.path.exists(full), f"{path} was not written")
        with open(full, "rb") as file:
            return parse(file.read())

    def text(self, path):
        with open(self.path(path), "rb") as file:
            return file.read()

    def close(self):
        for one in self.running:
            if one.alive():
                one.process.kill()
            one.process.wait()
            if one.process.stdout is not None:
                one.process.stdout.close()
        self.cleanups.close()


def is_sanitized(program):
    with open(program, "rb") as file:
        content = file.read()
        return b"__asan_init" in content or b"__tsan_init" in content


def unprivileged(lab):
    """Words in front of a command that take every right away from it, and the program where
    anybody may run it."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise Skip("running without rights needs setpriv")
    os.chmod(lab.folder, 0o755)
    own = shutil.copy(lab.program, lab.path("jndiwatch"))
    os.chmod(own, 0o755)
    lab.program = own
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
             "--bounding-set=-all", "--"]
    if subprocess.run([*words, own, "-V"], capture_output=True, check=False).returncode != 0:
        raise Skip("a program without rights may not run here")
    return words


def needs_mounts():
    """Skips a test that mounts a file system of its own where that cannot be done."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise Skip("a small file system needs root and unshare")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        raise Skip("making a mount namespace is not permitted")


class Network:
    """A network namespace with nothing but what is made in it, kept by a process of its own."""

    def __init__(self, lab):
        if shutil.which("unshare") is None or shutil.which("nsenter") is None:
            raise Skip("a network namespace needs unshare and nsenter")
        self.keeper = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo made; exec cat"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        lab.cleanups.callback(self.keeper.wait)
        lab.cleanups.callback(self.keeper.stdout.close)
        lab.cleanups.callback(self.keeper.stdin.close)
        if self.keeper.stdout.readline() != b"made\n":
            raise Skip("making a network namespace is not permitted")
        self.enter = ["nsenter", f"--net=/proc/{self.keeper.pid}/ns/net", "--"]

    def ip(self, *words):
        """Runs ip in the namespace."""
        if shutil.which("ip") is None:
            raise Skip("setting up interfaces needs ip (iproute2)")
        done = subprocess.run([*self.enter, "ip", *words], capture_output=True, check=False)
        demand(done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.decode()}")


def waits_for_input(pid):
    """Whether the process sleeps, and nothing is left in the pipe that is its standard input."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            asleep = file.read().rpartition(")")[2].split()[0] == "S"
        pipe = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        left = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    finally:
        os.close(pipe)
    return asleep and left == bytes(4)


def sniffing(pid):
    """Whether the process's network has a packet socket that hears an interface: while its ring is
    made it is bound, but to no protocol."""
    try:
        with open(f"/proc/{pid}/net/packet", encoding="ascii") as file:
            rows = [line.split() for line in file.read().splitlines()[1:]]
            return any(len(row) > 4 and row[3] != "0000" and row[4] != "0" for row in rows)
    except OSError:
        return False


def place_of(error):
    """The line of the test where it broke."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{os.path.basename(last.filename)}:{last.lineno}"


def run_test(options, name, function):
    """Runs one test and prints its result: "ok", "not ok", "skip", or "#" where it is moot."""
    with tempfile.TemporaryDirectory(prefix="jndiwatch-faults-") as folder:
        lab = Lab(options.program, folder, options)
        try:
            function(lab)
            result, reason = "ok", ""
        except Failed as error:
            result, reason = "not ok", f": {error}"
        except Skip as error:
            result, reason = "skip", f": {error}"
        except Moot as error:
            result, reason = "#", f": {error}"
        except (KeyError, IndexError, TypeError, ValueError) as error:
            # What was written is not of the shape that the test relies on.
            result, reason = "not ok", f": {type(error).__name__}: {error} ({place_of(error)})"
        finally:
            lab.close()
    print(f"{result} {name}{reason}", flush=True)
    return result


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("program")
    parser.add_argument("--only", action="append", default=[], help="part of a test's name")
    parser.add_argument("--geo", help="folder of the geo databases of the tests")
    return parser


def finish(results):
    """Prints the sum; the exit code."""
    counts = [results.count(kind) for kind in ("ok", "not ok", "skip")]
    print("{} passed, {} failed, {} skipped".format(*counts))
    if counts[1] or not results:
        return 1
    return 0 if counts[0] else SKIPPED


def main(description, tests, parser=None):
    """Runs tests, (name, function) each, and ends the process."""
    options = (parser or arguments(description)).parse_args()
    options.program = os.path.abspath(options.program)
    options.geo = options.geo and os.path.abspath(options.geo)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    chosen = [(name, function) for name, function in tests
              if not options.only or any(part in name for part in options.only)]
    sys.exit(finish([run_test(options, name, function) for name, function in chosen]))
