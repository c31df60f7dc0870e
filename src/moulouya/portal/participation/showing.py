"""How an item is shown: its kind and state in words, its clock, the dataset it is about."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import structlog

from moulouya.participation.clock import Clock
from moulouya.participation.desk import Desk
from moulouya.participation.model import Item
from moulouya.participation.tables import OPEN, StoreError
from moulouya.portal.languages import N_, Language
from moulouya.portal.published import Catalogue
from moulouya.portal.usage import SMALLEST_SHOWN, Usage
from moulouya.region import RequestDesk

KINDS = {
    "request": N_("Data request"),
    "suggestion": N_("Suggestion"),
    "problem": N_("Problem in a dataset"),
}
STATES = {
    "received": N_("Received"),
    "accepted": N_("Accepted"),
    "in_progress": N_("In progress"),
    "extended": N_("Time extended"),
    "answered": N_("Answered"),
    "declined": N_("Declined"),
    "withdrawn": N_("Withdrawn by the sender"),
    "spam": N_("Not published"),
}
MOST_PROBLEMS = 20
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class Due:
    """Until when an answer is due: a moment for urgent requests, else the whole last day."""

    at: dt.datetime
    urgent: bool
    extended: bool
    late: bool


def desk_of(catalogue: Catalogue) -> RequestDesk | None:
    """What region.yml says about requests, None where it says nothing."""
    said = catalogue.region.get("requests")
    return _desk(orjson.dumps(said)) if said else None


@lru_cache(maxsize=4)
def _desk(said: bytes) -> RequestDesk:
    return RequestDesk.model_validate(orjson.loads(said))


def due(item: Item, catalogue: Catalogue, now: dt.datetime) -> Due | None:
    """The clock of a request that waits; None where no law sets one, or it was answered."""
    desk = desk_of(catalogue)
    if desk is None or item.kind != "request" or item.state not in OPEN:
        return None
    clock = Clock(desk, ZoneInfo(catalogue.region.get("timezone", "UTC")))
    at = clock.due(item.created, urgent=item.urgent, extended=item.extended)
    shown = at if item.urgent else at - dt.timedelta(seconds=1)
    return Due(shown, item.urgent, item.extended, now > at)


def title_of(catalogue: Catalogue, slug: str | None, language: Language) -> str:
    """The title of a dataset that is published, empty for another."""
    found = catalogue.datasets.get(slug or "")
    return str(found.definition["title"][language.code]) if found is not None else ""


def column_of(catalogue: Catalogue, item: Item, language: Language) -> str:
    """What the column of a problem is called; its name where it is published no more."""
    if not item.column:
        return ""
    dataset = catalogue.datasets.get(item.dataset or "")
    columns = (dataset.definition.get("columns") or {}) if dataset is not None else {}
    said = columns.get(item.column)
    return str(said["title"][language.code]) if said else item.column


def gather(state: Any, slug: str) -> dict[str, Any]:
    """What the page of a dataset shows of what people said about it, and how often it is used."""
    desk: Desk = state.participation.desk
    usage: Usage = state.usage
    try:
        known = desk.listing(kind="problem", dataset=slug, size=MOST_PROBLEMS).items
    except StoreError as error:
        log.warning("problems are not shown", dataset=slug, error=error.message)
        known = ()
    downloads = usage.summary().of(slug, "download")
    return {
        "reports": {
            "problems": [item for item in known if item.state != "declined"],
            "downloaded": downloads if downloads >= SMALLEST_SHOWN else None,
            "states": STATES,
        }
    }
