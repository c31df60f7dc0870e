"""The same in a bucket: a publisher killed between its requests, and another host that goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from . import auditor, bases, tracing

SILENCE = {"BEAT": 0.2, "SILENT": 3.0, "LOOK": 0.1}
SENDING = "sendto,sendmsg,writev"


def publish(place: Any, host: str, *tracer: str, **more: Any) -> tuple[int, list[dict[str, Any]]]:
    """Run a publisher on a host of its own; its exit code and what it acknowledged."""
    place.workspace()
    acks, job = place.folder / f"{host}.acks", place.folder / f"{host}.json"
    settings = place.settings(host)
    job.write_text(
        json.dumps(
            {"lake": place.lake, "workspace": str(settings.workspace_root), "acks": str(acks),
             "state": str(settings.state_root), "script": bases.light_script(), "claims": SILENCE,
             **more}
        )
    )  # fmt: skip
    command = [*tracer, sys.executable, str(tracing.PUBLISHER), str(job)]
    done = subprocess.run(
        command, env=place.environment(host), capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, -9), done.stdout + done.stderr
    return done.returncode, tracing.read_acks(acks)


def brought(place: Any, folder: Path) -> Path:
    """Every object of the lake as a file, for the auditor."""
    store = boto3.client(
        "s3", endpoint_url=place.endpoint, aws_access_key_id="key",
        aws_secret_access_key="secret", region_name="us-east-1",
    )  # fmt: skip
    bucket, prefix = place.lake.removeprefix("s3://").split("/", 1)
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            path = folder / found["Key"].removeprefix(f"{prefix}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    return folder


def goes_on(place: Any, tmp_path: Path, told: list[dict[str, Any]]) -> None:
    """Judge the bucket after a kill, let another host do the work, and judge it again."""
    assert auditor.audit(brought(place, tmp_path / "killed"), told) == []
    code, again = publish(place, "another")
    assert code == 0
    assert auditor.audit(brought(place, tmp_path / "after"), told + again) == []


@pytest.mark.parametrize(
    "name", ["after_claim", "after_first_upload", "after_upload", "after_log_link", "before_ack"]
)
def test_who_dies_at_a_named_place_loses_nothing(bucket, tmp_path, name):
    code, told = publish(bucket, "one", abort_at=name)
    assert code == -9
    goes_on(bucket, tmp_path, told)


@pytest.mark.usefixtures("traceable")
@pytest.mark.parametrize("when", [8, 20, 40])
def test_who_is_killed_at_a_request_loses_nothing(bucket, tmp_path, when):
    tracer = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={SENDING}",
              "-e", f"inject={SENDING}:signal=KILL:when={when}"]  # fmt: skip
    code, told = publish(bucket, "one", *tracer)
    assert code == -9
    goes_on(bucket, tmp_path, told)
