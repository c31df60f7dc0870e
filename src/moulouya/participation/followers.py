"""The records of who was told what, for those who send: written before and after each message.

What is noted before says what may have been sent by a run that was killed; it is sent again, with
the same Message-ID or webhook-id, and nothing else is.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa

from moulouya.errors import UsageError
from moulouya.participation.database import Database
from moulouya.participation.desk import now
from moulouya.participation.following import CONFIRM_DAYS, SEEN, Follow, insert
from moulouya.participation.tables import followers

# A theme or the whole catalogue changes with many releases of a day: one mail tells of them all.
DIGEST_EVERY = dt.timedelta(hours=20)
MOST_TRIES = 12
MOST_FAILURES = 5
AT_ONCE = 500


class Followers:
    """The part of the store for those who send."""

    def __init__(self, store: Database, now: Callable[[], dt.datetime] = now) -> None:
        self._store = store
        self._now = now

    def unasked(self) -> list[Follow]:
        """Those who wait for the mail with the link that confirms."""
        return self._list(
            followers.c.channel == "mail",
            followers.c.confirmed.is_(None),
            followers.c.asked.is_(None),
            followers.c.created > self._now() - dt.timedelta(days=CONFIRM_DAYS),
            followers.c.tries < MOST_TRIES,
        )

    def due(self, channel: str, release: int) -> list[Follow]:
        """Those who do not know of a release yet and may be told now."""
        query = [
            followers.c.channel == channel,
            followers.c.confirmed.is_not(None),
            followers.c.disabled.is_(None),
            followers.c.told < release,
        ]
        if channel == "mail":
            query.append(
                (followers.c.scope == "dataset")
                | followers.c.told_at.is_(None)
                | (followers.c.told_at <= self._now() - DIGEST_EVERY)
            )
        return self._list(*query)

    def every(self, channel: str) -> list[Follow]:
        """All of a channel."""
        return self._list(followers.c.channel == channel)

    def begin(self, follow: Follow, release: int) -> bool:
        """Note that somebody is about to be told; False when they cancelled meanwhile.

        ``release`` is 0 for the mail that asks to confirm. The tries of another release do not
        count for this one.
        """
        tries = sa.case((followers.c.trying == release, followers.c.tries + 1), else_=1)
        return self._set(follow, {"trying": release, "tries": tries})

    def asked(self, follow: Follow) -> None:
        """Note that the mail with the link that confirms was sent."""
        self._set(follow, {"asked": self._now(), **_NOTHING_WRONG})

    def told(self, follow: Follow, release: int) -> None:
        """Note that somebody was told of everything up to a release."""
        self._set(follow, {"told": release, "told_at": self._now(), **_NOTHING_WRONG})

    def passed(self, unconcerned: Iterable[Follow], release: int) -> None:
        """Note that nothing changed for these up to a release."""
        numbers = [follow.id for follow in unconcerned]
        with self._store.writing() as con:
            for start in range(0, len(numbers), AT_ONCE):
                some = followers.c.id.in_(numbers[start : start + AT_ONCE])
                con.execute(sa.update(followers).where(some).values(told=release))

    def failed(self, follow: Follow, problem: str, *, for_good: bool = False) -> bool:
        """Note why somebody could not be told; True when that was once too often.

        Then a webhook is disabled, and an address that takes no mail is deleted.
        """
        failures = follow.failures + 1
        over = for_good or failures >= MOST_FAILURES
        if over and follow.channel == "mail":
            self.remove(follow.id)
            return True
        self._set(
            follow,
            {
                "failures": failures,
                "problem": problem[:500],
                "disabled": self._now() if over else None,
            },
        )
        return over

    def given_up(self, follow: Follow, release: int, problem: str) -> None:
        """Go on without having told somebody of this release: it was tried too often."""
        self._set(follow, {"told": release, "trying": None, "tries": 0, "problem": problem[:500]})

    def add_webhook(self, url: str, scope: str, topic: str, release: int) -> tuple[int, str]:
        """Register an address that is told from this release on; its number and its secret key.

        Raises UsageError where it is registered already.
        """
        now, key = self._now(), secrets.token_hex(32)
        with self._store.writing() as con:
            same = sa.select(followers.c.id).where(
                followers.c.channel == "webhook", followers.c.address == url,
                followers.c.scope == scope, followers.c.topic == topic,
            )  # fmt: skip
            known = con.execute(same).scalar()
            if known is not None:
                raise UsageError(
                    f"{url} follows that already, as {known}",
                    hint=f"moulouya webhooks remove {known}",
                )
            begun = {"confirmed": now, "told": release}
            return insert(con, "webhook", url, scope, topic, "en", now, key, **begun), key

    def enable(self, number: int, release: int) -> Follow:
        """Let a disabled webhook be told again, of what comes from now on; raises UsageError."""
        follow = self.webhook(number)
        self._set(follow, {"told": release, "disabled": None, **_NOTHING_WRONG})
        return self.webhook(number)

    def webhook(self, number: int) -> Follow:
        """One webhook; raises UsageError when there is none of this number."""
        found = self._list(followers.c.id == number, followers.c.channel == "webhook")
        if not found:
            raise UsageError(f"there is no webhook {number}", hint="moulouya notify --list")
        return found[0]

    def remove(self, number: int) -> None:
        """Delete a follow."""
        with self._store.writing() as con:
            con.execute(sa.delete(followers).where(followers.c.id == number))

    def forget_unconfirmed(self) -> int:
        """Delete the addresses that did not confirm in time; how many they were."""
        before = self._now() - dt.timedelta(days=CONFIRM_DAYS)
        with self._store.writing() as con:
            late = (followers.c.confirmed.is_(None), followers.c.created <= before)
            return con.execute(sa.delete(followers).where(*late)).rowcount

    def _list(self, *fits: sa.ColumnElement[bool]) -> list[Follow]:
        query = sa.select(*SEEN).where(*fits).order_by(followers.c.id)
        with self._store.reading() as con:
            return [Follow(**row) for row in con.execute(query).mappings()]

    def _set(self, follow: Follow, values: dict[str, object]) -> bool:
        with self._store.writing() as con:
            row = followers.c.id == follow.id
            return bool(con.execute(sa.update(followers).where(row).values(values)).rowcount)


_NOTHING_WRONG = {"trying": None, "tries": 0, "failures": 0, "problem": None}


def concerns(follow: Follow, slug: str, themes: Sequence[str]) -> bool:
    """Whether a follower wants to know of a dataset."""
    match follow.scope:
        case "dataset":
            return follow.topic == slug
        case "theme":
            return follow.topic in themes
        case _:
            return True
