"""Datasets, versions and their files in words for programs, every language side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moulouya.ledger import stamp
from moulouya.portal.published import (
    Catalogue,
    PublishedDataset,
    PublishedVersion,
    Record,
    first_published,
)
from moulouya.region import LANGUAGES

DESCRIBED = ("notes", "keywords", "sdg", "spatial", "temporal", "key", "refresh", "attribution",
             "corrections")  # fmt: skip


def address(public_url: str, *parts: object) -> str:
    """An address of the API."""
    return "/".join([f"{public_url}/api/v1", *map(str, parts)])


def brief(dataset: PublishedDataset, public_url: str) -> dict[str, Any]:
    """What a list says of a dataset."""
    said = dataset.definition
    return {
        "slug": dataset.slug,
        "title": said["title"],
        "description": said["description"],
        "row_is": said["row_is"],
        "theme": dataset.theme,
        "themes": list(dataset.themes),
        "publisher": said.get("publisher"),
        "licence": dataset.record["licence"]["spdx"],
        "version": dataset.number,
        "published": stamp(dataset.created),
        "rows": dataset.rows,
        "links": links(dataset, public_url),
    }


def links(dataset: PublishedDataset, public_url: str) -> dict[str, str]:
    """Where everything about a dataset is."""
    here = address(public_url, "datasets", dataset.slug)
    return {
        "self": here,
        "records": f"{here}/records",
        "columns": f"{here}/columns",
        "versions": f"{here}/versions",
        "changes": f"{here}/changes",
        "validations": f"{here}/validations",
        **{f"page_{code}": f"{public_url}/{code}/datasets/{dataset.slug}" for code in LANGUAGES},
    }


def whole(catalogue: Catalogue, dataset: PublishedDataset, public_url: str) -> dict[str, Any]:
    """All that is said about a dataset."""
    said, record = dataset.definition, dataset.record
    since = first_published(catalogue.lake, dataset.slug, dataset.number, dataset.created)
    return {
        **brief(dataset, public_url),
        **{name: said[name] for name in DESCRIBED if said.get(name)},
        "first_published": stamp(since),
        "rejected": dataset.rejected,
        "licence": dict(record["licence"]),
        "publisher": {"id": said.get("publisher"), **record["publisher"]},
        "made_from": record.get("inputs") or {},
        "deliveries": [
            {key: one.get(key) for key in ("url", "retrieved", "sha256", "bytes")}
            for one in record.get("snapshots") or []
        ],
        "columns": columns(dataset),
        "files": files(dataset, public_url),
    }


def columns(version: PublishedVersion) -> list[dict[str, Any]]:
    """The data dictionary, in the order of the table."""
    described: Mapping[str, Record] = version.record["definition"]["columns"]
    found = []
    for one in version.record["columns"]:
        said = described.get(one["name"], {})
        kept = ("title", "description", "unit", "values", "references", "range", "pattern")
        found.append({
            "name": one["name"],
            "type": one["type"],
            **{key: said[key] for key in kept if said.get(key)},
            **{key: one.get(key) for key in ("nulls", "distinct", "min", "max")},
        })  # fmt: skip
    return found


def version(
    catalogue: Catalogue, one: PublishedVersion, public_url: str, *, there: bool = True
) -> dict[str, Any]:
    """A version; ``there`` is False where its files are gone."""
    here = address(public_url, "datasets", one.slug, "versions", one.number)
    told = {"self": here, "records": f"{here}/records"} if there else {"self": here}
    return {
        "dataset": one.slug,
        "version": one.number,
        "published": stamp(one.created),
        "rows": one.rows,
        "rejected": one.rejected,
        "interval": one.record.get("interval"),
        "previous": one.record.get("previous"),
        "content_hash": one.record.get("content_hash"),
        "available": there,
        "files": files(one, public_url) if there else [],
        "links": told,
    }


def files(one: PublishedVersion, public_url: str) -> list[dict[str, Any]]:
    """The files of a version with their hashes and addresses."""
    return [
        {
            "name": file.name,
            "media_type": file.media_type,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "href": f"{public_url}/files/{one.slug}/{one.number}/{file.name}",
        }
        for file in one.files.values()
    ]
