"""Durable files: written, synced, hashed, and only then given their name."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson

from moulouya.errors import LakeError
from moulouya.storage.crashpoints import reached

CHUNK = 1024 * 1024
# The last value of a record that vouches for itself, and how the text ends then.
CHECK = "record_sha256"
LAST_VALUE = re.compile(rb',\n  "([^"\n]*)": "([0-9a-f]{64})"\n\}\n\Z')


@contextmanager
def told_plainly(what: str, *leaving: type[OSError]) -> Iterator[None]:
    """Turn an error of the operating system into one that says what failed and what to do.

    Errors of the types ``leaving`` are left to whoever knows what they mean.
    """
    try:
        yield
    except leaving:
        raise
    except OSError as error:
        hints = {
            errno.ENOSPC: "the disk is full: free some space and run again, nothing was published",
            errno.EDQUOT: "the disk quota is used up: nothing was published",
            errno.EROFS: "the disk is read-only",
            errno.EACCES: "give this user the right to read and to write there",
            errno.EMFILE: "too many open files: raise `ulimit -n`",
            errno.EIO: "the disk gives errors: look at it (dmesg, smartctl) before running again",
        }
        hint = hints.get(error.errno or 0, "look at the disk and at what this user may do there")
        raise LakeError(f"{what}: {error}", hint=hint) from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """See that an error of the operating system names the file: those of read and fsync do not."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def there(path: Path) -> bool:
    """Whether something lies under a name.

    Raises LakeError where that cannot be told: what cannot be read is not absent.
    """
    with told_plainly(f"looking for {path}"):
        return path.exists()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, read in blocks.

    Raises FileNotFoundError when it is not there, LakeError when it cannot be read.
    """
    with (
        told_plainly(f"reading {path}", FileNotFoundError),
        naming(path),
        path.open("rb") as file,
    ):
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_hashed(source: Path, target: Path) -> tuple[int, str]:
    """Copy a file; the bytes and the SHA-256 of what was read.

    Raises OSError where the source cannot be read, LakeError where the target cannot be written.
    """
    digest, size = hashlib.sha256(), 0
    with naming(source), source.open("rb") as read:
        with told_plainly(f"writing {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            written = target.open("wb")
        try:
            while block := read.read(CHUNK):
                digest.update(block)
                size += len(block)
                with told_plainly(f"writing {target}"), naming(target):
                    written.write(block)
        finally:
            with told_plainly(f"writing {target}"), naming(target):
                written.close()
    return size, digest.hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON as the lake keeps it: UTF-8, keys in their given order (that of columns matters).

    A number that is none (NaN, infinity) becomes null, which JSON can say.
    """
    kept = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    as_text = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
    try:
        return orjson.dumps(value, default=str, option=kept | as_text)
    except orjson.JSONEncodeError:
        # A whole number of more than 64 bits; the text is laid out in the same way.
        text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
        return text.encode() + b"\n"


def checked_json(record: Mapping[str, Any]) -> bytes:
    """A record of which nothing else has the hash: its last value is the SHA-256 of the rest."""
    rest = canonical_json(record)
    return canonical_json({**record, CHECK: hashlib.sha256(rest).hexdigest()})


def parse_record(raw: bytes) -> dict[str, Any]:
    """A record from its text, without what it says of its own hash; ValueError if it is damaged.

    A record that was written before records vouched for themselves is believed.
    """
    record = json.loads(raw)
    if not isinstance(record, dict):
        raise ValueError("it is not a record")
    said = record.pop(CHECK, None)
    last = LAST_VALUE.search(raw)
    whole = last is not None and (
        hashlib.sha256(raw[: last.start()] + b"\n}\n").hexdigest() == last[2].decode()
    )
    # A bit may turn over in the name, too: then the hash is right and stands under another one.
    if whole != (said is not None):
        raise ValueError("it is not what was written")
    return record


def read_bytes(path: Path) -> bytes:
    """A small file of the lake, whole.

    Raises FileNotFoundError when it is not there, LakeError when it cannot be read.
    """
    with told_plainly(f"reading {path}", FileNotFoundError), naming(path):
        return path.read_bytes()


def listed(folder: Path, pattern: str = "*") -> list[Path]:
    """What lies in a folder under names like ``a*/b*.json``, in order; nothing without the folder.

    ``Path.glob`` takes a folder that cannot be read for an empty one; here it is a LakeError.
    """
    here, _, below = pattern.partition("/")
    found: list[Path] = []
    with (
        told_plainly(f"reading {folder}", FileNotFoundError),
        suppress(FileNotFoundError, NotADirectoryError),
        naming(folder),
    ):
        found = sorted(path for path in folder.iterdir() if fnmatchcase(path.name, here))
    return [path for folder in found for path in listed(folder, below)] if below else found


def files_below(folder: Path) -> list[Path]:
    """Every file below a folder, in order; nothing without the folder, or below a file.

    Raises LakeError when a folder cannot be read.
    """
    with told_plainly(f"reading {folder}"):
        walked = os.walk(folder, onerror=_fail)
        return sorted(Path(here) / name for here, _, names in walked for name in names)


def _fail(error: OSError) -> None:
    # By default os.walk goes on as if a folder that it cannot read were empty.
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error


def finished(folder: Path) -> list[Path]:
    """What lies in a folder that is about to be committed, in order.

    Raises LakeError where a database was not closed: its log is no part of what is published.
    """
    found = listed(folder)
    for path in found:
        if ".wal" in path.suffixes:
            raise LakeError(
                f"{path} was left behind: the database beside it could not be finished",
                hint="look at the disk (dmesg) before running again",
            )
    return found


def read_json(path: Path) -> Any:
    """Read a record of the lake; a damaged one is an error that names it.

    Raises FileNotFoundError when it is not there.
    """
    raw = read_bytes(path)
    try:
        return parse_record(raw)
    except ValueError as error:
        raise LakeError(f"{path} is damaged: {error}", hint="moulouya verify") from error


def sync_file(path: Path) -> None:
    """Make a file's bytes survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync_directory = sync_file


def write_file(path: Path, data: bytes) -> None:
    """Write a new file durably; the caller syncs the directory it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path), path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes, scratch: Path | None = None) -> None:
    """Put a whole new content in place of a file: readers see the old or the new one.

    ``scratch`` is where it is written first, on the same disk; by default beside the file.
    """
    scratch = scratch or path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_file(scratch, data)
        scratch.replace(path)
    except OSError:
        # What failed to sync may look clean to the kernel: another attempt writes another file.
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def make_directories(path: Path, root: Path) -> None:
    """Create a directory below ``root`` and make the way to it durable.

    A directory that is there already is synced too: whoever made it may have died before its
    name was safe.
    """
    if path == root:
        path.mkdir(parents=True, exist_ok=True)
        return
    make_directories(path.parent, root)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def sync_way(path: Path) -> None:
    """Make the names of a new directory and of those above it durable, on its own disk.

    A directory that this user may not open is nothing that it can have made.
    """
    for folder in path.parents:
        with suppress(PermissionError):
            sync_directory(folder)
        if folder.is_mount():
            break


def commit_directory(scratch: Path, target: Path, root: Path) -> bool:
    """Give a finished directory its name, whole and for ever.

    Every file in it is synced first. Returns False, and leaves ``scratch`` where it is, when the
    name is taken: names are never reused.
    """
    for folder, _, names in os.walk(scratch, onerror=_fail):
        for name in names:
            path = Path(folder) / name
            path.chmod(0o444)
            sync_file(path)
        sync_directory(Path(folder))
    reached("after_stage_sync")
    make_directories(target.parent, root)
    try:
        scratch.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            return False
        raise
    reached("after_rename")
    sync_directory(target.parent)
    reached("after_directory_sync")
    return True


def put_if_absent(path: Path, data: bytes, scratch: Path) -> bool:
    """Create ``path`` with ``data`` in one step, or return False because it is there.

    ``link`` fails where ``rename`` would overwrite: this is the commit of a release.
    """
    write_file(scratch, data)
    reached("after_log_write")
    try:
        os.link(scratch, path)
    except FileExistsError:
        return False
    finally:
        scratch.unlink()
    reached("after_log_link")
    sync_directory(path.parent)
    reached("after_log_sync")
    return True


def remove_tree(path: Path) -> None:
    """Remove a directory of scratch files, absent or not; what cannot be removed stays."""
    with suppress(OSError):  # of calls that rmtree itself does not ignore
        shutil.rmtree(path, ignore_errors=True)
