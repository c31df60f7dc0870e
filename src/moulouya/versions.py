"""Dataset versions: a published table with everything that explains it, immutable."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from moulouya import changes, duck, released, standalone
from moulouya.duck import identifier, literal, one_row
from moulouya.errors import Conflict
from moulouya.ledger import now, stamp
from moulouya.provenance import Provenance, environment
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.storage.crashpoints import reached
from moulouya.storage.files import (
    canonical_json,
    finished,
    read_bytes,
    read_json,
    sha256_of,
    there,
    told_plainly,
    write_file,
)
from moulouya.storage.lake import Lake
from moulouya.withdrawals import Withdrawal, newest_left
from moulouya.workspace import Dataset

MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv.gz": "application/gzip",
    ".duckdb": "application/vnd.duckdb",
    ".json": "application/json",
}
PUBLIC_RECORDS = ("validation.json", "changes.json", "profile.json", "drift.json", "privacy.json")
RECIPE = "recipe.json"
LIBRARIES = ("moulouya", "duckdb", "great_expectations", "pandas", "pyarrow", "shapely", "pyproj")


@dataclass(frozen=True)
class Version:
    """One committed version of a dataset: its number, directory and version.json."""

    slug: str
    number: int
    path: Path
    record: dict[str, Any]
    lake: Lake = field(repr=False, compare=False)

    @property
    def table(self) -> Path:
        """The published Parquet file, on this host and whole."""
        return self.local(f"{self.slug}.parquet")

    def local(self, name: str) -> Path:
        """One of its files, on this host and whole; LakeError when it is damaged or not there."""
        path = self.path / name
        recorded = next((file for file in self.record["files"] if file["name"] == name), None)
        return self.lake.sound(path, recorded) if recorded else self.lake.local(path)


def read(lake: Lake, slug: str, number: int) -> Version:
    """One version by its number."""
    path = lake.version(slug, number)
    record = read_json(lake.local(path / "version.json"))
    return Version(slug, number, path, record, lake)


def identity(version: Version) -> dict[str, Any]:
    """A version as another one's provenance names it: by number and the hash of its record."""
    return {
        "version": version.number,
        "version_sha256": sha256_of(version.local("version.json")),
    }


def latest(lake: Lake, slug: str) -> Version | None:
    """The newest version of a dataset, or None before the first."""
    number = lake.latest(lake.versions(slug))
    return None if number is None else read(lake, slug, number)


def standing(
    lake: Lake, slug: str, gone: Mapping[str, frozenset[int]] | None = None
) -> Version | None:
    """The newest version that nobody withdrew and that has not expired, or None.

    This is what a release shows, what other datasets read, and what a new delivery is compared
    with; its number need not be the highest. Who asks about many datasets passes ``gone``, what is
    published no longer by dataset.
    """
    if gone is None:
        gone = released.gone(lake).by_slug()
    left = newest_left({slug: lake.numbers(lake.versions(slug))}, gone)
    return read(lake, slug, left[slug]) if left else None


def withdrawn(lake: Lake, slug: str) -> list[tuple[Version, Withdrawal]]:
    """The versions of a dataset that a person took back, newest first."""
    taken_back = [one for one in released.gone(lake).withdrawals if one.slug == slug]
    return [
        (read(lake, slug, one.version), one)
        for one in sorted(taken_back, key=lambda one: one.version, reverse=True)
    ]


def next_number(lake: Lake, slug: str) -> int:
    """The number of the next version: one more than was ever given."""
    return lake.free(lake.versions(slug))


def of_run(lake: Lake, slug: str, run_id: str) -> Version | None:
    """The version that a run committed, if it did: a run id commits once.

    Every version is looked at, since newer ones may have come since; only one that has the id
    somewhere in its text is parsed.
    """
    text = json.dumps(run_id, ensure_ascii=False).encode()
    for number in reversed(lake.numbers(lake.versions(slug))):
        if text in read_bytes(lake.local(lake.version(slug, number) / "version.json")):
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
        if not there(target):
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
    number: int | None = None,
    restated: bool = False,
    decision: dict[str, str] | None = None,
    provenance: Provenance | None = None,
) -> None:
    """Write the downloads and records of a version beside its table.

    It takes ``number``, or the one after the version before: they differ once a version was
    withdrawn. Only what has its ``provenance`` can be reproduced.
    """
    dataset, folder = draft.dataset, draft.folder
    with told_plainly(f"preparing {dataset.slug}"):
        columns, content_hash = _write_downloads(draft, settings)
        validation = canonical_json(draft.validation)
        write_file(folder / "validation.json", validation)
        number = number or (previous.number + 1 if previous else 1)
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
        libraries = (provenance.environment if provenance else environment())["libraries"]
        record = {
            "format": 1,
            "slug": dataset.slug,
            "theme": dataset.theme,
            "version": number,
            "created": provenance.created if provenance else stamp(now()),
            "run_id": run_id,
            "interval": {"start": stamp(interval[0]), "end": stamp(interval[1])}
            if interval
            else None,
            "restated": restated,
            "outcome": "published",
            "rows": draft.rows,
            "rejected": rejected,
            **described(dataset, region),
            "columns": columns,
            "files": [
                _described(path)
                for path in finished(folder)
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
            "libraries": {name: libraries[name] for name in LIBRARIES},
            "provenance": provenance.to_json(
                previous=identity(previous) if previous else None, validation=validation
            )
            if provenance
            else None,
        }
        if provenance is not None:
            write_file(folder / RECIPE, provenance.recipe.record)
        write_file(folder / "version.json", canonical_json(record))


def commit(lake: Lake, slug: str, folder: Path) -> Version:
    """Give a finished draft the number that its record says.

    Raises Conflict when another host has given it to another one since ``prepare``.
    """
    number = read_json(folder / "version.json")["version"]
    reached("after_stage_write")
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
    definition, spill = draft.dataset.definition, folder.parent / "spill"
    database = folder / f"{slug}.duckdb"
    standalone.write(table, database, slug, definition, settings=settings, spill=spill)
    with duck.connect(
        memory_limit=settings.memory_limit, threads=settings.threads, spill=spill
    ) as con:
        con.execute(f"CREATE VIEW published AS FROM read_parquet({literal(str(table))})")
        columns = definition.columns
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
        if there(rejected):
            con.execute(
                f"COPY (FROM read_parquet({literal(str(rejected))})) "
                f"TO {literal(str(folder / 'rejected.csv.gz'))} "
                "(FORMAT csv, HEADER, COMPRESSION gzip)"
            )
        return _profile(con, draft.dataset), _content_hash(con)


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
