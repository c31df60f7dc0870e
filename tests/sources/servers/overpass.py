"""An Overpass server that finds two pharmacies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

FOUND = {
    "version": 0.6,
    "generator": "Overpass API",
    "osm3s": {"timestamp_osm_base": "2026-11-20T06:00:00Z", "copyright": "ODbL"},
    "elements": [
        {"type": "node", "id": 1, "lat": 34.92, "lon": -2.32, "tags": {"name": "صيدلية الأمل"}},
        {"type": "node", "id": 2, "lat": 34.93, "lon": -2.33, "tags": {}},
    ],
}


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer any query; yields where."""
    with answering(_respond) as server:
        yield {"https://overpass-api.de": server.url}


def _respond(asked: Asked) -> Answer:
    query = asked.form["data"]
    assert query.startswith("[out:json][timeout:"), query
    return Answer(FOUND)
