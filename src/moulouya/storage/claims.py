"""Claims: who writes a numbered directory of a bucket, and whether they are still alive.

A number is claimed by creating ``<n>/claim``, which only one writer can. The owner writes the claim
anew every few seconds; whoever waits for the number compares the time at which that last happened
with the store's own clock, never with this host's. The number of an owner who fell silent is
abandoned by putting a seal that says so: an owner who was only asleep finds the seal taken, and
the number is never used again.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from moulouya.errors import LakeError
from moulouya.storage.files import canonical_json
from moulouya.storage.objects import Objects

BEAT = 4.0
SILENT = 20.0  # seconds without a beat after which an owner counts as dead
LOOK = 1.0
CLAIM = "claim"
ABANDONED = "abandoned"
log = structlog.get_logger("moulouya.storage")


@dataclass(frozen=True)
class Claim:
    """A directory that this process alone may write to."""

    objects: Objects
    key: str
    said: bytes

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Show that the owner lives while the block runs."""
        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=(ended,), name="claim", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(BEAT):
            try:
                self.objects.put(self.key, self.said)
            except LakeError as error:
                # Should it last, the number is abandoned and the commit is told so.
                log.warning("claim not renewed", claim=self.key, reason=error.message)


def claim(objects: Objects, folder: str) -> Claim | None:
    """Claim a directory, or None because somebody has."""
    key = f"{folder}/{CLAIM}"
    nonce = secrets.token_hex(16)
    said = canonical_json(
        {"format": 1, "writer": nonce, "host": socket.gethostname(), "process": os.getpid()}
    )
    return Claim(objects, key, said) if objects.put_new(key, said) else None


def wait_for_seal(objects: Objects, folder: str, seal: str) -> None:
    """Wait until a directory that somebody else claimed is sealed, or abandon it for them."""
    told = False
    while objects.head(f"{folder}/{seal}") is None:
        beat = objects.head(f"{folder}/{CLAIM}")
        if beat is None or objects.now() - beat.modified > dt.timedelta(seconds=SILENT):
            abandon(objects, folder, seal)
            return
        if not told:
            log.info("waiting for another writer", directory=folder)
            told = True
        time.sleep(LOOK)


def abandon(objects: Objects, folder: str, seal: str) -> None:
    """Seal a directory as one that holds nothing and never will; no harm if it is sealed."""
    said = {"format": 1, ABANDONED: True, "by": secrets.token_hex(16)}
    if objects.put_new(f"{folder}/{seal}", canonical_json(said)):
        log.warning("abandoned what a writer left behind", directory=folder)


def is_abandoned(seal: bytes) -> bool:
    """Whether a seal says that its directory holds nothing."""
    try:
        said = json.loads(seal)
    except ValueError:
        return False  # it is damaged, which is for whoever reads it to say
    return isinstance(said, dict) and said.get(ABANDONED) is True
