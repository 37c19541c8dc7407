#!/usr/bin/python3
"""Proves the tools of this folder: transformations keep the bytes of every stream, captures of any
format are read whole, and each check of the harness can fail (with a stand-in for the program)."""

import argparse
import contextlib
import io
import json
import os
import random
import signal
import sys
import unittest

sys.dont_write_bytecode = True

import harness  # noqa: E402
import flows  # noqa: E402
import frames  # noqa: E402
import packets  # noqa: E402
import run as replay  # noqa: E402
import shelf  # noqa: E402
import transform  # noqa: E402

CAPTURES = replay.captures(os.path.join(harness.TOP, "pcaps"))

STAND_IN = """#!/usr/bin/python3
import os, signal, sys
if os.environ.get("OUT"):
    with open(sys.argv[sys.argv.index("-o") + 1], "w") as file:
        file.write(os.environ["OUT"])
sys.stderr.write(os.environ.get("SAY", ""))
if os.environ.get("KILL"):
    os.kill(os.getpid(), int(os.environ["KILL"]))
sys.exit(int(os.environ.get("CODE", "0")))
"""


def streams(parts):
    """Way -> the bytes sent on it, put together by sequence number."""
    found = {}
    for part in filter(shelf.is_segment, parts):
        at, pieces = found.setdefault(part.way, [None, {}])
        if part.flags & frames.SYN:
            found[part.way][0] = part.seq + 1 & 0xFFFFFFFF
        elif at is None:
            found[part.way][0] = part.seq
        if part.payload:
            start = (part.seq - found[part.way][0]) & 0xFFFFFFFF
            for i, byte in enumerate(part.payload):
                pieces[start + i] = byte
    return {way: bytes(pieces[at] for at in sorted(pieces)) for way, (_, pieces) in found.items()}


def read_back(parts):
    """Parts, as they come out of the frames they make."""
    return list(map(shelf.parse, map(shelf.build, parts)))


class Shelf(unittest.TestCase):
    def test_every_packet_of_every_capture_is_read(self):
        self.assertGreater(len(CAPTURES), 40)
        for name, path in CAPTURES.items():
            with self.subTest(name):
                self.assertEqual(len(shelf.read(path)), packets.count(path))

    def test_frames_survive_parse_and_build(self):
        for name, path in CAPTURES.items():
            if name == "http-offload":
                continue  # its checksums are wrong, those that are built are right
            for frame in shelf.read(path):
                with self.subTest(name):
                    built = shelf.build(shelf.parse(frame))
                    # Short frames are padded on the wire.
                    self.assertEqual(frame.data[:len(built.data)], built.data)

    def test_the_same_traffic_in_other_files_is_the_same(self):
        for one, other in (("http-headers", "link-vlan"), ("http-schemes", "link-raw"),
                           ("mail-headers", "link-null"), ("http-bodies", "file-pcapng"),
                           ("http-nested", "file-zstd"), ("http-unsure", "file-big-endian")):
            with self.subTest(other):
                a, b = (streams(map(shelf.parse, shelf.read(CAPTURES[name])))
                        for name in (one, other))
                self.assertEqual(a, b)


class Transformations(unittest.TestCase):
    def setUp(self):
        self.parts = [part for name in ("http-keepalive", "mail-pipelining")
                      for part in map(shelf.parse, shelf.read(CAPTURES[name]))
                      if shelf.is_segment(part)]
        self.streams = streams(self.parts)
        self.chance = random.Random(1)

    def test_streams_are_kept(self):
        for change in (transform.single_bytes, transform.pieces, transform.duplicates,
                       transform.swapped, transform.wrapped):
            with self.subTest(change.__name__):
                made = read_back(change(list(self.parts), self.chance))
                self.assertEqual(streams(made), self.streams)
                self.assertNotEqual(made, self.parts)

    def test_single_bytes_are_single(self):
        made = transform.single_bytes(list(self.parts), self.chance)
        self.assertLessEqual(max(len(p.payload) for p in made), 1)

    def test_duplicates_are_many(self):
        made = transform.duplicates(list(self.parts), self.chance)
        self.assertGreaterEqual(transform.payload_size(made),
                                2 * transform.payload_size(self.parts))

    def test_swapped_are_out_of_order(self):
        made = transform.swapped(list(self.parts), self.chance)
        seen, late = {}, 0
        for part in made:
            late += part.seq < seen.get(part.way, 0)
            seen[part.way] = max(part.seq, seen.get(part.way, 0))
        self.assertGreater(late, 3)

    def test_wrapped_pass_zero(self):
        made = transform.wrapped(list(self.parts), self.chance)
        ways = {part.way for part in made if part.payload}
        crossing = {part.way for part in made if part.seq > 0xFFFF0000} & {
            part.way for part in made if part.seq < 0x10000}
        self.assertEqual(ways - crossing, set())

    def test_one_way_is_one_way(self):
        for to_server in (True, False):
            made = transform.one_way(self.parts, to_server)
            self.assertEqual({part.source in (80, 25) for part in made}, {not to_server})

    def test_fragments_are_read_as_frames(self):
        made = transform.fragmented(list(self.parts), self.chance)
        self.assertGreater(sum(shelf.is_fragment(shelf.build(part)) for part in made), 8)

    def test_tags_are_seen_through(self):
        made = read_back(transform.tagged(self.parts, self.chance))
        self.assertEqual(streams(made), self.streams)
        self.assertEqual({len(part.ether) for part in made}, {18})

    def test_chance_is_repeatable(self):
        made = [transform.spoiled_frames(shelf.read(CAPTURES["http-uri"]), random.Random(9))
                for _ in range(2)]
        self.assertEqual(*made)


def stats(pkts=0, **more):
    ints = {name: 0 for name in harness.HELD + harness.REFUSED}
    ints.update({"packets_decoded": pkts, "tx_begun": 0, "tx_written": 0, "tx_lost": 0, **more})
    return {"event_type": "stats", "timestamp": "2021-12-12T23:04:16.733555+0000",
            "stats": {"decoder": {"pkts": pkts, "invalid": 0}}, "metadata": {"flowints": ints}}


class Harness(unittest.TestCase):
    def result(self, test, **environment):
        """What run_test() says of a test; the stand-in behaves as the environment says."""
        said = io.StringIO()
        with contextlib.ExitStack() as stack:
            stand_in = os.path.join(stack.enter_context(harness.tempfile.TemporaryDirectory()), "x")
            with open(stand_in, "w", encoding="utf-8") as file:
                file.write(STAND_IN)
            os.chmod(stand_in, 0o755)
            before = dict(os.environ)
            stack.callback(os.environ.update, before)
            for name in environment:
                stack.callback(os.environ.pop, name, None)
            os.environ.update(environment)
            options = argparse.Namespace(program=stand_in, geo=None)
            with contextlib.redirect_stdout(said):
                harness.run_test(options, "t", test)
        return said.getvalue().strip()

    def check(self, wanted, code=0, errors=(), packets_seen=None, **environment):
        def test(lab):
            harness.expect(lab.run("-o", "out.json"), code, *errors)
            if packets_seen is not None:
                harness.expect_packets(lab.events(), packets_seen)
        self.assertRegex(self.result(test, **environment), wanted)

    def test_all_is_well(self):
        self.check("^ok t$")
        self.check("^ok t$", 1, ["^'a' is"], SAY="jndiwatch: error: 'a' is b\nnotice\n", CODE="1")

    def test_wrong_exit_code(self):
        self.check("^not ok t: expected exit code 1; exit code 0", 1)
        self.check(f"exit code -{int(signal.SIGSEGV)}", 0, KILL=str(int(signal.SIGSEGV)))

    def test_missing_and_surplus_errors(self):
        line = "jndiwatch: error: 'a' is b\n"
        self.check("no error fits", 0, ["^'a' is"])
        self.check("more than was to be said: 'a' is b", 0, SAY=line)
        self.check("more than was to be said: 'a' is b", 0, ["'a'"], SAY=line * 2)

    def test_sanitizer(self):
        self.check("a fault of our own", 0, SAY="x.c:3:5: runtime error: overflow\n")

    def test_refused_says_nothing_else(self):
        def test(lab):
            harness.expect_refused(lab.run("-o", "out.json"), "'a'")
        line = "jndiwatch: error: 'a' is b\n"
        self.assertEqual(self.result(test, SAY=line, CODE="2"), "ok t")
        self.assertRegex(self.result(test, SAY=line + "usage: …\n", CODE="2"), "said more than")

    def test_outputs(self):
        good = json.dumps(stats(3)) + "\n"
        self.check("^ok t$", packets_seen=3, OUT=good)
        self.check("not complete", packets_seen=3, OUT=good[:-1])
        self.check("Expecting|line 1", packets_seen=3, OUT="{\n" + good)
        self.check("the last event is no stats", packets_seen=3,
                   OUT=good + '{"event_type": "http"}\n')
        self.check("tell of 3 packets instead of 4", packets_seen=4, OUT=good)
        self.check("2 packets decoded, held or refused", packets_seen=3,
                   OUT=json.dumps(stats(3, packets_decoded=2)) + "\n")
        self.check("decoder.invalid is 0", packets_seen=3,
                   OUT=json.dumps(stats(3, packets_decoded=2, refused_header=1)) + "\n")
        self.check("2 transactions begun, 1 ended", packets_seen=3,
                   OUT=json.dumps(stats(3, tx_begun=2, tx_written=1)) + "\n")
        self.check("was not written", packets_seen=0)

    def test_skip_and_sums(self):
        def skipping(_lab):
            raise harness.Skip("no right")
        self.assertEqual(self.result(skipping), "skip t: no right")
        for results, code in ((["ok", "skip"], 0), (["skip"], harness.SKIPPED),
                              (["ok", "not ok"], 1), ([], 1)):
            with contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(harness.finish(results), code)

    def test_waiting_ends(self):
        with self.assertRaises(harness.Failed):
            harness.wait_for(lambda: False, "nothing", 0.01)


class Made(unittest.TestCase):
    def test_captures_of_our_own(self):
        made = flows.good(2)
        self.assertEqual(len(made), 2 * flows.PER_EXCHANGE)
        sent = streams(map(shelf.parse, made))
        self.assertEqual(len(sent), 4)
        self.assertEqual(sum(flows.lookup(f"good-{i}") in stream for stream in sent.values()
                             for i in range(2)), 2)

    def test_pcapng(self):
        made = flows.good(1)
        data = flows.pcapng([frames.ETHERNET], [(0, frame) for frame in made])
        self.assertEqual([f.data for f in shelf.read_pcapng(data)], [f.data for f in made])
        self.assertEqual([f.time_us for f in shelf.read_pcapng(data)], [f.time_us for f in made])


if __name__ == "__main__":
    unittest.main()
