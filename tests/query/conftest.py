"""A portal with its SQL service on loopback, over a small lake."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from moulouya.portal import health
from moulouya.portal.current import Current
from moulouya.portal.query import service
from moulouya.portal.search.engine import Search
from moulouya.portal.usage import Usage
from moulouya.settings import Settings
from moulouya.storage.lake import look_into
from portal import lakes

KEY = "0f6c"
KEY_LINE = f"tests {hashlib.sha256(KEY.encode()).hexdigest()}\n"


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakes.Built:
    """A release of three datasets that nobody changes."""
    return lakes.build(tmp_path_factory.mktemp("query") / "lake")


def app_of(settings: Settings) -> Starlette:
    """What of the portal a statement needs."""
    app = Starlette(routes=[*service.ROUTES, Route("/health/ready", health.ready)])
    app.state.current = Current(look_into(settings), 0)
    app.state.usage = Usage(settings.state_root / "usage.db")
    app.state.sql = service.Service(settings)
    app.state.search = Search(None)
    return app


@dataclass(frozen=True)
class Portal:
    """A running portal."""

    app: Starlette
    web: httpx.Client

    def sql(self, text: str, **options: Any) -> httpx.Response:
        headers = options.pop("headers", {})
        return self.web.post("/api/v1/sql", json={"sql": text, **options}, headers=headers)

    def rows(self, text: str, **options: Any) -> list[dict[str, Any]]:
        answer = self.sql(text, **options)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return rows


Start = Callable[..., Portal]


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a portal of a lake under some settings; stopped when all tests have ended."""
    servers: list[tuple[uvicorn.Server, threading.Thread, Portal]] = []

    def start(built: lakes.Built, **changed: Any) -> Portal:
        state = tmp_path_factory.mktemp("state")
        settings = Settings(lake=built.lake.root, state=state, **{"sql_seconds": 20.0, **changed})
        listening = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = app_of(settings)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        portal = Portal(app, httpx.Client(base_url=url, timeout=120))
        servers.append((server, thread, portal))
        return portal

    yield start
    for server, thread, portal in servers:
        server.should_exit = True
        thread.join()
        portal.web.close()
        if portal.app.state.sql._pool is not None:
            portal.app.state.sql._pool.stop()


@pytest.fixture(scope="session")
def portal(started: Start, lake: lakes.Built) -> Portal:
    """The portal that most tests ask."""
    return started(lake)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one key."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(KEY_LINE)
    return path


def unable(reason: str) -> NoReturn:
    """End a test that this machine cannot run: a skip, or a failure where all must run."""
    if os.environ.get("MOULOUYA_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)
