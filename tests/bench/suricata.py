"""Suricata 8 beside the sensor: set up by itself in a folder of its own, run from there.

The folder holds a Debian that has Suricata 8, made by debootstrap from the archive that this
machine's apt uses. Suricata runs in place, with the loader and the libraries of that folder: no
chroot, nothing mounted, nothing installed. Its shipped configuration stays as it is, its limits of
bodies and streams too, except for what it writes (alerts and statistics, as the sensor) and the
caps of its memory: with the shipped ones it drops data of a fast file without a word. What it
says it dropped is read after each run, and must be nothing.
"""
import json
import lzma
import os
import platform
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from runs import BenchError, last_line

# Releases of Debian that have had Suricata 8, the steadiest first.
SUITES = ("forky", "sid")
WANTED = 8
ARCHITECTURES = {"x86_64": ("amd64", "x86_64-linux-gnu"), "aarch64": ("arm64", "aarch64-linux-gnu")}
CAPS = ("stream.memcap", "stream.reassembly.memcap", "flow.memcap", "defrag.memcap",
        "app-layer.protocols.http.memcap", "host.memcap", "ippair.memcap")
CONFIG = """%YAML 1.1
---
include:
  - {etc}/suricata.yaml
default-log-dir: {folder}
classification-file: {etc}/classification.config
reference-config-file: {etc}/reference.config
threshold-file: {etc}/threshold.config
unix-command:
  enabled: no
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: eve.json
      types:
        - alert
        - stats:
            totals: yes
            threads: no
af-packet:
  - interface: {interface}
    threads: {threads}
    cluster-id: 99
    cluster-type: cluster_flow
    defrag: yes
    tpacket-v3: yes
    block-size: 1048576
    ring-size: {ring}
"""
# Any address may be a server, as the sensor has it: else most of its rules are looked at in vain.
SETTINGS = ("vars.address-groups.HOME_NET=any", "vars.address-groups.EXTERNAL_NET=any")
# What it must not have counted, beside memory caps of every kind.
LOSSES = re.compile(r"memcap_drop$|\.memcap$|emerg_mode_entered|reassembly_gap$|tcp\.no_flow$|"
                    r"capture\.kernel_drops$|\.tcp\.insert_data_normal_fail$")
# Names that look like it, and are the size of a cap.
SIZES = re.compile(r"^(http\.byterange|ippair|host)\.memcap$")


def own_mirror():
    """The archive that this machine's apt takes its own release from."""
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        uri, _, suite = line.partition(" ")
        if suite == release:
            return uri.rstrip("/")
    raise BenchError("apt of this machine names no Debian archive; give one with --mirror URL")


def offered(mirror, suite):
    """The version of Suricata that a release of the archive has; "" when it has none."""
    architecture = ARCHITECTURES[platform.machine()][0]
    url = f"{mirror}/dists/{suite}/main/binary-{architecture}/Packages.xz"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            packages = lzma.decompress(answer.read()).decode("utf-8", errors="replace")
    except (OSError, urllib.error.URLError, lzma.LZMAError) as error:
        raise BenchError(f"cannot read '{url}': {error}") from error
    found = re.search(r"^Package: suricata\n(?:.+\n)*?Version: (?:\d+:)?(\S+)", packages, re.M)
    return found.group(1) if found else ""


class Suricata:
    """One that is set up in a folder."""

    def __init__(self, folder):
        self.root = Path(folder) / "root"
        self.libraries = self.root / "usr/lib" / ARCHITECTURES.get(
            platform.machine(), ("", "none"))[1]

    def exists(self):
        """Whether it has been set up."""
        return (self.root / "usr/bin/suricata").exists() and (self.root / "set-up").exists()

    def start(self):
        """The words that start it: its own loader, its own libraries."""
        loader = next(self.libraries.glob("ld-linux-*.so.*"))
        return [str(loader), "--library-path", str(self.libraries),
                str(self.root / "usr/bin/suricata")]

    def version(self):
        """What it says it is."""
        said = subprocess.run([*self.start(), "-V"], capture_output=True, text=True, check=False)
        found = re.search(r"version (\d+)\.\S+", said.stdout)
        if said.returncode != 0 or not found:
            raise BenchError(f"Suricata in '{self.root}' does not start: {last_line(said.stderr)}")
        if int(found.group(1)) < WANTED:
            raise BenchError(f"'{self.root}' has Suricata {found.group(0)}; 8 or later is wanted")
        return found.group(0).split()[1]

    def set_up(self, mirror, say):
        """Makes the folder, unless it is there."""
        if self.exists():
            return
        if os.geteuid() != 0 or not shutil.which("debootstrap"):
            raise BenchError("setting up Suricata needs root and debootstrap; run scripts/setup")
        if platform.machine() not in ARCHITECTURES:
            raise BenchError(f"no Suricata is known for {platform.machine()}")
        mirror = mirror or own_mirror()
        suite = next((name for name in SUITES if offered(mirror, name).startswith(f"{WANTED}.")),
                     None)
        if not suite:
            raise BenchError(f"'{mirror}' has Suricata {WANTED} in none of {', '.join(SUITES)}")
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        say(f"bench: setting up Debian {suite} with Suricata in {self.root}")
        done = subprocess.run(
            # Releases that debootstrap does not know yet are made as sid is.
            ["debootstrap", "--variant=minbase", "--include=suricata", suite, str(self.root),
             mirror, "sid"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchError(f"debootstrap of {suite} failed: {last_line(done.stdout)}; all of it "
                             f"is in {self.root}/debootstrap/debootstrap.log")
        shutil.rmtree(self.root / "var/cache/apt", ignore_errors=True)
        (self.root / "set-up").touch()

    def command(self, folder, rules, workers=1, interface="none", ring=2048):
        """A run of it that writes to a folder, with a rule file or none; -r or --af-packet follows.
        Workers, interface, and packets in the ring of each matter to the latter only."""
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "suricata.yaml"
        config.write_text(CONFIG.format(
            etc=self.root / "etc/suricata", folder=folder, interface=interface, threads=workers,
            ring=ring), encoding="ascii")
        words = [*self.start(), "-c", str(config), "-l", str(folder), "-k", "none",
                 "-S", str(rules or "/dev/null")]
        for setting in [*SETTINGS, *(f"{cap}=16gb" for cap in CAPS)]:
            words += ["--set", setting]
        return words

    def reads(self, capture, folder, rules, workers):
        """The command that reads a capture. Two workers: two threads behind a reader's."""
        words = [*self.command(folder, rules), "-r", str(capture)]
        if workers <= 1:
            return [*words, "--runmode", "single"]
        ratio = workers / os.cpu_count()
        return [*words, "--runmode", "autofp", "--set", f"threading.detect-thread-ratio={ratio:g}"]


def flatten(counters, name=""):
    """(name with dots, value) of nested counters."""
    for key, value in counters.items():
        path = f"{name}.{key}" if name else key
        if isinstance(value, dict):
            yield from flatten(value, path)
        else:
            yield path, value


def last_stats(eve):
    """The last statistics of an event file, as {name: value}."""
    stats = {}
    with open(eve, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if '"event_type":"stats"' in line:
                stats = json.loads(line)["stats"]
    return dict(flatten(stats))


def lost(stats):
    """What the statistics say was lost, as a text; "" when nothing was."""
    found = [f"{name} {value}" for name, value in stats.items()
             if value and LOSSES.search(name) and not SIZES.search(name)]
    return ", ".join(found)


def check(eve, tally):
    """Fails when a run saw less than the capture holds: its figures would mean nothing."""
    stats = last_stats(eve)
    missing = lost(stats)
    if missing:
        raise BenchError(f"Suricata lost data of {tally['profile']}: {missing}")
    if stats.get("decoder.pkts") != tally["packets"]:
        raise BenchError(f"Suricata saw {stats.get('decoder.pkts')} of {tally['packets']} packets")
