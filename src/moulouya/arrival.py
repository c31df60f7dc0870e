"""The first half of a run: a delivery is kept as a snapshot and staged in the sandbox."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from moulouya import duck, gates, merging, order, sandbox, snapshots, tables, versions
from moulouya.duck import literal
from moulouya.errors import DataError
from moulouya.ledger import now, stamp
from moulouya.order import Place
from moulouya.runs import Run
from moulouya.sandbox import Limits
from moulouya.settings import Settings
from moulouya.snapshots import Interval, Snapshot
from moulouya.staging import Staged
from moulouya.storage.files import read_json
from moulouya.storage.lake import Lake
from moulouya.versions import Version
from moulouya.workspace import Dataset

BYTES_A_SECOND = 2_000_000
FILES = ("table", "rejects")  # of what was staged


def interval_of(dataset: Dataset) -> Interval:
    """The data interval of a run that no scheduler named: the last whole period, in UTC."""
    every = dataset.definition.refresh.every or dt.timedelta(days=1)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    end = epoch + (now() - epoch) // every * every
    return end - every, end


def ask(run: Run, interval: Interval | None, restate: bool) -> None:
    """Note for the later steps what period a run is about, and whether it may replace newer data.

    What an earlier try of the run left is forgotten: the source is asked anew.
    """
    for name in ("snapshot", "inputs", "interval", "restate"):
        run.note(name).unlink(missing_ok=True)
    if interval is not None:
        run.write("interval", {"start": stamp(interval[0]), "end": stamp(interval[1])})
    if restate:
        run.write("restate", {"restate": True})


def take(run: Run) -> Snapshot | None:
    """Fetch the source; None when nothing has ever come from it."""
    named = order.interval_of(run.read("interval"))
    between = named or interval_of(run.dataset)
    snapshot = snapshots.take(
        run.lake, run.dataset, run.region, run.settings, run.run_id, between, named=bool(named)
    )
    if snapshot is not None:
        run.write("snapshot", {"number": snapshot.number})
    return snapshot


def place(run: Run) -> Place:
    """Where the run's delivery stands in the order of the dataset; now, while it has none."""
    slug, interval = run.dataset.slug, order.interval_of(run.read("interval"))
    number = run.read("snapshot").get("number")
    if number is None:
        return Place((run.lake.latest(run.lake.snapshots(slug)) or 0) + 1, now(), interval)
    return order.of_delivery(snapshots.read(run.lake, slug, number), interval)


def late(run: Run, standing: Version | None) -> str | None:
    """Why the run does not replace the standing version, which is newer; None when it may.

    A merged dataset takes what is about an earlier time all the same: it fills gaps.
    """
    if standing is None:
        return None
    noted = run.read("inputs")
    reason = order.late_inputs(standing, noted, run.inputs(tuple(noted)))
    if reason is None and not run.dataset.derived:
        reason = order.late_delivery(run.lake, standing, place(run).snapshot)
        if reason is None and not (run.dataset.merged or run.read("restate")):
            reason = order.late_interval(run.lake, standing, place(run))
    return reason


def taken(run: Run) -> list[Snapshot]:
    """The deliveries this run works on: one, or (merged) all since the newest version's."""
    slug = run.dataset.slug
    newest = snapshots.read(run.lake, slug, run.read("snapshot")["number"])
    if not run.dataset.merged:
        return [newest]
    done = _dealt_with(run, versions.standing(run.lake, slug))
    waiting = [one for one in snapshots.since(run.lake, slug, 0) if one.number not in done]
    return [one for one in waiting if one.number <= newest.number] or [newest]


def _dealt_with(run: Run, newest: Version | None) -> set[int]:
    """Numbers of the deliveries that were merged, or that a person rejected or took back."""
    slug = run.dataset.slug
    merged = newest.record["snapshots"][-1]["number"] if newest is not None else 0
    done = set(range(1, merged + 1))
    for version, _ in versions.withdrawn(run.lake, slug):
        done |= {one["number"] for one in version.record["snapshots"]}
    for held in gates.pending(run.lake, slug):
        if held.decision is not None and held.decision["decision"] == "rejected":
            record = read_json(held.path / "version.json")
            done |= {one["number"] for one in record["snapshots"]}
    return done


def stage(run: Run) -> Staged:
    """Read the run's deliveries by the contract; raises DataError when not one row fits."""
    if not run.read("snapshot") and take(run) is None:
        raise DataError(f"nothing has come from the source of {run.dataset.slug} yet")
    dataset = run.dataset
    if dataset.merged:
        staged = _stage_and_merge(run)
    else:
        numbers = [snapshot.number for snapshot in taken(run)]
        staged = stage_deliveries(run.lake, dataset, numbers, run.scratch, run.settings)
    if staged.rows == 0:
        run.write("staged", _plain(staged))
        raise DataError(
            f"not one of the {staged.rejected} rows of {dataset.slug} fits the contract"
            if staged.rejected
            else f"the source of {dataset.slug} has no rows",
            hint="look at rejected.parquet in the quarantine, or at the source",
        )
    run.write("staged", _plain(staged))
    return staged


def stage_deliveries(
    lake: Lake, dataset: Dataset, numbers: list[int], folder: Path, settings: Settings
) -> Staged:
    """Stage deliveries that were kept, as one table."""
    files = {
        (f"{number}-{name}" if dataset.merged else name): path
        for number in numbers
        for name, path in snapshots.paths(lake, snapshots.read(lake, dataset.slug, number)).items()
    }
    return stage_in_sandbox(dataset, files, folder, settings)


def _stage_and_merge(run: Run) -> Staged:
    """Stage the deliveries that wait and merge them, those of one data interval at a time.

    What is merged into what is noted first: the same plan gives the same rows once more.
    """
    standing = versions.standing(run.lake, run.dataset.slug)
    run.write("base", {"version": standing.number if standing is not None else None})
    # What was checked before was another table.
    run.note("validation-outgoing").unlink(missing_ok=True)
    own = place(run)
    places = {
        one.number: own if one.number == own.snapshot else order.of_delivery(one)
        for one in taken(run)
    }
    groups = [list(group) for _, group in groupby(places, lambda number: places[number].interval)]
    plan = {
        "base": _base(run, standing),
        "groups": [
            {
                "snapshots": group,
                "origin": _origin(places[group[-1]]).to_json(),
                "restate": bool(run.read("restate")) and places[group[-1]] == own,
            }
            for group in groups
        ],
    }
    run.write("merging", plan)
    return merge_as_planned(run.lake, run.dataset, plan, run.scratch, run.settings)


def _base(run: Run, standing: Version | None) -> dict[str, Any] | None:
    """What rows are merged into: the standing version, and where its rows came from."""
    if standing is None:
        return None
    record, known = standing.record, order.of_version(run.lake, standing)
    assert known is not None, "a merged dataset has deliveries"
    last = record["snapshots"][-1]
    interval = order.interval_of(record["interval"])
    origin = merging.Origin(
        last["number"],
        dt.datetime.fromisoformat(last["retrieved"]),
        interval[1] if interval else None,
    )
    return {
        "version": standing.number,
        "origin": origin.to_json(),
        "confirmed": _origin(known).to_json(),
    }


def _origin(place: Place) -> merging.Origin:
    return merging.Origin(place.snapshot, place.retrieved, place.until)


def merge_as_planned(
    lake: Lake, dataset: Dataset, plan: dict[str, Any], folder: Path, settings: Settings
) -> Staged:
    """Stage deliveries and merge them into a version, group by group, as a plan says."""
    base = _opened(lake, dataset, plan["base"])
    parts: list[Staged] = []
    merged: Staged | None = None
    for number, group in enumerate(plan["groups"]):
        into = folder if len(plan["groups"]) == 1 else folder / f"part-{number}"
        part = stage_deliveries(lake, dataset, group["snapshots"], into, settings)
        parts.append(part)
        if not part.rows:
            continue
        origin = merging.Origin.of(group["origin"])
        merged = merging.merge(
            dataset, part, base, settings, origin=origin, restate=group["restate"]
        )
        origins = merged.table.with_name(merging.ORIGINS)
        base = merging.Base(merged.table, origins if origins.exists() else None, origin)
    return parts[0] if merged is None else _together(merged, parts, folder, settings)


def _opened(lake: Lake, dataset: Dataset, base: dict[str, Any] | None) -> merging.Base | None:
    if base is None:
        return None
    version = versions.read(lake, dataset.slug, base["version"])
    written = any(file["name"] == merging.ORIGINS for file in version.record["files"])
    return merging.Base(
        table=version.table,
        origins=version.local(merging.ORIGINS) if written else None,
        origin=merging.Origin.of(base["origin"]),
        confirmed=merging.Origin.of(base["confirmed"]),
    )


def _together(merged: Staged, parts: list[Staged], folder: Path, settings: Settings) -> Staged:
    """What was merged, with the rejected rows of every part."""
    rejects = [part.rejects for part in parts if part.rejects is not None]
    if len(rejects) > 1:
        listed = ", ".join(literal(str(path)) for path in rejects)
        rejects = [folder / "rejected.parquet"]
        with duck.connect(memory_limit=settings.memory_limit) as con:
            con.execute(
                f"COPY (FROM read_parquet([{listed}], union_by_name = true)) "
                f"TO {literal(str(rejects[0]))} ({tables.LAYOUT})"
            )
    return replace(
        merged,
        rejects=rejects[0] if rejects else None,
        rejected=sum(part.rejected for part in parts),
        arrived=sum(part.rows for part in parts),
    )


def staged(run: Run) -> Staged:
    """The staged table of this run, made again when its scratch files are gone.

    A merged one is made again too when another version stands now than the one it was merged into.
    """
    record = run.read("staged")
    if not record or not all(Path(record[name]).exists() for name in FILES if record[name]):
        return stage(run)
    if run.dataset.merged:
        standing = versions.standing(run.lake, run.dataset.slug)
        if run.read("base").get("version") != (standing.number if standing else None):
            return stage(run)
    return _staged(record)


def stage_in_sandbox(
    dataset: Dataset, files: dict[str, Path], folder: Path, settings: Settings
) -> Staged:
    """Stage files in a child process that can reach nothing but them and ``folder``.

    Raises ReadError where the child crashed, or took more time or memory than the settings say.
    """
    size = sum(path.stat().st_size for path in files.values())
    folder.mkdir(parents=True, exist_ok=True)
    record = sandbox.call(
        "moulouya.staging:stage",
        dataset,
        files,
        folder,
        settings,
        limits=Limits(
            seconds=settings.sandbox_seconds + size / BYTES_A_SECOND,
            memory=settings.sandbox_memory,
        ),
        readable=list(files.values()),
        writable=[folder],
        about=f"the delivery of {dataset.slug}" if len(files) > 1 else next(iter(files)),
    )
    return _staged(record)


def _staged(record: dict[str, Any]) -> Staged:
    rejects = record["rejects"]
    return Staged(
        **{
            **record,
            "table": Path(record["table"]),
            "rejects": Path(rejects) if rejects else None,
        }
    )


def _plain(staged: Staged) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(staged).items()
    }
