"""Whose statement runs when: so many at once, a bounded queue, and no client before all others.

A client that has little under way goes before one that has much. A statement that runs long gives
way to short ones by its priority; where all places are taken by long ones and others wait, the
client with the most of them loses its newest.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from moulouya.portal.query.forker import Forker, NoWorkers, Run
from moulouya.portal.query.worker import SYSTEM, Job

QUEUE = 64
PATIENCE = 2.0
LONG = 0.5
RELIEF_AFTER = 0.25
log = structlog.get_logger("moulouya.portal")


class Busy(Exception):
    """There is no place for the statement now; ``seconds``: when to come back."""

    def __init__(self, message: str, seconds: int = 2) -> None:
        super().__init__(message)
        self.seconds = seconds


class Unavailable(Exception):
    """No statement can be run on this machine, or now."""


@dataclass
class Place:
    """A statement that runs."""

    client: str
    began: float
    run: Run | None = None
    pushed_out: bool = False


@dataclass
class _Waiting:
    client: str
    most: int
    since: float
    turn: asyncio.Future[Place]


class Places:
    """The places at which statements run, and the queue for them."""

    def __init__(self, number: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.number = number
        self._clock = clock
        self._taken: list[Place] = []
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def place(self, client: str, most: int) -> AsyncIterator[Place]:
        """Wait for a place, of which the client has at most so many; raises Busy."""
        held = await self._take(client, most)
        try:
            yield held
        finally:
            self._taken.remove(held)
            self._next()

    async def _take(self, client: str, most: int) -> Place:
        if len(self._waiting) >= QUEUE:
            raise Busy("too many statements wait already")
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(client, most, self._clock(), turn)
        self._waiting.append(waiting)
        self._next()
        try:
            return await self._turn(waiting)
        except BaseException:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                self._taken.remove(turn.result())
                self._next()
            raise

    async def _turn(self, waiting: _Waiting) -> Place:
        end = waiting.since + PATIENCE
        while not waiting.turn.done():
            left = end - self._clock()
            if left <= 0:
                raise Busy("no place became free in time")
            await asyncio.wait([waiting.turn], timeout=min(left, RELIEF_AFTER))
            if not waiting.turn.done() and self._clock() - waiting.since >= RELIEF_AFTER:
                self._relieve(waiting.client)
        return waiting.turn.result()

    def _next(self) -> None:
        """Give free places away: to who has least under way first, then to who came first."""
        while len(self._taken) < self.number:
            having = Counter(place.client for place in self._taken)
            able = [one for one in self._waiting if having[one.client] < one.most]
            if not able:
                return
            chosen = min(able, key=lambda one: (having[one.client], one.since))
            self._waiting.remove(chosen)
            place = Place(chosen.client, self._clock())
            self._taken.append(place)
            chosen.turn.set_result(place)

    def _relieve(self, client: str) -> None:
        """End a long statement of who has the most of them, where the one waiting has fewer."""
        if len(self._taken) < self.number or any(place.pushed_out for place in self._taken):
            return
        now = self._clock()
        long = [p for p in self._taken if p.run is not None and now - p.began > LONG]
        having = Counter(place.client for place in long)
        if len(long) < self.number or not having:
            return
        heaviest, count = having.most_common(1)[0]
        if heaviest == client or count < 2:
            return
        newest = max((p for p in long if p.client == heaviest), key=lambda p: p.began)
        newest.pushed_out = True
        assert newest.run is not None
        newest.run.cancel()
        log.info("a long statement made room", running=len(self._taken))


class Pool:
    """Workers for the release that is served; another release gets a server process of its own."""

    def __init__(self, number: int, memory: int, layers: tuple[str, ...]) -> None:
        self.places = Places(number)
        self.memory = memory
        self.layers = layers
        self.problem: str | None = None
        self._forker: Forker | None = None
        self._begun: Forker | None = None
        self._retired: list[Forker] = []
        self._starting = asyncio.Lock()

    @property
    def duckdb_memory(self) -> int:
        """What DuckDB may use of a worker's memory: the rest is for what it does not count."""
        return self.memory * 6 // 10

    def forker_for(self, release: int, metadata: Path) -> Forker:
        """A new server process, which is not waited for; raises OSError."""
        return Forker(release, metadata, self.duckdb_memory)

    def adopt(self, begun: Forker | None) -> None:
        """Use a process that was started ahead, if it is for the release that is asked for."""
        self._begun = begun

    async def start(self, release: int, metadata: Path) -> Forker:
        """The server process for a release; raises Unavailable."""
        found = self._forker
        if found is not None and found.alive and found.release == release:
            return found
        async with self._starting:
            self._retired = [one for one in self._retired if self._still(one)]
            found = self._forker
            if found is not None and found.alive and found.release == release:
                return found
            begun, self._begun = self._begun, None
            if begun is not None and begun.release != release:
                begun.stop()
                begun = None
            try:
                forker = begun or self.forker_for(release, metadata)
                await forker.ready()
            except (NoWorkers, OSError) as error:
                self.problem = str(error)
                raise Unavailable(self.problem) from error
            if forker.could and SYSTEM in self.layers:
                forker.stop()
                self.problem = (
                    "this machine cannot lock a process in (it needs Landlock or seccomp): "
                    f"it could {', '.join(forker.could)}"
                )
                raise Unavailable(self.problem)
            self.problem = None
            if found is not None:
                self._retired.append(found)
            self._forker = forker
            log.info("statements are run", release=release, layers=self.layers)
            return forker

    def _still(self, forker: Forker) -> bool:
        if forker.alive and forker.busy:
            return True
        forker.stop()
        return False

    async def run(self, forker: Forker, job: Job, place: Place) -> Run:
        """Start a statement at a place; raises Unavailable."""
        try:
            run = await forker.run(job)
        except NoWorkers as error:
            raise Unavailable(str(error)) from error
        place.run, place.began = run, time.monotonic()
        return run

    def stop(self) -> None:
        """End every process."""
        for one in (*self._retired, self._forker, self._begun):
            if one is not None:
                one.stop()
        self._forker, self._begun, self._retired = None, None, []
