"""A delivery beside the one before: what a person looks at to approve or reject it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from moulouya import drift, gates, ledger, versions
from moulouya.errors import UsageError
from moulouya.settings import Settings
from moulouya.storage.files import read_json
from moulouya.storage.lake import Lake, look_into

SHOWN = 20
FEW, WIDE, LONGEST = 5, 6, 300
EXACT = 2**53
SIDES = ("before", "after")
# What a figure of a column's profile is called.
FIGURES = {
    "empty": "empty",
    "min": "lowest",
    "max": "highest",
    "median": "median",
    "distinct": "different values",
    "length": "length",
    "bounds": "bounds",
    "true": "true",
}
# Signs that Markdown reads, and what makes a bare address a link.
MEANS_SOMETHING = re.compile(r"[\\`*_\[\]<>|~&!#$]|(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)


def compare(settings: Settings, slug: str, run_id: str | None = None) -> dict[str, Any]:
    """The held delivery of a dataset beside the published version; the newest version beside the
    one before it where nothing is held.

    ``failed`` is the last run where it failed, with the places of what it left. Without any
    version there is only that. Raises UsageError when there is nothing at all.
    """
    lake = look_into(settings)
    failed = _failed(lake, slug)
    waiting = [one for one in gates.pending(lake, slug) if one.decision is None]
    if waiting:
        held = gates.undecided(lake, slug, run_id)
        told = {"held": held.run_id, "reasons": held.reasons, "failed": failed}
        return {**told, **_beside(lake, slug, held.path)}
    newest = versions.standing(lake, slug)
    if newest is not None:
        told = {"held": None, "reasons": [], "failed": failed}
        return {**told, **_beside(lake, slug, newest.path)}
    if failed is None:
        raise UsageError(f"{slug} has no version yet", hint=f"moulouya run {slug}")
    return {"held": None, "reasons": [], "failed": failed, "slug": slug, "version": None}


def _failed(lake: Lake, slug: str) -> dict[str, Any] | None:
    """The last run of a dataset, if it failed: why, and where its rejected rows and report are."""
    last = ledger.last_runs(lake, {slug}).get(slug)
    if last is None or last["outcome"] != "failed":
        return None
    folder = lake.quarantine(slug) / last["run_id"]
    return {
        "run_id": last["run_id"],
        "message": (last["error"] or {}).get("message"),
        "rejected": last["rejected"],
        "rejected_rows": _place(lake, folder, "rejected.parquet"),
        "validation": _place(lake, folder, "validation.json"),
    }


def _place(lake: Lake, folder: Path, name: str) -> str | None:
    path = lake.local(folder / name)
    return str(path) if path.exists() else None


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
        "rejected_rows": _place(lake, folder, "rejected.parquet"),
        "changes": {name: changes.get(name) for name in ("rows", "columns", "values", "sample")},
        "failed_checks": [check["message"] for check in checks if not check["success"]],
        "drift": [
            {**finding, "sentence": drift.sentence(drift.Finding(**finding))}
            for finding in _read(folder, "drift").get("findings", [])
        ],
        "privacy": _read(folder, "privacy").get("findings", []),
        "blocked": bool(_read(folder, "privacy").get("blocked")),
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
    """The comparison as Markdown, for Airflow's question to a person and for a terminal.

    What comes from the data is escaped: a delivery can neither draw nor link anything here.
    """
    sections = (
        ("Why it is held", [f"- {_text(reason)}" for reason in report["reasons"]]),
        ("Beside the published version", _side_by_side(report)),
        ("Rows that changed", _rows(report)),
        ("Checks that fail", [f"- {_text(said)}" for said in report["failed_checks"][:SHOWN]]),
    )
    return "\n\n".join("\n".join([f"### {title}", "", *told]) for title, told in sections if told)


def _side_by_side(report: dict[str, Any]) -> list[str]:
    """Two columns of figures: of the whole table, and of each column that moved."""
    before = f"version {report['previous']}" if report["previous"] else "nothing yet"
    lines = [
        f"| | {before} | this delivery |",
        "|---|---:|---:|",
        f"| rows | {_shown(report['rows']['before'])} | {_shown(report['rows']['after'])} |",
        f"| rejected rows | | {_shown(report['rejected'])} |",
    ]
    moved = {one["column"] for one in [*report["drift"], *report["privacy"]] if one["column"]}
    for one in report["columns"]:
        if one["column"] not in moved:
            continue
        old, new = one["before"] or {}, one["after"] or {}
        lines += [
            f"| `{one['column']}` {FIGURES[name]} | {_figure(name, old)} | {_figure(name, new)} |"
            for name in dict.fromkeys([*old, *new])
        ]
    return lines


def _rows(report: dict[str, Any]) -> list[str]:
    """How many rows came, went and changed, and some of them; personal data are covered."""
    changes = report["changes"]
    if not changes["rows"]:
        return []
    covered = {one["column"] for one in report["privacy"]}
    lines = [", ".join(f"{_shown(count)} {kind}" for kind, count in changes["rows"].items()) + "."]
    sample = changes["sample"] or {}
    for kind in ("removed", "added"):
        rows = sample.get(kind, [])[:FEW]
        if rows:
            names = list(rows[0])[:WIDE]
            lines += ["", f"Some of the rows {kind}:", "", _line(_text(name) for name in names)]
            lines += [_line("---" for _ in names)]
            lines += [_line(_covered(row, name, covered) for name in names) for row in rows]
    changed = [
        (" ".join(_covered(one["key"], name, covered) for name in one["key"]), name, one)
        for one in sample.get("changed", [])
        for name in one["after"]
    ]
    if changed:
        lines += ["", "Some of the values changed:", "", "| row | column | published | now |"]
        lines += ["|---|---|---:|---:|"]
        lines += [
            _line([key, f"`{name}`", *(_covered(one[at], name, covered) for at in SIDES)])
            for key, name, one in changed[:FEW]
        ]
    return lines


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _covered(row: dict[str, Any], name: str, covered: set[str]) -> str:
    value = row.get(name)
    return "•••" if name in covered else "–" if value is None else _text(str(value))


def _figure(name: str, figures: dict[str, Any]) -> str:
    value = figures.get(name)
    return f"{value:.1%}" if name == "empty" and value is not None else _shown(value)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _text(str(value))
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < EXACT)
    return f"{value:,.0f}" if whole else drift.figure(value)


def _text(value: str) -> str:
    """A text as Markdown shows it literally, on one line and not too long."""
    one_line = " ".join(value.split())
    short = one_line if len(one_line) <= LONGEST else f"{one_line[: LONGEST - 1]}…"
    return MEANS_SOMETHING.sub(r"\\\g<0>", short)
