"""One statement in a process of its own: locked in, looked at, run, written; then the end."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import time
from dataclasses import dataclass
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from moulouya import serving
from moulouya.duck import identifier, literal
from moulouya.errors import did_you_mean
from moulouya.portal.query import gate, writing
from moulouya.portal.query.frames import Cut, Fault, Out, Trouble
from moulouya.sandbox import lockdown

DUCKDB, SYSTEM = "duckdb", "system"
LAYERS = (DUCKDB, SYSTEM)
GIVES_UP_AFTER = 0.25
# Of its time: rows that come later are left out, so that the answer has its end.
LAST_ROWS_AT = 0.85
STRUCTURED = re.compile(r"\{\"exception_type\".*\}", re.DOTALL)
PATHS = re.compile(r"(?:/[\w.@+-]+){2,}")
MISSING_TABLE = re.compile(r"Table with name \"?([^\s\"]+)\"? does not exist")
CAST_IT = "cast the column to VARCHAR, or ask for JSON"


@dataclass(frozen=True)
class Job:
    """What the portal asks of a worker; ``tables`` are theme, slug and file."""

    sql: str
    parameters: list[Any] | dict[str, Any]
    format: str
    shape: str
    explain: bool
    rows: int
    bytes: int
    seconds: float
    memory: int
    release: int
    tables: list[tuple[str, str, str]]
    layers: list[str]


def work(con: duckdb.DuckDBPyConnection, job: Job, channel: int) -> None:
    """Do the job; everything that goes wrong is told through the channel."""
    out = Out(channel)
    until = time.monotonic() + job.seconds * LAST_ROWS_AT
    limit(job)
    try:
        attach(con, job.tables)
        lock_in(con, job.layers)
        cut, rows = answer(con, job, out, until)
    except Exception as error:  # noqa: BLE001  the boundary: what is wrong is told in a frame
        out.trouble(described(con, error, job))
        return
    out.end(cut, rows)


def limit(job: Job) -> None:
    """Bounds of this process that hold when nobody watches it: memory, CPU, time."""
    lockdown.limit(memory=job.memory, cpu_seconds=int(job.seconds) + 2, file_bytes=0)
    private = job.memory * 3 + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (private, private))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, job.seconds + GIVES_UP_AFTER)


def attach(con: duckdb.DuckDBPyConnection, tables: list[tuple[str, str, str]]) -> None:
    """Open the tables that are named, under their names; their files stay open from here on."""
    for theme, slug, path in tables:
        file = identifier(serving.file_name(slug))
        con.execute(f"ATTACH {literal(path)} AS {file} (READ_ONLY)")
        con.execute(
            f"CREATE SCHEMA IF NOT EXISTS {identifier(theme)}; "
            f"CREATE VIEW {identifier(theme)}.{identifier(slug)} AS "
            f"FROM {file}.main.{identifier(slug)}"
        )
    searched = ["main", *sorted({theme for theme, _, _ in tables}), "catalogue"]
    con.execute(f"SET search_path = {literal(','.join(map(identifier, searched)))}")


def lock_in(con: duckdb.DuckDBPyConnection, layers: list[str]) -> None:
    """Give up everything, by each layer; that one can be left out is for its tests alone."""
    if DUCKDB in layers:
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
    if SYSTEM in layers:
        lockdown.seal()


def answer(con: duckdb.DuckDBPyConnection, job: Job, out: Out, until: float) -> tuple[Cut, int]:
    """Run the statement and write what it gives, until shortly before its time is over."""
    text, explains = job.sql, False
    if DUCKDB in job.layers:
        allowed = gate.admit(con, text)
        text, explains = allowed.text, allowed.explains
    if job.explain:
        return _estimate(con, text, explains, job, out)
    result = con.execute(text, job.parameters or None)
    asked = writing.Asked(job.format, job.shape, job.rows, job.bytes, job.release, until)
    return writing.write(result, asked, out)


def _estimate(
    con: duckdb.DuckDBPyConnection, text: str, explains: bool, job: Job, out: Out
) -> tuple[Cut, int]:
    """The plan of the statement and what it is likely to cost, without running it."""
    if explains:
        raise gate.NotAllowed("EXPLAIN cannot be explained", hint="leave the word out")
    row = con.execute(f"EXPLAIN (FORMAT json) {text}", job.parameters or None).fetchone()
    plan = json.loads(row[1]) if row else []
    read, through, tables = 0, 0, set()
    waiting = list(plan)
    while waiting:
        one = waiting.pop()
        waiting.extend(one.get("children", []))
        details = one.get("extra_info", {})
        rows = int(str(details.get("Estimated Cardinality", 0)) or 0)
        through += rows
        if "Table" in details:
            read += rows
            tables.add(str(details["Table"]).rpartition(".")[2])
    rows = int(plan[0].get("extra_info", {}).get("Estimated Cardinality", 0)) if plan else 0
    told = {
        "release": job.release,
        "estimate": {"rows_read": read, "rows_handled": through, "rows_returned": rows},
        "tables": sorted(tables),
        "plan": plan,
    }
    out.write(orjson.dumps(told) + b"\n")
    return Cut.NOT, 1


def described(con: duckdb.DuckDBPyConnection, error: Exception, job: Job) -> Trouble:
    """What went wrong, where, and what to do about it."""
    if isinstance(error, gate.NotAllowed):
        return Trouble(Fault.REFUSED, *place(job.sql, error.at), error.message, error.hint)
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException | pa.ArrowMemoryError):
        return Trouble(
            Fault.MEMORY, 0, 0, "this statement needs more memory than there is for one",
            "read fewer rows or columns, or aggregate before you join or sort",
        )  # fmt: skip
    if isinstance(error, writing.LargeRow):
        return Trouble(
            Fault.LARGE_ROW, 0, 0, f"a single row is larger than {job.bytes} bytes",
            "leave out the column that is so large, or take a part of it",
        )  # fmt: skip
    if isinstance(error, duckdb.Error):
        return _engine(con, error, job)
    if isinstance(error, pa.ArrowException | duckdb.NotImplementedException):
        told = without_paths(str(error)).splitlines()[0]
        return Trouble(Fault.FORMAT, 0, 0, f"{job.format} has no such type: {told}", CAST_IT)
    if isinstance(error, UnicodeError | ValueError | RuntimeError | RecursionError):
        return Trouble(Fault.SQL, 0, 0, f"it cannot be read: {without_paths(str(error))}", "")
    return Trouble(Fault.SQL, 0, 0, f"it failed: {type(error).__name__}", "")


def _engine(con: duckdb.DuckDBPyConnection, error: duckdb.Error, job: Job) -> Trouble:
    """DuckDB tells its errors as JSON here: the message, the place, and what was meant."""
    found = STRUCTURED.search(str(error))
    try:
        told = json.loads(found[0]) if found else {}
    except ValueError:
        told = {}
    message = without_paths(str(told.get("exception_message") or error).partition("\nLINE ")[0])
    if "emory" in message and isinstance(error, duckdb.FatalException | duckdb.InternalException):
        return Trouble(Fault.MEMORY, 0, 0, "this statement needs too much memory", "")
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return Trouble(Fault.SQL, 0, 0, "the engine cannot handle this statement", "")
    at = told.get("position")
    message, _, hint = message.partition("\n")
    if isinstance(error, duckdb.PermissionException):
        return Trouble(Fault.REFUSED, *_at(job, at), message, gate.READS_FILES)
    if missing := MISSING_TABLE.search(message):
        hint = _other_table(con, missing[1]) or hint
    elif "extension" in message:
        hint = "only what DuckDB has built in is here"
    values = isinstance(error, duckdb.InvalidInputException) and "arameter" in message
    fault = Fault.PARAMETERS if values else Fault.SQL
    return Trouble(fault, *_at(job, at), message, " ".join(hint.split()))


def _other_table(con: duckdb.DuckDBPyConnection, name: str) -> str:
    """Which table of the catalogue was meant."""
    try:
        rows = con.execute("SELECT theme, slug FROM catalogue.datasets").fetchall()
    except duckdb.Error:
        return ""
    known = {slug: f"{theme}.{slug}" for theme, slug in rows}
    word = name.rpartition(".")[2].lower()
    if word in known:
        return f"it is {known[word]}"
    meant = (
        did_you_mean(word if len(word) > 2 else "", known)
        .removeprefix("; did you mean ")
        .strip("?'")
    )
    return f"did you mean {known[meant]}?" if meant in known else gate.CATALOGUE_HAS_THEM


def _at(job: Job, position: Any) -> tuple[int, int]:
    return place(job.sql, int(position) if str(position).isdigit() else None)


def place(text: str, at: int | None) -> tuple[int, int]:
    """Line and column (in characters, from 1) of a place in the bytes of a text; 0, 0 for none."""
    if at is None or at > len(text.encode(errors="replace")):
        return 0, 0
    before = text.encode(errors="replace")[:at].decode(errors="replace")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def without_paths(message: str) -> str:
    """A message without the places of this machine."""
    return PATHS.sub("…", message)


def main(con: duckdb.DuckDBPyConnection, told: bytes, channel: int) -> None:
    """In the forked child: the job as the portal sent it; does not return."""
    code = 70
    try:
        work(con, Job(**json.loads(told)), channel)
        code = 0
    finally:
        os._exit(code)
