"""What a form carries to show when it was opened, signed, so that no cookie is needed."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

from moulouya.settings import Settings

SOONEST = 3
LATEST = 4 * 3600
FRESH, EARLY, LATE = "fresh", "early", "late"


class Tickets:
    """Gives out and judges the tickets of forms; every process of a portal has the same key."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock

    def give(self) -> str:
        """A ticket for a form that is opened now."""
        return str(self._serializer.dumps(secrets.token_urlsafe(6)))

    def judge(self, ticket: str) -> str:
        """``fresh``; ``early`` when no person types that fast; ``late``, or none of ours."""
        try:
            _, opened = self._serializer.loads(ticket[:200], return_timestamp=True)
        except BadSignature:
            return LATE
        age = self._clock() - opened.timestamp()
        if age > LATEST:
            return LATE
        return FRESH if age >= SOONEST else EARLY

    @cached_property
    def _serializer(self) -> URLSafeTimedSerializer:
        clock = self._clock

        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock())

        return URLSafeTimedSerializer(self._key(), salt="form", signer=Signer)

    def _key(self) -> bytes:
        given = self._settings.secret_key.get_secret_value()
        if given:
            return given.encode()
        path = self._settings.state_root / "portal" / "form.key"
        if not path.exists():
            _make(path)
        return path.read_bytes()


def _make(path: Path) -> None:
    """Make a key that only this user reads, whole or not at all; whoever comes first makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".form.key.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(secrets.token_hex(32).encode())
        with suppress(FileExistsError):
            os.link(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
