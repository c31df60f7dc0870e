"""Files that an installed Python package ships; never imported, only read."""

from __future__ import annotations

import shutil
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from moulouya.definition import PackageSource
from moulouya.errors import SourceError, did_you_mean
from moulouya.sources.delivery import Delivery, Request


def fetch(source: PackageSource, request: Request) -> Delivery:
    """Copy the package's files, byte for byte, under the names they have in it."""
    try:
        package = distribution(source.package)
    except PackageNotFoundError as error:
        raise SourceError(
            f"the package {source.package!r} is not installed", hint=f"pip install {source.package}"
        ) from error
    members = tuple(_copy(package, path, request.folder) for path in source.paths)
    where = source.paths[0] if len(source.paths) == 1 else f"{len(source.paths)} files"
    return Delivery(
        members=members,
        url=f"pkg:pypi/{source.package}@{package.version}#{where}",
        source_version=package.version,
    )


def _copy(package: Distribution, path: str, folder: Path) -> str:
    origin = Path(str(package.locate_file(path)))
    target = folder / PurePosixPath(path).name
    if target.exists():
        target = folder / path.replace("/", "__")
    try:
        shutil.copyfile(origin, target)
    except OSError as error:
        shipped = [str(file) for file in package.files or []]
        raise SourceError(
            f"{package.name} {package.version} ships no {path!r}{did_you_mean(path, shipped)}",
            hint="check source.path in the definition",
        ) from error
    return target.name
