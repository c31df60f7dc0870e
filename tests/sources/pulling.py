"""Fetch a source into a folder of its own, as a run does, and look at what came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from moulouya import duck, sources
from moulouya.definition import Source
from moulouya.readers import read

SOURCE: TypeAdapter[Any] = TypeAdapter(Source)


class Pull:
    """One fetch after the other of one source; each knows what the last one left."""

    def __init__(self, folder: Path, source: dict[str, Any], **request: Any) -> None:
        given = {"requests_per_second": 100, **source}
        self.source = SOURCE.validate_python(given)
        self.folder = folder / "pulls"
        self.request = request
        self.number = 0
        self.last: sources.Delivery | None = None

    @property
    def here(self) -> Path:
        """The folder of the last fetch."""
        return self.folder / str(self.number)

    def again(self) -> sources.Delivery | None:
        """Fetch with the state, ETag and date of the last delivery."""
        self.number += 1
        self.here.mkdir(parents=True)
        before = self.last
        known = {
            "etag": before.etag,
            "last_modified": before.last_modified,
            "state": json.loads(json.dumps(before.state)),
        } if before else {}  # fmt: skip
        request = sources.Request(
            folder=self.here,
            workspace=self.folder,
            user_agent="Moulouya/test (+https://example.org)",
            **{"timeout": 10, **known, **self.request},
        )
        delivery = sources.fetch(self.source, request)
        if delivery is not None:
            assert sorted(path.name for path in self.here.iterdir()) == sorted(delivery.members)
            self.last = delivery
        return delivery

    def documents(self) -> list[Any]:
        """The members of the last delivery, parsed as JSON, in order."""
        assert self.last is not None
        return [json.loads((self.here / name).read_bytes()) for name in self.last.members]

    def table(self, *columns: str) -> list[tuple[Any, ...]]:
        """The rows that the reader of the declared format finds in the last delivery."""
        assert self.last is not None
        scratch = self.folder / f"scratch-{self.number}"
        scratch.mkdir()
        with duck.connect() as con:
            raw = read(con, [self.here / name for name in self.last.members], self.source, scratch)
            listed = ", ".join(raw.expressions[column] for column in columns)
            return con.execute(f"SELECT {listed} FROM {raw.relation}").fetchall()


def fetched(folder: Path, source: dict[str, Any], **request: Any) -> Pull:
    """A pull after its first fetch, which brought something."""
    pull = Pull(folder, source, **request)
    assert pull.again() is not None
    return pull
