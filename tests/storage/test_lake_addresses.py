"""What may be said where the lake is, and what doctor says of a lake on S3."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner
from unruly import proxy_of

from moulouya import diagnosis
from moulouya.cli import app
from moulouya.settings import Settings


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("s3://open-data", "s3://open-data"),
        ("s3://open-data/", "s3://open-data"),
        ("s3://open-data/lakes/oriental/", "s3://open-data/lakes/oriental"),
        ("/srv/lake", "/srv/lake"),
        (Path("/srv/lake"), "/srv/lake"),
    ],
)
def test_a_lake_is_a_folder_or_a_bucket(said, place):
    assert Settings(lake=said).lake_place == place


def test_a_relative_folder_is_made_absolute():
    assert Settings(lake="lake").lake_place == str(Path("lake").absolute())


@pytest.mark.parametrize(
    "said",
    ["gs://bucket/lake", "https://host/lake", "s3:/bucket", "s3://", "s3://Bucket", "s3://b/x y",
     "s3://bucket/../other", "s3://key:secret@bucket/lake"],
)  # fmt: skip
def test_another_address_is_refused(said):
    with pytest.raises(ValidationError, match="s3://bucket/prefix"):
        Settings(lake=said)


def test_the_working_copy_and_the_inbox_are_in_the_state_folder(tmp_path):
    settings = Settings(lake="s3://open-data/oriental", state=tmp_path)
    assert settings.lake_root.parent == tmp_path / "lakes"
    assert settings.inbox_root == tmp_path / "inbox"
    other = Settings(lake="s3://open-data/other", state=tmp_path)
    assert other.lake_root != settings.lake_root


def test_the_command_line_says_what_is_wrong_with_an_address():
    done = CliRunner().invoke(app, ["status", "--lake", "gs://bucket/lake"])
    assert done.exit_code == 2
    assert (
        "MOULOUYA_LAKE: gs://bucket/lake is neither a folder nor s3://bucket/prefix" in done.output
    )


def found_on(place) -> dict[str, diagnosis.Finding]:
    place.workspace()
    wanted = ("store", "lake", "disk")
    return {one.what: one for one in diagnosis.examine(place.settings()) if one.what in wanted}


def test_doctor_examines_the_store_and_the_room_for_the_working_copy(bucket):
    found = found_on(bucket)
    assert found["store"].good
    assert "conditional writes" in found["store"].found
    assert found["lake"].found == f"{bucket.lake}: no release yet"
    assert str(bucket.settings().lake_root) in found["disk"].found


def test_doctor_says_when_a_store_overwrites(bucket, monkeypatch):
    with proxy_of(bucket.endpoint) as proxy:
        proxy.strip = ("if-none-match",)
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        found = found_on(bucket)
    assert not found["store"].good
    assert "If-None-Match" in found["store"].found
