"""The columns of a table as the standards for tables want them told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from moulouya.portal.published import PublishedVersion, Record


@dataclass(frozen=True)
class Column:
    """A column: what it is called, its type, and what its definition says of it."""

    name: str
    type: str
    said: Record

    @property
    def ends(self) -> tuple[object, object]:
        """The lowest and highest value that it may have, each None where it is open."""
        low, high = self.said.get("range") or (None, None)
        return low, high

    @property
    def pattern(self) -> str | None:
        """The expression that every whole text fits; None for one in another dialect."""
        written = self.said.get("pattern")
        if not written:
            return None
        whole = written.removeprefix("^") if written.startswith("^") else f".*{written}"
        whole = whole[:-1] if _ends(whole) else f"{whole}.*"
        try:
            re.compile(whole)
        except re.error:
            return None
        return whole

    @property
    def reference(self) -> tuple[str, str] | None:
        """The dataset and the column in which every value is found."""
        slug, _, name = (self.said.get("references") or "").partition(".")
        return (slug, name) if name else None


def of(version: PublishedVersion) -> Iterator[Column]:
    """The columns of a version in their order."""
    definition: Record = version.record["definition"]
    for one in version.record["columns"]:
        yield Column(one["name"], one["type"], definition["columns"][one["name"]])


def _ends(pattern: str) -> bool:
    """True where a pattern is anchored at its end, and the ``$`` is not an escaped one."""
    backslashes = len(pattern[:-1]) - len(pattern[:-1].rstrip("\\"))
    return pattern.endswith("$") and backslashes % 2 == 0
