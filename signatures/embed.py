#!/usr/bin/python3
"""Puts rule files into a C source, so that the program has the shipped rules wherever it stands.

usage: embed.py OUT.c FILE.rules…
"""
import os
import sys


def literal(data):
    """The bytes as rows of numbers: no string literal is long enough by the standard."""
    rows = [data[i:i + 20] for i in range(0, len(data), 20)]
    return "\n".join("    " + " ".join("%d," % b for b in row) for row in rows)


def main():
    out, files = sys.argv[1], sorted(sys.argv[2:])
    with open(out, "w", encoding="utf-8") as c:
        c.write('/* Made from the shipped rule files. */\n#include "signatures/shipped.h"\n\n')
        for n, path in enumerate(files):
            with open(path, "rb") as rules:
                data = rules.read()
            c.write("static const unsigned char text_%d[] = {\n%s\n};\n\n" % (n, literal(data)))
        c.write("const struct engine_text shipped_rules[] = {\n")
        for n, path in enumerate(files):
            c.write('    {"%s", {text_%d, sizeof(text_%d)}},\n' % (os.path.basename(path), n, n))
        c.write("};\n\nconst size_t shipped_rules_n = %d;\n" % len(files))


if __name__ == "__main__":
    main()
