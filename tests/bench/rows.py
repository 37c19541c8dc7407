"""The rows of the bench: which programs run on which captures, and which of their figures are set
against each other, with what is demanded of them.

A group is a set of contenders that run in turn. A figure is a ratio of two contenders of one group,
or something of one; it is a row of FIGURES, and a column of the history.
"""
import json
import os
import re
import subprocess
from typing import NamedTuple

import suricata
from runs import BenchError, Contender, ratio

ALERTS = "alert,stats"
EVERYTHING = "alert,http,smtp,dns,ldap,tls,fileinfo,flow,anomaly,drop,stats"
HEADERS_KEY = "inspect.responses"
HEADERS = ("--set", f"{HEADERS_KEY}=headers")
FLOORS = {"floor read": "read", "floor": "scan", "floor+": "inflate"}


class Figure(NamedTuple):
    """A row: `top` over `bottom` in `what`, or what `top` alone has. At most `limit`."""

    key: str
    label: str
    top: str
    bottom: str
    what: str
    limit: float = None


FIGURES = (
    Figure("mixed_floor", "mixed, × floor+", "mixed", "mixed floor+", "cpu", 1.6),
    Figure("mixed_suricata", "mixed, × Suricata", "mixed", "mixed suricata", "cpu", 1 / 4.5),
    Figure("mixed_et", "mixed with ET rules, × without", "mixed et", "mixed", "cpu", 1.4),
    Figure("headers_floor", "headers, × floor", "mixed headers", "mixed floor", "cpu", 2.0),
    Figure("headers_suricata", "headers, × Suricata", "mixed headers", "mixed suricata", "cpu",
           1 / 8),
    Figure("headers_et", "headers with ET rules, × without", "mixed headers et", "mixed headers",
           "cpu", 1.4),
    Figure("small_floor", "small requests, × floor", "small", "small floor", "cpu", 4.0),
    Figure("small_suricata", "small requests, × Suricata", "small", "small suricata", "cpu",
           1 / 12),
    Figure("small_et", "small with ET rules, × without", "small et", "small", "cpu", 1.4),
    Figure("mail_floor", "mail, × floor", "mail", "mail floor", "cpu", 2.5),
    Figure("mail_suricata", "mail, × Suricata", "mail", "mail suricata", "cpu", 1 / 10),
    Figure("mail_et", "mail with ET rules, × without", "mail et", "mail", "cpu", 1.4),
    Figure("flows_many", "many flows, × 1/100 of them, a packet", "flows", "flows-few",
           "cpu/packets", 1.3),
    Figure("flows_open", "many flows, × the same with few open", "flows", "flows-short",
           "cpu/packets"),
    Figure("log_mixed", "mixed: full log, × alerts only", "mixed log", "mixed", "cpu", 1.5),
    Figure("log_small", "small: full log, × alerts only", "small log", "small", "cpu", 1.5),
    Figure("log_mail", "mail: full log, × alerts only", "mail log", "mail", "cpu", 1.5),
    Figure("workers1_wall", "--workers 1, × wall time of 0", "mixed workers 1", "mixed", "wall"),
    Figure("workers2_wall", "--workers 2, × wall time of 0", "mixed workers 2", "mixed", "wall",
           0.65),
    Figure("workers2_cpu", "--workers 2, × CPU of 0", "mixed workers 2", "mixed", "cpu"),
    Figure("workers2_suricata", "--workers 2, × wall time of Suricata", "mixed workers 2",
           "mixed suricata 2", "wall"),
    Figure("attack_byte", "attacks, × their harmless twin, a byte", "attack", "attack-clean",
           "cpu/bytes", 10),
    Figure("attack_suricata", "attacks, × Suricata", "attack", "attack suricata", "cpu"),
    Figure("mixed_mib", "mixed, peak MiB", "mixed", "", "memory", 128),
    Figure("headers_mib", "headers, peak MiB", "mixed headers", "", "memory", 128),
    Figure("small_mib", "small requests, peak MiB", "small", "", "memory", 128),
    Figure("mail_mib", "mail, peak MiB", "mail", "", "memory", 128),
    Figure("flows_mib", "many flows, peak MiB", "flows", "", "memory", 128),
    Figure("start_ms", "start with shipped rules, ms", "start", "", "start", 200),
    Figure("start_new_ms", "the same, patterns not compiled yet, ms", "start new", "", "start"),
    Figure("start_et_ms", "start with ET rules too, ms", "start et", "", "start"),
    Figure("lookup_us", "worst field of the evaluator, µs", "lookup_bench", "", "worst", 3000),
    Figure("peel_us", "worst field of the peeler, µs", "peel_bench", "", "worst", 22000),
    Figure("field_us", "worst field as a whole, µs", "field_bench", "", "worst", 45000),
    Figure("mixed_instr", "mixed, instructions a packet", "mixed", "", "instructions"),
    Figure("small_instr", "small requests, instructions a packet", "small", "", "instructions"),
    Figure("mail_instr", "mail, instructions a packet", "mail", "", "instructions"),
    Figure("flows_instr", "many flows, instructions a packet", "flows", "", "instructions"),
    Figure("attack_instr", "attacks, instructions a packet", "attack", "", "instructions"),
    Figure("mixed_floor_instr", "mixed floor+, instructions a packet", "mixed floor+", "",
           "instructions"),
    Figure("small_floor_instr", "small floor, instructions a packet", "small floor", "",
           "instructions"),
    Figure("mail_floor_instr", "mail floor, instructions a packet", "mail floor", "",
           "instructions"),
)
# Megabytes of the captures that callgrind sees, the same in every run: the figures compare.
COUNTED = {"mixed": 20, "small": 6, "mail": 6, "flows": 3, "attack": 3}


class Programs:
    """Commands of the sensor, the floors and Suricata, for captures and folders."""

    def __init__(self, tools, sensor, options, other):
        self.tools, self.sensor, self.suricata = tools, sensor, other
        self.et_rules, self.patterns = options.et_rules, options.cache / "patterns"
        keys = subprocess.run([sensor, "--list-keys"], capture_output=True, text=True, check=True)
        self.has_headers = re.search(rf"^{re.escape(HEADERS_KEY)}\b", keys.stdout, re.M)

    def floor(self, mode, capture):
        """One of the floors."""
        return [self.tools / "floor", mode, capture.path]

    def sense(self, capture, eve, *more, cache=None):
        """The sensor on a capture, with alerts and statistics unless `more` says otherwise."""
        events = () if "--events" in more else ("--events", ALERTS)
        return [self.sensor, "-q", "-r", capture.path, "-o", eve, *events,
                "--set", f"cache={cache or self.patterns}", *more]

    def missing(self):
        """What cannot be measured here, a line each."""
        if not self.et_rules:
            yield ("no rows with ET rules: there is no rule file; --et-rules or JNDIWATCH_ET_RULES "
                   "names one")
        if not self.has_headers:
            yield f"no rows of headers: this jndiwatch has no key {HEADERS_KEY}"
        if not self.suricata:
            yield "no rows beside Suricata: it is not set up (--with-suricata), or left out"


class Group:
    """The contenders of one group, by name, as they are added."""

    def __init__(self, programs, scratch):
        self.programs, self.scratch, self.contenders = programs, scratch, []

    def eve(self, name):
        """Where a contender writes its events."""
        return self.scratch / f"{name.replace(' ', '-')}.json"

    def add_floors(self, name, capture):
        """The floors; inflation only where there is something to inflate."""
        for floor, mode in FLOORS.items():
            if mode != "inflate" or capture.tally["gzip_bodies"]:
                command = self.programs.floor(mode, capture)
                self.contenders.append(Contender(f"{name} {floor}", capture, command))

    def add(self, name, capture, *more, cache=None):
        """The sensor."""
        command = self.programs.sense(capture, self.eve(name), *more, cache=cache)
        self.contenders.append(Contender(name, capture, command, self.eve(name)))

    def add_with_et(self, name, capture, *more):
        """The sensor, and again with the ET rules where they are at hand."""
        self.add(name, capture, *more)
        if self.programs.et_rules:
            self.add(f"{name} et", capture, *more, "-S", self.programs.et_rules)

    def add_suricata(self, name, capture, workers=1):
        """Suricata with the ET rules, where it is set up."""
        if not self.programs.suricata:
            return
        full = f"{name} suricata" + (f" {workers}" if workers > 1 else "")
        folder = self.scratch / full.replace(" ", "-")
        command = self.programs.suricata.reads(
            capture.path, folder, self.programs.et_rules, workers)
        self.contenders.append(Contender(full, capture, command, folder / "eve.json"))


def mixed(group, make):
    """HTTP of all kinds and mails: all ways of running."""
    capture = make("mixed")
    group.add_floors("mixed", capture)
    group.add_with_et("mixed", capture)
    if group.programs.has_headers:
        group.add_with_et("mixed headers", capture, *HEADERS)
    group.add("mixed log", capture, "--events", EVERYTHING)
    group.add("mixed workers 1", capture, "--workers", "1")
    group.add("mixed workers 2", capture, "--workers", "2")
    group.add_suricata("mixed", capture)
    group.add_suricata("mixed", capture, workers=2)


def one_kind(name):
    """A group of one kind of traffic: small requests, mail."""
    def add(group, make):
        capture = make(name)
        group.add_floors(name, capture)
        group.add_with_et(name, capture)
        group.add(f"{name} log", capture, "--events", EVERYTHING)
        group.add_suricata(name, capture)
    return add


def flows(group, make):
    """The same small requests in many flows, in few, and in many of which few are open."""
    for name in ("flows", "flows-few", "flows-short"):
        group.add(name, make(name))


def attack(group, make):
    """Requests that all attack, and their harmless twins."""
    for name in ("attack", "attack-clean"):
        group.add(name, make(name))
    group.add_suricata("attack", make("attack"))


def start(group, make):
    """A capture without packets: what is left is the start."""
    group.add_with_et("start", make("empty"))
    group.add("start new", make("empty"), cache="none")


GROUPS = {
    "mixed": mixed,
    "small": one_kind("small"),
    "mail": one_kind("mail"),
    "flows": flows,
    "attack": attack,
    "start": start,
}


def counted(programs, make, scratch):
    """What callgrind runs: {name: (command, capture, the same on an empty capture)}."""
    found, empty = {}, make("empty")
    for name in COUNTED:
        capture = make(name)
        eve, none = scratch / f"{name}.json", scratch / f"{name}-empty.json"
        plain = ("--set", "rights.sandbox=no")
        found[name] = (programs.sense(capture, eve, *plain), capture,
                       programs.sense(empty, none, *plain))
        for floor in {"mixed": ("floor+",), "small": ("floor",), "mail": ("floor",)}.get(name, ()):
            found[f"{name} {floor}"] = (programs.floor(FLOORS[floor], capture), capture,
                                        programs.floor(FLOORS[floor], empty))
    return found


def value(figure, found, instructions, worst):
    """A figure; None when what it wants was not measured."""
    if figure.what == "instructions":
        return instructions.get(figure.top)
    if figure.what == "worst":
        return worst.get(figure.top)
    top, bottom = found.get(figure.top), found.get(figure.bottom)
    if top is None or (figure.bottom and bottom is None):
        return None
    if figure.what == "memory":
        return top.peak_mib()
    if figure.what == "start":
        return top.median("wall") * 1000
    return ratio(top, bottom, figure.what)


def worst_fields(tools):
    """The longest time per field, in microseconds, of the worst texts that are known."""
    found = {}
    for name in ("lookup_bench", "peel_bench", "field_bench"):
        if (tools / name).exists():
            said = subprocess.run([str(tools / name)], capture_output=True, text=True, check=True)
            found[name] = float(re.search(r"^longest: (\d+) us$", said.stdout, re.M).group(1))
    return found


def check_floors(contenders):
    """The floors must have seen the whole capture, or their figures mean nothing."""
    for contender in contenders:
        mode = contender.name.split(" ", 1)[-1]
        if mode not in FLOORS:
            continue
        seen, tally = json.loads(contender.runs[-1].output), contender.capture.tally
        if seen["packets"] != tally["packets"]:
            raise BenchError(f"{contender.name}: {seen['packets']} of {tally['packets']} packets")
        if mode == "floor+" and seen["inflated_bytes"] != tally["inflated_bytes"]:
            raise BenchError(f"{contender.name}: {seen['inflated_bytes']} of "
                             f"{tally['inflated_bytes']} bytes inflated")


def check(contenders):
    """Every contender must have done all of its work."""
    check_floors(contenders)
    for contender in contenders:
        if " suricata" in contender.name:
            suricata.check(contender.output, contender.capture.tally)
        elif contender.output and contender.capture.tally["packets"]:
            check_sensor(contender)


def check_sensor(contender):
    """The sensor must have seen all packets and told of all that it left out."""
    stats, tally = suricata.last_stats(contender.output), contender.capture.tally
    if stats["decoder.pkts"] != tally["packets"]:
        raise BenchError(f"{contender.name}: {stats['decoder.pkts']} of {tally['packets']} packets")
    left_out = last_flowints(contender).get("lost_config", 0)
    if bool(left_out) != ("headers" in contender.name):
        raise BenchError(f"{contender.name}: {left_out} bytes counted as left out by configuration")


def last_flowints(contender):
    """The figures of the sensor's last statistics that Suricata has no place for."""
    found = {}
    for event in contender.events():
        if event["event_type"] == "stats":
            found = event["metadata"]["flowints"]
    return found


def alerts(contender):
    """How many alerts a run wrote."""
    return sum(event["event_type"] == "alert" for event in contender.events())


def load_note():
    """A line when others work on this machine, none otherwise."""
    load = os.getloadavg()[0]
    text = f"others are at work on this machine (load {load:.1f}): wall times mean little"
    return [text] if load > 0.8 else []
