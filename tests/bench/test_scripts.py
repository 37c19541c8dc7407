#!/usr/bin/python3
"""Tests of scripts/bench and scripts/soak, with nothing in them that depends on how fast the
machine is: what the first prints, what it keeps, how it looks for a rate, and that it runs at all,
with small captures; what the second refuses.

usage: test_scripts.py BUILD
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

import history  # noqa: E402
import live  # noqa: E402
import rows  # noqa: E402
import suricata  # noqa: E402
from runs import BenchError, Capture, Contender, ratio  # noqa: E402

BUILD = None
TALLY = {"packets": 100, "bytes": 5000, "gzip_bodies": 1}


def run_of(cpu, wall=1.0):
    """A run with known figures."""
    return types.SimpleNamespace(cpu=cpu, wall=wall, memory=1 << 20)


def contender(name, *cpus):
    """A contender that has run."""
    made = Contender(name, Capture(Path("none"), TALLY), [])
    made.runs = [run_of(cpu) for cpu in cpus]
    return made


class Figures(unittest.TestCase):
    """How figures come about."""

    def test_ratio_is_the_median_of_paired_runs(self):
        top, bottom = contender("a", 2, 30, 8), contender("b", 1, 10, 1)
        self.assertEqual(ratio(top, bottom, "cpu"), 3)

    def test_ratio_per_packet_takes_each_capture_by_its_own_size(self):
        top, bottom = contender("a", 2), contender("b", 1)
        bottom.capture = Capture(Path("none"), {"packets": 10})
        self.assertAlmostEqual(ratio(top, bottom, "cpu/packets"), 0.2)

    def test_figure_without_its_contender_is_left_out(self):
        figure = rows.Figure("k", "label", "a", "b", "cpu", 1)
        self.assertIsNone(rows.value(figure, {"a": contender("a", 1)}, {}, {}))
        self.assertEqual(
            rows.value(figure, {"a": contender("a", 1), "b": contender("b", 2)}, {}, {}), 0.5)

    def test_every_figure_is_of_contenders_that_run(self):
        programs = types.SimpleNamespace(
            et_rules=Path("rules"), has_headers=True, patterns="none",
            floor=lambda mode, capture: [], sense=lambda *more, cache=None: [],
            suricata=types.SimpleNamespace(reads=lambda *more: []))
        names = set()
        for add in rows.GROUPS.values():
            group = rows.Group(programs, Path("none"))
            add(group, lambda profile: Capture(Path(profile), TALLY))
            names.update(one.name for one in group.contenders)
        counted = rows.counted(programs, lambda profile: Capture(Path(profile), TALLY), Path("x"))
        for figure in rows.FIGURES:
            known = counted if figure.what == "instructions" else names
            if figure.what != "worst":
                self.assertIn(figure.top, known, figure.key)
                self.assertIn(figure.bottom, names | {""}, figure.key)
        keys = [figure.key for figure in rows.FIGURES]
        self.assertEqual(len(keys), len(set(keys)))


class History(unittest.TestCase):
    """The history's file."""

    def test_lines_are_appended_and_new_columns_filled_up(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "history.tsv")
            history.append(path, "abc", "full", {"x": 1.23456, "y": 43210.4})
            history.append(path, "def", "quick", {"y": None, "z": 0.5})
            columns, lines = history.read(path)
        self.assertEqual(columns, ["date", "parent", "run", "x", "y", "z"])
        self.assertEqual([line[1:] for line in lines], [["abc", "full", "1.23", "43210", "-"],
                                                        ["def", "quick", "-", "-", "0.5"]])

    def test_history_in_the_tree_is_whole(self):
        columns, lines = history.read(HERE / "history.tsv")
        self.assertEqual(columns[:3], list(history.FIXED))
        self.assertEqual(set(columns[3:]), {figure.key for figure in rows.FIGURES})
        self.assertGreater(len(lines), 0)
        for line in lines:
            self.assertEqual(len(line), len(columns))
            self.assertRegex(line[0], r"^\d{4}-\d\d-\d\d$")
            self.assertIn(line[2], ("full", "quick"))
            for text in line[3:]:
                self.assertTrue(text == history.NONE or float(text) >= 0)

    def test_a_machine_without_git_cannot_tell_the_parent(self):
        with unittest.mock.patch.dict(os.environ, {"PATH": "/nonexistent"}):
            self.assertEqual(history.parent_of(Path("/")), history.NONE)


class Losses(unittest.TestCase):
    """What counts as lost by Suricata."""

    def check(self, stats):
        """Checks a run that left these statistics."""
        with tempfile.TemporaryDirectory() as folder:
            eve = Path(folder, "eve.json")
            line = json.dumps({"event_type": "stats", "stats": stats}, separators=(",", ":"))
            eve.write_text(line + "\n", encoding="ascii")
            suricata.check(eve, {"profile": "p", "packets": 7})

    def test_run_that_saw_everything_is_accepted(self):
        self.check({"decoder": {"pkts": 7}, "ippair": {"memcap": 16777216},
                    "tcp": {"memuse": 5, "segment_memcap_drop": 0}})

    def test_run_that_dropped_or_missed_something_is_not(self):
        for stats in ({"decoder": {"pkts": 6}},
                      {"decoder": {"pkts": 7}, "tcp": {"segment_memcap_drop": 1}},
                      {"decoder": {"pkts": 7}, "tcp": {"reassembly_gap": 2}},
                      {"decoder": {"pkts": 7}, "flow": {"memcap": 3}},
                      {"decoder": {"pkts": 7}, "flow": {"emerg_mode_entered": 1}}):
            with self.subTest(stats=stats), self.assertRaises(BenchError):
                self.check(stats)


class Search(unittest.TestCase):
    """How the highest rate is found."""

    def search(self, capacity, fastest=4.0, steps=10):
        """Looks for the capacity of a made-up program, in Gbit/s."""
        def attempt(mbits):
            gbits = min(mbits / 1000, fastest) if mbits else fastest
            return live.Trial(gbits, gbits, 0 if gbits <= capacity else 9)
        return live.search(attempt, steps, lambda text: None)

    def test_rate_is_closed_in_on(self):
        good, bad = self.search(1.7)
        self.assertLessEqual(good.gbits, 1.7)
        self.assertGreater(bad.gbits, 1.7)
        self.assertGreater(good.gbits, 1.6)

    def test_sender_may_be_slower_than_the_program(self):
        good, bad = self.search(9)
        self.assertEqual((good.gbits, bad), (4.0, None))

    def test_program_may_lose_at_every_rate(self):
        good, bad = self.search(-1, steps=3)
        self.assertIsNone(good)
        self.assertEqual(bad.lost, 9)

    def test_one_bad_moment_does_not_count(self):
        lost = [5, 0]
        good, _bad = live.search(lambda mbits: live.Trial(1, 1, lost.pop(0)), 3, lambda text: None)
        self.assertEqual(good.lost, 0)


class Program(unittest.TestCase):
    """scripts/bench itself, with one cache for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.cache = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.cache)

    def bench(self, *words, wanted=0):
        """Runs it with small captures; (standard output, standard error)."""
        done = subprocess.run(
            [sys.executable, "-B", str(ROOT / "scripts/bench"), *words, "--build", BUILD,
             "--cache", self.cache, "--size", "1", "--no-suricata"],
            capture_output=True, text=True, check=False,
            env={**os.environ, "JNDIWATCH_ET_RULES": "", "JNDIWATCH_SHARED": ""})
        self.assertEqual(done.returncode, wanted, done.stderr[-2000:])
        return done.stdout, done.stderr

    def test_figures_are_printed_and_recorded(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "history.tsv")
            words = ("--quick", "--only", "small,attack", "--runs", "1", "--json",
                     "--record", "--history", str(path))
            printed, said = self.bench(*words)
            got = json.loads(printed)
            columns, lines = history.read(path)
        self.assertEqual(columns[3:], [figure.key for figure in rows.FIGURES])
        self.assertEqual(lines[0][2], "quick")
        figures = got["figures"]
        self.assertGreater(figures["small_floor"], 0)
        self.assertGreater(figures["attack_byte"], 0)
        self.assertIsNone(figures["mixed_floor"])
        self.assertIsNone(figures["small_et"])
        self.assertIn("no rows with ET rules", said)
        self.assertIn("small floor read", got["runs"])

    def test_table_names_what_is_demanded(self):
        printed, _said = self.bench("--only", "start", "--runs", "1")
        self.assertRegex(printed, r"start with shipped rules, ms +[\d,.]+ +200  (ok|MISSED)")

    def test_what_is_asked_for_wrongly_is_refused(self):
        for words, text in ((("--only", "nosuch"), "unknown 'nosuch'; there are mixed"),
                            (("--et-rules", "nosuch"), "there is no file 'nosuch'"),
                            (("--runs", "0"), "at least 1")):
            with self.subTest(words=words):
                self.assertIn(text, self.bench(*words, wanted=2)[1])

    def test_live_finds_a_rate(self):
        if os.geteuid() != 0 or not all(map(shutil.which, ("tcpreplay", "unshare", "ip"))):
            self.skipTest("needs root, tcpreplay, unshare and ip")
        probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
        if probe.returncode != 0:
            self.skipTest("making a network namespace is not permitted")
        words = ("live", "--profile", "small", "--seconds", "0.05", "--steps", "1", "--workers",
                 "0", "--json")
        printed, _said = self.bench(*words)
        found = json.loads(printed)["jndiwatch, 0 workers"]
        trial = found["lossless"] or found["lossy"]
        self.assertGreater(trial["gbits"], 0)
        self.assertGreater(trial["mpackets"], 0)


class Soak(unittest.TestCase):
    """scripts/soak: a run of it is for the hand, since what goes without loss is the machine's."""

    def soak(self, *words, wanted):
        done = subprocess.run([sys.executable, "-B", str(ROOT / "scripts/soak"), *words],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, wanted, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_what_is_asked_for_wrongly_is_refused(self):
        self.assertIn("more than 0 minutes", self.soak("0", wanted=2))
        self.assertIn("more than 0 Mbit/s", self.soak("1", "--mbps", "-3", wanted=2))

    def test_what_is_not_built_is_named(self):
        if not all(map(shutil.which, ("tcpreplay", "ip"))):
            self.skipTest("needs tcpreplay and ip")
        said = self.soak("1", "--build", "nosuch", wanted=1)
        self.assertIn("nosuch/jndiwatch' is not there: run scripts/build", said)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    known, rest = parser.parse_known_args()
    BUILD = os.path.abspath(known.build)
    unittest.main(argv=[sys.argv[0], *rest])
