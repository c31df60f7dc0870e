"""Members of a zip that is itself a file of a format: KMZ, a zipped shapefile, a GTFS feed."""

from __future__ import annotations

import glob
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

from moulouya.definition import Archive
from moulouya.errors import ReadError
from moulouya.readers.archives import Allowance, listing, members_of


def is_zip(path: Path) -> bool:
    """Whether a file is a zip."""
    return path.is_file() and zipfile.is_zipfile(path)


def names(path: Path, *suffixes: str) -> list[str]:
    """The paths of a zip's files that have one of the suffixes, in its order."""
    found = [PurePosixPath(name.replace("\\", "/")) for name in listing(path, "zip")]
    return [str(name) for name in found if name.suffix.lower() in suffixes]


def alone(path: Path, paths: list[str]) -> None:
    """Raise ReadError when two files in different folders have the same name."""
    last = Counter(PurePosixPath(name).name.lower() for name in paths)
    twice = [name for name, times in last.items() if times > 1]
    if twice:
        raise ReadError(
            f"{path.name} has {twice[0]} twice, in different folders",
            hint="declare source.archive with the members of one folder",
        )


def unzipped(path: Path, paths: list[str], folder: Path) -> list[Path]:
    """Files of a zip, whose names are all different, below a folder that is new.

    Raises ReadError when the zip is damaged or hostile.
    """
    number = 1
    while (target := folder / str(number)).exists():
        number += 1
    target.mkdir(parents=True)
    wanted = Archive(kind="zip", members=[glob.escape(name) for name in paths])
    return members_of([path], wanted, target, Allowance(path.stat().st_size))
