#!/usr/bin/python3
"""What the sensor tells of payloads in traffic is what `jndiwatch explain` says of them.

usage: test_alerts.py PROGRAM [CASES [SEED]]   (at most 38,000)

Generated payloads are sent in HTTP requests and in mails, each in a connection of its own and in
one of many places. An attack must be told with the names that the reference evaluator finds and
with what explain says besides, and nothing else may be told as an attack. Payloads that the place
would change before anybody sees them (a line end in a header) are left out.
"""

import base64
import email.header

import json
import os
import subprocess
import sys
import tempfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "faults")]

import check_reference  # noqa: E402
import flows  # noqa: E402
import generate  # noqa: E402
import reference  # noqa: E402

SHOWN = 20


# What an alert and an answer of explain have in common.
SAME = ("lookups", "variables", "reaches_network", "depth")


def ask(talk, *args, **kwargs):
    talk.client(flows.request(*args, **kwargs)).server(flows.response())


def in_header(name):
    return lambda talk, text: ask(talk, headers=[(name, text.encode())])


def post(talk, kind, body):
    ask(talk, method="POST", body=body, headers=[(b"Content-Type", kind)])


def in_path(talk, text):
    ask(talk, url="/a/" + urllib.parse.quote(text, safe="") + "/b")


def in_uri(talk, text):
    ask(talk, url="/a?q=" + urllib.parse.quote(text, safe=""))


def in_cookie(talk, text):
    value = urllib.parse.quote(text, safe="").encode()
    ask(talk, headers=[(b"Cookie", b"id=1; q=" + value + b"; b=2")])


def in_credentials(talk, text):
    value = base64.b64encode(b"user:" + text.encode())
    ask(talk, headers=[(b"Authorization", b"Basic " + value)])


def in_form(talk, text):
    post(talk, b"application/x-www-form-urlencoded",
         b"a=1&q=" + urllib.parse.quote_plus(text).encode())


def in_json(talk, text):
    post(talk, b"application/json", json.dumps({"a": [1, {"q": text}]}).encode())


def in_json_name(talk, text):
    post(talk, b"application/json", json.dumps({text: 1}, ensure_ascii=False).encode())


def in_xml(talk, text):
    value = "".join(c if c.isalnum() else "&#%d;" % ord(c) for c in text)
    post(talk, b"text/xml", b"<a><q>" + value.encode() + b"</q></a>")


def in_part(talk, text):
    post(talk, b"multipart/form-data; boundary=b",
         b'--b\r\nContent-Disposition: form-data; name="q"\r\n\r\n' + text.encode()
         + b"\r\n--b--\r\n")


def mail(talk, headers, body):
    """A mail, from the greeting to the end."""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    for side, said in ((1, b"220 mx.example ESMTP"), (0, b"EHLO c.example"), (1, b"250 ok"),
                       (0, b"MAIL FROM:<a@c.example>"), (1, b"250 ok"),
                       (0, b"RCPT TO:<b@mx.example>"), (1, b"250 ok"), (0, b"DATA"),
                       (1, b"354 go"), (0, lines + b"\r\n" + body + b"\r\n."), (1, b"250 ok"),
                       (0, b"QUIT"), (1, b"221 bye")):
        talk.say(side, said + b"\r\n")


def in_mail_header(talk, text):
    mail(talk, [(b"Subject", text.encode())], b"hello")


def in_words(talk, text):
    words = email.header.Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")
    mail(talk, [(b"Subject", words.encode())], b"hello")


def in_quoted_printable(talk, text):
    folded = b""
    for n, byte in enumerate(text.encode()):
        folded += (b"=\r\n" if n % 20 == 19 else b"") + b"=%02X" % byte
    mail(talk, [(b"Content-Transfer-Encoding", b"quoted-printable"),
                (b"Content-Type", b"text/plain; charset=utf-8")], folded)


def in_attachment(talk, text):
    mail(talk, [(b"MIME-Version", b"1.0"), (b"Content-Type", b"multipart/mixed; boundary=b")],
         b"--b\r\n\r\nhello\r\n--b\r\nContent-Type: text/plain; name=a.txt\r\n"
         b"Content-Disposition: attachment; filename=a.txt\r\n"
         b"Content-Transfer-Encoding: base64\r\n\r\n"
         + base64.encodebytes(text.encode()).replace(b"\n", b"\r\n") + b"--b--")


# The last ones are not for what asks nothing: their braces or lines may close what is open, and
# then the document as a whole is an attack.
PLACES = (in_header(b"User-Agent"), in_header(b"X-Api-Version"), in_path, in_uri, in_cookie,
          in_credentials, in_form, in_xml, in_part, in_words, in_quoted_printable, in_attachment,
          in_mail_header, in_json, in_json_name)
N_WHOLE = 2
MAILS = (in_words, in_quoted_printable, in_attachment, in_mail_header)


def place_of(i, names):
    places = PLACES if names else PLACES[:-N_WHOLE]
    return places[i % len(places)]


def is_fit(text):
    """Whether every place carries the text as it is."""
    return (text == text.strip() and "\r" not in text and "\n" not in text and "\0" not in text
            and not any("\ud800" <= c <= "\udfff" for c in text))


def cases(seed, n):
    """(payload, names it asks) of n payloads."""
    found = []
    number = 0
    while len(found) < n:
        text = generate.payload(seed, number)
        number += 1
        try:
            if is_fit(text):
                found.append((text, ["jndi:" + name for name in reference.names_asked(text)]))
        except (reference.GivenUp, RecursionError):
            continue
    return found


def client_of(i):
    return "198.51.%d.%d" % (100 + i // 250, 1 + i % 250)


def capture(rows):
    """The requests as a capture; each comes at the reference's time, behind three packets."""
    packets = []
    start_us = reference.EVENT_TIME * 1000000 - 3000
    for i, (text, names) in enumerate(rows):
        place = place_of(i, names)
        server = ("192.0.2.25", 25) if place in MAILS else flows.SERVER
        talk = flows.Talk((client_of(i), 40000), server, start_us)
        place(talk.open(), text)
        packets += talk.close().frames
    return flows.pcap(packets)


def attacks(program, rows):
    """The names of the attacks that are told, by the client's address."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "in.pcap")
        with open(path, "wb") as file:
            file.write(capture(rows))
        done = subprocess.run([program, "-q", "-r", path, "-o", "-", "--events", "alert"],
                              stdout=subprocess.PIPE, check=True, timeout=100)
    told = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        jndi = event["alert"]["context"].get("jndi", {})
        if jndi.get("class") == "attack":
            told.setdefault(event["src_ip"], []).append(jndi)
    return told


def is_right(told, names, said):
    """Whether what is told of a payload is what the reference and explain say of it."""
    if not names:
        return not told
    expected = {key: said[key] for key in SAME if said[key] != []}
    return (len(told) == 1 and told[0]["lookups"] == names
            and {key: told[0][key] for key in SAME if key in told[0]} == expected)


def main():
    program = sys.argv[1]
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    sys.setrecursionlimit(20000)
    rows = cases(seed, n)
    told = attacks(program, rows)
    said = check_reference.explain(program, [text for text, _ in rows])
    wrong = 0
    for i, (text, names) in enumerate(rows):
        got = told.get(client_of(i), [])
        if not is_right(got, names, said[i]):
            wrong += 1
            if wrong <= SHOWN:
                print("case %d: %s\n  demanded %s\n  told     %s" % (
                    i, json.dumps(text), names,
                    [(jndi["field"], {key: jndi.get(key) for key in SAME}) for jndi in got]))
    print("%d payloads, %d ask, %d told wrongly" % (n, sum(1 for r in rows if r[1]), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
