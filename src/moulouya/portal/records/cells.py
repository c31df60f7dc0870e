"""Values as people of a language read them, and the rows of a table ready to be shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from moulouya.portal.languages import N_, Language
from moulouya.portal.presentation import Column

LONGEST_TEXT = 120
MOST_SHOWN = 2000


def value_text(value: Any, column_type: str, language: Language, grouped: bool = True) -> str:
    """A value as people of the language write it; a missing one is an empty text.

    ``grouped`` is false for whole numbers that are years or codes rather than amounts.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return language.text("yes") if value else language.text("no")
    if isinstance(value, int):
        return language.number(value) if grouped else str(value)
    if isinstance(value, float | Decimal):
        return language.number(value) if column_type != "text" else str(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, dt.date):
        return value.isoformat()
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def table_body(
    rows: Sequence[Sequence[Any]], kinds: Sequence[str], columns: Sequence[Column], spoken: Language
) -> Markup:
    """Rows of values as the rows of an HTML table, every text escaped.

    Written here rather than in a template: a page has thousands of cells, and this is most of it.
    """
    empty = _tag(
        '<span class="empty" role="img" aria-label="{}">–</span>', spoken.text(N_("empty"))
    )
    # Of each column: its kind, itself, its meanings, what begins a cell, what begins its text.
    plans = [
        (kind, column, dict(column.values), *_ends(column.numeric))
        for kind, column in zip(kinds, columns, strict=True)
    ]
    written = []
    for row in rows:
        written.append("<tr>")
        for value, (kind, column, meanings, begun, text_begun) in zip(row, plans, strict=True):
            if value is None:
                written.append(f"{begun}{empty}</td>")
                continue
            text = escape(value_text(value, kind, spoken, column.grouped))
            if isinstance(value, str):
                special = _special(value, text, meanings)
                if special:
                    written.append(f"{begun}{special}</td>")
                    continue
            written.append(f"{text_begun}{text}</bdi></td>")
        written.append("</tr>\n")
    return Markup("".join(written))  # noqa: S704 - every text in it is escaped above


def _ends(numeric: bool) -> tuple[str, str]:
    """What begins a cell of a column, and what begins one that holds a plain text."""
    begun = '<td class="num">' if numeric else "<td>"
    return begun, f'{begun}<bdi dir="ltr">' if numeric else f"{begun}<bdi>"


def _special(value: str, text: Markup, meanings: Mapping[str, str]) -> Markup | None:
    """A code with its meaning, an address as a link, a long text to open; None for any other."""
    if value in meanings:
        return _tag('{} <bdi class="quiet">{}</bdi>', meanings[value], text)
    if _is_address(value):
        link = '<a href="{}" rel="nofollow noopener"><bdi dir="ltr">{}</bdi></a>'
        return _tag(link, value, text)
    if len(value) > LONGEST_TEXT:
        folded = '<details><summary><bdi>{}</bdi></summary><bdi class="full">{}</bdi></details>'
        return _tag(folded, text, value[:MOST_SHOWN])
    return None


def _tag(form: str, *texts: str) -> Markup:
    """HTML with texts in it, each escaped unless it is so already."""
    return Markup(form).format(*texts)  # noqa: S704 - the forms are the constants above


def _is_address(text: str) -> bool:
    """True for a plain address on the web, which may be offered as a link."""
    if not text.startswith(("http://", "https://")) or len(text) > 500 or not text.isprintable():
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.hostname) and not (set(text) & set(" <>\"'`\\")) and "@" not in parts.netloc
