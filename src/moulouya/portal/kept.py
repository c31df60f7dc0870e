"""Answers that never change, kept in memory: the least recently used go first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by a key that says all they depend on, such as a version's hash; for any thread.

    ``most`` bounds the sum of their sizes. Each counts as one, or as what ``size`` says of it; one
    that is larger than ``most`` or ``largest`` is not kept.
    """

    def __init__(
        self,
        most: int,
        size: Callable[[Value], int] | None = None,
        largest: int | None = None,
    ) -> None:
        self._kept: LRUCache[Hashable, Value] = LRUCache(most, getsizeof=size)
        self._largest = most if largest is None else min(most, largest)
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Value | None:
        """What is kept for a key, or None."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: Hashable, value: Value) -> Value:
        """Keep a value, and give it back."""
        if self._kept.getsizeof(value) <= self._largest:
            with self._lock:
                self._kept[key] = value
        return value

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value for a key, made when it is first asked for; an error is not kept."""
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        return self.keep(key, make())

    def forget(self, key: Hashable) -> None:
        """Drop what is kept for a key, if anything is."""
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()
