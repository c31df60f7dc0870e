"""A SensorThings 1.1 service with the observations of two datastreams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers.loopback import Answer, Asked, Server, answering


def observation(number: int) -> dict[str, Any]:
    """One observation, with the datastream that $expand puts in."""
    return {
        "@iot.id": number,
        "phenomenonTime": f"2026-11-20T{number % 24:02d}:00:00Z",
        "resultTime": None,
        "result": 20 + number / 10,
        "Datastream": {"@iot.id": 1 + number % 2, "name": ("Berkane", "Saïdia")[number % 2]},
    }


@dataclass
class Service:
    """What the service holds, and how well it behaves."""

    entities: list[dict[str, Any]] = field(
        default_factory=lambda: [observation(number) for number in range(7)]
    )
    base: str = ""
    most: int = 1000  # a $top above is cut down to it
    counts: bool = True
    next_host: str | None = None
    between: Callable[[list[dict[str, Any]]], None] | None = None  # what happens after each page
    next_is_here: bool = False

    def answer(self, asked: Asked) -> Answer:
        """A page of the observations."""
        if asked.path != "/v1.1/Observations":
            return Answer({"code": 404, "message": "Nothing found."}, 404)
        at = int(asked.query.get("$skip", 0))
        size = min(int(asked.query["$top"]), self.most)
        document: dict[str, Any] = {"value": self.entities[at : at + size]}
        if self.counts:
            document["@iot.count"] = len(self.entities)
        if at + size < len(self.entities):
            skip = at if self.next_is_here else at + size
            document["@iot.nextLink"] = (
                f"{self.next_host or self.base}{asked.path}?$top={size}&$skip={skip}"
                "&$orderby=id&$count=true"
            )
        if self.between is not None and size > 1:
            self.between(self.entities)
        return Answer(document)


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
        yield {"https://sensors.example.org": server.url}
