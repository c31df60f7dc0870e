"""What is published no longer: versions that a person withdrew, and what a policy let expire.

A version is immutable, so nothing is written into it: the manifest of every release carries the
whole list, and whoever changes it commits a release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Withdrawal:
    """One version that a person took back: who, why and when.

    ``erase`` asks for its data to be deleted, too, not only to be hidden.
    """

    slug: str
    version: int
    by: str
    reason: str
    withdrawn: str
    erase: bool = False

    def to_json(self) -> dict[str, Any]:
        """As a manifest carries it."""
        return asdict(self)


@dataclass(frozen=True)
class Expired:
    """What the policies let go: releases before a number, and single versions."""

    releases_before: int = 1
    versions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a manifest carries it."""
        versions = {slug: list(numbers) for slug, numbers in sorted(self.versions.items())}
        return {"releases_before": self.releases_before, "versions": versions}


@dataclass(frozen=True)
class Change:
    """What one release changes in the list, besides showing what was published since."""

    withdraw: Sequence[Withdrawal] = ()
    reinstate: Sequence[tuple[str, int]] = ()
    expire_versions: Mapping[str, Sequence[int]] = field(default_factory=dict)
    expire_releases_before: int | None = None
    note: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Gone:
    """Everything that is published no longer, as of one release."""

    withdrawals: tuple[Withdrawal, ...] = ()
    expired: Expired = Expired()

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Gone:
        """What a manifest says; one that was written before there was such a list says nothing."""
        expired = manifest.get("expired") or {}
        return cls(
            tuple(Withdrawal(**one) for one in manifest.get("withdrawals", [])),
            Expired(
                expired.get("releases_before", 1),
                {slug: tuple(numbers) for slug, numbers in expired.get("versions", {}).items()},
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """The part of a manifest that says it."""
        return {
            "withdrawals": [one.to_json() for one in self.withdrawals],
            "expired": self.expired.to_json(),
        }

    @property
    def withdrawn(self) -> dict[tuple[str, int], Withdrawal]:
        """The withdrawals by dataset and version."""
        return {(one.slug, one.version): one for one in self.withdrawals}

    def by_slug(self) -> dict[str, frozenset[int]]:
        """The numbers that are gone, for every dataset that lost any."""
        found = {slug: set(numbers) for slug, numbers in self.expired.versions.items()}
        for one in self.withdrawals:
            found.setdefault(one.slug, set()).add(one.version)
        return {slug: frozenset(numbers) for slug, numbers in found.items()}

    def after(self, change: Change) -> Gone:
        """The list with a change made to it; what it holds already is not put there twice.

        A version that is withdrawn again keeps its first withdrawal, unless its data shall be
        erased now.
        """
        withdrawn = self.withdrawn
        for one in change.withdraw:
            known = withdrawn.get((one.slug, one.version))
            if known is None or (one.erase and not known.erase):
                withdrawn[one.slug, one.version] = one
        for key in change.reinstate:
            withdrawn.pop(key, None)
        expired = {slug: set(numbers) for slug, numbers in self.expired.versions.items()}
        for slug, numbers in change.expire_versions.items():
            expired.setdefault(slug, set()).update(numbers)
        before = max(self.expired.releases_before, change.expire_releases_before or 1)
        return Gone(
            tuple(withdrawn[key] for key in sorted(withdrawn)),
            Expired(before, {slug: tuple(sorted(expired[slug])) for slug in sorted(expired)}),
        )


def newest_left(
    committed: Mapping[str, Sequence[int]], gone: Mapping[str, frozenset[int]]
) -> dict[str, int]:
    """The version that each dataset is published with: its newest that is not gone.

    A dataset that has none left is not in the catalogue. This is all that decides it.
    """
    found = {}
    for slug, numbers in committed.items():
        left = [number for number in numbers if number not in gone.get(slug, ())]
        if left:
            found[slug] = max(left)
    return found
