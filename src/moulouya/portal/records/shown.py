"""Which version records the releases of a lake have shown, and with which hash."""

from __future__ import annotations

import threading
from functools import lru_cache

import orjson

from moulouya.storage.lake import Lake


class Shown:
    """The SHA-256 of every version.json by slug and version, learnt from the manifests.

    Manifests are read from the newest backwards, as far as an answer needs, and each one once.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._hashes: dict[tuple[str, int], str] = {}
        self._unread: list[int] = []
        self._newest = 0
        self._lock = threading.Lock()

    def sha256(self, slug: str, number: int) -> str | None:
        """The hash by the newest release that showed the version; None where none did."""
        with self._lock:
            self._notice()
            while (slug, number) not in self._hashes and self._unread:
                self._read(self._unread.pop())
            return self._hashes.get((slug, number))

    def _notice(self) -> None:
        """New releases are read at once: they are few, and they know best."""
        numbers = [one for one in self._lake.numbers_here(self._lake.releases)
                   if one > self._newest]  # fmt: skip
        if not self._newest:
            self._unread = sorted(numbers)
        else:
            for number in sorted(numbers, reverse=True):
                self._read(number, newer=True)
        self._newest = max([self._newest, *numbers])

    def _read(self, number: int, newer: bool = False) -> None:
        path = self._lake.release(number) / "manifest.json"
        if not path.exists():
            return
        for slug, named in orjson.loads(path.read_bytes())["datasets"].items():
            key = (slug, int(named["version"]))
            if newer or key not in self._hashes:
                self._hashes[key] = str(named["version_sha256"])


@lru_cache(maxsize=16)
def shown(lake: Lake) -> Shown:
    """What the releases of a lake have shown, kept for as long as the process lives."""
    return Shown(lake)
