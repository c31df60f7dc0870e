"""A water office that serves two files, to those who log in."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

TOKEN = "Bearer of-nobody"
LOGIN = f"Basic {base64.b64encode(b'office:of-nobody').decode()}"
WELLS = "puits;niveau\nBerkane 1;12,5\nSaïdia 2;3,25\n"
HISTORY = "puits;jour;niveau\nBerkane 1;2026-11-01;12,4\nBerkane 1;2026-11-02;12,5\n"


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer both files; yields where, and the secrets that they want."""
    with answering(_respond) as server:
        yield {
            "https://water.example.org": server.url,
            "WATER_OFFICE_AUTHORIZATION": TOKEN,
            "AIRFLOW_CONN_WATER_OFFICE": "http://office:of-nobody@water.example.org",
        }


def _respond(asked: Asked) -> Answer:
    said = asked.headers.get("authorization")
    if asked.path == "/levels/wells.csv" and said == TOKEN:
        return Answer(WELLS.encode(), headers={"ETag": '"v1"'})
    if asked.path == "/levels/history.csv.gz" and said == LOGIN:
        # As Apache does: the file is gzip, and its name makes the server say so a second time.
        packed = gzip.compress(HISTORY.encode(), mtime=0)
        return Answer(packed, headers={"Content-Encoding": "gzip"})
    return Answer(b"who are you?", 401 if asked.path.startswith("/levels/") else 404)
