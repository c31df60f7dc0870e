"""Fixtures that every part of the tests may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lake_places import bucket, lake_place, s3_endpoint  # noqa: F401  # fixtures
from moulouya.settings import Settings
from moulouya.staging import Staged
from small_workspace import REGION, SmallWorkspace, stage_bytes

REPOSITORY = Path(__file__).parents[1]


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
