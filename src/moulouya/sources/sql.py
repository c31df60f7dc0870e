"""The rows of one query to PostgreSQL or MariaDB, from one consistent snapshot, as Parquet.

The same rows in the same order give the same bytes, so that an unchanged table is recognised:
an ORDER BY in the query makes the order one.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy

from moulouya import credentials
from moulouya.credentials import Connection
from moulouya.definition import SqlSource
from moulouya.definition.sources.drops import SQL_TEXTS
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.sql_errors import told_plainly
from moulouya.sources.sql_types import (
    ResultColumn,
    array_of,
    load_exactly,
    mysql_columns,
    postgresql_columns,
)

MEMBER = "rows.parquet"
GRACE = 5.0  # seconds for the server to end a slow query by itself
ROWS = 20_000  # a row group: so many are in memory at once
KINDS = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "mysql": "mariadb",
    "mariadb": "mariadb",
}


def fetch(source: SqlSource, request: Request) -> Delivery:
    """Write the query's rows to one Parquet file, all of one read-only REPEATABLE READ snapshot.

    Raises SourceError: with ``retry`` where the server is away, ends the connection or is too
    slow; without where the query or the login is wrong, a column has no exact form, or the rows
    that came are not as many as the server counts in the same snapshot.
    """
    login = credentials.connection(source.connection)
    kind = KINDS.get(login.kind.partition("+")[0])
    if kind is None:
        raise SourceError(
            f"connection {login.id} is of type {login.kind!r}", hint="one of " + ", ".join(KINDS)
        )
    query = _bindable(source.query)
    parameters = _parameters(query, request)
    path = request.folder / MEMBER
    with told_plainly(login):
        engine = _engine(kind, login, source, request)
        try:
            with (
                engine.connect() as connection,
                _cut_off(connection, kind, source.timeout.total_seconds() + GRACE),
            ):
                _begin(connection, kind, source)
                _copy(connection, kind, query, parameters, path, source, request)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            engine.dispose()
    at = f"{login.host}:{login.port}" if login.port else login.host
    digest = hashlib.sha256(source.query.encode()).hexdigest()
    return Delivery(members=(MEMBER,), url=f"{kind}://{at}/{login.schema}#{digest[:16]}")


def _bindable(query: str) -> str:
    """The statement with colons escaped in its strings and comments, where they bind nothing.

    ``:start::date`` gets parentheses: a name with a colon after it would not be bound.
    """
    literal = SQL_TEXTS.sub(lambda text: text.group().replace(":", r"\:"), query)
    bound = re.sub(r"(?<![:\w\\]):(start|end)(?=::)", r"(:\1)", literal)
    return bound.strip().rstrip("; \t\r\n")


def _statement(query: str) -> sqlalchemy.TextClause:
    made = sqlalchemy.text(query)
    moment = sqlalchemy.DateTime(timezone=True)
    names = made.compile().params
    return made.bindparams(*(sqlalchemy.bindparam(name, type_=moment) for name in names))


def _parameters(query: str, request: Request) -> dict[str, Any]:
    named = _statement(query).compile().params
    if not named:
        return {}
    if request.interval is None:
        raise SourceError(
            "the query asks for :start or :end, and this run has no data interval",
            hint="let its DAG run it, or leave them out of the query",
        )
    start, end = request.interval
    return {name: {"start": start, "end": end}[name] for name in named}


def _engine(kind: str, login: Connection, source: SqlSource, request: Request) -> sqlalchemy.Engine:
    """An engine whose every statement is bounded in time, and which may only read."""
    seconds = source.timeout.total_seconds()
    arguments: dict[str, Any]
    if kind == "postgresql":
        driver = "postgresql+psycopg"
        arguments = {
            "connect_timeout": max(2, int(request.timeout)),
            "application_name": "moulouya",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "options": f"-c statement_timeout={int(seconds * 1000)} -c timezone=UTC "
            "-c default_transaction_read_only=on -c datestyle=ISO -c extra_float_digits=1",
            **{key: login.extra[key] for key in ("sslmode", "sslrootcert") if key in login.extra},
        }
    else:
        from pymysql.converters import encoders

        driver = "mysql+pymysql"
        arguments = {
            "connect_timeout": max(2, int(request.timeout)),
            "read_timeout": max(2, int(seconds + GRACE)),
            "charset": "utf8mb4",
            "conv": dict(encoders),  # and no decoders: values come as the server wrote them
        }
        if "ssl_ca" in login.extra:
            arguments |= {"ssl_ca": login.extra["ssl_ca"], "ssl_verify_identity": True}
    url = sqlalchemy.URL.create(
        driver, login.login, login.password or None, login.host, login.port, login.schema
    )
    return sqlalchemy.create_engine(
        url, poolclass=sqlalchemy.NullPool, connect_args=arguments, hide_parameters=True
    )


@contextmanager
def _cut_off(connection: sqlalchemy.Connection, kind: str, seconds: float) -> Iterator[None]:
    """Hang up on a server that has fallen silent: its own timeout no longer works then.

    psycopg waits without an end, so the line is cut for it; PyMySQL has a timeout of its own.
    """
    if kind != "postgresql":
        yield
        return
    raw: Any = connection.connection.driver_connection
    line = socket.socket(fileno=os.dup(raw.fileno()))
    timer = threading.Timer(seconds, line.shutdown, [socket.SHUT_RDWR])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        line.close()


def _begin(connection: sqlalchemy.Connection, kind: str, source: SqlSource) -> None:
    """Begin the one transaction: read-only, and with one view of the data to its end."""
    if kind == "postgresql":
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        load_exactly(connection.connection.driver_connection)
        return
    seconds = source.timeout.total_seconds()
    version = connection.exec_driver_sql("SELECT VERSION()").scalar_one()
    limit = (
        f"max_statement_time = {seconds}"
        if "mariadb" in str(version).lower()
        else f"max_execution_time = {int(seconds * 1000)}"
    )
    for statement in (
        f"SET SESSION {limit}",
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    ):
        connection.exec_driver_sql(statement)


def _copy(
    connection: sqlalchemy.Connection,
    kind: str,
    query: str,
    parameters: dict[str, Any],
    path: Path,
    source: SqlSource,
    request: Request,
) -> None:
    """Count the rows, then write them in row groups through a server-side cursor.

    The count is also a gate: what is no plain query, such as one that writes a file on the
    server, cannot stand in its parentheses.
    """
    end = time.monotonic() + source.timeout.total_seconds()
    streamed = connection.execution_options(stream_results=True, max_row_buffer=ROWS)
    count = _statement(f"SELECT count(*) FROM (\n{query}\n) AS counted")
    expected = int(streamed.execute(count, parameters).scalar_one())
    result = streamed.execute(_statement(query), parameters)
    try:
        written = _write(connection, kind, result, path, source, request, end)
    except BaseException:
        if kind == "mariadb":
            # The driver would else read the rows to their end before it lets go.
            cursor: Any = result.cursor
            if cursor is not None:
                cursor._result.unbuffered_active = False
            connection.invalidate()
        raise
    finally:
        if kind == "postgresql":
            result.close()
    if written != expected:
        raise SourceError(
            f"{written} rows came of {expected} that the server counts in the same snapshot",
            hint="a query that gives other rows each time cannot be published; "
            "tables without transactions (MyISAM) may have changed meanwhile",
            retry=True,
        )


def _write(
    connection: sqlalchemy.Connection,
    kind: str,
    result: sqlalchemy.CursorResult[Any],
    path: Path,
    source: SqlSource,
    request: Request,
    end: float,
) -> int:
    """Write the rows as they come; returns how many they were."""
    cursor: Any = result.cursor
    columns = (
        postgresql_columns(connection.connection.driver_connection, cursor.description)
        if kind == "postgresql"
        else mysql_columns(cursor._result.fields)
    )
    names = [column.name for column in columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SourceError(
            f"the query has several columns named {', '.join(repeated)}", hint="name them by AS"
        )
    schema = pa.schema([(column.name, column.type) for column in columns])
    written = 0
    with pq.ParquetWriter(path, schema, compression="zstd", store_schema=False) as writer:
        for rows in result.partitions(ROWS):
            if time.monotonic() > end:
                raise _too_slow(source)
            writer.write_table(_table(columns, schema, rows), row_group_size=ROWS)
            written += len(rows)
            if path.stat().st_size > request.max_bytes:
                raise SourceError(
                    f"the rows of the query are more than {request.max_bytes} bytes",
                    hint="raise MOULOUYA_HTTP_MAX_BYTES, or select less",
                )
    return written


def _table(columns: list[ResultColumn], schema: pa.Schema, rows: Any) -> pa.Table:
    arrays = [
        array_of(column, [row[position] for row in rows]) for position, column in enumerate(columns)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _too_slow(source: SqlSource) -> SourceError:
    return SourceError(
        f"the query took longer than {source.timeout.total_seconds():g} seconds",
        hint="raise source.timeout, or make the query cheaper",
        retry=True,
    )
