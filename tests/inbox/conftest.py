"""An inbox over a small workspace: its application, and the real server."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from moulouya.inbox import tokens
from moulouya.inbox.app import create_app
from moulouya.inbox.server import cap_of, root_of
from moulouya.inbox.tokens import Token
from small_workspace import SmallWorkspace

CAP = 100_000
HOST = "127.0.0.1"


@pytest.fixture
def partners(workspace: SmallWorkspace) -> SmallWorkspace:
    """A workspace with two datasets that receive uploads, and one that does not."""
    source = {"kind": "inbox", "format": "csv", "max_bytes": CAP}
    workspace.define("wells", source=source)
    workspace.define("rain", source=source)
    workspace.define("communes")
    return workspace


@pytest.fixture
def root(partners: SmallWorkspace) -> Path:
    """The folder of uploads."""
    return root_of(partners.settings)


@pytest.fixture
def token(root: Path) -> tuple[Token, str]:
    """A token of a partner for `wells`."""
    return tokens.create(root, "office", "wells")


class Client:
    """Asks the application without a server; a body may come in pieces."""

    def __init__(self, app: Any, token: str, address: str = "192.0.2.1") -> None:
        self.app = app
        self.token = token
        self.address = address

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, with the token unless the headers say otherwise."""
        import asyncio

        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(
                self.app, raise_app_exceptions=False, client=(self.address, 1)
            )
            async with httpx.AsyncClient(transport=transport, base_url="http://inbox") as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(go())

    def put(self, name: str, content: bytes | AsyncIterator[bytes], **more: Any) -> httpx.Response:
        """Upload for `wells`."""
        return self.ask("PUT", f"/inbox/wells/{name}", content=content, **more)


@pytest.fixture
def client(partners: SmallWorkspace, root: Path, token: tuple[Token, str]) -> Client:
    """The partner, at the application."""
    return Client(create_app(root, partial(cap_of, partners.settings)), token[1])


SERVING = """
import sys
from pathlib import Path
from moulouya.inbox.server import serve
from moulouya.settings import Settings
workspace, lake, port, certificate, key = sys.argv[1:]
serve(Settings(workspace=workspace, lake=lake), port=int(port),
      certificate=Path(certificate) if certificate else None, key=Path(key) if key else None)
"""


@pytest.fixture
def serving(partners: SmallWorkspace) -> Callable[..., Any]:
    """Run the real server; yields its port and process."""

    @contextmanager
    def call(certificate: str = "", key: str = "") -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
        with socket.socket() as free:
            free.bind((HOST, 0))
            port = free.getsockname()[1]
        settings = partners.settings
        process = subprocess.Popen(
            [
                sys.executable, "-c", SERVING, settings.workspace_root, settings.lake_root,
                str(port), certificate, key,
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + 30
        with socket.socket() as probe:
            while probe.connect_ex((HOST, port)):
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < end, "the server does not listen"
                time.sleep(0.05)
        try:
            yield port, process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    return call
