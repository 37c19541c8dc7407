"""Reads rules in the Suricata language, as its documentation defines them: what a test needs to
make traffic that a rule is about. It knows the keywords of the tests' rules and refuses others."""

import dataclasses
import re

BUFFERS = {"http.method", "http.uri", "http.content_type", "http.header_names", "http.user_agent",
           "http.request_body", "dns.query", "ldap.request.dn",
           "ldap.responses.attribute"}
IGNORED = {"msg", "sid", "rev", "gid", "classtype", "reference", "metadata", "priority",
           "fast_pattern", "target", "dotprefix"}


@dataclasses.dataclass
class Test:
    """A content, pcre or byte_jump, with its modifiers."""
    kind: str
    value: object = None
    negated: bool = False
    nocase: bool = False
    relative: bool = False
    starts: bool = False
    ends: bool = False
    numbers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Rule:
    text: str
    sid: int
    protocol: str
    source: str
    source_port: str
    target: str
    target_port: str
    flow: list
    groups: dict          # buffer ("" is the payload) -> tests, in the order of first mention
    amounts: list         # stream_size, dsize, urilen, as written
    transforms: dict      # buffer -> names


def content_bytes(text):
    """The bytes of 'ab|00 ff|c'."""
    out = b""
    for i, part in enumerate(text.split("|")):
        out += bytes.fromhex(part) if i % 2 else re.sub(r"\\(.)", r"\1", part).encode("latin-1")
    return out


def options_of(text):
    """(name, value or None) of the options between a rule's parentheses."""
    for part in re.findall(r'((?:"(?:\\.|[^"\\])*"|\\.|[^;"\\])*);', text):
        name, colon, value = part.strip().partition(":")
        if name:
            yield name.strip(), value.strip() if colon else None


def unquoted(value):
    negated = value.startswith("!")
    value = value[negated:].strip()
    if not value.startswith('"') or not value.endswith('"'):
        raise ValueError(f"not quoted: {value}")
    return negated, value[1:-1]


def read_test(name, value):
    if name == "content":
        negated, text = unquoted(value)
        return Test("content", content_bytes(text), negated)
    if name == "pcre":
        negated, text = unquoted(value)
        pattern, flags = re.fullmatch(r"/(.*)/([a-zA-Z]*)", text, re.S).groups()
        return Test("pcre", pattern, negated, nocase="i" in flags, relative="R" in flags)
    if name == "byte_jump":
        words = [word.strip() for word in value.split(",")]
        if words != ["1", "0", "relative"]:
            raise ValueError(f"byte_jump:{value} is not known here")
        return Test("byte_jump", relative=True)
    return None


def modify(test, name, value):
    """True when the option belongs to the content before it."""
    if name in ("distance", "within", "depth", "offset"):
        test.numbers[name] = int(value)
        test.relative = test.relative or name in ("distance", "within")
    elif name == "nocase":
        test.nocase = True
    elif name == "startswith":
        test.starts = True
    elif name == "endswith":
        test.ends = True
    else:
        return False
    return True


def read_rule(line):
    head, options = re.fullmatch(r"(.*?)\((.*)\)", line.strip(), re.S).groups()
    words = head.split()
    rule = Rule(line.strip(), 0, words[1], words[2], words[3], words[5], words[6], [], {}, [], {})
    buffer, last = "", None
    for name, value in options_of(options):
        test = read_test(name, value)
        if test is not None:
            rule.groups.setdefault(buffer, []).append(test)
            last = test
        elif name in BUFFERS:
            buffer, last = name, None
        elif name == "sid":
            rule.sid = int(value)
        elif name == "flow":
            rule.flow = [word.strip() for word in value.split(",")]
        elif name in ("stream_size", "dsize", "urilen"):
            rule.amounts.append((name, value))
        elif name == "dotprefix":
            rule.transforms.setdefault(buffer, []).append(name)
        elif name not in IGNORED and (last is None or not modify(last, name, value)):
            raise ValueError(f"keyword {name} is not known here: {line}")
    return rule


def read_rules(path):
    with open(path, encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    return [read_rule(line) for line in text.splitlines() if line.strip() and line[0] != "#"]
