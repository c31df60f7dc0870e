"""What the answers hold, as JSON Schema (2020-12), by the names the OpenAPI document refers to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moulouya.portal.api.faults import KINDS
from moulouya.region import LANGUAGES

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
URL: Schema = {"type": "string", "format": "uri"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
ANY: Schema = {}
OBJECT: Schema = {"type": "object"}


def either(schema: Schema) -> Schema:
    """What a schema allows, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """An array."""
    return {"type": "array", "items": schema}


def record(more: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these members; further ones may be added in time."""
    return {
        "type": "object",
        "required": list(more),
        "properties": {**more, **(optional or {})},
    }


def named(name: str) -> Schema:
    """A reference to one of ``SCHEMAS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def page_of(name: str, schema: Schema) -> Schema:
    """A page of a list, with how many there are and where it goes on."""
    return record({name: listed(schema), "total": WHOLE, "next": either(URL)}, {"facets": OBJECT})


SAID: Schema = {
    "type": "object",
    "description": "one text in each language",
    "properties": dict.fromkeys(LANGUAGES, TEXT),
    "additionalProperties": False,
}
SCHEMAS: dict[str, Schema] = {
    "Problem": record(
        {"type": TEXT, "title": TEXT, "status": {"type": "integer"}},
        {
            "detail": TEXT,
            "hint": {**TEXT, "description": "what to do"},
            "parameter": TEXT,
            "position": {
                "description": "the character that is wrong, from 1 on; of SQL, line and column",
                "anyOf": [WHOLE, record({"line": WHOLE, "column": WHOLE})],
            },
            "near": {**listed(TEXT), "description": "names that resemble the unknown one"},
        },
    ),
    "Said": SAID,
    "Links": {"type": "object", "additionalProperties": URL},
    "Entry": record({"title": named("Said"), "release": WHOLE, "links": named("Links")}),
    "Brief": record(
        {
            "slug": TEXT, "title": named("Said"), "description": named("Said"), "theme": TEXT,
            "themes": listed(TEXT), "publisher": either(TEXT), "licence": TEXT, "version": WHOLE,
            "published": MOMENT, "rows": WHOLE, "links": named("Links"),
        }
    ),
    "Datasets": page_of("datasets", named("Brief")),
    "Dataset": record(
        {
            "slug": TEXT, "title": named("Said"), "description": named("Said"),
            "row_is": named("Said"), "version": WHOLE, "published": MOMENT, "rows": WHOLE,
            "columns": listed(named("Column")), "licence": OBJECT, "publisher": OBJECT,
            "files": listed(named("File")), "links": named("Links"),
        }
    ),
    "Column": record(
        {"name": TEXT, "type": TEXT, "title": named("Said"), "description": named("Said")},
        {"unit": TEXT, "values": OBJECT, "nulls": either(WHOLE), "distinct": either(WHOLE)},
    ),
    "Columns": record({"dataset": TEXT, "version": WHOLE, "columns": listed(named("Column"))}),
    "File": record(
        {"name": TEXT, "media_type": TEXT, "bytes": WHOLE, "sha256": TEXT, "href": URL}
    ),
    "Version": record(
        {
            "dataset": TEXT, "version": WHOLE, "published": MOMENT, "rows": WHOLE,
            "rejected": WHOLE, "files": listed(named("File")), "links": named("Links"),
        }
    ),
    "Versions": page_of("versions", named("Version")),
    "Changes": record(
        {"dataset": TEXT, "version": WHOLE, "since": either(WHOLE), "changes": listed(OBJECT)}
    ),
    "Validations": record({"dataset": TEXT, "version": WHOLE, "validations": OBJECT}),
    "Records": record(
        {
            "dataset": TEXT, "version": WHOLE, "licence": TEXT, "attribution": TEXT,
            "columns": listed(record({"name": TEXT, "type": TEXT}, {"unit": TEXT})),
            "records": listed(OBJECT), "count": WHOLE, "next": either(URL),
        },
        {"total": WHOLE, "total_is": {"type": "string", "enum": ["exact", "estimate"]}},
    ),
    "Features": record(
        {
            "type": {"const": "FeatureCollection"}, "features": listed(OBJECT),
            "numberReturned": WHOLE,
        },
        {"numberMatched": WHOLE, "links": listed(OBJECT)},
    ),
    "Theme": record(
        {"theme": TEXT, "title": named("Said"), "datasets": WHOLE, "links": named("Links")}
    ),
    "Themes": record({"themes": listed(named("Theme"))}),
    "Publisher": record(
        {"publisher": TEXT, "name": named("Said"), "datasets": WHOLE, "links": named("Links")},
        {"url": TEXT},
    ),
    "Publishers": record({"publishers": listed(named("Publisher"))}),
    "Licence": record(
        {"licence": TEXT, "datasets": WHOLE, "links": named("Links")}, {"url": either(TEXT)}
    ),
    "Licences": record({"licences": listed(named("Licence"))}),
    "Place": record(
        {"place": TEXT, "name": named("Said"), "datasets": WHOLE, "links": named("Links")}
    ),
    "Places": record({"places": listed(named("Place"))}),
    "Release": record(
        {"release": WHOLE, "created": MOMENT, "datasets": OBJECT, "links": named("Links")}
    ),
    "Releases": page_of("releases", record({"release": WHOLE, "links": named("Links")})),
}  # fmt: skip
TYPES = {kind: f"urn:moulouya:problem:{kind}" for kind in KINDS}
