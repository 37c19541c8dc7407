"""Measures how long requests take, and how fast a large file comes.

usage: pace.py SERVER REQUESTS DOWNLOADS. Writes the times of the requests in microseconds, and the
bytes a second, as JSON.
"""

import json
import socket
import sys
import time


def ask(connection, stream, path):
    """One request on a connection that stays; the bytes of the answer's body."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: www.example.test\r\n"
                       f"User-Agent: pace/1.0\r\nAccept: */*\r\n\r\n".encode())
    length = 0
    for line in stream:
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            break
    got = 0
    while got < length:
        got += len(stream.read(min(length - got, 1 << 20)))
    return got


def main():
    server, n_requests, n_downloads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with socket.create_connection((server, 80), 30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        times = []
        for _ in range(n_requests):
            before = time.perf_counter_ns()
            ask(connection, stream, "/static/small")
            times.append((time.perf_counter_ns() - before) / 1000)
        before = time.perf_counter_ns()
        got = sum(ask(connection, stream, "/static/big") for _ in range(n_downloads))
        seconds = (time.perf_counter_ns() - before) / 1e9
    json.dump({"times_us": times, "bytes_per_second": got / seconds}, sys.stdout)


if __name__ == "__main__":
    main()
