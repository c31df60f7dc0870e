"""Datasette, roapi and datap-rs for ``records_api``, each installed into an environment of its own.

Datasette serves a SQLite file, opened as immutable, by one process: without indexes, as a file
comes, and with one on each filtered column, as its page on facets advises, and ``ANALYZE``. Its
time limit is raised from 1 to 20 s; what takes longer is an error, and told as one. ``_nocount``,
``_nofacet`` and ``_nosuggest`` leave out what nobody asks for here: the exact total alone costs it
more than the rows. It pages by the last row seen instead of an offset, which is cheaper, and
answers in order of the key. SQLite knows neither dates nor truth values: texts and 0 or 1 come out.

roapi and datap-rs, both on DataFusion, hold the table in memory, use every processor, and answer
without an order. datap-rs indexes texts, truth values and whole numbers of few values by itself,
and asks the index where every condition is an equality: so are all of ``F``.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import duckdb

from benchmarks import records_questions as questions
from benchmarks.asking import Question, Server, running, until_answered

DATASETTE = "datasette==0.65.5"
ROAPI = "roapi==0.12.7"
DATAP = "datap-rs==0.8.6"
# The harness leaves the memory to those that are measured.
MEMORY = {"memory_limit": "400MB"}
UV = Path(sys.executable).with_name("uv")


@contextlib.contextmanager
def datasette(folder: Path, parquet: Path, patience: float) -> Iterator[Server]:
    """Datasette over a SQLite file without indexes but for the key."""
    if not (folder / "obs.sqlite").exists():
        into_sqlite(folder / "obs.sqlite", parquet)
    with serving_sqlite(folder, "datasette", patience) as server:
        yield server


@contextlib.contextmanager
def datasette_indexed(folder: Path, parquet: Path, patience: float) -> Iterator[Server]:
    """Datasette over the same file with an index on each column that is filtered."""
    if not (folder / "obs.sqlite").exists():
        into_sqlite(folder / "obs.sqlite", parquet)
    with contextlib.closing(sqlite3.connect(folder / "obs.sqlite")) as con:
        con.execute("CREATE INDEX IF NOT EXISTS by_commune ON observations (commune)")
        con.execute("CREATE INDEX IF NOT EXISTS by_indicator ON observations (indicator)")
        con.execute("ANALYZE")
        con.commit()
    with serving_sqlite(folder, "datasette, indexes", patience) as server:
        yield server


def into_sqlite(file: Path, parquet: Path) -> None:
    """The table as SQLite has it, some thousand rows at a time."""
    kinds = {"integer": "INTEGER", "number": "REAL", "boolean": "INTEGER"}
    columns = [f"{name} {kinds.get(kind, 'TEXT')}" for name, kind in questions.TYPES.items()]
    columns[0] += " PRIMARY KEY"
    marks = ",".join("?" * len(columns))
    with contextlib.closing(sqlite3.connect(file)) as con, duckdb.connect(config=MEMORY) as source:
        con.execute("PRAGMA synchronous = OFF")
        con.execute(f"CREATE TABLE observations ({', '.join(columns)})")
        rows = source.execute(
            "SELECT * REPLACE (estimated::INTEGER AS estimated, day::VARCHAR AS day) "
            "FROM read_parquet(?)", [str(parquet)],
        )  # fmt: skip
        while some := rows.fetchmany(20_000):
            con.executemany(f"INSERT INTO observations VALUES ({marks})", some)
        con.commit()


@contextlib.contextmanager
def serving_sqlite(folder: Path, name: str, patience: float) -> Iterator[Server]:
    """Datasette over the file as it is now."""
    bare = {"_shape": "objects", "_nocount": 1, "_nofacet": 1, "_nosuggest": 1}

    def rows(limit: int, after: int, **where: str) -> Question:
        paged = {"_next": after} if after > 0 else {}
        query = urlencode({**where, "_size": limit, **paged, **bare})
        return "GET", f"/obs/observations.json?{query}", b""

    def narrow(number: int) -> Question:
        asked = questions.narrow(number)
        return rows(asked.limit, 0, commune=asked.commune, indicator=asked.indicator)

    def page(number: int) -> Question:
        asked = questions.page(number)
        return rows(asked.limit, asked.offset - 1)

    def groups(number: int) -> Question:
        sql = questions.groups(number).sql("observations")
        return "GET", f"/obs.json?{urlencode({'sql': sql, '_shape': 'objects'})}", b""

    port, log = free_port(), folder / "datasette.log"
    command = [str(installed(folder, DATASETTE) / "datasette"), "serve",
               "-i", str(folder / "obs.sqlite"), "--port", str(port), "--setting",
               "sql_time_limit_ms", "20000", "--setting", "max_returned_rows", "1000"]  # fmt: skip
    with running(command, log) as process:
        until_answered(process, port, page(1), log, patience)
        asks = {"F": narrow, "P": page, "G": groups}
        yield Server(name, port, (process.pid,), asks, lambda told: told["rows"])


@contextlib.contextmanager
def roapi(folder: Path, parquet: Path, patience: float) -> Iterator[Server]:
    """roapi; filters by its REST address, the rest by SQL: that address ignores an offset."""

    def narrow(number: int) -> Question:
        asked = questions.narrow(number)
        query = urlencode({
            "filter[commune]": f"'{asked.commune}'", "filter[indicator]": f"'{asked.indicator}'",
            "limit": asked.limit,
        })  # fmt: skip
        return "GET", f"/api/tables/obs?{query}", b""

    def page(number: int) -> Question:
        asked = questions.page(number)
        sql = f"SELECT * FROM obs LIMIT {asked.limit} OFFSET {asked.offset}"
        return "POST", "/api/sql", sql.encode()

    def groups(number: int) -> Question:
        return "POST", "/api/sql", questions.groups(number).sql("obs").encode()

    port, log = free_port(), folder / "roapi.log"
    command = [str(installed(folder, ROAPI) / "roapi"), "-a", f"127.0.0.1:{port}",
               "-p", f"127.0.0.1:{free_port()}", "--addr-flight-sql", f"127.0.0.1:{free_port()}",
               "-t", f"obs={parquet}"]  # fmt: skip
    with running(command, log) as process:
        until_answered(process, port, page(1), log, patience)
        asks = {"F": narrow, "P": page, "G": groups}
        yield Server("roapi", port, (process.pid,), asks, lambda told: told)


@contextlib.contextmanager
def datap(folder: Path, parquet: Path, patience: float) -> Iterator[Server]:
    """datap-rs as its own examples start it, but with DataFusion, for its DuckDB lacks Parquet."""

    def query(**asked: object) -> Question:
        return "POST", "/api/v1/datasets/obs/query", json.dumps(asked).encode()

    def equal(column: str, value: str) -> dict[str, str]:
        return {"col": column, "op": "eq", "val": value}

    def narrow(number: int) -> Question:
        asked = questions.narrow(number)
        where = [equal("commune", asked.commune), equal("indicator", asked.indicator)]
        return query(predicates=where, page=1, page_size=asked.limit)

    def page(number: int) -> Question:
        asked = questions.page(number)
        return query(page=1 + asked.page, page_size=asked.limit)

    def groups(number: int) -> Question:
        asked = questions.groups(number)
        return query(
            predicates=[equal("indicator", asked.indicator)], group_by=["commune"],
            aggregations=[{"col": "value", "op": "sum", "alias": asked.name}],
        )  # fmt: skip

    port, log = free_port(), folder / "datap.log"
    program = (
        "import asyncio\n"
        "from datap_rs.datapress import DataPress, DataPressConfig, DatasetConfig\n"
        "async def main():\n"
        f"    one = DatasetConfig(name='obs', source={str(parquet)!r}, format='parquet')\n"
        f"    cfg = DataPressConfig(backend='datafusion', listen='127.0.0.1', port={port})\n"
        "    await DataPress(cfg, datasets=[one]).run()\n"
        "asyncio.run(main())\n"
    )
    with running([str(installed(folder, DATAP) / "python"), "-c", program], log) as process:
        until_answered(process, port, page(1), log, patience)
        asks = {"F": narrow, "P": page, "G": groups}
        yield Server("datap-rs", port, (process.pid,), asks,
                     lambda told: told["data"] if isinstance(told, dict) else told)  # fmt: skip


def installed(folder: Path, *wanted: str) -> Path:
    """The folder of the programs of a peer, installed where it disturbs nobody.

    CalledProcessError where that fails; what uv says goes to the standard error.
    """
    home = folder / wanted[0].partition("=")[0].partition("[")[0]
    if not (home / "whole").exists():
        subprocess.run([UV, "venv", "-q", "--clear", "--python", sys.executable, home], check=True)
        python = home / "bin" / "python"
        subprocess.run([UV, "pip", "install", "-q", "--python", python, *wanted], check=True)
        (home / "whole").touch()
    return home / "bin"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
