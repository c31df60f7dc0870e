"""Schema ``catalogue``: what is published about the data, as tables next to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moulouya import release, scoring
from moulouya.errors import LakeError
from moulouya.licences import LICENCES
from moulouya.release import Plan
from moulouya.storage.files import read_json
from moulouya.storage.lake import Lake
from moulouya.versions import Version

Row = dict[str, Any]
Described = dict[str, pa.Table]

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
        "run_id recipe content_hash parquet_url parquet_bytes:int parquet_sha256 decided "
        "decided_by decided_reason"
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
    "withdrawals": "slug version:int withdrawn withdrawn_by withdrawn_reason erased:bool",
    "corrections": "slug where set reason_ar reason_fr reason_en reported",
    "publishers": "publisher name_ar name_fr name_en url contact",
    "licences": "licence title url attribution:bool share_alike:bool",
    "themes": "theme title_ar title_fr title_en eu_theme",
    "units": "unit name_ar name_fr name_en",
}
# Datasets whose rows are in memory at once as Python objects.
BATCH = 500
_TYPES = {"int": pa.int64(), "bool": pa.bool_(), "float": pa.float64(), "": pa.string()}


def file_name(table: str) -> str:
    """The Parquet file of a release that holds a table of the schema."""
    return f"catalogue.{table}.parquet"


def make(plan: Plan) -> Described:
    """The tables of schema ``catalogue``, by name.

    The rows about datasets that did not change come from the tables of the release before, where
    those can be used; the result is the same as if all had been made anew.
    """
    kept = _kept(plan)
    about = sorted(plan.datasets if kept is None else plan.changed)
    batches = [about[start : start + BATCH] for start in range(0, len(about), BATCH)]
    parts = [_said_of(plan, slugs) for slugs in batches] or [_said_of(plan, [])]
    made = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    if kept is not None:
        left = pa.array(sorted(plan.datasets.keys() - set(about)), pa.string())
        for name, table in made.items():
            same = kept[name].filter(pc.is_in(kept[name]["slug"], left))
            made[name] = _in_order(pa.concat_tables([same, table]))
    used = set(pc.unique(made["datasets"]["licence"]).to_pylist())
    made |= {name: _table(name, rows) for name, rows in _rows_about_all(plan, used).items()}
    return {name: made[name] for name in COLUMNS}


def write(described: Described, folder: Path) -> None:
    """Write the tables as Parquet files of the release."""
    for name, table in described.items():
        pq.write_table(table, folder / file_name(name), compression="zstd")


def _kept(plan: Plan) -> Described | None:
    """The tables of the release before, hashes checked; None where they are no start."""
    last = plan.start
    if last is None:
        return None
    found = {}
    for name in COLUMNS:
        path, recorded = last.path / file_name(name), last.recorded(file_name(name))
        if recorded is None:
            return None
        try:
            release.require(plan.lake.local(path), recorded)
        except LakeError:
            return None
        found[name] = pq.read_table(plan.lake.local(path))
        if found[name].schema.names != _schema(name).names:
            return None
    methods = set(found["scores"]["method"].to_pylist())
    return found if methods <= {scoring.METHOD} else None


def _schema(name: str) -> pa.Schema:
    fields = [column.partition(":") for column in COLUMNS[name].split()]
    return pa.schema([pa.field(field[0], _TYPES[field[2]]) for field in fields])


def _table(name: str, rows: list[Row]) -> pa.Table:
    schema = _schema(name)
    columns = [[row.get(field.name) for row in rows] for field in schema]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _in_order(table: pa.Table) -> pa.Table:
    """By slug; the rows of one dataset stay in their order."""
    numbered = table.select(["slug"]).append_column("row", pa.array(range(table.num_rows)))
    order = pc.sort_indices(numbered, sort_keys=[("slug", "ascending"), ("row", "ascending")])
    return table.take(order)


def _said_of(plan: Plan, slugs: list[str]) -> Described:
    """What is said of some datasets, as tables."""
    every = [plan.version(slug) for slug in slugs]
    return {name: _table(name, rows) for name, rows in _rows_about(plan, every).items()}


def _rows_about(plan: Plan, every: list[Version]) -> dict[str, list[Row]]:
    gone = plan.gone.by_slug()
    scored = scoring.last_scores(plan.lake, plan.last, {version.slug for version in every})
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
        "scores": [
            row
            for version in every
            for row in _scores(plan.lake, version, scored, gone.get(version.slug, frozenset()))
        ],
        "drift": [row for version in every for row in _drift(version)],
        "changes": [row for version in every for row in _changes(version)],
        "corrections": [row for version in every for row in _corrections(version)],
    }


def _rows_about_all(plan: Plan, used: set[str]) -> dict[str, list[Row]]:
    """What is said once, whatever the datasets; of licences, those that are used."""
    region = plan.region
    return {
        "withdrawals": [
            {
                **_only(one.to_json(), "slug", "version", "withdrawn"),
                "withdrawn_by": one.by,
                "withdrawn_reason": one.reason,
                "erased": one.erase,
            }
            for one in plan.gone.withdrawals
        ],
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
            if licence.spdx in used
        ],
        "themes": [
            {"theme": key, **_texts("title", one["title"]), "eu_theme": one["eu"]}
            for key, one in region["themes"].items()
        ],
        "units": [{"unit": key, **_texts("name", one)} for key, one in region["units"].items()],
    }  # fmt: skip


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
    parquet = next(file for file in record["files"] if file["name"] == f"{version.slug}.parquet")
    changed = record["changes"] or {}
    decision = record["decision"] or {}
    return {
        **_only(record, "slug", "version", "rows", "rejected", "run_id", "recipe", "content_hash"),
        "published": record["created"],
        **{kind: changed.get(kind) for kind in ("added", "removed", "changed")},
        "parquet_url": f"{plan.public_url}/files/{version.slug}/{version.number}/{parquet['name']}",
        "parquet_bytes": parquet["bytes"],
        "parquet_sha256": parquet["sha256"],
        "decided": decision.get("decided"),
        "decided_by": decision.get("by"),
        "decided_reason": decision.get("reason"),
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


def _scores(
    lake: Lake, version: Version, scored: scoring.Scored, gone: frozenset[int]
) -> Iterator[Row]:
    """Every version's, the oldest first; what the last release knows is not worked out again."""
    for number, scores in scoring.history(lake, version, scored):
        if number in gone:
            continue
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
