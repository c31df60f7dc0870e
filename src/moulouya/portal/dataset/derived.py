"""What is worked out from a whole catalogue, once for each release that is served."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from moulouya.portal.published import Catalogue

T = TypeVar("T")


class OncePerRelease(Generic[T]):
    """Keeps what ``make`` says of the newest catalogue asked about; a release never changes.

    ``make`` is given what it said of the catalogue before, so that it can start from there.
    """

    def __init__(self, make: Callable[[Catalogue, T | None], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: tuple[Catalogue, T] | None = None

    def of(self, catalogue: Catalogue) -> T:
        """What there is to say of a catalogue; made on the first call for it."""
        kept = self._kept
        if kept is not None and kept[0] is catalogue:
            return kept[1]
        with self._lock:
            kept = self._kept
            if kept is None or kept[0] is not catalogue:
                before = kept[1] if kept is not None else None
                kept = self._kept = (catalogue, self._make(catalogue, before))
            return kept[1]
