"""A site for tests, standard library alone: says what it was asked, or answers as X-Test-Answer wants it.

python3 backend.py ADDRESS PORT [PORT ...]
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What a hostile or careless site may say.
ANSWERS: dict[str, tuple[tuple[str, str], ...]] = {
    "": (),
    "accel": (
        ("X-Accel-Redirect", "/.idc-edge/refused.html"),
        ("X-Accel-Buffering", "no"),
        ("X-Accel-Limit-Rate", "1000"),
        ("X-Accel-Expires", "3600"),
        ("X-Accel-Charset", "utf-7"),
    ),
    "chatty": (
        ("Server", "Secret/1.0"),
        ("X-Powered-By", "Secret"),
        ("Via", "secret"),
        ("Alt-Svc", 'h2="elsewhere.example:443"'),
        ("X-Request-ID", "its-own"),
    ),
    "framed": (("Content-Security-Policy", "default-src 'self'; frame-ancestors https://partner.example"),),
    "strict": (
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    ),
}


class Site(BaseHTTPRequestHandler):
    """One answer: JSON of the port, the request line, the headers as they came, and the body's length."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "backend", ""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        said = {
            "port": self.connection.getsockname()[1],
            "line": self.requestline,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "length": length,
        }
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in ANSWERS[self.headers.get("X-Test-Answer", "")]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 (as http.server calls them)

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)  # without a Server and a Date of its own

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Nothing: the edge's log is what is looked at."""


def main(address: str, *ports: str) -> None:
    servers = [ThreadingHTTPServer((address, int(port)), Site) for port in ports]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
