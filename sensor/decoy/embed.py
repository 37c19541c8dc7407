#!/usr/bin/python3
"""Puts the shipped personas into a C source, so that the program has them wherever it stands.

usage: embed.py OUT.c FILE.persona…
"""
import os
import sys


def main():
    out, files = sys.argv[1], sorted(sys.argv[2:])
    with open(out, "w", encoding="utf-8") as c:
        c.write('/* Made from the shipped personas. */\n#include "sensor/decoy/persona.h"\n\n')
        for n, path in enumerate(files):
            with open(path, "rb") as text:
                data = text.read()
            rows = [data[i:i + 20] for i in range(0, len(data), 20)]
            numbers = "\n".join("    " + " ".join(f"{b}," for b in row) for row in rows)
            c.write(f"static const unsigned char text_{n}[] = {{\n{numbers}\n}};\n\n")
        c.write("const struct persona_text shipped_personas[] = {\n")
        for n, path in enumerate(files):
            name = os.path.basename(path).removesuffix(".persona")
            c.write(f'    {{"{name}", {{text_{n}, sizeof(text_{n})}}}},\n')
        c.write(f"}};\n\nconst size_t shipped_personas_n = {len(files)};\n")


if __name__ == "__main__":
    main()
