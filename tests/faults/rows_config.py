"""Faults of the configuration, rules and databases: rows 21 to 32 of the list of errors."""

import glob
import os
import re
import shutil
import signal
import subprocess

import flows
from harness import (Skip, demand, expect, expect_packets, expect_refused, figure, match_lines,
                     of_type, unprivileged, waits_for_input)
from rows_capture import OUT, expect_good, good_file

SHIPPED = 'alert http any any -> any any (msg:"{}"; http.uri; content:"/good/"; sid:{}; rev:{};)\n'
BIG_CONFIG = 100 * 1000 * 1000
LONG_LINE = 1000 * 1000


def good_run(lab, *words, name="out", code=0, errors=()):
    """Replays the good capture; everything in it is told of, whatever else is wrong. What it said
    besides."""
    good_file(lab)
    ended = lab.run("-r", "good.pcap", *words, "-o", f"{name}.json")
    expect(ended, code, *errors)
    events = lab.events(f"{name}.json")
    return ended, events


def refused(lab, *words, errors):
    """The program does not start, for these reasons, and makes no output."""
    good_file(lab)
    ended = lab.run("-r", "good.pcap", *words, "-o", "refused.json")
    expect_refused(ended, *errors)
    demand(not os.path.exists(lab.path("refused.json")), "the output was made")
    checked = lab.run("-T", *words)
    expect_refused(checked, *errors)
    return ended


def config_missing(lab):
    refused(lab, "-c", "no.yaml", errors=[r"^cannot open config 'no\.yaml': No such file"])
    os.mkdir(lab.path("folder.yaml"))
    refused(lab, "-c", "folder.yaml", errors=[r"config 'folder\.yaml': .*directory"])


def config_not_readable(lab):
    before = unprivileged(lab)
    path = lab.write("s.yaml", "workers: 0\n")
    os.chmod(path, 0)
    expect_refused(lab.run("-T", "-c", "s.yaml", before=before),
                   r"^cannot open config 's\.yaml': Permission denied")


def no_config(lab):
    ended, events = good_run(lab)
    expect_good(events)
    demand("built-in defaults" in ended.err, f"the defaults are not named; {ended.told()}")


def unknown_key(lab):
    lab.write("s.yaml", "# a comment\nmemory: {limit: 64 MiB}\nstreem: {timeout: 1}\n")
    refused(lab, "-c", "s.yaml",
            errors=[r"^s\.yaml:3: unknown key 'streem.*' \(did you mean 'stream.*'\?\)"])
    lab.write("s.yaml", "flow:\n  timeout:\n    tpc: 5 s\n")
    refused(lab, "-c", "s.yaml",
            errors=[r"^s\.yaml:3: unknown key 'flow\.timeout\.tpc' \(did you mean "
                    r"'(flow\.timeout\.)?tcp'\?\)"])


def wrong_values(lab):
    for value in ("lots", "-1", "64 XB", "99999999999 GiB", "99999999999999999999999", "''",
                  "1 KiB"):
        lab.write("s.yaml", f"workers: 0\nmemory: {{limit: {value}}}\n")
        refused(lab, "-c", "s.yaml",
                errors=[r"^s\.yaml:2: memory\.limit: '.*' is not a size; example: \d+ MiB "
                        r"\(allowed \d+ MiB … 64 GiB\)"])
    for text in ("memory:\n  limit: [1, 2]\n", "memory:\n  limit: {a: 1}\n", "memory: 5\n"):
        lab.write("s.yaml", text)
        ended = lab.run("-T", "-c", "s.yaml")
        demand(ended.code == 2 and ended.errors, f"{text!r} was accepted; {ended.told()}")
        demand(all(line.startswith("s.yaml:") for line in ended.errors), ended.told())


def all_mistakes(lab):
    lab.write("s.yaml", "workers: many\nflow: {max: none}\ncapture: {promiscuous: perhaps}\n"
                        "flow2: 1\n")
    refused(lab, "-c", "s.yaml",
            errors=[r"^s\.yaml:1: workers: 'many' is not a number",
                    r"^s\.yaml:2: flow\.max: 'none' is not a number",
                    r"^s\.yaml:3: capture\.promiscuous: 'perhaps' is not yes or no",
                    r"^s\.yaml:4: unknown key 'flow2' \(did you mean 'flow.*'\?\)"])


def unknown_output_type(lab):
    lab.write("s.yaml", "output:\n  types: [alert, htpp]\n")
    refused(lab, "-c", "s.yaml", errors=[r"^(s\.yaml:2: )?output\.types: 'htpp'.*http"])


def duplicate_key(lab):
    lab.write("s.yaml", "workers: 0\nmemory:\n  limit: 64 MiB\nworkers: 1\n")
    refused(lab, "-c", "s.yaml", errors=[r"^s\.yaml:4: key 'workers' was already given in line 1"])


def tab(lab):
    lab.write("s.yaml", "memory:\n\tlimit: 64 MiB\n")
    refused(lab, "-c", "s.yaml", errors=[r"^s\.yaml:2: not YAML: "])


def nul_byte(lab):
    lab.write("s.yaml", b"workers: 0\nmemory: {limit: 64\0 MiB}\n")
    refused(lab, "-c", "s.yaml", errors=[r"^s\.yaml:\d: not YAML: "])


def byte_order_mark_and_crlf(lab):
    for name, start, end in (("bom", b"\xef\xbb\xbf", b"\n"), ("crlf", b"", b"\r\n"),
                             ("both", b"\xef\xbb\xbf", b"\r\n")):
        lab.write("s.yaml", start + end.join([b"host: span0", b"output:", b"  types: [flow, stats]",
                                              b""]))
        _, events = good_run(lab, "-c", "s.yaml", name=name)
        demand({event["event_type"] for event in events} == {"flow", "stats"},
               f"{name}: the configuration was not used")
        demand({event.get("host") for event in events} == {"span0"}, f"{name}: the name is wrong")


def empty_config(lab):
    lab.write("s.yaml", "")
    _, events = good_run(lab, "-c", "s.yaml")
    expect_good(events)


def huge_config(lab):
    with open(lab.path("s.yaml"), "wb") as file:
        file.write(b"#" + b"x" * BIG_CONFIG)
    refused(lab, "-c", "s.yaml", errors=[rf"config 's\.yaml' has {BIG_CONFIG + 1} bytes"])


def signatures_of(events):
    return [(event["alert"]["signature_id"], event["alert"]["signature"])
            for event in of_type(events, "alert") if event["alert"]["signature_id"] < 9000000]


def partly_bad(lab, text, pattern, alerts):
    """A file of rules with one that is wrong: the others are used; -T refuses it."""
    lab.write("bad.rules", text)
    ended, events = good_run(lab, "-S", "bad.rules", errors=[pattern])
    demand(signatures_of(events) == alerts, f"alerts {signatures_of(events)}; {ended.told()}")
    demand(figure(events, "rules_failed") == 1, "rules_failed is not 1")
    expect_packets(events, 3 * flows.PER_EXCHANGE)
    expect_refused(lab.run("-T", "-S", "bad.rules"), pattern)


def bad_expression(lab):
    bad = 'alert http any any -> any any (msg:"a"; http.uri; pcre:"/(/"; sid:1;)\n'
    partly_bad(lab, bad + SHIPPED.format("b", 2, 1),
               r"^bad\.rules:1: sid 1: pcre: missing closing parenthesis at character 1\b",
               [(2, "b")] * 3)


def unknown_keyword(lab):
    bad = 'alert http any any -> any any (msg:"a"; nosuch:"a"; sid:2;)\n'
    partly_bad(lab, SHIPPED.format("b", 1, 1) + bad,
               r"^bad\.rules:2: sid 2: unknown keyword 'nosuch'", [(1, "b")] * 3)


def mistakes_are_fatal_when_asked(lab):
    lab.write("bad.rules", SHIPPED.format("b", 1, 1)
              + 'alert http any any -> any any (msg:"a"; nosuch:"a"; sid:2;)\n')
    refused(lab, "--init-errors-fatal", "-S", "bad.rules",
            errors=[r"^bad\.rules:2: sid 2: unknown keyword 'nosuch'"])


def classes_from_a_file(lab):
    rule = ('alert http any any -> any any (msg:"a"; http.uri; content:"/"; '
            'classtype:ours; sid:2;)\n')
    lab.write("ours.rules", rule)
    lab.write("good.config", "# ours\nconfig classification: ours,Something of Ours,2\n")
    lab.write("bad.config", "config classification: ours\n")
    good_file(lab)
    ended = lab.run("-r", "good.pcap", "-S", "ours.rules", "-o", "unknown.json")
    expect(ended, 0)  # of the lowest severity, as Suricata has it
    demand(any("warning: ours.rules:1: sid 2: unknown class 'ours'" in line
               for line in ended.lines), f"no warning: {ended.told()}")
    refused(lab, "--set", "classification=bad.config", "-S", "ours.rules",
            errors=[r"^bad\.config:1: is not 'config classification: name,text,priority'"])
    refused(lab, "--set", "classification=none.config", "-S", "ours.rules",
            errors=[r"^cannot open file of classes 'none\.config': No such file"])
    ended = lab.run("-r", "good.pcap", "--set", "classification=good.config", "-S", "ours.rules",
                    *OUT)
    expect(ended, 0)
    told = {(event["alert"]["category"], event["alert"]["severity"])
            for event in of_type(lab.events(), "alert") if event["alert"]["signature_id"] == 2}
    demand(told == {("Something of Ours", 2)}, f"the class is told as {told}")


def alerts_are_limited(lab):
    """Six requests a minute apart, from one client: what each kind of limit lets through."""
    rule = ('alert http any any -> any any (msg:"a"; flow:to_server; http.uri; content:"/many/"; '
            '{}; sid:{};)\n')
    every = "track by_src, count 2, seconds 190"
    limits = [f"threshold:type limit, {every}", f"threshold:type threshold, {every}",
              f"threshold:type both, {every}", f"detection_filter:{every}",
              "threshold:type limit, track by_dst, count 1, seconds 3600"]
    lab.write("limits.rules", "".join(rule.format(limit, i + 1) for i, limit in enumerate(limits)))
    frames = []
    for i in range(6):
        frames += flows.exchange(("198.51.100.7", 40000 + i), flows.START_US + i * 60000000,
                                 f"/many/{i}").frames
    lab.write("many.pcap", flows.pcap(frames))
    # Periods of 190 s begin with the first and the fifth request.
    wanted = {1: [0, 1, 4, 5], 2: [1, 3, 5], 3: [1, 5], 4: [2, 3], 5: [0]}
    for workers in ("0", "2"):
        ended = lab.run("-r", "many.pcap", "-S", "limits.rules", "--workers", workers, *OUT)
        expect(ended, 0)
        told = {sid: [] for sid in wanted}
        for event in of_type(lab.events(), "alert"):
            told.setdefault(event["alert"]["signature_id"], []).append(event["src_port"] - 40000)
        demand(told == wanted, f"with {workers} workers the alerts are of {told}")
        demand("Held back by thresholds of their rules: 18 alerts." in ended.lines,
               f"what was not told is not counted; {ended.told()}")
        os.remove(lab.path("out.json"))


def no_rule_of_the_file_is_left(lab):
    lab.write("bad.rules", 'alert http any any -> any any (msg:"a"; nosuch:"a"; sid:2;)\n')
    refused(lab, "-S", "bad.rules", errors=[r"^bad\.rules:1: sid 2: unknown keyword 'nosuch'",
                                            r"'bad\.rules': none of its rules could be loaded"])


def duplicate_sid(lab):
    rules = "\n\n" + SHIPPED.format("old", 3, 2) + SHIPPED.format("twice", 3, 1)
    partly_bad(lab, rules, r"^bad\.rules:4: sid 3 rev 1 was already defined at bad\.rules:3",
               [(3, "old")] * 3)


def higher_revision_wins(lab):
    lab.write("r.rules", SHIPPED.format("old", 3, 1) + SHIPPED.format("new", 3, 2))
    good_file(lab)
    ended = lab.run("-r", "good.pcap", "-S", "r.rules", *OUT)
    demand(ended.code == 0, ended.told())
    demand(signatures_of(lab.events()) == [(3, "new")] * 3, "not the higher revision")


def rules_missing(lab):
    refused(lab, "-S", "none.rules", errors=[r"'none\.rules': No such file or directory"])
    refused(lab, "-S", "none*.rules", errors=[r"'none\*\.rules'"])


def rules_empty(lab):
    for name, content in (("empty", b""), ("words", b"# nothing but words\n\n")):
        lab.write("e.rules", content)
        ended, events = good_run(lab, "-S", "e.rules", name=name)
        match_lines(ended.warnings, [r"'?e\.rules'?.*\bno rule"], "warning", ended)
        expect_good(events)


def rules_with_a_long_line(lab):
    bad = SHIPPED.format("x" * LONG_LINE, 1, 1)
    partly_bad(lab, bad + SHIPPED.format("b", 2, 1),
               r"^bad\.rules:1: the rule is longer than the limit of \d+ bytes", [(2, "b")] * 3)


def rules_not_utf8(lab):
    bad = SHIPPED.format("a", 1, 1).encode().replace(b'"a"', b'"\xe4"')
    partly_bad(lab, bad + SHIPPED.format("b", 2, 1).encode(),
               r"^bad\.rules:1: the rule is not UTF-8 text", [(2, "b")] * 3)


def backtracking(lab):
    """An expression that would take longer than the universe lasts is given up, told of once, and
    the look-up beside it is found."""
    lab.write("slow.rules",
              'alert http any any -> any any (msg:"slow"; http.request_body; content:"aaaa"; '
              'pcre:"/^(a+)+[^a]/"; sid:77;)\n')
    talk = flows.Talk().open()
    for _ in range(3):
        talk.client(flows.request("/slow", body=b"a" * 100000 + b"b", method="POST"))
        talk.server(flows.response())
    packets = talk.close().frames
    n_slow = len(packets)
    packets += flows.good(3, 50000, flows.START_US + 10000000)
    lab.write("slow.pcap", flows.pcap(packets))
    ended = lab.run("-r", "slow.pcap", "-S", "slow.rules", *OUT)
    expect(ended, 0)
    about = [line for line in ended.warnings if "77" in line]
    demand(len(about) == 1, f"the rule is to be named once; {ended.told()}")
    events = lab.events()
    expect_packets(events, n_slow + 3 * flows.PER_EXCHANGE)
    shipped = [event for event in of_type(events, "alert")
               if event["alert"]["signature_id"] == 9000101]
    demand(len(shipped) == 3, f"{len(shipped)} alerts about look-ups instead of 3")


def geo(lab, name):
    """A database of the tests."""
    path = lab.geo and os.path.join(lab.geo, name)
    if not path or not os.path.exists(path):
        raise Skip("the geo databases of the tests were not made (--geo)")
    return path


def corrupt_databases(lab):
    """A damaged database is refused when it is opened, or survived when it is asked."""
    damaged = sorted(glob.glob(geo(lab, "") + "damaged-*.mmdb"))
    demand(len(damaged) > 10, "the damaged databases are missing")
    n_refused = 0
    good_file(lab)
    for path in damaged:
        name = os.path.basename(path)
        shutil.copy(path, lab.path(name))
        ended = lab.run("-r", "good.pcap", "--geoip", name, "-o", f"{name}.json")
        if ended.code == 2:
            expect_refused(ended, rf"^cannot use geo database '{name}': .*\(file truncated\?\)")
            n_refused += 1
        else:
            expect(ended, 0)
            expect_good(lab.events(f"{name}.json"))
    demand(0 < n_refused < len(damaged), f"{n_refused} of {len(damaged)} were refused")


def database_missing(lab):
    refused(lab, "--geoip", "no.mmdb",
            errors=[r"^cannot open geo database 'no\.mmdb': No such file or directory"])


def database_of_another_type(lab):
    shutil.copy(geo(lab, "maxmind-connection.mmdb"), lab.path("x.mmdb"))
    refused(lab, "--geoip", "x.mmdb",
            errors=[r"^'x\.mmdb' is a GeoIP2-Connection-Type database; --geoip takes Country, City "
                    r"and ASN ones"])


def database_with_odd_types(lab):
    shutil.copy(geo(lab, "odd-types.mmdb"), lab.path("odd.mmdb"))
    _, events = good_run(lab, "--geoip", "odd.mmdb")
    expect_good(events)


def database_emptied_while_running(lab):
    """The database is read into memory: emptying the file takes nothing away."""
    shutil.copy(geo(lab, "documentation-city.mmdb"), lab.path("c.mmdb"))
    records = flows.pcap(flows.good())
    running = lab.start("-r", "-", "--geoip", "c.mmdb", *OUT, stdin=subprocess.PIPE)
    running.wait_for(lambda: os.path.exists(lab.path("out.json")), "the start")
    with open(lab.path("c.mmdb"), "wb"):
        pass
    running.process.stdin.write(records)
    running.process.stdin.close()
    running.process.stdin = None
    expect(running.wait(), 0)
    events = lab.events()
    expect_good(events)
    for event in of_type(events, "alert"):
        demand("geo" in event["alert"]["context"]["source"], "no place on an alert")


class Fed:
    """A run that reads from a pipe, a few conversations at a time."""

    def __init__(self, lab, database, *words):
        self.lab = lab
        self.n = 0
        self.running = lab.start("-r", "-", "--geoip", database, *OUT, *words,
                                 stdin=subprocess.PIPE)
        self.write(flows.pcap([]))
        self.more()

    def write(self, data):
        self.running.process.stdin.write(data)
        self.running.process.stdin.flush()

    def more(self):
        """One more conversation with an attack, which is read."""
        file = flows.pcap(flows.good(1, 40000 + self.n, flows.START_US + self.n * 1000000))
        self.write(file[24:])
        self.n += 1
        self.running.wait_for(lambda: waits_for_input(self.running.pid), "all to be read")

    def renew(self, said):
        """SIGUSR2; what it says comes with the next packets."""
        n = len(re.findall(said, self.running.err()))
        self.running.signal(signal.SIGUSR2)
        self.more()
        self.running.wait_for(lambda: len(re.findall(said, self.running.err())) > n, f"{said}")

    def end(self):
        """How it ended, and the source's places of all alerts."""
        self.running.process.stdin.close()
        self.running.process.stdin = None
        ended = self.running.wait()
        expect(ended, 0)
        return ended, [event["alert"]["context"]["source"]
                       for event in of_type(self.lab.events(), "alert")]


def database_replaced_while_running(lab):
    """SIGUSR2: what was renamed over the old one is put to use; nothing is lost meanwhile."""
    shutil.copy(geo(lab, "maxmind-city.mmdb"), lab.path("c.mmdb"))
    fed = Fed(lab, "c.mmdb")
    shutil.copy(geo(lab, "maxmind-asn.mmdb"), lab.path("new.mmdb"))
    os.rename(lab.path("new.mmdb"), lab.path("c.mmdb"))
    fed.renew(rb"geo database 'c\.mmdb' put to use: GeoLite2-ASN of ")
    fed.more()
    ended, places = fed.end()
    demand(len(places) == 3, f"{len(places)} alerts")
    demand("geo" in places[0] and "as" not in places[0], f"first: {places[0]}")
    demand("as" in places[-1] and "geo" not in places[-1], f"last: {places[-1]}")
    demand(not ended.warnings, ended.told())


def database_replaced_quietly(lab):
    """With -q nothing is said of it."""
    shutil.copy(geo(lab, "maxmind-city.mmdb"), lab.path("c.mmdb"))
    fed = Fed(lab, "c.mmdb", "-q")
    shutil.copy(geo(lab, "maxmind-asn.mmdb"), lab.path("new.mmdb"))
    os.rename(lab.path("new.mmdb"), lab.path("c.mmdb"))
    fed.running.signal(signal.SIGUSR2)

    def is_used():
        fed.more()
        with open(lab.path("out.json"), "rb") as file:
            return b'"as":{' in file.read()

    fed.running.wait_for(is_used, "the new database to be used")
    ended, _ = fed.end()
    demand(not ended.err, ended.told())


def database_spoiled_while_running(lab):
    """Whatever stands there instead, the old one stays in use, with a line."""
    shutil.copy(geo(lab, "maxmind-city.mmdb"), lab.path("c.mmdb"))
    fed = Fed(lab, "c.mmdb")
    with open(lab.path("c.mmdb"), "r+b") as file:
        file.truncate(1000)
    fed.renew(rb"cannot use geo database 'c\.mmdb': .*; the old one stays in use")
    os.unlink(lab.path("c.mmdb"))
    fed.renew(rb"cannot open geo database 'c\.mmdb': No such file.*; the old one stays in use")
    fed.more()
    shutil.copy(geo(lab, "maxmind-city.mmdb"), lab.path("c.mmdb"))
    fed.renew(rb"put to use: GeoLite2-City of ")
    ended, places = fed.end()
    demand(len(places) == 5 and all("geo" in place for place in places), f"{places}")
    demand(len(ended.warnings) == 2, ended.told())


def databases_of_all_kinds_in_turn(lab):
    """Good and damaged ones of every layout: renamed over, written in place, emptied, taken away
    while packets are read. No event is lost, whatever is there."""
    found = sorted(glob.glob(geo(lab, "") + "*.mmdb"))
    shutil.copy(geo(lab, "maxmind-city.mmdb"), lab.path("c.mmdb"))
    fed = Fed(lab, "c.mmdb")
    for i, path in enumerate(found):
        if i % 2 == 0:
            shutil.copy(path, lab.path("new.mmdb"))
            os.rename(lab.path("new.mmdb"), lab.path("c.mmdb"))
        else:
            shutil.copyfile(path, lab.path("c.mmdb"))
        fed.running.signal(signal.SIGUSR2)
        fed.more()
        if i % 3 == 0:
            lab.write("c.mmdb", b"")
        elif i % 3 == 1:
            os.unlink(lab.path("c.mmdb"))
        fed.running.signal(signal.SIGUSR2)
        fed.more()
    n = fed.n
    demand(n > 40, f"only {len(found)} databases")
    _, places = fed.end()
    demand(len(places) == n, f"{len(places)} of {n} alerts")


TESTS = [
    ("row 21 config missing", config_missing),
    ("row 21 config not readable", config_not_readable),
    ("row 21 no config", no_config),
    ("row 22 unknown key", unknown_key),
    ("row 23 wrong values", wrong_values),
    ("row 23 all mistakes", all_mistakes),
    ("row 24 unknown output type", unknown_output_type),
    ("row 24 duplicate key", duplicate_key),
    ("row 24 tab", tab),
    ("row 24 NUL byte", nul_byte),
    ("row 24 byte order mark and CRLF", byte_order_mark_and_crlf),
    ("row 24 empty config", empty_config),
    ("row 24 config of 100 MB", huge_config),
    ("row 25 bad expression", bad_expression),
    ("row 26 unknown keyword", unknown_keyword),
    ("row 26 mistakes are fatal when asked", mistakes_are_fatal_when_asked),
    ("row 26 classes from a file", classes_from_a_file),
    ("row 26 alerts are limited", alerts_are_limited),
    ("row 26 no rule of the file is left", no_rule_of_the_file_is_left),
    ("row 27 duplicate sid", duplicate_sid),
    ("row 27 higher revision wins", higher_revision_wins),
    ("row 28 rules missing", rules_missing),
    ("row 28 rules empty", rules_empty),
    ("row 28 rules with a long line", rules_with_a_long_line),
    ("row 28 rules not UTF-8", rules_not_utf8),
    ("row 29 backtracking", backtracking),
    ("row 30 corrupt databases", corrupt_databases),
    ("row 30 database missing", database_missing),
    ("row 31 database of another type", database_of_another_type),
    ("row 31 database with odd types", database_with_odd_types),
    ("row 32 database emptied while running", database_emptied_while_running),
    ("row 32 database replaced while running", database_replaced_while_running),
    ("row 32 database replaced quietly", database_replaced_quietly),
    ("row 32 database spoiled while running", database_spoiled_while_running),
    ("row 32 databases of all kinds in turn", databases_of_all_kinds_in_turn),
]
