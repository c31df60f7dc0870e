"""Fixtures that every part of the tests may use."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from lake_places import bucket, lake_place, s3_endpoint  # noqa: F401  # fixtures
from moulouya.settings import Settings
from moulouya.staging import Staged
from small_workspace import REGION, SmallWorkspace, stage_bytes

REPOSITORY = Path(__file__).parents[1]
TESTS = REPOSITORY / "tests"
# Files that take longest for the number of their tests, the longest first: begun last, one of them
# would be waited for alone.
LONGEST = (
    "datasets/test_oriental.py",
    "airflow/test_run.py",
    "docs/test_pages.py",
    "browser/test_pages.py",
    "crash/test_errors_of_the_disk.py",
    "quality/test_differential.py",
    "crash/test_killed_for_real.py",
    "portal/test_ogc.py",
    "readers/test_pollock.py",
    "crash/test_killed.py",
    "portal/test_api_schemathesis.py",
    "definition/test_deleted_lines.py",
    "portal/test_console.py",
    "crash/test_power_cuts.py",
    "quality/test_foreign_suites.py",
    "crash/test_soak.py",
    "browser/test_journeys.py",
    "crash/test_power_loss.py",
    "crash/test_flipped_bits.py",
    "sources/test_mqtt.py",
    "browser/test_odd_datasets.py",
    "reproduce/test_same_bytes.py",
    "query/test_layers.py",
)
assert all((TESTS / name).is_file() for name in LONGEST)

# What is tried is no worse for a machine that is busy with something else.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported for the tests stays, so the garbage collector never looks at it: looking
    through half a million objects again and again took a tenth of the time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in the order in which workers take them: the longest, then those with most tests."""
    tests = Counter(item.path for item in items)
    longest = {TESTS / name: place for place, name in enumerate(LONGEST)}

    def place(item: pytest.Item) -> tuple[int, int]:
        return longest.get(item.path, len(longest)), -tests[item.path]

    items.sort(key=place)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a workspace and a lake of their own, whatever the environment says."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"MOULOUYA_{name.upper()}", raising=False)
    return Settings(
        workspace=tmp_path / "workspace", lake=tmp_path / "lake", state=tmp_path / "state"
    )


@pytest.fixture
def workspace(settings: Settings) -> SmallWorkspace:
    """An empty workspace: a region with two publishers and two themes, nothing on the shelves."""
    return _empty(settings)


@pytest.fixture(scope="module")
def new_workspace(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], SmallWorkspace]:
    """Make an empty workspace that a whole module may copy from."""

    def call() -> SmallWorkspace:
        folder = tmp_path_factory.mktemp("workspace")
        return _empty(Settings(workspace=folder / "workspace", lake=folder / "lake"))

    return call


def _empty(settings: Settings) -> SmallWorkspace:
    made = SmallWorkspace(settings.workspace_root, settings)
    made.write_yaml("region.yml", REGION)
    return made


@pytest.fixture
def staged(tmp_path: Path) -> Callable[..., Staged]:
    """Stage bytes by a contract of columns: ``staged(b"…", {"code": "text"})``."""

    def call(content: Any, columns: dict[str, Any], *args: Any, **more: Any) -> Staged:
        return stage_bytes(tmp_path / "staging", content, columns, *args, **more)

    return call


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root, which is also the workspace of L'Oriental."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files that are not in the repository; skips where it is absent."""
    folder = Path(os.environ.get("MOULOUYA_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set MOULOUYA_SHARED_DATA to the shared test data")
    return folder
