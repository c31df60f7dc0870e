"""What region.yml says is published by itself, held against the datasets and themes it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from moulouya.errors import Fault, did_you_mean
from moulouya.region import Region
from moulouya.yamlfile import YamlFile


def check(file: YamlFile, region: Region, known: Iterable[str]) -> Iterator[Fault]:
    """Every dataset and theme of the ``proactive`` block that is not there.

    A wrong one would show a kind of information as missing that is published. ``known``: the slugs
    of the workspace.
    """
    for place, category in enumerate(region.proactive):
        for key, what, named, there in (
            ("datasets", "dataset", category.datasets, known),
            ("themes", "theme", category.themes, region.themes),
        ):
            for number, name in enumerate(named):
                if name not in there:
                    hint = did_you_mean(name, there).removeprefix("; ") or None
                    where = ("proactive", place, key, number)
                    yield file.fault(where, f"there is no {what} {name!r}", hint)
