"""The server process that forks a child per call; it never looks at the bytes itself."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from moulouya.errors import MoulouyaError
from moulouya.sandbox import lockdown
from moulouya.sandbox.wire import receive, send

LARGEST_ANSWER = 64 * 1024**2
LOOK_EVERY = 0.05


def main(descriptor: int) -> None:
    """Serve calls until the parent is gone."""
    for name in ("duckdb", "pyarrow.parquet", "moulouya.staging"):
        import_module(name)  # once, for every child
    with socket.socket(fileno=descriptor) as connection:
        while (message := receive(connection)) is not None:
            # The parent is trusted: what it sends is its own code's arguments.
            job = pickle.loads(message)  # noqa: S301
            send(connection, json.dumps(_in_child(job, connection)).encode())


def _in_child(job: dict[str, Any], connection: socket.socket) -> dict[str, Any]:
    """Run one job in a child and say how it ended."""
    answer_read, answer_write = os.pipe()
    said = os.memfd_create("stderr") if hasattr(os, "memfd_create") else os.dup(2)
    pid = os.fork()
    if pid == 0:
        try:
            connection.close()
            os.close(answer_read)
            _work(job, answer_write, said)
        finally:
            os._exit(70)
    os.close(answer_write)
    try:
        ended = _watch(pid, answer_read, job["limits"], connection)
        os.lseek(said, 0, os.SEEK_SET)
        ended["stderr"] = os.read(said, 65536)[-2000:].decode(errors="replace")
        return ended
    finally:
        os.close(answer_read)
        os.close(said)


def _watch(
    pid: int, answer: int, limits: dict[str, Any], connection: socket.socket
) -> dict[str, Any]:
    """Wait for the child; kill it at its deadline, over its memory, or when the parent is gone."""
    os.set_blocking(answer, False)
    started = time.monotonic()
    parts = bytearray()
    ended: dict[str, Any] = {}
    end = _end_of(pid)
    open_ends: list[Any] = [answer, connection, *end]
    peak = 0
    while True:
        ready, _, _ = select.select(open_ends, [], [], LOOK_EVERY)
        if answer in ready:
            block = os.read(answer, 1024 * 1024)
            parts += block
            if not block:
                open_ends.remove(answer)
            if len(parts) > LARGEST_ANSWER:
                ended["killed"] = "answer"
        if connection in ready and not connection.recv(1, socket.MSG_PEEK):
            os.kill(pid, signal.SIGKILL)
            os._exit(0)
        peak = max(peak, _resident(pid))
        if time.monotonic() - started > limits["seconds"]:
            ended["killed"] = "time"
        if peak > limits["memory"]:
            ended["killed"] = "memory"
        if "killed" in ended:
            os.kill(pid, signal.SIGKILL)
        done, status, usage = os.wait4(pid, 0 if "killed" in ended else os.WNOHANG)
        if done:
            break
    for descriptor in end:
        os.close(descriptor)
    with contextlib.suppress(BlockingIOError):
        while block := os.read(answer, 1024 * 1024):
            parts += block
    return {
        **ended,
        "answer": parts.decode(errors="replace"),
        "code": os.waitstatus_to_exitcode(status),
        "peak": max(peak, usage.ru_maxrss * 1024),
        "cpu": usage.ru_utime + usage.ru_stime,
    }


def _end_of(pid: int) -> list[int]:
    """A descriptor that can be read once a child has ended, so that nobody waits to look again.

    Empty where the system or its container does not give one.
    """
    with contextlib.suppress(AttributeError, OSError):
        return [os.pidfd_open(pid)]
    return []


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _work(job: dict[str, Any], answer: int, said: int) -> None:
    """What the child does: lock itself down, call the function, write what it returned."""
    limits = job["limits"]
    with _quiet(said):
        try:
            os.setsid()
            lockdown.limit(
                memory=limits["memory"],
                cpu_seconds=int(limits["seconds"] * 4) + 1,
                file_bytes=limits["file_bytes"],
            )
            lockdown.lock(job["readable"], job["writable"])
            module, _, name = job["function"].partition(":")
            result = getattr(import_module(module), name)(*job["args"])
            told = {"result": result}
        except BaseException as error:  # noqa: BLE001  the boundary: the parent is told all of it
            told = {"error": _described(error)}
        with os.fdopen(answer, "wb") as file:
            file.write(json.dumps(told, default=_plain).encode())
    os._exit(0)


def _described(error: BaseException) -> dict[str, Any]:
    kind = type(error).__name__
    if isinstance(error, MoulouyaError):
        return {"type": kind, "message": error.message, "hint": error.hint}
    told = traceback.format_exc()[-8000:]
    return {"type": kind, "message": str(error)[:2000], "hint": None, "traceback": told}


@contextlib.contextmanager
def _quiet(said: int) -> Iterator[None]:
    """Standard streams that reach nobody; what a parser says is kept for the error."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    yield


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not leave the sandbox")


if __name__ == "__main__":
    main(int(sys.argv[1]))
