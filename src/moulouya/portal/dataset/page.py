"""Everything the page of one dataset shows, gathered for its template."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from moulouya.portal import history, presentation
from moulouya.portal.dataset import (
    citation,
    lineage,
    permissions,
    quality,
    related,
    river,
    timeliness,
    versions,
)
from moulouya.portal.drawing import drawn
from moulouya.portal.freshness import Look, freshness
from moulouya.portal.goals import goal_name
from moulouya.portal.languages import Language
from moulouya.portal.licence_names import licence_title
from moulouya.portal.published import (
    Catalogue,
    PublishedDataset,
    Record,
)
from moulouya.portal.records import formats
from moulouya.portal.records.cells import value_text
from moulouya.portal.records.rows import first_rows
from moulouya.portal.standards import high_value
from moulouya.storage.lake import Lake

MOST_VERSIONS = 10
# Of a table with more columns than MOST_OPEN the dictionary shows the first few; the others are
# folded into groups, so that what follows is not twenty screens of a phone away.
MOST_OPEN, FIRST, GROUP = 12, 8, 20


def gather(
    lake: Lake,
    catalogue: Catalogue,
    dataset: PublishedDataset,
    looks: Mapping[str, Look],
    language: Language,
    now: dt.datetime,
    public_url: str,
) -> dict[str, Any]:
    """The template's variables for one dataset in one language."""
    definition = dataset.definition
    dictionary = presentation.columns(catalogue, dataset, language)
    titles = {column.name: column.title for column in dictionary}
    zone = catalogue.region.get("timezone", "UTC")
    time = freshness(dataset, looks.get(dataset.slug), now)
    known = versions.newest(catalogue, dataset, MOST_VERSIONS)
    near = lineage.neighbours(catalogue, dataset)
    editions = related.editions(catalogue, dataset)
    graph = lineage.graph(catalogue, dataset, language)
    rows = first_rows(catalogue, dataset)
    permitted = permissions.gather(dataset, titles, language, now.date())
    news = timeliness.news(time, language, zone)
    if time.outcome == "held" and any(one.over for one in permitted):
        # The page says already that a permission ended, which is why the delivery is held.
        news = []
    return {
        "dataset": dataset,
        "title": definition["title"][language.code],
        "description": definition["description"][language.code],
        "row_is": definition["row_is"][language.code],
        "notes": (definition.get("notes") or {}).get(language.code, ""),
        "keywords": (definition.get("keywords") or {}).get(language.code, []),
        "time": time,
        "news": news,
        "rhythm": timeliness.rhythm(time, language),
        "next_look": timeliness.next_look(time, language, zone),
        "regularity": timeliness.regularity([version.created for version in known], language, zone),
        "downloads": presentation.downloads(dataset, language),
        "offers": formats.of_table(dataset, language),
        "rejected": presentation.rejected_downloads(dataset, language),
        "dictionary": dictionary,
        "groups": _groups(dictionary),
        "preview": _preview(dataset, rows, dictionary, language),
        **quality.gather(catalogue, dataset, titles, language),
        "permissions": permitted,
        "changes": versions.changes(dataset, titles, language),
        "happened": history.sentences(dataset, language, zone, decided=False),
        "withdrawn": history.withdrawn(lake, catalogue, dataset.slug),
        "corrections": definition.get("corrections") or [],
        "versions": known,
        "version_count": len(versions.numbers(catalogue, dataset)),
        "made_from": _links(catalogue, lineage.inputs(dataset), language),
        "used_by": _links(
            catalogue, dict.fromkeys(lineage.users(catalogue, dataset.slug)), language
        ),
        "drawing": river.draw(graph, language.dir == "rtl") if graph is not None else None,
        "editions": _links(catalogue, dict.fromkeys(editions), language),
        "related": _links(
            catalogue,
            dict.fromkeys(related.related(catalogue, dataset.slug, near | frozenset(editions))),
            language,
        ),
        **drawn.gather(catalogue, dataset, language),
        "citation": citation.cite(dataset, catalogue.region, language, public_url),
        "goals": [(target, goal_name(target, language)) for target in definition.get("sdg", [])],
        "place": _place(catalogue, definition, language),
        "temporal": presentation.period(definition, language),
        "deliveries": versions.deliveries(dataset),
        "publisher": dataset.record["publisher"],
        "licence": dataset.record["licence"],
        "licence_title": licence_title(dataset.record["licence"], language),
        "high_value": high_value.titles(dataset, language),
        "page_url": f"{public_url}/{language.code}/datasets/{dataset.slug}",
        "files_path": f"/files/{dataset.slug}/{dataset.number}",
        "files_url": f"{public_url}/files/{dataset.slug}/{dataset.number}",
    }


def _groups(dictionary: list[presentation.Column]) -> list[tuple[int, list[presentation.Column]]]:
    """The columns of the dictionary in groups, each with the number of its first column.

    The first group is open, and the only one where the columns are few.
    """
    if len(dictionary) <= MOST_OPEN:
        return [(1, dictionary)]
    later = range(FIRST, len(dictionary), GROUP)
    return [
        (1, dictionary[:FIRST]),
        *((start + 1, dictionary[start : start + GROUP]) for start in later),
    ]


def _links(
    catalogue: Catalogue, slugs: Mapping[str, int | None], language: Language
) -> list[presentation.Reference]:
    """Datasets by slug, with the version where one is meant, as links."""
    return [
        presentation.reference(catalogue, slug, language, version=version)
        for slug, version in slugs.items()
    ]


def _preview(
    dataset: PublishedDataset,
    rows: Any,
    dictionary: list[presentation.Column],
    language: Language,
) -> dict[str, Any]:
    by_name = {column.name: column for column in dictionary}
    types = [column["type"] for column in dataset.record["columns"]]
    shown = [by_name[column["name"]] for column in dataset.record["columns"]]
    meanings = [dict(column.values) for column in shown]
    return {
        "columns": shown,
        "rows": [
            [
                (value_text(value, kind, language, column.grouped), meaning.get(value, ""))
                for value, kind, column, meaning in zip(row, types, shown, meanings, strict=True)
            ]
            for row in rows
        ],
    }


def _place(catalogue: Catalogue, definition: Record, language: Language) -> tuple[str, str]:
    """The name (where it is known) and code of the place the data are about."""
    place: Record = catalogue.region["place"]
    code = definition.get("spatial") or place["code"]
    return (place["name"][language.code] if code == place["code"] else "", code)
