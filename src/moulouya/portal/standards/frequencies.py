"""How often a dataset is looked at, as its definition says."""

from __future__ import annotations

import datetime as dt

from pydantic import TypeAdapter

from moulouya.portal.published import Record
from moulouya.portal.standards import vocabularies

_DURATION = TypeAdapter(dt.timedelta)


def of(definition: Record) -> str | None:
    """The word of the EU's vocabulary, None where the definition tells no rhythm."""
    refresh = definition.get("refresh") or {}
    every = refresh.get("every")
    return vocabularies.frequency(
        _DURATION.validate_python(every) if every else None, refresh.get("cron")
    )
