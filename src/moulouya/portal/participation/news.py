"""What is new between two releases: versions that were published, and such as were withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moulouya.portal.history import version_of
from moulouya.portal.published import PublishedVersion, Record, report
from moulouya.released import Release
from moulouya.storage.lake import Lake
from moulouya.withdrawals import Withdrawal


@dataclass(frozen=True)
class Changed:
    """One dataset that changed: its versions that are new, the newest first, and those taken back.

    ``published`` is the version that is shown now, None where none is.
    """

    slug: str
    themes: tuple[str, ...]
    title: Record
    published: int | None
    versions: tuple[PublishedVersion, ...]
    withdrawals: tuple[Withdrawal, ...]

    def to_json(self, base: str) -> dict[str, Any]:
        """For programs; what changed is the summary that changes.json has, without its rows."""
        return {
            "dataset": self.slug,
            "version": self.published,
            "title": dict(self.title),
            "themes": list(self.themes),
            "url": f"{base}/en/datasets/{self.slug}",
            "files": f"{base}/files/{self.slug}/{self.published}/" if self.published else None,
            "versions": [_summary(version) for version in self.versions],
            "withdrawn": [
                {"version": one.version, "by": one.by, "reason": one.reason}
                for one in self.withdrawals
            ],
        }


def between(lake: Lake, before: Release | None, after: Release) -> list[Changed]:
    """The datasets that changed from a release to a later one, by their slugs.

    A dataset that both show at the same version did not, however often it was released again.
    """
    shown = {} if before is None else before.manifest["datasets"]
    known = {} if before is None else before.gone.withdrawn
    found = []
    for slug in sorted({*shown, *after.manifest["datasets"]}):
        withdrawals = tuple(
            one
            for key, one in sorted(after.gone.withdrawn.items())
            if key[0] == slug and key not in known
        )
        was, now = (of.get(slug) for of in (shown, after.manifest["datasets"]))
        versions = _new_versions(lake, slug, was, now, after.gone.by_slug().get(slug, frozenset()))
        if versions or withdrawals:
            found.append(_changed(lake, slug, now or was or {}, now, versions, withdrawals))
    return found


def _new_versions(
    lake: Lake, slug: str, was: Record | None, now: Record | None, gone: frozenset[int]
) -> list[PublishedVersion]:
    if now is None:
        return []
    first = was["version"] + 1 if was is not None else now["version"]
    numbers = [one for one in range(now["version"], first - 1, -1) if one not in gone]
    found = [version_of(lake, slug, number) for number in numbers]
    versions = [version for version in found if version is not None]
    lake.bring([version.folder / "changes.json" for version in versions])
    return versions


def _changed(
    lake: Lake,
    slug: str,
    said: Record,
    now: Record | None,
    versions: Sequence[PublishedVersion],
    withdrawals: Sequence[Withdrawal],
) -> Changed:
    described = versions[0] if versions else version_of(lake, slug, int(said["version"]))
    definition: Record = described.record["definition"] if described is not None else {}
    return Changed(
        slug=slug,
        themes=tuple(dict.fromkeys([str(said["theme"]), *definition.get("themes", [])])),
        title=definition.get("title") or dict.fromkeys(("ar", "fr", "en"), slug),
        published=int(now["version"]) if now is not None else None,
        versions=tuple(versions),
        withdrawals=tuple(withdrawals),
    )


def _summary(version: PublishedVersion) -> dict[str, Any]:
    changes = report(version, "changes.json")
    parts = {name: changes.get(name) for name in ("from", "rows", "columns", "values", "metadata")}
    return {"version": version.number, "rows": version.rows, "changes": parts}
