"""The one place that opens DuckDB connections, so that every one has the same limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from moulouya.errors import LakeError

FAILING = "is the disk full, or failing (dmesg)?"


@contextmanager
def connect(
    database: Path | str = ":memory:",
    *,
    read_only: bool = False,
    memory_limit: str = "700MB",
    threads: int = 2,
    spill: Path | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection that never reaches the network by itself and spills only where told."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": threads,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
    if spill is not None:
        config["temp_directory"] = str(spill)
    con = duckdb.connect(str(database), read_only=read_only, config=config)
    # For the whole instance, as a cursor takes nothing else over.
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    try:
        yield con
    except duckdb.OutOfMemoryException as error:
        raise LakeError(
            f"the memory limit of {memory_limit} was not enough: {error}",
            hint="raise MOULOUYA_MEMORY_LIMIT",
        ) from error
    except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
        # What cannot be synced or opened at the end of a transaction is told as the last two.
        raise LakeError(f"reading or writing failed: {error}", hint=FAILING) from error
    except duckdb.Error as error:
        # What a file system in Python raises has no class of DuckDB's own.
        if type(error) is not duckdb.Error:
            raise
        raise LakeError(f"reading or writing failed: {error}", hint=FAILING) from error
    finally:
        con.close()


def load_extension(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load a signed extension from its wheel (``duckdb-extension-<name>``), without network.

    Raises LakeError when the wheel is not installed.
    """
    package = f"duckdb_extension_{name}"
    try:
        folder = files(package)
    except ModuleNotFoundError as error:
        raise LakeError(
            f"DuckDB extension {name!r} is not installed", hint=f"pip install {package}"
        ) from error
    path = folder / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    con.execute(f"LOAD {literal(str(path))}")


def one_row(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The single row of a query that always has one."""
    row = con.execute(query).fetchone()
    assert row is not None, "an aggregate or a COPY gives one row"
    return row


def literal(value: object) -> str:
    """A value as an SQL literal, for the places where DuckDB takes no parameter."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def columns_of(names: list[str] | tuple[str, ...], prefix: str = "") -> str:
    """A quoted, comma-separated column list."""
    return ", ".join(prefix + identifier(name) for name in names)
