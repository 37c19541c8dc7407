#!/usr/bin/python3
"""The honeypot as a directory, where call-backs are led that were meant for an attacker: whoever
asks is let in, finds nothing, and what was asked for is told.

usage: test_directory.py PROGRAM
"""
import shutil
import subprocess

from harness_honeypot import (  # first: it sets where the others are
    TOUCHED, Honeypot, alerts, connect, lookups, needs_tls, read_all)
import flows
from harness import Skip, arguments, demand, expect_refused, figure, main, of_type

JNDI = """
import java.util.Hashtable;
import javax.naming.InitialContext;
import javax.naming.InvalidNameException;

class Ask {
    public static void main(String[] urls) throws Exception {
        for (String url : urls) {
            try {
                System.out.println(new InitialContext(new Hashtable<>()).lookup(url).getClass());
            } catch (InvalidNameException e) {
                System.out.println("no name of an entry");
            }
        }
    }
}
"""


def element(tag, content):
    """BER, with a short length."""
    demand(len(content) < 128, "too long for one byte")
    return bytes([tag, len(content)]) + content


def message(number, tag, content):
    return element(0x30, element(2, bytes([number])) + element(tag, content))


def bind(number=1, name=b"", password=b""):
    return message(number, 0x60, element(2, b"\x03") + element(4, name) + element(0x80, password))


def search(number, base):
    return message(number, 0x63, element(4, base) + element(10, b"\0") + element(10, b"\0")
                   + element(2, b"\0") + element(2, b"\0") + element(1, b"\0")
                   + element(0x87, b"objectClass") + element(0x30, b""))


UNBIND = message(9, 0x42, b"")
NOTHING = element(10, b"\0") + element(4, b"") + element(4, b"")


def asked(events):
    return [event["ldap"]["request"]["search_request"]["base_object"]
            for event in of_type(events, "ldap")
            if "search_request" in event["ldap"].get("request", {})]


def asked_in_bytes(lab):
    """Bytes one by one, several messages at once; nothing but bind and search is answered."""
    pot = Honeypot(lab, spots=("ldap:127.0.0.1:0", "ldap:[::1]:0"))
    base = b"Exploit/host=db01,key=AKIA-one"
    said = bind() + search(2, base) + message(3, 0x77, element(0x80, b"1.3.6.1.4.1.1466.20037"))
    with connect(pot.first) as connection:
        for byte in said:
            connection.sendall(bytes([byte]))
        connection.sendall(UNBIND)
        heard = read_all(connection)
    wanted = message(1, 0x61, NOTHING) + message(2, 0x65, NOTHING)
    demand(heard == wanted, f"heard {heard}")
    with connect(pot.spots[1]) as connection:
        connection.sendall(bind(7) + search(8, flows.lookup("base")) + UNBIND)
        demand(read_all(connection) == message(7, 0x61, NOTHING) + message(8, 0x65, NOTHING), "?")
    events = pot.stop()
    demand(asked(events)[0] == base.decode() and "jndi" in asked(events)[1], f"{asked(events)}")
    demand([one["field"] for one in lookups(events)] == ["ldap.request.dn"], f"{lookups(events)}")
    demand([event["app_proto"] for event in of_type(events, "flow")] == ["ldap"] * 2, "no ldap")
    demand([event["alert"]["context"]["honeypot"]["listener"] for event in alerts(events, TOUCHED)]
           == [spot.name for spot in pot.spots], "touches")


def asked_by_ldapsearch(lab):
    if shutil.which("ldapsearch") is None:
        raise Skip("ldapsearch is not installed")
    pot = Honeypot(lab, spots=("ldap:127.0.0.1:0",))
    done = subprocess.run(
        ["ldapsearch", "-x", "-H", f"ldap://{pot.first.host}:{pot.first.port}", "-D", "cn=anyone",
         "-w", "anything", "-b", "o=Exploit,c=secret", "-s", "base"],
        capture_output=True, check=False, timeout=60, text=True)
    demand(done.returncode == 0 and "result: 0 Success" in done.stdout
           and "numEntries" not in done.stdout, f"ldapsearch: {done.stdout} {done.stderr}")
    demand(asked(pot.stop()) == ["o=Exploit,c=secret"], "what was asked for")


def asked_by_java(lab):
    """What a look-up in Log4j comes to: JNDI asks, gets no object, and goes on; what attackers'
    tools have in their URLs is no name of an entry, which it finds only afterwards."""
    if shutil.which("java") is None:
        raise Skip("java is not installed")
    pot = Honeypot(lab, spots=("ldap:127.0.0.1:0",))
    source = lab.write("Ask.java", JNDI)
    url = f"ldap://{pot.first.host}:{pot.first.port}/"
    done = subprocess.run(["java", source, url + "Basic/Command/Base64/eA==", url + "user=root"],
                          capture_output=True, check=False, timeout=120, text=True)
    if "jdk.compiler" in done.stderr:
        raise Skip("java was installed without its compiler")
    demand(done.stdout.splitlines()
           == ["no name of an entry", "class com.sun.jndi.ldap.LdapCtx"], f"{done}")
    events = pot.stop()
    demand(asked(events) == ["Basic/Command/Base64/eA==", "user=root"], f"{asked(events)}")


def asked_in_tls(lab):
    if shutil.which("openssl") is None:
        raise Skip("openssl is not installed")
    needs_tls(lab)
    pot = Honeypot(lab, spots=("ldap:127.0.0.1:0",))
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{pot.first.host}:{pot.first.port}", "-quiet"],
        input=bind() + search(2, b"o=hidden") + UNBIND, capture_output=True, check=False,
        timeout=60)
    demand(message(2, 0x65, NOTHING) in done.stdout, f"openssl: {done}")
    events = pot.stop()
    demand(asked(events) == ["o=hidden"] and figure(events, "lost_tls") == 0, f"{asked(events)}")


def what_is_no_directory(lab):
    """Ends at once, is told, and is not answered; nor are messages beyond all limits."""
    pot = Honeypot(lab, spots=("ldap:127.0.0.1:0",))
    for said in (b"GET /" + flows.lookup("http") + b" HTTP/1.0\r\n\r\n", b"0\x80\x02\x01\x01",
                 b"0\x84\xff\xff\xff\xff\x02\x01\x01c"):
        with connect(pot.first) as connection:
            connection.sendall(said)
            demand(read_all(connection) == b"", f"{said} was answered")
    events = pot.stop()
    demand(len(lookups(events)) == 1, f"{lookups(events)}")
    demand(len(alerts(events, TOUCHED)) >= 1 and figure(events, "decoy_accepted") == 3, "touches")


def wrong_personas(lab):
    expect_refused(lab.run("honeypot", "--listen", "ldap:127.0.0.1:0:postfix", "-o", "-"),
                   r"^listener 'ldap:127.0.0.1:0': persona 'postfix' greets, which no directory ")


TESTS = [
    ("asked in bytes", asked_in_bytes),
    ("asked by ldapsearch", asked_by_ldapsearch),
    ("asked by java", asked_by_java),
    ("asked in TLS", asked_in_tls),
    ("what is no directory", what_is_no_directory),
    ("wrong personas", wrong_personas),
]

if __name__ == "__main__":
    main(__doc__, TESTS, arguments(__doc__))
