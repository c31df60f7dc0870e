"""The server process of one release: opens its catalogue, forks a worker a statement, ends it.

It never looks at a statement. It has an empty environment and one connection, to the portal that
started it: without that it ends, and every worker with it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from moulouya import duck, serving
from moulouya.duck import identifier, literal
from moulouya.portal.query import gate, worker
from moulouya.portal.query.frames import LONGEST_JOB, Out
from moulouya.portal.query.writing import Asked, write
from moulouya.sandbox import lockdown

LOOK_EVERY = 0.04
# From then on a statement gives way to every shorter one.
GIVES_WAY_AFTER = 0.12
LATER_PRIORITY = 12
SAMPLE = """
SELECT i AS a, 'x' AS b, 1.5::DECIMAL(4, 1) AS c, now() AS d, today() AS e, [1] AS f, {'g': 1} AS g,
    uuid() AS h, random() AS i, strftime(now() AT TIME ZONE 'Africa/Casablanca', '%A') AS j
FROM range(3) r(i), (FROM catalogue.datasets LIMIT 1)
"""
PREFERRED = ("pytz", "pyseccomp", "rapidfuzz.process", "rapidfuzz.utils", "csv", "uuid")


@dataclass
class _Child:
    """A worker that runs, and what it may use."""

    number: int
    pidfd: int
    began: float
    seconds: float
    memory: int
    peak: int = 0
    low: bool = False
    killed: str | None = None


def main(descriptor: int, metadata: str, duckdb_memory: int) -> None:
    """Serve the portal until it is gone."""
    with (
        socket.socket(fileno=descriptor) as control,
        duck.connect(threads=1, memory_limit=f"{duckdb_memory}B") as con,
    ):
        opened(con, Path(metadata))
        warm(con)
        control.send(json.dumps({"ready": self_test()}).encode())
        _serve(control, con)


def opened(con: duckdb.DuckDBPyConnection, metadata: Path) -> None:
    """The release's schema ``catalogue``, and the settings that every worker inherits."""
    con.execute("SET temp_directory = ''")
    con.execute("SET max_expression_depth = 250")
    con.execute("SET errors_as_json = true")
    con.execute("SET arrow_lossless_conversion = false")
    con.execute(f"ATTACH {literal(str(metadata))} AS {identifier(serving.METADATA_AS)} (READ_ONLY)")
    described = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'catalogue' "
        f"AND database_name = {literal(serving.METADATA_AS)}"
    ).fetchall()
    con.execute("CREATE SCHEMA catalogue")
    for (name,) in described:
        table = f"catalogue.{identifier(name)}"
        con.execute(f"CREATE VIEW {table} AS FROM {identifier(serving.METADATA_AS)}.{table}")


def warm(con: duckdb.DuckDBPyConnection) -> None:
    """Load and touch what a sealed worker could not load any more."""
    for name in PREFERRED:
        import_module(name)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        for form, rows in product(("json", "ndjson", "csv", "arrow", "parquet"), (1, 10)):
            gate.admit(con, "SELECT 1")
            asked = Asked(form, "objects", rows, 10**6, 1)
            write(con.execute(SAMPLE), asked, Out(null))
        with contextlib.suppress(duckdb.Error):
            con.execute("SELECT nothing FROM nowhere")
    finally:
        os.close(null)
    pa.set_cpu_count(1)
    gc.collect()
    gc.freeze()


def self_test() -> list[str]:
    """What a sealed child could still do and must not; nothing where the system's layer holds."""
    read, write_ = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        could = ["end"]
        try:
            lockdown.seal()
            could = [name for name, attempt in _ATTEMPTS.items() if _succeeds(attempt)]
        finally:
            os.write(write_, json.dumps(could).encode())
            os._exit(0)
    os.close(write_)
    with os.fdopen(read, "rb") as file:
        told = file.read()
    os.waitpid(pid, 0)
    return [str(one) for one in json.loads(told)] if told else ["end without a word"]


_ATTEMPTS = {
    "read a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "write a file": lambda: os.open("/tmp/moulouya", os.O_WRONLY | os.O_CREAT),  # noqa: S108
    "open a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "list a folder": lambda: list(Path("/").iterdir()),
}


def _succeeds(attempt: object) -> bool:
    assert callable(attempt)
    try:
        attempt()
    except OSError:
        return False
    return True


def _serve(control: socket.socket, con: duckdb.DuckDBPyConnection) -> None:
    children: dict[int, _Child] = {}
    while True:
        watched: list[Any] = [control, *(child.pidfd for child in children.values())]
        select.select(watched, [], [], LOOK_EVERY if children else None)
        if not _hear(control, con, children):
            return
        for pid, child in list(children.items()):
            _watch(pid, child)
            ended = _reaped(pid, child)
            if ended is not None:
                del children[pid]
                control.send(json.dumps(ended).encode())


def _hear(
    control: socket.socket, con: duckdb.DuckDBPyConnection, children: dict[int, _Child]
) -> bool:
    """Take what the portal says; False when it is gone."""
    while select.select([control], [], [], 0)[0]:
        message, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
        if not message:
            return False
        told = json.loads(message)
        if told["do"] == "kill":
            for pid, child in children.items():
                if child.number == told["number"] and child.killed is None:
                    child.killed = "cancelled"
                    os.kill(pid, signal.SIGKILL)
            continue
        pid = _forked(control, con, descriptors[0], children)
        os.close(descriptors[0])
        children[pid] = _Child(
            told["number"], os.pidfd_open(pid), time.monotonic(), told["seconds"], told["memory"]
        )
    return True


def _forked(
    control: socket.socket,
    con: duckdb.DuckDBPyConnection,
    channel: int,
    others: dict[int, _Child],
) -> int:
    """Fork a worker that reads its job from the channel and answers through it."""
    pid = os.fork()
    if pid:
        return pid
    try:
        control.close()
        for other in others.values():
            os.close(other.pidfd)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        worker.main(con, _job(channel), channel)
    finally:
        os._exit(71)


def _job(channel: int) -> bytes:
    size = int.from_bytes(os.read(channel, 4), "big")
    told = b""
    while len(told) < min(size, LONGEST_JOB):
        part = os.read(channel, size - len(told))
        if not part:
            break
        told += part
    return told


def _watch(pid: int, child: _Child) -> None:
    """End a worker at its time or over its memory; let it give way once it is a long one."""
    age = time.monotonic() - child.began
    child.peak = max(child.peak, _resident(pid))
    if child.killed is None and (age > child.seconds or child.peak > child.memory):
        child.killed = "time" if age > child.seconds else "memory"
        os.kill(pid, signal.SIGKILL)
    if not child.low and age > GIVES_WAY_AFTER:
        child.low = True
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, LATER_PRIORITY)


def _reaped(pid: int, child: _Child) -> dict[str, object] | None:
    done, status, usage = os.wait4(pid, os.WNOHANG)
    if not done:
        return None
    os.close(child.pidfd)
    return {
        "number": child.number,
        "code": os.waitstatus_to_exitcode(status),
        "killed": child.killed,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": max(child.peak, usage.ru_maxrss * 1024),
    }


def _resident(pid: int) -> int:
    """Memory that is the process's own: what it shares with its parent costs nothing."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
