"""An Opendatasoft portal: an export of version 2.1, and records of version 1.0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

PARKINGS = [
    {"gid": 181, "title": "Parking Natalis", "available_spaces": 16},
    {"gid": 182, "title": "Parking de la Gare", "available_spaces": 240},
    {"gid": 183, "title": "Parking du Marché", "available_spaces": None},
]


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer exports and searches of one dataset; yields where."""
    with answering(_respond) as server:
        yield {"https://opendata.liege.be": server.url}


def _respond(asked: Asked) -> Answer:
    exports = "/api/explore/v2.1/catalog/datasets/parkings-voitures-hors-voirie/exports/"
    if asked.path == f"{exports}json":
        return Answer(PARKINGS)
    if asked.path == f"{exports}csv":
        mark = asked.query["delimiter"]
        lines = [mark.join(PARKINGS[0])]
        lines += [mark.join("" if v is None else str(v) for v in row.values()) for row in PARKINGS]
        return Answer("\n".join(lines).encode())
    if asked.path == "/api/records/1.0/search/":
        start, rows = int(asked.query["start"]), int(asked.query["rows"])
        records = [
            {"datasetid": asked.query["dataset"], "recordid": f"r{row['gid']}", "fields": row}
            for row in PARKINGS[start : start + rows]
        ]
        return Answer({"nhits": len(PARKINGS), "records": json.loads(json.dumps(records))})
    return Answer({"error": "unknown dataset"}, 404)
