"""What search engines ask for: robots.txt and a sitemap with the three languages of each page."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.answers import answer
from moulouya.portal.published import Catalogue


def robots(request: Request) -> Response:
    """``/robots.txt``: everything may be read; searches need not be."""
    text = (
        "User-agent: *\nDisallow: /*?q=\n"
        f"Sitemap: {request.app.state.public_url}/sitemap.xml\n"
    )  # fmt: skip
    return answer(request, text, "text/plain; charset=utf-8")


def sitemap(request: Request) -> Response:
    """``/sitemap.xml``: every page with its translations and the day it changed."""
    catalogue = request.app.state.current.catalogue()
    if catalogue is None:
        raise HTTPException(503)
    base = request.app.state.public_url
    urls = "".join(
        _url(base, language, path, day, catalogue.languages)
        for path, day in _paths(catalogue)
        for language in catalogue.languages
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        ' xmlns:xhtml="http://www.w3.org/1999/xhtml">\n'
        f"{urls}</urlset>\n"
    )
    return answer(request, text, "application/xml")


def _paths(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Paths below a language, each with the day of its last change."""
    yield "/", catalogue.created.date().isoformat()
    for theme in catalogue.region["themes"]:
        if any(theme in dataset.themes for dataset in catalogue.datasets.values()):
            yield f"/themes/{theme}", catalogue.created.date().isoformat()
    for dataset in catalogue.datasets.values():
        yield f"/datasets/{dataset.slug}", dataset.created.date().isoformat()


def _url(base: str, language: str, path: str, day: str, languages: tuple[str, ...]) -> str:
    links = "".join(
        f'<xhtml:link rel="alternate" hreflang="{other}"'
        f" href={quoteattr(f'{base}/{other}{path}')}/>"
        for other in languages
    )
    return f"<url><loc>{base}/{language}{path}</loc><lastmod>{day}</lastmod>{links}</url>\n"
