"""A person's word on a held version: approve publishes it, reject keeps the last good one."""

from __future__ import annotations

from typing import Any

from moulouya import gates, ledger, suspicion, versions, witness, workspace
from moulouya.errors import UsageError
from moulouya.ledger import RunRecord, now, stamp
from moulouya.settings import Settings
from moulouya.storage.files import canonical_json, read_json, remove_tree, told_plainly, write_file
from moulouya.storage.lake import Lake, open_lake
from moulouya.workspace import Dataset


def approve(
    settings: Settings, slug: str, run_id: str | None = None, *, by: str, reason: str
) -> dict[str, Any]:
    """Publish a held version, with who said so and why; returns the ledger's record.

    Raises UsageError when nothing waits, or when another version was published meanwhile.
    """
    dataset, lake = _opened(settings, slug)
    with lake.locked(f"datasets-{slug}"):
        held = gates.undecided(lake, slug, run_id)
        gates.require_whole(lake, held)
        record = read_json(held.path / "version.json")
        published = versions.standing(lake, slug)
        if suspicion.blocked(held.path, dataset):
            raise UsageError(
                f"{slug} holds personal data, which an approval does not make public",
                hint="take it out in the transform, or name who answers for it under `privacy` "
                f"in the definition; then moulouya run {slug}",
            )
        standing = published.number if published is not None else None
        newest = lake.latest(lake.versions(slug))
        if (record["previous"], record["version"]) != (standing, versions.next_number(lake, slug)):
            since = (
                f"version {newest} of {slug} was published after this one was held"
                if (newest or 0) >= record["version"]
                else f"version {record['previous']} of {slug}, with which this one was compared, "
                "was withdrawn after it was held"
            )
            raise UsageError(since, hint=f"moulouya reject {slug}, then moulouya run {slug}")
        decision = {"decision": "approved", "by": by, "reason": reason}
        scratch = lake.scratch(f"approve-{held.run_id}")
        remove_tree(scratch)
        with told_plainly(f"approving {slug}"):
            scratch.mkdir(parents=True)
            for path in lake.files(held.path):
                if path.name not in ("held.json", "version.json"):
                    (scratch / path.name).hardlink_to(lake.local(path))
            record["decision"] = decision | {"decided": stamp(now())}
            write_file(scratch / "version.json", canonical_json(record))
        version = versions.commit(lake, slug, scratch)
        gates.decide(lake, held, slug, decision)
    return _record(settings, lake, slug, held.run_id, "published", [], version.number, record)


def reject(
    settings: Settings, slug: str, run_id: str | None = None, *, by: str, reason: str
) -> dict[str, Any]:
    """Refuse a held version for good; the last good one stays published."""
    _, lake = _opened(settings, slug)
    with lake.locked(f"datasets-{slug}"):
        held = gates.undecided(lake, slug, run_id)
        gates.decide(lake, held, slug, {"decision": "rejected", "by": by, "reason": reason})
        record = read_json(held.path / "version.json")
    said = [f"rejected by {by}: {reason}"]
    published = versions.standing(lake, slug)
    newest = published.number if published is not None else None
    return _record(settings, lake, slug, held.run_id, "unchanged", said, newest, record)


def _opened(settings: Settings, slug: str) -> tuple[Dataset, Lake]:
    dataset, lake = workspace.load(settings.workspace_root).dataset(slug), open_lake(settings)
    witness.check(settings, lake)
    return dataset, lake


def _record(
    settings: Settings,
    lake: Lake,
    slug: str,
    run_id: str,
    outcome: ledger.Outcome,
    reasons: list[str],
    version: int | None,
    version_record: dict[str, Any],
) -> dict[str, Any]:
    at = stamp(now())
    record = RunRecord(
        run_id=f"{run_id}-decided",
        slug=slug,
        outcome=outcome,
        started=at,
        ended=at,
        seconds=0.0,
        rows=version_record["rows"],
        rejected=version_record["rejected"],
        version=version,
        reasons=reasons,
        links={"portal": f"{settings.public_url}/en/datasets/{slug}"},
    )
    ledger.write(lake, record)
    return record.to_json()
