"""An SFTP server of a water agency, with one file a month."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services import sftp_server

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0cN4jhQOXZ8Ba5ZpKxQCJzJ0gMhf1mD3xkV2yWc8nT"


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Serve two files that were written long ago, and one that is being written."""
    drop = folder / "agency"
    (drop / "out").mkdir(parents=True)
    for month, age in (("01", 90_000), ("02", 3_600), ("03", 0)):
        path = drop / "out" / f"levels-2026-{month}.csv"
        path.write_text(f"station;level\nZA-1;12,{month}\nMH-2;8,{month}\n", encoding="utf-8")
        os.utime(path, (time.time() - age, time.time() - age))
    with sftp_server(drop) as server:
        yield {KEY: server.pinned, "AIRFLOW_CONN_WATER_AGENCY": server.connection()}
