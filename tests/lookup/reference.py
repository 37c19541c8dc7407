"""What Log4j 2.14.1 does with a logged text, written to be read beside its sources: each function
is one of its classes, nothing is fast, and nothing is shared with the evaluator that it checks.

A text is a Python string of UTF-16 units, as Java has it: a character beyond U+FFFF is two. What
only the host knows is a text of the private range that HOST_VALUES names; it passes through
everything and is written out as ${hostName} at the end.

JNDI gives nothing, as when the server it asks does not answer; environment, properties and thread
context are unset, but for the separators that every Unix has; prefixes whose look-ups always give
nothing then are not told from unknown ones.
"""

NAMES_MAX = 256
# Passes over a text and look-ups in them, beyond which the question is given up.
PASSES_MAX = 300
WORK_MAX = 20000

# Two units for each: the first says which, the second is there because no such value is shorter.
SECOND = "\uf6ff"
HOST_VALUES = {name: chr(0xf700 + i) + SECOND for i, name in enumerate((
    "hostName", "contextName", "java:version", "java:runtime", "java:vm", "java:os", "java:hw",
    "java:locale", "event:ThreadName", "event:Level", "event:ThreadId", "event:Timestamp",
    "event:Logger"))}
# Their values have a colon in them.
WITH_COLON = {HOST_VALUES[name][0] for name in ("java:os", "java:hw", "java:locale")}
HOST_NAMES = {value[0]: "${" + name + "}" for name, value in HOST_VALUES.items()} | {SECOND: ""}

SEPARATORS = {"file.separator": "/", "path.separator": ":", "line.separator": "\n"}


class GivenUp(Exception):
    """It takes too long to say."""


class Thrown(Exception):
    """Java throws; nothing more of the text is evaluated."""


def to_units(text):
    """A string of characters as one of UTF-16 units."""
    raw = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(raw[i] | raw[i + 1] << 8) for i in range(0, len(raw), 2))


def to_text(units):
    """The other way; a surrogate without its partner stays."""
    raw = b"".join(ord(u).to_bytes(2, "little") for u in units)
    return raw.decode("utf-16-le", "surrogatepass")


# --- SimpleDateFormat, at 2021-12-10 12:34:56 UTC, a Friday, in English --------------------------

EVENT_TIME = 1639139696
INVALID_PATTERN = "12/10/21, 12:34 PM"


def padded(value):
    return lambda n: str(value).zfill(n)


def named(short, long):
    return lambda n: short if n < 4 else long


def month(n):
    return "12" if n < 3 else named("Dec", "December")(n)


def year(n):
    return "21" if n == 2 else "2021".zfill(n)


LETTERS = {
    "G": lambda n: "AD", "y": year, "Y": year, "M": month, "L": month, "w": padded(50),
    "W": padded(2), "D": padded(344), "d": padded(10), "F": padded(2),
    "E": named("Fri", "Friday"), "u": padded(5), "a": lambda n: "PM", "H": padded(12),
    "k": padded(12), "K": padded(0), "h": padded(12), "m": padded(34), "s": padded(56),
    "S": padded(0), "z": named("UTC", "Coordinated Universal Time"), "Z": lambda n: "+0000",
    "X": lambda n: "Z",
}


def format_date(pattern):
    """The date in a pattern of java.text.SimpleDateFormat."""
    out = []
    i = 0
    quoted = False
    while i < len(pattern):
        c = pattern[i]
        if c == "'":
            if pattern[i + 1:i + 2] == "'":
                out.append("'")
                i += 1
            else:
                quoted = not quoted
            i += 1
        elif quoted or not (c.isascii() and c.isalpha()):
            out.append(c)
            i += 1
        else:
            n = len(pattern[i:]) - len(pattern[i:].lstrip(c))
            if c not in LETTERS or (c == "X" and n > 3):
                return INVALID_PATTERN
            out.append(LETTERS[c](n))
            i += n
    return INVALID_PATTERN if quoted else "".join(out)


# --- Interpolator and the look-ups behind it ------------------------------------------------------

class Log4j:
    """One text being logged."""

    def __init__(self, message):
        self.message = message
        self.names = []
        self.work = 0

    def ask_jndi(self, key):
        if ":" not in key and not any(unit in WITH_COLON for unit in key):
            key = "java:comp/env/" + key
        if key not in self.names:
            self.names.append(key)
        if len(self.names) > NAMES_MAX:
            raise GivenUp

    def ask(self, prefix, key):
        """What the look-up of that prefix gives, or None."""
        if prefix == "jndi":
            self.ask_jndi(key)
        elif prefix == "lower":
            return to_units(to_text(key).lower())
        elif prefix == "upper":
            return to_units(to_text(key).upper())
        elif prefix == "date":
            return format_date(key)
        elif prefix == "sys":
            return SEPARATORS.get(key)
        elif prefix == "java":
            if "java:" + key not in HOST_VALUES:
                raise Thrown
            return HOST_VALUES["java:" + key]
        elif prefix == "event":
            return self.message if key == "Message" else HOST_VALUES.get("event:" + key)
        return None

    @staticmethod
    def ask_default(key):
        return HOST_VALUES[key] if key in ("hostName", "contextName") else None

    def resolve(self, name):
        """Interpolator.lookup()"""
        colons = [i for i, unit in enumerate(name) if unit == ":" or unit in WITH_COLON]
        if not colons:
            return self.ask_default(name)
        if name[colons[0]] != ":":
            return None  # the prefix ends inside of what the host knows
        key = name[colons[0] + 1:]
        value = self.ask(to_units(to_text(name[:colons[0]]).lower()), key)
        return self.ask_default(key) if value is None else value

    # --- StrSubstitutor -----------------------------------------------------------------------

    @staticmethod
    def split(expression):
        """Name and default (or None) of an evaluated expression."""
        for i in range(len(expression)):
            if expression.startswith(":\\-", i):
                j = expression.find(":-", i + 3)
                if j < 0:
                    return expression[:i] + ":-" + expression[i + 3:], None
                return expression[:i] + ":" + expression[i + 3:j], expression[j + 2:]
            if expression.startswith(":-", i):
                return expression[:i], expression[i + 2:]
        return expression, None

    @staticmethod
    def find_end(text, start, end):
        """The brace that ends the expression whose inside begins at start, or None."""
        level = 0
        pos = start
        while pos < end:
            if text.startswith("${", pos, end):
                level += 1
                pos += 2
            elif text[pos] != "}":
                pos += 1
            elif level == 0:
                return pos
            else:
                level -= 1
                pos += 1
        return None

    def substitute(self, text, start, end, under_way):
        """Substitutes a range of a text; returns the text and the range's new end. under_way: the
        cycle list, or None for a range of its own."""
        pos = start
        while pos < end:
            self.work += 1
            if not text.startswith("${", pos, end):
                pos += 1
                continue
            if pos > start and text[pos - 1] == "$":
                text = text[:pos - 1] + text[pos:]
                end -= 1
                continue
            close = self.find_end(text, pos + 2, end)
            if close is None:
                return text, end
            inside = text[pos + 2:close]
            evaluated, _ = self.substitute(inside, 0, len(inside), None)
            name, default = self.split(evaluated)
            if under_way is None:
                under_way = [text[start:end]]
            if name in under_way:
                raise Thrown
            under_way.append(name)
            value = self.resolve(name)
            value = default if value is None else value
            if value is None:
                pos = close + 1
            else:
                text = text[:pos] + value + text[close + 1:]
                end += len(value) - (close + 1 - pos)
                if len(text) > WORK_MAX or self.work > WORK_MAX:
                    raise GivenUp
                before = len(text)
                text, pos = self.substitute(text, pos, pos + len(value), under_way)
                end += len(text) - before
            under_way.pop()
        return text, end

    # --- MessagePatternConverter --------------------------------------------------------------

    def log(self):
        """Evaluates the message as Log4j writes it; returns whether it came to an end."""
        text = self.message
        i = 0
        passes = 0
        try:
            while i < len(text) - 1:
                if text.startswith("${", i):
                    passes += 1
                    if passes > PASSES_MAX or self.work > WORK_MAX:
                        raise GivenUp
                    new, _ = self.substitute(text, 0, len(text), None)
                    if new == text:
                        return True  # all further passes would do the same
                    text = new
                i += 1
        except Thrown:
            return False
        return True


def written_out(name):
    """A name as it is reported."""
    return to_text("".join(HOST_NAMES.get(unit, unit) for unit in name))


def names_asked(text):
    """The names that JNDI is asked for, in order, each once."""
    run = Log4j(to_units(text))
    run.log()
    return [written_out(name) for name in run.names]


def fires_in_company(text):
    """Whether the text asks JNDI with other text around it, in one of the ways that a log has:
    something produced before it, a look-up behind it, the braces that are missing, a later part of
    it alone."""
    if names_asked("${::-ab}" + text) or names_asked(text + "${"):
        return True
    starts = [i for i in range(len(text)) if text.startswith("${", i)]
    for start in starts[:20]:
        later = text[start:]
        for n in range(min(later.count("${"), 12) + 1):
            if names_asked(later + "}" * n):
                return True
    return False
