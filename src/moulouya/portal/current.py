"""Which release is served now: a newer one is taken up by itself, a damaged one is passed over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import structlog

from moulouya import witness
from moulouya.errors import LakeError
from moulouya.portal.marks import Verified
from moulouya.portal.published import Catalogue, newest_number, read_release
from moulouya.released import gone, is_void
from moulouya.settings import Settings
from moulouya.storage import leases
from moulouya.storage.crashpoints import reached
from moulouya.storage.lake import Lake
from moulouya.storage.leases import Lease

RETRY_DAMAGED = 30.0
PATIENCE = 2.0
CUT_OFF = "the lake's store does not answer: there may be a newer release"
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class State:
    """What health reports: the release served, the newest committed, and why they differ."""

    serving: int | None
    newest: int | None
    problem: str | None


class Current:
    """The release being served, looked after by whoever asks for it.

    At most every ``look_every`` seconds a request checks whether log/<n+1> exists. Reading and
    hashing happen in one background thread; requests wait ``PATIENCE`` seconds for it at most and
    are answered from the release before. Where the lake is in a store, the thread checks too, and
    while the store does not answer what was brought before is served.
    """

    def __init__(
        self,
        lake: Lake,
        look_every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        marks: Path | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.lake = lake
        self._settings = settings
        self._doubt: str | None = None
        self.verified = Verified(marks)
        self._look_every = look_every
        self._clock = clock
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="release")
        self._catalogue: Catalogue | None = None
        self._newest = 0
        self._problem: str | None = None
        self._next_look = 0.0
        self._next_retry = 0.0
        self._loading: Future[None] | None = None
        self._looking: Future[None] | None = None
        self._cut_off = False
        self._leases: list[Lease] = []

    def catalogue(self) -> Catalogue | None:
        """The release to serve, or None while nothing was ever released. May block a little."""
        with self._lock:
            if self._clock() >= self._next_look:
                self._next_look = self._clock() + self._look_every
                self._look()
            loading = self._loading
        if loading is not None and not loading.done():
            wait([loading], timeout=PATIENCE if self._catalogue is not None else None)
        return self._catalogue

    def due(self) -> bool:
        """True when asking for the catalogue may have to read files."""
        return self._busy or self._clock() >= self._next_look

    @property
    def _busy(self) -> bool:
        return self._loading is not None and not self._loading.done()

    @property
    def served(self) -> Catalogue | None:
        """The release that is in memory, without looking for a newer one."""
        return self._catalogue

    def state(self) -> State:
        """What is served and what is wrong."""
        serving = self._catalogue.number if self._catalogue is not None else None
        problem = self._problem or (CUT_OFF if self._cut_off else None) or self._doubt
        return State(serving, self._newest or None, problem)

    def _look(self) -> None:
        if self._busy:
            return
        if not self.lake.remote:
            self._take_up(self._newer())
        elif self._catalogue is None:
            self._loading = self._thread.submit(self._look_far)
        elif self._looking is None or self._looking.done():
            self._looking = self._thread.submit(self._look_far)

    def _newer(self) -> int | None:
        if self._doubt is not None or not self._newest or not self._is_there():
            self._compare()
        return newest_number(self.lake, self._newest) if self._newest else self._last_in_log()

    def _is_there(self) -> bool:
        """Whether the newest entry still lies where it was; a store is not asked."""
        return self.lake.remote or (self.lake.log / str(self._newest)).exists()

    def _compare(self) -> None:
        """See whether the lake is all that was seen of it; if not, health says so."""
        if self._settings is None:
            return
        try:
            doubt = witness.doubt(self._settings, self.lake)
        except LakeError as error:
            doubt = None if error.retry else error.message
        if doubt is not None and self._doubt is None:
            log.error("not the lake that was seen", reason=doubt)
        self._doubt = doubt

    def _look_far(self) -> None:
        """Ask the store for a newer release; where it is silent, make do with what is here."""
        try:
            newer = self._newer()
        except LakeError as error:
            if not self._cut_off:
                log.warning("the lake's store does not answer", reason=error.message)
            self._cut_off = True
            here = self.lake.numbers_here(self.lake.log) if not self._newest else []
            newer = here[-1] if here else None
        else:
            if self._cut_off:
                log.info("the lake's store answers again")
            self._cut_off = False
        if self._catalogue is None:
            self._newest = newer or self._newest
            if self._newest:
                self._load()
            return
        self._take_up(newer)

    def _take_up(self, newer: int | None) -> None:
        retry = self._problem is not None and self._clock() >= self._next_retry
        if newer is None and not retry:
            return
        self._newest = newer or self._newest
        self._loading = self._thread.submit(self._load)

    def _last_in_log(self) -> int | None:
        return self.lake.latest(self.lake.log)

    def _load(self) -> None:
        """Serve the newest sound release; say which newer ones are not."""
        problem: str | None = None
        floor = self._catalogue.number if self._catalogue is not None else 0
        for number in range(self._newest, floor, -1):
            try:
                if is_void(self.lake, number):
                    continue
                self._serve(number)
            except LakeError as error:
                log.error("release refused", release=number, reason=error.message, serving=floor)
                problem = problem or error.message.replace(f"{self.lake.root}/", "")
                continue
            break
        self.verified.keep()
        self._compare()
        if self._settings is not None and self._catalogue is not None and self._doubt is None:
            witness.remember(self._settings, self.lake, self._catalogue.number)
        self._problem = problem
        self._next_retry = self._clock() + RETRY_DAMAGED

    def _oldest(self) -> int:
        """The oldest release that has not expired; where the newest is damaged, nobody can tell."""
        try:
            return gone(self.lake).expired.releases_before
        except LakeError:
            return 1

    def _serve(self, number: int) -> None:
        """Take up a release under a lease, so that nothing of it is cleared away meanwhile.

        That of the release before is given back one release later: its pages are still being sent.
        """
        reached("reader_after_head")
        lease = leases.hold(self.lake, number)
        try:
            if number < self._oldest():
                raise LakeError(f"release {number} has expired")
            reached("reader_after_check")
            catalogue = read_release(self.lake, number, self.verified, self._catalogue)
        except LakeError:
            lease.give_back()
            raise
        self._catalogue = catalogue
        self._leases.append(lease)
        while len(self._leases) > 2:
            self._leases.pop(0).give_back()
        log.info("release served", release=number, datasets=len(catalogue.datasets))
