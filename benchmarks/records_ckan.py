"""CKAN's own datastore for ``records_api``, in an environment and PostgreSQL databases of its own.

CKAN stands as its installation pages have it: uwsgi with the options of ``ckan-uwsgi.ini``, and two
processes; the two options named there against faults of the connection, which came without them;
PostgreSQL as it is set up (``PGHOST``, ``PGPORT``, ``PGUSER``: a superuser without a password) and
Redis (``CKAN_REDIS_URL``). nginx in front is left out. There is no Solr, which what is asked here
does not need: the dataset and its resource are rows written by CKAN's own model, and the table is
made by the datastore's own backend, which is what ``datastore_create`` calls before it tells Solr
(``records_ckan_table.py``).

The table is filled by COPY while the trigger of the full text search is off: nobody searches here,
and its column stays empty, which makes rows shorter than they would be. Without indexes there are
those that the datastore always makes, of ``_id`` and of the full text; with them there are also the
primary key and ``indexes`` of both filtered columns. VACUUM, ANALYZE and CHECKPOINT come before
anything is asked.

``datastore_search`` answers filters and pages, with ``include_total`` off, always in order of
``_id``, which comes with the rows; ``datastore_search_sql``, which must be switched on, answers
groups. To the processors' time of CKAN that of all of PostgreSQL is added.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import duckdb

from benchmarks import records_questions as questions
from benchmarks.asking import Question, Server, running, until_answered
from benchmarks.records_peers import MEMORY, free_port, installed

CKAN = ("ckan[requirements]==2.12.0", "pyuwsgi==2.0.30")
INSIDE = Path(__file__).with_name("records_ckan_table.py")
DATABASES = ("moulouya_bench_ckan", "moulouya_bench_datastore")
READER = "moulouya_bench_reader"
PROCESSES = 2


@contextlib.contextmanager
def ckan(folder: Path, parquet: Path, patience: float) -> Iterator[Server]:
    """The datastore without indexes on what is filtered."""
    programs = installed(folder, *CKAN)
    configure(folder, programs)
    csv = folder / "observations.csv"
    with duckdb.connect(config=MEMORY) as con:
        con.execute(f"COPY (FROM read_parquet('{parquet}')) TO '{csv}' (HEADER false)")
    filled = inside(folder, programs, "fill", json.dumps(questions.TYPES), str(csv))
    csv.unlink()
    (folder / "ckan.json").write_text(json.dumps(filled))
    with serving(folder, programs, "ckan", patience) as server:
        yield server


@contextlib.contextmanager
def ckan_indexed(folder: Path, parquet: Path, patience: float) -> Iterator[Server]:
    """The same table after ``datastore_create`` with a primary key and indexes."""
    programs = installed(folder, *CKAN)
    inside(folder, programs, "index", json.dumps(questions.TYPES), "id", "commune", "indicator")
    with serving(folder, programs, "ckan, indexes", patience) as server:
        yield server


def configure(folder: Path, programs: Path) -> None:
    """Databases, tables and rights, by CKAN's own commands."""
    host, port = os.environ.get("PGHOST", "127.0.0.1"), os.environ.get("PGPORT", "5432")
    user = os.environ.get("PGUSER", "root")
    own, store = (f"postgresql://{user}@{host}:{port}/{name}" for name in DATABASES)
    ini = folder / "ckan.ini"
    command([programs / "ckan", "generate", "config", ini])
    command([
        programs / "ckan", "config-tool", ini, f"sqlalchemy.url={own}",
        f"ckan.datastore.write_url={store}",
        f"ckan.datastore.read_url=postgresql://{READER}@{host}:{port}/{DATABASES[1]}",
        f"ckan.redis.url={os.environ.get('CKAN_REDIS_URL', 'redis://127.0.0.1:6379/5')}",
        "ckan.plugins=datastore", "ckan.datastore.sqlsearch.enabled=true",
        "ckan.site_url=http://127.0.0.1", "solr_url=http://127.0.0.1:9/solr/ckan",
    ])  # fmt: skip
    inside(folder, programs, "databases", *DATABASES, READER)
    command([programs / "ckan", "-c", ini, "db", "init"])
    rights = command([programs / "ckan", "-c", ini, "datastore", "set-permissions"])
    (folder / "rights.sql").write_text(rights)
    inside(folder, programs, "rights", str(folder / "rights.sql"))


@contextlib.contextmanager
def dropped(folder: Path) -> Iterator[None]:
    """Takes the databases and the reader away at the end, if they were made."""
    try:
        yield
    finally:
        if (folder / "ckan.ini").exists():
            inside(folder, installed(folder, *CKAN), "drop", *DATABASES, READER)


@contextlib.contextmanager
def serving(folder: Path, programs: Path, name: str, patience: float) -> Iterator[Server]:
    """CKAN over the table as it is now."""
    filled = json.loads((folder / "ckan.json").read_text())
    table: str = filled["resource"]

    def rows(limit: int, offset: int, **where: str) -> Question:
        query = urlencode({
            "resource_id": table, "limit": limit, "offset": offset, "include_total": "false",
            **({"filters": json.dumps(where, ensure_ascii=False)} if where else {}),
        })  # fmt: skip
        return "GET", f"/api/3/action/datastore_search?{query}", b""

    def narrow(number: int) -> Question:
        asked = questions.narrow(number)
        return rows(asked.limit, 0, commune=asked.commune, indicator=asked.indicator)

    def page(number: int) -> Question:
        asked = questions.page(number)
        return rows(asked.limit, asked.offset)

    def groups(number: int) -> Question:
        sql = questions.groups(number).sql(f'"{table}"')
        return "GET", f"/api/3/action/datastore_search_sql?sql={quote(sql)}", b""

    def records(told: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = told["result"]["records"]
        return found

    port, log = free_port(), folder / "ckan.log"
    options = {
        "http": f"127.0.0.1:{port}", "wsgi-file": str(INSIDE), "callable": "application",
        "virtualenv": str(programs.parent), "processes": PROCESSES, "harakiri": 50,
        "max-requests": 5000, "buffer-size": 32768,
    }  # fmt: skip
    flags = ("master", "vacuum", "strict", "disable-logging", "die-on-term", "enable-threads",
             "lazy-apps")  # fmt: skip
    start = [str(programs / "uwsgi"), *(f"--{flag}" for flag in flags)]
    start += [f"--{option}={value}" for option, value in options.items()]
    with running(start, log, {**os.environ, "CKAN_INI": str(folder / "ckan.ini")}) as process:
        until_answered(process, port, page(1), log, patience)
        asks = {"F": narrow, "P": page, "G": groups}
        yield Server(name, port, (process.pid, int(filled["postmaster"])), asks, records)


def inside(folder: Path, programs: Path, *asked: str) -> dict[str, Any]:
    """Run CKAN's part in CKAN's environment; returns what it printed as JSON."""
    told = command([programs / "python", INSIDE, folder / "ckan.ini", *asked])
    found: dict[str, Any] = json.loads(told.strip().rpartition("\n")[2])
    return found


def command(words: list[str | Path]) -> str:
    """The standard output of a command; RuntimeError with the end of its words if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]} {words[1]}: {done.stderr[-600:]}")
    return done.stdout
