"""What those do who answer: read everything, make public, answer, decline, delete."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from moulouya.errors import UsageError
from moulouya.participation.database import Database
from moulouya.participation.desk import now
from moulouya.participation.model import Case, events_of, item_of, note_event
from moulouya.participation.tables import CLOSED, items

# From which states each decision may be taken.
DECISIONS: dict[str, tuple[str, ...]] = {
    "accepted": ("received", "spam"),
    "in_progress": ("accepted",),
    "extended": ("accepted", "in_progress"),
    "answered": ("received", "accepted", "in_progress"),
    "declined": ("received", "accepted", "in_progress"),
    "spam": ("received", "accepted", "in_progress"),
}


@dataclass(frozen=True)
class Unanswered:
    """A sender who left an address and was not told yet how their request was decided.

    ``row`` is what they sent, ``id`` the request that was decided, to which theirs was joined.
    """

    row: int
    id: int
    email: str
    language: str
    state: str
    title: str
    note: str
    answer_dataset: str | None


class Moderation:
    """The part of the store for those who answer, by command line and in Airflow."""

    def __init__(self, store: Database, now: Callable[[], dt.datetime] = now) -> None:
        self._store = store
        self._now = now

    def cases(self, states: Collection[str] = (), kind: str = "") -> list[Case]:
        """Items in some states, or all, the oldest first; those sent again are counted."""
        fits: list[sa.ColumnElement[bool]] = [items.c.same_as.is_(None)]
        if states:
            fits.append(items.c.state.in_(states))
        if kind:
            fits.append(items.c.kind == kind)
        with self._store.reading() as con:
            rows = con.execute(sa.select(items).where(*fits).order_by(items.c.id)).mappings()
            counted = con.execute(
                sa.select(items.c.same_as, sa.func.count())
                .where(items.c.same_as.is_not(None))
                .group_by(items.c.same_as)
            )
            joined: dict[int, int] = {row[0]: row[1] for row in counted}
            return [_case(row, joined.get(row["id"], 0)) for row in rows.all()]

    def show(self, number: int) -> Case:
        """One item with all that is known; raises UsageError when there is none."""
        with self._store.reading() as con:
            row = _row(con, number)
            joined = con.execute(
                sa.select(sa.func.count()).where(items.c.same_as == number)
            ).scalar_one()
            return _case(row, joined, con)

    def accept(
        self, number: int, by: str, note: str = "", *, text: str = "", urgent: bool = False
    ) -> Case:
        """Make an item public; ``text`` replaces its text where that names somebody."""
        more: dict[str, Any] = {"urgent": urgent, **({"body": text} if text else {})}
        return self._decide(number, "accepted", by, note, **more)

    def start(self, number: int, by: str, note: str = "") -> Case:
        """Say that somebody works on it."""
        return self._decide(number, "in_progress", by, note)

    def extend(self, number: int, by: str, note: str) -> Case:
        """Extend the time for an answer, once; the reason is public."""
        case = self.show(number)
        if case.item.extended or case.item.urgent:
            raise UsageError(f"the time of {number} cannot be extended (again)")
        return self._decide(number, "extended", by, _required(note, "reason"), extended=True)

    def answer(self, number: int, by: str, note: str, dataset: str | None = None) -> Case:
        """Close an item with an answer, and the dataset that was published for it."""
        note = _required(note, "answer")
        return self._decide(number, "answered", by, note, answer_dataset=dataset)

    def decline(self, number: int, by: str, note: str, article: str = "") -> Case:
        """Close an item with the reason why not, and the article of the law it rests on."""
        note = _required(note, "reason")
        return self._decide(number, "declined", by, note, article=article or None)

    def spam(self, number: int, by: str) -> Case:
        """Mark an item as spam: it is not public, and deleted when its time is over."""
        return self._decide(number, "spam", by, "")

    def delete(self, number: int) -> None:
        """Delete an item with all that was kept of it, and those joined to it."""
        with self._store.writing() as con:
            _row(con, number)
            con.execute(sa.delete(items).where(items.c.id == number))

    def clean(self, days: int) -> dict[str, int]:
        """Delete names and addresses of items closed longer than ``days``, and old spam whole."""
        before = self._now() - dt.timedelta(days=days)
        over = (items.c.state.in_(CLOSED), items.c.closed < before)
        first = items.alias()
        joined_over = sa.exists().where(
            first.c.id == items.c.same_as, first.c.state.in_(CLOSED), first.c.closed < before
        )
        named = items.c.name.is_not(None) | items.c.email.is_not(None)
        with self._store.writing() as con:
            spam = con.execute(sa.delete(items).where(items.c.state == "spam", *over))
            people = con.execute(
                sa.update(items)
                .where(named, sa.and_(*over) | joined_over)
                .values(name=None, email=None)
            )
            return {"spam_deleted": spam.rowcount, "senders_forgotten": people.rowcount}

    def unanswered(self) -> list[Unanswered]:
        """Senders with an address whose request was answered or declined since they were told."""
        first = items.alias()
        own = sa.func.coalesce(items.c.same_as, items.c.id)
        query = (
            sa.select(items.c.id, items.c.email, items.c.language, first)
            .join(first, first.c.id == own)
            .where(items.c.email.is_not(None), items.c.sender_told.is_(None))
            .where(first.c.state.in_(("answered", "declined")))
            .where(items.c.state.not_in(("withdrawn", "spam")))
            .order_by(items.c.id)
        )
        with self._store.reading() as con:
            found = []
            for row in con.execute(query).all():
                decided = row._mapping
                number, email, spoken = row[0], row[1], row[2]
                id = decided[first.c.id]
                note = next(
                    (event.note for event in reversed(events_of(con, id)) if event.note), ""
                )
                found.append(
                    Unanswered(
                        number, id, email, spoken, decided[first.c.state], decided[first.c.title],
                        note, decided[first.c.answer_dataset],
                    )
                )  # fmt: skip
            return found

    def sender_told(self, row: int) -> None:
        """Note that a sender was told of the answer."""
        with self._store.writing() as con:
            told = sa.update(items).where(items.c.id == row).values(sender_told=self._now())
            con.execute(told)

    def _decide(self, number: int, decision: str, by: str, note: str, **more: Any) -> Case:
        now = self._now()
        with self._store.writing() as con:
            row = _row(con, number, lock=True)
            if row["state"] not in DECISIONS[decision]:
                raise UsageError(
                    f"{number} is {row['state']}: it cannot become {decision}",
                    hint=f"moulouya requests show {number}",
                )
            values = dict(more)
            if decision != "extended":
                closed = now if decision in CLOSED else None
                values |= {"state": decision, "closed": closed}
            con.execute(sa.update(items).where(items.c.id == number).values(values))
            note_event(con, number, now, decision, by, note)
        return self.show(number)


def _row(con: sa.Connection, number: int, *, lock: bool = False) -> sa.RowMapping:
    query = sa.select(items).where(items.c.id == number)
    row = con.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise UsageError(f"there is no request {number}", hint="moulouya requests list --all")
    if row["same_as"] is not None:
        raise UsageError(f"{number} is the same as {row['same_as']}: decide about that one")
    return row


def _case(row: sa.RowMapping, joined: int, con: sa.Connection | None = None) -> Case:
    told = events_of(con, row["id"]) if con is not None else ()
    flags = tuple(row["flags"].split())
    return Case(item_of(row, told), row["name"], row["email"], flags, joined + 1)


def _required(text: str, what: str) -> str:
    if not text.strip():
        raise UsageError(f"there is no {what}", hint="it is shown to everybody")
    return text.strip()
