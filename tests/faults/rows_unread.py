"""Readers of local sockets that die with events unread: these go to the next reader."""

import os
import socket

from harness import expect
from rows_capture import good_file
from rows_sinks import MANY, configure, same, unix, whole
from takers import DGRAM, STREAM, Listener


def dies_with_unread(path, kind):
    """Listens, waits until there is something to read, and leaves without having read it."""
    with socket.socket(socket.AF_UNIX, kind) as listening:
        listening.bind(path)
        if kind == DGRAM:
            yield
            listening.recv(1, socket.MSG_PEEK)
        else:
            listening.listen(1)
            yield
            with listening.accept()[0] as connection:
                connection.recv(1, socket.MSG_PEEK)
    os.remove(path)


def unread_events(lab, kind, *words):
    good_file(lab, n=MANY)
    dying = dies_with_unread(lab.path("s"), kind)
    next(dying)
    running = lab.start("-r", "good.pcap", "-o", "out.json", "--workers", "1",
                        *configure(lab, ", ".join(words)))
    for _ in dying:
        pass
    second = Listener(lab, kind, lab.path("s"))
    expect(running.wait(), 0)
    return second


def unread_of_a_stream(lab):
    second = unread_events(lab, STREAM, unix(lab, STREAM))
    same(second.data(), whole(lab), "the second reader")


def unread_datagrams(lab):
    second = unread_events(lab, DGRAM, unix(lab, DGRAM))
    same(second.data(), whole(lab), "the second reader")


def unread_messages(lab):
    second = unread_events(lab, DGRAM, "type: syslog", f"target: {lab.path('s')}")
    second.close()
    data = b"".join(part[part.index(b"{"):] + b"\n" for part in second.parts)
    same(data, whole(lab), "the second reader")


TESTS = [
    ("unread: a stream", unread_of_a_stream),
    ("unread: datagrams", unread_datagrams),
    ("unread: messages of syslog", unread_messages),
]
