"""A hostile server for all, and clients of it that are quick to lose patience."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moulouya import web
from moulouya.definition import HttpSource
from moulouya.sources import Request
from web.hostile import Hostile, hostile


@pytest.fixture
def server() -> Iterator[Hostile]:
    with hostile() as running:
        yield running


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before another attempt; none is made."""
    wanted: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", wanted.append)
    return wanted


@pytest.fixture
def connect(tmp_path: Path, waits: list[float]) -> Callable[..., web.Client]:
    """A client of a source at an address, limits and request as given."""

    def call(url: str, *, window: float = 60.0, deadline: float = 60.0, **more: Any) -> web.Client:
        given = {name: more.pop(name) for name in list(more) if name in HttpSource.model_fields}
        source = HttpSource.model_validate(
            {
                "kind": "http",
                "url": url,
                "format": "csv",
                "requests_per_second": 100,
                "deadline": dt.timedelta(seconds=deadline),
                **given,
            }
        )
        request = Request(
            tmp_path, tmp_path, "Moulouya/test (+someone)", **{"timeout": 5.0, **more}
        )
        return web.client(source, request, window=window)

    return call


@pytest.fixture
def download(
    connect: Callable[..., web.Client], tmp_path: Path
) -> Callable[..., web.Response | None]:
    """Download one address to the file ``got`` with a client of its own."""

    def call(url: str, *, ask: dict[str, Any] | None = None, **more: Any) -> web.Response | None:
        with connect(url, **more) as client:
            return client.download(url, tmp_path / "got", **(ask or {}))

    return call
