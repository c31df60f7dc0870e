"""Every snippet works, every link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pages
import pytest


@pytest.mark.parametrize("page", pages.PAGES)
def test_its_snippets_say_what_they_are(page: str) -> None:
    for fence in pages.fences(page):
        assert fence.language in pages.TAGS, f"{fence.place}: language {fence.language!r}"
        known = pages.TAGS[fence.language]
        assert fence.tags.keys() <= known, f"{fence.place}: tags are {', '.join(sorted(known))}"
        reason = fence.tags.get("reason", "")
        assert ("no-run" in fence.tags) == bool(reason), f"{fence.place}: no-run needs a reason"
        if fence.language == "yaml" and "no-run" not in fence.tags:
            wanted = fence.tags.keys() & {"file", "into", "part", "source"}
            assert len(wanted) == 1, f"{fence.place}: yaml is a file, goes into one, or is a part"


@pytest.mark.parametrize("page", [page for page in pages.PAGES if pages.fences(page)])
def test_its_snippets_do_what_they_show(page: str, run_page: Callable[[str], None]) -> None:
    run_page(page)


@pytest.mark.parametrize("page", pages.PAGES)
def test_its_links_lead_somewhere(page: str) -> None:
    folder = (pages.REPOSITORY / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", pages.prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = (folder / name).resolve() if name else pages.REPOSITORY / page
        assert path.exists(), f"{page}: there is no {target}"
        if anchor:
            known = pages.anchors(path.relative_to(pages.REPOSITORY).as_posix())
            assert anchor in known, f"{page}: {name or page} has no heading #{anchor}"


def test_every_page_is_reached_from_the_index() -> None:
    index = pages.REPOSITORY / "docs" / "README.md"
    reached: set[Path] = set()
    waiting = [index]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        text = pages.prose(page.relative_to(pages.REPOSITORY).as_posix())
        links = re.findall(r"\]\(([^)#\s]+)", text)
        waiting += [(page.parent / link).resolve() for link in links if "://" not in link]
    lost = {page for page in pages.PAGES if page.startswith("docs/")} - {
        page.relative_to(pages.REPOSITORY).as_posix() for page in reached
    }
    assert not lost


@pytest.mark.parametrize("page", pages.PAGES)
def test_it_names_no_machine(page: str) -> None:
    assert not re.search(r"/(home|root|work)/\w", pages.read(page))
