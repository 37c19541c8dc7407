#!/usr/bin/env python3
"""Prints signatures/peel_gate_base64.def: what the openers of look-ups and encodings look like in
base64, for each of the three places in a group where they can begin.

Run it as: signatures/make_gate_base64.py > signatures/peel_gate_base64.def
"""

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

OPENERS = (
    ("as it stands", [b"${"]),
    ("an attempt", [b"#{j", b"#{J", b"%{j", b"%{J", b"$(j", b"$(J", b"${ "]),
    ("percent-encoded", [b"%24", b"%7b", b"%7B", b"%25", b"%u0", b"$%7"]),
    ("character references", [b"&#3", b"&#1", b"&#x", b"&#0", b"&do", b"&lb", b"&lc", b"&am"]),
    ("backslash escapes", [b"\\u0", b"\\x2", b"\\x7", b"\\44", b"\\04", b"\\17", b"\\u{"]),
    ("quoted-printable", [b"=24", b"=7b", b"=7B", b"$=7"]),
    ("encoded words", [b"=?u", b"=?U", b"=?i", b"=?I", b"=?w", b"=?W"]),
    ("UTF-7", [b"+AC", b"+AH"]),
    ("UTF-16", [b"$\0{", b"#\0{", b"%\0{", b"$\0("]),
    ("gzip in base64", [b"H4sI"]),
    ("overlong UTF-8, percent-encoded", [b"%c0%a", b"%C0%A", b"%c1%b", b"%C1%B", b"%e0%8",
                                         b"%E0%8"]),
    ("overlong UTF-8", [b"\xc0\xa4", b"\xc1\xbb", b"\xe0\x80\xa4", b"\xe0\x81\xbb"]),
)

# What may stand in base64 inside of base64.
TWICE = (b"${", b"#{j", b"#{J", b"%{j", b"%{J", b"$(j", b"$(J")


def char_class(values):
    chars = "".join(ALPHABET[v] for v in values)
    chars = chars.replace("+", "+-").replace("/", "/_")
    return chars if len(chars) == 1 else "[" + chars.replace("+-", "+\\\\-") + "]"


def choices(opener, place):
    """For each character that the opener has a part in, the values that it may have, when `place`
    bytes stand before the opener in its group."""
    known = "." * 8 * place + "".join(format(b, "08b") for b in opener)
    known += "." * (-len(known) % 6)
    groups = [known[i : i + 6] for i in range(0, len(known), 6)]
    return [
        [v for v in range(64) if all(k in (".", b) for k, b in zip(bits, format(v, "06b")))]
        for bits in groups
        if bits != "......"
    ]


def regex(opener, place):
    return "".join(char_class(values) for values in choices(opener, place))


def spelt(opener, place):
    """The same as texts; characters at the ends with many choices are left out."""
    places = choices(opener, place)
    if len(places) > 3:
        places = places[1:] if len(places[0]) > 1 else places
        places = places[:-1] if len(places[-1]) > 1 else places
    texts = [b""]
    for values in places:
        texts = [t + ALPHABET[v].encode() for t in texts for v in values]
    return texts


def rows():
    yield from OPENERS
    for opener in TWICE:
        for place in range(3):
            yield "%s in base64 behind %d" % (opener.decode(), place), spelt(opener, place)


def main():
    print("/* Made by make_gate_base64.py; do not edit. GATE_BASE64(regex) */")
    for name, openers in rows():
        for place in range(3):
            forms = sorted(set(regex(o, place) for o in openers))
            print("/* %s, behind %d */" % (name, place))
            for i in range(0, len(forms), 4):
                print('GATE_BASE64("%s")' % "|".join(forms[i : i + 4]))


if __name__ == "__main__":
    main()
