"""What in a version that passed its validation makes a person look first."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from moulouya import drift, duck, privacy, versions
from moulouya.drift import History, Judgement
from moulouya.duck import identifier, literal
from moulouya.settings import Settings
from moulouya.staging import Staged
from moulouya.storage.files import canonical_json, read_json, told_plainly, write_file
from moulouya.storage.lake import Lake
from moulouya.versions import Draft, Version
from moulouya.workspace import Dataset


def reasons_to_hold(
    lake: Lake,
    draft: Draft,
    staged: Staged | None,
    previous: Version | None,
    settings: Settings,
    *,
    today: dt.date,
    history: Sequence[int],
) -> list[str]:
    """Why a draft that passed its validation is suspicious all the same, a sentence each.

    ``history`` are the versions that set the limits of drift, newest first; ``today`` decides which
    overrides are over. Its profile.json, drift.json and privacy.json are written into the draft,
    whatever they say.
    """
    findings = _drift(lake, draft, previous, history, settings).findings
    return [
        *_personal_data(draft, staged, today, settings),
        *_too_many_rejects(draft.dataset, staged),
        *_other_row_count(draft, previous),
        *(drift.sentence(finding) for finding in findings),
    ]


def _personal_data(
    draft: Draft, staged: Staged | None, today: dt.date, settings: Settings
) -> Iterator[str]:
    """Law 09-08: what would be published, rejected rows included, and what the contract allows."""
    dataset = draft.dataset
    tables = [draft.folder / f"{dataset.slug}.parquet"]
    if staged is not None and staged.rejects is not None:
        tables.append(staged.rejects)
    found = [finding for table in tables for finding in privacy.find(table, dataset, settings)]
    blocked = privacy.blocking(tuple(found), dataset.definition, today)
    with told_plainly(f"looking through {dataset.slug}"):
        record = {
            "format": 1,
            "blocked": bool(blocked),
            "findings": [finding.to_json() for finding in found],
        }
        write_file(draft.folder / "privacy.json", canonical_json(record))
    if blocked:
        yield privacy.hold_reason(blocked)


def blocked(folder: Path, dataset: Dataset) -> bool:
    """Whether a version that waits holds personal data that nobody answers for.

    What was allowed when it was held may be over when it is approved, never the other way round:
    a new decision makes another definition, and the delivery is judged anew by it.
    """
    ended = {(one.column, one.kind) for one in privacy.over(dataset.definition, privacy.today())}
    return bool(_record(folder, "privacy").get("blocked")) or any(
        one["blocking"] and (one["column"], one["kind"]) in ended for one in _found(folder)
    )


def no_longer_allowed(published: Version, dataset: Dataset) -> list[str]:
    """Personal data in a published version that an override let through which has ended since.

    A sentence for each: nothing has to come for a decision to run out. The version stays public
    until someone decides: to take it down by itself would break every page and table made of it
    in the night in which a date was forgotten.
    """
    seen = {(one["column"], one["kind"]) for one in _found(published.path) if one["blocking"]}
    return [
        f"{override.column} of version {published.number}, which is public, holds "
        f"{privacy.ABOUT[override.kind].en}: the decision of {override.by} ended on "
        f"{override.until}; set a new `until` under `privacy` in the definition, or leave the "
        f"column out, then moulouya run {dataset.slug}"
        for override in privacy.over(dataset.definition, privacy.today())
        if (override.column, override.kind) in seen
    ]


def _too_many_rejects(dataset: Dataset, staged: Staged | None) -> Iterator[str]:
    limit = dataset.definition.rejects
    if staged is not None and staged.rejected_share > limit.share:
        arrived = staged.rows if staged.arrived is None else staged.arrived
        yield (
            f"{staged.rejected} of {arrived + staged.rejected} rows were rejected "
            f"({staged.rejected_share:.1%}), more than the {limit.at_most} allowed"
        )


def _other_row_count(draft: Draft, previous: Version | None) -> Iterator[str]:
    limit = draft.dataset.definition.rows.change_within
    before = previous.record["rows"] if previous is not None else 0
    if limit is None or not before:
        return
    if abs(draft.rows - before) / before > float(limit[:-1]) / 100:
        yield (
            f"{draft.rows} rows after {before} ({(draft.rows - before) / before:+.0%}), "
            f"more than the {limit} that may change"
        )


def _drift(
    lake: Lake,
    draft: Draft,
    previous: Version | None,
    history: Sequence[int],
    settings: Settings,
) -> Judgement:
    """Profile a draft and hold it against the versions before.

    A version whose rows are those of the one before measures nothing, so that a new description
    does not count as a quiet delivery.
    """
    dataset, changes = draft.dataset, draft.changes
    judgement = Judgement((), ())
    with duck.connect(
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        spill=draft.folder.parent / "spill",
    ) as con:
        _view(con, "now", draft.folder / f"{dataset.slug}.parquet")
        after = drift.profile(con, "now", dataset.definition)
        if previous is not None and changes is not None and any(changes.rows.values()):
            _view(con, "before", previous.table)
            added = None
            if changes.rows["added"] and not any(changes.columns.values()):
                key = " AND ".join(
                    f"now.{identifier(name)} = before.{identifier(name)}"
                    for name in dataset.definition.key
                )
                con.execute(
                    "CREATE VIEW added AS SELECT * FROM now WHERE NOT EXISTS "
                    f"(SELECT 1 FROM before WHERE {key})"
                )
                added = drift.profile(con, "added", dataset.definition)
            judgement = drift.judge(
                _profile_of(previous)
                or drift.profile(con, "before", _published(dataset, previous)),
                after,
                added,
                changes.rows,
                changes.values,
                history=_history(lake, dataset.slug, history),
                key=dataset.definition.key,
                allowed=_allowed(dataset),
            )
    with told_plainly(f"profiling {dataset.slug}"):
        write_file(draft.folder / "profile.json", canonical_json({"format": 1, **after}))
        write_file(draft.folder / "drift.json", canonical_json(judgement.to_json()))
    return judgement


def _allowed(dataset: Dataset) -> dict[tuple[str, str | None], float]:
    """What the definition allows by itself; a declared row count is judged by its own limit."""
    allowed = {(one.rule, one.column): one.at_most for one in dataset.definition.drift}
    if dataset.definition.rows.change_within is not None:
        allowed |= dict.fromkeys((("rows_lost", None), ("rows_gained", None)), math.inf)
    if dataset.merged:  # it grows by its nature
        allowed[("rows_gained", None)] = math.inf
    return allowed


def _view(con: Any, name: str, path: Any) -> None:
    con.execute(f"CREATE VIEW {name} AS FROM read_parquet({literal(str(path))})")


def _found(folder: Path) -> list[dict[str, Any]]:
    """The personal data that were found in a version."""
    return list(_record(folder, "privacy").get("findings", []))


def _record(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    return dict(read_json(path)) if path.exists() else {}


def _profile_of(version: Version) -> dict[str, Any] | None:
    return _record(version.path, "profile") or None


def _published(dataset: Dataset, previous: Version) -> Any:
    """The definition with the columns that the version before has."""
    names = {column["name"] for column in previous.record["columns"]}
    columns = {k: v for k, v in dataset.definition.columns.items() if k in names}
    key = [name for name in dataset.definition.key if name in names]
    return dataset.definition.model_copy(update={"columns": columns, "key": key})


def remembered(lake: Lake, newest: Version | None) -> list[int]:
    """The versions that set the limits of drift for the one after ``newest``, newest first.

    As many as it takes to have enough that measured something; what was withdrawn has no say.
    """
    if newest is None:
        return []
    gone = {one.number for one, _ in versions.withdrawn(lake, newest.slug)}
    numbers: list[int] = []
    measured = 0
    version: Version | None = newest
    while version is not None and measured < drift.REMEMBERED:
        if version.number not in gone:
            numbers.append(version.number)
            measured += bool(_record(version.path, "drift").get("measures"))
        before = version.record["previous"]
        version = versions.read(lake, version.slug, before) if before else None
    return numbers


def _history(lake: Lake, slug: str, numbers: Sequence[int]) -> History:
    """What some versions measured; quiet ones have nothing to say."""
    found: list[tuple[dict[str, Any], ...]] = []
    categories: dict[str, frozenset[str]] = {}
    for version in (versions.read(lake, slug, number) for number in numbers):
        measures = _record(version.path, "drift").get("measures", [])
        if measures:
            found.append(tuple(measures))
        for name, column in (_profile_of(version) or {"columns": {}})["columns"].items():
            known = categories.get(name, frozenset())
            categories[name] = known | frozenset(column.get("categories", ()))
    return History(tuple(found), categories)
