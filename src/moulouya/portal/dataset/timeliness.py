"""How fresh a dataset is, in plain words: what happened last, when the next look is, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise

from moulouya.portal.freshness import Freshness
from moulouya.portal.languages import N_, Language

# What stopped the last run, by the code of its error, for somebody who only reads the data.
REASONS = {
    "source": N_("the source could not be reached, or did not deliver the file"),
    "unreadable": N_("the file that the source delivered could not be read"),
    "data": N_("the delivery breaks a rule that must hold"),
}
OUR_FAULT = N_("something went wrong on our side")


def news(time: Freshness, language: Language, zone: str) -> list[str]:
    """What the last look brought, a sentence each; none when there is nothing to explain."""
    day = language.moment(time.tried, zone) if time.tried is not None else ""
    if time.outcome == "held":
        return [
            language.text(
                "On %(day)s a newer delivery came in that looks unusual. A person examines it "
                "before it is published.",
                day=day,
            )
        ]
    if time.outcome == "failed":
        return [
            language.text(
                "The try of %(day)s did not succeed: %(reason)s.",
                day=day,
                reason=language.text(REASONS.get(time.code, OUR_FAULT)),
            ),
            language.text("We try again by ourselves. The last good version stays published."),
        ]
    if time.late_since is not None:
        return [
            language.text("Nothing has been tried since %(day)s.", day=day)
            if day
            else language.text("The source has not been looked at for too long.")
        ]
    if time.outcome == "unchanged":
        return [language.text("On %(day)s the source had nothing new.", day=day)]
    return []


def rhythm(time: Freshness, language: Language) -> str:
    """How often the source is looked at, in words that finish the sentence «looked at …»."""
    if time.follows:
        return language.text("made again when its inputs change")
    every = time.every
    if every is None:
        return language.text("no fixed rhythm")
    days = every / dt.timedelta(days=1)
    named = {
        1: language.text("every day"),
        7: language.text("every week"),
        30: language.text("every month"),
        31: language.text("every month"),
        365: language.text("every year"),
    }
    if days in named:
        return named[int(days)]
    if days > 1:
        return language.count("every %(n)s day", "every %(n)s days", round(days))
    hours = max(1, round(every / dt.timedelta(hours=1)))
    return language.count("every %(n)s hour", "every %(n)s hours", hours)


def next_look(time: Freshness, language: Language, zone: str) -> str:
    """When the next look is, in words."""
    if time.follows:
        return language.text("when its inputs change")
    if time.late_since is not None:
        return language.text("overdue")
    if time.next_look is not None:
        return language.date(time.next_look, zone)
    return language.text("due now") if time.every else language.text("no fixed rhythm")


def regularity(published: Sequence[dt.datetime], language: Language, zone: str) -> str:
    """How regularly versions came so far; ``published`` are their times, the newest first."""
    if len(published) < 2:
        return language.text("Only one version has been published so far.")
    gaps = [(new - old).days for new, old in pairwise(published)]
    told = language.count(
        "%(n)s version since %(day)s",
        "%(n)s versions since %(day)s",
        len(published),
        day=language.date(published[-1], zone),
    )
    longest = language.count(
        "the longest wait between two was %(n)s day",
        "the longest wait between two was %(n)s days",
        max(gaps),
    )
    return language.text("%(versions)s; %(longest)s.", versions=told, longest=longest)
