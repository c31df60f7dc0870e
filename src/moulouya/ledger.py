"""The ledger: one record a run, whatever its end; it can be queried like data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import structlog

from moulouya.errors import LakeError, MoulouyaError
from moulouya.storage.files import checked_json, listed, read_json
from moulouya.storage.lake import Lake

Outcome = Literal["published", "unchanged", "held", "failed"]
log = structlog.get_logger("moulouya")


def now() -> dt.datetime:
    """The present in UTC, whole seconds: records never carry a local time."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def stamp(moment: dt.datetime) -> str:
    """A moment as the lake writes it: ISO 8601 in UTC with Z."""
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class RunRecord:
    """How one run of one dataset ended, and how long each step took (seconds)."""

    run_id: str
    slug: str
    outcome: Outcome
    started: str
    ended: str
    seconds: float
    steps: list[dict[str, Any]] = field(default_factory=list)
    rows: int | None = None
    rejected: int | None = None
    version: int | None = None
    error: dict[str, Any] | None = None
    reasons: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The record as the ledger keeps it."""
        return {"format": 1, **asdict(self)}


def describe(error: BaseException) -> dict[str, Any]:
    """An error as the ledger keeps it; one that is not ours is a bug and says so."""
    if isinstance(error, MoulouyaError):
        return {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "exit_code": error.exit_code,
            "retry": error.retry,
        }
    return {
        "code": "bug",
        "message": f"{type(error).__name__}: {error}",
        "hint": "this is a fault of Moulouya, not of the data: please report it",
        "exit_code": 3,
        "retry": False,
    }


def write(lake: Lake, record: RunRecord) -> Path:
    """Write a run's record under the day it started; a retry of the run replaces its own."""
    folder = lake.ledger / record.started[:10].replace("-", "/")
    path = folder / f"{record.run_id}.json"
    lake.write(path, checked_json(record.to_json()))
    return path


def records(lake: Lake) -> Iterator[dict[str, Any]]:
    """Every record, newest day first."""
    lake.refresh(lake.ledger)
    for path in reversed(listed(lake.ledger, "*/*/*/*.json")):
        record = read(path)
        if record is not None:
            yield record


def read(path: Path) -> dict[str, Any] | None:
    """One record; None of a damaged one, which is left out: no other run stops for it.

    The log of the process says so, and `moulouya verify` names it.
    """
    try:
        return dict(read_json(path))
    except LakeError as error:
        log.warning("a record of the ledger is left out", reason=error.message)
        return None


def last_runs(lake: Lake, slugs: set[str]) -> dict[str, dict[str, Any]]:
    """The newest record of each dataset; stops reading once every one is found."""
    lake.refresh(lake.ledger)
    found: dict[str, dict[str, Any]] = {}
    day = ""
    for path in reversed(listed(lake.ledger, "*/*/*/*.json")):
        if str(path.parent) != day and slugs <= found.keys():
            break
        day = str(path.parent)
        record = read(path)
        if record is None:
            continue
        slug = record["slug"]
        if slug not in found or order(record) > order(found[slug]):
            found[slug] = record
    return found


def order(record: dict[str, Any]) -> tuple[str, str]:
    """When a run ended; in the same second a decision comes after the run it is about."""
    return record["ended"], record["run_id"]
