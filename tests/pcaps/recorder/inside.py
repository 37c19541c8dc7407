"""Scenes of HTTP in other clothes: HTTP/2, WebSocket, and what goes through proxies."""

import os
import subprocess

import servers
from lab import FRONT
from scene import jndi, scene
from web import ENVIRONMENT, curl

# Debian's Python has the modules that the scenes need.
PYTHON = "/usr/bin/python3"

WEBSOCKET = """
import asyncio, sys, websockets
async def echo(socket):
    async for message in socket:
        await socket.send("echo " + message[:5])
async def serve():
    async with websockets.serve(echo, sys.argv[1], int(sys.argv[2])):
        await asyncio.Future()
async def talk():
    compression = None if sys.argv[4] == "plain" else "deflate"
    async with websockets.connect(f"ws://{sys.argv[1]}:{sys.argv[2]}/chat",
                                  compression=compression) as socket:
        for message in sys.argv[5:]:
            if message.startswith("pieces:"):
                await socket.send([message[7:20], message[20:31], message[31:]])
            else:
                await socket.send(message)
            await socket.recv()
asyncio.run(serve() if sys.argv[3] == "serve" else talk())
"""


def websocket_client(lab, script, kind, *messages):
    with lab.inside("client"):
        subprocess.run([PYTHON, script, FRONT, "8080", "talk", kind, *messages], check=True,
                       capture_output=True)


@scene("http-websocket")
def websocket(lab, path):
    """Messages of Python's websockets: whole, in pieces, compressed with one window."""
    script = lab.write("websocket.py", WEBSOCKET)
    lab.start("server", PYTHON, script, FRONT, "8080", "serve")
    lab.wait_listening("server", FRONT, 8080)
    with lab.capture(path):
        websocket_client(lab, script, "plain", "hello", '{"name":"' + jndi("message") + '"}',
                         "pieces:" + jndi("in-pieces"))
        websocket_client(lab, script, "deflate", "hello hello hello",
                         '{"name":"' + jndi("compressed") + '"}',
                         '{"name":"' + jndi("again") + '"}')


@scene("http2")
def http2(lab, path):
    """curl and nghttp with prior knowledge: headers, a body, streams side by side, a long header
    in CONTINUATION frames."""
    site = os.path.join(servers.HERE, "site")
    lab.start("server", "nghttpd", "--no-tls", "--address", FRONT, "-d", site, "8080")
    lab.wait_listening("server", FRONT, 8080)
    base = f"http://{FRONT}:8080/"
    with lab.capture(path):
        curl(lab, base + "news.html", "--http2-prior-knowledge", "-A", jndi("agent"))
        curl(lab, base + "news.html", "--http2-prior-knowledge", "-d", "user=" + jndi("body"))
        curl(lab, base + "news.html", "--http2-prior-knowledge",
             "-H", "X-Long: " + "long" * 9000 + jndi("behind"))
        with lab.inside("client"):
            subprocess.run(["nghttp", "-n", "-H", "x-token: " + jndi("streams"), "-p", "255",
                            base + "news.html", base + "style.css", base + "index.html"],
                           check=True, capture_output=True, env=ENVIRONMENT)


TINYPROXY = """
Port 3128
Listen {front}
Timeout 20
Allow 198.51.100.0/24
ConnectPort 8080
DisableViaHeader Yes
"""


@scene("http-tunnels")
def tunnels(lab, path):
    """What is said to proxies, and inside: CONNECT, SOCKS 5, PROXY protocol 1."""
    servers.start_site(lab)
    servers.start_app(lab, "server", FRONT, 8080)
    config = lab.write("tinyproxy.conf", TINYPROXY.format(front=FRONT))
    lab.start("server", "tinyproxy", "-d", "-c", config)
    lab.wait_listening("server", FRONT, 3128)
    lab.start("server", "microsocks", "-i", FRONT, "-p", "1080", "-u", "user", "-P", "secret")
    lab.wait_listening("server", FRONT, 1080)
    url = f"http://{FRONT}:8080/page"
    with lab.capture(path):
        curl(lab, url, "--noproxy", "", "-p", "-x", f"http://{FRONT}:3128", "-A", jndi("connect"))
        curl(lab, url, "--noproxy", "", "--socks5", f"user:secret@{FRONT}:1080", "-A",
             jndi("socks5"))
        curl(lab, f"http://{FRONT}:8081/news.html", "--haproxy-protocol", "-A",
             jndi("proxy-protocol"))
