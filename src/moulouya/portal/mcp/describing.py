"""What the tools tell of datasets: short enough to be read whole, in one language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from moulouya.portal.dataset.citation import cite
from moulouya.portal.freshness import Look, freshness
from moulouya.portal.languages import Language
from moulouya.portal.published import Catalogue, PublishedDataset

MOST_VALUES = 50


def briefly(dataset: PublishedDataset, language: Language, public_url: str) -> dict[str, Any]:
    """One entry of a list."""
    said = dataset.definition
    return {
        "dataset": dataset.slug,
        "title": said["title"][language.code],
        "description": said["description"][language.code],
        "theme": dataset.theme,
        "table": table(dataset),
        "rows": dataset.rows,
        "updated": dataset.created.isoformat(),
        "page": f"{public_url}/{language.code}/datasets/{dataset.slug}",
    }


def in_full(
    catalogue: Catalogue,
    dataset: PublishedDataset,
    looks: Mapping[str, Look],
    language: Language,
    public_url: str,
) -> dict[str, Any]:
    """Everything that is needed to query a dataset and to cite it."""
    said, code = dataset.definition, language.code
    cited = cite(dataset, catalogue.region, language, public_url)
    time = freshness(dataset, looks.get(dataset.slug), dt.datetime.now(dt.UTC))
    return {
        **briefly(dataset, language, public_url),
        "version": dataset.number,
        "row_is": said["row_is"][code],
        "key": list(said.get("key") or []),
        "notes": (said.get("notes") or {}).get(code, ""),
        "columns": [_column(one, said["columns"][one["name"]], code) for one in _measured(dataset)],
        "late": time.late_since is not None,
        "publisher": dataset.record["publisher"]["name"][code],
        "licence": dataset.record["licence"]["spdx"],
        "licence_url": dataset.record["licence"]["url"],
        "citation": cited.apa,
        "files": {
            file.name: f"{public_url}/files/{dataset.slug}/{dataset.number}/{file.name}"
            for file in dataset.files.values()
        },
    }


def table(dataset: PublishedDataset) -> str:
    """Its name in a statement: themes are schemas."""
    return f"{dataset.theme}.{dataset.slug}"


def _measured(dataset: PublishedDataset) -> list[dict[str, Any]]:
    measured: list[dict[str, Any]] = dataset.record["columns"]
    return measured


def _column(measured: Mapping[str, Any], said: Mapping[str, Any], code: str) -> dict[str, Any]:
    """A column: what it means and what was found in it, without what is empty."""
    values = list((said.get("values") or {}).items())
    told = {
        "name": measured["name"],
        "type": measured["type"],
        "title": said["title"][code],
        "description": said["description"][code],
        "unit": said.get("unit"),
        "values": {value: meaning[code] for value, meaning in values[:MOST_VALUES]},
        "more_values": max(0, len(values) - MOST_VALUES),
        "least": measured.get("min"),
        "greatest": measured.get("max"),
        "nulls": measured.get("nulls"),
    }
    return {name: value for name, value in told.items() if value not in (None, {}, "", 0)}
