"""The pages of Moulouya in Airflow's UI; everything asks Airflow whether the user may see it."""

from __future__ import annotations

import datetime as dt

import moulouya_docs
import moulouya_requests
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import HTMLResponse
from moulouya_html import html

pages = APIRouter()
FILTERS = ("held", "broken", "failed", "late", "published", "unchanged", "never run")
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def moment(value):
    """A moment of a record, or None."""
    return dt.datetime.fromisoformat(value) if value else None


def ago(value, now):
    """How long ago a moment was, in words."""
    seconds = (now - value).total_seconds()
    for unit, length in UNITS:
        if abs(seconds) >= length:
            count = int(abs(seconds) // length)
            words = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now"


def freshness(status, now):
    """Whether a dataset is late, in words."""
    since, checked = moment(status["late_since"]), moment(status["checked"])
    if not status["version"]:
        return "never published"
    if since:
        return f"late: was due {ago(since, now)}"
    return f"up to date, source looked at {ago(checked, now)}" if checked else "not looked at yet"


def marks(status):
    """The filters under which a dataset is found; the first is shown as its outcome."""
    outcome = "broken" if status["broken"] else status["outcome"] or "never run"
    return [outcome, *(["late"] if status["stale"] else [])]


def row(status, now):
    """One line of the table, from one record of the library's status."""
    ended, error = moment(status["ended"]), status["error"]
    return {
        "slug": status["slug"],
        "title": (status["title"] or {}).get("en") or status["slug"],
        "theme": status["theme"],
        "marks": marks(status),
        "freshness": freshness(status, now),
        "ended": ago(ended, now) if ended else "",
        "ended_at": ended.isoformat() if ended else "",
        "rows": status["rows"],
        "rejected": status["rejected"],
        "version": status["version"],
        "held": status["outcome"] == "held",
        "docs": bool(status["version"]) and not status["broken"],
        "reasons": status["reasons"],
        "problems": [
            *status["broken"],
            *([error["message"]] if error else []),
            *([f"hint: {error['hint']}"] if error and error["hint"] else []),
        ],
    }


@pages.get("/datasets", response_class=HTMLResponse)
def datasets(outcome: str = ""):
    """Every dataset: is it fresh, how did its last run end, what did it publish."""
    from moulouya.errors import MoulouyaError
    from moulouya.settings import Settings
    from moulouya.status import status

    problem, rows = "", []
    try:
        now = dt.datetime.now(dt.UTC)
        rows = [row(one, now) for one in status(Settings())]
    except MoulouyaError as error:
        problem = str(error)
    rows.sort(key=lambda one: (min(FILTERS.index(mark) for mark in one["marks"]), one["slug"]))
    counts = {name: sum(name in one["marks"] for one in rows) for name in FILTERS}
    shown = [one for one in rows if not outcome or outcome in one["marks"]]
    given = {"problem": problem, "rows": shown, "total": len(rows), "counts": counts}
    return html("moulouya_datasets.html", 503 if problem else 200, outcome=outcome, **given)


app = FastAPI(
    title="Moulouya",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
)
app.include_router(pages)
app.include_router(moulouya_docs.pages)
app.include_router(moulouya_requests.pages)
