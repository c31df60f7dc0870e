"""A proxy before an S3 server that misbehaves as it is told to."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

LEFT_OUT = ("transfer-encoding", "connection", "content-length")


@dataclass
class Proxy:
    """``fault(method, path)`` says what happens to a request.

    None: it is passed on; a number: that status is the answer and nothing is passed on; "drop":
    the connection is closed instead; "lose": it is passed on, and the connection closed instead
    of the answer; "cut": half of the answer's body comes.
    """

    address: str
    fault: Callable[[str, str], Any] = lambda method, path: None
    strip: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)


@contextmanager
def proxy_of(endpoint: str) -> Iterator[Proxy]:
    """A proxy to an endpoint."""
    target = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            proxy.asked.append(f"{self.command} {self.path}")
            fault = proxy.fault(self.command, self.path)
            if isinstance(fault, int):
                self.reply(fault, {}, b"<Error><Code>InternalError</Code></Error>")
                return
            if fault == "drop":
                self.close_connection = True
                return
            upstream = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in proxy.strip}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            if fault == "lose":
                self.close_connection = True
                return
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in LEFT_OUT}
            length = answer.getheader("content-length") if self.command == "HEAD" else None
            self.reply(answer.status, kept, content, length, cut=fault == "cut")

        def reply(
            self,
            status: int,
            headers: dict[str, str],
            body: bytes,
            length: str | None = None,
            cut: bool = False,
        ) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = self.close_connection or cut

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = pass_on

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
