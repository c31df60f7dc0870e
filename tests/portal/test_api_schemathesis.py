"""What the OpenAPI document says and what the server does, compared by schemathesis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from . import lakes
from .conftest import Server, free_port
from .test_exports import typed

__all__ = ["typed"]


def test_schemathesis_finds_no_fault(
    typed: lakes.Built, serve: Callable[[lakes.Built, int], Server], tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # What its own rules take for an answer to well-formed data: no configuration of ours.
    settings = typed.settings.model_copy(update={"public_url": url})
    server = serve(replace(typed, settings=settings), port)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")), "run", f"{server.url}/openapi.json",
            "--max-examples", "4", "--seed", "1",
        ],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert "16 selected" in done.stdout
