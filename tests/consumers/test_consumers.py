#!/usr/bin/python3
"""What each consumer of events needs, and what it trips over, held against the events of all
captures and of hostile traffic, in every layout.

test_consumers.py PROGRAM --pcaps FOLDER [--geo FOLDER]

The needs are those of the consumers' own sources and documentation: the columns that Arkime reads,
the expressions that Splunk's add-on has, the fields that EveBox, Wazuh, Elastic's pipeline, T-Pot
and SELKS ask for. With JNDIWATCH_SHARED naming a folder that has data/eve-schema.json, the default
layout is validated against that schema.
"""

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("faults", "pcaps"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))

import flows  # noqa: E402
import run  # noqa: E402

LAYOUTS = ("context", "ecs", "logstash", "evebox")
SPLUNK, WAZUH = 20000, 65536  # the longest lines that they take whole
OPTIONS = None
LINES = {}  # layout -> lines, made once


def lines_of(layout):
    """All events in a layout, as they are written."""
    if not LINES:
        with tempfile.TemporaryDirectory(prefix="jndiwatch-consumers-") as folder:
            with open(os.path.join(folder, "hostile.pcap"), "wb") as file:
                file.write(flows.pcap(flows.hostile()))
            with open(os.path.join(folder, "own.rules"), "w", encoding="ascii") as file:
                file.write('alert http any any -> any any (msg:"no look-up"; http.method; '
                           'content:"GET"; sid:77;)\n')
            names = LAYOUTS + ("splunk", "wazuh")
            with open(os.path.join(folder, "outputs.yaml"), "w", encoding="ascii") as file:
                file.write("outputs:\n")
                for name in names:
                    more = (f"layout: {name}" if name in LAYOUTS
                            else f"line: {SPLUNK - 1} B" if name == "splunk"
                            else f"line: {WAZUH - 1} B")
                    file.write(f"  - {{target: {name}.json, {more}}}\n")
            geo = []
            for name in ("documentation-city.mmdb", "documentation-asn.mmdb"):
                path = os.path.join(OPTIONS.geo or "", name)
                geo += ["--geoip", path] if os.path.exists(path) else []
            captures = [word for path in run.captures(OPTIONS.pcaps).values()
                        for word in ("-r", path)]
            done = subprocess.run(
                [OPTIONS.program, "-c", "outputs.yaml", "-r", "hostile.pcap", *captures, *geo, "-q",
                 "-S", "own.rules",
                 "--set", "client.trusted=192.0.2.0/24,198.51.100.0/24",
                 "--set", "limits.field=256 KiB"],
                cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=200, check=False)
            if done.returncode not in (0, 1):
                raise SystemExit(f"exit code {done.returncode}: {done.stderr.decode()}")
            for name in names:
                with open(os.path.join(folder, f"{name}.json"), "rb") as file:
                    LINES[name] = file.read().split(b"\n")
                assert LINES[name].pop() == b"", "the last line has no end"
    return LINES[layout]


def events_of(layout):
    return [json.loads(line) for line in lines_of(layout)]


def alerts_of(layout):
    """Those of the shipped rules, which have all that a rule can say of itself."""
    found = [event for event in events_of(layout) if event["event_type"] == "alert"
             and event["alert"]["signature_id"] != 77]
    assert len(found) > 100, "the captures have hardly an alert"
    return found


def places(event, path):
    """The value at "a.b.c", or None."""
    at = event
    for name in path.split("."):
        at = at.get(name) if isinstance(at, dict) else None
    return at


def need_geo():
    if not any("geoip" in event for event in events_of("logstash")):
        raise unittest.SkipTest("the geo databases of the tests were not made")


class Safety(unittest.TestCase):
    """What no log may hold, whoever reads it."""

    # Characters that a terminal obeys, or that reorder a line (Unicode's Bidi_Control, others).
    TREACHEROUS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
                             "\ufeff\ufff9-\ufffb]")

    def test_no_line_can_harm_its_reader(self):
        for layout in LAYOUTS + ("splunk", "wazuh"):
            for line in lines_of(layout):
                self.assertNotIn(b"$", line)
                text = line.decode("utf-8")  # strictly
                self.assertIsNone(self.TREACHEROUS.search(text), line[:200])
                self.assertTrue(text.startswith('{"timestamp":"') and text.endswith("}"))

    def test_hostile_bytes_can_be_read_again(self):
        agents = [event["http"]["http_user_agent"] for event in events_of("context")
                  if "\\xff" in event.get("http", {}).get("http_user_agent", "")]
        self.assertTrue(agents)
        for agent in agents:
            for byte in list(range(0x20)) + [0x7f]:
                if byte not in b"\r\n":
                    self.assertIn(chr(byte), agent)
            for byte in range(0x80, 0x100):
                self.assertIn(f"\\x{byte:02x}", agent)

    def test_long_lines_are_cut_and_say_so(self):
        cut = [event for event in events_of("splunk")
               if "truncated" in (places(event, "metadata.flowbits") or [])]
        self.assertTrue(cut)
        longest = max(map(len, lines_of("context")))
        self.assertGreater(longest, SPLUNK)
        self.assertLessEqual(longest, 64 * 1024 + 16 * 1024)


class Questions(unittest.TestCase):
    """Those of the documentation have answers, and none ends in an error of jq."""

    def test_each_is_answered(self):
        jq = shutil.which("jq")
        if jq is None:
            self.skipTest("jq is not installed")
        need_geo()
        path = os.path.join(HERE, "..", "..", "sensor", "output", "README.md")
        with open(path, encoding="utf-8") as file:
            section = file.read().partition("## Questions")[2].partition("\n## ")[0]
        asked = [line.split("`")[1].replace("\\|", "|") for line in section.splitlines()
                 if line.startswith("| ") and "`" in line]
        self.assertGreater(len(asked), 8)
        events = b"\n".join(lines_of("context"))
        for question in asked:
            with self.subTest(question=question):
                done = subprocess.run([jq, "-r", question], input=events, capture_output=True,
                                      check=False, timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertTrue(done.stdout.strip())


class Schema(unittest.TestCase):
    def test_the_default_layout_is_suricatas(self):
        check = run.schema_check()
        if check is None:
            self.skipTest("the schema is not at hand (JNDIWATCH_SHARED)")
        for name in ("context", "splunk"):
            for event in events_of(name):
                self.assertEqual(list(check(event)), [], event)


class EveBox(unittest.TestCase):
    def test_the_inbox_can_group_and_show(self):
        for event in events_of("evebox"):
            datetime.datetime.strptime(event["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
        for event in alerts_of("evebox"):
            self.assertIsInstance(event["alert"]["signature_id"], int)
            for path in ("alert.signature", "alert.action", "src_ip", "dest_ip", "app_proto",
                         "host", "proto"):
                self.assertIsInstance(places(event, path), str, path)
            self.assertIn(event["alert"]["severity"], (1, 2, 3, 4))

    def test_geo_stands_where_its_panel_looks(self):
        need_geo()
        known = [event for event in alerts_of("evebox") if "geoip_source" in event]
        self.assertTrue(known)
        for event in known:
            self.assertRegex(event["geoip_source"]["country_iso_code"], "^[A-Z]{2}$")
            self.assertNotIn("source", event["alert"].get("context", {}))


class Elastic(unittest.TestCase):
    LIFTED = {"cve", "mitre_tactic_id", "mitre_tactic_name", "mitre_technique_id",
              "mitre_technique_name", "attack_target", "created_at", "signature_severity"}

    def test_the_pipeline_finds_its_fields(self):
        for event in events_of("ecs"):
            self.assertRegex(event["timestamp"],
                             r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000$")
            for name in ("src_port", "dest_port", "flow_id"):
                self.assertIsInstance(event.get(name, 0), int)
            self.assertLess(event.get("flow_id", 0), 1 << 51)

    def test_metadata_is_lifted_to_rule_and_threat(self):
        for event in alerts_of("ecs"):
            metadata = event["alert"]["metadata"]
            self.assertLessEqual(self.LIFTED, set(metadata))
            self.assertTrue(all(isinstance(value, list) for value in metadata.values()))
            for day in metadata["created_at"] + metadata.get("updated_at", []):
                datetime.datetime.strptime(day, "%Y_%m_%d")

    def test_ecs_names_and_types(self):
        need_geo()
        n_known = 0
        for event in events_of("ecs"):
            if "source" not in event:
                self.assertIn(event["event_type"], ("stats", "anomaly"))
                continue
            for side, name in (("source", "src"), ("destination", "dest")):
                self.assertEqual(event[side]["ip"], event[f"{name}_ip"])
                self.assertEqual(event[side].get("port"), event.get(f"{name}_port"))
                location = places(event, f"{side}.geo.location")
                if location is not None:
                    self.assertTrue(-90 <= location["lat"] <= 90 and -180 <= location["lon"] <= 180)
                    n_known += 1
                self.assertIsInstance(places(event, f"{side}.as.number") or 0, int)
        self.assertGreater(n_known, 0)
        self.assertTrue([event for event in events_of("ecs") if "client" in event])


class Wazuh(unittest.TestCase):
    def test_its_rules_fire(self):
        """86600 wants both names, 86601 the signature; an event is one line of at most 64 KiB."""
        for line in lines_of("wazuh"):
            self.assertLess(len(line), WAZUH)
            event = json.loads(line)
            self.assertTrue(event["timestamp"] and event["event_type"])
        for event in alerts_of("wazuh"):
            self.assertTrue(event["alert"]["signature"])


class Splunk(unittest.TestCase):
    def test_lines_are_not_cut_and_times_are_found(self):
        for line in lines_of("splunk"):
            self.assertLess(len(line), SPLUNK)
            json.loads(line)
            found = re.search(rb'"timestamp":\s*"', line[:40])
            self.assertIsNotNone(found)
            datetime.datetime.strptime(line[found.end():found.end() + 31].decode(),
                                       "%Y-%m-%dT%H:%M:%S.%f%z")

    def test_fields_of_the_add_on(self):
        for event in alerts_of("splunk"):
            for path in ("alert.signature", "alert.signature_id", "alert.category",
                         "alert.action", "alert.severity", "host"):
                self.assertIsNotNone(places(event, path), path)


class Arkime(unittest.TestCase):
    """Its plugin reads columns, not JSON."""

    def test_every_line_can_be_taken_apart(self):
        for line in lines_of("context"):
            self.assertGreaterEqual(len(line), 50)
            todo = [json.loads(line)]
            while todo:
                value = todo.pop()
                inner = value.values() if isinstance(value, dict) else value
                self.assertLessEqual(len(value), 100)
                todo += [one for one in inner if isinstance(one, (dict, list))]

    def test_alerts_match_sessions(self):
        for line, event in zip(lines_of("context"), events_of("context")):
            if event["event_type"] != "alert":
                continue
            self.assertIn(event["proto"], ("TCP", "UDP", "ICMP"))
            self.assertEqual(event["timestamp"][26:31], "+0000")
            for name in ("signature", "category"):
                text = event["alert"][name]
                # It does not undo escapes: what is written is what it shows.
                self.assertIn(f'"{name}":"{text}"'.encode("ascii"), line)
                self.assertNotIn("\\", text)
            for name in ("gid", "signature_id", "severity"):
                self.assertIsInstance(event["alert"][name], int)


class TPotAndSelks(unittest.TestCase):
    """Dashboards of Logstash's geoip."""

    def test_cve_and_geoip(self):
        need_geo()
        known = 0
        for event in alerts_of("logstash"):
            self.assertRegex(event["alert"]["metadata"]["cve"][0], r"^CVE_\d{4}_\d+$")
            if "geoip" not in event:
                continue
            known += 1
            geo = event["geoip"]
            self.assertRegex(geo["country_code2"], "^[A-Z]{2}$")
            self.assertTrue(geo["country_name"] and geo["as_org"] and geo["continent_code"])
            self.assertIsInstance(geo["asn"], int)
            self.assertEqual(geo["location"], {"lat": geo["latitude"], "lon": geo["longitude"]})
        self.assertGreater(known, 0)

    def test_it_is_about_the_attacker(self):
        """One geoip object, and the target does not overwrite it: the client, else the sender."""
        need_geo()
        for event, other in zip(events_of("logstash"), events_of("ecs")):
            if "geoip" not in event:
                continue
            sides = [other.get(side, {}) for side in ("client", "source", "destination")]
            first = next(side for side in sides if "geo" in side or "as" in side)
            self.assertEqual(event["geoip"]["ip"], first["ip"])


class Layouts(unittest.TestCase):
    ADDED = ("source", "destination", "client", "geoip", "geoip_source", "geoip_destination")

    def bare(self, event):
        """The event without geo data."""
        event = {name: value for name, value in event.items() if name not in self.ADDED}
        if "alert" in event:
            event["alert"] = dict(event["alert"])
            context = event["alert"].pop("context", {})
            event["alert"]["jndi"] = context.get("jndi")
        metadata = {name: value for name, value in event.pop("metadata", {}).items()
                    if name != "flowvars"}
        return {**event, "metadata": metadata}

    def test_they_differ_in_geo_data_alone(self):
        all_layouts = [events_of(layout) for layout in LAYOUTS]
        bare = [e for e in all_layouts[1] if "alert" in e and "context" not in e["alert"]]
        self.assertTrue(bare, "no alert is without a look-up")
        for together in zip(*all_layouts):
            first = self.bare(together[0])
            for other in together[1:]:
                self.assertEqual(self.bare(other), first)
        self.assertEqual(len({len(events) for events in all_layouts}), 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--pcaps", required=True)
    parser.add_argument("--geo")
    OPTIONS, rest = parser.parse_known_args()
    OPTIONS.program = os.path.abspath(OPTIONS.program)
    OPTIONS.pcaps = os.path.abspath(OPTIONS.pcaps)
    OPTIONS.geo = OPTIONS.geo and os.path.abspath(OPTIONS.geo)
    unittest.main(argv=[sys.argv[0], *rest])
