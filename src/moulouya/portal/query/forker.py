"""The portal's hold on a server process: start it, have it fork workers, hear how they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import weakref
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from moulouya.portal.query.frames import (
    DATA,
    HEAD,
    LONGEST_JOB,
    End,
    Trouble,
    length,
    read,
)
from moulouya.portal.query.worker import Job

START_SECONDS = 90.0
END_SECONDS = 5.0
log = structlog.get_logger("moulouya.portal")


class NoWorkers(Exception):
    """The server process did not start, or is gone."""


@dataclass(frozen=True)
class Ended:
    """How a worker ended: its exit code (negative for a signal), why it was ended, what it used."""

    code: int
    killed: str | None
    cpu: float
    peak: int


GONE = Ended(71, "gone", 0.0, 0)


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    process.kill()
    process.wait()


class Forker:
    """One server process and the workers it runs, in one event loop."""

    def __init__(self, release: int, metadata: Path, duckdb_memory: int) -> None:
        self.release = release
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            arguments = [str(theirs.fileno()), str(metadata), str(duckdb_memory)]
            self.process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-I", "-m", "moulouya.portal.query.zygote", *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={
                    "PATH": "/usr/bin:/bin",
                    "LANG": "C.UTF-8",
                    "HOME": "/nonexistent",
                    "OPENBLAS_NUM_THREADS": "1",
                    "ARROW_DEFAULT_MEMORY_POOL": "system",
                    "ARROW_IO_THREADS": "1",
                },
            )
        ours.setblocking(False)
        self._control = ours
        self._stop = weakref.finalize(self, _end, self.process, ours)
        self._numbers = 0
        self._ends: dict[int, asyncio.Future[Ended]] = {}
        self.could: list[str] = []

    async def ready(self) -> None:
        """Wait until it can fork; raises NoWorkers."""
        loop = asyncio.get_running_loop()
        try:
            told = await asyncio.wait_for(loop.sock_recv(self._control, 4096), START_SECONDS)
            self.could = [str(one) for one in json.loads(told)["ready"]]
        except (OSError, ValueError, KeyError, TimeoutError) as error:
            self.stop()
            raise NoWorkers("the process that runs statements did not start") from error
        loop.add_reader(self._control, self._heard)

    @property
    def alive(self) -> bool:
        """Whether it can still fork."""
        return self._stop.alive and self.process.poll() is None

    @property
    def busy(self) -> bool:
        """Whether workers run."""
        return bool(self._ends)

    def stop(self) -> None:
        """End the process and its workers."""
        with contextlib.suppress(RuntimeError, ValueError, OSError):
            asyncio.get_running_loop().remove_reader(self._control)
        self._stop()
        for end in self._ends.values():
            if not end.done():
                end.set_result(GONE)
        self._ends.clear()

    def _heard(self) -> None:
        try:
            while told := self._control.recv(4096):
                said = json.loads(told)
                number = said.pop("number")
                end = self._ends.pop(number, None)
                if end is not None and not end.done():
                    end.set_result(Ended(**said))
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            log.error("the process that runs statements is lost", error=str(error))
        self.stop()

    async def run(self, job: Job) -> Run:
        """Have a worker forked for a job; raises NoWorkers."""
        ours, theirs = socket.socketpair()
        self._numbers += 1
        number = self._numbers
        asked = {"do": "run", "number": number, "seconds": job.seconds, "memory": job.memory}
        try:
            with theirs:
                socket.send_fds(self._control, [json.dumps(asked).encode()], [theirs.fileno()])
        except OSError as error:
            ours.close()
            raise NoWorkers("the process that runs statements does not answer") from error
        end = self._ends[number] = asyncio.get_running_loop().create_future()
        try:
            reader, writer = await asyncio.open_connection(sock=ours, limit=1024 * 1024)
            told = json.dumps(asdict(job)).encode()
            assert len(told) < LONGEST_JOB, "a request is bounded"
            writer.write(len(told).to_bytes(4, "big") + told)
            await writer.drain()
        except OSError as error:
            self.kill(number)
            raise NoWorkers("a worker did not take its statement") from error
        return Run(self, number, reader, writer, end)

    def kill(self, number: int) -> None:
        """End a worker now; its end is told as any other."""
        with contextlib.suppress(OSError):
            self._control.send(json.dumps({"do": "kill", "number": number}).encode())


@dataclass
class Run:
    """A statement under way."""

    forker: Forker
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    end: asyncio.Future[Ended]
    told: End | Trouble | None = field(default=None)

    async def data(self) -> AsyncGenerator[bytes, None]:
        """The answer in pieces; afterwards ``told`` says how it went, None where the worker died.

        Raises BadFrame.
        """
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, size = length(await self.reader.readexactly(HEAD.size))
                said = read(kind, await self.reader.readexactly(size))
                if isinstance(said, bytes):
                    assert kind == DATA
                    yield said
                else:
                    self.told = said
                    return

    async def ended(self) -> Ended:
        """How the worker ended, once it has; it is ended where it does not."""
        self.writer.close()
        try:
            return await asyncio.wait_for(asyncio.shield(self.end), END_SECONDS)
        except TimeoutError:
            self.forker.kill(self.number)
            return await self.end

    def cancel(self) -> None:
        """Nobody wants the answer any more."""
        self.forker.kill(self.number)
        self.writer.close()
