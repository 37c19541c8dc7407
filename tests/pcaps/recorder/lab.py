"""The laboratory in which captures are recorded: three network namespaces, documentation addresses.

    client                      server                      inner
    198.51.100.7   a CDN edge   192.0.2.10   front  192.0.2.129 --- 192.0.2.200
    198.51.100.23  an attacker  2001:db8:2::10
    198.51.100.77  a visitor
    2001:db8:1::23
         c0 ------------------- s0           s1 --------------------- b0

No namespace has a route to anything but its neighbour, so no packet can leave the machine.
Offloads of the links are off (see Lab.offloads), so that packets look as they do on a wire.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CDN, ATTACKER, VISITOR = "198.51.100.7", "198.51.100.23", "198.51.100.77"
FRONT, FRONT_INSIDE, INNER = "192.0.2.10", "192.0.2.129", "192.0.2.200"
ATTACKER6, FRONT6 = "2001:db8:1::23", "2001:db8:2::10"
CLONE_NEWNET = 0x40000000
PREFIX = "jwrec-"
OFFLOADS = ("tx", "rx", "sg", "gso", "tso", "gro")
_libc = ctypes.CDLL("libc.so.6", use_errno=True)


def run(*args, **kwargs):
    """Runs a command that must succeed; returns what it wrote."""
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, **kwargs).stdout


def wait_for(what, condition, seconds=20.0):
    """Waits until condition() holds; programs that never get ready end the recording."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"gave up waiting for {what}")
        time.sleep(0.02)


def _enter(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class PacketsLost(Exception):
    """tcpdump has not seen all packets; the scene has to be played again."""


class Tap:
    """One running tcpdump."""

    def __init__(self, lab, namespace, interface, path, snaplen=262144, link_type=None):
        self.path = path
        command = ["tcpdump", "-Z", "root", "-n", "-U", "--immediate-mode", "-B", "4096", "-s",
                   str(snaplen), "-i", interface, "-w", path]
        if link_type:
            command += ["-y", link_type]
        with lab.inside(namespace):
            self.process = subprocess.Popen(command, stderr=subprocess.PIPE)
        line = self.process.stderr.readline()
        if b"listening on" not in line and b"listening on" not in self.process.stderr.readline():
            raise RuntimeError(f"tcpdump: {line!r}")

    def stop(self):
        """Waits until no packet has come for a while, then ends tcpdump."""
        size, quiet = -1, 0
        while quiet < 8:
            now = os.path.getsize(self.path)
            quiet, size = (quiet + 1 if now == size else 0), now
            time.sleep(0.05)
        self.process.send_signal(signal.SIGINT)
        _, report = self.process.communicate(timeout=10)
        if b"0 packets dropped by kernel" not in report:
            raise PacketsLost(report.decode(errors="replace"))


class Lab:
    """Builds the namespaces on entry, ends its programs and removes them on exit."""

    def __init__(self):
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.folder = tempfile.mkdtemp(prefix="jwrec-")
        self.programs = []
        os.chmod(self.folder, 0o755)

    def __enter__(self):
        self._remove_namespaces()
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop_programs()
        self._remove_namespaces()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _remove_namespaces():
        for name in ("client", "server", "inner"):
            if os.path.exists(f"/run/netns/{PREFIX}{name}"):
                run("ip", "netns", "del", PREFIX + name)

    def _build(self):
        for name in ("client", "server", "inner"):
            run("ip", "netns", "add", PREFIX + name)
            self.ip(name, "link", "set", "lo", "up")
            with self.inside(name):
                # No router solicitations and multicast reports of the lab's own in the captures.
                for key in ("all", "default"):
                    with open(f"/proc/sys/net/ipv6/conf/{key}/disable_ipv6", "w") as file:
                        file.write("1")
        self._link("client", "c0", "server", "s0")
        self._link("server", "s1", "inner", "b0")
        for address in (CDN, ATTACKER, VISITOR):
            self.ip("client", "address", "add", address + "/32", "dev", "c0")
        self.ip("client", "route", "add", "192.0.2.0/25", "dev", "c0", "src", ATTACKER)
        self.ip("server", "address", "add", FRONT + "/32", "dev", "s0")
        self.ip("server", "route", "add", "198.51.100.0/24", "dev", "s0")
        self.ip("server", "address", "add", FRONT_INSIDE + "/25", "dev", "s1")
        self.ip("inner", "address", "add", INNER + "/25", "dev", "b0")

    def _link(self, left, left_name, right, right_name):
        run("ip", "link", "add", left_name, "netns", PREFIX + left, "type", "veth",
            "peer", "name", right_name, "netns", PREFIX + right)
        for namespace, name in ((left, left_name), (right, right_name)):
            self.ip(namespace, "link", "set", name, "up")
            self.offloads(namespace, name, "off")

    def offloads(self, namespace, interface, state):
        """Switches what a network card would do for the kernel on or off."""
        with self.inside(namespace):
            for name in OFFLOADS:
                subprocess.run(["ethtool", "-K", interface, name, state], capture_output=True,
                               check=False)

    def ip(self, namespace, *args):
        return run("ip", "-n", PREFIX + namespace, *args)

    def ipv6(self, state):
        """Gives client and server their IPv6 addresses, or takes IPv6 away again."""
        for namespace, interface, address, other in (
                ("client", "c0", ATTACKER6, "2001:db8:2::/64"),
                ("server", "s0", FRONT6, "2001:db8:1::/64")):
            with self.inside(namespace):
                for name, value in (("accept_dad", 0), ("router_solicitations", 0),
                                    ("disable_ipv6", 0 if state else 1)):
                    with open(f"/proc/sys/net/ipv6/conf/{interface}/{name}", "w") as file:
                        file.write(str(value))
            if state:
                self.ip(namespace, "address", "add", address + "/128", "dev", interface, "nodad")
                self.ip(namespace, "route", "add", other, "dev", interface)
        time.sleep(1.0 if state else 0.0)

    @contextlib.contextmanager
    def inside(self, namespace):
        """Sockets and programs made in this block live in the namespace."""
        target = os.open(f"/run/netns/{PREFIX}{namespace}", os.O_RDONLY)
        try:
            _enter(target)
            yield
        finally:
            _enter(self.home)
            os.close(target)

    @contextlib.contextmanager
    def capture(self, path, namespace="server", interface="s0", **how):
        tap = Tap(self, namespace, interface, path, **how)
        try:
            yield
        finally:
            tap.stop()

    def start(self, namespace, *command, **kwargs):
        """Starts a server program; it is ended with the scene."""
        log = open(os.path.join(self.folder, f"program-{len(self.programs)}.log"), "wb")
        with self.inside(namespace):
            program = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, **kwargs)
        self.programs.append(program)
        return program

    def stop_programs(self):
        for program in reversed(self.programs):
            program.terminate()
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self.programs.clear()

    def wait_listening(self, namespace, address, port):
        def connects():
            with self.inside(namespace), socket.socket(
                    socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
                probe.settimeout(1)
                return probe.connect_ex((address, port)) == 0
        wait_for(f"{address} port {port}", connects)

    def write(self, name, text):
        """Puts a file into the lab's own folder; returns its path."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        mode = "wb" if isinstance(text, bytes) else "w"
        with open(path, mode) as file:
            file.write(text)
        os.chmod(path, 0o644)
        return path
