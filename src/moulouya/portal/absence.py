"""What was published once and is no more: an answer (410) that says what went, why and when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from moulouya.portal import history
from moulouya.portal.languages import Language
from moulouya.portal.published import SLUG, Catalogue, moment
from moulouya.storage.files import read_json
from moulouya.storage.lake import Lake
from moulouya.withdrawals import Withdrawal


@dataclass(eq=False)
class NoMore(HTTPException):
    """410 for one version of a dataset, or for the dataset (``version`` is None).

    ``withdrawal`` says who took it back; without one it expired by its policy. ``successor`` is
    the version to look at instead, if there is one.
    """

    slug: str
    version: int | None
    withdrawal: Withdrawal | None
    successor: int | None

    def __post_init__(self) -> None:
        super().__init__(410)

    def told(self, language: Language, zone: str = "UTC") -> list[str]:
        """What happened, a sentence each, in the language of the reader."""
        said = []
        if self.withdrawal is not None:
            day = language.date(self.on, zone)
            said.append(
                language.text(
                    "Version %(version)s was withdrawn on %(date)s by %(by)s: %(reason)s",
                    version=self.withdrawal.version, date=day, by=self.withdrawal.by,
                    reason=self.withdrawal.reason,
                )
            )  # fmt: skip
        elif self.version is not None:
            said.append(
                language.text(
                    "Version %(version)s is kept no longer: old versions of this dataset expire. "
                    "What it was and what it changed stays on record.",
                    version=self.version,
                )
            )
        if self.successor is not None:
            said.append(language.text("The version to use now is %(n)s.", n=self.successor))
        return said

    @property
    def on(self) -> dt.datetime:
        """When it was withdrawn."""
        assert self.withdrawal is not None
        return moment(self.withdrawal.withdrawn)

    def to_json(self) -> dict[str, object]:
        """What a problem document (RFC 9457) adds for programs."""
        more: dict[str, object] = {"slug": self.slug, "version": self.version}
        if self.withdrawal is not None:
            more |= {
                "withdrawn": self.withdrawal.withdrawn,
                "by": self.withdrawal.by,
                "reason": self.withdrawal.reason,
            }
        if self.successor is not None:
            more["successor"] = f"/files/{self.slug}/{self.successor}/version.json"
        return more


def of_version(lake: Lake, catalogue: Catalogue, slug: str, number: int) -> NoMore | None:
    """Why a version of a dataset cannot be had any more; None when nothing took it away."""
    gone = catalogue.gone
    dataset = catalogue.datasets.get(slug)
    successor = dataset.number if dataset is not None else None
    withdrawal = gone.withdrawn.get((slug, number))
    if withdrawal is not None or number in gone.expired.versions.get(slug, ()):
        return NoMore(slug, number, withdrawal, successor)
    return None


def of_dataset(lake: Lake, catalogue: Catalogue, slug: str) -> NoMore | None:
    """Why a dataset is in the catalogue no more; None when it never was."""
    taken_back = history.withdrawn(lake, catalogue, slug)
    if taken_back:
        return NoMore(slug, None, taken_back[0][0], None)
    return NoMore(slug, None, None, None) if _was_published(lake, catalogue, slug) else None


def _was_published(lake: Lake, catalogue: Catalogue, slug: str) -> bool:
    """True when an earlier release had the dataset that this one has no more."""
    if not SLUG.fullmatch(slug) or not lake.versions(slug).is_dir():
        return False
    for number in range(catalogue.number - 1, 0, -1):
        path = lake.release(number) / "manifest.json"
        if path.exists() and slug in read_json(path)["datasets"]:
            return True
    return False
