"""What a dataset's page says of personal data that may be shown: who decided it, and until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from moulouya.portal.languages import Language
from moulouya.portal.published import PublishedDataset, report
from moulouya.privacy import ABOUT


@dataclass(frozen=True)
class Permission:
    """One decision; ``over`` says that it has ended and that the version shows such data."""

    column: str
    kind: str
    reason: str
    by: str
    until: dt.date
    over: bool


def gather(
    dataset: PublishedDataset, titles: Mapping[str, str], language: Language, today: dt.date
) -> list[Permission]:
    """The decisions of the definition that the version was made by, those that ended first."""
    shown = {
        (found["column"], found["kind"])
        for found in report(dataset, "privacy.json").get("findings", [])
        if found["blocking"]
    }
    found = []
    for override in dataset.definition.get("privacy") or []:
        column, kind = override["column"], override["kind"]
        until = dt.date.fromisoformat(override["until"])
        found.append(
            Permission(
                column=titles.get(column, column),
                kind=getattr(ABOUT[kind], language.code),
                reason=override["reason"][language.code],
                by=override["by"],
                until=until,
                over=until < today and (column, kind) in shown,
            )
        )
    return sorted(found, key=lambda one: (not one.over, one.until))
