"""A public bucket with one file a month."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from services import s3_server


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Serve two objects that anyone may read."""
    with s3_server() as address:
        client = boto3.client(
            "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="key",
            aws_secret_access_key="secret",
        )  # fmt: skip
        client.create_bucket(Bucket="open-mobility", ACL="public-read")
        for month, counted in (("01", 1210), ("02", 1180)):
            client.put_object(
                Bucket="open-mobility",
                Key=f"counts/2026-{month}.csv",
                Body=f"month,station,vehicles\n2026-{month},RN2,{counted}\n".encode(),
                ACL="public-read",
            )
        client.close()
        yield {"https://s3.example.org": address}
