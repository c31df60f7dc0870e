"""The CSV file of a version, explained as CSV on the Web (W3C) has it."""

from __future__ import annotations

from typing import Any

from moulouya.portal.published import PublishedDataset, Record
from moulouya.portal.standards import columns
from moulouya.portal.standards.columns import Column
from moulouya.portal.standards.voice import STAMP, Voice, derived_from

_TYPES = {
    "text": "string",
    "json": "json",
    "geometry": "string",
    "integer": "long",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}


def csvw(voice: Voice, found: PublishedDataset) -> dict[str, Any]:
    """What its columns are called in every language, which values they hold, what is missing."""
    definition, record = found.definition, found.record
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": voice.languages[0]}],
        "url": voice.addresses.export(found, "csv"),
        "dc:identifier": voice.addresses.version(found.slug, found.number),
        "dc:title": _texts(voice, definition["title"]),
        "dc:description": _texts(voice, definition["description"]),
        "dc:publisher": {
            "@id": str(record["publisher"]["url"]),
            "schema:name": _texts(voice, record["publisher"]["name"]),
        },
        "dc:license": {"@id": record["licence"]["url"]},
        "dc:modified": {"@value": found.created.strftime(STAMP), "@type": "xsd:dateTime"},
        "dcat:keyword": [
            {"@value": word, "@language": code}
            for code in voice.languages
            for word in (definition.get("keywords") or {}).get(code, [])
        ],
        "prov:wasDerivedFrom": [{"@id": there} for there in derived_from(voice, record)],
        "dialect": {
            "encoding": "utf-8",
            "delimiter": ",",
            "quoteChar": '"',
            "doubleQuote": True,
            "lineTerminators": ["\r\n"],
            "header": True,
            "headerRowCount": 1,
            "trim": False,
        },
        "tableSchema": {
            "columns": [_column(voice, one) for one in columns.of(found)],
            "primaryKey": list(definition["key"]),
            "rowTitles": [definition["key"][0]],
        },
    }


def _column(voice: Voice, column: Column) -> dict[str, Any]:
    said = column.said
    told: dict[str, Any] = {
        "name": column.name,
        # The head of the file has the name, which is no language's.
        "titles": {"und": column.name, **{code: said["title"][code] for code in voice.languages}},
        "dc:description": _texts(voice, said["description"]),
        "datatype": _datatype(column),
        "null": "",
    }
    if said.get("required"):
        told["required"] = True
    if said.get("unit"):
        told["schema:unitText"] = said["unit"]
    return told


def _datatype(column: Column) -> str | dict[str, Any]:
    base = _TYPES.get(column.type, "decimal")
    if base in ("string", "json"):
        return {"base": base, "format": column.pattern} if column.pattern else base
    low, high = column.ends
    limits = {"minimum": low, "maximum": high}
    told = {name: value for name, value in limits.items() if value is not None}
    if base == "datetime":
        told["format"] = "yyyy-MM-dd HH:mm:ss.SSSSSSX"
    return {"base": base, **told} if told else base


def _texts(voice: Voice, texts: Record) -> list[dict[str, str]]:
    return [{"@value": texts[code], "@language": code} for code in voice.languages]
