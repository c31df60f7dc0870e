"""A poll that finds nothing new: requests and CPU milliseconds; `python -m benchmarks.polling`.

A source that was fetched before is asked again and answers 304. The figure is the library's own:
the process is warm, as in a run of many datasets; imports are told apart.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LIMIT_MS = 100.0
POLLS = 20
ROWS = b"code,name\n" + b"".join(b"%d,name\n" % number for number in range(1000))


class Publisher(BaseHTTPRequestHandler):
    """A file that never changes."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self) -> None:
        """Answer 304 to whoever has the file."""
        type(self).asked += 1
        known = self.headers.get("If-None-Match") == '"1"'
        self.send_response(304 if known else 200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", "0" if known else str(len(ROWS)))
        self.end_headers()
        if not known:
            self.wfile.write(ROWS)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def measure() -> dict[str, Any]:
    """Fetch once, then poll, each time as a run does."""
    begun = time.process_time()
    from moulouya import sources
    from moulouya.definition import HttpSource

    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    described = {"kind": "http", "format": "csv", "requests_per_second": 100,
                 "url": f"http://127.0.0.1:{server.server_port}/a.csv"}  # fmt: skip
    source = HttpSource.model_validate(described)
    with tempfile.TemporaryDirectory() as folder:
        first = sources.fetch(source, sources.Request(_empty(folder, 0), Path(folder), "bench"))
        assert first is not None
        imported = time.process_time()
        Publisher.asked = 0
        for number in range(1, POLLS + 1):
            request = sources.Request(_empty(folder, number), Path(folder), "bench",
                                      etag=first.etag, state_folder=Path(folder))  # fmt: skip
            assert sources.fetch(source, request) is None
        spent = time.process_time() - imported
    server.shutdown()
    return {
        "requests_a_poll": Publisher.asked / POLLS,
        "cpu_ms_a_poll": round(1000 * spent / POLLS, 2),
        "limit_ms": LIMIT_MS,
        "imports_and_first_fetch_cpu_ms": round(1000 * (imported - begun), 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _empty(folder: str, number: int) -> Path:
    made = Path(folder) / f"delivery-{number}"
    made.mkdir()
    return made


if __name__ == "__main__":
    figures = measure()
    print(json.dumps(figures, indent=None if "--json" in sys.argv else 2))
    good = figures["requests_a_poll"] == 1 and figures["cpu_ms_a_poll"] < LIMIT_MS
    sys.exit(0 if good else 1)
