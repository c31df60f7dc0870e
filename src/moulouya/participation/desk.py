"""What the public may do: send something, read what is public, follow and withdraw their own."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

import sqlalchemy as sa

from moulouya.errors import MoulouyaError
from moulouya.participation.database import Database
from moulouya.participation.model import (
    SEEN,
    Event,
    Item,
    Submission,
    events_of,
    item_of,
    note_event,
    secret_hash,
)
from moulouya.participation.tables import CLOSED, OPEN, PUBLIC, items

MOST_IN_AN_HOUR = 100
SAME_WITHIN = dt.timedelta(days=30)
SENDER = "sender"
PLATFORM = "platform"


class TooMany(MoulouyaError):
    """More came in within the hour than people could have sent."""

    code = "too_many"
    retry = True


@dataclass(frozen=True)
class Page:
    """Some items of a list, and how many there are in all."""

    items: tuple[Item, ...]
    total: int


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Desk:
    """The part of the store that the portal uses: it inserts, and reads what is public.

    The one thing it changes is what a sender withdraws with the secret that only they have.
    """

    def __init__(self, store: Database, now: Callable[[], dt.datetime] = now) -> None:
        self._store = store
        self._now = now

    def submit(self, sent: Submission) -> tuple[int, str]:
        """Keep what was sent; returns its number and the secret of the private link.

        The same text about the same thing, sent again while the first waits, is joined to it.
        Raises TooMany, StoreError.
        """
        now, secret = self._now(), secrets.token_urlsafe(32)
        with self._store.writing() as con:
            recent = sa.select(sa.func.count()).where(items.c.created > now - dt.timedelta(hours=1))
            if con.execute(recent).scalar_one() >= MOST_IN_AN_HOUR:
                raise TooMany(f"{MOST_IN_AN_HOUR} came in within an hour")
            same = con.execute(
                sa.select(items.c.id)
                .where(items.c.digest == sent.digest, items.c.created > now - SAME_WITHIN)
                .where(items.c.same_as.is_(None), items.c.state.in_(OPEN))
                .order_by(items.c.id)
                .limit(1)
            ).scalar()
            added = sa.insert(items).values(
                kind=sent.kind, state="received", created=now, language=sent.language,
                title=sent.title, body=sent.body, dataset=sent.dataset, column_name=sent.column,
                row_key=sent.row, name=sent.name, email=sent.email, flags=" ".join(sent.flags),
                digest=sent.digest, secret=secret_hash(secret), same_as=same,
                urgent=False, extended=False,
            )  # fmt: skip
            number = int(con.execute(added.returning(items.c.id)).scalar_one())
            note_event(con, number, now, "received", SENDER)
        return number, secret

    def find(self, number: int) -> Item | None:
        """One public item with what happened to it."""
        query = sa.select(*SEEN).where(items.c.id == number, *_public())
        with self._store.reading() as con:
            row = con.execute(query).mappings().first()
            return item_of(row, _told(events_of(con, number))) if row is not None else None

    def listing(
        self,
        *,
        kind: str = "",
        state: str = "",
        words: str = "",
        dataset: str = "",
        page: int = 1,
        size: int = 20,
    ) -> Page:
        """Public items, the newest first, that fit every filter that is given."""
        fits = list(_public())
        if kind:
            fits.append(items.c.kind == kind)
        if state:
            fits.append(items.c.state == state)
        if dataset:
            fits.append(items.c.dataset == dataset)
        for word in words.split()[:10]:
            fits.append(
                items.c.title.icontains(word, autoescape=True)
                | items.c.body.icontains(word, autoescape=True)
            )
        found = sa.select(*SEEN).where(*fits).order_by(items.c.id.desc())
        with self._store.reading() as con:
            rows = con.execute(found.limit(size).offset((page - 1) * size)).mappings().all()
            shown = tuple(item_of(row) for row in rows)
            if page == 1 and len(shown) < size:
                return Page(shown, len(shown))
            total = con.execute(sa.select(sa.func.count()).select_from(items).where(*fits))
            return Page(shown, total.scalar_one())

    def mine(self, secret: str) -> Item | None:
        """The item that a private link belongs to, public or not.

        Where it was joined to another one, its state and events are those of the other.
        """
        with self._store.reading() as con:
            own = (
                con.execute(
                    sa.select(*SEEN, items.c.same_as).where(items.c.secret == secret_hash(secret))
                )
                .mappings()
                .first()
            )
            if own is None:
                return None
            first = None
            if own["same_as"] is not None and own["state"] == "received":
                query = sa.select(*SEEN).where(items.c.id == own["same_as"])
                first = con.execute(query).mappings().first()
            row = first if first is not None else own
            item = item_of(row, _told(events_of(con, row["id"])))
        return replace(item, created=own["created"])

    def withdraw(self, secret: str) -> bool:
        """Take back what was sent: its texts and all about its sender are deleted at once.

        Where others sent the same, theirs stays. Returns False when there is nothing to withdraw.
        """
        now = self._now()
        with self._store.writing() as con:
            own = (
                con.execute(
                    sa.select(items).where(items.c.secret == secret_hash(secret)).with_for_update()
                )
                .mappings()
                .first()
            )
            if own is None or own["state"] in ("withdrawn", "spam"):
                return False
            number = _step_back(con, own["id"])
            emptied = {
                "title": "", "body": "", "row_key": None, "name": None, "email": None,
                "digest": "", "state": "withdrawn", "closed": now, "same_as": None,
            }  # fmt: skip
            con.execute(sa.update(items).where(items.c.id == number).values(emptied))
            note_event(con, number, now, "withdrawn", SENDER)
        return True


def _step_back(con: sa.Connection, number: int) -> int:
    """The row to empty: where others sent the same, one of them takes the place of this sender."""
    joined = (
        con.execute(
            sa.select(items)
            .where(items.c.same_as == number, items.c.state.not_in(CLOSED))
            .order_by(items.c.id)
            .limit(1)
        )
        .mappings()
        .first()
    )
    if joined is None:
        return number
    own = con.execute(sa.select(items).where(items.c.id == number)).mappings().one()
    moved = ("secret", "name", "email", "created")
    parked = {"secret": f"moving {number}", "name": None, "email": None}
    con.execute(sa.update(items).where(items.c.id == joined["id"]).values(parked))
    for row, taken in ((number, joined), (joined["id"], own)):
        values = {name: taken[name] for name in moved}
        con.execute(sa.update(items).where(items.c.id == row).values(values))
    return int(joined["id"])


def _public() -> tuple[sa.ColumnElement[bool], ...]:
    return (items.c.state.in_(PUBLIC), items.c.same_as.is_(None))


def _told(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Events for the public: which official it was is for the moderators."""
    return tuple(replace(event, by=SENDER if event.by == SENDER else PLATFORM) for event in events)
