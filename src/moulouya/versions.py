"""Dataset versions: a published table with everything that explains it, immutable."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import duckdb

from moulouya import __version__, changes, duck
from moulouya.duck import identifier, literal, one_row
from moulouya.errors import Conflict
from moulouya.ledger import now, stamp
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.storage.files import canonical_json, read_json, sha256_of, told_plainly, write_file
from moulouya.storage.lake import Lake
from moulouya.workspace import Dataset

MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv.gz": "application/gzip",
    ".duckdb": "application/vnd.duckdb",
    ".json": "application/json",
}
PUBLIC_RECORDS = ("validation.json", "changes.json", "profile.json", "drift.json", "privacy.json")
LIBRARIES = ("duckdb", "great_expectations", "pandas", "pyarrow", "shapely", "pyproj")


@dataclass(frozen=True)
class Version:
    """One committed version of a dataset: its number, directory and version.json."""

    slug: str
    number: int
    path: Path
    record: dict[str, Any]

    @property
    def table(self) -> Path:
        """The published Parquet file."""
        return self.path / f"{self.slug}.parquet"


def read(lake: Lake, slug: str, number: int) -> Version:
    """One version by its number."""
    path = lake.version(slug, number)
    return Version(slug, number, path, read_json(path / "version.json"))


def latest(lake: Lake, slug: str) -> Version | None:
    """The newest version of a dataset, or None before the first."""
    number = lake.latest(lake.versions(slug))
    return None if number is None else read(lake, slug, number)


def of_run(lake: Lake, slug: str, run_id: str) -> Version | None:
    """The version that a run committed, if it did: a run id commits once."""
    for number in reversed(lake.numbers(lake.versions(slug))):
        version = read(lake, slug, number)
        if version.record["run_id"] == run_id:
            return version
    return None


@dataclass(frozen=True)
class Draft:
    """A version while it is prepared in ``folder``; nothing outside sees it."""

    dataset: Dataset
    folder: Path
    rows: int
    validation: dict[str, Any]
    changes: changes.Changes | None


def prepare(
    dataset: Dataset,
    table: Path,
    folder: Path,
    *,
    region: Region,
    validation: dict[str, Any],
    previous: Version | None,
    settings: Settings,
) -> Draft:
    """Put a validated table into ``folder`` and compare it with the version before.

    The expectations that were checked count as metadata: a new one is news to the reader.
    """
    with told_plainly(f"preparing {dataset.slug}"):
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{dataset.slug}.parquet"
        if not target.exists():
            table.rename(target)
    compared = None
    if previous is not None:
        compared = changes.compare(
            previous.table,
            target,
            dataset.definition.key,
            metadata=(
                _metadata(previous.record, read_json(previous.path / "validation.json")),
                _metadata(described(dataset, region), validation),
            ),
            settings=settings,
            spill=folder.parent / "spill",
        )
    with duck.connect() as con:
        (rows,) = one_row(con, f"SELECT count(*) FROM read_parquet({literal(str(target))})")
    return Draft(dataset, folder, rows, validation, compared)


def described(dataset: Dataset, region: Region) -> dict[str, Any]:
    """The contract as a version carries it: definition, licence and publisher."""
    return {
        "definition": dataset.definition.model_dump(mode="json", by_alias=True),
        "licence": asdict(dataset.licence),
        "publisher": region.publishers[dataset.definition.publisher].model_dump(mode="json"),
    }


def _metadata(record: dict[str, Any], validation: dict[str, Any]) -> dict[str, Any]:
    asked = ("moment", "type", "column", "kwargs", "severity")
    checks = [{name: check[name] for name in asked} for check in validation["checks"]]
    return {
        **record["definition"],
        "licence": record["licence"],
        "publisher": record["publisher"],
        "expectations": json.loads(canonical_json(checks)),
    }


def finish(
    draft: Draft,
    *,
    run_id: str,
    interval: tuple[dt.datetime, dt.datetime] | None,
    region: Region,
    snapshots: list[dict[str, Any]],
    inputs: Mapping[str, int],
    rejected: int,
    previous: Version | None,
    settings: Settings,
    decision: dict[str, str] | None = None,
) -> None:
    """Write the downloads and records of a version beside its table."""
    dataset, folder = draft.dataset, draft.folder
    with told_plainly(f"preparing {dataset.slug}"):
        columns, content_hash = _write_downloads(draft, settings)
        write_file(folder / "validation.json", canonical_json(draft.validation))
        number = previous.number + 1 if previous else 1
        compared = draft.changes
        write_file(
            folder / "changes.json",
            canonical_json(
                {
                    "format": 1,
                    "from": previous.number if previous else None,
                    "to": number,
                    **(compared.to_json() if compared else {"rows": {"added": draft.rows}}),
                }
            ),
        )
        checks = draft.validation["checks"]
        record = {
            "format": 1,
            "slug": dataset.slug,
            "theme": dataset.theme,
            "version": number,
            "created": stamp(now()),
            "run_id": run_id,
            "interval": {"start": stamp(interval[0]), "end": stamp(interval[1])}
            if interval
            else None,
            "outcome": "published",
            "rows": draft.rows,
            "rejected": rejected,
            **described(dataset, region),
            "columns": columns,
            "files": [
                _described(path)
                for path in sorted(folder.iterdir())
                if path.suffix != ".json" or path.name in PUBLIC_RECORDS
            ],
            "snapshots": snapshots,
            "inputs": dict(inputs),
            "recipe": dataset.recipe,
            "content_hash": content_hash,
            "previous": previous.number if previous else None,
            "validation": {
                "success": draft.validation["success"],
                "checks": len(checks),
                "failed": sum(not check["success"] for check in checks),
                "warnings": sum(
                    not check["success"] and check["severity"] != "critical" for check in checks
                ),
            },
            "changes": compared.rows if compared else None,
            "decision": decision,
            "libraries": {
                "moulouya": __version__,
                **{name: library_version(name) for name in LIBRARIES},
            },
        }
        write_file(folder / "version.json", canonical_json(record))


def commit(lake: Lake, slug: str, folder: Path) -> Version:
    """Give a finished draft the number that its record says.

    Raises Conflict when another host has given it to another one since ``prepare``.
    """
    number = read_json(folder / "version.json")["version"]
    if not lake.commit(folder, lake.version(slug, number), "version.json"):
        raise Conflict(f"version {number} of {slug} was published meanwhile",
                       hint=f"moulouya run {slug}")  # fmt: skip
    return read(lake, slug, number)


def _write_downloads(draft: Draft, settings: Settings) -> tuple[list[dict[str, Any]], str]:
    """Write csv.gz and the self-contained DuckDB file; return column profiles and a row hash.

    The rows that were left out, where there are any, are written as text too.
    """
    slug, folder = draft.dataset.slug, draft.folder
    table = folder / f"{slug}.parquet"
    database = folder / f"{slug}.duckdb"
    database.unlink(missing_ok=True)
    with duck.connect(
        memory_limit=settings.memory_limit, threads=settings.threads, spill=folder.parent / "spill"
    ) as con:
        con.execute(f"CREATE VIEW published AS FROM read_parquet({literal(str(table))})")
        columns = draft.dataset.definition.columns
        flat = ", ".join(
            f"ST_AsText({identifier(name)}) AS {identifier(name)}"
            if column.type == "geometry"
            else identifier(name)
            for name, column in columns.items()
        )
        con.execute(
            f"COPY (SELECT {flat} FROM published) TO {literal(str(folder / f'{slug}.csv.gz'))} "
            "(FORMAT csv, HEADER, COMPRESSION gzip)"
        )
        rejected = folder / "rejected.parquet"
        if rejected.exists():
            con.execute(
                f"COPY (FROM read_parquet({literal(str(rejected))})) "
                f"TO {literal(str(folder / 'rejected.csv.gz'))} "
                "(FORMAT csv, HEADER, COMPRESSION gzip)"
            )
        con.execute(f"ATTACH {literal(str(database))} AS target (STORAGE_VERSION 'v1.0.0')")
        copy_table(con, "published", f"target.{identifier(slug)}", draft.dataset.definition)
        con.execute("DETACH target")
        return _profile(con, draft.dataset), _content_hash(con)


def copy_table(con: duckdb.DuckDBPyConnection, source: str, target: str, definition: Any) -> None:
    """Copy a published table into a database that clients since DuckDB 1.0 can open.

    Geometry becomes WKB in a BLOB: storage v1.0.0 knows no GEOMETRY. Titles become comments.
    """
    columns = definition.columns
    selected = ", ".join(
        f"ST_AsWKB({identifier(name)}) AS {identifier(name)}"
        if column.type == "geometry"
        else identifier(name)
        for name, column in columns.items()
    )
    con.execute(f"CREATE TABLE {target} AS SELECT {selected} FROM {source}")
    con.execute(f"COMMENT ON TABLE {target} IS {literal(definition.title.en)}")
    for name, column in columns.items():
        comment = f"{column.title.en}: {column.description.en}"
        if column.type == "geometry":
            comment += " (WKB, OGC:CRS84)"
        con.execute(f"COMMENT ON COLUMN {target}.{identifier(name)} IS {literal(comment)}")


def _profile(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> list[dict[str, Any]]:
    """Nulls, approximate distinct values, lowest and highest value of each column."""
    parts = []
    for name, column in dataset.definition.columns.items():
        quoted = identifier(name)
        ordered = column.type not in ("geometry", "json", "boolean")
        parts += [
            f"count(*) - count({quoted})",
            "NULL" if column.type == "geometry" else f"approx_count_distinct({quoted})",
            f"CAST(min({quoted}) AS VARCHAR)" if ordered else "NULL",
            f"CAST(max({quoted}) AS VARCHAR)" if ordered else "NULL",
        ]
    row = one_row(con, f"SELECT {', '.join(parts)} FROM published")
    return [
        {
            "name": name,
            "type": column.type,
            "sql_type": column.sql_type,
            "nulls": row[4 * number],
            "distinct": row[4 * number + 1],
            "min": row[4 * number + 2],
            "max": row[4 * number + 3],
        }
        for number, (name, column) in enumerate(dataset.definition.columns.items())
    ]


def _content_hash(con: duckdb.DuckDBPyConnection) -> str:
    """A hash of the rows that does not depend on their order (nor outlive the engine version)."""
    rows, total = one_row(
        con, "SELECT count(*), CAST(coalesce(sum(hash(published)), 0) AS VARCHAR) FROM published"
    )
    return f"duckdb-{duckdb.__version__}:{rows}:{total}"


def _described(path: Path) -> dict[str, Any]:
    suffix = next((end for end in MEDIA_TYPES if path.name.endswith(end)), "")
    return {
        "name": path.name,
        "media_type": MEDIA_TYPES.get(suffix, "application/octet-stream"),
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
    }
