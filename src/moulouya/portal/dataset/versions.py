"""The versions of a dataset: all of them in pages, and each one on a page of its own."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moulouya.portal import history, presentation
from moulouya.portal.dataset import citation, quality
from moulouya.portal.history import version_of
from moulouya.portal.languages import Language
from moulouya.portal.published import (
    Catalogue,
    PublishedDataset,
    PublishedVersion,
    Record,
    moment,
    report,
)
from moulouya.portal.records.cells import value_text
from moulouya.storage.lake import Lake

PER_PAGE = 50
MOST_VALUES = 10
MOST_ROWS = 5
FEW = 6


@dataclass(frozen=True)
class Page:
    """Some versions, newest first; ``number`` of ``pages``, both from 1."""

    versions: Sequence[PublishedVersion]
    number: int
    pages: int
    total: int


def numbers(catalogue: Catalogue, dataset: PublishedDataset) -> tuple[int, ...]:
    """The numbers of the versions on record up to the released one, oldest first."""
    return _numbers(catalogue.lake, dataset.slug, dataset.number, catalogue.number)


@lru_cache(maxsize=4096)
def _numbers(lake: Lake, slug: str, newest: int, release: int) -> tuple[int, ...]:
    """Kept for each release: a version is removed by a release of its own."""
    return tuple(n for n in lake.numbers(lake.versions(slug)) if n <= newest)


def newest(catalogue: Catalogue, dataset: PublishedDataset, most: int) -> list[PublishedVersion]:
    """The released version and those before it, newest first."""
    return list(itertools.islice(_records(catalogue, dataset, 0), most))


def page(catalogue: Catalogue, dataset: PublishedDataset, number: int) -> Page | None:
    """One page of the list of versions; None where there is no such page."""
    total = len(numbers(catalogue, dataset))
    pages = max(1, -(-total // PER_PAGE))
    if not 1 <= number <= pages:
        return None
    found = itertools.islice(_records(catalogue, dataset, (number - 1) * PER_PAGE), PER_PAGE)
    return Page(list(found), number, pages, total)


def _records(
    catalogue: Catalogue, dataset: PublishedDataset, start: int
) -> Iterator[PublishedVersion]:
    known = numbers(catalogue, dataset)
    for number in itertools.islice(reversed(known), start, None):
        version = version_of(catalogue.lake, dataset.slug, number)
        if version is not None:
            yield version


def gather(
    catalogue: Catalogue,
    dataset: PublishedDataset,
    version: PublishedVersion,
    language: Language,
    public_url: str,
) -> dict[str, Any]:
    """The template's variables for one version, told in one language."""
    definition: Record = version.record["definition"]
    titles = column_titles(version, language)
    known = numbers(catalogue, dataset)
    place = known.index(version.number) if version.number in known else -1
    zone = catalogue.region.get("timezone", "UTC")
    return {
        "dataset": dataset,
        "version": version,
        "newest": version.number == dataset.number,
        "title": definition["title"][language.code],
        "description": definition["description"][language.code],
        "row_is": definition["row_is"][language.code],
        "licence": version.record["licence"],
        "before": known[place - 1] if place > 0 else None,
        "after": known[place + 1] if 0 <= place < len(known) - 1 else None,
        "downloads": presentation.downloads(version, language),
        "rejected": presentation.rejected_downloads(version, language),
        "happened": history.sentences(version, language, zone, decided=False),
        "changes": changes(version, titles, language),
        "checks": quality.checks_of(version, catalogue, titles, language),
        "score": quality.score_of(catalogue, version),
        "columns": [
            (name, titles.get(name, name)) for name in _names(version)
        ],
        "citation": citation.cite(version, catalogue.region, language, public_url),
        "deliveries": deliveries(version),
    }  # fmt: skip


def _names(version: PublishedVersion) -> list[str]:
    return [column["name"] for column in version.record["columns"]]


def column_titles(version: PublishedVersion, language: Language) -> dict[str, str]:
    """The titles of a version's columns by name."""
    columns: Mapping[str, Record] = version.record["definition"]["columns"]
    return {name: column["title"][language.code] for name, column in columns.items()}


def changes(
    version: PublishedVersion, titles: Mapping[str, str], language: Language
) -> dict[str, Any] | None:
    """Examples of what differs from the version before, or None for the first one."""
    told = report(version, "changes.json")
    if not told or told.get("from") is None:
        return None
    types = {column["name"]: column["type"] for column in version.record["columns"]}
    sample: Mapping[str, Sequence[Record]] = told.get("sample") or {}
    changed = []
    for row in sample.get("changed", []):
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
    return {
        "from": told["from"],
        "changed": changed[:MOST_VALUES],
        "added": _rows(sample.get("added", []), titles, types, language),
        "removed": _rows(sample.get("removed", []), titles, types, language),
    }


def _rows(
    rows: Sequence[Record], titles: Mapping[str, str], types: Mapping[str, str], language: Language
) -> list[str]:
    """The first values of some rows, each with its column's title."""
    told = []
    for row in rows[:MOST_ROWS]:
        told.append(
            language.joined(
                [
                    language.text(
                        "%(name)s: %(value)s",
                        name=titles.get(name, name),
                        value=value_text(value, types.get(name, "text"), language),
                    )
                    for name, value in itertools.islice(row.items(), FEW)
                    if value is not None
                ]
            )
        )
    return told


@dataclass(frozen=True)
class Delivery:
    """What was taken from the source to make a version; ``bytes`` is its size."""

    url: str
    linked: bool
    retrieved: dt.datetime
    bytes: int
    source_version: str
    sha256: str


def delivery(taken: Record) -> Delivery:
    """One delivery, as the record of a version tells it."""
    return Delivery(
        url=taken["url"],
        linked=taken["url"].startswith(("http://", "https://")),
        retrieved=moment(taken["retrieved"]),
        bytes=taken.get("bytes") or sum(file["bytes"] for file in taken.get("files", [])),
        source_version=taken.get("source_version") or "",
        sha256=taken.get("sha256") or "",
    )


def deliveries(version: PublishedVersion) -> list[Delivery]:
    """The deliveries that a version was made from."""
    return [delivery(taken) for taken in version.record.get("snapshots") or []]
