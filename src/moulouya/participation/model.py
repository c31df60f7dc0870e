"""What is sent in, what the public sees of it, and what a moderator sees."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from moulouya.participation.tables import events, items

Row = sa.RowMapping


@dataclass(frozen=True)
class Submission:
    """What somebody sends: checked for its form, not yet for its sense."""

    kind: str
    language: str
    title: str
    body: str
    dataset: str | None = None
    column: str | None = None
    row: str | None = None
    name: str | None = None
    email: str | None = None
    flags: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The same for texts that differ in case, spaces and Unicode form only."""
        parts = (self.kind, self.dataset, self.column, self.row, self.title, self.body)
        plain = (re.sub(r"\s+", " ", _folded(part or "")).strip() for part in parts)
        return hashlib.sha256("\0".join(plain).encode()).hexdigest()


@dataclass(frozen=True)
class Event:
    """One change of state; the note is public."""

    at: dt.datetime
    state: str
    by: str
    note: str


@dataclass(frozen=True)
class Item:
    """What everybody may see of one item once it is public; nothing about its sender."""

    id: int
    kind: str
    state: str
    created: dt.datetime
    closed: dt.datetime | None
    language: str
    title: str
    body: str
    dataset: str | None
    column: str | None
    row: str | None
    urgent: bool
    extended: bool
    answer_dataset: str | None
    article: str | None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Case:
    """What a moderator sees: the item, who sent it, and what speaks against it."""

    item: Item
    name: str | None
    email: str | None
    flags: tuple[str, ...]
    senders: int

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        item = {key: value for key, value in self.item.__dict__.items() if key != "events"}
        told = [event.__dict__ for event in self.item.events]
        sender = {"name": self.name, "email": self.email, "senders": self.senders}
        return {**item, **sender, "flags": list(self.flags), "events": told}


SEEN = (
    items.c.id, items.c.kind, items.c.state, items.c.created, items.c.closed, items.c.language,
    items.c.title, items.c.body, items.c.dataset, items.c.column_name, items.c.row_key,
    items.c.urgent, items.c.extended, items.c.answer_dataset, items.c.article,
)  # fmt: skip


def item_of(row: Row, told: tuple[Event, ...] = ()) -> Item:
    """An item from its row."""
    return Item(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        created=row["created"],
        closed=row["closed"],
        language=row["language"],
        title=row["title"],
        body=row["body"],
        dataset=row["dataset"],
        column=row["column_name"],
        row=row["row_key"],
        urgent=row["urgent"],
        extended=row["extended"],
        answer_dataset=row["answer_dataset"],
        article=row["article"],
        events=told,
    )


def events_of(con: sa.Connection, number: int) -> tuple[Event, ...]:
    """What happened to an item, oldest first."""
    query = sa.select(events).where(events.c.item == number).order_by(events.c.id)
    return tuple(
        Event(row["at"], row["state"], row["by_whom"], row["note"])
        for row in con.execute(query).mappings()
    )


def note_event(
    con: sa.Connection, number: int, at: dt.datetime, state: str, by: str, note: str = ""
) -> None:
    """Write down that something happened to an item."""
    values = {"item": number, "at": at, "state": state, "by_whom": by, "note": note}
    con.execute(sa.insert(events).values(**values))


def secret_hash(secret: str) -> str:
    """What is kept of a private link: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
