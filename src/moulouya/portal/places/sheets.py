"""Tables to take away: CSV that spreadsheets open in Arabic too, safe from formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.answers import answer
from moulouya.portal.places.columns import Numbers

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
Value = str | int | float | None


def sheet(
    request: Request, name: str, header: Sequence[str], rows: Iterable[Sequence[Value]]
) -> Response:
    """A CSV answer (UTF-8 with a mark, RFC 4180), saved under a name."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([_safe(word) for word in header])
    for row in rows:
        writer.writerow([_safe(value) for value in row])
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Access-Control-Allow-Origin": "*",
        "X-Robots-Tag": "noindex",
    }
    body = written.getvalue().encode("utf-8-sig")
    return answer(request, body, "text/csv; charset=utf-8", headers=headers)


def _safe(value: Value) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(FORMULAS):
        return f"'{value}"
    return value


def exact(value: float, about: Numbers) -> Value:
    """A value with the decimals that its column keeps; None for none."""
    if value != value:
        return None
    return int(value) if about.whole else round(value, about.decimals)
