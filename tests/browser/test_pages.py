"""Every type of page: in Arabic and English on a phone, in French on a desk; light and dark."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Route

from moulouya.portal.app import ROUTES

from .checking import Open, sound
from .looking import shown
from .world import PAGES, REFUSALS, Portal

# What has no page of its own, what an export has, and what only a person brings about.
NOT_PAGES = {
    "/{lang}", "/{lang}/suggest", "/{lang}/opensearch.xml", "/{lang}/search", "/{lang}/online",
    "/{lang}/requests/mine/{secret}", "/{lang}/requests/{number:int}",
    "/{lang}/follow/confirm/{token}", "/{lang}/follow/mine/{token}",
    "/{lang}/follow/cancel/{token}",
}  # fmt: skip
FORMS = re.compile(r"\{form(:str)?\}$|\.(csv|pdf|json|svg|png|zip|bib|ris)$")
EVERY = {**{name: (path, 200) for name, path in PAGES.items()}, **REFUSALS}


@pytest.mark.parametrize(
    ("code", "wide", "scheme"),
    [("ar", False, "light"), ("fr", True, "dark"), ("en", False, "dark")],
    ids=["ar", "fr", "en"],
)
@pytest.mark.parametrize(("path", "status"), EVERY.values(), ids=EVERY)
def test_a_page_is_sound_accessible_and_asks_nothing_of_others(
    open_page: Open, portal: Portal, path: str, status: int, code: str, wide: bool, scheme: str
) -> None:
    watched = open_page(portal, wide=wide, color_scheme=scheme, reduced_motion="reduce")
    answer = watched.go(f"/{code}{path}")
    wrong = [] if answer.status == status else [f"status {answer.status}"]
    refused = f"status of {status}"
    wrong += [fault for fault in watched.faults if status == 200 or refused not in fault]
    wrong += [f"asked of another site: {url}" for url in watched.foreign]
    wrong += watched.axe()
    wrong += sound(watched, code)
    assert not wrong, shown(wrong)


def test_every_type_of_page_is_looked_at() -> None:
    routes = [route for route in ROUTES if isinstance(route, Route)]

    def kind(path: str) -> str:
        return next(str(one.path) for one in routes if one.path_regex.match(path))

    covered = {kind(f"/ar{path.partition('?')[0]}") for path in PAGES.values()}
    pages = {
        route.path
        for route in routes
        if route.path.startswith("/{lang}") and "GET" in (route.methods or ())
        and not FORMS.search(route.path) and "/api" not in route.path
    } - NOT_PAGES  # fmt: skip
    assert not pages - covered, sorted(pages - covered)
