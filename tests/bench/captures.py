"""The captures of the bench: made once by make_capture, the same on every machine, and kept."""
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from runs import BenchError, Capture, last_line

HERE = Path(__file__).resolve().parent
# What a capture is made by: when it changes, captures are made anew.
GENERATOR = (
    "attack.c", "conversation.h", "corpus.c", "http.c", "mail.c", "make_capture.c", "text.c",
    "wire.c",
)
# Megabytes, about: of a full run, and of a quick one.
SIZES = {
    "mixed": (1000, 200),
    "small": (300, 60),
    "mail": (300, 60),
    "flows": (1000, 100),
    "flows-few": (1000, 100),
    "flows-short": (1000, 100),
    "attack": (100, 20),
    "attack-clean": (100, 20),
}
# A pcap file with nothing in it: version 2.4, Ethernet.
EMPTY = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")


class Captures:
    """Makes captures when they are asked for; keeps them in a folder."""

    def __init__(self, folder, maker, say):
        self.folder, self.maker, self.say = folder, maker, say
        sources = b"".join((HERE / name).read_bytes() for name in GENERATOR)
        self.mark = hashlib.sha256(sources).hexdigest()[:8]

    def make(self, profile, size_mb):
        """The capture of a profile, made when it is not there; older ones of its kind go."""
        path = self.folder / f"{profile}-{size_mb}-{self.mark}.pcap"
        tally = Path(f"{path}.json")
        if not tally.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.make_room(profile, size_mb)
            self.say(f"bench: making {path}")
            done = subprocess.run([self.maker, profile, str(size_mb), str(path)],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise BenchError(f"cannot make '{path}': {last_line(done.stderr)}")
        return Capture(path, json.loads(tally.read_text(encoding="ascii")))

    def make_room(self, profile, size_mb):
        """Removes what an older generator made; refuses when the disk has too little left."""
        for old in self.folder.glob(f"{profile}-{size_mb}-*"):
            old.unlink()
        free = shutil.disk_usage(self.folder).free
        if free < size_mb * 2_500_000:
            raise BenchError(f"'{self.folder}' has {free / 1e9:.1f} GB free; "
                             f"{size_mb * 2.5 / 1e3:.1f} are needed")

    def empty(self):
        """A capture without packets: what is left of a run's cost is its start and end."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "empty.pcap"
        path.write_bytes(EMPTY)
        return Capture(path, {"packets": 0, "bytes": len(EMPTY), "gzip_bodies": 0})


def describe(tally):
    """What a capture holds, in one line."""
    return (
        f"{tally['bytes'] / 1e6:,.0f} MB, {tally['packets']:,} packets, {tally['flows']:,} flows, "
        f"{tally['requests']:,} requests, {tally['mails']:,} mails, "
        f"{tally['gzip_bytes'] / 1e6:,.0f} MB gzip ({tally['inflated_bytes'] / 1e6:,.0f} inflated)"
    )
