"""Schema ``catalogue``: what is published about the data, as tables next to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from moulouya import scoring
from moulouya.licences import LICENCES
from moulouya.release import Plan
from moulouya.storage.files import read_json
from moulouya.versions import Version

Row = dict[str, Any]

COLUMNS = {
    "datasets": (
        "slug theme title_ar title_fr title_en description_ar description_fr description_en "
        "row_is_ar row_is_fr row_is_en publisher licence attribution_ar attribution_fr "
        "attribution_en spatial temporal_start temporal_end sdg keywords derived refresh_every "
        "version:int rows:int rejected:int published url"
    ),
    "columns": (
        "slug position:int name type unit key:bool title_ar title_fr title_en description_ar "
        "description_fr description_en pattern lowest highest values references nulls:int "
        "distinct_values:int min max"
    ),
    "versions": (
        "slug version:int published rows:int rejected:int added:int removed:int changed:int "
        "run_id recipe content_hash parquet_url parquet_bytes:int parquet_sha256"
    ),
    "snapshots": "slug version:int snapshot:int url retrieved source_version sha256",
    "inputs": "slug version:int input input_version:int",
    "validations": (
        "slug version:int moment type column severity success:bool unexpected_count:int "
        "unexpected_percent:float message "
        "source reason"
    ),
    "scores": "slug version:int dimension score:float explanation figures method:int",
    "drift": "slug version:int rule column value:float allowed:float",
    "changes": "slug version:int kind key before after",
    "corrections": "slug where set reason_ar reason_fr reason_en reported",
    "publishers": "publisher name_ar name_fr name_en url contact",
    "licences": "licence title url attribution:bool share_alike:bool",
    "themes": "theme title_ar title_fr title_en eu_theme",
    "units": "unit name_ar name_fr name_en",
}
_TYPES = {"int": pa.int64(), "bool": pa.bool_(), "float": pa.float64(), "": pa.string()}


def make(plan: Plan, found: dict[str, Version]) -> dict[str, pa.Table]:
    """The tables of schema ``catalogue``, by name."""
    made = {}
    for name, rows in _tables(plan, found).items():
        fields = [column.partition(":") for column in COLUMNS[name].split()]
        schema = pa.schema([pa.field(field[0], _TYPES[field[2]]) for field in fields])
        filled = [{field.name: row.get(field.name) for field in schema} for row in rows]
        made[name] = pa.Table.from_pylist(filled, schema=schema)
    return made


def _tables(plan: Plan, found: dict[str, Version]) -> dict[str, list[Row]]:
    region = plan.region
    every = list(found.values())
    scored = scoring.last_scores(every[0].path) if every else {}
    return {
        "datasets": [_dataset(plan, version) for version in every],
        "columns": [row for version in every for row in _columns(version)],
        "versions": [_version(plan, version) for version in every],
        "snapshots": [row for version in every for row in _snapshots(version)],
        "inputs": [
            {"slug": v.slug, "version": v.number, "input": name, "input_version": number}
            for v in every
            for name, number in v.record["inputs"].items()
        ],
        "validations": [row for version in every for row in _validations(version)],
        "scores": [row for version in every for row in _scores(version, scored)],
        "drift": [row for version in every for row in _drift(version)],
        "changes": [row for version in every for row in _changes(version)],
        "corrections": [row for version in every for row in _corrections(version)],
        "publishers": [
            {"publisher": key, **_texts("name", one["name"]), **_only(one, "url", "contact")}
            for key, one in region["publishers"].items()
        ],
        "licences": [
            {
                "licence": licence.spdx,
                "title": licence.title,
                "url": licence.url,
                "attribution": licence.attribution,
                "share_alike": licence.share_alike,
            }
            for licence in LICENCES.values()
            if licence.spdx in {version.record["licence"]["spdx"] for version in every}
        ],
        "themes": [
            {"theme": key, **_texts("title", one["title"]), "eu_theme": one["eu"]}
            for key, one in region["themes"].items()
        ],
        "units": [{"unit": key, **_texts("name", one)} for key, one in region["units"].items()],
    }


def _texts(name: str, text: dict[str, str] | None) -> Row:
    return {f"{name}_{language}": (text or {}).get(language) for language in ("ar", "fr", "en")}


def _only(record: Row, *names: str) -> Row:
    return {name: record[name] for name in names}


def _json(value: Any) -> str | None:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else None


def _dataset(plan: Plan, version: Version) -> Row:
    record, definition = version.record, version.record["definition"]
    temporal = definition["temporal"] or {}
    return {
        **_only(record, "slug", "theme", "version", "rows", "rejected"),
        **_texts("title", definition["title"]),
        **_texts("description", definition["description"]),
        **_texts("row_is", definition["row_is"]),
        **_texts("attribution", definition["attribution"]),
        "publisher": definition["publisher"],
        "licence": record["licence"]["spdx"],
        "spatial": definition["spatial"] or plan.region["place"]["code"],
        "temporal_start": temporal.get("start"),
        "temporal_end": temporal.get("end"),
        "sdg": ", ".join(definition["sdg"]) or None,
        "keywords": _json(definition["keywords"]),
        "derived": str(definition["source"] is None).lower(),
        "refresh_every": definition["refresh"]["every"],
        "published": record["created"],
        "url": f"{plan.public_url}/en/datasets/{version.slug}",
    }


def _columns(version: Version) -> Iterator[Row]:
    definition = version.record["definition"]
    profile = {column["name"]: column for column in version.record["columns"]}
    for position, (name, column) in enumerate(definition["columns"].items(), 1):
        lowest, highest = column["range"] or (None, None)
        yield {
            "slug": version.slug,
            "position": position,
            "name": name,
            **_only(column, "type", "unit", "pattern", "references"),
            "key": name in definition["key"],
            **_texts("title", column["title"]),
            **_texts("description", column["description"]),
            "lowest": None if lowest is None else str(lowest),
            "highest": None if highest is None else str(highest),
            "values": _json(column["values"]),
            **_only(profile[name], "nulls", "min", "max"),
            "distinct_values": profile[name]["distinct"],
        }


def _version(plan: Plan, version: Version) -> Row:
    record = version.record
    parquet = next(file for file in record["files"] if file["name"] == version.table.name)
    changed = record["changes"] or {}
    return {
        **_only(record, "slug", "version", "rows", "rejected", "run_id", "recipe", "content_hash"),
        "published": record["created"],
        **{kind: changed.get(kind) for kind in ("added", "removed", "changed")},
        "parquet_url": f"{plan.public_url}/files/{version.slug}/{version.number}/{parquet['name']}",
        "parquet_bytes": parquet["bytes"],
        "parquet_sha256": parquet["sha256"],
    }


def _snapshots(version: Version) -> Iterator[Row]:
    for snapshot in version.record["snapshots"]:
        yield {
            "slug": version.slug,
            "version": version.number,
            "snapshot": snapshot["number"],
            **_only(snapshot, "url", "retrieved", "source_version", "sha256"),
        }


def _validations(version: Version) -> Iterator[Row]:
    kept = ("moment", "type", "column", "severity", "success", "unexpected_count")
    for check in read_json(version.path / "validation.json")["checks"]:
        yield {
            "slug": version.slug,
            "version": version.number,
            **_only(check, *kept, "unexpected_percent", "message", "source", "reason"),
        }


def _scores(version: Version, scored: scoring.Scored) -> Iterator[Row]:
    """Every version's, the oldest first; what the last release knows is not worked out again."""
    for number, scores in scoring.history(version, scored):
        for one in scores:
            yield {
                "slug": version.slug,
                "version": number,
                "dimension": one.dimension,
                "score": one.score,
                "explanation": one.explanation,
                "figures": _json(one.figures),
                "method": scoring.METHOD,
            }


def _drift(version: Version) -> Iterator[Row]:
    path = version.path / "drift.json"
    for measure in read_json(path)["measures"] if path.exists() else []:
        yield {
            "slug": version.slug,
            "version": version.number,
            **_only(measure, "rule", "column", "value", "allowed"),
        }


def _changes(version: Version) -> Iterator[Row]:
    sample = read_json(version.path / "changes.json").get("sample", {})
    key = version.record["definition"]["key"]
    for kind, rows in sample.items():
        for row in rows:
            changed = kind == "changed"
            yield {
                "slug": version.slug,
                "version": version.number,
                "kind": kind,
                "key": _json(row["key"] if changed else {name: row[name] for name in key}),
                "before": _json(row["before"] if changed else row if kind == "removed" else None),
                "after": _json(row["after"] if changed else row if kind == "added" else None),
            }


def _corrections(version: Version) -> Iterator[Row]:
    for correction in version.record["definition"]["corrections"]:
        yield {
            "slug": version.slug,
            "where": correction["where"],
            "set": _json(correction["set"]),
            **_texts("reason", correction["reason"]),
            "reported": correction["reported"],
        }
