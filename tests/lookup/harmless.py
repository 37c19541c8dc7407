"""Random harmless texts: what templates, scripts, settings and mails are full of.

text(seed, number) depends on its arguments alone. Dollars and braces stand in all of them, as in
the languages that have them: JavaScript, shell, Java properties and their frameworks, JSP and
FreeMarker, build files, logging configurations; or they are what encodings hide things in: base64
of pictures, escaped JSON, mails. Many then go through an encoding or two, as in forms and mails.
Words are chosen so that j, n, d, i come by in this order, and prose speaks of JNDI and of LDAP.
None of it is a look-up of JNDI or of Commons Text, and nothing that is meant as one.
"""

import base64
import gzip
import json
import quopri
import random
import urllib.parse

WORDS = ("json join node index jquery window document id indicator adjoin jinja landing binding "
         "job.name user.dir java.io.tmpdir project.build.finalName env version name host port "
         "jdbcDriver injected adjusted kind journal.node.dir.id jnl_node_id jan-dir joined child "
         "i j n d item row $el _this data-id onclick enjoindi handler input bundle").split()
VALUES = ("/var/lib/app 8080 localhost:8080 true 'x' \"y\" jdbc:h2:mem:db ldap://ad.example:389/ "
          "rmi://registry.example/x dns://192.0.2.1 java:comp/env/jdbc/ds java:global/app "
          "${user.home} $HOME $(id) %d {0} {} a-b-c http://x.example/?id=1&n=2 C:\\dir\\jni "
          "jndi.properties javax.naming.jndi dd-MM-yyyy 10:30").split()
PROSE = (
    "JNDI lookups of the form ${prefix:name} were on by default; ldap://host:1389/a was asked.",
    "The fix removes JndiLookup.class from log4j-core; see CVE-2021-44228 and ${log4j.version}.",
    "Set log4j2.formatMsgNoLookups=true and ${java.naming.provider.url} to ldap://ad.example:389",
    "new InitialDirContext(env).lookup(\"ldap://ad.example:389/dc=example\") // ${env}",
    "A lookup starts with ${ and ends with }. Its prefix (jndi, env, sys, date) comes first.",
    "Why does ${jndi} not work in my pom.xml? It says the property is unknown: ${ jndi }",
    "javax.naming.NameNotFoundException: Name [jdbc/ds] is not bound in this Context ${ctx}",
    "The jndi: java naming and directory interface; ${a} and ${b:-c} are something else, mind you.",
    "grep -E 'jndi:(ldap|rmi|dns)' access.log | cut -d' ' -f1 | while read ip; do echo ${ip}; done",
)
LATIN = ("Sehr geehrte Damen und Herren, anbei die Übersicht für {month}. Grüße, {name}",
         "Bonjour, le total est de {n} € ; veuillez régler avant le {n}. À bientôt",
         "Dear {name}, your order ${n}.00 ({n} items) has shipped: https://x.example/track?i={n}")


class Maker:
    """One text in the making."""

    def __init__(self, seed, number):
        self.r = random.Random(f"harmless {seed} {number}")

    def word(self):
        return self.r.choice(WORDS)

    def value(self):
        return self.r.choice(VALUES)

    def number(self):
        return str(self.r.randrange(10 ** self.r.randrange(1, 12)))

    def expression(self, depth=0):
        """One of JavaScript."""
        kind = self.r.randrange(9)
        if depth > 3 or kind < 2:
            return self.word().replace("-", "_")
        inner = self.expression(depth + 1)
        if kind == 2:
            return f"{inner}.map({self.r.choice('ijnd')}=>{self.template(depth + 1)}).join('')"
        if kind == 3:
            return f"{inner}?{self.template(depth + 1)}:{self.expression(depth + 1)}"
        if kind == 4:
            return f"JSON.stringify({inner},null,{self.number()})"
        if kind == 5:
            return f"{{{self.r.choice('jndi')}:{inner},{self.word()}:-{self.number()}}}"
        if kind == 6:
            return f"{self.r.choice('jndi')}({inner},{self.number()})"
        if kind == 7:
            return f"{inner}[{self.expression(depth + 1)}]||'{self.value()}'"
        return self.template(depth + 1)

    def template(self, depth=0):
        parts = (f"<{self.word()} id=\"${{{self.expression(depth + 1)}}}\">",
                 f"${{{self.expression(depth + 1)}}}", self.value(), f"#{self.number()}",
                 f"$ {{{self.word()}}}", f"${self.number()}", "\\${" + self.word() + "}")
        return "`" + "".join(self.r.choices(parts, k=self.r.randrange(1, 5))) + "`"

    def javascript(self):
        lines = (f"const {self.word()}={self.template()};", f"${{{self.expression()}}}",
                 f"function {self.r.choice('jndi')}({self.word()}){{return {self.expression()}}}",
                 f"!function(j,n,d,i){{var e=n.createElement(d);e.src={self.template()}}}"
                 "(window,document,'script','id');", f"$({{{self.word()}:{self.expression()}}});",
                 f"`{self.word()}${{j}}${{n}}${{d}}${{i}}:${{{self.word()}}}://`")
        return self.r.choice(("", "\n")).join(self.r.choices(lines, k=self.r.randrange(1, 8)))

    def shell(self):
        name = self.word().replace("-", "_").replace(".", "_").upper()
        forms = (f"${{{name}:-{self.value()}}}", f"${{{name}:={self.value()}}}",
                 f"${{{name}:?{self.word()} is missing}}", f"${{{name}:+-Dj={self.value()}}}",
                 f"${{{name}##*/}}", f"${{{name}%.jnd}}", f"${{{name}//j/n}}", f"${{#{name}}}",
                 f"${{{name}:{self.number()}:{self.r.randrange(9)}}}", f"${{{name}[@]}}",
                 f"${{{name}:-${{{self.word()}:-${{JAVA_HOME:-/opt/jdk}}}}}}", f"$${{{name}}}",
                 f"${{!{name}}}", f"${{{name},,}}", f"$({self.word()} ${{{name}}})", "${1:-}")
        return "\n".join(f"{self.word()}=\"{self.r.choice(forms)}\"; echo {self.r.choice(forms)}"
                         for _ in range(self.r.randrange(1, 6)))

    def properties(self):
        key = ".".join(self.r.choices(WORDS, k=self.r.randrange(1, 4)))
        forms = (f"${{{key}}}", f"${{{key}:{self.value()}}}", f"#{{systemProperties['{key}']}}",
                 f"#{{'${{{key}}}'.split(',')}}", f"@{key}@", f"${{{key}:#{{null}}}}",
                 f"${{sys:{key}}}", f"${{env:{key}}}", f"${{env:{key}:-{self.value()}}}",
                 f"${{ctx:{key}:-}}", f"${{date:yyyy-MM-dd}}/${{hostName}}.log",
                 f"${{lower:{key}}}", f"${{upper:{self.word()}}}", f"${{sys:{key}:-${{{key}}}}}",
                 f"${{bundle:messages:{key}}}", f"${{main:{self.number()}}}", "${java:version}",
                 f"${{spring:{key}}}", f"${{k8s:podName}}", f"${{::-{self.word()}}}", "${::-j}",
                 f"${{{{ matrix.{self.word()} }}}}", f"%X{{{key}}} %d{{ISO8601}} [%t] %-5p - %m%n")
        return "\n".join(f"{self.r.choice((key, 'spring.' + key, '- '))}{self.r.choice('=: ')}"
                         f"{self.r.choice(forms)}" for _ in range(self.r.randrange(1, 9)))

    def page(self):
        name = self.word()
        forms = (f"<c:out value=\"${{{name}}}\"/>", f"<#if {name}??>${{{name}?html}}</#if>",
                 f"${{fn:escapeXml(param.{name})}}", f"<%= request.getParameter(\"{name}\") %>",
                 f"#set($d = \"${{{name}}}\") $!{{{name}.id}}",
                 f"[#ftl]${{{name}!\"{self.value()}\"}}",
                 f"<t:loop source=\"${{{name}.items}}\">${{item.id}}</t:loop>", f"{{{{ {name} }}}}",
                 f"<s:property value=\"%{{{name}}}\"/>", f"%{{{name}:{self.value()}}}",
                 f"<a href=\"${{pageContext.request.contextPath}}/{name}?n=${{n}}&amp;d=${{d}}\">",
                 f"${{requestScope['{name}'] == null ? '{self.value()}' : j}}",
                 f"<jee:jndi-lookup id=\"ds\" jndi-name=\"{self.value()}\"/>${{{name}}}")
        return "".join(self.r.choices(forms, k=self.r.randrange(1, 7)))

    def build(self):
        name = self.word()
        forms = (f"<version>${{{name}}}</version>", f"<dir>${{basedir}}/{name}</dir>",
                 f"resource \"{name}\" {{ id = \"${{var.{name}}}-${{count.index}}\" }}",
                 f"image: \"{name}:${{TAG:-{self.number()}}}\"", f"$(JAVAC) -d ${{{name}}}",
                 f"  run: echo ${{{{ github.event.{name} }}}}",
                 f"set(${{{name}_DIR}} {self.value()})",
                 f"proxy_pass http://${{{name}}}:8080$request_uri;",
                 f"log_format j '$host ${{{name}}}';",
                 f"foreach(i ${{{name}}}) message(\"${{${{i}}}}\") endforeach()",
                 f"val s = s\"${{{name}.id}}: $n\"", f"f\"{{{name}:>10}}\" % ${{{name}}}")
        return "\n".join(self.r.choices(forms, k=self.r.randrange(1, 7)))

    def picture(self):
        head = self.r.choice((b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF\0",
                              b"GIF89a",
                              b"PK\3\4", b"%PDF-1.4\n", b"\x1f\x8b\x08\0\0\0\0\0\0\3"))
        data = base64.b64encode(head + self.r.randbytes(self.r.randrange(2, 3000))).decode()
        if self.r.random() < 0.5:
            return f"data:image/png;base64,{data}"
        return "\r\n".join(data[i:i + 76] for i in range(0, len(data), 76))

    def mail(self):
        text = self.r.choice(LATIN).format(
            month="März", name=self.word(), n=self.r.randrange(9999))
        text += "\n\n" + self.r.choice((self.prose, self.properties, self.shell))()
        form = self.r.randrange(4)
        if form == 0:
            return quopri.encodestring(text.encode()).decode()
        if form == 1:
            return "=?UTF-8?B?" + base64.b64encode(text.encode()[:45]).decode() + "?="
        if form == 2:
            coded = quopri.encodestring(text.encode("latin-1", "replace"), header=True)
            return "=?ISO-8859-1?Q?" + coded.decode().replace("=\n", "") + "?="
        return "\n".join("> " + line for line in text.splitlines())

    def prose(self):
        return " ".join(self.r.choices(PROSE, k=self.r.randrange(1, 4)))

    def noise(self):
        """Tokens of templates without any sense, but never with a prefix."""
        tokens = ["${", "}", "$", "{", "}}", "${{", "$${", "#{", "%7B", "&#36;", "\\u0024", "j",
                  "n", "d", "i", " ", "-", "x", "'", "\n", "%24%7B", "=24=7B", "JHs",
                  "+ACQ-", "ldap//"]
        return "".join(self.r.choices(tokens, k=self.r.randrange(4, 60)))

    def encode(self, text):
        kind = self.r.randrange(12)
        if kind == 0:
            return urllib.parse.quote(text)
        if kind == 1:
            form = {self.word(): text, "n": self.number(), "d": self.value()}
            return urllib.parse.urlencode(form)
        if kind == 2:
            return json.dumps({self.word(): text, "i": [self.value()]})
        if kind == 3:
            return base64.b64encode(text.encode()).decode()
        if kind == 4:
            return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        if kind == 5:
            return text.replace("&", "&amp;").replace("<", "&lt;").replace("$", "&#36;")
        if kind == 6:
            return "".join(f"\\u{ord(c):04x}" if c in "${}" or ord(c) > 126 else c for c in text)
        if kind == 7:
            return quopri.encodestring(text.encode()).decode()
        if kind == 8:
            return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
        if kind == 9:
            return urllib.parse.quote(urllib.parse.quote(text))
        return text

    def make(self):
        kinds = (self.javascript, self.shell, self.properties, self.page, self.build, self.picture,
                 self.mail, self.prose, self.noise)
        out = self.r.choice(kinds)()
        while self.r.random() < 0.2:
            out += self.r.choice((" ", "\n", "&", ";")) + self.r.choice(kinds)()
        for _ in range(self.r.choice((0, 0, 1, 1, 2))):
            out = self.encode(out)
        return out


def text(seed, number):
    """The text with that number."""
    return Maker(seed, number).make()
