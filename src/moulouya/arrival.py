"""The first half of a run: a delivery is kept as a snapshot and staged in the sandbox."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moulouya import gates, merging, sandbox, snapshots, versions
from moulouya.errors import DataError
from moulouya.ledger import now, stamp
from moulouya.runs import Run
from moulouya.sandbox import Limits
from moulouya.settings import Settings
from moulouya.snapshots import Interval, Snapshot
from moulouya.staging import Staged
from moulouya.storage.files import read_json
from moulouya.versions import Version
from moulouya.workspace import Dataset

BYTES_A_SECOND = 2_000_000


def interval_of(dataset: Dataset) -> Interval:
    """The data interval of a run that no scheduler named: the last whole period, in UTC."""
    every = dataset.definition.refresh.every or dt.timedelta(days=1)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    end = epoch + (now() - epoch) // every * every
    return end - every, end


def take(run: Run, interval: Interval | None) -> Snapshot | None:
    """Fetch the source; None when nothing has ever come from it."""
    if interval is not None:
        run.write("interval", {"start": stamp(interval[0]), "end": stamp(interval[1])})
    between = interval or interval_of(run.dataset)
    snapshot = snapshots.take(run.lake, run.dataset, run.region, run.settings, run.run_id, between)
    if snapshot is not None:
        run.write("snapshot", {"number": snapshot.number})
    return snapshot


def taken(run: Run) -> list[Snapshot]:
    """The deliveries this run works on: one, or (merged) all since the newest version's."""
    slug = run.dataset.slug
    newest = snapshots.read(run.lake, slug, run.read("snapshot")["number"])
    if not run.dataset.merged:
        return [newest]
    done = _dealt_with(run, versions.latest(run.lake, slug))
    waiting = [one for one in snapshots.since(run.lake, slug, 0) if one.number not in done]
    return [one for one in waiting if one.number <= newest.number] or [newest]


def _dealt_with(run: Run, newest: Version | None) -> set[int]:
    """Numbers of the deliveries that were merged, or that a person rejected."""
    slug = run.dataset.slug
    merged = newest.record["snapshots"][-1]["number"] if newest is not None else 0
    done = set(range(1, merged + 1))
    for held in gates.pending(run.lake, slug):
        if held.decision is not None and held.decision["decision"] == "rejected":
            record = read_json(held.path / "version.json")
            done |= {one["number"] for one in record["snapshots"]}
    return done


def stage(run: Run) -> Staged:
    """Read the run's deliveries by the contract; raises DataError when not one row fits."""
    if not run.read("snapshot") and take(run, None) is None:
        raise DataError(f"nothing has come from the source of {run.dataset.slug} yet")
    dataset = run.dataset
    deliveries = taken(run)
    files = {
        (f"{snapshot.number}-{name}" if dataset.merged else name): path
        for snapshot in deliveries
        for name, path in snapshots.paths(run.lake, snapshot).items()
    }
    staged = stage_in_sandbox(dataset, files, run.scratch, run.settings)
    if staged.rows == 0:
        run.write("staged", _plain(staged))
        raise DataError(
            f"not one of the {staged.rejected} rows of {dataset.slug} fits the contract"
            if staged.rejected
            else f"the source of {dataset.slug} has no rows",
            hint="look at rejected.parquet in the quarantine, or at the source",
        )
    if dataset.merged:
        previous = versions.latest(run.lake, dataset.slug)
        staged = merging.merge(
            dataset, staged, previous.table if previous is not None else None, run.settings
        )
    run.write("staged", _plain(staged))
    return staged


def staged(run: Run) -> Staged:
    """The staged table of this run, made again when its scratch files are gone."""
    record = run.read("staged")
    if not record or not Path(record["table"]).exists():
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
