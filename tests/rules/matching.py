"""From the tests of one buffer to bytes that fulfil them all, and to bytes that just miss.

Contents are laid behind one another in the order written, each where its modifiers want it. What
comes out is checked by a plain reading of the rule (fulfils), so that a mistake here is told and
does not look like one of the sensor's."""

import re
try:
    import re._parser as sre
except ImportError:  # before Python 3.11
    import sre_parse as sre

FILLER = b"z"
JUMP = 2  # bytes that a byte_jump jumps over


def example(pattern):
    """A short text that the expression matches. Takes the last of alternatives, so that groups and
    nested forms are used."""
    def one(op, value):
        name = str(op)
        if name == "LITERAL":
            return bytes([value])
        if name == "IN":
            kind, first = value[0]
            return bytes([first if str(kind) == "LITERAL" else first[0]])
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            low, _high, inner = value
            return all_of(inner) * low
        if name == "SUBPATTERN":
            return all_of(value[-1])
        if name == "BRANCH":
            return all_of(value[1][-1])
        if name == "AT":
            return b""
        raise ValueError(f"{name} in {pattern}")

    def all_of(parts):
        return b"".join(one(op, value) for op, value in parts)

    return all_of(sre.parse(pattern))


def lay(tests, prefix=b""):
    """Bytes that fulfil the tests, and where each content lies: [(start, end)] or None."""
    out, places, end = bytearray(), [], 0
    first = next((t for t in tests if not t.negated), None)
    if first is not None and not first.starts and "depth" not in first.numbers:
        out += prefix
    for test in tests:
        if test.negated:
            places.append(None)
            continue
        if test.kind == "byte_jump":
            out += bytes([JUMP]) + FILLER * JUMP
            end = len(out)
            places.append(None)
            continue
        value = example(test.value) if test.kind == "pcre" else test.value
        if test.relative:
            start = end + max(test.numbers.get("distance", 0), 0)
        elif test.starts or "depth" in test.numbers or "offset" in test.numbers:
            start = test.numbers.get("offset", 0)
        else:
            start = len(out) + (end > 0)
        out += FILLER * (start - len(out))
        out[start:start + len(value)] = value
        end = start + len(value)
        places.append((start, end))
    return bytes(out), places


def find(text, test, base):
    """The ends of all matches of a content or pcre."""
    if test.kind == "pcre":
        flags = re.S | (re.I if test.nocase else 0)
        begin = base if test.relative else 0
        pattern = test.value.encode("latin-1")
        return [begin + found.end() for found in re.finditer(pattern, text[begin:], flags)]
    hay, needle = (text.lower(), test.value.lower()) if test.nocase else (text, test.value)
    low, high = 0, len(text)
    if test.starts:
        high = len(needle)
    elif test.relative:
        low = base + test.numbers.get("distance", 0)
        if "within" in test.numbers:
            high = low + test.numbers["within"]
    else:
        low = test.numbers.get("offset", 0)
        if "depth" in test.numbers:
            high = low + test.numbers["depth"]
    ends = [i + len(needle) for i in range(max(low, 0), len(hay) - len(needle) + 1)
            if hay[i:i + len(needle)] == needle and i + len(needle) <= high]
    return [end for end in ends if not test.ends or end == len(text)]


def fulfils(text, tests, base=0):
    """A plain, slow reading of what the tests ask of a buffer."""
    if not tests:
        return True
    test, rest = tests[0], tests[1:]
    if test.kind == "byte_jump":
        to = base + 1 + text[base] if base < len(text) else len(text) + 1
        return to <= len(text) and fulfils(text, rest, to)
    ends = find(text, test, base)
    if test.negated:
        return not ends and fulfils(text, rest, base)
    return any(fulfils(text, rest, end) for end in ends)


def spoil(text, tests, places):
    """The text with one byte of one content changed so that the tests no longer hold: the longest
    content that allows it."""
    order = sorted((p for p in places if p is not None), key=lambda p: p[0] - p[1])
    for start, end in order:
        for at in range((start + end) // 2, end):
            for byte in b"Qq0~":
                spoiled = text[:at] + bytes([byte]) + text[at + 1:]
                if not fulfils(spoiled, tests):
                    return spoiled
    raise ValueError("every byte can be changed")
