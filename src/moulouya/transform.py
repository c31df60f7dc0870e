"""Transform: a dataset's SQL or Python turns its inputs into the published table."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import duckdb

from moulouya import duck, tables
from moulouya.definition import Column
from moulouya.duck import identifier, literal
from moulouya.errors import TransformError, did_you_mean
from moulouya.region import Region
from moulouya.repeatable import threads_for
from moulouya.settings import Settings
from moulouya.storage.files import told_plainly
from moulouya.workspace import Dataset

if TYPE_CHECKING:
    import pandas as pd

_WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
)


def transform(
    dataset: Dataset,
    inputs: dict[str, Path],
    target: Path,
    *,
    region: Region,
    themes: dict[str, str],
    settings: Settings,
) -> int:
    """Write the published table to ``target`` and return its rows.

    ``inputs`` maps table names (``staged`` and slugs) to Parquet files; ``themes`` a slug to its
    theme, under which SQL may also name it. Raises TransformError when the code fails or its
    columns are not those of the contract.
    """
    assert dataset.transform is not None, "a dataset without a transform is published as staged"
    with told_plainly(f"transforming {dataset.slug}"):
        target.parent.mkdir(parents=True, exist_ok=True)
    with duck.connect(
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        spill=target.parent / "spill",
    ) as con:
        _open_inputs(con, inputs, themes)
        _set_variables(con, region)
        try:
            if dataset.transform.suffix == ".py":
                query = _run_python(con, dataset.transform, inputs)
            else:
                query = dataset.transform.read_text(encoding="utf-8").strip().rstrip(";")
                con.execute(f"SET threads = {threads_for(con, query, settings.threads)}")
            _check_columns(con, query, dataset)
            return tables.write_published(con, query, dataset, target)
        except (duckdb.OutOfMemoryException, duckdb.IOException):
            raise
        except duckdb.Error as error:
            raise TransformError(
                f"{dataset.transform.name}: {str(error).strip()}",
                hint="moulouya sql runs a query on the published datasets",
            ) from error


def _open_inputs(
    con: duckdb.DuckDBPyConnection, inputs: dict[str, Path], themes: dict[str, str]
) -> None:
    for name, path in inputs.items():
        relation = f"SELECT * FROM read_parquet({literal(str(path))})"
        con.execute(f"CREATE VIEW {identifier(name)} AS {relation}")
        if name in themes:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(themes[name])}")
            con.execute(f"CREATE VIEW {identifier(themes[name])}.{identifier(name)} AS {relation}")


def _set_variables(con: duckdb.DuckDBPyConnection, region: Region) -> None:
    place = region.place
    west, south, east, north = place.bbox
    variables: dict[str, Any] = {
        "region_code": place.code,
        "region_name_ar": place.name.ar,
        "region_name_fr": place.name.fr,
        "region_name_en": place.name.en,
        "region_west": west,
        "region_south": south,
        "region_east": east,
        "region_north": north,
    }
    for name, value in variables.items():
        con.execute(f"SET VARIABLE {name} = {literal(value)}")


def _check_columns(con: duckdb.DuckDBPyConnection, query: str, dataset: Dataset) -> None:
    """Hold the query's columns against the contract before a row is computed."""
    declared = dataset.definition.columns
    made = {row[0]: row[1] for row in con.execute(f"DESCRIBE {query}").fetchall()}
    name = dataset.transform.name if dataset.transform else dataset.slug
    problems = [
        f"does not make the column {column!r}{did_you_mean(column, made)}"
        for column in declared
        if column not in made
    ]
    problems += [
        f"makes {column!r}, which the definition does not declare" + did_you_mean(column, declared)
        for column in made
        if column not in declared
    ]
    problems += [
        f"makes {column!r} as {made[column]}, declared as {contract.type}: cast it in the query"
        for column, contract in declared.items()
        if column in made and _would_lose(made[column], contract)
    ]
    if problems:
        raise TransformError(
            f"{name} " + f"; {name} ".join(problems), hint="every published column is declared once"
        )


def _would_lose(made: str, column: Column) -> bool:
    """Whether the cast to the declared type would round or reinterpret silently."""
    whole = made in _WHOLE or made == "HUGEINT"
    if column.type == "integer":
        return not whole
    if column.type == "number" or column.type.startswith("decimal"):  # its scale is a wish to round
        return not (whole or made in ("DOUBLE", "FLOAT") or made.startswith("DECIMAL"))
    if column.type == "boolean":
        return made != "BOOLEAN"
    if column.type == "datetime":
        return not made.startswith(("TIMESTAMP", "DATE"))
    if column.type == "geometry":
        return not made.startswith("GEOMETRY")
    if column.type in ("text", "json"):
        return made not in ("VARCHAR", "JSON", "UUID") and not made.startswith("ENUM")
    if column.type == "date":
        return made != "DATE"
    return False


def _run_python(con: duckdb.DuckDBPyConnection, path: Path, inputs: dict[str, Path]) -> str:
    """Run ``transform(inputs)`` of a file on pandas frames; returns a query for its result."""
    import pandas as pd
    import pyarrow as pa

    module = _load(path)
    frames = {name: _frame(con, name) for name in inputs}
    try:
        result = module.transform(frames)
    except Exception as error:
        line = next(
            (
                frame.lineno
                for frame in reversed(traceback.extract_tb(error.__traceback__))
                if frame.filename == str(path)
            ),
            1,
        )
        raise TransformError(f"{path.name}:{line}: {type(error).__name__}: {error}") from error
    if not isinstance(result, pd.DataFrame):
        raise TransformError(f"{path.name}: transform() returned {type(result).__name__}",
                             hint="return a pandas DataFrame")  # fmt: skip
    try:
        con.register("result", pa.Table.from_pandas(result, preserve_index=False))
    except pa.ArrowException as error:
        raise TransformError(f"{path.name}: {'; '.join(map(str, error.args))}",
                             hint="give each column values of one type") from error  # fmt: skip
    parts = [
        f"ST_GeomFromWKB({identifier(name)}) AS {identifier(name)}"
        if kind == "BLOB"
        else identifier(name)
        for name, kind, *_ in con.execute("DESCRIBE result").fetchall()
    ]
    return f"SELECT {', '.join(parts)} FROM result"


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"transform_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise TransformError(f"{path.name}: {type(error).__name__}: {error}") from error
    return module


def _frame(con: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    described = con.execute(f"DESCRIBE {identifier(name)}").fetchall()
    geometries = {row[0] for row in described if str(row[1]).startswith("GEOMETRY")}
    parts = [
        f"ST_AsWKB({identifier(row[0])}) AS {identifier(row[0])}"
        if row[0] in geometries
        else identifier(row[0])
        for row in described
    ]
    frame: pd.DataFrame = (
        con.execute(f"SELECT {', '.join(parts)} FROM {identifier(name)}")
        .to_arrow_table()
        .to_pandas()
    )
    return frame
