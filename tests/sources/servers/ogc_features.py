"""An OGC API Features service with one collection, in pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers.loopback import Answer, Asked, Server, answering

CORE = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
CAR_PARKS = [
    {
        "type": "Feature",
        "id": number,
        "geometry": {"type": "Point", "coordinates": [-2.32 + number / 100, 34.92]},
        "properties": {"name": name, "places": 40 * number},
    }
    for number, name in enumerate(
        ("Place Reda Slaoui", "Gare routière", "Souk hebdomadaire", "Stade municipal", "Corniche"),
        start=1,
    )
]


@dataclass
class Service:
    """What the service holds, and how well it behaves."""

    features: list[dict[str, Any]] = field(default_factory=lambda: list(CAR_PARKS))
    base: str = ""
    conforms_to: tuple[str, ...] = (CORE,)
    item_type: str = "feature"
    ignores_limit: bool = False
    counts: bool = True  # numberMatched and numberReturned
    matched: int | None = None  # a wrong numberMatched
    returned: int | None = None  # a wrong numberReturned
    next_host: str | None = None
    pages: int = 0

    def answer(self, asked: Asked) -> Answer:
        """Landing page, conformance, collections and items."""
        if asked.path == "/ogc":
            href = f"{self.base}/ogc/conformance"
            return Answer({"title": "Car parks", "links": [{"rel": "conformance", "href": href}]})
        if asked.path == "/ogc/conformance":
            return Answer({"conformsTo": list(self.conforms_to)})
        if asked.path == "/ogc/collections":
            one = {"id": "car_parks", "itemType": self.item_type, "links": []}
            return Answer({"collections": [one, {"id": "bus_stops", "links": []}], "links": []})
        if asked.path == "/ogc/collections/car_parks/items":
            return self.items(asked)
        return Answer({"code": "NotFound"}, 404)

    def items(self, asked: Asked) -> Answer:
        """One page of the features, with a link to the next."""
        at = int(asked.query.get("offset", 0))
        limit = len(self.features) if self.ignores_limit else int(asked.query["limit"])
        page = self.features[at : at + limit]
        self.pages += limit > 1
        links = [{"rel": "self", "type": "application/geo+json", "href": self.base + asked.path}]
        if at + limit < len(self.features):
            there = f"{self.next_host or self.base}{asked.path}?offset={at + limit}&limit={limit}"
            links += [
                {"rel": "next", "type": "text/html", "href": f"{there}&f=html"},
                {"rel": "next", "type": "application/geo+json", "href": there},
            ]
        document = {"type": "FeatureCollection", "features": page, "links": links}
        document["timeStamp"] = f"2026-11-21T10:00:{self.pages:02d}Z"
        if self.counts:
            document["numberMatched"] = len(self.features) if self.matched is None else self.matched
            document["numberReturned"] = len(page) if self.returned is None else self.returned
        return Answer(document, headers={"Content-Type": "application/geo+json"})


@contextmanager
def serving(service: Service) -> Iterator[Server]:
    """Run the service."""
    with answering(service.answer) as server:
        service.base = server.url
        yield server


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Play the service of the reference page."""
    with serving(Service()) as server:
        yield {"https://geo.example.org": server.url}
