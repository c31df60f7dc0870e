"""The tables: items that people sent, what happened to each, and who follows what."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from moulouya.errors import MoulouyaError

KINDS = ("request", "suggestion", "problem")
STATES = ("received", "accepted", "in_progress", "answered", "declined", "withdrawn", "spam")
PUBLIC = ("accepted", "in_progress", "answered", "declined")
OPEN = ("received", "accepted", "in_progress")
CLOSED = ("answered", "declined", "withdrawn", "spam")
CHANNELS = ("mail", "webhook")
# What is followed: the whole catalogue, a theme by its name, a dataset by its slug.
SCOPES = ("catalogue", "theme", "dataset")


class StoreError(MoulouyaError):
    """The database of requests cannot be read or written."""

    code = "participation"
    retry = True


class Moment(sa.types.TypeDecorator[dt.datetime]):
    """A moment in UTC, aware on the way in and out, on every database."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """To the database: UTC; SQLite keeps no zone."""
        if value is None:
            return None
        moved = value.astimezone(dt.UTC)
        return moved if dialect.name == "postgresql" else moved.replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """From the database: aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


metadata = sa.MetaData()

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("closed", Moment),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("dataset", sa.String(63)),
    sa.Column("column_name", sa.String(63)),
    sa.Column("row_key", sa.String(200)),
    sa.Column("urgent", sa.Boolean, nullable=False, default=False),
    sa.Column("extended", sa.Boolean, nullable=False, default=False),
    sa.Column("name", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("flags", sa.Text, nullable=False, default=""),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("secret", sa.String(64), nullable=False, unique=True),
    sa.Column("same_as", sa.Integer, sa.ForeignKey("items.id", ondelete="CASCADE")),
    sa.Column("answer_dataset", sa.String(63)),
    sa.Column("article", sa.Text),
    sa.Column("sender_told", Moment),
    sa.Index("items_by_state", "state", "created"),
    sa.Index("items_by_dataset", "dataset", "state"),
    sa.Index("items_by_digest", "digest", "created"),
    sqlite_autoincrement=True,
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("item", sa.Integer, sa.ForeignKey("items.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("by_whom", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False, default=""),
    sa.Index("events_by_item", "item"),
)

# ``told`` is the newest release a follower knows of, ``trying`` the one that is being told, in
# ``tries`` attempts so far; ``failures`` counts runs in a row that could not tell it.
followers = sa.Table(
    "followers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("scope", sa.String(16), nullable=False),
    sa.Column("topic", sa.String(63), nullable=False),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("asked", Moment),
    sa.Column("confirmed", Moment),
    sa.Column("told", sa.Integer, nullable=False),
    sa.Column("told_at", Moment),
    sa.Column("trying", sa.Integer),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("failures", sa.Integer, nullable=False, default=0),
    sa.Column("problem", sa.Text),
    sa.Column("disabled", Moment),
    sa.UniqueConstraint("channel", "address", "scope", "topic", name="followers_once"),
    sa.Index("followers_by_state", "channel", "confirmed"),
    sqlite_autoincrement=True,
)
