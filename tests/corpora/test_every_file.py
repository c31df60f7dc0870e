"""Every real file beside the repository ends as these lists say: in data, or in a typed error.

One list a family, ``<family>.yml``: a path below the shared data and how it is read, then the rows
and some values, or a piece of the error's message. A file that no list names fails the last test.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from moulouya import arrival, sandbox
from moulouya.definition import Reading
from moulouya.errors import MoulouyaError, ReadError
from moulouya.sandbox import Limits
from moulouya.settings import Settings
from small_workspace import bare_dataset, dicts_of

HERE = Path(__file__).parent
FOLDERS = ("morocco", "api", "formats", "robustness")
NOT_FILES = ("not_data", "tested_elsewhere")


@cache
def lists() -> dict[str, dict[str, Any]]:
    """Every list by its file's name."""
    return {
        path.name: yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for path in sorted(HERE.glob("*.yml"))
    }


def entries() -> list[Any]:
    """One case an entry; a file may be read in several ways (``path#way``)."""
    return [
        pytest.param(path, entry, id=path)
        for listed in lists().values()
        for path, entry in listed.items()
        if path not in NOT_FILES
    ]


@pytest.mark.parametrize(("path", "entry"), entries())
def test_a_file_ends_in_these_rows_or_this_error(path, entry, shared_data, tmp_path):
    file = _file(shared_data / path.partition("#")[0], tmp_path)
    if "error" in entry:
        with pytest.raises(MoulouyaError) as raised:
            _staged(file, entry, tmp_path)
        assert isinstance(raised.value, ReadError), raised.value
        assert entry["error"].lower() in str(raised.value).lower()
        return
    staged = _staged(file, entry, tmp_path)
    assert (staged.rows, staged.rejected) == (entry["rows"], entry.get("rejected", 0))
    found = dicts_of(staged.table)
    first = entry.get("first", {})
    assert {name: str(found[0].get(name)) for name in first} == {
        name: str(value) for name, value in first.items()
    }


def _file(path: Path, folder: Path) -> Path:
    """The file itself, or a directory as the zip a publisher would make of it."""
    if not path.is_dir():
        return path
    target = folder / f"{path.name}.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for member in sorted(path.iterdir()):
            archive.write(member, member.name)
    return target


def _staged(file: Path, entry: dict[str, Any], folder: Path) -> Any:
    settings = Settings(workspace=folder, threads=1)
    source = {"kind": "file", "path": file.name, **entry["reading"]}
    columns = entry.get("columns") or _as_text(file, entry["reading"], folder / "names")
    dataset = bare_dataset(columns, [next(iter(columns))], source=source)
    # Nothing is published: no column need be a key, and rows keep their order.
    keyless = dataset.definition.model_copy(update={"key": []})
    dataset = replace(dataset, definition=keyless, transform=Path("none.sql"))
    return arrival.stage_in_sandbox(dataset, {file.name: file}, folder / "out", settings)


def _as_text(file: Path, reading: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Every column the file has, as text under names of our own (geometry as what it is)."""
    folder.mkdir()
    names = sandbox.call(
        "moulouya.readers:column_names",
        [file],
        Reading.model_validate(reading),
        folder,
        limits=Limits(seconds=60, memory=2 * 1024**3),
        readable=[file],
        writable=[folder],
    )
    return {
        f"c{number}": {"type": "geometry" if name == "geometry" else "text", "from": name}
        for number, name in enumerate(names, 1)
    }


def test_no_file_is_forgotten(shared_data):
    known = {path.partition("#")[0] for listed in lists().values() for path in listed}
    globs = [glob for listed in lists().values() for kind in NOT_FILES
             for glob in listed.get(kind, [])]  # fmt: skip
    files = [
        str(path.relative_to(shared_data))
        for folder in FOLDERS
        for path in (shared_data / folder).rglob("*")
        if path.is_file()
    ]
    forgotten = [
        file
        for file in sorted(files)
        if file not in known
        and f"{Path(file).parent}/" not in known
        and not any(fnmatch(file, glob) for glob in globs)
    ]
    assert not forgotten
