"""Workspaces in which the snippets of the pages are run."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pages
import pytest
import uvicorn
from snippets import Snippets, invoke

from moulouya.portal.app import create_app
from moulouya.settings import Settings

sys.path.append(str(Path(__file__).parents[1] / "sources"))  # servers that play sources

TUTORIAL = "docs/tutorial/first-dataset.md"
PORTAL = "http://127.0.0.1:8500"
DELIVERY = "http://127.0.0.1:8600"


@contextmanager
def portal(settings: Settings, listening: socket.socket) -> Iterator[None]:
    """Serve a lake on a socket that listens already: what connects early waits in its queue."""
    config = uvicorn.Config(create_app(settings, look_every=0), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder over HTTP, with Last-Modified, without a log."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def publisher(folder: Path) -> Iterator[str]:
    """A publisher who serves a folder; yields the address."""
    folder.mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def reader(folder: Path, needs: set[str]) -> Iterator[Snippets]:
    """Someone who tries the snippets of a page in a folder, with what the page says it needs."""
    kept = dict(os.environ)
    for name in [*(f"MOULOUYA_{one.upper()}" for one in Settings.model_fields)]:
        os.environ.pop(name, None)
    replaced: dict[str, str] = {}
    with ExitStack() as stack:
        stack.callback(lambda: (os.environ.clear(), os.environ.update(kept)))
        if "repository" in needs:
            os.environ["MOULOUYA_LAKE"] = str(folder / "lake")
            os.environ["MOULOUYA_STATE"] = str(folder / "state")
            folder = pages.REPOSITORY
        if "served" in needs:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            replaced[PORTAL] = f"http://127.0.0.1:{listening.getsockname()[1]}"
            os.environ["MOULOUYA_PUBLIC_URL"] = replaced[PORTAL]
            settings = Settings(workspace=folder)
            if settings.lake_root.exists():
                code, said = invoke(["release", "--workspace", str(folder)])
                assert code == 0, said
            stack.enter_context(portal(settings, listening))
        if "delivery" in needs:
            replaced[DELIVERY] = stack.enter_context(publisher(folder / "delivery"))
        yield Snippets(folder, replaced)


@pytest.fixture(scope="session")
def after_tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as the tutorial leaves it; fails when the tutorial does."""
    folder = tmp_path_factory.mktemp("tutorial") / "wells"
    folder.mkdir()
    with reader(folder, {"empty"}) as someone:
        for fence in pages.fences(TUTORIAL):
            someone.run(fence)
    return folder


@pytest.fixture
def run_page(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Run every snippet of a page where the page says."""

    def run(page: str) -> None:
        needs = {word.strip() for word in pages.examples(page).split(",")}
        if page == TUTORIAL:
            request.getfixturevalue("after_tutorial")
            return
        folder = tmp_path / "workspace"
        if "after tutorial" in needs:
            shutil.copytree(request.getfixturevalue("after_tutorial"), folder)
        else:
            folder.mkdir()
        with reader(folder, needs) as someone:
            for fence in pages.fences(page):
                someone.run(fence)

    return run
