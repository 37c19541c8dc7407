"""Those who take events: sockets that are listened on, a Redis server, brokers of Kafka. Each is
made by the test that needs it, in its folder or on loopback, and ends with it."""

import os
import shutil
import signal
import socket
import subprocess
import threading

from harness import Skip, demand, wait_for

STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


class Listener:
    """Reads all that comes to a socket, on a thread of its own, until it is closed. `address` is a
    path, or a tuple for loopback. Held, it listens and does not read."""

    def __init__(self, lab, kind, address, held=False):
        self.kind = kind
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, kind)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(address)
        self.address = self.socket.getsockname()
        if family == socket.AF_UNIX:
            os.chmod(address, 0o777)
        self.parts = []  # of each connection its bytes, of datagrams each by itself
        self.may_read = threading.Event()
        self.closing = threading.Event()
        if not held:
            self.may_read.set()
        if kind == STREAM:
            self.socket.listen(8)
        self.socket.settimeout(0.02)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        lab.cleanups.callback(self.close)

    def release(self):
        self.may_read.set()

    def run(self):
        connections = []
        while True:
            closing = self.closing.is_set()
            got = self.kind == STREAM and self.accept(connections)
            if self.may_read.is_set():
                got = (self.read(connections) if self.kind == STREAM else self.take()) or got
            if closing and not got:
                break
        for connection, _ in connections:
            connection.close()

    def accept(self, connections):
        try:
            connection = self.socket.accept()[0]
        except OSError:
            return False
        connection.setblocking(False)
        self.parts.append(b"")
        connections.append((connection, len(self.parts) - 1))
        return True

    def read(self, connections):
        got = False
        for connection, number in connections:
            try:
                data = connection.recv(1 << 20)
            except OSError:
                continue
            self.parts[number] += data
            got = got or bool(data)
        return got

    def take(self):
        try:
            self.parts.append(self.socket.recv(1 << 20))
        except OSError:
            return False
        return True

    def close(self):
        """Reads what is there, and is gone."""
        self.closing.set()
        self.thread.join()
        self.socket.close()

    def data(self):
        """All lines that came whole; the piece of a line before a break is sent once more."""
        self.close()
        if self.kind == DGRAM:
            return b"".join(part + b"\n" for part in self.parts)
        return b"".join(part[:part.rfind(b"\n") + 1] for part in self.parts)

    def n_bytes(self):
        return sum(map(len, self.parts))


def need_type(lab, word):
    """Skips where the program was built without outputs of that type."""
    about = lab.run("--build-info").out.decode()
    types = [line for line in about.splitlines() if line.startswith("outputs:")]
    if word not in types[0].split():
        raise Skip(f"this build has no outputs of type {word}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis_program(lab):
    """Debian's redis-check-rdb is the server, when it is called redis-server."""
    found = shutil.which("redis-server")
    if found is None and shutil.which("redis-check-rdb") is not None:
        found = lab.path("redis-server")
        if not os.path.exists(found):
            os.symlink(shutil.which("redis-check-rdb"), found)
    if found is None:
        raise Skip("there is no redis-server")
    return found


class Redis:
    """A server that keeps over a kill what it was given: it is on disk before the answer."""

    def __init__(self, lab, *words):
        need_type(lab, "redis")
        self.lab = lab
        self.program = redis_program(lab)
        self.port = free_port()
        self.folder = lab.path(f"redis{self.port}")
        os.mkdir(self.folder)
        self.words = words
        self.process = None
        lab.cleanups.callback(self.kill)
        self.start()

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder,
             "--appendonly", "yes", "--appendfsync", "always", "--save", "", *self.words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers, "the Redis server")

    def answers(self):
        demand(self.process.poll() is None, "the Redis server did not start")
        try:
            return self.ask("PING") == b"PONG"
        except OSError:
            return False

    def ask(self, *words, password=None):
        """The answer to one command: text, a number, a list, or an exception's text after "-"."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as peer:
            file = peer.makefile("rwb")
            if password:
                self.send(file, ("AUTH", password))
                self.read(file)
            self.send(file, words)
            return self.read(file)

    @staticmethod
    def send(file, words):
        file.write(b"*%d\r\n" % len(words))
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            file.write(b"$%d\r\n%s\r\n" % (len(data), data))
        file.flush()

    def read(self, file):
        line = file.readline()
        if not line:
            raise ConnectionError("the server hung up")
        kind, rest = line[:1], line[1:].strip()
        if kind == b"$":
            return None if rest == b"-1" else file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read(file) for _ in range(int(rest))]
        return int(rest) if kind == b":" else (kind if kind == b"-" else b"") + rest

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


class Subscriber:
    """Reads a channel of a Redis server."""

    def __init__(self, lab, redis, channel):
        self.redis = redis
        self.peer = socket.create_connection(("127.0.0.1", redis.port), timeout=60)
        self.file = self.peer.makefile("rwb")
        lab.cleanups.callback(self.peer.close)
        redis.send(self.file, ("SUBSCRIBE", channel))
        redis.read(self.file)

    def take(self, n):
        """The next n messages."""
        return [self.redis.read(self.file)[2] for _ in range(n)]


class Kafka:
    """Brokers that librdkafka mocks, in a process of their own."""

    def __init__(self, lab, program, *topics, before=()):
        self.process = subprocess.Popen([*before, program, *topics], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        lab.cleanups.callback(self.end)
        self.target = self.line().decode()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def line(self):
        line = self.process.stdout.readline()
        demand(line.endswith(b"\n"), "the brokers ended")
        return line[:-1]

    def tell(self, word):
        """down, up: of all brokers."""
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()
        demand(self.line() == b"done", f"the brokers do not {word}")

    def records(self):
        """All records: (topic, partition, key, value) in the order of each partition."""
        self.process.stdin.write(b"dump\n")
        self.process.stdin.flush()
        found = []
        while True:
            line = self.line()
            if line == b"done":
                return found
            topic, partition, key, value = line.split(b" ", 3)
            found.append((topic.decode(), int(partition), key.decode(), value))
