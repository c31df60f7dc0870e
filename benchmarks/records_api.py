"""Records over HTTP: ``python -m benchmarks.records_api [ROWS] [--peers] [--only=NAME,NAME]``.

A portal of its own serves one table of ten columns (1,000,000 rows unless told otherwise). Four
clients ask one question after the other for ``SECONDS``. With ``--peers`` CKAN's datastore,
Datasette, roapi and datap-rs are installed from PyPI, each into an environment of its own, and
asked the same (``records_peers.py`` and ``records_ckan.py`` say how each is set up, and where it
does something else than was asked). ``python -m benchmarks records_api [ROWS] --peers`` also writes
the figures into ``history.jsonl``.

F is the first rows, 1 to 40, of one commune and one indicator. P is one of the first 50 pages of
the table, of 26 to 175 rows: about 100. G is the sum of the values of one indicator for each
commune. Cold, no two questions are alike: other values, sizes and pages for F and P, and the
clients end when there are no more (5,120 and 7,500); for G, of which there are but 8, another name
for the sum, which has a server that keeps answers compute each of them anew. Warm, all are alike.
Nobody is asked for a total or an order, and everybody for all columns. Conditions are equalities
only, so that whoever has an index can use it. Before that, the answers to some questions are
compared with the table: rows, conditions and sums; and twenty more are asked, after which a server
has time to come to rest: the portal writes pages ahead, PostgreSQL tidies up. ``at_rest`` tells
what that took.

All have the machine to themselves and to the clients: the portal and Datasette as one process with
threads, CKAN as two processes, roapi and datap-rs as one with a thread for each processor. A peer
that cannot be installed, does not start within ``patience`` or answers wrongly is told as such.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb

from benchmarks import records_questions as questions
from benchmarks.asking import (
    Client,
    Question,
    Server,
    asked,
    at_rest,
    running,
    until_answered,
)
from benchmarks.records_ckan import ckan, ckan_indexed, dropped
from benchmarks.records_peers import (
    MEMORY,
    datap,
    datasette,
    datasette_indexed,
    free_port,
    roapi,
)

sys.path.append(str(Path(__file__).parent.parent / "tests"))
ROWS = 1_000_000
SECONDS = 4.0
# The numbers of questions whose answers are looked at, and of those that only warm up.
CHECKED = range(1, 5)
BEFORE = range(5, 25)
REST_SECONDS = 120.0
KINDS = tuple(f"{one} {state}" for one in "FPG" for state in ("cold", "warm"))
Start = Callable[[Path, Path, float], contextlib.AbstractContextManager[Server]]


def main() -> None:
    """Serve and measure; a table on the standard output, with ``--json`` JSON alone there."""
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
    only = [one.partition("=")[2].split(",") for one in sys.argv[1:] if one.startswith("--only=")]
    rows = numbers[0] if numbers else ROWS
    # Loading is part of the start: 80 s for a million rows, 260 s for ten.
    patience = 60 + rows / 50_000
    shown = sys.stderr if "--json" in sys.argv else sys.stdout
    begun = time.monotonic()
    figures: dict[str, Any] = {"rows": rows}
    with tempfile.TemporaryDirectory() as name, dropped(Path(name)):
        folder = Path(name)
        parquet = published(folder, rows)
        truth = known(parquet)
        starts: list[Start] = [portal]
        if "--peers" in sys.argv:
            starts += [datap, roapi, datasette, datasette_indexed, ckan, ckan_indexed]
        for start in starts:
            if only and start.__name__ not in only[0]:
                continue
            try:
                with start(folder, parquet, patience) as server:
                    figures[server.name] = measured(server, truth)
                    told(server.name, figures[server.name], shown)
            except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
                if start is portal:
                    raise
                figures[start.__name__] = {"failed": f"{type(error).__name__}: {error}"}
                print(f"{start.__name__:20} {figures[start.__name__]['failed']}", file=shown)
    figures["harness_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    figures["seconds"] = round(time.monotonic() - begun)
    compared(figures, shown)
    if "--json" in sys.argv:
        print(json.dumps(figures))


def published(folder: Path, rows: int) -> Path:
    """A lake with the table, and the table as Parquet."""
    from portal import lakes

    definition = {
        **lakes.DENSITY,
        "key": ["id"],
        "columns": {
            name: {**lakes.column(kind, name, name, name), "computed": True}
            for name, kind in questions.TYPES.items()
        },
    }
    root = folder / "lake"
    built = lakes.build(root)
    query = questions.ROW.format(rows=rows)
    lakes.publish(built, "observations", "demography", definition, query, inputs={"communes": 1})
    lakes.commit(built)
    return built.lake.version("observations", 1) / "observations.parquet"


def known(parquet: Path) -> questions.Truth:
    """What the answers are compared with."""
    with duckdb.connect(config=MEMORY) as con:
        found = con.execute(
            "SELECT commune, indicator, count(*), sum(value) FROM read_parquet(?) GROUP BY ALL",
            [str(parquet)],
        ).fetchall()
    counts = {(commune, indicator): count for commune, indicator, count, _ in found}
    sums = {(commune, indicator): total for commune, indicator, _, total in found}
    return questions.Truth(sum(counts.values()), counts, sums)


@contextlib.contextmanager
def portal(folder: Path, parquet: Path, patience: float) -> Iterator[Server]:
    """The real server over the lake, as ``moulouya serve`` starts it."""
    base = "/api/v1/datasets/observations/records?"

    def narrow(number: int) -> Question:
        one = questions.narrow(number)
        where = f"commune = '{one.commune}' AND indicator = '{one.indicator}'"
        return "GET", base + urlencode({"where": where, "limit": one.limit}), b""

    def page(number: int) -> Question:
        one = questions.page(number)
        return "GET", base + urlencode({"limit": one.limit, "offset": one.offset}), b""

    def groups(number: int) -> Question:
        one = questions.groups(number)
        select = f"commune,sum(value) as {one.name}"
        where = f"indicator = '{one.indicator}'"
        return "GET", base + urlencode({
            "where": where, "select": select, "group_by": "commune",
        }), b""  # fmt: skip

    port, log = free_port(), folder / "portal.log"
    environment = {
        **os.environ,
        "MOULOUYA_LAKE": str(folder / "lake"),
        "MOULOUYA_STATE": str(folder / "state"),
        "MOULOUYA_SQL_WORKERS": "0",
    }
    program = "from moulouya.cli import app; app()"
    command = [sys.executable, "-c", program, "serve", "--port", str(port)]
    with running(command, log, environment) as process:
        until_answered(process, port, page(1), log, patience)
        asks = {"F": narrow, "P": page, "G": groups}
        yield Server("moulouya", port, (process.pid,), asks, lambda answer: answer["records"])


def measured(server: Server, truth: questions.Truth) -> dict[str, Any]:
    """Every question cold and warm, and what is wrong with some answers."""
    found: dict[str, Any] = {}
    if wrong := checked(server, truth):
        found["wrong"] = wrong
    web = Client(server.port)
    for name, number in itertools.product("FP", BEFORE):
        web.ask(server.questions[name](number))
    web.close()
    found["at_rest"] = at_rest(server.roots, REST_SECONDS)
    for name, ask in server.questions.items():
        cold = map(ask, range(BEFORE.stop, questions.UNLIKE[name]))
        found[f"{name} cold"] = asked(server, cold, SECONDS)
        found[f"{name} warm"] = asked(server, itertools.repeat(ask(1)), SECONDS)
    return found


def checked(server: Server, truth: questions.Truth) -> list[str]:
    """What is wrong with the answers to a few questions of each kind."""
    wrong = []
    web = Client(server.port)
    for kind, ask in server.questions.items():
        for number in CHECKED:
            status, body = web.ask(ask(number))
            if status != 200:
                wrong.append(f"{kind} {number}: status {status}: {body[:200]!r}")
                break
            try:
                fault = truth.faults(kind, number, server.records(json.loads(body)))
            except (KeyError, TypeError, ValueError) as error:
                fault = f"{kind} {number}: {type(error).__name__} {error} in {body[:200]!r}"
            if fault:
                wrong.append(fault)
    web.close()
    return wrong


def told(name: str, figures: dict[str, Any], shown: Any) -> None:
    """A line for each question, as soon as a server is done."""
    for one in figures.get("wrong", ()):
        print(f"{name:20} WRONG {one}", file=shown, flush=True)
    rest = figures["at_rest"]
    print(f"{name:20} at rest after {rest['seconds']} s, {rest['cpu_seconds']} CPU s", file=shown)
    for kind in KINDS:
        one = figures[kind]
        print(f"{name:20} {kind} {one.get('per_second', 0):9.1f}/s {one['cpu_ms']:9.2f} CPU ms"
              f"  p50 {one.get('p50_ms', 0):8.2f} ms  p95 {one.get('p95_ms', 0):8.2f} ms"
              + (f"  {one['failed']} FAILED: {one['why']}" if one["failed"] else ""),
              file=shown, flush=True)  # fmt: skip


def compared(figures: dict[str, Any], shown: Any) -> None:
    """All figures side by side, then how many times the best peer's the portal's are.

    Over 1 is ahead, in answers a second and in processors' time for one. Indexed and plain servers
    are peers alike.
    """
    servers = {name: one for name, one in figures.items() if isinstance(one, dict)}
    print(f"\n{'answers/s, CPU ms':20}", *(f"{kind:>19}" for kind in KINDS), file=shown)
    for name, one in servers.items():
        cells = (f"{one.get(kind, {}).get('per_second', 0):9.1f} {one[kind]['cpu_ms']:9.2f}"
                 if kind in one else "-".rjust(19) for kind in KINDS)  # fmt: skip
        print(f"{name:20}", *cells, file=shown)
    print(f"{figures['rows']} rows, {figures['seconds']} s in all, "
          f"{figures['harness_mb']} MB for the clients and the loading\n", file=shown)  # fmt: skip
    figures["ahead"] = {}
    for kind in KINDS:
        own = servers.get("moulouya", {}).get(kind, {})
        peers = {
            name: one[kind]
            for name, one in servers.items()
            if name != "moulouya" and one.get(kind, {}).get("per_second")
        }
        for label, those in (
            ("datap-rs", {name: one for name, one in peers.items() if name == "datap-rs"}),
            ("others", {name: one for name, one in peers.items() if name != "datap-rs"}),
        ):
            if not those or not own.get("per_second"):
                continue
            best = max(those, key=lambda name: those[name]["per_second"])
            lean = min(those, key=lambda name: those[name]["cpu_ms"])
            faster = round(own["per_second"] / those[best]["per_second"], 2)
            leaner = round(those[lean]["cpu_ms"] / max(own["cpu_ms"], 0.001), 2)
            figures["ahead"][f"{kind}, {label}"] = {"per_second": faster, "cpu": leaner}
            print(f"{kind} against {label:8}: {faster:6.2f} times the answers of {best}, "
                  f"{leaner:6.2f} times leaner than {lean}", file=shown)  # fmt: skip


if __name__ == "__main__":
    main()
