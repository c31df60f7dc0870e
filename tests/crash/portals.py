"""A portal to read a lake through: in this process, or a real one over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from moulouya.portal.app import create_app
from moulouya.settings import Settings

from . import auditor

PROGRAM = """
import pathlib, sys
from moulouya.portal.server import serve
from moulouya.settings import Settings
lake, state, port, url = sys.argv[1:]
serve(Settings(lake=pathlib.Path(lake), state=pathlib.Path(state), public_url=url), port=int(port))
"""
PATIENCE = 60


class Portal:
    """The application in this process; it looks for a new release at every request."""

    def __init__(self, lake: Path, state: Path) -> None:
        self.lake = lake
        self.app = create_app(Settings(lake=lake, state=state), look_every=0)

    def get(self, path: str) -> httpx.Response:
        """Ask for one address."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
                return await client.get(path)

        return asyncio.run(ask())


def addresses(lake: Path) -> dict[Path, str]:
    """The public address of every file that has one."""
    found = {path: f"/files/{path.relative_to(lake / 'datasets')}"
             for path in lake.glob("datasets/*/*/*") if path.is_file()}  # fmt: skip
    found |= {path: f"/releases/{path.relative_to(lake / 'releases')}"
              for path in lake.glob("releases/*/*") if path.is_file()}  # fmt: skip
    return found


def sound_bodies(lake: Path) -> set[str]:
    """The hashes of all committed files: nothing else may be served as a file."""
    return set(auditor.fingerprint(lake).values())


def damaged_answer(portal: Portal, address: str, sound: set[str]) -> list[str]:
    """What is wrong with the answer to a request for a file that is damaged."""
    answer = portal.get(address)
    if answer.status_code >= 400:
        return []
    if hashlib.sha256(answer.content).hexdigest() in sound:
        return []
    return [f"{address} was served damaged ({answer.status_code})"]


@contextmanager
def serving(lake: Path, state: Path) -> Iterator[str]:
    """A real portal in a process of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    arguments = [str(lake), str(state), str(port), url]
    with (state.parent / "portal.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stderr=log,
                                   stdout=log)  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if httpx.get(f"{url}/health/live").status_code == 200:
                    break
            except httpx.TransportError:
                assert time.monotonic() < end, "the portal does not answer"
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
