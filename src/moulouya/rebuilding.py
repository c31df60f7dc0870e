"""Every file of a version, made once more in a folder of its own from what the lake kept."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moulouya import arrival, merging, provenance, runs, suspicion, versions
from moulouya import transform as transforms
from moulouya import workspace as workspaces
from moulouya.definition import STAGED
from moulouya.errors import CannotReproduce, DataError, DefinitionError, LakeError
from moulouya.provenance import Provenance
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.staging import Staged
from moulouya.storage.files import canonical_json, sha256_of
from moulouya.storage.lake import Lake
from moulouya.versions import Version
from moulouya.workspace import Dataset

SHELF = {
    provenance.DEFINITION: "datasets",
    "transform.sql": "transforms",
    "transform.py": "transforms",
    provenance.EXPECTATIONS: "expectations",
}


@dataclass(frozen=True)
class Rebuilding:
    """A version that is made once more in a folder of its own."""

    lake: Lake
    version: Version
    made: Provenance
    place: Path
    settings_now: Settings

    @property
    def record(self) -> dict[str, Any]:
        return self.version.record

    @property
    def settings(self) -> Settings:
        """Today's settings with those that had a say when the version was made."""
        return self.settings_now.model_copy(update=self.made.settings)

    def build(self) -> Path:
        """Make every file of the version; returns the folder they are in."""
        region, dataset = self._workspace()
        self._check_snapshots()
        staged = None if dataset.derived else self._stage(dataset)
        table = self._table(dataset, region, staged)
        report = self._validate(dataset, staged, table)
        previous = self._previous()
        folder = self.place / "version"
        draft = versions.prepare(
            dataset,
            table,
            folder,
            region=region,
            validation=report,
            previous=previous,
            settings=self.settings,
        )
        suspicion.reasons_to_hold(
            self.lake, draft, staged, previous, self.settings,
            today=self.made.today, history=self.made.history,
        )  # fmt: skip
        if staged is not None and staged.rejects is not None:
            staged.rejects.rename(folder / "rejected.parquet")
        if staged is not None and dataset.merged:
            origins = staged.table.with_name(merging.ORIGINS)
            if origins.exists():
                origins.rename(folder / merging.ORIGINS)
        interval = self.record["interval"]
        versions.finish(
            draft,
            run_id=self.record["run_id"],
            interval=(
                dt.datetime.fromisoformat(interval["start"]),
                dt.datetime.fromisoformat(interval["end"]),
            )
            if interval
            else None,
            restated=self.record["restated"],
            region=region,
            snapshots=self.record["snapshots"],
            inputs=self.record["inputs"],
            rejected=staged.rejected if staged else 0,
            previous=previous,
            settings=self.settings,
            number=self.version.number,
            decision=self.record["decision"],
            provenance=self.made,
        )
        return folder

    def _workspace(self) -> tuple[Region, Dataset]:
        """The shelves as they were, as far as this dataset is concerned."""
        root, slug, theme = self.place / "workspace", self.version.slug, self.record["theme"]
        for shelf in workspaces.SHELVES:
            (root / shelf / theme).mkdir(parents=True)
        for name, text in self.made.recipe.files.items():
            path = root / name
            if name in SHELF:
                path = root / SHELF[name] / theme / f"{slug}{Path(name).suffix}"
            path.write_bytes(text.encode())
        for other in self.made.upstream:
            # Only that there is such a dataset; what it said then was checked then.
            (root / "datasets" / theme / f"{other}.yml").write_bytes(b"{}\n")
        try:
            return workspaces.load_one(root, slug)
        except DefinitionError as error:
            by = self.record["libraries"]["moulouya"]
            raise CannotReproduce(
                f"the recipe of version {self.version.number} of {slug} is not valid here: "
                f"{error.faults[0].message}",
                hint=f"use moulouya {by}, by which it was made",
            ) from error

    def _check_snapshots(self) -> None:
        for delivery in self.record["snapshots"]:
            folder = self.lake.snapshots(self.version.slug) / str(delivery["number"])
            for file in delivery["files"]:
                self._whole(
                    folder / file["path"],
                    file["sha256"],
                    f"{file['name']} of snapshot {delivery['number']} of {self.version.slug}",
                )

    def _whole(self, path: Path, sha256: str, what: str) -> Path:
        """A file of the lake that is what it was when the version was made of it."""
        try:
            local = self.lake.local(path)
            found = sha256_of(local) if local.exists() else None
        except (LakeError, OSError) as error:
            raise CannotReproduce(f"{what} cannot be read: {error}") from error
        if found != sha256:
            raise CannotReproduce(
                f"{what} is {'gone' if found is None else 'damaged'}",
                hint="moulouya verify looks for more; moulouya restore has what was backed up",
            )
        return local

    def _other(self, slug: str, named: dict[str, Any]) -> Version:
        """Another version that this one was made of, in the very bytes it had then."""
        number = named["version"]
        what = f"version {number} of {slug}, which this one was made of,"
        path = self.lake.version(slug, number)
        self._whole(path / "version.json", named["version_sha256"], f"the record of {what}")
        other = versions.read(self.lake, slug, number)
        table = f"{slug}.parquet"
        for file in other.record["files"]:
            if file["name"] in (table, merging.ORIGINS):
                self._whole(path / file["name"], file["sha256"], f"{file['name']} of {what}")
        return other

    def _others(self, named: dict[str, dict[str, Any]]) -> dict[str, Version]:
        return {slug: self._other(slug, one) for slug, one in named.items()}

    def _previous(self) -> Version | None:
        named = self.record["provenance"]["previous"]
        return self._other(self.version.slug, named) if named else None

    def _stage(self, dataset: Dataset) -> Staged:
        folder = self.place / "run"
        if self.made.merged is not None:
            self._previous()  # whole, since rows are merged into it
            return arrival.merge_as_planned(
                self.lake, dataset, self.made.merged, folder, self.settings
            )
        numbers = [one["number"] for one in self.record["snapshots"]]
        return arrival.stage_deliveries(self.lake, dataset, numbers, folder, self.settings)

    def _table(self, dataset: Dataset, region: Region, staged: Staged | None) -> Path:
        if dataset.transform is None:
            assert staged is not None, "what has no transform has a source"
            return staged.table
        published = self._others(self.made.inputs)
        tables = {slug: other.table for slug, other in published.items()}
        if staged is not None:
            tables[STAGED] = staged.table
        target = self.place / "run" / "table.parquet"
        transforms.transform(
            dataset,
            tables,
            target,
            region=region,
            themes={slug: other.record["theme"] for slug, other in published.items()},
            settings=self.settings,
        )
        return target

    def _validate(self, dataset: Dataset, staged: Staged | None, table: Path) -> dict[str, Any]:
        """The report as the run made it: what came in, where it differs from what goes out."""
        from moulouya.quality import validation

        moments: list[dict[str, Any]] = []
        for moment in ("incoming", "outgoing"):
            if moment not in self.made.references:
                continue
            checked = staged.table if moment == "incoming" and staged else table
            others = self._others(self.made.references[moment])
            result = validation.validate(
                checked,
                dataset,
                moment=moment,
                inputs={slug: other.table for slug, other in others.items()},
                settings=self.settings,
            )
            moments.append(json.loads(canonical_json(result.to_json())))
        report = runs.combined(dataset.slug, moments)
        if not report["success"]:
            broken = next(one for one in report["checks"] if not one["success"])
            raise DataError(f"a critical rule is broken: {broken['message']}")
        return report
