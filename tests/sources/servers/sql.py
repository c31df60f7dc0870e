"""A PostgreSQL database with the register of a chamber of trades."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from services import postgresql


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Fill a database of its own; yields how to connect."""
    with postgresql() as uri:
        with psycopg.connect(uri, autocommit=True) as con:
            con.execute(
                "CREATE TABLE workshops (id int PRIMARY KEY, trade text, opened date, "
                "capital numeric(12, 2), closed timestamptz)"
            )
            con.execute(
                "INSERT INTO workshops VALUES (1, 'poterie', '2019-04-01', 12000.50, NULL), "
                "(2, 'نجارة', '2021-09-15', 80000.00, NULL), (3, 'couture', '2020-01-02', 1, now())"
            )
        yield {"AIRFLOW_CONN_CHAMBER": uri}
