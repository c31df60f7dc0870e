"""Work on bytes from outside happens in a child that can do nothing else."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any

import pytest

from moulouya import sandbox
from moulouya.definition import Reading
from moulouya.errors import LakeError, ReadError
from moulouya.sandbox import Limits, calling, lockdown, wire

LIMITS = Limits(seconds=20, memory=512 * 1024**2)


def needed(reason: str) -> None:
    """Skip the test on a machine without a layer, or fail where both have to be there."""
    if os.environ.get("MOULOUYA_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)


def call(function: str, *args: Any, limits: Limits = LIMITS, **more: Any) -> Any:
    return sandbox.call(function, *args, limits=limits, about="sample.xlsx", **more)


def test_a_result_comes_back_as_plain_values(tmp_path):
    assert call("os:listdir", tmp_path, readable=[tmp_path]) == []
    assert call("math:hypot", 3.0, 4.0) == 5.0


def test_the_environment_of_the_parent_is_not_there(monkeypatch):
    monkeypatch.setenv("MOULOUYA_CANARY", "a-secret")
    assert call("os:getenv", "MOULOUYA_CANARY") is None


@pytest.mark.parametrize(
    ("function", "args"),
    [
        ("socket:create_connection", (("127.0.0.1", 9),)),
        ("socket:create_connection", (("::1", 9),)),
        ("os:fork", ()),
        ("subprocess:check_output", (["/bin/true"],)),
        ("os:kill", (1, 0)),
    ],
)
def test_neither_network_nor_other_processes_are_reached(function, args):
    if not all(lockdown.available().values()):
        needed("this machine lacks Landlock or seccomp")
    with pytest.raises(ReadError, match=r"PermissionError|Operation not permitted"):
        call(function, *args)


def test_other_files_are_neither_read_nor_written(tmp_path):
    if not lockdown.available()["landlock"]:
        needed("this machine lacks Landlock")
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("secret")
    call("os:mkdir", inside / "new", writable=[inside])
    assert (inside / "new").is_dir()
    for function, args in [
        ("os:listdir", (outside,)),
        ("os:mkdir", (outside / "new",)),
        ("os:rename", (inside / "new", outside / "new")),
        ("os:unlink", (outside / "secret",)),
    ]:
        with pytest.raises(ReadError, match=r"Permission denied|cross-device"):
            call(function, *args, writable=[inside])
    with pytest.raises(ReadError, match="Permission denied"):
        call("os:mkdir", outside / "new", readable=[outside], writable=[inside])
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_child_that_crashes_takes_nothing_along():
    with pytest.raises(ReadError, match=r"sample\.xlsx made its reader crash \(SIGABRT\)"):
        call("os:abort")
    assert call("math:sqrt", 4) == 2


def test_a_child_that_does_not_end_is_killed():
    with pytest.raises(ReadError, match=r"was not read within 0\.5 s") as raised:
        call("time:sleep", 60, limits=Limits(seconds=0.5, memory=512 * 1024**2))
    assert "MOULOUYA_SANDBOX_SECONDS" in str(raised.value)


def test_a_child_that_wants_too_much_memory_is_refused():
    with pytest.raises(ReadError, match="needs more than 64 MiB"):
        call("builtins:bytearray", 10 * 1024**3, limits=Limits(seconds=20, memory=64 * 1024**2))
    with pytest.raises(ReadError, match="needs more than 64 MiB"):
        call("builtins:list", range(10**9), limits=Limits(seconds=20, memory=64 * 1024**2))


def test_what_it_writes_is_limited(tmp_path):
    limits = Limits(seconds=20, memory=512 * 1024**2, file_bytes=1000)
    with pytest.raises(ReadError, match=r"limits|File too large"):
        call("shutil:copyfile", "/usr/bin/env",
             tmp_path / "copy", limits=limits, writable=[tmp_path])  # fmt: skip


def test_errors_of_ours_keep_their_type_and_hint(tmp_path):
    packed = tmp_path / "a.csv"
    packed.write_bytes(b"not gzip")
    reading = Reading(format="csv", compression="gzip")
    folders = {"readable": [tmp_path], "writable": [tmp_path]}
    with pytest.raises(ReadError, match="gzip") as raised:
        call("moulouya.readers.wrapping:unwrapped", [packed], reading, tmp_path, **folders)
    assert "source.compression" in (raised.value.hint or "")


def test_a_server_that_was_killed_is_started_again():
    assert call("math:sqrt", 9) == 3
    server = calling._server
    assert server is not None
    os.kill(server.process.pid, 9)
    server.process.wait()
    assert call("math:sqrt", 16) == 4


def test_a_server_killed_during_a_call_is_an_error_of_the_environment():
    assert call("math:sqrt", 9) == 3
    _kill_the_server_soon()
    with pytest.raises(LakeError, match="ended from outside"):
        call("time:sleep", 30)


def _kill_the_server_soon() -> None:
    server = calling._server
    assert server is not None
    threading.Timer(0.3, server.process.kill).start()


def test_a_forked_process_starts_a_server_of_its_own():
    assert call("math:sqrt", 9) == 3
    pid = os.fork()
    if pid == 0:
        os._exit(0 if call("math:sqrt", 16) == 4 else 1)
    assert call("math:sqrt", 25) == 5
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


SELDOM = """
import sys
from moulouya.sandbox import zygote
zygote.LOOK_EVERY = 600
zygote.main(int(sys.argv[1]))
"""


def test_an_answer_waits_for_no_look_at_the_child():
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", SELDOM, str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()]) as server, ours:
        theirs.close()
        ours.settimeout(60)
        job = {"function": "math:hypot", "args": (3.0, 4.0), "limits": asdict(LIMITS),
               "readable": [], "writable": []}  # fmt: skip
        for _ in range(5):
            wire.send(ours, pickle.dumps(job))
            assert json.loads(wire.receive(ours))["code"] == 0
    assert server.returncode == 0
