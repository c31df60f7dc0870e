"""The supervisor behind `make run`: what it starts stays up, and goes down with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from ops import processes
from places import REPOSITORY

FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]
FAMILY = "import os, signal; os.fork() or (os.fork(), os.setpgid(0, 0)); signal.pause()"


def until(condition, seconds=20):
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        os.sched_yield()
    return found


@pytest.fixture
def supervisor(tmp_path):
    said = []
    made = processes.Supervisor(tmp_path, dict(os.environ), said.append)
    made.said = said
    yield made
    made.stop()


def test_a_component_gets_a_session_a_log_and_its_environment(supervisor, tmp_path):
    supervisor.start("one", ["/bin/sh", "-c", "echo says $WORD; exec sleep 60"], WORD="hello")
    until(lambda: "says hello" in supervisor.log("one").read_text())
    pid = supervisor.components[0].process.pid
    assert os.getsid(pid) == pid
    assert int((tmp_path / "one.pid").read_text()) == pid


def test_a_crashed_component_is_started_again_later_each_time(supervisor, monkeypatch):
    monkeypatch.setattr(processes, "BACK_OFF", (0.0, 60.0))
    supervisor.start("one", ["/bin/sh", "-c", "exit 3"])
    until(lambda: supervisor.check() or len(supervisor.said) == 2)
    assert "one ended with code 3" in supervisor.said[0]
    assert "in 0 s" in supervisor.said[0]
    assert "in 60 s" in supervisor.said[1]
    supervisor.check()
    assert supervisor.components[0].process is None


def test_a_component_killed_from_outside_comes_back(supervisor, monkeypatch):
    monkeypatch.setattr(processes, "BACK_OFF", (0.0,))
    supervisor.start("one", FOREVER)
    first = supervisor.components[0].process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.check() or (supervisor.components[0].process not in (None,)
          and supervisor.components[0].process.pid != first))  # fmt: skip
    assert len(supervisor.said) == 1


def test_stopping_ends_every_process_of_every_group(supervisor, monkeypatch):
    monkeypatch.setattr(processes, "STOP_SECONDS", 1.0)
    supervisor.start("family", [sys.executable, "-c", FAMILY])
    pid = supervisor.components[0].process.pid
    until(lambda: len(processes.session_of(pid)) >= 3)
    supervisor.stop()
    assert processes.session_of(pid) == []
    assert list(supervisor.folder.glob("*.pid")) == []


def test_what_does_not_want_to_stop_is_made_to(supervisor, monkeypatch):
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    deaf = f"import signal; {ignore}; print('up', flush=True); signal.pause()"
    supervisor.start("deaf", [sys.executable, "-c", deaf])
    until(lambda: "up" in supervisor.log("deaf").read_text())
    pid = supervisor.components[0].process.pid
    supervisor.stop()
    assert processes.session_of(pid) == []


def test_the_next_start_stops_what_a_killed_one_left(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from ops.processes import Supervisor\n"
        "one = Supervisor(Path(sys.argv[1]), dict(os.environ), print)\n"
        f"one.start('family', [sys.executable, '-c', {FAMILY!r}])\n"
        "import signal; signal.pause()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY) as parent:
        pid_file = tmp_path / "family.pid"
        leader = int(until(lambda: pid_file.exists() and pid_file.read_text().strip()))
        until(lambda: len(processes.session_of(leader)) >= 3)
        parent.kill()
    assert processes.session_of(leader) != []
    assert processes.stop_leftovers(tmp_path) == ["family"]
    assert processes.session_of(leader) == []
    assert processes.stop_leftovers(tmp_path) == []


def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path):
    with subprocess.Popen(FOREVER, start_new_session=True) as stranger:
        pid_file = tmp_path / "one.pid"
        pid_file.write_text(str(stranger.pid))
        os.utime(pid_file, (1e9, 1e9))
        assert processes.stop_leftovers(tmp_path) == []
        assert stranger.poll() is None
        assert not pid_file.exists()
        stranger.kill()


def test_a_folder_is_held_by_one_start_only(tmp_path):
    lock = processes.hold(tmp_path)
    with pytest.raises(processes.AlreadyRunning, match=f"process {os.getpid()}"):
        processes.hold(tmp_path)
    os.close(lock)
    os.close(processes.hold(tmp_path))
