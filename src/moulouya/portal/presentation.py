"""A published dataset in one language: every text, number and link that its page shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from moulouya.portal.freshness import Freshness, Look, freshness
from moulouya.portal.languages import N_, Language
from moulouya.portal.published import (
    Catalogue,
    PublishedDataset,
    PublishedFile,
    PublishedVersion,
    Record,
)
from moulouya.portal.sentences import column_rules, type_words
from moulouya.portal.units import unit_words

REJECTED = "rejected.parquet"
REJECTED_CSV = "rejected.csv.gz"
# Suffix of a file: the order on the page, what to call it, what it is good for.
FORMATS = {
    ".csv.gz": ("CSV", N_("for a spreadsheet; compressed, unpack it first")),
    ".parquet": ("Parquet", N_("for Python, R and DuckDB; keeps the types")),
    ".duckdb": ("DuckDB", N_("a whole database with this table, for SQL")),
}


@dataclass(frozen=True)
class Card:
    """A dataset in a list."""

    slug: str
    href: str
    title: str
    description: str
    row_is: str
    theme: str
    rows: int
    time: Freshness


@dataclass(frozen=True)
class Download:
    """A file to take away."""

    format: str
    purpose: str
    name: str
    href: str
    size: str
    sha256: str


@dataclass(frozen=True)
class Column:
    """A row of the data dictionary."""

    name: str
    title: str
    description: str
    type: str
    unit: str
    rules: list[str]
    pattern: str
    values: list[tuple[str, str]]
    reference: Reference | None
    low: str
    high: str
    empty: str
    numeric: bool
    grouped: bool


@dataclass(frozen=True)
class Reference:
    """A link to a dataset, with a column where there is one; ``href`` is empty if unpublished."""

    slug: str
    title: str
    href: str
    column: str = ""
    version: int | None = None


def card(
    dataset: PublishedDataset, looks: Mapping[str, Look], language: Language, now: dt.datetime
) -> Card:
    """A dataset as lists show it."""
    definition = dataset.definition
    return Card(
        slug=dataset.slug,
        href=f"/{language.code}/datasets/{dataset.slug}",
        title=definition["title"][language.code],
        description=definition["description"][language.code],
        row_is=definition["row_is"][language.code],
        theme=dataset.theme,
        rows=dataset.rows,
        time=freshness(dataset, looks.get(dataset.slug), now),
    )


def downloads(version: PublishedVersion, language: Language) -> list[Download]:
    """The files of the table itself, the easiest to open first."""
    found = []
    for suffix, (label, purpose) in FORMATS.items():
        for file in version.files.values():
            if file.name == f"{version.slug}{suffix}":
                found.append(download(version, file, label, language.text(purpose), language))
    return found


def rejected_downloads(version: PublishedVersion, language: Language) -> list[Download]:
    """The files of the rows that were left out, if any."""
    return [
        download(version, version.files[name], label, "", language)
        for name, label in ((REJECTED_CSV, "CSV"), (REJECTED, "Parquet"))
        if name in version.files
    ]


def download(
    version: PublishedVersion, file: PublishedFile, label: str, purpose: str, language: Language
) -> Download:
    """One file with its immutable address."""
    href = f"/files/{version.slug}/{version.number}/{file.name}"
    return Download(label, purpose, file.name, href, language.size(file.bytes), file.sha256)


def columns(catalogue: Catalogue, dataset: PublishedDataset, language: Language) -> list[Column]:
    """The data dictionary: what the definition says, and what the data then held."""
    definition = dataset.definition
    measured = {column["name"]: column for column in dataset.record["columns"]}
    key = list(definition.get("key") or [])
    units = catalogue.region.get("units", {})
    found = []
    for name, seen in measured.items():
        column = definition["columns"][name]
        values = column.get("values") or {}
        ordered = is_numeric(column["type"]) or column["type"] in ("date", "datetime")
        grouped = _is_amount(seen)
        found.append(
            Column(
                name=name,
                title=column["title"][language.code],
                description=column["description"][language.code],
                type=type_words(column["type"], language),
                unit=unit_words(column.get("unit"), units, language),
                rules=column_rules(name, column, key, language),
                pattern=column.get("pattern") or "",
                values=[(value, meaning[language.code]) for value, meaning in values.items()],
                reference=_reference(catalogue, column.get("references"), language),
                low=measured_text(seen.get("min"), column["type"], language, grouped)
                if ordered
                else "",
                high=measured_text(seen.get("max"), column["type"], language, grouped)
                if ordered
                else "",
                empty=_empty_share(seen.get("nulls"), dataset.rows, language),
                numeric=is_numeric(column["type"]),
                grouped=grouped,
            )
        )
    return found


def is_numeric(column_type: str) -> bool:
    """True for types whose values are quantities."""
    return column_type.partition("(")[0] in ("integer", "number", "decimal")


def _is_amount(seen: Record) -> bool:
    """False for whole numbers that stay below 10,000, such as years: they are not grouped."""
    if seen["type"] != "integer":
        return True
    ends = [abs(int(seen[end])) for end in ("min", "max") if seen.get(end) is not None]
    return max(ends, default=0) >= 10_000


def measured_text(value: Any, column_type: str, language: Language, grouped: bool) -> str:
    """A lowest or highest value, which version.json keeps as text."""
    if value is None:
        return ""
    text = str(value)
    if is_numeric(column_type):
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text
        if not grouped:
            return text
        return language.number(float(number) if column_type == "number" else number)
    return text


def _empty_share(nulls: Any, rows: int, language: Language) -> str:
    if not nulls or not rows:
        return ""
    share = int(nulls) / rows
    return language.percent(share) if share >= 0.001 else "<" + language.percent(0.001)


def _reference(catalogue: Catalogue, target: str | None, language: Language) -> Reference | None:
    if not target:
        return None
    slug, _, column = target.partition(".")
    return reference(catalogue, slug, language, column)


def reference(
    catalogue: Catalogue,
    slug: str,
    language: Language,
    column: str = "",
    version: int | None = None,
) -> Reference:
    """A dataset as a link, by its title where the release has it."""
    other = catalogue.datasets.get(slug)
    if other is None:
        return Reference(slug, slug, "", column, version)
    title = other.definition["title"][language.code]
    return Reference(slug, title, f"/{language.code}/datasets/{slug}", column, version)


def period(definition: Record, language: Language) -> str:
    """The time that the data are about, in words; empty where it is not told."""
    told = definition.get("temporal")
    if not told:
        return ""
    start = language.date(dt.date.fromisoformat(told["start"]))
    if told.get("end") == told["start"]:
        return start
    if not told.get("end"):
        return language.text("since %(start)s", start=start)
    end = language.date(dt.date.fromisoformat(told["end"]))
    return language.text("%(start)s to %(end)s", start=start, end=end)
