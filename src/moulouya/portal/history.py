"""What happened to a dataset, in words: its versions, what each changed, and what was withdrawn."""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moulouya.portal.languages import Language
from moulouya.portal.published import (
    Catalogue,
    PublishedVersion,
    Record,
    moment,
    read_version,
    report,
)
from moulouya.storage.lake import Lake
from moulouya.withdrawals import Withdrawal

MOST_COLUMNS = 3


@dataclass(frozen=True)
class Event:
    """A version that was published, or (with ``withdrawal``) taken back.

    ``there`` says whether its files still are.
    """

    version: PublishedVersion
    at: dt.datetime
    withdrawal: Withdrawal | None = None
    there: bool = True


@lru_cache(maxsize=4096)
def version_of(lake: Lake, slug: str, number: int) -> PublishedVersion | None:
    """A version's record, kept in memory since it never changes; None where there is none."""
    try:
        return read_version(lake, slug, number)
    except (OSError, ValueError, KeyError):
        return None


def known(lake: Lake, catalogue: Catalogue, slug: str) -> bool:
    """Whether a dataset is published, or was until its versions were withdrawn."""
    return slug in catalogue.datasets or any(one.slug == slug for one in catalogue.gone.withdrawals)


def of_dataset(lake: Lake, catalogue: Catalogue, slug: str) -> Iterator[Event]:
    """What happened to a dataset as of a release, newest first by the numbers of the versions."""
    taken_back = {
        one.version: one
        for one in catalogue.gone.withdrawals
        if one.slug == slug
    }  # fmt: skip
    absent = catalogue.gone.by_slug().get(slug, frozenset())
    dataset = catalogue.datasets.get(slug)
    newest = max([*taken_back, dataset.number if dataset is not None else 0])
    for withdrawal, at in withdrawn(lake, catalogue, slug):
        version = version_of(lake, slug, withdrawal.version)
        if version is not None:
            yield Event(version, at, withdrawal, there=False)
    for number in reversed(lake.numbers(lake.versions(slug))):
        version = version_of(lake, slug, number) if number <= newest else None
        if version is not None:
            yield Event(version, version.created, there=number not in absent)


def of_all(lake: Lake, catalogue: Catalogue, most: int) -> list[Event]:
    """The newest events of every dataset that is published or was."""
    slugs = {*catalogue.datasets, *(one.slug for one in catalogue.gone.withdrawals)}
    return of_several(lake, catalogue, slugs, most)


def of_several(lake: Lake, catalogue: Catalogue, slugs: Iterable[str], most: int) -> list[Event]:
    """The newest events of some datasets, read from the lake no further than they are needed."""
    waiting: list[tuple[float, str, int, Event, Iterator[Event]]] = []

    def put(slug: str, events: Iterator[Event], turn: int) -> None:
        event = next(events, None)
        if event is not None:
            heapq.heappush(waiting, (-event.at.timestamp(), slug, turn, event, events))

    for slug in slugs:
        put(slug, of_dataset(lake, catalogue, slug), 0)
    found: list[Event] = []
    while waiting and len(found) < most:
        _, slug, turn, event, events = heapq.heappop(waiting)
        found.append(event)
        put(slug, events, turn + 1)
    return found


def withdrawn(lake: Lake, catalogue: Catalogue, slug: str) -> list[tuple[Withdrawal, dt.datetime]]:
    """The versions of a dataset that were taken back, the last one withdrawn first."""
    found = [(one, moment(one.withdrawn)) for one in catalogue.gone.withdrawals if one.slug == slug]
    return sorted(found, key=lambda pair: (pair[1], pair[0].version), reverse=True)


def sentences(
    version: PublishedVersion, language: Language, zone: str, *, decided: bool = True
) -> list[str]:
    """What a version changed, a sentence each, in the language of the reader.

    ``decided`` is false where who approved it is shown elsewhere.
    """
    changes = report(version, "changes.json")
    titles = _titles(version, language)
    return [
        *_rows(version, changes, titles, language),
        *_columns(changes, titles, language),
        *_metadata(changes, language),
        *_period(version, language, zone),
        *(_decision(version, language, zone) if decided else ()),
    ]


def withdrawal_sentence(withdrawal: Withdrawal, language: Language) -> str:
    """Who took a version back, and why."""
    return language.text(
        "It was withdrawn by %(by)s: %(reason)s", by=withdrawal.by, reason=withdrawal.reason
    )


def _titles(version: PublishedVersion, language: Language) -> dict[str, str]:
    columns: Mapping[str, Record] = version.record["definition"]["columns"]
    return {name: column["title"][language.code] for name, column in columns.items()}


def _rows(
    version: PublishedVersion, changes: Record, titles: Mapping[str, str], language: Language
) -> Iterator[str]:
    if changes.get("from") is None:
        yield language.text("This is the first version.")
        yield language.count("%(n)s row", "%(n)s rows", version.rows)
        return
    rows: Mapping[str, int] = changes.get("rows") or {}
    if not any(rows.values()):
        yield language.text("No row changed.")
    if rows.get("added"):
        yield language.count("%(n)s row added", "%(n)s rows added", rows["added"])
    if rows.get("removed"):
        yield language.count("%(n)s row removed", "%(n)s rows removed", rows["removed"])
    if rows.get("changed"):
        yield language.count("%(n)s row changed", "%(n)s rows changed", rows["changed"])
    values: Mapping[str, int] = changes.get("values") or {}
    for name in sorted(values, key=lambda name: -values[name])[:MOST_COLUMNS]:
        yield language.count(
            "“%(column)s” changed in %(n)s row",
            "“%(column)s” changed in %(n)s rows",
            values[name],
            column=titles.get(name, name),
        )


def _columns(
    changes: Record, titles: Mapping[str, str], language: Language
) -> Iterator[str]:  # fmt: skip
    columns: Mapping[str, list[str]] = changes.get("columns") or {}
    said = {
        "added": language.text("new column:"),
        "removed": language.text("column removed:"),
        "retyped": language.text("column with a new type:"),
    }
    for kind, words in said.items():
        for name in columns.get(kind) or []:
            yield f"{words} {titles.get(name, name)}"


def _metadata(changes: Record, language: Language) -> Iterator[str]:
    parts = {*(changes.get("metadata") or [])}
    if "licence" in parts:
        yield language.text("the licence changed")
    if "publisher" in parts:
        yield language.text("what is said about the publisher changed")
    if "expectations" in parts:
        yield language.text("what is checked changed")
    if parts - {"licence", "publisher", "expectations"}:
        yield language.text("the description of the dataset changed")


def _period(version: PublishedVersion, language: Language, zone: str) -> Iterator[str]:
    interval: Mapping[str, Any] = version.record.get("interval") or {}
    if interval:
        yield language.text(
            "data of %(start)s to %(end)s",
            start=language.moment(moment(interval["start"]), zone),
            end=language.moment(moment(interval["end"]), zone),
        )
    if version.record.get("restated"):
        yield language.text("published again on purpose, in place of data of a later period")


def _decision(version: PublishedVersion, language: Language, zone: str) -> Iterator[str]:
    decision = version.decision
    if decision is not None:
        approved = language.text(
            "It was held, and approved by %(by)s on %(moment)s:",
            by=decision.by,
            moment=language.moment(decision.at, zone),
        )
        yield f"{approved} {decision.reason}"
