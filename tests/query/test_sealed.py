"""A process that is sealed has what it holds, and gets nothing more: by each mechanism alone."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from moulouya.sandbox import lockdown

from .conftest import unable


def errors_in_child(attempt: Callable[[], object], *, without: tuple[str, ...] = ()) -> str:
    """What an attempt gives in a sealed child of which some mechanisms are left out."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        told = "nothing"
        try:
            if "landlock" in without:
                lockdown.landlock_abi = lambda: 0  # type: ignore[assignment]
            if "seccomp" in without:
                lockdown._seccomp_is_there = lambda: False  # type: ignore[assignment]
            lockdown.seal()
            attempt()
            told = "done"
        except OSError as error:
            told = type(error).__name__
        finally:
            os.write(write, told.encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        told = file.read()
    os.waitpid(pid, 0)
    return told


@pytest.mark.parametrize("without", [(), ("landlock",), ("seccomp",)])
def test_neither_files_nor_sockets_can_be_had(without: tuple[str, ...], tmp_path: Path) -> None:
    if not any(value for name, value in lockdown.available().items() if name not in without):
        unable("this machine has no mechanism left")
    there = tmp_path / "there"
    there.write_text("x")
    for attempt in (
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        lambda: os.open(there, os.O_RDONLY),
        lambda: os.open(tmp_path / "new", os.O_WRONLY | os.O_CREAT),
        lambda: list(Path("/").iterdir()),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        lambda: there.unlink(),
        lambda: there.rename(tmp_path / "other"),
        lambda: (tmp_path / "folder").mkdir(),
        lambda: os.execv("/bin/true", ["/bin/true"]),
    ):
        told = errors_in_child(attempt, without=without)
        assert told in ("PermissionError", "OSError"), (without, told)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_what_is_open_already_stays_of_use(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with (tmp_path / "a").open() as file:
        assert errors_in_child(file.read) == "done"
