"""The World Bank's API with two indicators of one country."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

VALUES = {
    "SP.POP.TOTL": {"2025": 38430770, "2024": 38081173, "2023": 37712505},
    "AG.LND.FRST.ZS": {"2025": None, "2024": 12.9, "2023": 12.9},
}


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer both indicators in pages; yields where."""
    with answering(_respond) as server:
        yield {"https://api.worldbank.org": server.url}


def _respond(asked: Asked) -> Answer:
    found = re.fullmatch(r"/v2/country/MAR/indicator/([\w.]+)", asked.path)
    if found is None or found[1] not in VALUES:
        said = {"id": "120", "key": "Invalid value", "value": "The provided value is not valid"}
        return Answer([{"message": [said]}])
    size, page = int(asked.query["per_page"]), int(asked.query["page"])
    rows = [
        {
            "indicator": {"id": found[1], "value": found[1]},
            "country": {"id": "MA", "value": "Morocco"},
            "countryiso3code": "MAR",
            "date": year,
            "value": value,
        }
        for year, value in VALUES[found[1]].items()
    ]
    about = {
        "page": page,
        "pages": -(-len(rows) // size),
        "per_page": str(size),
        "total": len(rows),
        "lastupdated": "2026-10-24",
    }
    return Answer([about, rows[(page - 1) * size : page * size]])
