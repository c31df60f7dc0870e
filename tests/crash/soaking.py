"""Writers, a releaser and readers at work together, while processes are killed at random.

I4 a reader never misses a file of the release that it reads · I8 it never sees an older release
than before.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import select
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from moulouya.storage import leases
from moulouya.storage.lake import open_lake

from . import auditor, portals, tracing
from .places import needed
from .trial import Tally

SLUGS = ("a", "b", "c")
WRITERS = 3
RUNS_A_PROCESS = 40
KEPT = {"keep_releases": 10, "keep_releases_days": 0}


@dataclass
class Worker:
    """A role that is played by one process after the other."""

    name: str
    zygote: tracing.Zygote
    lake: Path
    workspace: Path
    acks: Path
    chosen: random.Random
    again: list[list[Any]] = field(default_factory=list)
    started: int = 0
    descriptor: int = -1
    job: tracing.Job | None = None

    def start(self) -> None:
        """Start a process: first it does again what the one before did not acknowledge."""
        self.started += 1
        self.script = [*self.again, *self._work()]
        self.told = len(tracing.read_acks(self.acks))
        self.job = self.zygote.start(
            self.lake, self.workspace, self.script, acks=self.acks, detached=True, settings=KEPT
        )
        try:
            self.descriptor = os.pidfd_open(self.job.pid)
        except ProcessLookupError:
            self.descriptor = -1

    def _work(self) -> list[list[Any]]:
        if self.name == "releaser":
            return [["light-release"]] * RUNS_A_PROCESS
        if self.name == "gc":
            return [["gc"]] * RUNS_A_PROCESS
        return [
            ["light", self.chosen.choice(SLUGS), f"{self.name}-{self.started}-{n}"]
            for n in range(RUNS_A_PROCESS)
        ]

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""
        return self.descriptor == -1 or bool(select.select([self.descriptor], [], [], 0)[0])

    def kill(self) -> bool:
        """Kill its process, if it lives."""
        if self.ended:
            return False
        signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)
        return True

    def reap(self) -> str | None:
        """Close an ended process; what it complained about, if it ended by itself and badly."""
        if self.descriptor != -1:
            select.select([self.descriptor], [], [])
            os.close(self.descriptor)
            self.descriptor = -1
        assert self.job is not None
        done = len(tracing.read_acks(self.acks)) - self.told
        self.again = self.script[done : done + 1] if done < len(self.script) else []
        log = self.job.log  # absent when it was killed before it could print
        printed = log.read_text(errors="replace") if log.exists() else ""
        if not printed or '{"exit": 0}' in printed:
            return None
        return printed[-1500:]


@dataclass
class Reader:
    """Reads whole releases by their bytes and checks every hash."""

    lake: Path
    stop: threading.Event
    problems: list[str] = field(default_factory=list)
    reads: int = 0
    last: int = 0
    _lease: leases.Lease | None = None

    def run(self) -> None:
        """Read until told to stop."""
        while not self.stop.is_set():
            numbers = [int(p.name) for p in (self.lake / "log").glob("*") if p.name.isdigit()]
            if not numbers:
                time.sleep(0.01)
                continue
            newest = next((n for n in sorted(numbers, reverse=True) if self._is_release(n)), 0)
            if newest < self.last:
                self.problems.append(f"I8: release {newest} after {self.last}")
            self.last = newest
            if newest and self._hold(newest):
                self.problems += self._read(newest)
                self.reads += 1
            self._give_back()
            time.sleep(0.02)

    def _is_release(self, number: int) -> bool:
        entry = json.loads((self.lake / "log" / str(number)).read_bytes())
        return bool(entry["kind"] != "void")

    def _hold(self, number: int) -> bool:
        """Take a lease, then see that the release has not expired meanwhile, as a reader must."""
        self._lease = leases.hold(open_lake(self.lake), number)
        newest = max(
            int(p.name)
            for p in (self.lake / "log").glob("*")
            if p.name.isdigit() and self._is_release(int(p.name))
        )
        raw = (self.lake / "releases" / str(newest) / "manifest.json").read_bytes()
        return number >= auditor._expired_before(json.loads(raw))

    def _give_back(self) -> None:
        if self._lease is not None:
            self._lease.give_back()
            self._lease = None

    def _read(self, number: int) -> list[str]:
        found: list[str] = []
        entry = json.loads((self.lake / "log" / str(number)).read_bytes())
        folder = self.lake / "releases" / str(number)
        raw = (folder / "manifest.json").read_bytes()
        if hashlib.sha256(raw).hexdigest() != entry["manifest_sha256"]:
            return [f"I4: the manifest of release {number} is another one"]
        manifest = json.loads(raw)
        auditor._files(folder, manifest["files"], f"I4: release {number}", found)
        for slug, dataset in manifest["datasets"].items():
            version = self.lake / "datasets" / slug / str(dataset["version"])
            what = f"I4: release {number}, {slug} {dataset['version']}"
            auditor._files(version, dataset["files"], what, found)
        return found

    def _expired(self, slug: str, number: int) -> bool:
        """Whether a later release says that a version has gone since."""
        numbers = sorted((int(p.name) for p in (self.lake / "log").glob("*")), reverse=True)
        newest = next(n for n in numbers if self._is_release(n))
        manifest = json.loads((self.lake / f"releases/{newest}/manifest.json").read_bytes())
        return (slug, number) in auditor._gone(manifest)


@dataclass
class Client(Reader):
    """Reads releases over HTTP from a real portal: one catalogue, and a table that it names."""

    url: str = ""
    chosen: random.Random = field(default_factory=lambda: random.Random(3))

    def run(self) -> None:
        """Read until told to stop."""
        with httpx.Client(base_url=self.url, timeout=60) as client:
            while not self.stop.is_set():
                self.problems += self._ask(client)

    def _ask(self, client: httpx.Client) -> list[str]:
        answer = client.get("/catalogue.duckdb", follow_redirects=True)
        if answer.status_code in (404, 503) and not self.reads:
            time.sleep(0.05)
            return []
        if answer.status_code == 410 and "have expired" in answer.text:
            return []  # a newer release came, and this one expired, after the redirect
        if answer.status_code != 200:
            return [f"I4: the catalogue was answered by {answer.status_code}: {answer.text[:300]}"]
        named = answer.json()
        number = named["release"]
        manifest = json.loads((self.lake / f"releases/{number}/manifest.json").read_bytes())
        versions = {slug: one["version"] for slug, one in manifest["datasets"].items()}
        if named["datasets"] != versions:
            return [f"I4: release {number} is mixed: {named['datasets']} and {versions}"]
        if number < self.last:
            return [f"I8: release {number} was served after {self.last}"]
        self.last = number
        self.reads += 1
        slug = self.chosen.choice(sorted(versions))
        file = next(f for f in manifest["datasets"][slug]["files"] if f["name"].startswith(slug))
        table = client.get(f"/files/{slug}/{versions[slug]}/{file['name']}")
        if table.status_code == 410 and self._expired(slug, versions[slug]):
            return []
        if table.status_code != 200:
            return [f"I4: {slug} {versions[slug]} was answered by {table.status_code}"]
        if hashlib.sha256(table.content).hexdigest() != file["sha256"]:
            return [f"I4: {slug} {versions[slug]} has other bytes"]
        self.reads += 1
        return []


def soak(
    tally: Tally,
    workspace: Path,
    folder: Path,
    seconds: float,
    kills_a_second: float,
    *,
    clients: int = 2,
    with_gc: bool = False,
    reads: int = 0,
    seed: int = 13,
) -> None:
    """Let everybody work for some seconds, killing at random; then judge the lake at rest.

    It lasts until that many reads over HTTP have been verified, if that is later.
    """
    if not hasattr(os, "pidfd_open"):
        needed("needs pidfd_open")
    chosen = random.Random(seed)
    lake = folder / "soaked"
    stop = threading.Event()
    with (
        tracing.zygote(folder / "soakers") as zygote,
        _portal(lake, folder, workspace, zygote) as url,
    ):
        names = [f"writer{n}" for n in range(WRITERS)] + ["releaser"] + ["gc"] * with_gc
        workers = [
            Worker(n, zygote, lake, workspace, folder / f"soak-{n}", random.Random(n))
            for n in names
        ]
        readers = [Reader(lake, stop)]
        readers += [Client(lake, stop, url=url, chosen=random.Random(n)) for n in range(clients)]
        threads = [threading.Thread(target=_guarded, args=(reader,)) for reader in readers]
        for thread in threads:
            thread.start()
        for worker in workers:
            worker.start()
        end, next_kill = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() < end or sum(r.reads for r in readers[1:]) < reads:
            if any(reader.problems for reader in readers):
                break
            if time.monotonic() >= next_kill:
                next_kill += chosen.expovariate(kills_a_second)
                tally.count("kills", chosen.choice(workers).kill())
            for worker in workers:
                if worker.ended:
                    complaint = worker.reap()
                    tally.blame(worker.name, [complaint] if complaint else [])
                    worker.start()
            time.sleep(0.005)
        for worker in workers:
            worker.kill()
            complaint = worker.reap()
            tally.blame(worker.name, [complaint] if complaint else [])
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
        for reader in readers:
            tally.blame(type(reader).__name__, reader.problems)
        acks = [ack for worker in workers for ack in tracing.read_acks(worker.acks)]
        tally.points = tally.counts.get("kills", 0)
        tally.count("acknowledged", len(acks))
        tally.count("reads of files", readers[0].reads)
        tally.count("reads over HTTP", sum(reader.reads for reader in readers[1:]))
        tally.blame("at rest", auditor.audit(lake, acks))
        ended = zygote.run(lake, workspace, [["light", "a", "last"], ["light-release"]])
        tally.slowest_recovery = ended.seconds
        if ended.code:
            tally.blame("at rest", [ended.printed])
        tally.blame("in the end", auditor.audit(lake, acks + ended.acks))


def _portal(lake: Path, folder: Path, workspace: Path, zygote: tracing.Zygote) -> Any:
    """A portal on a lake that has one release."""
    made = zygote.run(lake, workspace, [["light", "a", "first"], ["light-release"]])
    assert made.code == 0, made.printed
    return portals.serving(lake, folder / "portal")


def _guarded(reader: Reader) -> None:
    try:
        reader.run()
    except (OSError, ValueError, KeyError, httpx.HTTPError) as error:
        reader.problems.append(f"I4: {type(reader).__name__} met {error!r}")
