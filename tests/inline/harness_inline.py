"""What the inline tests share: a client's, a sensor's and a server's namespace in a row, with real
servers in the last one.

The sensor's namespace routes between the two cables, with a rule that queues what it forwards, or
joins them as a bridge.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "faults"))

from harness import Network, Skip, demand  # noqa: E402

SERVER = "10.9.2.2"
START_SECONDS = 60
NGINX = """
user root; worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; access_log off; client_max_body_size 10m;
  keepalive_requests 1000000;
  server {{ listen 80; location / {{ proxy_pass http://127.0.0.1:8080; }}
           location /static {{ alias {folder}/static; }} }}
  server {{ listen 127.0.0.1:8080; access_log {folder}/whole.log;
           location / {{ return 200 "served\\n"; }} }}
}}
"""
POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file_prefixes = {folder}
maillog_file = {folder}/mail.log
myhostname = mx.example.test
mydestination = example.test
inet_interfaces = all
inet_protocols = ipv4
local_recipient_maps =
local_transport = discard:
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
alias_maps =
mynetworks = 127.0.0.0/8
"""
MASTER = """
smtp      inet  n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
anvil     unix  - - n - 1 anvil
discard   unix  - - n - - discard
error     unix  - - n - - error
retry     unix  - - n - - error
proxymap  unix  - - n - - proxymap
postlog   unix-dgram n - n - 1 postlogd
"""


def need(*programs):
    """Skips where one of the programs is missing."""
    if os.geteuid() != 0:
        raise Skip("inline mode needs root")
    for program in programs:
        if shutil.which(program) is None:
            raise Skip(f"needs {program}")


def wait_for(condition, what, seconds=START_SECONDS):
    """Asks until it is true."""
    end = time.monotonic() + seconds
    while not condition():
        demand(time.monotonic() < end, f"waited in vain for {what}")
        time.sleep(0.02)  # a poll, not a length of time that matters


def join(first, first_name, second, second_name):
    """A cable between two namespaces."""
    first.ip("link", "add", first_name, "type", "veth", "peer", "name", second_name, "netns",
             str(second.keeper.pid))
    for network, name in ((first, first_name), (second, second_name)):
        network.ip("link", "set", name, "up")


class Row:
    """Client, sensor and server. `bridge`: the sensor has no address, else it routes and queues."""

    def __init__(self, lab, bridge, queues="--queue-num 0", bypass=True):
        need("ip", "nsenter", "unshare", "ethtool", "iptables")
        os.chmod(lab.folder, 0o755)
        self.lab, self.bridge = lab, bridge
        self.client, self.sensor, self.server = Network(lab), Network(lab), Network(lab)
        join(self.client, "c0", self.sensor, "s0")
        join(self.sensor, "s1", self.server, "v0")
        self.server.ip("link", "set", "lo", "up")
        if bridge:
            self.address("10.9.2.1/24")
            for network, name in ((self.client, "c0"), (self.sensor, "s0"), (self.sensor, "s1"),
                                  (self.server, "v0")):
                self.run(network, "ethtool", "-K", name, "tx", "off", "gso", "off", "tso", "off",
                         "gro", "off")
            return
        self.address("10.9.1.2/24")
        self.sensor.ip("addr", "add", "10.9.1.1/24", "dev", "s0")
        self.sensor.ip("addr", "add", "10.9.2.1/24", "dev", "s1")
        self.client.ip("route", "add", "default", "via", "10.9.1.1")
        self.server.ip("route", "add", "default", "via", "10.9.2.1")
        self.run(self.sensor, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        rule = ["iptables", "-A", "FORWARD", "-j", "NFQUEUE", *queues.split()]
        done = subprocess.run([*self.sensor.enter, *rule, *(["--queue-bypass"] if bypass else [])],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"no NFQUEUE here: {done.stderr.strip()[:100]}")

    def address(self, client):
        self.client.ip("addr", "add", client, "dev", "c0")
        self.server.ip("addr", "add", f"{SERVER}/24", "dev", "v0")

    @staticmethod
    def run(network, *words):
        done = subprocess.run([*network.enter, *words], capture_output=True, text=True, check=False)
        demand(done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def sense(self, *args, queues="0", user="root"):
        """A sensor that has begun."""
        how = ["--bridge", "s0:s1"] if self.bridge else ["--nfqueue", queues]
        return sense(self.lab, self.sensor, *how, "--user", user, *args)

    def spawn(self, network, words, **more):
        """A program in a namespace, ended with the test."""
        process = subprocess.Popen([*network.enter, *words], **more)
        self.lab.cleanups.callback(end, process)
        return process

    def serve_http(self):
        """nginx in front of nginx: only requests that came whole reach the second."""
        need("nginx")
        folder = self.lab.path("nginx")
        os.makedirs(os.path.join(folder, "static"))
        with open(os.path.join(folder, "static", "big"), "wb") as file:
            file.write(b"0123456789abcdef" * (1 << 20))
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(NGINX.format(folder=folder))
        self.spawn(self.server, ["nginx", "-c", config, "-p", folder, "-e", folder + "/error.log"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: listens(self.server, 80), "nginx")

    def whole_requests(self):
        """The URLs of the requests that came whole."""
        with open(self.lab.path("nginx", "whole.log"), encoding="utf-8") as file:
            return [line.split('"')[1].split()[1] for line in file]

    def serve_mail(self):
        """postfix, which takes every mail and throws it away."""
        need("postfix", "postqueue")
        folder = self.lab.path("postfix")
        os.makedirs(folder + "/conf")
        os.makedirs(folder + "/data")
        os.makedirs(folder + "/queue")
        shutil.chown(folder + "/data", "postfix")
        for name, text in (("main.cf", POSTFIX.format(folder=folder)), ("master.cf", MASTER)):
            with open(f"{folder}/conf/{name}", "w", encoding="ascii") as file:
                file.write(text)
        postfix = ["postfix", "-c", folder + "/conf"]
        done = subprocess.run([*self.server.enter, *postfix, "start"], capture_output=True,
                              text=True, check=False)
        self.lab.cleanups.callback(subprocess.run, [*self.server.enter, *postfix, "stop"],
                                   capture_output=True, check=False)
        demand(done.returncode == 0, f"postfix: {done.stderr[-300:]} {done.stdout[-300:]}")
        wait_for(lambda: listens(self.server, 25), "postfix")

    def mail_log(self):
        with open(self.lab.path("postfix", "mail.log"), encoding="utf-8") as file:
            return file.read()

    def client_script(self, name, *args, **more):
        """Runs a script of this folder at the client's end and returns what it says, as JSON."""
        done = subprocess.run([*self.client.enter, sys.executable, "-B", os.path.join(HERE, name),
                               SERVER, *map(str, args)], capture_output=True, text=True,
                              check=False, **more)
        demand(done.returncode == 0, f"{name}: {done.stderr.strip()[-400:]}")
        return json.loads(done.stdout)


def sense(lab, network, *args):
    """A sensor that has begun, in a namespace."""
    live = lab.start(*args, before=network.enter)
    live.wait_for(lambda: b"inline (" in live.err(), "the start")
    return live


def listens(network, port):
    """Whether somebody takes connections there."""
    with open(f"/proc/{network.keeper.pid}/net/tcp", encoding="ascii") as file:
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
                   for line in list(file)[1:])


def end(process):
    """Ends a program that the test started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait()


def stop(live):
    """Ends the sensor and returns how it ended."""
    os.kill(live.pid, signal.SIGTERM)
    ended = live.wait()
    demand(ended.code == 0, ended.told())
    return ended
