"""Proves that the runner of the captures can fail: a stand-in for the sensor writes given lines."""

import gzip
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))

# Writes the bytes of $OUT_BYTES (of $OUT_BYTES.workers when --workers is given) to the file after
# -o, and ends with $EXIT_CODE.
STAND_IN = """#!/usr/bin/python3
import os, shutil, sys
source = os.environ["OUT_BYTES"]
if "--workers" in sys.argv and os.path.exists(source + ".workers"):
    source += ".workers"
if os.path.exists(source):
    shutil.copy(source, sys.argv[sys.argv.index("-o") + 1])
with open(os.environ["OUT_BYTES"] + ".args", "w") as file:
    file.write(" ".join(sys.argv[1:]))
print("jndiwatch: error: last words", file=sys.stderr)
sys.exit(int(os.environ.get("EXIT_CODE", "0")))
"""

STAMP = "2021-12-12T23:04:16.733555+0000"


def http(**more):
    return {"timestamp": STAMP, "event_type": "http", "flow_id": 7, "tx_id": 0,
            "http": {"url": "/", "status": 200, **more}}


def alert(jndi=None, **more):
    event = {
        "timestamp": STAMP, "event_type": "alert", "flow_id": 7, "tx_id": 0, "app_proto": "http",
        "direction": "to_server", "http": {"url": "/"}, "flow": {"pkts_toserver": 1},
        "payload_printable": "GET /",
        "alert": {"signature_id": 9000101, "severity": 1, "context": {
            "jndi": {"class": "attack", "field": "http.uri_param.q",
                     "raw": "$" + "{jndi:ldap://h/a}", "decoded": "jndi:ldap://h/a",
                     "lookups": ["jndi:ldap://h/a"], "scheme": "ldap",
                     "reaches_network": True, "depth": 1, "attack_id": "a-1",
                     "campaign": "c-1", "repeat": 1, "stage": "attempt",
                     "encodings": ["percent"], **(jndi or {})},
            "source": {"scope": "documentation"}, "destination": {"scope": "documentation"}}}}
    event["alert"].update(more.pop("alert", {}))
    event.update(more)
    return event


def step(jndi=None, **more):
    """The alert of what followed alert()."""
    told = {"class": "attack", "field": "http.uri_param.q", "scheme": "ldap", "attack_id": "a-1",
            "campaign": "c-1", "stage": "called_back",
            "attempt": {"timestamp": STAMP, "flow_id": 7}, **(jndi or {})}
    places = {"source": {"scope": "documentation"}, "destination": {"scope": "documentation"}}
    return {"timestamp": STAMP, "event_type": "alert", "flow_id": 8, "app_proto": "failed",
            "flow": {"pkts_toserver": 1},
            "alert": {"signature_id": 9000202, "severity": 1, "context": {"jndi": told, **places}},
            **more}


STATS = {"timestamp": STAMP, "event_type": "stats", "stats": {"uptime": 1, "decoder": {"pkts": 2}}}
GOOD = [alert(), http(), STATS]


def stats(decoded, lost_gap, flow_stats=None):
    """Stats that tell of so many packets, and of bytes lost to gaps."""
    return {**STATS, "stats": {**STATS["stats"], **({"flow": flow_stats} if flow_stats else {})},
            "metadata": {"flowints": {"packets_decoded": decoded, "lost_gap": lost_gap}}}


def flow(n_packets):
    """A flow of so many packets in which five bytes are missing."""
    return {"timestamp": STAMP, "event_type": "flow",
            "flow": {"pkts_toserver": n_packets, "pkts_toclient": 0},
            "metadata": {"flowints": {"bytes_not_inspected_gap": 5}}}


EXPECT = ['{"alerts": 1}',
          '{"event_type": "alert", "sid": 9000101, "jndi.field": "http.uri_param.q"}',
          '{"count": 1, "event_type": "http", "http.url": "/"}']


# Captures of two packets of four bytes, the pcap with half a third behind them.
PCAP = (struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
        + struct.pack("<IIII4s", 1, 0, 4, 4, b"abcd") * 2 + struct.pack("<IIII", 1, 0, 4, 4))
PCAPNG = (struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
          + struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
          + struct.pack("<IIIIIII4sI", 6, 36, 0, 0, 0, 4, 4, b"abcd", 36) * 2)


def lines(events):
    """What the sensor would write: JSON lines, the dollar sign escaped."""
    return "".join(json.dumps(e).replace("$", "\\u0024") + "\n" for e in events).encode()


class Runner(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="jndiwatch-runner-")
        self.addCleanup(self.folder.cleanup)
        self.program = self.write("program", STAND_IN)
        os.chmod(self.program, 0o755)
        os.mkdir(self.path("pcaps"))

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)

    def run_it(self, output, expect=EXPECT, workers=None, args=(), name="one.pcap", env=None,
               capture=PCAP):
        """Runs the runner over one capture; returns (exit code, what it printed)."""
        self.write("pcaps/" + name, capture)
        if expect is not None:
            self.write("pcaps/one.expect", "\n".join(expect) + "\n")
        if output is not None:
            self.write("out", output if isinstance(output, bytes) else lines(output))
        if workers is not None:
            self.write("out.workers", lines(workers))
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "run.py"), "--jndiwatch", self.program, "--pcaps",
             self.path("pcaps"), *args], capture_output=True, check=False, text=True,
            env={"PATH": os.environ["PATH"], "OUT_BYTES": self.path("out"),
                 "PYTHONDONTWRITEBYTECODE": "1", **(env or {})})
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def passes(self, *args, **kwargs):
        code, text = self.run_it(*args, **kwargs)
        self.assertIn("ok one\n", text)
        self.assertNotIn("not ok", text)
        self.assertTrue(text.endswith("1 passed, 0 failed\n"), text)
        self.assertEqual(code, 0)

    def fails(self, why, *args, **kwargs):
        code, text = self.run_it(*args, **kwargs)
        self.assertIn("not ok one: ", text)
        self.assertIn(why, text)
        self.assertTrue(text.endswith("0 passed, 1 failed\n"), text)
        self.assertEqual(code, 1)

    def test_what_was_expected_passes(self):
        self.passes(GOOD)

    def test_compressed_and_pcapng_captures_are_found(self):
        self.passes(GOOD, name="one.pcap.gz", capture=gzip.compress(PCAP))
        os.remove(self.path("pcaps/one.pcap.gz"))
        self.passes(GOOD, name="one.pcapng", capture=PCAPNG)

    def test_an_alert_too_many_fails(self):
        self.fails("expected 1 alerts, found 2", [alert(), alert(), http(), STATS])

    def test_an_alert_too_few_fails(self):
        self.fails("expected 1 alerts, found 0", [http(), STATS])

    def test_an_invented_alert_fails_where_none_is_expected(self):
        self.fails("expected 0 alerts, found 1", GOOD, expect=['{"alerts": 0}'])

    def test_a_wrong_count_fails(self):
        self.fails("one.expect:2: expected 2, found 1", GOOD,
                   expect=['{"alerts": 1}', '{"count": 2, "event_type": "http", "http.url": "/"}'])

    def test_a_count_outside_its_range_fails(self):
        line = '{"count": {"min": 2, "max": 3}, "event_type": "http"}'
        self.fails("expected 2..3, found 1", GOOD, expect=['{"alerts": 1}', line])
        self.passes([alert(), http(), http(), STATS], expect=['{"alerts": 1}', line])

    def test_a_missing_field_fails_and_names_what_is_nearest(self):
        self.fails('http.hostname nothing (wanted "shop")', GOOD, expect=[
            '{"alerts": 1}', '{"event_type": "http", "http.url": "/", "http.hostname": "shop"}'])

    def test_another_value_fails_and_is_shown(self):
        self.fails('alert.context.jndi.field "http.uri_param.q" (wanted "http.uri")', GOOD, expect=[
            '{"alerts": 1}', '{"event_type": "alert", "jndi.field": "http.uri"}'])

    def test_true_is_not_one(self):
        self.fails("expected 1, found 0", GOOD, expect=[
            '{"alerts": 1}', '{"event_type": "alert", "jndi.reaches_network": 1}'])

    def test_comparisons_fail_when_they_should(self):
        good = ['"jndi.encodings": {"has": "percent"}', '"jndi.raw": {"re": "^.{jndi"}',
                '"jndi.depth": {"min": 1, "max": 1}', '"jndi.variables": {"absent": true}',
                '"jndi.lookups.0": "jndi:ldap://h/a"', '"client.ip": {"absent": true}']
        bad = ['"jndi.encodings": {"has": "perc"}', '"jndi.raw": {"re": "^jndi"}',
               '"jndi.depth": {"min": 2}', '"jndi.depth": {"max": 0}',
               '"jndi.lookups": {"absent": true}', '"jndi.lookups.1": "jndi:ldap://h/a"',
               '"jndi.raw": {"min": 0}', '"jndi.raw": {"has": "a"}',
               '"jndi.variables": {"re": ""}', '"jndi.variables": {"absent": false}']
        for text in good:
            with self.subTest(text):
                self.passes(GOOD, expect=['{"alerts": 1}', '{"event_type": "alert", %s}' % text])
        for text in bad:
            with self.subTest(text):
                self.fails("expected 1, found 0", GOOD,
                           expect=['{"alerts": 1}', '{"event_type": "alert", %s}' % text])

    def test_an_opener_in_the_bytes_fails(self):
        self.fails("opener", lines(GOOD).replace(b"\\u0024", b"$"))

    def test_half_a_line_fails(self):
        self.fails("not complete", lines(GOOD)[:-1])
        self.fails("line 1 of the output", b'{"a": \n' + lines(GOOD))

    def test_a_line_that_is_no_object_fails(self):
        self.fails("no object", b"[]\n" + lines(GOOD))

    def test_a_key_twice_fails(self):
        self.fails("key twice", b'{"a": 1, "a": 2}\n' + lines(GOOD))

    def test_a_number_that_json_has_not_fails(self):
        self.fails("NaN", b'{"a": NaN}\n' + lines(GOOD))

    def test_bytes_that_are_no_utf8_fail(self):
        self.fails("line 1", b'{"a": "\xff"}\n' + lines(GOOD))

    def test_a_wrong_exit_code_fails_with_the_last_words(self):
        self.fails("exit code 1, expected 0: jndiwatch: error: last words", GOOD,
                   env={"EXIT_CODE": "1"})
        self.passes(GOOD, expect=EXPECT + ['{"exit": 1}'], env={"EXIT_CODE": "1"})

    def test_no_output_fails(self):
        self.fails("wrote no output", None)

    def test_a_program_that_is_not_there_fails(self):
        os.remove(self.program)
        self.fails("cannot run", GOOD)

    def test_other_events_with_workers_fail(self):
        self.fails("three workers", GOOD, workers=[http(), alert(), STATS])
        other_stats = {**STATS, "stats": {"uptime": 2, "decoder": {"pkts": 2}}}
        self.passes(GOOD, workers=[alert(), http(), other_stats])

    def test_a_capture_without_expectation_fails(self):
        self.fails("no .expect file", GOOD, expect=None)

    def test_an_expectation_without_a_capture_fails(self):
        self.write("pcaps/two.expect", "\n".join(EXPECT))
        code, text = self.run_it(GOOD)
        self.assertIn("not ok two: there is no capture", text)
        self.assertTrue(text.endswith("1 passed, 1 failed\n"), text)
        self.assertEqual(code, 1)

    def test_an_expectation_that_says_nothing_fails(self):
        bad = {
            "says not how many": ['{"event_type": "http"}'],
            "no event_type": ['{"alerts": 1}', '{"count": 1, "http.url": "/"}'],
            "unknown option": ['{"alerts": 1}', '{"alrets": 1}'],
            "unknown comparison": ['{"alerts": 1}', '{"event_type": "http", "a": {"is": 1}}'],
            "neither a number": ['{"alerts": 1}', '{"count": "2", "event_type": "http"}'],
            "unknown condition": ['{"alerts": 1}', '{"when": "x", "event_type": "http"}'],
            "one.expect:2": ['{"alerts": 1}', '{"event_type"}'],
        }
        for why, expect in bad.items():
            with self.subTest(why):
                self.fails(why, GOOD, expect=expect)

    def test_an_included_file_counts(self):
        self.write("pcaps/two.expect", "\n".join(EXPECT))
        self.write("pcaps/two.pcap", PCAP)
        args = ["--only", "one"]
        self.passes(GOOD, expect=['{"include": "two"}'], args=args)
        self.fails("two.expect:3", [alert(), http(url="/x"), STATS],
                   expect=['{"include": "two"}'], args=args)
        self.passes([alert(), http(url="/x"), STATS],
                    expect=['{"include": "two", "only": ["alert"]}'], args=args)
        self.fails("expected 2 alerts", GOOD, expect=['{"include": "two"}', '{"include": "two"}'],
                   args=args)

    def test_arguments_reach_the_program(self):
        self.passes(GOOD, expect=EXPECT + ['{"args": ["-c", "@x.yaml"]}'],
                    args=["--geoip", "/a.mmdb"])
        with open(self.path("out.args"), encoding="utf-8") as file:
            self.assertIn(f"-c {self.path('pcaps')}/x.yaml --geoip /a.mmdb", file.read())

    def test_a_line_for_geo_is_checked_only_with_a_database(self):
        expect = EXPECT + ['{"when": "geo", "event_type": "alert", "client.geo.x": "DE"}']
        self.passes(GOOD, expect=expect)
        self.fails("one.expect:4", GOOD, expect=expect, args=["--geoip", "/a.mmdb"])

    def test_only_chooses(self):
        self.passes(GOOD, args=["--only", "one"])
        done = subprocess.run([sys.executable, os.path.join(HERE, "run.py"), "--jndiwatch",
                               self.program, "--pcaps", self.path("pcaps"), "--only", "none"],
                              capture_output=True, check=False, text=True)
        self.assertEqual((done.returncode, done.stderr), (1, "no capture named none\n"))

    def test_broken_laws_fail(self):
        cases = {
            "severity 2 of 9000101": alert(alert={"severity": 2}),
            "class attempt of 9000101": alert(jndi={"class": "attempt"}),
            "scheme rmi of 9000101": alert(jndi={"scheme": "rmi"}),
            "reaches_network False of 9000101": alert(jndi={"reaches_network": False}),
            "not the first look-up": alert(jndi={"decoded": "jndi:x"}),
            "direction to_client of 9000101": alert(direction="to_client"),
            "direction to_server of 9000601": alert(alert={"signature_id": 9000601, "severity": 2}),
            "jndi.field 'http.nowhere' is no field": alert(jndi={"field": "http.nowhere"}),
            "jndi.encodings has 'rot13'": alert(jndi={"encodings": ["rot13"]}),
            "jndi.tricks has 'magic'": alert(jndi={"tricks": ["magic"]}),
            "jndi.lookups has a name twice": alert(jndi={"lookups": ["jndi:ldap://h/a"] * 2}),
            "jndi.encodings is null or empty": alert(jndi={"encodings": []}),
            "no event of transaction 3": alert(tx_id=3),
            "more than 51 bits": alert(flow_id=1 << 51),
            "timestamp": alert(timestamp="2021-12-12T23:04:16Z"),
        }
        for why, event in cases.items():
            with self.subTest(why):
                self.fails(why, [event, http(), STATS], expect=['{"alerts": 1}'])
        for name in ("flow", "payload_printable", "http", "app_proto"):
            with self.subTest(name):
                event = alert()
                del event[name]
                self.fails(f"{name} is missing", [event, http(), STATS], expect=['{"alerts": 1}'])
        self.passes([step(), *GOOD], expect=['{"alerts": 2}'])
        steps = {
            "stage 'resolved' of 9000202": step(jndi={"stage": "resolved"}),
            "no attempt a-2": step(jndi={"attack_id": "a-2"}),
            "the attempt a-1 was another": step(jndi={"attempt": {"timestamp": STAMP,
                                                                  "flow_id": 9}}),
            "called_back before the attempt": step(timestamp=STAMP.replace("2021", "2020")),
            "scheme rmi of an attempt with ldap": step(jndi={"scheme": "rmi"}),
            "jndi.attempt is null or empty": step(jndi={"attempt": {}}),
            "flow_id is missing": {k: v for k, v in step().items() if k != "flow_id"},
        }
        for why, event in steps.items():
            with self.subTest(why):
                self.fails(why, [event, *GOOD], expect=['{"alerts": 2}'])
        unnumbered = alert()
        del unnumbered["tx_id"]
        repeats = {**STATS, "stats": {**STATS["stats"], "tcp": {"overlap": 1}}}
        self.fails("no event of transaction None", [unnumbered, http(), STATS],
                   expect=['{"alerts": 1}'])
        self.passes([unnumbered, http(), repeats], expect=['{"alerts": 1}'])
        unnumbered["alert"]["context"]["jndi"]["field"] = "tcp.payload"
        self.passes([unnumbered, http(), STATS], expect=['{"alerts": 1}'])
        self.fails("the last event is no stats", [alert(), STATS, http()])
        self.passes([*GOOD[:2], flow(2), stats(2, 5)])
        self.passes([*GOOD[:2], flow(1), stats(2, 5, {"memcap": 1})])
        self.fails("flows tell of 1 packets", [*GOOD[:2], flow(1), stats(2, 5)])
        self.fails("flows tell of 5 bytes that were not inspected for gap",
                   [*GOOD[:2], flow(2), stats(2, 6)])
        self.fails("pkts is 2, the capture has 1 packets", GOOD, capture=PCAP[:-17])

    def test_an_event_against_the_schema_fails(self):
        try:
            import jsonschema  # noqa: F401
        except ImportError:
            self.skipTest("python3-jsonschema is missing")
        os.makedirs(self.path("data"))
        self.write("data/eve-schema.json", json.dumps(
            {"type": "object", "properties": {"http": {"properties": {"url": {
                "type": "string", "maxLength": 1}}}}}))
        self.passes(GOOD, env={"JNDIWATCH_SHARED": self.folder.name})
        self.fails("schema: http.url", [alert(), http(url="/"), http(url="/xx"), STATS],
                   env={"JNDIWATCH_SHARED": self.folder.name})


if __name__ == "__main__":
    unittest.main()
