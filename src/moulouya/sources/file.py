"""A file on this machine, relative to the workspace."""

from __future__ import annotations

import shutil

from moulouya.definition import FileSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request


def fetch(source: FileSource, request: Request) -> Delivery:
    """Copy the file; raises SourceError when it is not there or cannot be read."""
    path = request.workspace / source.path
    try:
        shutil.copyfile(path, request.folder / path.name)
    except OSError as error:
        raise SourceError(
            f"cannot read {path}: {error.strerror}", hint="check source.path in the definition"
        ) from error
    return Delivery(members=(path.name,), url=f"file:{source.path}")
