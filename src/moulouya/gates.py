"""Between a good table and its publication: what makes a person look first, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moulouya.errors import UsageError
from moulouya.ledger import Outcome, now, stamp
from moulouya.storage.files import (
    checked_json,
    listed,
    read_json,
    sha256_of,
    there,
    told_plainly,
    write_file,
)
from moulouya.storage.lake import Lake
from moulouya.versions import Version
from moulouya.workspace import Dataset


def seen(
    lake: Lake, previous: Version, dataset: Dataset, sha256: str | None, inputs: dict[str, int]
) -> bool:
    """Whether this material made the published version, or was found to make the same again."""
    if same_material(previous.record, dataset, sha256, inputs):
        return True
    path = _memory(lake, dataset)
    remembered = read_json(path) if there(path) else {}
    return bool(remembered == _material(dataset, sha256, inputs, previous.number))


def remember(
    lake: Lake, previous: Version, dataset: Dataset, sha256: str | None, inputs: dict[str, int]
) -> None:
    """Note that this material gives the published version again, so that it is not worked through
    at every look; losing the note costs time, nothing else.
    """
    with told_plainly(f"noting what {dataset.slug} was made of"):
        material = _material(dataset, sha256, inputs, previous.number)
        lake.write(_memory(lake, dataset), checked_json(material))


def _memory(lake: Lake, dataset: Dataset) -> Path:
    return lake.versions(dataset.slug) / "seen.json"


def _material(
    dataset: Dataset, sha256: str | None, inputs: dict[str, int], version: int
) -> dict[str, Any]:
    return {
        "format": 1, "version": version, "recipe": dataset.recipe, "sha256": sha256,
        "inputs": inputs,
    }  # fmt: skip


def same_material(
    record: dict[str, Any], dataset: Dataset, sha256: str | None, inputs: dict[str, int]
) -> bool:
    """Whether a version was made of these bytes, by this recipe, from these inputs."""
    snapshots = record["snapshots"]
    return (
        record["recipe"] == dataset.recipe
        and (snapshots[-1]["sha256"] if snapshots else None) == sha256
        and record["inputs"] == inputs
    )


@dataclass(frozen=True)
class Held:
    """A version that waits for a person, or that one has rejected."""

    run_id: str
    path: Path
    reasons: list[str]
    decision: dict[str, str] | None

    @property
    def outcome(self) -> Outcome:
        """How a run ends that meets it again: still held, or nothing new once rejected."""
        return "held" if self.decision is None else "unchanged"


def hold(lake: Lake, slug: str, run_id: str, folder: Path, reasons: list[str]) -> None:
    """Move a finished version into the quarantine with the reasons."""
    with told_plainly(f"holding {slug}"):
        write_file(
            folder / "held.json",
            checked_json({"format": 1, "slug": slug, "run_id": run_id, "reasons": reasons,
                          "held": stamp(now()),
                          "version_sha256": sha256_of(folder / "version.json")}),
        )  # fmt: skip
        target, again = lake.quarantine(slug) / run_id, 1
        # An attempt of this run that was killed may have spoilt the name; the record tells the run.
        while not lake.commit(folder, target, "held.json") and lake.is_void(target):
            again += 1
            target = lake.quarantine(slug) / f"{run_id}.{again}"


def pending(lake: Lake, slug: str) -> list[Held]:
    """Everything of a dataset that is or was held, oldest first."""
    found = []
    lake.refresh(lake.quarantine(slug))
    for path in listed(lake.quarantine(slug), "*/held.json"):
        record = read_json(path)
        decided = lake.quarantine(slug) / f"{record['run_id']}.decision.json"
        decision = read_json(decided) if there(decided) else None
        found.append(Held(record["run_id"], path.parent, record["reasons"], decision))
    return sorted(found, key=lambda held: read_json(held.path / "held.json")["held"])


def require_whole(lake: Lake, held_version: Held) -> None:
    """Raise LakeError unless a held version is still what was held: a person has looked at that."""
    record = held_version.path / "version.json"
    told = read_json(held_version.path / "held.json").get("version_sha256")
    if told is not None:
        lake.sound(record, {"sha256": told})
    for file in read_json(record)["files"]:
        lake.sound(held_version.path / file["name"], file)


def held(
    lake: Lake, slug: str, dataset: Dataset, sha256: str | None, inputs: dict[str, int]
) -> Held | None:
    """The held or rejected version made of the same material, if there is one."""
    for candidate in reversed(pending(lake, slug)):
        record = read_json(candidate.path / "version.json")
        if same_material(record, dataset, sha256, inputs):
            return candidate
    return None


def undecided(lake: Lake, slug: str, run_id: str | None) -> Held:
    """The version of a dataset that waits for a decision; the newest unless a run is named.

    Raises UsageError when nothing waits.
    """
    waiting = [one for one in pending(lake, slug) if one.decision is None]
    if run_id is not None:
        waiting = [one for one in waiting if one.run_id == run_id]
    if not waiting:
        raise UsageError(f"nothing of {slug} waits for a decision", hint="moulouya status")
    return waiting[-1]


def decide(lake: Lake, held_version: Held, slug: str, decision: dict[str, str]) -> None:
    """Record what a person decided, with name and reason."""
    path = lake.quarantine(slug) / f"{held_version.run_id}.decision.json"
    with told_plainly(f"recording the decision about {slug}"):
        lake.write(path, checked_json({"format": 1, "decided": stamp(now()), **decision}))
