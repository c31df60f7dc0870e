"""Places in a definition's texts that the data interval fills: ``{start:%Y-%m-%d}``."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

NAMES = ("start", "end", "last")
PLACE = re.compile(r"\{(?P<name>[A-Za-z_]\w*)(?::(?P<format>[^{}]*))?\}")
SAMPLE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def check(value: Any, *, foreign_braces: bool = False) -> Any:
    """Hand back a text (or the texts in a mapping or list) whose places all have known names.

    With ``foreign_braces`` other names are left alone: a query language of its own, such as
    GraphQL, writes braces too. Raises ValueError for an unknown name or a format without a
    directive.
    """
    for text in texts(value):
        for place in PLACE.finditer(text):
            name, form = place["name"], place["format"]
            if name not in NAMES:
                if foreign_braces:
                    continue
                raise ValueError(f"{place[0]} is none of {{start}}, {{end}} and {{last}}")
            if form is not None and not written(SAMPLE, form):
                raise ValueError(f"{place[0]} has no format such as %Y-%m-%d")
            if form and "%" not in form:
                raise ValueError(f"{place[0]} has no directive such as %Y in its format")
    return value


def texts(value: Any) -> list[str]:
    """Every text in a value, however deep in mappings and lists."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in texts(part)]
    return []


def written(moment: dt.datetime, form: str | None) -> str:
    """A moment in a strftime format, ISO 8601 without one; %s is seconds since 1970.

    strftime's own %s takes the machine's time zone into account, so it is not asked.
    """
    if form is None:
        return moment.isoformat().replace("+00:00", "Z")
    return moment.strftime(re.sub(r"(?<!%)((?:%%)*)%s", rf"\g<1>{int(moment.timestamp())}", form))
