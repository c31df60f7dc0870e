"""A Socrata portal with one dataset."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

TOKEN = "a-token-of-nobody"
ROWS = [{"permit": f"P{number:03d}", "cost": str(1000 * number)} for number in range(1, 6)]


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer counts and pages; yields where, and the token that it wants."""
    with answering(_respond) as server:
        yield {"https://data.cityofchicago.org": server.url, "SOCRATA_TOKEN": TOKEN}


def _respond(asked: Asked) -> Answer:
    if asked.path != "/resource/ydr8-5enu.json":
        return Answer({"error": True, "message": "Not found"}, 404)
    if asked.headers.get("x-app-token") != TOKEN:
        return Answer({"error": True, "message": "Invalid app_token"}, 403)
    if asked.query.get("$select") == "count(*)":
        return Answer([{"count": str(len(ROWS))}])
    start, size = int(asked.query["$offset"]), int(asked.query["$limit"])
    assert asked.query["$order"] == ":id"
    return Answer(ROWS[start : start + size])
