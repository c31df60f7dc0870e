"""A lake built once, a copy of it for each test that changes it, and a client of the portal."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from moulouya.portal.app import create_app
from moulouya.settings import Settings
from moulouya.storage.lake import Lake

from . import lakes, odd_datasets, tables


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> lakes.Built:
    """The lake that nobody changes."""
    return lakes.build(tmp_path_factory.mktemp("portal") / "lake")


@pytest.fixture(scope="session")
def odd_pristine(tmp_path_factory: pytest.TempPathFactory) -> lakes.Built:
    """The same lake with a table of every type and the made-up datasets that are hard to show."""
    built = lakes.build(tmp_path_factory.mktemp("odd") / "lake")
    tables.publish(built)
    odd_datasets.publish(built)
    return built


@pytest.fixture
def built(pristine: lakes.Built, tmp_path: Path) -> lakes.Built:
    """A lake of the test's own."""
    root = tmp_path / "lake"
    shutil.copytree(pristine.lake.root, root)
    url = pristine.settings.public_url
    settings = Settings(lake=root, state=tmp_path / "state", public_url=url)
    return lakes.Built(Lake(root), settings)


@dataclass
class Client:
    """Asks the application directly, without a server or a redirect followed."""

    app: Starlette

    def request(self, method: str, path: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
                return await client.request(method, path, headers=named)

        return asyncio.run(ask())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, **headers)

    def head(self, path: str, **headers: str) -> httpx.Response:
        return self.request("HEAD", path, **headers)


def client_of(built: lakes.Built) -> Client:
    """A portal that looks for a new release at every request."""
    return Client(create_app(built.settings, look_every=0))


@pytest.fixture(scope="session")
def portal(pristine: lakes.Built) -> Client:
    return client_of(pristine)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A running server: its process and its address."""

    process: subprocess.Popen[str]
    url: str


def answering(server: Server) -> Server:
    """The server, once its worker takes connections."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=6)) as client:
        assert client.get(f"{server.url}/health/live").json() == {"status": "live"}
    return server


PROGRAM = """
import pathlib, sys
from moulouya.portal.server import serve
from moulouya.settings import Settings
lake, port, url = sys.argv[1:]
serve(Settings(lake=pathlib.Path(lake), public_url=url), port=int(port))
"""


@contextmanager
def servers() -> Iterator[Callable[[lakes.Built, int], Server]]:
    """Start the real server in a process of its own; it is stopped when the block ends."""
    started: list[subprocess.Popen[str]] = []

    def start(built: lakes.Built, port: int) -> Server:
        arguments = [str(built.lake.root), str(port), built.settings.public_url]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Started worker" in line:
                return answering(Server(process, f"http://127.0.0.1:{port}"))
        raise AssertionError("the server did not start:\n" + "".join(said))

    try:
        yield start
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)


@pytest.fixture
def serve() -> Iterator[Callable[[lakes.Built, int], Server]]:
    """Start the real server in a process of its own; it is stopped when the test ends."""
    with servers() as start:
        yield start
