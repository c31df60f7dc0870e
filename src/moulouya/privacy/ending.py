"""Overrides that have ended or will soon, told with the line of the definition they stand on."""

from __future__ import annotations

import datetime as dt

from moulouya.errors import Fault
from moulouya.privacy.finding import expiring
from moulouya.privacy.kinds import ABOUT
from moulouya.workspace import Dataset
from moulouya.yamlfile import read_yaml


def warnings(dataset: Dataset, today: dt.date) -> list[Fault]:
    """One warning for each override of a dataset that is over, or will be within 30 days."""
    due = expiring(dataset.definition, today)
    if not due:
        return []
    file = read_yaml(dataset.path)
    told = []
    for override in due:
        number = dataset.definition.privacy.index(override)
        ended = override.until < today
        told.append(
            file.fault(
                ("privacy", number, "until"),
                f"the decision of {override.by} that {override.column} may show "
                f"{ABOUT[override.kind].en} {'ended' if ended else 'ends'} on {override.until}",
                "runs are held: decide anew, or leave the column out"
                if ended
                else "runs are held after it: decide anew in time, or leave the column out",
            )
        )
    return told
