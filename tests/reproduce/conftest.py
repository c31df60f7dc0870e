"""What the tests of reproducing share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from moulouya import reproducing
from moulouya.reproducing import Reproduction
from small_workspace import SmallWorkspace


@pytest.fixture
def reproduce(workspace: SmallWorkspace) -> Callable[[str, int], Reproduction]:
    """Reproduce a version of the workspace's lake."""
    return lambda slug, number: reproducing.reproduce(workspace.settings, slug, number)


@pytest.fixture
def same(workspace: SmallWorkspace) -> Callable[[str, int], bool]:
    """Whether every file of a version comes out again; tells which does not."""

    def call(slug: str, number: int) -> bool:
        found = reproducing.reproduce(workspace.settings, slug, number)
        assert (found.outcome, [file.name for file in found.files if not file.identical],
                found.reasons) == ("identical", [], ())  # fmt: skip
        return True

    return call
