"""One run of one dataset: its scratch directory, its timings, and how it ends."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moulouya import ledger, provenance, versions, witness, workspace
from moulouya.errors import MoulouyaError, RecipeChanged
from moulouya.ledger import Outcome, RunRecord, now, stamp
from moulouya.provenance import Provenance, Recipe
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.storage.files import (
    canonical_json,
    read_json,
    remove_tree,
    there,
    told_plainly,
    write_file,
)
from moulouya.storage.lake import Lake, open_lake
from moulouya.versions import Version
from moulouya.workspace import Dataset


def new_run_id(slug: str) -> str:
    """A run id of its own for a run that no scheduler named."""
    at = dt.datetime.now(dt.UTC)
    # Milliseconds first: runs of one second follow each other by their names.
    return f"{slug}-{at:%Y%m%dT%H%M%S}-{at.microsecond // 1000:03x}{secrets.token_hex(2)[1:]}"


@dataclass(frozen=True)
class Run:
    """One run of one dataset, as every step sees it."""

    settings: Settings
    region: Region
    lake: Lake
    dataset: Dataset
    run_id: str

    @property
    def scratch(self) -> Path:
        """The run's working directory."""
        return self.lake.scratch(self.run_id)

    def note(self, name: str) -> Path:
        """Where a step leaves a small record for the next one."""
        return self.scratch / f"{name}.json"

    def read(self, name: str) -> dict[str, Any]:
        """A record of an earlier step, empty when there is none."""
        path = self.note(name)
        return dict(read_json(path)) if there(path) else {}

    def write(self, name: str, record: dict[str, Any]) -> None:
        """Leave a record for the next step."""
        with told_plainly(f"writing {self.note(name)}"):
            write_file(self.note(name), canonical_json(record))

    def recipe(self, begun_with: str | None = None) -> Recipe:
        """The texts that this run works by.

        Raises RecipeChanged when they are not those any more that the run began with.
        """
        recipe = provenance.recipe_of(self.dataset, self.region, self.settings.workspace_root)
        if begun_with not in (None, recipe.sha256):
            raise RecipeChanged(self.dataset.slug)
        return recipe

    def made_of(self, today: dt.date, history: list[int]) -> Provenance:
        """What the version that this run makes is made of."""
        moments = {name: self.read(f"validation-{name}") for name in ("incoming", "outgoing")}
        return Provenance(
            recipe=self.recipe(self.read("timings").get("recipe")),
            created=stamp(now()),
            today=today,
            settings=provenance.settings_of(self.settings),
            environment=provenance.environment(),
            upstream=list(self.dataset.upstream),
            inputs=self._identities(self.read("inputs")),
            references={
                name: self._identities(moment["references"])
                for name, moment in moments.items()
                if moment
            },
            history=history,
            merged=self.read("merging") or None,
        )

    def _identities(self, numbers: dict[str, int]) -> dict[str, dict[str, Any]]:
        return {
            slug: versions.identity(versions.read(self.lake, slug, number))
            for slug, number in numbers.items()
        }

    def inputs(self, slugs: tuple[str, ...]) -> dict[str, Version]:
        """The version of each input that is published (next), where it has one."""
        found = {slug: versions.standing(self.lake, slug) for slug in slugs}
        return {slug: version for slug, version in found.items() if version is not None}


def begin(settings: Settings, slug: str, run_id: str) -> Run:
    """Open the workspace and the lake for a run.

    Raises DefinitionError for a broken dataset, UsageError for an unknown one, and LakeError where
    an older state of the lake was put back.
    """
    with told_plainly(f"beginning a run of {slug}"):
        region, dataset = workspace.load_one(settings.workspace_root, slug)
        lake = open_lake(settings)
        witness.check(settings, lake)
    return Run(settings, region, lake, dataset, run_id)


@contextmanager
def step(run: Run, name: str) -> Iterator[None]:
    """Time a step; a failure of it ends the run and is written to the ledger.

    Two processes that were given the same run take turns, a step each.
    """
    with _alone(run):
        yield from _timed(run, name)


@contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Hold the run's scratch directory, which whoever ends the run removes."""
    with told_plainly(f"preparing {run.scratch}"):
        while True:
            run.scratch.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(run.scratch, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(run.scratch, descriptor):
                break
            os.close(descriptor)
    try:
        yield
    finally:
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether a directory that was opened still has its name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _timed(run: Run, name: str) -> Iterator[None]:
    try:
        with told_plainly(f"{run.dataset.slug}: {name}", FileNotFoundError):
            timings = _begun(run, name)
            yield
    except Exception as error:
        fail(run, error)
        raise
    if there(run.scratch):
        kept = {name: timings[name] for name in ("started", "recipe")}
        run.write("timings", {**kept, "steps": _steps(timings)})


def _begun(run: Run, name: str) -> dict[str, Any]:
    """Note that a step has begun, and by which recipe; returns the timings so far."""
    timings = run.read("timings")
    timings.setdefault("started", stamp(now()))
    timings["current"] = {"step": name, "since": time.monotonic()}
    timings.setdefault("recipe", run.recipe().sha256)
    run.write("timings", timings)
    run.recipe(timings["recipe"])
    return timings


def _steps(timings: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps so far with their seconds, the one under way included."""
    steps: list[dict[str, Any]] = timings.get("steps", [])
    if "current" not in timings:
        return steps
    seconds = round(time.monotonic() - timings["current"]["since"], 3)
    return [*steps, {"step": timings["current"]["step"], "seconds": seconds}]


def end(
    run: Run,
    outcome: Outcome,
    *,
    version: Version | None = None,
    rows: int | None = None,
    reasons: list[str] | None = None,
    error: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the ledger's record of a run that ended and clear its scratch directory."""
    timings = run.read("timings")
    ended = now()
    started = timings.get("started", stamp(ended))
    begun = dt.datetime.fromisoformat(started)
    slug = run.dataset.slug
    record = RunRecord(
        run_id=run.run_id,
        slug=slug,
        outcome=outcome,
        started=started,
        ended=stamp(ended),
        seconds=(ended - begun).total_seconds(),
        steps=_steps(timings),
        rows=rows if rows is not None or version is None else version.record["rows"],
        rejected=run.read("staged").get("rejected") if outcome != "unchanged" else None,
        version=version.number if version else None,
        error=error,
        reasons=reasons or [],
        links={"portal": f"{run.settings.public_url}/en/datasets/{slug}"},
    )
    ledger.write(run.lake, record)
    remove_tree(run.scratch)
    return {
        name: value
        for name, value in record.to_json().items()
        if name in ("outcome", "version", "rows", "rejected", "reasons", "links", "run_id")
    }


def fail(run: Run, error: Exception) -> None:
    """End a run as failed; its report and rejected rows go to the quarantine."""
    lake = run.lake
    kept = lake.quarantine(run.dataset.slug) / run.run_id
    try:
        checked = report(run)
        staged = run.read("staged")
        if checked["checks"] or staged.get("rejects"):
            lake.write(kept / "validation.json", canonical_json(checked))
            if staged.get("rejects") and Path(staged["rejects"]).exists():
                lake.keep(Path(staged["rejects"]), kept / "rejected.parquet")
        end(run, "failed", error=ledger.describe(error))
    except (OSError, MoulouyaError):
        # The lake itself cannot be written (a full disk): what the run has made leaves its room to
        # the record. A run that is tried again makes it anew.
        remove_tree(run.scratch)
        try:
            end(run, "failed", error=ledger.describe(error))
        except (OSError, MoulouyaError) as second:
            # The first error is the one to show.
            error.add_note(f"the failure could not be recorded: {second}")


def report(run: Run) -> dict[str, Any]:
    """The validation report of a run: what came in, then what goes out."""
    moments = [run.read(f"validation-{moment}") for moment in ("incoming", "outgoing")]
    return combined(run.dataset.slug, moments)


def combined(slug: str, moments: list[dict[str, Any]]) -> dict[str, Any]:
    """One validation report of what was found at several moments, in their order."""
    checks = [check for moment in moments for check in moment.get("checks", [])]
    return {
        "format": 1,
        "slug": slug,
        "success": all(moment.get("success", True) for moment in moments),
        "rows": moments[-1].get("rows") or moments[0].get("rows"),
        "checks": checks,
    }
