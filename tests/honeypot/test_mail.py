#!/usr/bin/python3
"""The honeypot as a mail server: what is sent to it in the clear and, by STARTTLS, encrypted.

usage: test_mail.py PROGRAM
"""
import shutil
import smtplib
import ssl
import subprocess

from harness_honeypot import (  # first: it sets where the others are
    TOUCHED, Honeypot, alerts, connect, lookups, make_certificate, needs_tls, read_all)
import flows
from harness import Skip, arguments, demand, figure, main, of_type


def with_certificate(lab, *args):
    needs_tls(lab)
    certificate, key = make_certificate(lab, "mail.example")
    return Honeypot(lab, "--set", f"honeypot.certificate={certificate}",
                    "--set", f"honeypot.key={key}", *args, spots=("smtp:127.0.0.1:0",))


def anyone():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def no_certificate_no_starttls(lab):
    """What makes one for itself does not show it to mail servers."""
    pot = Honeypot(lab, spots=("smtp:127.0.0.1:0",))
    with smtplib.SMTP(*pot.first.place, timeout=30) as client:
        client.ehlo()
        demand(not client.has_extn("starttls"), "offers it")
        demand(client.docmd("STARTTLS")[0] == 502, "takes it")
    pot.stop()


def mail_in_tls_is_read(lab):
    """Envelope and contents; what was said before counts no more, and TLS is begun but once."""
    pot = with_certificate(lab)
    with smtplib.SMTP(*pot.first.place, local_hostname="client.example", timeout=30) as client:
        client.ehlo()
        demand(client.has_extn("starttls"), "does not offer it")
        demand(client.mail("first@example.org")[0] == 250, "a first sender")
        demand(client.starttls(context=anyone())[0] == 220, "does not begin")
        shown = ssl.DER_cert_to_PEM_cert(client.sock.getpeercert(True))
        demand(shown.encode() == lab.text("mail.example.crt"), "another certificate")
        demand(client.docmd("RCPT TO:<a@example.org>")[0] == 503, "remembers the first sender")
        client.ehlo()
        demand(not client.has_extn("starttls"), "offers it again")
        demand(client.docmd("STARTTLS")[0] == 502, "begins again")
        client.sendmail("a@example.org", ["b@example.net"], b"Subject: "
                        + flows.lookup("subject") + b"\r\n\r\n" + flows.lookup("body") + b"\r\n")
    events = pot.stop()
    clear, *hidden = [event.get("tls") for event in of_type(events, "smtp")]
    demand(clear is None and set(map(str, hidden)) == {"{'version': 'TLS 1.3'}"}, f"{hidden}")
    told = [event["smtp"] for event in of_type(events, "smtp")]
    demand(any(one.get("rcpt_to") == ["<b@example.net>"] for one in told), f"{told}")
    fields = sorted(one["field"] for one in lookups(events))
    demand(fields == ["email.body", "email.subject"], f"{fields}")
    demand(figure(events, "lost_starttls") == 0, "something stayed encrypted")


def openssl_begins_tls(lab):
    """In the oldest version that it speaks."""
    if shutil.which("openssl") is None:
        raise Skip("openssl is not installed")
    pot = with_certificate(lab)
    said = b"EHLO x\r\nMAIL FROM:<" + flows.lookup("s_client") + b"@example.org>\r\nQUIT\r\n"
    done = subprocess.run(
        ["openssl", "s_client", "-starttls", "smtp", "-tls1", "-cipher", "ALL:@SECLEVEL=0",
         "-connect", f"{pot.first.host}:{pot.first.port}", "-quiet", "-ign_eof"],
        input=said, capture_output=True, check=False, timeout=60)
    demand(b"250 2.1.0 Ok" in done.stdout, f"openssl: {done.stdout} {done.stderr[-300:]}")
    fields = [one["field"] for one in lookups(pot.stop())]
    demand(fields == ["smtp.mail_from"], f"{fields}")


def hello_is_read(lab):
    """What is asked for behind STARTTLS before anything is encrypted, and what is said then; also
    of one who is too odd to be spoken to."""
    if shutil.which("openssl") is None:
        raise Skip("openssl is not installed")
    pot = with_certificate(lab)
    odd = ("-tls1_2", "-cipher", "PSK-AES128-CBC-SHA", "-psk", "00")
    for number, more in enumerate(((), ("-tls1_2",), odd)):
        said = b"MAIL FROM:<" + flows.lookup(f"x{number}") + b"@example.org>\r\nQUIT\r\n"
        subprocess.run(
            ["openssl", "s_client", "-starttls", "smtp", "-alpn", flows.lookup(f"a{number}"),
             "-servername", flows.lookup(f"n{number}"), *more, "-quiet", "-ign_eof",
             "-connect", f"{pot.first.host}:{pot.first.port}"],
            input=b"EHLO x\r\n" + said, capture_output=True, check=False, timeout=60)
    events = pot.stop()
    fields = sorted((one["field"], one["callback"]["path"][-2:]) for one in lookups(events))
    demand(fields == [("smtp.mail_from", "x0"), ("smtp.mail_from", "x1")]
           + [("tls.alpn", f"a{n}") for n in range(3)] + [("tls.sni", f"n{n}") for n in range(3)],
           f"{fields}")
    told = [event["tls"]["sni"][-3:-1] for event in of_type(events, "tls")]
    demand(told == ["n0", "n1", "n2"], f"{told}")
    kinds = [(event["app_proto"], "starttls" in event["metadata"]["flowbits"])
             for event in of_type(events, "flow")]
    demand(kinds == [("smtp", True)] * 3, f"{kinds}")
    demand(figure(events, "lost_starttls") == 0, "something stayed encrypted")


def swaks_begins_tls(lab):
    if shutil.which("swaks") is None:
        raise Skip("swaks is not installed")
    able = subprocess.run(["swaks", "--support"], capture_output=True, check=False, text=True)
    if "=== TLS supported" not in able.stdout:
        raise Skip("swaks was installed without what it needs for TLS")
    pot = with_certificate(lab)
    done = subprocess.run(
        ["swaks", "--tls", "--server", pot.first.host, "--port", str(pot.first.port), "--from",
         "a@example.org", "--to", "b@example.net", "--header",
         "Subject: " + flows.lookup("swaks").decode()], capture_output=True, check=False, text=True)
    demand(done.returncode == 0, f"swaks: {done.stdout[-300:]} {done.stderr}")
    demand("=== TLS started" in done.stdout, "swaks spoke in the clear")
    fields = [one["field"] for one in lookups(pot.stop())]
    demand(fields == ["email.subject"], f"{fields}")


def what_does_not_begin(lab):
    """Is told as it came, as is what was slipped in behind the command, and answered by nobody."""
    pot = with_certificate(lab)
    slipped = b"MAIL FROM:<" + flows.lookup("slipped") + b"@example.org>\r\n"
    with connect(pot.first) as connection:
        connection.sendall(b"EHLO x\r\nSTARTTLS\r\n" + slipped)
        answer = b""
        while b"220 2.0.0" not in answer:
            answer += connection.recv(65536)
        connection.sendall(b"RSET\r\nVRFY " + flows.lookup("clear") + b"\r\n")
        demand(b"250" not in read_all(connection), "words were answered")
    events = pot.stop()
    fields = [one["field"] for one in lookups(events)]
    demand(fields == ["smtp.mail_from", "smtp.command"], f"{fields}")
    demand(len(alerts(events, TOUCHED)) == 1, "not one touch")


TESTS = [
    ("no certificate, no STARTTLS", no_certificate_no_starttls),
    ("mail in TLS is read", mail_in_tls_is_read),
    ("openssl begins TLS", openssl_begins_tls),
    ("hello is read", hello_is_read),
    ("swaks begins TLS", swaks_begins_tls),
    ("what does not begin", what_does_not_begin),
]

if __name__ == "__main__":
    main(__doc__, TESTS, arguments(__doc__))
