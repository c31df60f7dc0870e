"""Clients that ask a server over HTTP for some time, and what each answer cost the server.

A client is a thread that asks when its last question was answered. Sockets and httptools instead of
an HTTP library: the clients run on the processors of the server, and asking through ``http.client``
costs more than a fast server's answer. Processors' time is that of the server's processes, those
below them, and those that ended there meanwhile.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httptools
import psutil

CLIENTS = 4
# Longer than any server's own limit of time.
PATIENCE_SECONDS = 60.0

Question = tuple[str, str, bytes]


@dataclass(frozen=True)
class Server:
    """Something that answers, and the three questions in its words.

    ``questions`` gives a question by a number, ``records`` takes them out of the answer, ``roots``
    are its processes. What a peer leaves out or does otherwise stands in the docstring of its
    function.
    """

    name: str
    port: int
    roots: tuple[int, ...]
    questions: Mapping[str, Callable[[int], Question]] = field(hash=False)
    records: Callable[[Any], list[dict[str, Any]]] = field(hash=False)


class Client:
    """One connection, opened again where the server closes it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.wire: socket.socket | None = None
        self.body: list[bytes] = []
        self.whole = False

    def on_body(self, part: bytes) -> None:
        """Called by the parser."""
        self.body.append(part)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.whole = True

    def ask(self, question: Question) -> tuple[int, bytes]:
        """Status and body of the answer; OSError where there is none."""
        if self.wire is None:
            self.wire = socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)
            self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.body, self.whole = [], False
        parser = httptools.HttpResponseParser(self)
        try:
            self.wire.sendall(written(question))
            while not self.whole:
                part = self.wire.recv(1 << 18)
                if not part:
                    raise ConnectionError("the server hung up before the end of its answer")
                parser.feed_data(part)
        except (OSError, httptools.HttpParserError) as error:
            self.close()
            raise OSError(f"{type(error).__name__}: {error}") from error
        if not parser.should_keep_alive():
            self.close()
        return parser.get_status_code(), b"".join(self.body)

    def close(self) -> None:
        """Hang up."""
        if self.wire is not None:
            self.wire.close()
            self.wire = None


def written(question: Question) -> bytes:
    """A question as it goes over the wire; bodies are JSON, or SQL where they do not look so."""
    method, address, body = question
    head = f"{method} {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
    if body:
        kind = "application/json" if body.startswith(b"{") else "text/plain"
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def asked(server: Server, questions: Iterator[Question], seconds: float) -> dict[str, float]:
    """What so many clients were told in so many seconds, or until there are no more questions.

    The time is taken until the last answer, so that a slow server is not given answers that came
    after the end. ``failed`` counts what is not 200; such answers are in no other figure but
    ``cpu_ms``. None at all leaves only that. The clients share ``questions``, which must bear that:
    ``map`` over a range and ``repeat`` do, a generator does not.
    """
    took: list[float] = []
    failed: list[str] = []
    used = processors(server.roots)
    begun = time.perf_counter()

    def client() -> None:
        web = Client(server.port)
        while time.perf_counter() - begun < seconds:
            question = next(questions, None)
            if question is None:
                break
            at = time.perf_counter()
            try:
                status, body = web.ask(question)
            except OSError as error:
                failed.append(str(error))
                time.sleep(0.1)
                continue
            if status == 200:
                took.append(time.perf_counter() - at)
            else:
                failed.append(f"status {status}: {body[:200]!r}")
        web.close()

    crowd = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    elapsed = time.perf_counter() - begun
    cpu = (processors(server.roots) - used) / max(1, len(took) + len(failed))
    figures: dict[str, Any] = {"failed": len(failed), "cpu_ms": round(1000 * cpu, 3)}
    if failed:
        figures["why"] = max(set(failed), key=failed.count)
    if took:
        took.sort()
        figures |= {
            "per_second": round(len(took) / elapsed, 2),
            "p50_ms": round(median(took) * 1000, 2),
            "p95_ms": round(took[int(len(took) * 0.95)] * 1000, 2),
        }
    return figures


def processors(roots: Iterable[int]) -> float:
    """The seconds of processors, of users and of the system, that these process trees have used."""
    found = 0.0
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(root)
            for one in (top, *top.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    spent = one.cpu_times()
                    found += spent.user + spent.system
                    found += spent.children_user + spent.children_system
    return found


def at_rest(roots: Iterable[int], patience: float) -> dict[str, float]:
    """Wait until a server does next to nothing unasked; what it did meanwhile.

    ``seconds`` near ``patience`` tell that it went on, and that its figures hold that too.
    """
    roots = tuple(roots)
    begun, first = time.monotonic(), processors(roots)
    before = first
    while time.monotonic() - begun < patience:
        time.sleep(1)
        now = processors(roots)
        if now - before < 0.05:
            break
        before = now
    spent = processors(roots) - first
    return {"seconds": round(time.monotonic() - begun, 1), "cpu_seconds": round(spent, 2)}


@contextlib.contextmanager
def running(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[psutil.Popen]:
    """A server process from its start to its end; what it says is kept in ``log``."""
    with log.open("wb") as said:
        process = psutil.Popen(command, env=environment, stdout=said, stderr=said)
    try:
        yield process
    finally:
        below = process.children(recursive=True) if process.is_running() else []
        process.terminate()
        _, alive = psutil.wait_procs([process, *below], timeout=15)
        for one in alive:
            one.kill()
        psutil.wait_procs(alive, timeout=5)


def until_answered(
    process: psutil.Popen, port: int, question: Question, log: Path, seconds: float
) -> float:
    """The seconds until the first answer; TimeoutError or RuntimeError with the log's end if none.

    A listening port is not enough: some servers load their table only then.
    """
    begun = time.monotonic()
    while True:
        web = Client(port)
        with contextlib.suppress(OSError):
            if web.ask(question)[0] == 200:
                web.close()
                return round(time.monotonic() - begun, 1)
        web.close()
        told = log.read_text(errors="replace")[-600:]
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode} before an answer: {told}")
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"no answer within {seconds:.0f} s: {told}")
        time.sleep(0.2)
