"""The statutory clock: working days of the region, counted as the law counts them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from moulouya.participation.clock import WEEKDAYS, Clock
from moulouya.region import RequestDesk

ZONE = ZoneInfo("Africa/Casablanca")
NAMED = {"name": {"ar": "قانون", "fr": "loi", "en": "law"}}


def desk(**more: Any) -> RequestDesk:
    return RequestDesk.model_validate({"law": NAMED, "privacy_law": NAMED, **more})


def clock(**more: Any) -> Clock:
    return Clock(desk(**more), ZONE)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("received", "last", "more"),
    [
        ("2026-11-02T10:00", "2026-11-30", {}),
        ("2026-11-02T23:59", "2026-11-30", {}),
        ("2026-11-07T10:00", "2026-12-04", {}),  # a Saturday
        ("2026-11-02T10:00", "2026-12-02", {"holidays": ["11-06", "2026-11-18"]}),
        ("2026-11-02T10:00", "2026-11-30", {"holidays": ["2025-11-06", "11-07"]}),
        ("2026-11-02T10:00", "2026-11-30", {"weekend": ["fri", "sat"]}),
        ("2026-11-02T10:00", "2026-11-03", {"working_days": 1}),
    ],
)
def test_the_last_day_is_that_many_working_days_later(
    received: str, last: str, more: dict[str, Any]
) -> None:
    due = clock(**more).due(at(received))
    assert (due.astimezone(ZONE) - dt.timedelta(seconds=1)).date().isoformat() == last
    assert due.tzinfo == dt.UTC


def test_an_extension_adds_its_days_and_urgency_counts_hours() -> None:
    received = at("2026-11-06T18:00")
    extended = clock(working_days=5, extension_days=5).due(received, extended=True)
    assert extended == clock(working_days=10).due(received)
    assert clock().due(received, urgent=True) - received == dt.timedelta(hours=48)


def test_the_day_ends_by_the_clock_of_the_region_in_and_out_of_ramadan() -> None:
    ended = clock(working_days=1)
    winter = ended.due(dt.datetime(2026, 1, 12, 22, 59, tzinfo=dt.UTC))
    ramadan = ended.due(dt.datetime(2026, 3, 9, 23, 59, tzinfo=dt.UTC))
    assert winter == dt.datetime(2026, 1, 13, 23, tzinfo=dt.UTC)
    assert ramadan == dt.datetime(2026, 3, 11, tzinfo=dt.UTC)


days = st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1))
rules = st.builds(
    desk,
    weekend=st.lists(st.sampled_from(WEEKDAYS), max_size=6, unique=True),
    holidays=st.lists(
        st.one_of(
            days.map(lambda day: f"{day:%m-%d}"),
            days.map(lambda day: day.isoformat()),
        ),
        max_size=12,
    ),
    working_days=st.integers(1, 60),
)


@settings(max_examples=50, deadline=None)
@given(rules, days, st.integers(0, 60))
def test_so_many_working_days_lie_between(rule: RequestDesk, start: dt.date, count: int) -> None:
    counted = Clock(rule, ZONE)
    end = counted.after(start, count)
    between = [start + dt.timedelta(days=n + 1) for n in range((end - start).days)]
    assert sum(counted.is_working_day(day) for day in between) == count
    assert end == start or counted.is_working_day(end)


@settings(max_examples=50, deadline=None)
@given(rules, st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2100, 1, 1)), st.integers(0, 10**6))
def test_what_comes_later_is_never_due_earlier(
    rule: RequestDesk, received: dt.datetime, seconds: int
) -> None:
    counted, first = Clock(rule, ZONE), received.replace(tzinfo=dt.UTC)
    second = first + dt.timedelta(seconds=seconds)
    assert counted.due(first) <= counted.due(second)
    assert counted.due(first) > first
    assert counted.due(first) <= counted.due(first, extended=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekend": [*WEEKDAYS]},
        {"weekend": ["sunday"]},
        {"holidays": ["13-01"]},
        {"holidays": ["1-1"]},
        {"working_days": 0},
    ],
)
def test_rules_by_which_no_time_ends_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        desk(**wrong)
