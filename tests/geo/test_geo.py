#!/usr/bin/python3
"""Tests of scripts/geo and of the databases that make.py wrote.

usage: test_geo.py DATABASE_DIR    (exit code 77: the packages for it are missing)
"""
import importlib.machinery
import importlib.util
import json
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATABASES = None


def load_geo():
    """scripts/geo as a module."""
    loader = importlib.machinery.SourceFileLoader("geo", str(ROOT / "scripts" / "geo"))
    spec = importlib.util.spec_from_loader("geo", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


GEO = load_geo()


def read(path, *addresses):
    """What MaxMind's reader finds in a file: its metadata, and the records in order."""
    command = ["perl", str(HERE / "read.pl"), str(path), *addresses]
    lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()
    return json.loads(lines[0]), [json.loads(line) for line in lines[1:]]


class Ranges(unittest.TestCase):
    """The arithmetic of ranges in scripts/geo."""

    def flat(self, *networks):
        """Networks (first, last, value) of one family, flattened and joined."""
        ranges = GEO.joined(GEO.flattened((4, *network) for network in networks))
        return [tuple(one[1:]) for one in ranges]

    def test_inner_network_cuts_a_hole_in_the_outer_one(self):
        self.assertEqual(
            self.flat((0, 99, "a"), (10, 19, "b")), [(0, 9, "a"), (10, 19, "b"), (20, 99, "a")]
        )

    def test_nested_three_deep_and_ending_together(self):
        self.assertEqual(
            self.flat((0, 99, "a"), (50, 99, "b"), (90, 99, "c"), (200, 201, "d")),
            [(0, 49, "a"), (50, 89, "b"), (90, 99, "c"), (200, 201, "d")],
        )

    def test_inner_network_without_a_value_is_a_hole(self):
        self.assertEqual(self.flat((0, 9, "a"), (3, 4, 0)), [(0, 2, "a"), (5, 9, "a")])

    def test_equal_neighbours_become_one_range(self):
        self.assertEqual(
            self.flat((0, 9, "a"), (10, 19, "a"), (20, 29, "b")), [(0, 19, "a"), (20, 29, "b")]
        )

    def test_families_are_not_joined(self):
        ranges = GEO.joined([(2, 0, 9, "a"), (10, 10, 19, "a")])
        self.assertEqual([one[:3] for one in ranges], [[2, 0, 9], [10, 10, 19]])

    def test_outer_network_of_one_family_ends_before_the_next_family(self):
        flat = GEO.joined(GEO.flattened([(2, 0, 99, "a"), (2, 5, 9, "b"), (10, 0, 9, "c")]))
        self.assertEqual(
            [tuple(one) for one in flat],
            [(2, 0, 4, "a"), (2, 5, 9, "b"), (2, 10, 99, "a"), (10, 0, 9, "c")],
        )


class Countries(unittest.TestCase):
    """Reading tor-geoipdb's files."""

    def ranges(self, v4, v6=""):
        """What country_ranges() reads from such files."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [f"{folder}/geoip", f"{folder}/geoip6"]
            for path, text in zip(paths, (v4, v6)):
                Path(path).write_text(text, encoding="ascii")
            return list(GEO.country_ranges(paths))

    def test_both_files_are_read(self):
        found = self.ranges("# comment\n16777216,16777471,AU\n", "2001:db8::,2001:db8::ff,DE\n")
        self.assertEqual(found[0], (socket.AF_INET, 0x01000000, 0x010000FF, "AU"))
        self.assertEqual(found[1][0], socket.AF_INET6)
        self.assertEqual(found[1][2] - found[1][1], 255)

    def test_unknown_country_has_no_value(self):
        self.assertEqual(self.ranges("1,2,??\n")[0][3], "")

    def test_line_that_is_no_range_is_named(self):
        for line in ("1,2", "1,x,DE", "1,2,DE,4"):
            with self.assertRaisesRegex(GEO.GeoError, r"geoip:2: not a range"):
                self.ranges(f"1,2,DE\n{line}\n")

    def test_date_of_the_data_is_taken_from_the_file(self):
        with tempfile.NamedTemporaryFile("w", suffix="geoip") as file:
            file.write("#\n# Generated: Thu, 25 Jun 2026 04:33:59 GMT\n1,2,DE\n")
            file.flush()
            self.assertEqual(GEO.generated_at(file.name), 1782362039)


class Databases(unittest.TestCase):
    """What was written is what the source says."""

    def assert_same(self, found, wanted):
        """Compares records; numbers as 32-bit floats would hold them, booleans as 0 and 1."""
        if isinstance(wanted, dict):
            self.assertEqual(sorted(found), sorted(wanted))
            for key, value in wanted.items():
                self.assert_same(found[key], value)
        elif isinstance(wanted, list):
            self.assertEqual(len(found), len(wanted))
            for one, other in zip(found, wanted):
                self.assert_same(one, other)
        elif isinstance(wanted, (int, float)):
            self.assertAlmostEqual(float(found), float(wanted), places=5)
        else:
            self.assertEqual(found, wanted)

    def test_every_source_is_read_back(self):
        overlay = ROOT / "scripts" / "overlay"
        sources = sorted(HERE.glob("*.json")) + sorted(overlay.glob("*.json"))
        self.assertGreater(len(sources), 10)
        for source in sources:
            with self.subTest(source=source.name):
                wanted = json.loads(source.read_text(encoding="utf-8"))
                path = DATABASES / f"{source.stem}.mmdb"
                first_addresses = [network.split("/")[0] for network in wanted["networks"]]
                head, records = read(path, *first_addresses)
                for key in ("database_type", "ip_version", "record_size", "build_epoch"):
                    if key in wanted:
                        self.assertEqual(head[key], wanted[key])
                for record, network in zip(records, wanted["networks"]):
                    self.assert_same(record, wanted["networks"][network])

    def test_addresses_outside_are_not_found(self):
        outside = ("192.0.1.255", "192.0.3.0", "203.0.113.1", "2001:db9::")
        _, records = read(DATABASES / "maxmind-city.mmdb", *outside)
        self.assertEqual(records, [None] * 4)

    def test_inner_network_wins(self):
        nested = ("192.0.2.127", "192.0.2.128", "192.0.2.255")
        _, records = read(DATABASES / "maxmind-city.mmdb", *nested)
        self.assertEqual([one["country"]["iso_code"] for one in records], ["XA", "XC", "XC"])

    def test_damaged_copies_are_all_different(self):
        copies = {path.read_bytes() for path in DATABASES.glob("damaged-*.mmdb")}
        self.assertGreaterEqual(len(copies), 15)
        self.assertNotIn((DATABASES / "maxmind-city.mmdb").read_bytes(), copies)

    def test_wrong_source_is_one_line_and_leaves_no_file(self):
        head = '{"database_type": "x", "ip_version": 4, "networks": '
        cases = {
            head: "cannot read",
            '{"ip_version": 4}': "networks",
            head + '{"2001:db8::/32": {"a": "b"}}}': "cannot write",
            head + '{"no network": {"a": "b"}}}': "cannot write",
        }
        for text, message in cases.items():
            with self.subTest(text=text), tempfile.TemporaryDirectory() as folder:
                source = Path(folder, "source.json")
                source.write_text(text, encoding="utf-8")
                run = subprocess.run(
                    [str(ROOT / "scripts" / "geo"), "--from", str(source), f"{folder}/out.mmdb"],
                    capture_output=True, text=True, check=False,
                )
                self.assertEqual(run.returncode, 1)
                self.assertRegex(run.stderr, rf"^geo: error: .*{message}")
                self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
                self.assertEqual([path.name for path in Path(folder).iterdir()], ["source.json"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    DATABASES = Path(sys.argv.pop())
    if not DATABASES.joinpath("maxmind-city.mmdb").exists():
        print("skipped: libmaxmind-db-writer-perl is not installed")
        sys.exit(77)
    unittest.main(verbosity=1)
