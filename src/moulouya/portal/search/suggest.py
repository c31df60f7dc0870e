"""``/{lang}/suggest``: a few datasets, places, themes and columns for what was typed so far."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.answers import SHORT, answer
from moulouya.portal.asked import asked
from moulouya.portal.languages import N_, language
from moulouya.portal.published import Catalogue
from moulouya.portal.search.engine import Snapshot
from moulouya.portal.search.folding import LONGEST_QUERY
from moulouya.portal.search.query import parse
from moulouya.portal.search.vocabulary import Named

DATASETS = 5
OTHERS = 3
TITLES = {
    "place": N_("Places"),
    "dataset": N_("Datasets"),
    "theme": N_("Themes"),
    "column": N_("Columns"),
}


def suggest(request: Request) -> Response:
    """Groups of suggestions as JSON, each with its title; empty while nothing is ready."""
    catalogue, code = asked(request)
    typed = " ".join(request.query_params.get("q", "")[:LONGEST_QUERY].replace("\0", " ").split())
    snapshot = request.app.state.search.ready(catalogue) if typed else None
    groups = _groups(catalogue, snapshot, typed, code) if snapshot is not None else {}
    spoken = language(code)
    number = sum(len(items) for items in groups.values())
    body = {
        "query": typed,
        "status": spoken.count("%(n)s suggestion", "%(n)s suggestions", number),
        "groups": [
            {"kind": kind, "title": spoken.text(title), "items": groups[kind]}
            for kind, title in TITLES.items()
            if groups.get(kind)
        ],
    }
    ready = not typed or (snapshot is not None and snapshot.vocabulary is not None)
    cache = SHORT if ready else "no-store"
    return answer(request, orjson.dumps(body), "application/json", cache=cache)


def _groups(
    catalogue: Catalogue, snapshot: Snapshot, typed: str, code: str
) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    wanted = parse(typed)
    if wanted.anything:
        slugs = list(catalogue.datasets)
        rows = snapshot.find(wanted).keys[:DATASETS]
        found["dataset"] = [
            {
                "title": catalogue.datasets[slugs[row]].definition["title"][code],
                "href": f"/{code}/datasets/{slugs[row]}",
            }
            for row in rows
        ]
    if snapshot.vocabulary is not None:
        for kind, named in snapshot.vocabulary.beginning(typed).items():
            found[kind] = [_item(one, code) for one in named[:OTHERS]]
    return found


def _item(one: Named, code: str) -> dict[str, Any]:
    title = one.names[code]
    if one.kind == "theme":
        return {"title": title, "href": f"/{code}/themes/{one.code}"}
    if one.kind == "place":
        return {"title": title, "href": f"/{code}/places/{quote(one.code)}"}
    return {"title": title, "href": f"/{code}/datasets?q={quote(title)}"}
