"""The caller's side: hand the server process a call, turn its end into a result or an error."""

from __future__ import annotations

import atexit
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from moulouya import errors
from moulouya.errors import LakeError, MoulouyaError, ReadError
from moulouya.sandbox.wire import receive, send

log = structlog.get_logger()
_lock = threading.Lock()
_server: _Server | None = None
_KNOWN = ("DataError", "LakeError", "ReadError", "UsageError")


@dataclass(frozen=True)
class Limits:
    """What one call may use: wall seconds, resident bytes, and bytes in one file it writes."""

    seconds: float
    memory: int
    file_bytes: int = 64 * 1024**3


def stop() -> None:
    """End the server process; the next call starts another one."""
    global _server
    if _server is not None:
        _server.stop()
        _server = None


def _forget() -> None:
    """A forked process has its parent's server in its memory, and starts one of its own."""
    global _server, _lock
    if _server is not None:
        _server.connection.close()
        _server = None
    _lock = threading.Lock()


atexit.register(stop)
os.register_at_fork(after_in_child=_forget)


class _Server:
    """A zygote and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-I", "-m", "moulouya.sandbox.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"},
            )
        self.connection = ours

    def ask(self, job: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to one job, None when the server died."""
        try:
            send(self.connection, pickle.dumps(job))
            answer = receive(self.connection)
        except OSError:
            return None
        return None if answer is None else dict(json.loads(answer))

    def stop(self) -> None:
        """End the server and whatever it runs."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


def call(
    function: str,
    *args: Any,
    limits: Limits,
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
    about: str = "the file",
) -> Any:
    """Call ``module:function`` with picklable arguments in a sandboxed child; returns plain JSON.

    Raises what the function raised where it is one of Moulouya's errors, and ReadError where it
    crashed, took too long or needed too much memory: then ``about`` names what it worked on.
    """
    job = {
        "function": function,
        "args": args,
        "limits": asdict(limits),
        "readable": [path.resolve() for path in readable],
        "writable": [path.resolve() for path in writable],
    }
    global _server  # one server for all calls of this process
    with _lock:
        if _server is not None and _server.process.poll() is not None:
            _server.stop()
            _server = None
        if _server is None:
            _server = _Server()
        try:
            ended = _server.ask(job)
        except BaseException:
            _server.stop()
            _server = None
            raise
        if ended is None:
            _server.stop()
            _server = None
            raise LakeError(f"the process that reads {about} was ended from outside")
    return _outcome(ended, limits, about)


def _outcome(ended: dict[str, Any], limits: Limits, about: str) -> Any:
    too_much = ReadError(
        f"{about} needs more than {limits.memory // 1024**2} MiB to be read",
        hint="is it the declared format? if so, raise MOULOUYA_SANDBOX_MEMORY",
    )
    match ended.get("killed"):
        case "time":
            raise ReadError(
                f"{about} was not read within {limits.seconds:g} s",
                hint="is it the declared format? if so, raise MOULOUYA_SANDBOX_SECONDS",
            )
        case "memory":
            raise too_much
        case "answer":
            raise ReadError(f"reading {about} gave an answer without end")
    code = ended["code"]
    if code < 0:
        name = signal.Signals(-code).name
        if name in ("SIGXCPU", "SIGXFSZ", "SIGKILL"):
            raise ReadError(f"{about} was not read within its limits ({name})")
        log.error("a reader crashed", about=about, signal=name, stderr=ended["stderr"])
        raise ReadError(
            f"{about} made its reader crash ({name}): it is damaged, or made to do harm",
            hint="nothing else was touched; look at the file, or ask its publisher",
        )
    try:
        told = json.loads(ended["answer"])
    except ValueError:
        log.error("no answer from the sandbox", about=about, stderr=ended["stderr"], code=code)
        raise ReadError(f"reading {about} ended without an answer (code {code})") from None
    if "result" in told:
        return told["result"]
    raise _told_error(told["error"], about, too_much)


def _told_error(told: dict[str, Any], about: str, too_much: ReadError) -> MoulouyaError:
    """The error of the child; its type is looked up by name among the few it may have."""
    if told["type"] in _KNOWN:
        kind: type[MoulouyaError] = getattr(errors, told["type"])
        return kind(told["message"], hint=told["hint"])
    if told["type"] in ("MemoryError", "ArrowMemoryError"):
        return too_much
    log.error("a reader failed", about=about, error=told["type"], traceback=told.get("traceback"))
    said = ": ".join([told["type"], *told["message"].splitlines()[:1]])
    return ReadError(
        f"{about} made its reader fail: {said[:300]}",
        hint="if the file is sound, this is a fault of Moulouya: please report it",
    )
