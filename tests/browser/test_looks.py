"""Pages look as they did: small pictures of a phone in Arabic and of a desk in French."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from moulouya.settings import Settings

from . import looks, world
from .conftest import own_state
from .world import Portal


@pytest.fixture(scope="module")
def portal(real_lake: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal that nobody has used yet: its first page lists what was used most."""
    with world.served(own_state(real_lake, tmp_path_factory.mktemp("unused"))) as running:
        yield running


@pytest.mark.parametrize("code", looks.WAYS)
@pytest.mark.parametrize("name", looks.PAGES)
def test_a_page_looks_as_it_did(chromium: Browser, portal: Portal, name: str, code: str) -> None:
    context = chromium.new_context(reduced_motion="reduce", **looks.WAYS[code])
    seen = looks.taken(context.new_page(), f"{portal.url}/{code}{world.PAGES[name]}")
    context.close()
    apart = looks.unlike(seen, looks.kept(name, code))
    assert not apart, f"{apart}; if that is meant: python -m tests.browser.looks"


@pytest.mark.parametrize("change", ["style", "direction"])
def test_a_page_that_lost_its_style_or_direction_is_noticed(
    chromium: Browser, portal: Portal, change: str
) -> None:
    context = chromium.new_context(reduced_motion="reduce", **looks.WAYS["ar"])
    if change == "style":
        context.route("**/*.css", lambda route: route.abort())
    page = context.new_page()
    url = f"{portal.url}/{'fr' if change == 'direction' else 'ar'}{world.PAGES['dataset']}"
    seen = looks.taken(page, url)
    context.close()
    assert looks.unlike(seen, looks.kept("dataset", "ar"))
