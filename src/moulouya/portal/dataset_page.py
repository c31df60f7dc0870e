"""Everything the page of one dataset shows, gathered for its template."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moulouya.portal import history, permissions, presentation, quality
from moulouya.portal.freshness import Look, freshness
from moulouya.portal.goals import goal_name
from moulouya.portal.languages import Language
from moulouya.portal.preview import first_rows, value_text
from moulouya.portal.published import (
    Catalogue,
    PublishedDataset,
    PublishedVersion,
    Record,
    moment,
    read_version,
    report,
)
from moulouya.storage.lake import Lake

MOST_VERSIONS = 20
MOST_CHANGES = 10


@dataclass(frozen=True)
class Delivery:
    """What was taken from the source to make the version; ``bytes`` is its size."""

    url: str
    linked: bool
    retrieved: dt.datetime
    bytes: int
    source_version: str


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
    made_from, used_by = presentation.lineage(catalogue, dataset, language)
    rows = first_rows(catalogue, dataset)
    return {
        "dataset": dataset,
        "title": definition["title"][language.code],
        "description": definition["description"][language.code],
        "row_is": definition["row_is"][language.code],
        "notes": (definition.get("notes") or {}).get(language.code, ""),
        "attribution": (definition.get("attribution") or {}).get(language.code, ""),
        "keywords": (definition.get("keywords") or {}).get(language.code, []),
        "time": freshness(dataset, looks.get(dataset.slug), now),
        "downloads": presentation.downloads(dataset, language),
        "rejected": presentation.rejected_downloads(dataset, language),
        "dictionary": dictionary,
        "preview": _preview(dataset, rows, dictionary, language),
        **quality.gather(catalogue, dataset, titles, language),
        "permissions": permissions.gather(dataset, titles, language, now.date()),
        "changes": _changes(dataset, titles, language),
        "happened": history.sentences(
            dataset, language, catalogue.region.get("timezone", "UTC"), decided=False
        ),
        "withdrawn": history.withdrawn(lake, catalogue, dataset.slug),
        "corrections": definition.get("corrections") or [],
        "versions": _versions(lake, dataset),
        "made_from": made_from,
        "used_by": used_by,
        "goals": [(target, goal_name(target, language)) for target in definition.get("sdg", [])],
        "place": _place(catalogue, definition, language),
        "temporal": _temporal(definition, language),
        "deliveries": _deliveries(dataset),
        "publisher": dataset.record["publisher"],
        "licence": dataset.record["licence"],
        "page_url": f"{public_url}/{language.code}/datasets/{dataset.slug}",
        "files_path": f"/files/{dataset.slug}/{dataset.number}",
        "files_url": f"{public_url}/files/{dataset.slug}/{dataset.number}",
    }


def _deliveries(dataset: PublishedDataset) -> list[Delivery]:
    return [
        Delivery(
            url=taken["url"],
            linked=taken["url"].startswith(("http://", "https://")),
            retrieved=moment(taken["retrieved"]),
            bytes=taken.get("bytes") or sum(file["bytes"] for file in taken.get("files", [])),
            source_version=taken.get("source_version") or "",
        )
        for taken in dataset.record.get("snapshots") or []
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


def _changes(
    dataset: PublishedDataset, titles: Mapping[str, str], language: Language
) -> dict[str, Any] | None:
    """What changed since the version before, or None for the first one."""
    changes = report(dataset, "changes.json")
    if not changes or changes.get("from") is None:
        return None
    types = {column["name"]: column["type"] for column in dataset.record["columns"]}
    sample: Record = changes.get("sample") or {}
    changed = []
    for row in itertools.islice(sample.get("changed", []), MOST_CHANGES):
        key = language.joined([str(value) for value in row["key"].values()])
        for name in row["after"]:
            before, after = row["before"].get(name), row["after"][name]
            if before != after:
                kind = types.get(name, "text")
                changed.append(
                    {
                        "key": key,
                        "title": titles.get(name, name),
                        "before": value_text(before, kind, language),
                        "after": value_text(after, kind, language),
                    }
                )
    return {"from": changes["from"], "changed": changed}


def _versions(lake: Lake, dataset: PublishedDataset) -> list[PublishedVersion]:
    """The released version and those before it, newest first."""
    numbers = [n for n in lake.numbers(lake.versions(dataset.slug)) if n <= dataset.number]
    found = []
    for number in reversed(numbers[-MOST_VERSIONS:]):
        version = _old_version(lake, dataset.slug, number)
        if version is not None:
            found.append(version)
    return found


@lru_cache(maxsize=4096)
def _old_version(lake: Lake, slug: str, number: int) -> PublishedVersion | None:
    """A version record, kept in memory: it never changes."""
    try:
        return read_version(lake, slug, number)
    except (OSError, ValueError, KeyError):
        return None


def _place(catalogue: Catalogue, definition: Record, language: Language) -> tuple[str, str]:
    """The name (where it is known) and code of the place the data are about."""
    place: Record = catalogue.region["place"]
    code = definition.get("spatial") or place["code"]
    return (place["name"][language.code] if code == place["code"] else "", code)


def _temporal(definition: Record, language: Language) -> str:
    period = definition.get("temporal")
    if not period:
        return ""
    start = language.date(dt.date.fromisoformat(period["start"]))
    if not period.get("end"):
        return language.text("since %(start)s", start=start)
    end = language.date(dt.date.fromisoformat(period["end"]))
    return language.text("%(start)s to %(end)s", start=start, end=end)
