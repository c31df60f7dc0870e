"""Publishers under strace: what they do to files, and what happens when that goes wrong.

The publisher is the unmodified program. strace lets the kernel kill it at its k-th call, or answer
that call with an error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

PUBLISHER = Path(__file__).with_name("publisher.py")
CHANGING = (
    "openat", "open", "creat", "write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync",
    "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir", "mkdir",
    "mkdirat", "ftruncate", "truncate", "lseek", "fallocate", "sendfile", "copy_file_range",
)  # fmt: skip
PATIENCE = 120
# What a whole publication imports late, and every publisher anew unless its zygote has it.
HEAVY = ("moulouya.quality.validation", "moulouya.staging")


def missing() -> str | None:
    """Why processes cannot be traced here, or None."""
    if shutil.which("strace") is None:
        return "needs strace"
    probe = subprocess.run(
        ["strace", "-qq", "-o", "/dev/null", "-e", "trace=none", "true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"strace may not trace here: {probe.stderr.strip()}" if probe.returncode else None


@dataclass(frozen=True)
class Call:
    """One call that changed something below the lake: its name and which of that name it was."""

    name: str
    nth: int
    arguments: str
    result: int


@dataclass(frozen=True)
class Ended:
    """How a publisher ended, what it had acknowledged and what it printed."""

    pid: int
    code: int
    acks: list[dict[str, Any]]
    printed: str
    seconds: float

    @property
    def error(self) -> dict[str, Any] | None:
        """The error it told, when it ended with one."""
        for line in self.printed.splitlines():
            if line.startswith('{"error"'):
                told: dict[str, Any] = json.loads(line)["error"]
                return told
        return None


class Zygote:
    """A process that has imported the library and forks a publisher for every job."""

    def __init__(self, folder: Path, modules: tuple[str, ...] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, PUBLISHER, "--zygote", *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        self.jobs = 0

    def close(self) -> None:
        """End the zygote; children under way are not touched."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=PATIENCE)
        self._answers.close()

    @property
    def _answers(self) -> TextIO:
        assert self.process.stdout is not None
        return self.process.stdout  # type: ignore[return-value]

    def _answer(self) -> dict[str, int]:
        line = self._answers.readline()
        if not line:
            raise RuntimeError(f"the zygote died: {self.process.wait()}")
        answered: dict[str, int] = json.loads(line)
        return answered

    def start(self, lake: Path, workspace: Path, script: list[Any], **more: Any) -> Job:
        """Start a publisher; it runs on its own."""
        self.jobs += 1
        acks = Path(more.pop("acks", self.folder / f"acks-{self.jobs}"))
        log = self.folder / f"log-{self.jobs}"
        job = {
            "lake": str(lake), "workspace": str(workspace), "script": script,
            "acks": str(acks), "log": str(log), "state": f"{lake}.state", **more,
        }  # fmt: skip
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return Job(self, self._answer()["pid"], acks, log, time.monotonic())

    def run(self, lake: Path, workspace: Path, script: list[Any], **more: Any) -> Ended:
        """Run a publisher to its end without looking at it."""
        return self.start(lake, workspace, script, **more).wait()

    def traced(
        self, lake: Path, workspace: Path, script: list[Any], options: list[str], **more: Any
    ) -> Ended:
        """Run a publisher with strace attached before its first step.

        ``{pid}`` in an option stands for the number of its process.
        """
        job = self.start(lake, workspace, script, wait_for_tracer=True, **more)
        options = [option.replace("{pid}", str(job.pid)) for option in options]
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", *options, "-p", str(job.pid)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        ended = job.wait()
        _, problem = tracer.communicate(timeout=PATIENCE)
        if problem.strip() and ended.code != -9:
            raise RuntimeError(f"strace: {problem}")
        return ended


@dataclass(frozen=True)
class Job:
    """A publisher under way."""

    zygote: Zygote
    pid: int
    acks: Path
    log: Path
    begun: float

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self.zygote._answer()["ended"]
        seconds = time.monotonic() - self.begun
        printed = self.log.read_text(errors="replace")
        return Ended(self.pid, code, read_acks(self.acks), printed, seconds)


def read_acks(path: Path) -> list[dict[str, Any]]:
    """The acknowledgements in a file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


@contextmanager
def zygote(folder: Path, modules: tuple[str, ...] = ()) -> Iterator[Zygote]:
    """A zygote while the block runs; ``modules`` are imported before its first job."""
    made = Zygote(folder, modules)
    try:
        yield made
    finally:
        made.close()


START = re.compile(r"^(?:(\d+) +)?(.*)$")
LINE = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")


def record(
    zygote: Zygote,
    lake: Path,
    workspace: Path,
    script: list[Any],
    *,
    names: tuple[str, ...] = CHANGING,
    **more: Any,
) -> tuple[Ended, list[Call]]:
    """Run a publisher through and return every call of it that may change a file, or of names."""
    trace = zygote.folder / f"trace-{zygote.jobs}"
    options = ["-xx", "-y", "-s", "50000000", "-e", f"trace={','.join(names)}", "-o", str(trace)]
    ended = zygote.traced(lake, workspace, script, options, **more)
    if ended.code != 0:
        raise RuntimeError(f"the publisher failed by itself: {ended.printed}")
    calls = list(parse(trace, ended.pid))
    trace.unlink()
    return ended, calls


def parse(trace: Path, pid: int) -> Iterator[Call]:
    """The calls of a trace in their order, numbered among those of their name.

    Only calls of ``pid`` have a number: strace counts each thread on its own. A call that another
    thread interrupted stands where it ended.
    """
    counts: dict[str, int] = {}
    numbers: dict[tuple[int, str], int] = {}
    begun: dict[int, str] = {}
    with trace.open() as file:
        for raw in file:
            found = START.match(raw)
            assert found is not None
            thread, line = int(found[1] or pid), found[2]
            name = line.split("(", 1)[0]
            if not line.startswith("<... ") and thread == pid:
                counts[name] = counts.get(name, 0) + 1
                numbers[thread, name] = counts[name]
            if "<unfinished ...>" in line:
                begun[thread] = line.split("<unfinished ...>")[0].rstrip()
                continue
            if line.startswith("<... "):
                line = begun.pop(thread) + line.split("resumed>", 1)[1]
            call = LINE.match(line)
            if call is None:
                continue
            nth = numbers.get((thread, call["name"]), 0)
            yield Call(call["name"], nth, call["arguments"], int(call["result"]))


def relevant(calls: list[Call], lake: Path) -> list[Call]:
    """The calls that create, write, sync, name or remove something of the lake."""
    found = []
    for call in calls:
        if call.name == "lseek" or call.result < 0:
            continue
        arguments = decoded(call.arguments)
        if call.name in ("openat", "open") and "O_CREAT" not in call.arguments:
            continue
        if call.nth and inside(lake, arguments):
            found.append(call)
    return found


def inside(lake: Path, arguments: str) -> bool:
    """Whether a call was about the lake, and not about something beside it."""
    return any(f"{lake}{end}" in arguments for end in ("/", ">", '"'))


def decoded(arguments: str) -> str:
    """The arguments of a call with its texts readable; bytes that are none are replaced."""
    return re.sub(
        r"(?:\\x[0-9a-f]{2})+",
        lambda m: bytes.fromhex(m[0].replace("\\x", "")).decode("utf-8", "replace"),
        arguments,
    )
