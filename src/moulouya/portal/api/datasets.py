"""The answers about datasets: the list, each one, its columns, versions, changes and checks."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.api import describing, found
from moulouya.portal.api.answering import FOREVER, plain
from moulouya.portal.api.faults import Refused
from moulouya.portal.api.parameters import FACETS, LISTED
from moulouya.portal.dataset.versions import numbers
from moulouya.portal.history import version_of
from moulouya.portal.published import Catalogue, PublishedDataset, report
from moulouya.portal.search.folding import LONGEST_QUERY
from moulouya.portal.search.listing import find
from moulouya.portal.search.wanted import Wanted

MOST_CHANGES = 100


def listed(request: Request, given: dict[str, Any]) -> Response:
    """``/datasets``: the list, searched and narrowed."""
    catalogue = found.catalogue_of(request)
    state = request.app.state
    start, limit = given["offset"], given["limit"]
    wanted = Wanted(
        " ".join(given["q"][:LONGEST_QUERY].replace("\0", " ").split()),
        {name: given[one.name] for name, one in FACETS.items() if given[one.name]},
        given["sort"],
    )
    hits = find(
        state.search, catalogue, wanted, catalogue.languages[0], state.looks.known(catalogue),
        dt.datetime.now(dt.UTC), slice(start, start + limit),
    )  # fmt: skip
    url = state.public_url
    body = {
        "total": hits.total,
        "datasets": [describing.brief(catalogue.datasets[slug], url) for slug in hits.slugs],
        "next": _next(request, given, hits.total),
        "facets": {one.name: dict(hits.counts[name]) for name, one in FACETS.items()},
        "release": catalogue.number,
    }
    return plain(request, body, headers=link(body["next"]))


def shown(request: Request, given: dict[str, Any]) -> Response:
    """``/datasets/<slug>``."""
    catalogue, dataset = found.dataset_of(request)
    return plain(request, describing.whole(catalogue, dataset, request.app.state.public_url))


def columns(request: Request, given: dict[str, Any]) -> Response:
    """``/datasets/<slug>/columns``."""
    _, dataset = found.dataset_of(request)
    return plain(request, {**_head(dataset), "columns": describing.columns(dataset)})


def versions(request: Request, given: dict[str, Any]) -> Response:
    """``/datasets/<slug>/versions``: the newest first."""
    catalogue, dataset = found.dataset_of(request)
    known = numbers(catalogue, dataset)[::-1]
    absent = catalogue.gone.by_slug().get(dataset.slug, frozenset())
    url = request.app.state.public_url
    start, end = given["offset"], given["offset"] + given["limit"]
    page = [version_of(catalogue.lake, dataset.slug, number) for number in known[start:end]]
    following = _next(request, given, len(known))
    body = {
        "dataset": dataset.slug,
        "total": len(known),
        "versions": [
            describing.version(catalogue, one, url, there=one.number not in absent)
            for one in page
            if one is not None
        ],
        "next": following,
    }
    return plain(request, body, headers=link(following))


def version(request: Request, given: dict[str, Any]) -> Response:
    """``/datasets/<slug>/versions/<n>``: the same for good."""
    catalogue, one = found.version_of(request)
    body = describing.version(catalogue, one, request.app.state.public_url)
    return plain(request, {**body, "columns": describing.columns(one)}, cache=FOREVER)


def changes(request: Request, given: dict[str, Any]) -> Response:
    """``/datasets/<slug>/changes``: of the newest version, or of those after ``since``."""
    catalogue, dataset = found.dataset_of(request)
    known = numbers(catalogue, dataset)
    since = given["since"]
    if since == "":
        wanted = [dataset.number]
    elif since > dataset.number:
        raise Refused("not-found", f"{dataset.slug} has no version {since}",
                      f"the newest is {dataset.number}", parameter="since")  # fmt: skip
    else:
        wanted = [number for number in known if number > since][-MOST_CHANGES:][::-1]
    told = []
    for number in wanted:
        one = version_of(catalogue.lake, dataset.slug, number)
        if one is not None:
            told.append({**report(one, "changes.json"), "version": number})
    body = {**_head(dataset), "since": None if since == "" else since, "changes": told}
    return plain(request, body)


def validations(request: Request, given: dict[str, Any]) -> Response:
    """``/datasets/<slug>/validations``."""
    _, dataset = found.dataset_of(request)
    return plain(
        request, {**_head(dataset), "validations": dict(report(dataset, "validation.json"))}
    )


def _head(dataset: PublishedDataset) -> dict[str, Any]:
    return {"dataset": dataset.slug, "version": dataset.number}


def _next(request: Request, given: dict[str, Any], total: int) -> str | None:
    """The address of the next page of a list, None after the last."""
    start = given["offset"] + given["limit"]
    if start >= total:
        return None
    pairs = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in ("offset", "limit") and value.strip()
    ]
    if given["limit"] != LISTED:
        pairs.append(("limit", str(given["limit"])))
    query = urlencode([*pairs, ("offset", str(start))])
    return f"{request.app.state.public_url}{request.url.path}?{query}"


def link(following: object) -> dict[str, str]:
    """The header that leads to the next page."""
    return {"Link": f'<{following}>; rel="next"'} if following else {}


def counted(catalogue: Catalogue, name: str) -> dict[str, int]:
    """How many datasets have each value of something that their briefs tell."""
    counts: dict[str, int] = {}
    for one in catalogue.datasets.values():
        for value in {
            "theme": one.themes,
            "publisher": (one.definition.get("publisher"),),
            "licence": (one.record["licence"]["spdx"],),
            "place": (one.definition.get("spatial") or catalogue.region["place"]["code"],),
        }[name]:
            if value:
                counts[value] = counts.get(value, 0) + 1
    return counts
