"""A partner that hands in a file over the real inbox, before the dataset is run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from moulouya.inbox import tokens
from moulouya.inbox.app import create_app
from moulouya.settings import Settings

SLUG = "sample"  # what the test calls a page's dataset


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Upload one file for the dataset of the workspace in this folder."""
    root = Settings(workspace=folder).lake_root / "inbox"
    _, token = tokens.create(root, "office", SLUG)

    async def upload() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(root, lambda slug: 1000))
        async with httpx.AsyncClient(transport=transport, base_url="http://inbox") as client:
            return await client.put(
                f"/inbox/{SLUG}/levels.csv",
                content=b"station;level\nZA-1;12,5\nMH-2;8,1\n",
                headers={"Authorization": f"Bearer {token}"},
            )

    answer = asyncio.run(upload())
    assert answer.status_code == 201, answer.text
    yield {}
