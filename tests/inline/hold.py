#!/usr/bin/python3
"""A client that is told what to say while the sensor between it and its server comes and goes.

usage: hold.py SERVER   one connection, and one socket for datagrams, to port 7000. A line of input
                        is "tcp WORD", whose answer, or end, is a line of output, or "udp WORD",
                        which is sent, and is not waited for
       hold.py --serve  answers connections; a line of output for each datagram
"""
import socket
import sys
import threading

PORT, TIMEOUT = 7000, 30


def answer_all(connection):
    with connection:
        try:
            while data := connection.recv(100):
                connection.sendall(data)
        except ConnectionResetError:
            pass


def serve():
    listener = socket.create_server(("", PORT))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("", PORT))

    def accept():
        while True:
            threading.Thread(target=answer_all, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    print("listens", flush=True)
    while True:
        print(datagrams.recv(100).decode(), flush=True)


def ask(connection, word):
    try:
        connection.sendall(word.encode())
        return connection.recv(100).decode() or "ended"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


def main():
    if sys.argv[1] == "--serve":
        serve()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connection = socket.create_connection((sys.argv[1], PORT), TIMEOUT)
    connection.settimeout(TIMEOUT)
    for line in sys.stdin:
        how, word = line.split()
        if how == "udp":
            datagrams.sendto(word.encode(), (sys.argv[1], PORT))
            print("sent", flush=True)
        else:
            print(ask(connection, word), flush=True)


if __name__ == "__main__":
    main()
