"""A person's word on a held version: approve publishes it, reject keeps the last good one."""

from __future__ import annotations

from typing import Any

from moulouya import gates, ledger, versions, workspace
from moulouya.errors import UsageError
from moulouya.ledger import RunRecord, now, stamp
from moulouya.settings import Settings
from moulouya.storage.files import canonical_json, read_json, remove_tree, told_plainly, write_file
from moulouya.storage.lake import Lake, open_lake


def approve(
    settings: Settings, slug: str, run_id: str | None = None, *, by: str, reason: str
) -> dict[str, Any]:
    """Publish a held version, with who said so and why; returns the ledger's record.

    Raises UsageError when nothing waits, or when another version was published meanwhile.
    """
    lake = _lake(settings, slug)
    with lake.locked(f"datasets-{slug}"):
        held = gates.undecided(lake, slug, run_id)
        record = read_json(held.path / "version.json")
        newest = lake.latest(lake.versions(slug))
        found = held.path / "privacy.json"
        if found.exists() and read_json(found)["blocked"]:
            raise UsageError(
                f"{slug} holds personal data, which an approval does not make public",
                hint="take it out in the transform, or name who answers for it under `privacy` "
                f"in the definition; then moulouya run {slug}",
            )
        if record["previous"] != newest:
            raise UsageError(
                f"version {newest} of {slug} was published after this one was held",
                hint=f"moulouya reject {slug}, then moulouya run {slug}",
            )
        decision = {"decision": "approved", "by": by, "reason": reason}
        scratch = lake.scratch(f"approve-{held.run_id}")
        remove_tree(scratch)
        with told_plainly(f"approving {slug}"):
            scratch.mkdir(parents=True)
            for path in held.path.iterdir():
                if path.name not in ("held.json", "version.json"):
                    (scratch / path.name).hardlink_to(path)
            record["decision"] = decision | {"decided": stamp(now())}
            write_file(scratch / "version.json", canonical_json(record))
        version = versions.commit(lake, slug, scratch)
        gates.decide(lake, held, slug, decision)
    return _record(settings, lake, slug, held.run_id, "published", [], version.number, record)


def reject(
    settings: Settings, slug: str, run_id: str | None = None, *, by: str, reason: str
) -> dict[str, Any]:
    """Refuse a held version for good; the last good one stays published."""
    lake = _lake(settings, slug)
    with lake.locked(f"datasets-{slug}"):
        held = gates.undecided(lake, slug, run_id)
        gates.decide(lake, held, slug, {"decision": "rejected", "by": by, "reason": reason})
        record = read_json(held.path / "version.json")
    said = [f"rejected by {by}: {reason}"]
    newest = lake.latest(lake.versions(slug))
    return _record(settings, lake, slug, held.run_id, "unchanged", said, newest, record)


def _lake(settings: Settings, slug: str) -> Lake:
    workspace.load(settings.workspace_root).dataset(slug)
    return open_lake(settings.lake_root)


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
