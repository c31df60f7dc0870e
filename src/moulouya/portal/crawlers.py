"""What search engines ask for: robots.txt and a sitemap with the three languages of each page."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.answers import answer
from moulouya.portal.goals import GOALS
from moulouya.portal.goals.pages import tagged
from moulouya.portal.places.indicators import figures_of
from moulouya.portal.published import Catalogue

# What the protocol allows in one file.
MOST = 50_000
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def robots(request: Request) -> Response:
    """``/robots.txt``: everything may be read; searches need not be."""
    text = (
        "User-agent: *\nDisallow: /*?q=\n"
        f"Sitemap: {request.app.state.public_url}/sitemap.xml\n"
    )  # fmt: skip
    return answer(request, text, "text/plain; charset=utf-8")


def sitemap(request: Request) -> Response:
    """``/sitemap.xml``: every page with its translations and the day it changed.

    Beyond ``MOST`` addresses it is an index of ``/sitemap-<n>.xml``, as the protocol wants.
    """
    catalogue = _served(request)
    paths = list(_paths(catalogue))
    parts = -(-len(paths) // _paths_in_part(catalogue))
    if parts <= 1:
        return _answer(request, _urls(request, catalogue, paths))
    base, day = request.app.state.public_url, catalogue.created.date().isoformat()
    body = "".join(
        f"<sitemap><loc>{base}/sitemap-{number}.xml</loc><lastmod>{day}</lastmod></sitemap>\n"
        for number in range(1, parts + 1)
    )
    return _answer(request, f"<sitemapindex {NAMESPACE}>\n{body}</sitemapindex>\n")


def sitemap_part(request: Request) -> Response:
    """``/sitemap-<n>.xml``: some of the pages, where they are too many for one file."""
    catalogue = _served(request)
    number, most = request.path_params["number"], _paths_in_part(catalogue)
    paths = list(_paths(catalogue))[(number - 1) * most : number * most] if number else []
    if not paths:
        raise HTTPException(404)
    return _answer(request, _urls(request, catalogue, paths))


def _served(request: Request) -> Catalogue:
    catalogue: Catalogue | None = request.app.state.current.catalogue()
    if catalogue is None:
        raise HTTPException(503)
    return catalogue


def _paths_in_part(catalogue: Catalogue) -> int:
    """Each path is a page in every language."""
    return max(1, MOST // len(catalogue.languages))


def _urls(request: Request, catalogue: Catalogue, paths: list[tuple[str, str]]) -> str:
    base = request.app.state.public_url
    urls = "".join(
        _url(base, language, path, day, catalogue.languages)
        for path, day in paths
        for language in catalogue.languages
    )
    return (
        f'<urlset {NAMESPACE} xmlns:xhtml="http://www.w3.org/1999/xhtml">\n'
        f"{urls}</urlset>\n"
    )  # fmt: skip


def _answer(request: Request, text: str) -> Response:
    return answer(request, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', "application/xml")


def _paths(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Paths below a language, each with the day of its last change."""
    yield "/", catalogue.created.date().isoformat()
    yield "/sql", catalogue.created.date().isoformat()
    for theme in catalogue.region["themes"]:
        if any(theme in dataset.themes for dataset in catalogue.datasets.values()):
            yield f"/themes/{theme}", catalogue.created.date().isoformat()
    yield from _compared(catalogue)
    for dataset in catalogue.datasets.values():
        yield f"/datasets/{dataset.slug}", dataset.created.date().isoformat()


def _compared(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """The goals, the places and the figures of themes, which change with every release."""
    day = catalogue.created.date().isoformat()
    yield "/sdg", day
    for goal in range(1, len(GOALS) + 1):
        if tagged(catalogue, goal):
            yield f"/sdg/{goal}", day
    figures = figures_of(catalogue)
    if figures is None:
        return
    yield "/places", day
    for place in figures.places:
        yield f"/places/{place.code}", day
    for theme in catalogue.region["themes"]:
        if any(theme in one.themes for one in figures.indicators):
            yield f"/themes/{theme}/figures", day


def _url(base: str, language: str, path: str, day: str, languages: tuple[str, ...]) -> str:
    links = "".join(
        f'<xhtml:link rel="alternate" hreflang="{other}"'
        f" href={quoteattr(f'{base}/{other}{path}')}/>"
        for other in languages
    )
    return f"<url><loc>{base}/{language}{path}</loc><lastmod>{day}</lastmod>{links}</url>\n"
