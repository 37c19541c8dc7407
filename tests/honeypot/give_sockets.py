#!/usr/bin/python3
"""Starts a program as a service manager does that has opened its sockets (sd_listen_fds(3)).

usage: give_sockets.py KIND:ADDRESS … -- PROGRAM ARGUMENT …

Kinds are tcp and udp; @0 in an argument is the port that the first of them was given, and so on.
With WHOSE=other in the environment they are said to be meant for another process.
"""
import os
import socket
import sys

FIRST = 3


def open_one(text):
    kind, _, address = text.partition(":")
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                         socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    made.bind((address, 0))
    if kind == "tcp":
        made.listen()
    return made


def main(words):
    at = words.index("--")
    made = [open_one(text) for text in words[:at]]
    command = words[at + 1:]
    for number, one in enumerate(made):
        command = [word.replace(f"@{number}", str(one.getsockname()[1])) for word in command]
    copies = [os.dup(one.fileno()) for one in made]
    copies = [os.dup(fd) for fd in copies]  # all of them behind those to be given
    for number, fd in enumerate(copies):
        os.dup2(fd, FIRST + number)
    os.closerange(FIRST + len(made), max(copies, default=FIRST) + 1)
    pid = os.getpid() + (os.environ.get("WHOSE") == "other")
    os.environ.update(LISTEN_FDS=str(len(made)), LISTEN_PID=str(pid))
    os.execv(command[0], command)


main(sys.argv[1:])
