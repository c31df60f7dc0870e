"""Pages that stand by themselves: what must be published anyway, privacy, and how much is used."""

from __future__ import annotations

import csv
import io
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from moulouya.participation.following import CONFIRM_DAYS
from moulouya.portal.answers import answer
from moulouya.portal.asked import asked
from moulouya.portal.languages import language
from moulouya.portal.participation import showing
from moulouya.portal.rendering import render
from moulouya.portal.usage import DAYS, KINDS, SMALLEST_SHOWN, Usage


def proactive(request: Request) -> Response:
    """``/{lang}/proactive``: what the law wants published without being asked, and what is."""
    catalogue, code = asked(request)
    categories = []
    for category in catalogue.region.get("proactive") or []:
        belongs = [
            slug
            for slug, dataset in catalogue.datasets.items()
            if slug in category["datasets"] or set(dataset.themes) & set(category["themes"])
        ]
        published = [(slug, showing.title_of(catalogue, slug, language(code))) for slug in belongs]
        categories.append((category["title"][code], sorted(published, key=lambda one: one[1])))
    variables = {
        "categories": categories,
        "covered": sum(bool(published) for _, published in categories),
        "desk": showing.desk_of(catalogue),
    }
    return render(request, "participation/proactive.html", variables)


def privacy(request: Request) -> Response:
    """``/{lang}/privacy``: what is kept about people, how long, and what they can ask for."""
    catalogue, _ = asked(request)
    own = request.app.state.participation
    variables = {
        "desk": showing.desk_of(catalogue),
        "days": own.personal_days,
        "confirm_days": CONFIRM_DAYS,
        "smallest": SMALLEST_SHOWN,
    }
    return render(request, "participation/privacy.html", variables)


def usage(request: Request) -> Response:
    """``/{lang}/usage``: how often each dataset was used in the last days."""
    catalogue, code = asked(request)
    counts: Usage = request.app.state.usage
    uses = counts.summary().uses
    rows: list[dict[str, Any]] = []
    for slug in catalogue.datasets:
        own = {kind: uses.get(slug, {}).get(kind, 0) for kind in KINDS}
        shown = {kind: number if number >= SMALLEST_SHOWN else None for kind, number in own.items()}
        if any(number is not None for number in shown.values()):
            title = showing.title_of(catalogue, slug, language(code))
            rows.append({"slug": slug, "title": title, "all": sum(own.values()), **shown})
    rows.sort(key=lambda row: (-row["all"], row["slug"]))
    variables = {"rows": rows[:500], "days": DAYS, "smallest": SMALLEST_SHOWN}
    return render(request, "participation/usage.html", variables)


def usage_csv(request: Request) -> Response:
    """``/usage.csv``: uses by month, dataset and kind; figures below five are left out."""
    counts: Usage = request.app.state.usage
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["month", "dataset", "kind", "uses"])
    writer.writerows(row for row in counts.months() if row[3] >= SMALLEST_SHOWN)
    headers = {
        "Content-Disposition": 'attachment; filename="usage.csv"',
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return answer(request, text.getvalue(), "text/csv; charset=utf-8", headers=headers)
