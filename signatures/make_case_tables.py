#!/usr/bin/env python3
"""Prints signatures/lookup_case.def: how Java's String.toLowerCase and toUpperCase change each
character in the root locale, as ranges of equal distance.

Run it as: signatures/make_case_tables.py > signatures/lookup_case.def
"""

import unicodedata

# JDK 17 knows Unicode 13; characters that got their case later are left as they are.
LATER = [(0x2C2F, 0x2C2F), (0x2C5F, 0x2C5F), (0xA7C0, 0xA7C1), (0xA7D0, 0xA7D9), (0x10570, 0x105BC)]


def characters():
    for cp in range(0x80, 0x110000):
        if not 0xD800 <= cp < 0xE000 and not any(a <= cp <= b for a, b in LATER):
            yield cp


def ranges(mapping):
    """(first, last, step, delta) of runs of every or every second character."""
    keys = sorted(mapping)
    i = 0
    while i < len(keys):
        delta = mapping[keys[i]] - keys[i]
        best = (i, 1)
        for step in (1, 2):
            j = i
            while keys[j] + step in mapping and keys[j + 1] == keys[j] + step:
                if mapping[keys[j + 1]] - keys[j + 1] != delta:
                    break
                j += 1
            if j > best[0]:
                best = (j, step)
        yield keys[i], keys[best[0]], best[1], delta
        i = best[0] + 1


def main():
    version = unicodedata.unidata_version
    print("/* Made by make_case_tables.py from Unicode %s; do not edit." % version)
    print(" *")
    print(" * LOWER(first, last, step, delta), UPPER(the same), UPPER_SPECIAL(from, to, to, to) */")
    for name, change in (("LOWER", str.lower), ("UPPER", str.upper)):
        changed = {cp: change(chr(cp)) for cp in characters()}
        mapping = {cp: ord(c) for cp, c in changed.items() if len(c) == 1 and ord(c) != cp}
        for first, last, step, delta in ranges(mapping):
            print("%s(0x%04x, 0x%04x, %d, %d)" % (name, first, last, step, delta))
    for cp in characters():
        upper = chr(cp).upper()
        if len(upper) > 1:
            to = [ord(c) for c in upper] + [0] * (3 - len(upper))
            print("UPPER_SPECIAL(0x%04x, 0x%04x, 0x%04x, 0x%04x)" % (cp, *to))


if __name__ == "__main__":
    main()
