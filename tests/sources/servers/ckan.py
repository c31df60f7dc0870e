"""A CKAN portal below /data, as data.gov.ma has it: an API, uploads, a datastore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

RESOURCE = "7b1f5a52-0d0c-4c1e-9a43-5f2f6f4f9d10"
PRICES = "region;materiau;prix\nOriental;ciment;71,50\nOriental;sable;140,00\n"
LISTED = [
    ("2026-02", "prix-2026-02.csv", ".CSV"),
    ("2026-01", "prix-2026-01.csv", "csv "),
    ("Notice", "notice.pdf", "PDF"),
]


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer resource_show and package_show; yields where."""
    with answering(_respond) as server:
        yield {"https://data.gov.ma": server.url}


def _respond(asked: Asked) -> Answer:
    if asked.path == "/data/api/3/action/resource_show" and asked.query["id"] == RESOURCE:
        return Answer({"success": True, "result": _resource("prix", "prix.csv", "CSV", RESOURCE)})
    if asked.path == "/data/api/3/action/package_show":
        resources = [_resource(*each, id_=each[0]) for each in LISTED]
        return Answer(
            {
                "success": True,
                "result": {
                    "name": asked.query["id"],
                    "metadata_modified": "2026-03-01T08:00:00",
                    "resources": resources,
                },
            }
        )
    if asked.path == "/data/dataset/prix/download/prix.csv":
        return Answer(PRICES.encode())
    if asked.path.startswith("/data/dataset/prix/download/prix-"):
        month = asked.path.removesuffix(".csv")[-2:]
        return Answer(f"mois;prix\n2026-{month};7{month},50\n".encode())
    return Answer({"success": False, "error": {"message": "Not found"}}, 404)


def _resource(name: str, file: str, form: str, id_: str) -> dict[str, object]:
    return {
        "id": id_,
        "name": name,
        "url": f"/data/dataset/prix/download/{file}",
        "url_type": "upload",
        "format": form,
        "state": "active",
        "last_modified": "2026-02-28T10:00:00",
        "hash": "",
    }
