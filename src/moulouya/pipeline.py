"""The river: fetch → stage → validate → transform → publish, one call a step.

Each step takes a dataset's slug and a run id, works in the run's scratch directory, and can be
repeated: Airflow calls them one by one, the command line all in a row. A run ends in one of
four outcomes, written to the ledger: published, unchanged, held or failed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from moulouya import (
    arrival,
    gates,
    ledger,
    merging,
    order,
    privacy,
    publication,
    snapshots,
    suspicion,
    versions,
    workspace,
)
from moulouya import transform as transforms
from moulouya.definition import STAGED
from moulouya.errors import Conflict, DataError, MoulouyaError
from moulouya.ledger import RunRecord, now, stamp
from moulouya.runs import Run, begin, end, new_run_id, report, step
from moulouya.settings import Settings
from moulouya.snapshots import Interval
from moulouya.storage.conflicts import attempts
from moulouya.storage.files import listed, read_json, remove_tree
from moulouya.storage.lake import Lake, open_lake
from moulouya.versions import Version
from moulouya.withdrawals import Withdrawal
from moulouya.workspace import Dataset

if TYPE_CHECKING:
    from moulouya.quality.validation import Validation

Progress = Callable[[str, str, str, int, int], None]
log = structlog.get_logger()
STEPS = ("fetch", "stage", "validate", "transform", "publish")
DERIVED_STEPS = ("transform", "publish")


def steps_of(dataset: Dataset) -> tuple[str, ...]:
    """The steps a run of the dataset goes through."""
    return DERIVED_STEPS if dataset.derived else STEPS


def fetch(
    settings: Settings,
    slug: str,
    run_id: str,
    interval: Interval | None = None,
    restate: bool = False,
) -> dict[str, Any]:
    """Take a snapshot of the source; ends the run as unchanged (or still held) if it is known.

    So it ends too where newer data stand than those of the interval, unless ``restate`` says that
    the older ones are to replace them.
    """
    run = begin(settings, slug, run_id)
    with step(run, "fetch"):
        done = versions.of_run(run.lake, slug, run_id)
        if done is not None:
            return {"version": done.number}
        arrival.ask(run, interval, restate)
        standing = versions.standing(run.lake, slug)
        late = arrival.late(run, standing)
        if late is not None:
            return _unchanged(run, standing, [late])
        snapshot = arrival.take(run)
        if snapshot is None:
            published = versions.standing(run.lake, slug)
            return _unchanged(run, published, ["nothing has come yet"])
        known = _known(run, snapshot.sha256)
        if known is not None:
            return known
    return {"snapshot": snapshot.number, "sha256": snapshot.sha256, "url": snapshot.url}


def stage(settings: Settings, slug: str, run_id: str) -> dict[str, Any]:
    """Read the snapshot by the contract; rejected rows are set apart."""
    run = begin(settings, slug, run_id)
    with step(run, "stage"):
        done = versions.of_run(run.lake, slug, run_id)
        if done is not None:
            return {"version": done.number}
        staged = arrival.stage(run)
    return {"rows": staged.rows, "rejected": staged.rejected}


def validate(settings: Settings, slug: str, run_id: str) -> dict[str, Any]:
    """Hold what came in against its expectations; raises DataError where a critical one fails."""
    run = begin(settings, slug, run_id)
    with step(run, "validate"):
        done = versions.of_run(run.lake, slug, run_id)
        if done is not None:
            return {"version": done.number}
        staged = arrival.staged(run)
        moment = "outgoing" if staged.published_layout else "incoming"
        return _validate(run, staged.table, moment)


def transform(settings: Settings, slug: str, run_id: str) -> dict[str, Any]:
    """Make the published table; a dataset without a transform is published as staged."""
    run = begin(settings, slug, run_id)
    with step(run, "transform"):
        done = versions.of_run(run.lake, slug, run_id)
        if done is not None:
            return {"version": done.number}
        if run.dataset.derived:
            known = _known(run, None)
            if known is not None:
                return known
        table, rows = _transform(run)
        return {"rows": rows, "table": table.name}


def publish(settings: Settings, slug: str, run_id: str) -> dict[str, Any]:
    """Validate what goes out and commit it as a version, or hold it for a person.

    Returns the run's outcome with version, rows, rejected rows, reasons and links.
    """
    run = begin(settings, slug, run_id)
    with step(run, "publish"), run.lake.locked(f"datasets-{slug}"):
        done = versions.of_run(run.lake, slug, run_id)
        if done is not None:
            # The process that committed it may have died before that was safe from a power cut.
            run.lake.settle(done.path)
            return end(run, "published", version=done)
        return attempts()(_publish, run)


def release(settings: Settings) -> dict[str, Any]:
    """Commit a release of every published version, unless the newest one says the same."""
    region = workspace.load(settings.workspace_root).region
    lake = open_lake(settings)
    lake.sweep()
    made, new = publication.commit(settings, lake, region)
    return {
        "outcome": "published" if new else "unchanged",
        "release": made.number,
        "datasets": len(made.manifest["datasets"]),
        "links": {
            "portal": f"{settings.public_url}/",
            "catalogue": f"{settings.public_url}/catalogue.duckdb",
        },
    }


def run(
    settings: Settings,
    slugs: list[str] | None = None,
    on_progress: Progress = lambda slug, step, outcome, done, total: None,
    interval: Interval | None = None,
    restate: bool = False,
) -> list[dict[str, Any]]:
    """Run datasets one after the other, inputs first; one record of the ledger for each.

    A dataset that fails does not stop the others. ``on_progress(slug, step, outcome, done,
    total)`` is told of every step that starts and every run that ends. Without an interval, a
    source that asks for a period is asked for the last whole one. ``restate``: data of the interval
    replace newer ones.
    """
    loaded = workspace.load(settings.workspace_root)
    lake = open_lake(settings)
    for slug in slugs or []:
        if slug not in loaded.broken:
            loaded.dataset(slug)
    broken = [slug for slug in loaded.broken if slugs is None or slug in slugs]
    ordered = [dataset.slug for dataset in loaded.in_order(slugs)]
    functions: dict[str, Callable[..., dict[str, Any]]] = {
        "fetch": fetch,
        "stage": stage,
        "validate": validate,
        "transform": transform,
        "publish": publish,
    }
    results = []
    total = len(broken) + len(ordered)
    for done, slug in enumerate([*broken, *ordered]):
        run_id = new_run_id(slug)
        failure: dict[str, Any] = {}
        steps = steps_of(loaded.datasets[slug]) if slug in loaded.datasets else ("fetch",)
        try:
            for name in steps:
                on_progress(slug, name, "", done, total)
                more = (interval, restate) if name == "fetch" else ()
                if "outcome" in functions[name](settings, slug, run_id, *more):
                    break
        except Exception as error:
            if not isinstance(error, MoulouyaError):
                log.exception("a fault of Moulouya", slug=slug, run_id=run_id)
            failure = _failure(slug, run_id, error)
        record = _record(lake, run_id) or failure
        on_progress(slug, "", record["outcome"], done + 1, total)
        results.append(record)
    return results


def _record(lake: Lake, run_id: str) -> dict[str, Any]:
    found = listed(lake.ledger, f"*/*/*/{run_id}.json")
    return dict(read_json(found[0])) if found else {}


def _failure(slug: str, run_id: str, error: BaseException) -> dict[str, Any]:
    """The record of a run that could not begin, or whose end could not be written."""
    at = stamp(now())
    described = ledger.describe(error)
    return RunRecord(run_id, slug, "failed", at, at, 0.0, error=described).to_json()


def _validate(run: Run, table: Path, moment: Any) -> dict[str, Any]:
    from moulouya.quality import validation

    others = run.inputs(run.dataset.references)
    inputs = {slug: version.table for slug, version in others.items()}
    result: Validation = validation.validate(
        table, run.dataset, moment=moment, inputs=inputs, settings=run.settings
    )
    numbers = {slug: version.number for slug, version in others.items()}
    run.write(f"validation-{moment}", {**result.to_json(), "references": numbers})
    result.raise_for_critical()
    return {"rows": result.rows, "checks": len(result.checks), "warnings": len(result.warnings)}


def _transform(run: Run) -> tuple[Path, int]:
    dataset = run.dataset
    staged = None if dataset.derived else arrival.staged(run)
    if dataset.transform is None:
        assert staged is not None
        return staged.table, staged.rows
    published = run.inputs(dataset.inputs)
    missing = sorted(set(dataset.inputs) - set(published))
    if missing:
        raise DataError(
            f"{dataset.slug} reads {', '.join(missing)}, not published yet",
            hint=f"moulouya run {' '.join(missing)}",
        )
    tables = {slug: version.table for slug, version in published.items()}
    if staged is not None:
        tables[STAGED] = staged.table
    run.write("inputs", {slug: version.number for slug, version in published.items()})
    target = run.scratch / "table.parquet"
    rows = transforms.transform(
        dataset,
        tables,
        target,
        region=run.region,
        themes={slug: version.record["theme"] for slug, version in published.items()},
        settings=run.settings,
    )
    return target, rows


def _publish(run: Run) -> dict[str, Any]:
    dataset, lake = run.dataset, run.lake
    # Before anything is compared: who publishes meanwhile takes this number, and the commit fails.
    number = versions.next_number(lake, dataset.slug)
    previous = versions.standing(lake, dataset.slug)
    late = arrival.late(run, previous)
    if late is not None:
        return _unchanged(run, previous, [late])
    draft_folder = run.scratch / "version"
    staged = None if dataset.derived else arrival.staged(run)
    table = run.scratch / "table.parquet" if staged is None or dataset.transform else staged.table
    remove_tree(draft_folder)
    if staged is not None and not (
        staged.published_layout or run.note("validation-incoming").exists()
    ):
        _validate(run, staged.table, "incoming")
    if not table.exists():
        table, _ = _transform(run)
    if dataset.transform is not None or not run.note("validation-outgoing").exists():
        _validate(run, table, "outgoing")
    region = run.region
    draft = versions.prepare(
        dataset,
        table,
        draft_folder,
        region=region,
        validation=report(run),
        previous=previous,
        settings=run.settings,
    )
    if draft.changes is not None and draft.changes.none:
        assert previous is not None, "it was compared with that"
        gates.remember(lake, previous, dataset, _sha256(run), run.read("inputs"))
        _confirm(run, previous)
        return _unchanged(run, previous)
    today, history = privacy.today(), suspicion.remembered(lake, previous)
    reasons = suspicion.reasons_to_hold(
        lake, draft, staged, previous, run.settings, today=today, history=history
    )
    if staged is not None and staged.rejects is not None:
        staged.rejects.rename(draft_folder / "rejected.parquet")
    if staged is not None and dataset.merged:
        origins = staged.table.with_name(merging.ORIGINS)
        if origins.exists():
            origins.rename(draft_folder / merging.ORIGINS)
    versions.finish(
        draft,
        run_id=run.run_id,
        interval=order.interval_of(run.read("interval")),
        restated=bool(run.read("restate")),
        region=region,
        snapshots=[one.to_json() for one in arrival.taken(run)] if run.read("snapshot") else [],
        inputs=run.read("inputs"),
        rejected=staged.rejected if staged else 0,
        previous=previous,
        settings=run.settings,
        number=number,
        provenance=run.made_of(today, history),
    )
    reasons += _taken_back_before(run, draft_folder)
    if reasons:
        gates.hold(lake, dataset.slug, run.run_id, draft_folder, reasons)
        return end(run, "held", reasons=reasons, rows=draft.rows)
    try:
        version = versions.commit(lake, dataset.slug, draft_folder)
    except Conflict:
        _work_anew(run)
        raise
    return end(run, "published", version=version)


def _work_anew(run: Run) -> None:
    """Drop what was made of the versions that stood when the run began: others stand now."""
    (run.scratch / "table.parquet").unlink(missing_ok=True)
    for name in ("staged", "validation-outgoing"):
        run.note(name).unlink(missing_ok=True)


def _sha256(run: Run) -> str | None:
    number = run.read("snapshot").get("number")
    return snapshots.read(run.lake, run.dataset.slug, number).sha256 if number else None


def _known(run: Run, sha256: str | None) -> dict[str, Any] | None:
    """End the run early when these bytes, recipe and inputs were dealt with before."""
    previous = versions.standing(run.lake, run.dataset.slug)
    inputs = {slug: version.number for slug, version in run.inputs(run.dataset.inputs).items()}
    if previous is not None and gates.seen(run.lake, previous, run.dataset, sha256, inputs):
        _confirm(run, previous)
        return _unchanged(run, previous)
    for version, withdrawal in versions.withdrawn(run.lake, run.dataset.slug):
        if gates.same_material(version.record, run.dataset, sha256, inputs):
            return _unchanged(run, previous, [_told(withdrawal)])
    held = gates.held(run.lake, run.dataset.slug, run.dataset, sha256, inputs)
    if held is not None:
        if held.decision is not None:
            return _unchanged(run, previous, held.reasons)
        return end(run, "held", version=previous, reasons=held.reasons)
    return None


def _confirm(run: Run, standing: Version) -> None:
    """Note that what stands is as new as this run's delivery, which says the same."""
    if not run.dataset.derived:
        order.confirm(run.lake, standing, arrival.place(run))


def _taken_back_before(run: Run, folder: Path) -> list[str]:
    """Why a draft waits for a person that has the very rows of a version that was withdrawn."""
    content = read_json(folder / "version.json")["content_hash"]
    return [
        f"it has the same rows: {_told(withdrawal)}"
        for version, withdrawal in versions.withdrawn(run.lake, run.dataset.slug)
        if version.record["content_hash"] == content
    ]


def _told(withdrawal: Withdrawal) -> str:
    return (
        f"version {withdrawal.version} was withdrawn by {withdrawal.by}: {withdrawal.reason}; "
        f"to publish it after all: moulouya withdraw {withdrawal.slug} {withdrawal.version} --undo"
    )


def _unchanged(
    run: Run, newest: Version | None, reasons: list[str] | None = None
) -> dict[str, Any]:
    """End a run that brought nothing new; held where what is public is allowed no longer."""
    over = suspicion.no_longer_allowed(newest, run.dataset) if newest is not None else []
    return end(run, "held" if over else "unchanged", version=newest, reasons=over or reasons)
