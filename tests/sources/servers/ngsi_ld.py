"""An NGSI-LD context broker with the waste containers of one tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servers.loopback import Answer, Asked, Server, answering


def container(number: int) -> dict[str, Any]:
    """One container with the values of its last message (keyValues)."""
    return {
        "id": f"urn:ngsi-ld:WasteContainer:berkane:{number}",
        "type": "WasteContainer",
        "fillingLevel": number / 10,
        "location": {"type": "Point", "coordinates": [-2.32, 34.92]},
    }


@dataclass
class Broker:
    """What the broker holds, and how well it behaves."""

    entities: list[Any] = field(default_factory=lambda: [container(one) for one in range(5)])
    tenant: str | None = None
    counts: bool = True
    count: int | None = None  # a wrong count
    ignores_limit: bool = False
    between: Callable[[list[Any]], None] | None = None  # what happens after each page
    status: int = 200

    def answer(self, asked: Asked) -> Answer:
        """A page of the entities of the type."""
        if asked.path not in ("/ngsi-ld/v1/entities", "/ngsi-ld/v1/temporal/entities"):
            return Answer({"type": "ResourceNotFound"}, 404)
        known = asked.headers.get("ngsild-tenant") == self.tenant
        entities = self.entities if known and asked.query["type"] == "WasteContainer" else []
        at, limit = int(asked.query["offset"]), int(asked.query["limit"])
        page = entities if self.ignores_limit else entities[at : at + limit]
        total = len(entities) if self.count is None else self.count
        headers = {"NGSILD-Results-Count": str(total)} if self.counts else {}
        answer = Answer([*page], self.status, headers)
        if self.between is not None and limit > 1:
            self.between(self.entities)
        return answer


@contextmanager
def serving(broker: Broker) -> Iterator[Server]:
    """Run the broker."""
    with answering(broker.answer) as server:
        yield server


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Play the broker of the reference page."""
    with serving(Broker(tenant="berkane")) as server:
        yield {"https://broker.example.org": server.url}
