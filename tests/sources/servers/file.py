"""A file that somebody put into the workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Write the file below the workspace in this folder."""
    (folder / "data").mkdir()
    (folder / "data" / "markets.csv").write_text(
        "Marché;Jour\nBerkane;mardi\nAhfir;dimanche\n", encoding="cp1252"
    )
    yield {}
