#!/usr/bin/python3
"""Two ends of what a rule rejects, or the one that a server would hear.

usage: rejects.py SERVER WORD …  sends each word by TCP and by UDP, to port 7000, and writes what
                                 came of it as JSON: {"tcp WORD": "reset", …}
       rejects.py --serve        answers them; writes a line for each connection and datagram
"""

import json
import socket
import sys
import threading

PORT, TIMEOUT = 7000, 10


def outcome(act):
    try:
        return act().decode()
    except ConnectionResetError:
        return "reset"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silence"


def by_tcp(server, word):
    with socket.create_connection((server, PORT), TIMEOUT) as connection:
        connection.sendall(b"say " + word.encode())
        return connection.recv(100)


def by_udp(server, word):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(TIMEOUT)
        one.connect((server, PORT))
        one.send(b"say " + word.encode())
        return one.recv(100)


def serve_one(connection):
    def heard():
        data = connection.recv(100)
        connection.sendall(data)
        return data
    print("tcp", outcome(heard), flush=True)


def serve():
    listener = socket.create_server(("", PORT))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("", PORT))
    print("listens", flush=True)

    def take():
        while True:
            data, who = datagrams.recvfrom(100)
            datagrams.sendto(data, who)
            print("udp", data.decode(), flush=True)
    threading.Thread(target=take, daemon=True).start()
    while True:
        serve_one(listener.accept()[0])


def main():
    if sys.argv[1] == "--serve":
        serve()
    results = {}
    for word in sys.argv[2:]:
        results[f"tcp {word}"] = outcome(lambda: by_tcp(sys.argv[1], word))
        results[f"udp {word}"] = outcome(lambda: by_udp(sys.argv[1], word))
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
