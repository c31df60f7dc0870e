"""Following what is published: asked for by anybody, begun by the owner of the address alone.

A follow counts once it was confirmed by a link that only its mail holds. Every link is signed with
a key of that one follow, kept beside it: deleting the follow ends its links, whatever was sent.
"""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from moulouya.participation.database import Database
from moulouya.participation.desk import TooMany, now
from moulouya.participation.tables import followers

CONFIRM_DAYS = 3
MOST_IN_AN_HOUR = 200
# Nobody gets more mails that they never asked for than this, whoever types in their address.
MOST_UNCONFIRMED = 3
ASK_AGAIN_AFTER = dt.timedelta(days=1)
CONFIRM, CANCEL = "confirm", "cancel"


@dataclass(frozen=True)
class Follow:
    """Somebody who wants to know: where they are told, of what, and in which language.

    ``told`` is the release they know of; ``tries`` counts attempts to tell them of a newer one.
    """

    id: int
    channel: str
    address: str
    scope: str
    topic: str
    language: str
    key: str
    created: dt.datetime
    confirmed: dt.datetime | None
    told: int
    told_at: dt.datetime | None
    tries: int
    failures: int
    problem: str | None
    disabled: dt.datetime | None

    def token(self, purpose: str) -> str:
        """What a link must hold to confirm or to cancel this follow, and no other."""
        return f"{self.id}.{_signature(self.key, purpose)}"


SEEN = tuple(followers.c[name] for name in Follow.__dataclass_fields__)


class Following:
    """The part of the store that the portal uses: it inserts, confirms and deletes follows."""

    def __init__(self, store: Database, now: Callable[[], dt.datetime] = now) -> None:
        self._store = store
        self._now = now

    def ask(self, address: str, scope: str, topic: str, language: str) -> None:
        """Keep that an address asks to follow something, until it confirms.

        Says nothing of whether the address was known: nobody learns who follows what. Raises
        TooMany, StoreError.
        """
        now = self._now()
        mine = (followers.c.channel == "mail", followers.c.address == address)
        with self._store.writing() as con:
            recent = sa.select(sa.func.count()).where(
                followers.c.created > now - dt.timedelta(hours=1)
            )
            if con.execute(recent).scalar_one() >= MOST_IN_AN_HOUR:
                raise TooMany(f"{MOST_IN_AN_HOUR} wanted to follow something within an hour")
            same = (*mine, followers.c.scope == scope, followers.c.topic == topic)
            known = con.execute(sa.select(*SEEN, followers.c.asked).where(*same)).mappings().first()
            if known is not None:
                if known["confirmed"] is None and now - known["created"] > ASK_AGAIN_AFTER:
                    again = {"created": now, "asked": None, "tries": 0, "language": language}
                    con.execute(sa.update(followers).where(*same).values(again))
                return
            waiting = sa.select(sa.func.count()).where(*mine, followers.c.confirmed.is_(None))
            if con.execute(waiting).scalar_one() >= MOST_UNCONFIRMED:
                return
            insert(con, "mail", address, scope, topic, language, now)

    def find(self, token: str, purpose: str) -> Follow | None:
        """The follow that a link belongs to, None where there is none (any more)."""
        with self._store.reading() as con:
            return _of_token(con, token, purpose)

    def confirm(self, token: str, release: int) -> Follow | None:
        """Begin a follow, from this release on; None where the link came too late."""
        now = self._now()
        with self._store.writing() as con:
            found = _of_token(con, token, CONFIRM)
            if found is None or found.confirmed is not None:
                return found
            if now - found.created > dt.timedelta(days=CONFIRM_DAYS):
                return None
            begun = {"confirmed": now, "told": release}
            con.execute(sa.update(followers).where(followers.c.id == found.id).values(begun))
        return found

    def followed(self, token: str) -> list[Follow]:
        """Everything that the address behind a link follows."""
        with self._store.reading() as con:
            own = _of_token(con, token, CANCEL)
            if own is None:
                return []
            query = (
                sa.select(*SEEN)
                .where(followers.c.channel == own.channel, followers.c.address == own.address)
                .where(followers.c.confirmed.is_not(None) | (followers.c.id == own.id))
                .order_by(followers.c.id)
            )
            return [Follow(**row) for row in con.execute(query).mappings()]

    def cancel(self, token: str, number: int | None = None, *, every: bool = False) -> bool:
        """Delete the follow of a link, another one of the same address, or all of it at once.

        Returns False when there was nothing to delete.
        """
        with self._store.writing() as con:
            own = _of_token(con, token, CANCEL)
            if own is None:
                return False
            fits = [followers.c.channel == own.channel, followers.c.address == own.address]
            if not every:
                fits.append(followers.c.id == (own.id if number is None else number))
            return bool(con.execute(sa.delete(followers).where(*fits)).rowcount)


def insert(
    con: sa.Connection,
    channel: str,
    address: str,
    scope: str,
    topic: str,
    language: str,
    at: dt.datetime,
    key: str = "",
    **more: object,
) -> int:
    """Add a follow, unconfirmed unless told otherwise; returns its number."""
    values = {
        "channel": channel, "address": address, "scope": scope, "topic": topic,
        "language": language, "key": key or secrets.token_hex(32), "created": at, "told": 0,
        "tries": 0, "failures": 0,
    }  # fmt: skip
    added = sa.insert(followers).values(values | more).returning(followers.c.id)
    return int(con.execute(added).scalar_one())


def _of_token(con: sa.Connection, token: str, purpose: str) -> Follow | None:
    number, _, signature = token.partition(".")
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        return None
    row = con.execute(sa.select(*SEEN).where(followers.c.id == int(number))).mappings().first()
    if row is None:
        return None
    right = hmac.compare_digest(
        signature.encode("utf-8", "replace"), _signature(row["key"], purpose).encode()
    )
    return Follow(**row) if right else None


def _signature(key: str, purpose: str) -> str:
    """160 bits in letters and digits only: mail programs cut other endings off a link."""
    return hmac.digest(bytes.fromhex(key), purpose.encode(), "sha256").hex()[:40]
