"""What the tests of the honeypot share: one that listens at ports of loopback, and visitors."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))

import flows  # noqa: E402
from harness import Skip, demand, expect, match_lines, of_type, replay, wait_for  # noqa: E402

TOUCHED, ALARM, SCANNER, SELFTEST = 9000401, 9000402, 9000403, 9000404
OUT = "out.json"
LISTENS = re.compile(rb"honeypot: listens at (.*)")
SPOT = re.compile(rb"(\w+):(\[[^]]*\]|[^:\[]*):(\d+) \((\S*)\)")
# What a run on this machine may say at its start.
USUAL = re.compile(r"goes on as root, as it was told to|no seccomp in this kernel or program"
                   r"|no Landlock in this kernel|Landlock (is switched off|cannot be used)")
EVERYWHERE = r"^honeypot: \* is every address of this machine, those to the outside too; "
STOPPED = 15
VALIDATED = 100  # events of a run
validate = replay.schema_check()


class Spot:
    """A listener: what it is called, and where it is."""

    def __init__(self, kind, address, port, persona):
        self.kind = kind.decode()
        self.name = b":".join((kind, address, port)).decode()
        self.host = address.decode().strip("[]")
        self.host = "127.0.0.1" if self.host == "*" else self.host
        self.port = int(port)
        self.persona = persona.decode()

    @property
    def place(self):
        return (self.host, self.port)

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class Honeypot:
    """A sensor that listens. spots: kinds and addresses, each at a port that is free."""

    def __init__(self, lab, *args, spots=("http:127.0.0.1:0",), before=()):
        self.lab = lab
        words = [word for spot in spots for word in ("--listen", spot)]
        user = ("--user", "root") if os.geteuid() == 0 and "--user" not in args else ()
        quiet = ("--set", "cache=none", "--set", "volume.write=no")
        self.run = lab.start("honeypot", *words, "-o", OUT, *quiet, *user, *args,
                             before=before)
        self.run.wait_for(lambda: LISTENS.search(self.run.err()), "the listeners")
        told = LISTENS.search(self.run.err())[1]
        self.spots = [Spot(*found) for found in SPOT.findall(told)]
        demand(len(self.spots) == len(spots), f"listens at {told!r}")

    @property
    def first(self):
        return self.spots[0]

    def children(self, of=None):
        """Process ids of those that it started, or that the one given did."""
        path = f"/proc/{of or self.run.pid}/task/{of or self.run.pid}/children"
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    @property
    def keeper(self):
        return self.children()[0]

    @property
    def decoy(self):
        """The process that listens. Its keeper may just be about to start it: the sensor tells of
        its sockets before."""
        return wait_for(lambda: self.children(self.keeper), "the listening process")[0]

    def stop(self, code=0, warnings=(), errors=()):
        """Ends it; its events."""
        processes = [self.keeper, self.decoy] if self.run.alive() else []
        if self.run.alive() and code == 0:
            os.kill(self.run.pid, STOPPED)
        ended = self.run.wait()
        expect(ended, code, *errors)
        unusual = [line for line in ended.warnings if not USUAL.match(line)]
        match_lines(unusual, warnings, "warning", ended)
        for pid in processes:
            wait_for(lambda pid=pid: not pid or has_ended(pid), "its processes to end")
        events = self.lab.events(OUT)
        for event in events[:VALIDATED] if validate else ():
            faults = validate(event)
            demand(not faults, f"{event['event_type']}: {faults[:1]}")
        return events


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def connect(spot, source=None):
    """A connection, from that address of loopback."""
    address = (source, 0) if source else None
    made = socket.create_connection(spot.place, timeout=30, source_address=address)
    return made


def encrypted(connection):
    """The same connection, in TLS with whoever it is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


def read_all(connection):
    """What comes until the other side ends, or breaks off."""
    data = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


def ask(spot, request, source=None):
    """Sends a request, says that nothing follows, and reads to the end."""
    with connect(spot, source) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def touch(spot, source=None):
    """A connection without a byte, until the other side has seen its end."""
    ask(spot, b"", source)


def get(spot, path=b"/", headers=(), source=None):
    lines = [b"GET " + path + b" HTTP/1.1", b"Host: decoy", *headers, b"Connection: close"]
    return ask(spot, b"\r\n".join(lines) + b"\r\n\r\n", source)


def alerts(events, signature=None):
    found = of_type(events, "alert")
    return [event for event in found if signature in (None, event["alert"]["signature_id"])]


def lookups(events):
    """The jndi objects, without what depends on the flow they were in."""
    found = [event["alert"]["context"]["jndi"] for event in of_type(events, "alert")
             if "jndi" in event["alert"].get("context", {})]
    return [{key: value for key, value in one.items() if key != "attack_id"} for one in found]


def from_capture(lab, talks, name="capture.pcap"):
    """The events of a capture in which each client says that to a server."""
    packets = []
    for number, content in enumerate(talks):
        talk = flows.Talk(client=("198.51.100.7", 20000 + number),
                          start_us=flows.START_US + number * 1000000)
        packets += talk.open().client(content).close().frames
    lab.write(name, flows.pcap(packets))
    expect(lab.run("-r", name, "-o", f"{name}.json", "--set", "cache=none"), 0)
    return lab.events(f"{name}.json")


def has_tls(lab):
    about = subprocess.run([lab.program, "--build-info"], capture_output=True, check=True).stdout
    return b"honeypot: TLS by none" not in about


def needs_tls(lab):
    if not has_tls(lab):
        raise Skip("the program was built without TLS")


def make_certificate(lab, name):
    """A certificate of that name and its key: paths in the lab's folder."""
    if shutil.which("openssl") is None:
        raise Skip("openssl is not installed")
    paths = lab.path(f"{name}.crt"), lab.path(f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-days", "30",
                    "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths
