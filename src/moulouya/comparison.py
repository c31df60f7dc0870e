"""A delivery beside the one before: what a person looks at to approve or reject it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moulouya import drift, gates, versions
from moulouya.errors import UsageError
from moulouya.settings import Settings
from moulouya.storage.files import read_json
from moulouya.storage.lake import Lake, look_into

SHOWN = 20


def compare(settings: Settings, slug: str, run_id: str | None = None) -> dict[str, Any]:
    """The held delivery of a dataset beside the published version; the newest version beside the
    one before it where nothing is held.

    Raises UsageError when there is neither.
    """
    lake = look_into(settings.lake_root)
    waiting = [one for one in gates.pending(lake, slug) if one.decision is None]
    if waiting:
        held = gates.undecided(lake, slug, run_id)
        return {"held": held.run_id, "reasons": held.reasons, **_beside(lake, slug, held.path)}
    newest = versions.latest(lake, slug)
    if newest is None:
        raise UsageError(f"{slug} has no version yet", hint=f"moulouya run {slug}")
    return {"held": None, "reasons": [], **_beside(lake, slug, newest.path)}


def _beside(lake: Lake, slug: str, folder: Path) -> dict[str, Any]:
    record = read_json(folder / "version.json")
    number = record["previous"]
    before = versions.read(lake, slug, number) if number else None
    checks = _read(folder, "validation").get("checks", [])
    changes = _read(folder, "changes")
    return {
        "slug": slug,
        "version": record["version"],
        "previous": number,
        "rows": {"before": before.record["rows"] if before else None, "after": record["rows"]},
        "rejected": record["rejected"],
        "changes": {name: changes.get(name) for name in ("rows", "columns", "values", "sample")},
        "failed_checks": [check["message"] for check in checks if not check["success"]],
        "drift": [
            {**finding, "sentence": drift.sentence(drift.Finding(**finding))}
            for finding in _read(folder, "drift").get("findings", [])
        ],
        "privacy": _read(folder, "privacy").get("findings", []),
        "columns": _columns(before.path if before else None, folder),
    }


def _read(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    return read_json(path) if path.exists() else {}


def _columns(before: Path | None, after: Path) -> list[dict[str, Any]]:
    """What each column was like and is like now."""
    old = _read(before, "profile").get("columns", {}) if before else {}
    rows = (_read(before, "profile").get("rows") if before else 0, _read(after, "profile")["rows"])
    return [
        {"column": name, "before": _told(old.get(name), rows[0]), "after": _told(column, rows[1])}
        for name, column in _read(after, "profile")["columns"].items()
    ]


def _told(column: dict[str, Any] | None, rows: int | None) -> dict[str, Any] | None:
    if column is None:
        return None
    kept = ("min", "max", "distinct", "length", "bounds", "true")
    told = {name: column[name] for name in kept if column.get(name) is not None}
    if column.get("quantiles"):
        told["median"] = column["quantiles"][2]
    return {"empty": column["nulls"] / rows if rows else 0.0, **told}


def in_markdown(report: dict[str, Any]) -> str:
    """The comparison as Markdown, for Airflow's question to a person."""
    before, after = report["rows"]["before"], report["rows"]["after"]
    moved = {one["column"] for one in report["drift"] if one["column"]}
    moved |= {one["column"] for one in report["privacy"]}
    lines = [
        *(f"- {reason}" for reason in report["reasons"]),
        "",
        "| | published | this delivery |",
        "|---|---|---|",
        f"| rows | {_shown(before)} | {_shown(after)} |",
        f"| rejected rows | | {report['rejected']} |",
    ]
    for one in report["columns"]:
        if one["column"] not in moved:
            continue
        names = dict.fromkeys([*(one["before"] or {}), *(one["after"] or {})])
        lines += [
            f"| `{one['column']}` {name} | {_shown((one['before'] or {}).get(name))} "
            f"| {_shown((one['after'] or {}).get(name))} |"
            for name in names
        ]
    lines += ["", *(f"- failed check: {said}" for said in report["failed_checks"][:SHOWN])]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return drift.figure(value)
    return str(value).replace("|", "\\|")
