"""Scenes without an attack: nothing in them may raise an alert."""

import json
import os
import random
import struct
import zlib

import servers
from lab import FRONT, VISITOR
from mail import message, send
from scene import scene
from web import curl, java, python_client

BROWSER = ("Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0")


def picture(width=64, height=64):
    """A PNG file with some noise in it."""
    noise = random.Random(7)
    rows = b"".join(b"\0" + noise.randbytes(width * 3) for _ in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0,
                                                            0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


@scene("web-browse")
def browse(lab, path):
    """A visitor reads the site: template literals in JavaScript, prose about jndi, gzip, 304."""
    servers.start_site(lab)
    url = "http://shop.example/"
    unchanged = "If-Modified-Since: Wed, 01 Jan 2098 00:00:00 GMT"
    more = ["--next", "-s", "-S", "-g", "--noproxy", "*", "--interface", VISITOR, "-o",
            "/dev/null", "-w", "%{http_code} ", "-A", BROWSER]
    with lab.capture(path):
        curl(lab, url + "api/items?page=1&per=20", "-A", BROWSER, "--compressed", url,
             *more, "--compressed", url + "style.css",
             *more, "--compressed", url + "app.js",
             *more, "-e", url, source=VISITOR, status="200 200 200 200")
        curl(lab, url + "news.html", "-A", BROWSER, "-e", url, source=VISITOR)
        curl(lab, url + "app.js", "-A", BROWSER, "-H", unchanged, source=VISITOR, status="304")
        curl(lab, url + "missing.html", "-A", BROWSER, source=VISITOR, status="404")
        curl(lab, url + "search?q=what+is+%24%7Bjndi%7D+and+%23%7Bel%7D%3F", "-A", BROWSER,
             source=VISITOR, status="404")
        curl(lab, url, "-I", "-A", BROWSER, source=VISITOR)


@scene("web-api")
def api(lab, path):
    """JSON calls with template texts, uploads, a Java client: the daily business of an API."""
    servers.start_app(lab, "server", FRONT, 8080)
    template = {"template": "Dear ${customer.name}, your order ${order.id} was joined in index "
                            "${i} at ${date:yyyy-MM-dd} by ${env.USER:-nobody}",
                "filters": ["{{ name }}", "#{name}", "%{name}", "$(name)", "$$", "${"]}
    image = lab.write("lamp.png", picture())
    url = "http://shop.example:8080/"
    with lab.capture(path):
        python_client(lab, [
            ("POST", "/templates", {"Content-Type": "application/json"},
             json.dumps(template).encode()),
            ("PUT", "/templates/7", {"Content-Type": "application/json"},
             json.dumps(template, indent=2).encode()),
            ("GET", "/templates/7", {"Accept": "application/json"}, None),
        ], port=8080)
        curl(lab, url + "pictures", "-F", "title=A lamp (${19.90})", "-F", "file=@" + image,
             source=VISITOR)
        curl(lab, url + "lamp.png", "-T", image, source=VISITOR)
        java(lab, "new", "POST", url + "rpc", '{"method":"lookup","params":["jndi","ldap"]}',
             "Content-Type", "application/json")


@scene("web-tls")
def tls(lab, path):
    """HTTPS: nothing to be seen but that there is TLS."""
    servers.start_site(lab)
    with lab.capture(path):
        curl(lab, "https://shop.example/", "--insecure", "-A", BROWSER, source=VISITOR)
        curl(lab, "https://shop.example/news.html", "--insecure", "-A", BROWSER, source=VISITOR)


@scene("mail-ordinary")
def ordinary(lab, path):
    """Three mails with attachments and umlauts in one session of Python's smtplib."""
    servers.start_postfix(lab)
    plain = message("Lunch on Friday?")
    plain.set_content("Shall we go to the usual place at 12:30?\n\n-- \nJo\n")
    attached = message("Bilder für die Webseite – Größe geändert")
    attached.set_content("Im Anhang zwei Bilder.\n\nGrüße\nJo\n")
    for name in ("lamp.png", "Ständer für Leitern.png"):
        attached.add_attachment(picture(24, 24), maintype="image", subtype="png", filename=name)
    both = message("Offer no. 4711")
    both.set_content("Total: 19.90 EUR\n")
    both.add_alternative("<html><body><p>Total: <b>19.90&nbsp;EUR</b></p></body></html>\n",
                         subtype="html")
    with lab.capture(path):
        send(lab, [plain, attached, both], source=VISITOR)


NEWSLETTER = """Dear reader,

what happened with Log4j? A text such as ${jndi} with an address behind it made the library ask a
directory server. Other look-ups are ${date:...}, ${env:...} and ${lower:...}; the words that you
will meet in scanners' logs are "jndi", "ldap", "rmi" and "dns".

  * In a shell script, ${HOME} is no look-up.
  * In our templates, ${customer} and ${order} are no look-ups either.
  * The pattern {jndi:ldap} without a dollar sign is harmless.

Update to 2.17.1.

To unsubscribe: http://news.example/unsubscribe?id=${subscriber}&list=logging
"""


@scene("mail-newsletter")
def newsletter(lab, path):
    """A newsletter that explains Log4j: prose, templates, a snippet of code as attachment."""
    servers.start_postfix(lab)
    mail = message("Log4j and ${jndi}: what you need to know", sender="News <news@news.example>")
    mail.set_content(NEWSLETTER)
    html = "".join(f"<p>{part}</p>\n" for part in NEWSLETTER.split("\n\n"))
    mail.add_alternative(f"<html><body>{html}</body></html>\n", subtype="html",
                         cte="quoted-printable")
    with open(os.path.join(servers.HERE, "site", "app.js"), "rb") as file:
        mail.add_attachment(file.read(), maintype="application", subtype="javascript",
                            filename="snippet.js")
    with lab.capture(path):
        send(lab, [mail], source=VISITOR)
