"""Templates: one environment for each language, and what every page knows."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.answers import SHORT, Statics, answer
from moulouya.portal.languages import N_, Language, language, preferred
from moulouya.portal.published import Catalogue
from moulouya.region import LANGUAGES

TEMPLATES = Path(__file__).parent / "templates"
# What the header leads to: addresses below the language.
SECTIONS = (
    ("/datasets", N_("Datasets")),
    ("/places", N_("Places")),
    ("/sdg", N_("Goals")),
    ("/sql", N_("SQL")),
    ("/requests", N_("Requests")),
)
# Lists and tables that readers narrow in more ways than a search engine should follow.
ENDLESS = re.compile(r"/datasets|/requests|/datasets/[^/]+/(data|chart|map)|/ogc/.*")
STATICS = Statics(Path(__file__).parent / "static")


@cache
def environment(code: str) -> Environment:
    """The templates, speaking one language."""
    spoken = language(code)
    loaded = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    loaded.globals.update(
        _=spoken.text, count=spoken.count, lang=spoken, static=STATICS.href, language=language
    )
    return loaded


def offered(catalogue: Catalogue | None) -> tuple[str, ...]:
    """The languages of the portal, the default first."""
    return catalogue.languages if catalogue is not None else LANGUAGES


def sections(catalogue: Catalogue | None) -> tuple[tuple[str, str], ...]:
    """What the header leads to: places only where the region has a register of them."""
    if catalogue is not None and has_places(catalogue):
        return SECTIONS
    return tuple(one for one in SECTIONS if one[0] != "/places")


def has_places(catalogue: Catalogue) -> bool:
    """Whether the release has a register of places, so that pages may lead to theirs."""
    said = catalogue.region.get("places")
    return said is not None and said["dataset"] in catalogue.datasets


def language_of(request: Request) -> Language:
    """The language of the address; without one, what the browser prefers."""
    codes = offered(request.app.state.current.served)
    first = request.url.path.strip("/").partition("/")[0]
    if first in codes:
        return language(first)
    return language(preferred(request.headers.get("accept-language", ""), codes))


def render(
    request: Request,
    template: str,
    variables: dict[str, Any],
    *,
    status: int = 200,
    cache: str = SHORT,
    headers: dict[str, str] | None = None,
) -> Response:
    """A page in the request's language, with links to itself in the others."""
    spoken = language_of(request)
    catalogue: Catalogue | None = request.app.state.current.served
    below = request.url.path.removeprefix(f"/{spoken.code}") or "/"
    query = f"?{request.url.query}" if request.url.query else ""
    here = status == 200
    alternates = [
        (language(code), f"/{code}{below}{query}" if here else f"/{code}/")
        for code in offered(catalogue)
    ]
    page = environment(spoken.code).get_template(template)
    body = page.render(
        catalogue=catalogue,
        region=catalogue.region if catalogue is not None else None,
        zone=catalogue.region.get("timezone", "UTC") if catalogue is not None else "UTC",
        public_url=request.app.state.public_url,
        alternates=alternates,
        indexed=here and not (query and ENDLESS.fullmatch(below)),
        path=below,
        canonical=below + query,
        sections=sections(catalogue),
        now=dt.datetime.now(dt.UTC),
        mails=request.app.state.participation.mails,
        **variables,
    )
    every = {"Content-Language": spoken.code, **(headers or {})}
    return answer(
        request, body, "text/html; charset=utf-8", status=status, cache=cache, headers=every
    )
