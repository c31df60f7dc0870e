"""What partners handed in: ``<inbox>/<slug>/<sequence>-<sha12>/`` with body and receipt.json.

Names in it are never reused and nothing is edited; a run that has kept an upload in the lake adds
``taken.json``. The partner's file name is a word in the receipt, never a path.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moulouya.storage.files import (
    canonical_json,
    commit_directory,
    make_directories,
    put_if_absent,
    read_json,
    remove_tree,
    write_file,
)

BODY = "body"
RECEIPT = "receipt.json"
TAKEN = "taken.json"
SCRATCH = ".tmp"
_FOLDER = re.compile(r"(?P<sequence>\d{8,})-(?P<sha12>[0-9a-f]{12})")
_ID = re.compile(r"(?P<slug>[a-z][a-z0-9_]*)-(?P<folder>\d{8,}-[0-9a-f]{12})")


@dataclass(frozen=True)
class Receipt:
    """What was received, from whom and when."""

    id: str
    slug: str
    file: str
    bytes: int
    sha256: str
    received: str
    partner: str


@dataclass(frozen=True)
class Upload:
    """One upload in its folder."""

    folder: Path
    receipt: Receipt

    @property
    def sequence(self) -> int:
        """Its place in the order in which the dataset's uploads were received."""
        return int(self.folder.name.partition("-")[0])

    @property
    def body(self) -> Path:
        """The bytes."""
        return self.folder / BODY

    @property
    def taken(self) -> str | None:
        """When a run kept it in the lake, or None."""
        path = self.folder / TAKEN
        return str(read_json(path)["taken"]) if path.exists() else None

    def told(self) -> dict[str, Any]:
        """The receipt for the partner, with how far the upload has come."""
        taken = self.taken
        return {
            **asdict(self.receipt),
            "status": "taken" if taken else "received",
            "taken": taken,
        }


def scratch(root: Path) -> Path:
    """A new empty folder for bytes that are arriving, on the disk where it becomes an upload."""
    folder = root / SCRATCH / uuid.uuid4().hex
    make_directories(root, root.parent)
    folder.mkdir(parents=True)
    return folder


def sweep(root: Path) -> None:
    """Remove what uploads that broke off in a crash a day ago left behind."""
    oldest = time.time() - 86400
    for entry in (root / SCRATCH).glob("*"):
        if entry.is_dir() and entry.stat().st_mtime < oldest:
            remove_tree(entry)


def keep(
    root: Path, arrived: Path, *, slug: str, name: str, size: int, sha256: str, partner: str
) -> tuple[Upload, bool]:
    """Make arrived bytes an upload, durable when this returns; whether it is a new one.

    The same bytes under the same name as the partner's last upload of that name are that upload:
    a partner who lost the answer may send again.
    """
    with _locked(root, slug):
        before = uploads(root, slug)
        same = [
            upload
            for upload in before
            if (upload.receipt.file, upload.receipt.partner) == (name, partner)
        ]
        if same and same[-1].receipt.sha256 == sha256:
            remove_tree(arrived)
            return same[-1], False
        number = before[-1].sequence + 1 if before else 1
        folder = root / slug / f"{number:08}-{sha256[:12]}"
        receipt = Receipt(
            f"{slug}-{folder.name}", slug, name, size, sha256, _now(), partner
        )  # fmt: skip
        write_file(arrived / RECEIPT, canonical_json({"format": 1, **asdict(receipt)}))
        if not commit_directory(arrived, folder, root):
            raise FileExistsError(folder)
        return Upload(folder, receipt), True


def uploads(root: Path, slug: str) -> list[Upload]:
    """The uploads of a dataset in the order in which they were received."""
    folder = root / slug
    if not folder.is_dir():
        return []
    found = [entry for entry in folder.iterdir() if _FOLDER.fullmatch(entry.name)]
    return sorted((_read(entry) for entry in found), key=lambda upload: upload.sequence)


def find(root: Path, number: str) -> Upload | None:
    """The upload of a receipt's id, or None."""
    parts = _ID.fullmatch(number)
    folder = root / parts["slug"] / parts["folder"] if parts else None
    return _read(folder) if folder is not None and folder.is_dir() else None


def mark_taken(upload: Upload) -> None:
    """Note that a run has kept the upload in the lake; the first time counts."""
    put_if_absent(
        upload.folder / TAKEN,
        canonical_json({"format": 1, "taken": _now()}),
        upload.folder / f".{TAKEN}.{os.getpid()}",
    )


def _read(folder: Path) -> Upload:
    record = read_json(folder / RECEIPT)
    return Upload(folder, Receipt(**{k: record[k] for k in Receipt.__dataclass_fields__}))


@contextmanager
def _locked(root: Path, slug: str) -> Iterator[None]:
    """Number one dataset's uploads one by one; the kernel frees the lock on any death."""
    descriptor = os.open(root / SCRATCH / f"{slug}.lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
