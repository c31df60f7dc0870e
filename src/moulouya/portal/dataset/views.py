"""The addresses of the pages about one dataset."""

from __future__ import annotations

import datetime as dt

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal import absence
from moulouya.portal.answers import answer
from moulouya.portal.asked import asked
from moulouya.portal.dataset import (
    citation,
    codebook,
    lineage,
    page,
    quality,
    snippets,
    versions,
)
from moulouya.portal.history import version_of
from moulouya.portal.languages import Language, language
from moulouya.portal.participation.showing import gather as reports
from moulouya.portal.published import Catalogue, PublishedDataset, PublishedVersion
from moulouya.portal.rendering import render
from moulouya.portal.standards import representations, schema_org
from moulouya.portal.standards.asking import voice_of

CITED = {
    "bib": "application/x-bibtex; charset=utf-8",
    "ris": "application/x-research-info-systems; charset=utf-8",
    "json": "application/vnd.datacite.datacite+json",
}
# A number of a version or of a page has no more digits than this.
DIGITS = 9


def dataset(request: Request) -> Response:
    """``/{lang}/datasets/<slug>``: everything about one dataset."""
    catalogue, found, spoken = _wanted(request)
    state = request.app.state
    variables = page.gather(
        state.current.lake,
        catalogue,
        found,
        state.looks.known(catalogue),
        spoken,
        dt.datetime.now(dt.UTC),
        state.public_url,
    )
    variables |= reports(state, found.slug)
    variables["snippets"] = snippets.of_dataset(
        catalogue, found, spoken, state.public_url, files_alone=hasattr(state, "exported")
    )
    variables["representations"] = representations.of_dataset(found)
    variables["linked"] = schema_org.of_dataset(voice_of(request), found, spoken)
    link = representations.link_header(state.public_url, variables["representations"])
    return render(request, "dataset.html", variables, headers={"Link": link})


def ancestry(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/lineage``: all it was made from, and all that is made from it."""
    catalogue, found, spoken = _wanted(request)
    variables = {
        "dataset": found,
        "title": found.definition["title"][spoken.code],
        "deliveries": versions.deliveries(found),
        "delivery": versions.delivery,
        "publisher": found.record["publisher"],
        "ancestors": lineage.ancestry(catalogue, found, spoken),
        "descendants": lineage.descent(catalogue, found.slug, spoken),
    }
    return render(request, "dataset/lineage.html", variables)


def history(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/versions``: every version, in pages (``?page=2``)."""
    catalogue, found, spoken = _wanted(request)
    listed = versions.page(catalogue, found, _number(request.query_params.get("page", "1")))
    if listed is None:
        raise HTTPException(404)
    variables = {
        "dataset": found,
        "title": found.definition["title"][spoken.code],
        "listed": listed,
        "scores": quality.scores(catalogue, found.slug),
        "gone": catalogue.gone.by_slug().get(found.slug, frozenset()),
    }
    return render(request, "dataset/versions.html", variables)


def version(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/versions/<n>``: one version for good; 410 once it is gone."""
    catalogue, found, spoken = _wanted(request)
    wanted = _version(request, catalogue, found)
    variables = versions.gather(catalogue, found, wanted, spoken, request.app.state.public_url)
    return render(request, "dataset/version.html", variables)


def cite(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/cite.<bib|ris|json>``: the released version for a library."""
    catalogue, found, spoken = _wanted(request)
    form = request.path_params["form"]
    if form not in CITED:
        raise HTTPException(404)
    url = request.app.state.public_url
    cited = citation.cite(found, catalogue.region, spoken, url)
    body = {
        "bib": lambda: cited.bibtex,
        "ris": lambda: cited.ris,
        "json": lambda: citation.datacite(found, cited, url),
    }[form]()
    name = f"{found.slug}_v{found.number}.{spoken.code}.{form}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Access-Control-Allow-Origin": "*",
        "Content-Language": spoken.code,
    }
    return answer(request, body, CITED[form], headers=headers)


def book(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/codebook.pdf``: what every column means, to keep and to print."""
    catalogue, found, spoken = _wanted(request)
    state = request.app.state
    try:
        made = state.codebooks.made(catalogue, found, spoken, state.public_url)
    except codebook.CannotMake as error:
        raise HTTPException(503, str(error), {"Retry-After": "30"}) from error
    name = f"{found.slug}_v{found.number}.{spoken.code}.pdf"
    headers = {
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Language": spoken.code,
    }
    return answer(request, made, "application/pdf", headers=headers, pack=False)


def _wanted(request: Request) -> tuple[Catalogue, PublishedDataset, Language]:
    """The release, the dataset and the language of the address; 404 or 410 without them."""
    catalogue, code = asked(request)
    slug = request.path_params["slug"]
    found = catalogue.datasets.get(slug)
    if found is None:
        lake = request.app.state.current.lake
        raise absence.of_dataset(lake, catalogue, slug) or HTTPException(404)
    return catalogue, found, language(code)


def _version(request: Request, catalogue: Catalogue, found: PublishedDataset) -> PublishedVersion:
    """The version of the address; 410 when it was taken away, 404 when it never was."""
    number = _number(request.path_params["number"])
    gone = absence.of_version(request.app.state.current.lake, catalogue, found.slug, number)
    if gone is not None:
        raise gone
    if number == found.number:
        return found
    older = version_of(catalogue.lake, found.slug, number) if number < found.number else None
    if older is None:
        raise HTTPException(404)
    return older


def _number(text: str) -> int:
    """A number of an address; HTTPException 404 for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS and int(text) > 0):
        raise HTTPException(404)
    return int(text)


ROUTES = [
    Route("/{lang}/datasets/{slug}", dataset),
    Route("/{lang}/datasets/{slug}/lineage", ancestry),
    Route("/{lang}/datasets/{slug}/versions", history),
    Route("/{lang}/datasets/{slug}/versions/{number}", version),
    Route("/{lang}/datasets/{slug}/cite.{form}", cite),
    Route("/{lang}/datasets/{slug}/codebook.pdf", book),
]
