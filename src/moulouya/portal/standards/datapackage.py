"""Tables as Data Packages, version 2 of the standard: files and hashes, columns with their rules.

The table is the CSV file: it is made when it is asked for, so that its hash is not known. Those of
the kept files are told as the standard wants where Frictionless can hold them against the file, and
as ``sha256`` where it cannot: over HTTP it counts no bytes of a table that is not plain text, and
would call every package broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from moulouya.licences import LICENCES
from moulouya.portal.published import PublishedDataset, PublishedVersion, Record
from moulouya.portal.standards import columns, distributions
from moulouya.portal.standards.columns import Column
from moulouya.portal.standards.distributions import Distribution
from moulouya.portal.standards.voice import STAMP, Voice, derived_from

PROFILES = "https://datapackage.org/profiles/2.0"
_TYPES = {
    "text": "string",
    "json": "string",
    "geometry": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}
_ORDERED = ("integer", "number", "date", "datetime")
WKT = "http://www.opengis.net/ont/geosparql#wktLiteral"


def of_version(voice: Voice, found: PublishedDataset) -> dict[str, Any]:
    """One version: its table as CSV and as Parquet."""
    definition, record = found.definition, found.record
    code = voice.languages[0]
    publisher = record["publisher"]
    package: dict[str, Any] = _told({
        "$schema": f"{PROFILES}/datapackage.json",
        "name": found.slug,
        "id": voice.addresses.version(found.slug, found.number),
        "title": definition["title"][code],
        "titles": _texts(voice, definition["title"]),
        "description": definition["description"][code],
        "descriptions": _texts(voice, definition["description"]),
        "version": f"{found.number}.0.0",
        "created": found.created.strftime(STAMP),
        "homepage": voice.addresses.version_page(found.slug, found.number, code),
        "keywords": [
            word
            for each in voice.languages
            for word in (definition.get("keywords") or {}).get(each, [])
        ],
        "licenses": [_licence(record["licence"])],
        "contributors": [
            {
                "title": publisher["name"][code],
                "titles": _texts(voice, publisher["name"]),
                "path": str(publisher["url"]),
                "roles": ["publisher"],
            },
            _portal(voice),
        ],
        "sources": [{"title": there, "path": there} for there in derived_from(voice, record)],
        "resources": [
            _resource(voice, found, one, {found.slug})
            for one in _readable(voice, found)
        ],
    })  # fmt: skip
    return package


def of_catalogue(voice: Voice) -> Iterator[bytes]:
    """The whole catalogue: every table as CSV, with the keys that lead from one to another.

    In the first language only, and written table by table: of thousands it is long enough.
    """
    catalogue, code = voice.catalogue, voice.languages[0]
    region = catalogue.region
    licence = LICENCES[region["licence"]]
    package = _told({
        "$schema": f"{PROFILES}/datapackage.json",
        "name": "catalogue",
        "id": voice.addresses.catalogue,
        "title": region["title"][code],
        "titles": _texts(voice, region["title"]),
        "description": region["description"][code],
        "descriptions": _texts(voice, region["description"]),
        "version": f"{catalogue.number}.0.0",
        "created": catalogue.created.strftime(STAMP),
        "homepage": f"{voice.addresses.base}/{code}/",
        "licenses": [_licence({"spdx": licence.spdx, "title": licence.title, "url": licence.url})],
        "contributors": [_portal(voice)],
    })  # fmt: skip
    yield orjson.dumps(package)[:-1] + b',"resources":['
    known, between = set(catalogue.datasets), b""
    for found in catalogue.datasets.values():
        for one in _readable(voice, found):
            if one.suffix == "csv":
                table = {
                    **_resource(voice, found, one, known),
                    "licenses": [_licence(found.record["licence"])],
                    "homepage": voice.addresses.page(found.slug, code),
                }
                yield between + orjson.dumps(_untranslated(_told(table)))
                between = b","
    yield b"]}"


def _untranslated(value: Any) -> Any:
    """The same without what is not the standard's: titles and descriptions in every language."""
    if isinstance(value, dict):
        kept = value.keys() - {"titles", "descriptions"}
        return {name: _untranslated(one) for name, one in value.items() if name in kept}
    return [_untranslated(one) for one in value] if isinstance(value, list) else value


def _readable(voice: Voice, found: PublishedDataset) -> list[Distribution]:
    """The files of a table that readers of Data Packages know to read."""
    return [
        one
        for one in distributions.of(found, voice.addresses)
        if one.suffix in ("csv", "parquet", distributions.DUCKDB)
    ]


def _resource(
    voice: Voice, found: PublishedDataset, one: Distribution, known: set[str]
) -> dict[str, Any]:
    """One file; ``known``: the tables of the package, to which alone its keys may lead."""
    definition, code = found.definition, voice.languages[0]
    file = {
        "name": f"{found.slug}-{one.suffix}",
        "path": one.address,
        "title": definition["title"][code],
        "titles": _texts(voice, definition["title"]),
        "description": definition["row_is"][code],
        "format": one.suffix,
        "mediatype": one.media_type,
    }
    if one.suffix == "parquet":
        # Its types are its own; missing numbers come out of it as NaN, which is no integer.
        fields = [{"name": field.name, "type": "any"} for field in columns.of(found)]
        return {**file, "sha256": one.sha256, "schema": {"fields": fields}}
    if one.suffix == distributions.DUCKDB:
        return {**file, "bytes": one.bytes, "hash": f"sha256:{one.sha256}"}
    return {
        **file,
        "name": found.slug,
        "type": "table",
        "encoding": "utf-8",
        "dialect": {"delimiter": ",", "quoteChar": '"', "doubleQuote": True},
        "schema": schema(voice, found, known),
    }


def schema(voice: Voice, version: PublishedVersion, known: set[str]) -> dict[str, Any]:
    """The table: its fields and keys."""
    fields = list(columns.of(version))
    keys = []
    for field in fields:
        if field.reference is not None and field.reference[0] in known:
            slug, column = field.reference
            resource = "" if slug == version.slug else slug
            keys.append(
                {"fields": [field.name], "reference": {"resource": resource, "fields": [column]}}
            )
    return {
        "$schema": f"{PROFILES}/tableschema.json",
        "fields": [_field(voice, field) for field in fields],
        "primaryKey": list(version.record["definition"]["key"]),
        "foreignKeys": keys,
        "missingValues": [""],
    }


def _field(voice: Voice, field: Column) -> dict[str, Any]:
    said, code = field.said, voice.languages[0]
    kind = _TYPES.get(field.type, "number")
    low, high = field.ends if kind in _ORDERED else (None, None)
    values = said.get("values") or {}
    return {
        "name": field.name,
        "type": kind,
        # As the CSV file has it: a blank between day and time.
        "format": "%Y-%m-%d %H:%M:%S.%fZ" if kind == "datetime" else None,
        "rdfType": WKT if field.type == "geometry" else None,
        "title": said["title"][code],
        "titles": _texts(voice, said["title"]),
        "description": said["description"][code],
        "descriptions": _texts(voice, said["description"]),
        "unit": said.get("unit"),
        "categories": [
            {"value": value, "label": meaning[code]} for value, meaning in values.items()
        ]
        if kind == "string"
        else None,
        "constraints": {
            "required": True if said.get("required") else None,
            "unique": True if said.get("unique") else None,
            "minimum": low,
            "maximum": high,
            "pattern": field.pattern if kind == "string" else None,
            "enum": list(values) if kind == "string" else None,
        },
    }


def _licence(licence: Record) -> dict[str, str]:
    return {"name": licence["spdx"], "title": licence["title"], "path": licence["url"]}


def _portal(voice: Voice) -> dict[str, Any]:
    region = voice.catalogue.region
    return {
        "title": region["title"][voice.languages[0]],
        "titles": _texts(voice, region["title"]),
        "path": f"{voice.addresses.base}/",
        "roles": ["distributor"],
    }


def _texts(voice: Voice, texts: Record) -> dict[str, str]:
    return {code: texts[code] for code in voice.languages}


def _told(value: Any) -> Any:
    """The same without what is not known: the standard wants no empty lists and no nulls."""
    if isinstance(value, dict):
        told = {name: _told(one) for name, one in value.items()}
        return {name: one for name, one in told.items() if one not in (None, [], {})}
    return [_told(one) for one in value] if isinstance(value, list) else value
