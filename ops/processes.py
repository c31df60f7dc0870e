"""Starts components, each in a session of its own, keeps them alive and stops all of them.

Every component writes its process id before it becomes the program, so that even a component
that outlived its supervisor (SIGKILL, power cut of the terminal) is found and stopped by the
next start: nothing runs twice.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 12.0
BACK_OFF = (1.0, 2.0, 5.0, 15.0, 30.0)
STEADY_SECONDS = 60.0
EXEC = 'echo $$ > "$0.new" && mv "$0.new" "$0" && exec "$@"'


class AlreadyRunning(Exception):
    """Another supervisor holds the folder; the message names its process."""


def hold(folder: Path) -> int:
    """Take the folder for this process until it ends; returns the lock's file descriptor."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode().strip() or "unknown"
        os.close(lock)
        raise AlreadyRunning(f"it runs already in {folder} (process {holder})") from None
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def _stat(pid: int) -> tuple[int, float] | None:
    """Session and start (Unix time) of a living process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError):
        return None
    if fields[0] == "Z":
        return None
    age = uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return int(fields[3]), time.time() - age


def session_of(leader: int) -> list[int]:
    """Living processes of the session that a component opened, whoever their parent is now."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if (stat := _stat(pid)) and stat[0] == leader]


def _leftovers(folder: Path) -> Iterator[tuple[str, list[int]]]:
    for file in sorted(folder.glob("*.pid")):
        try:
            leader, written = int(file.read_text()), file.stat().st_mtime
        except (OSError, ValueError):
            continue
        stat = _stat(leader)
        reused = stat is not None and (stat[0] != leader or stat[1] > written + 2)
        pids = [] if reused else session_of(leader)
        if pids:
            yield file.stem, pids
        else:
            file.unlink(missing_ok=True)


def stop_leftovers(folder: Path) -> list[str]:
    """Stop what an earlier supervisor left running; returns the names of those components."""
    found = dict(_leftovers(folder))
    for pids in found.values():
        _signal(pids, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while left := dict(_leftovers(folder)):
        if time.monotonic() > deadline:
            for pids in left.values():
                _signal(pids, signal.SIGKILL)
        time.sleep(0.2)
    return sorted(found)


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


@dataclass
class Component:
    """One program that must run: its command, and how often it had to be started again."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    crashes: int = 0
    start_again: float = 0.0


@dataclass
class Supervisor:
    """The components of one start, with the environment and the folder they share."""

    folder: Path
    environment: dict[str, str]
    report: Callable[[str], None]
    components: list[Component] = field(default_factory=list)

    def start(self, name: str, command: list[str], **more: str) -> None:
        """Start a component, with more in its environment, and keep it running from now on."""
        component = Component(name, command, {**self.environment, **more})
        self.components.append(component)
        self._launch(component)

    def log(self, name: str) -> Path:
        """The file that takes what a component prints."""
        return self.folder / f"{name}.log"

    def _launch(self, component: Component) -> None:
        pid_file = str(self.folder / f"{component.name}.pid")
        with self.log(component.name).open("ab") as log:
            component.process = subprocess.Popen(
                ["/bin/sh", "-c", EXEC, pid_file, *component.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=component.environment,
                cwd=self.folder,
                start_new_session=True,
            )
        component.started = time.monotonic()

    def check(self) -> None:
        """Start again what has crashed, later each time it crashes anew."""
        now = time.monotonic()
        for component in self.components:
            process = component.process
            if process is not None and process.poll() is not None:
                if now - component.started > STEADY_SECONDS:
                    component.crashes = 0
                wait = BACK_OFF[min(component.crashes, len(BACK_OFF) - 1)]
                component.crashes += 1
                component.start_again = now + wait
                component.process = None
                _signal(session_of(process.pid), signal.SIGTERM)
                self.report(
                    f"{component.name} ended with code {process.returncode}; it is started again "
                    f"in {wait:.0f} s (see {self.log(component.name)})"
                )
            elif process is None and now >= component.start_again:
                self._launch(component)

    def stop(self) -> None:
        """Stop every component and all it started, at the latest by force."""
        leaders = [c.process.pid for c in self.components if c.process is not None]
        for leader in leaders:
            try:
                os.killpg(leader, signal.SIGTERM)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + STOP_SECONDS
        while left := [pid for leader in leaders for pid in session_of(leader)]:
            if time.monotonic() > deadline:
                _signal(left, signal.SIGKILL)
            for component in self.components:
                if component.process is not None:
                    component.process.poll()
            time.sleep(0.1)
        for component in self.components:
            if component.process is not None:
                component.process.wait()
                component.process = None
            (self.folder / f"{component.name}.pid").unlink(missing_ok=True)
