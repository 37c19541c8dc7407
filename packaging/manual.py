#!/usr/bin/python3
"""Writes the manual page of the configuration from the program's own table of keys.

usage: manual.py PROGRAM > jndiwatch.yaml.5
"""
import subprocess
import sys

HEAD = r'''.TH JNDIWATCH.YAML 5 "" "jndiwatch" "File formats"
.SH NAME
jndiwatch.yaml \- configuration of jndiwatch
.SH SYNOPSIS
.I /etc/jndiwatch/jndiwatch.yaml
.SH DESCRIPTION
The configuration of
.BR jndiwatch (8)
is YAML: maps in maps, one level for each dot of a key below. Every key has a default. A key that
does not exist and a value that cannot be are errors, told with file and line, all in one run;
.B jndiwatch \-T \-c
.I FILE
does nothing else. The command line is laid over the file, and
.B \-\-set
.IR KEY = VALUE
sets any key.
.PP
Sizes have a unit (B, KiB, MiB, GiB), times as well (us, ms, s, min, h); a list is a YAML list or a
text with commas between its words. With SIGUSR2 the rules and the variables they name are read
anew.
.SH KEYS
'''
TAIL = r'''.SH EXAMPLE
.nf
vars:
  HOME_NET: "[192.0.2.0/24, 2001:db8::/32]"
workers: 2
memory:
  limit: 512 MiB
client:
  trusted: [192.0.2.10/32]
output:
  types: [alert, http, smtp, flow, stats]
.fi
.SH SEE ALSO
.BR jndiwatch (8)
'''
STEPS = {"size": (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)),
         "time": (("h", 3600000000), ("min", 60000000), ("s", 1000000), ("ms", 1000), ("us", 1)),
         "number": (("", 1),)}


def escaped(text):
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")


def amount(kind, text):
    """A limit in the largest unit that it is a whole number of."""
    value = int(text)
    if value == 0:
        return "0"
    unit, size = next(step for step in STEPS[kind] if value % step[1] == 0)
    return f"{value // size} {unit}".strip()


def entry(line):
    """A key's paragraph."""
    path, kind, default, limits, doc = line.split("\t")
    told = [kind, default.replace("default: ", "default ")]
    if limits:
        told.append(" to ".join(amount(kind, limit) for limit in limits.split("-")))
    return f".TP\n.B {escaped(path)}\n{escaped(', '.join(told))}.\n{escaped(doc)}.\n"


def main():
    keys = subprocess.run([sys.argv[1], "--list-keys"], capture_output=True, check=True, text=True)
    print(HEAD + "".join(entry(line) for line in keys.stdout.splitlines()) + TAIL, end="")


if __name__ == "__main__":
    main()
