"""Keeps connections busy for a while: downloads, and requests on connections that stay.

usage: steady.py SERVER CONNECTIONS FILE. Runs until the file exists, and writes how many requests
were answered, and what went wrong.
"""

import json
import os
import socket
import sys
import threading

BIG = 16 << 20


class Worker(threading.Thread):
    def __init__(self, server, path, number, until):
        super().__init__()
        self.server, self.path, self.number, self.until = server, path, number, until
        self.done, self.wrong = 0, []

    def run(self):
        try:
            with socket.create_connection((self.server, 80), 30) as connection:
                connection.settimeout(30)
                while not os.path.exists(self.until):
                    self.ask(connection)
        except OSError as error:
            self.wrong.append(f"{self.path}: {error}")

    def ask(self, connection):
        connection.sendall(f"GET {self.path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        stream = connection.makefile("rb")
        status, length = stream.readline(), 0
        for line in stream:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            if line == b"\r\n":
                break
        body = stream.read(length)
        if b" 200 " not in status or len(body) != length:
            raise OSError(f"answered {status!r} with {len(body)} of {length} bytes")
        self.done += 1


def main():
    server, count, until = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    workers = [Worker(server, "/static/big" if n % 8 == 0 else f"/steady{n}", n, until)
               for n in range(count)]
    for worker in workers:
        worker.start()
    print("started", flush=True)
    for worker in workers:
        worker.join()
    json.dump({"done": sum(w.done for w in workers), "each": min(w.done for w in workers),
               "wrong": [text for w in workers for text in w.wrong]}, sys.stdout)


if __name__ == "__main__":
    main()
