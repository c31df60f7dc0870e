"""The catalogue as a collection of records that is searched: ``/collections/catalog/items``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.exceptions import HTTPException

from moulouya.portal import absence
from moulouya.portal.api.faults import Refused
from moulouya.portal.ogc import bounds, filtering, parameters, records
from moulouya.portal.ogc.answering import Document
from moulouya.portal.ogc.asking import GEOJSON, Asked, link
from moulouya.portal.ogc.bounds import Box
from moulouya.portal.ogc.items import ways
from moulouya.portal.ogc.layers import CATALOG, period_of
from moulouya.portal.ogc.saying import PROPERTIES, SORTED
from moulouya.portal.published import PublishedDataset
from moulouya.portal.search.engine import PATIENCE
from moulouya.portal.search.query import parse

Test = Callable[[PublishedDataset], bool]


def page(asked: Asked) -> Document:
    """The records that fit, in the order asked for: else the best first, else by their ids."""
    offset, limit = parameters.offset(asked.given), parameters.limit(asked.given)
    tests = _tests(asked)
    found = [
        one for one in _searched(asked) if all(test(one) for test in tests)
    ]  # fmt: skip
    for name, downwards in reversed(parameters.order(asked.given, SORTED)):
        key = SORTED[name]
        found.sort(key=lambda one, key=key: key(asked, one), reverse=downwards)  # type: ignore[misc]
    shown = found[offset : offset + limit]
    path = f"/collections/{CATALOG}/items"
    more = offset + len(shown) < len(found)
    body = {
        "type": "FeatureCollection",
        "features": [records.record(asked, one) for one in shown],
        "numberMatched": len(found),
        "numberReturned": len(shown),
        "links": [
            *asked.around(path, GEOJSON),
            *ways(asked, path, GEOJSON, offset, limit, len(shown), more),
            asked.link("collection", f"/collections/{CATALOG}"),
            *(link("profile", one) for one in records.PROFILES),
        ],
    }
    return Document(body, GEOJSON)


def one(asked: Asked, slug: str) -> Document:
    """One record; 404, or 410 for a dataset that was withdrawn."""
    found = asked.catalogue.datasets.get(slug)
    if found is None:
        lake = asked.request.app.state.current.lake
        raise absence.of_dataset(lake, asked.catalogue, slug) or HTTPException(404)
    return Document(records.record(asked, found), GEOJSON)


def _searched(asked: Asked) -> list[PublishedDataset]:
    """Every dataset by its id, or those with the words, the best first."""
    datasets = asked.catalogue.datasets
    terms = parameters.words(asked.given)
    if not terms:
        return list(datasets.values())
    search = asked.request.app.state.search
    snapshot = search.completed(asked.catalogue, PATIENCE)
    if snapshot is None:
        raise Refused("busy", "the index of the search is being made", "try again in a few seconds")
    table = search.table(asked.catalogue)
    found: dict[str, None] = {}
    for term in terms:
        words = term.replace('"', " ")
        wanted = parse(f'"{words}"' if " " in words.strip() else words)
        if not wanted.anything:
            continue
        hits = snapshot.find(wanted)
        # Words that only resemble those asked for are for people to judge.
        if not hits.bent:
            best = table.best(hits.keys, hits.scores, asked.language.code)
            found.update(dict.fromkeys(table.slugs[row] for row in best))
    return [datasets[slug] for slug in found]


def _tests(asked: Asked) -> list[Test]:
    """What a record must be, one test for each parameter; raises Refused."""
    found: list[Test] = []
    ids = parameters.listed(asked.given, "ids")
    if ids is not None:
        known_ids = frozenset(ids)
        found.append(lambda one: one.slug in known_ids)
    types = parameters.listed(asked.given, "type")
    if types is not None:
        fits = records.TYPE in types
        found.append(lambda one: fits)
    named = parameters.listed(asked.given, "externalIds")
    if named is not None:
        known = frozenset(named)
        found.append(lambda one: not known.isdisjoint(_identified(asked, one)))
    for name, text in asked.given.items():
        if name in PROPERTIES:
            found.append(_said(asked, PROPERTIES[name], text))
    time = bounds.period(asked.given)
    if time is not None:
        found.append(lambda one: (own := period_of(one)) is None or own.meets(time))
    condition = asked.given.get("filter", "")
    if condition:
        met = filtering.fitting(asked, condition)
        found.append(lambda one: one.slug in met)
    boxes = bounds.boxes(asked.given)
    if boxes:
        found.append(lambda one: _touches(records.box(asked.catalogue, one), boxes))
    return found


def _said(
    asked: Asked, said: Callable[[Asked, PublishedDataset], Sequence[str]], text: str
) -> Test:
    return lambda one: text in said(asked, one)


def _identified(asked: Asked, dataset: PublishedDataset) -> list[str]:
    """An identifier is found by its value, with its scheme, and by the scheme alone."""
    named = records.identifiers(asked, dataset)
    return [
        one for scheme, value in named for one in (value, f"{scheme}:{value}", scheme, f"{scheme}:")
    ]


def _touches(own: Box | None, boxes: Sequence[Box]) -> bool:
    """What has no place is kept, as the standard wants."""
    return own is None or any(
        own[0] <= east and west <= own[2] and own[1] <= north and south <= own[3]
        for west, south, east, north in boxes
    )
