"""Where every dataset stands: how fresh, how its last run ended, what waits for a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from moulouya import ledger, privacy, released, versions, workspace
from moulouya.definition import Definition
from moulouya.ledger import now, stamp
from moulouya.settings import Settings
from moulouya.storage.lake import Lake, look_into
from moulouya.workspace import Workspace

LATE_AFTER_PERIODS = 3


def status(settings: Settings) -> list[dict[str, Any]]:
    """One row a dataset, broken ones included: freshness, last outcome, rows, what to do."""
    loaded = workspace.load(settings.workspace_root)
    lake = look_into(settings)
    slugs = {*loaded.datasets, *loaded.broken}
    last = ledger.last_runs(lake, slugs)
    checked = _last_good(lake, slugs)
    gone = released.gone(lake).by_slug()
    return [
        _row(lake, loaded, slug, last.get(slug), checked.get(slug), gone) for slug in sorted(slugs)
    ]


def stale_after(definition: Definition) -> dt.timedelta | None:
    """The age after which a dataset counts as late; None when it is not refreshed by a clock."""
    refresh = definition.refresh
    if refresh.stale_after is not None:
        return refresh.stale_after
    return refresh.every * LATE_AFTER_PERIODS if refresh.every is not None else None


def _last_good(lake: Lake, slugs: set[str]) -> dict[str, dict[str, Any]]:
    """The newest run of each dataset that found its source well (published or unchanged)."""
    found: dict[str, dict[str, Any]] = {}
    for record in ledger.records(lake):
        slug = record["slug"]
        if record["outcome"] not in ("published", "unchanged") or slug not in slugs:
            continue
        if slug not in found or ledger.order(record) > ledger.order(found[slug]):
            found[slug] = record
    return found


def _ending(definition: Definition) -> list[dict[str, Any]]:
    """Permissions to show personal data that are over, or will be within 30 days."""
    today = privacy.today()
    return [
        {
            "column": override.column,
            "kind": override.kind,
            "by": override.by,
            "until": override.until.isoformat(),
            "over": override.until < today,
        }
        for override in privacy.expiring(definition, today)
    ]


def _row(
    lake: Lake,
    loaded: Workspace,
    slug: str,
    last: dict[str, Any] | None,
    checked: dict[str, Any] | None,
    gone: Mapping[str, frozenset[int]],
) -> dict[str, Any]:
    dataset = loaded.datasets.get(slug)
    version = versions.standing(lake, slug, gone)
    limit = stale_after(dataset.definition) if dataset else None
    late_since = None
    if limit is not None and checked is not None:
        due = dt.datetime.fromisoformat(checked["ended"]) + limit
        late_since = stamp(due) if due < now() else None
    every = dataset.definition.refresh.every if dataset else None
    following = stamp(dt.datetime.fromisoformat(last["ended"]) + every) if last and every else None
    return {
        "slug": slug,
        "theme": dataset.theme if dataset else None,
        "title": dataset.definition.title.model_dump() if dataset else None,
        "derived": dataset.derived if dataset else None,
        "outcome": last["outcome"] if last else None,
        "ended": last["ended"] if last else None,
        "error": last["error"] if last else None,
        "reasons": last["reasons"] if last else [],
        "rows": version.record["rows"] if version else None,
        "rejected": version.record["rejected"] if version else None,
        "version": version.number if version else None,
        "published": version.record["created"] if version else None,
        "checked": checked["ended"] if checked else None,
        "stale": late_since is not None,
        "late_since": late_since,
        "next": following,
        "ending": _ending(dataset.definition) if dataset else [],
        "broken": [str(fault) for fault in loaded.broken.get(slug, ())],
    }
