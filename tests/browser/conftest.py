"""Chromium, and the portals that it looks at; each is started once in a worker of the tests."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from tests.portal import lakes, odd_datasets

from moulouya.settings import Settings

from . import world
from .looking import Watched
from .world import Portal

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Stopped after each module: its loop would be in the way of others."""
    program = shutil.which("chromium")
    if program is None:
        if os.environ.get("MOULOUYA_REQUIRE_SERVICES"):
            pytest.fail("chromium is required, and not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


def _once(
    factory: pytest.TempPathFactory, name: str, build: Callable[[Path], Settings]
) -> Settings:
    """What a worker of this run built already, or built now for them all."""
    base = factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / f"browser-{name}"
    with FileLock(f"{folder}.lock"):
        done = folder / "settings.pickle"
        if not done.exists():
            folder.mkdir()
            done.write_bytes(pickle.dumps(build(folder)))
    return pickle.loads(done.read_bytes())


@pytest.fixture(scope="session")
def real_lake(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return _once(tmp_path_factory, "real", world.build_real)


def own_state(settings: Settings, folder: Path) -> Settings:
    """Settings for the same lake with a state of their own, made anew: a copy would keep the folder
    that was looked up already.
    """
    given = settings.model_dump(exclude_unset=True)
    return Settings(**{**given, "state": folder / "state"})


@pytest.fixture(scope="session")
def portal(real_lake: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with world.served(own_state(real_lake, tmp_path_factory.mktemp("portal"))) as running:
        yield running


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    """Open pages in contexts of their own, closed when the test ends."""
    opened: list[BrowserContext] = []

    def open_one(portal: Portal | str, *, wide: bool = False, **options: object) -> Watched:
        given = {"viewport": DESK if wide else PHONE, "accept_downloads": True, **options}
        if not wide:
            given.setdefault("has_touch", True)
        context = chromium.new_context(**given)
        opened.append(context)
        origin = portal if isinstance(portal, str) else portal.url
        return Watched(context.new_page(), origin)

    yield open_one
    for context in opened:
        context.close()


def _build_odd(folder: Path) -> Settings:
    built = lakes.build(folder / "lake")
    odd_datasets.publish(built)
    return built.settings


@pytest.fixture(scope="session")
def odd_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    settings = _once(tmp_path_factory, "odd", _build_odd)
    with world.served(own_state(settings, tmp_path_factory.mktemp("odd"))) as running:
        yield running
