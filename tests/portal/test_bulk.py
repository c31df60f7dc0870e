"""Everything in one archive: sound, the same every time, resumed, of one release."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from moulouya.portal.records import archive

from . import lakes
from .conftest import Client, client_of

WHOLE = "/bulk/1/catalogue.zip"


def test_archive_holds_what_the_release_holds(portal: Client, pristine: lakes.Built) -> None:
    response = portal.get(WHOLE)
    assert response.headers["content-length"] == str(len(response.content))
    with zipfile.ZipFile(io.BytesIO(response.content)) as opened:
        assert opened.testzip() is None
        root = "catalogue-release-1"
        committed = pristine.lake.version("communes", 1) / "communes.parquet"
        inside = f"{root}/data/demography/communes.parquet"
        assert opened.read(inside) == committed.read_bytes()
        for line in opened.read(f"{root}/SHA256SUMS").decode().splitlines():
            digest, _, path = line.partition("  ")
            assert hashlib.sha256(opened.read(f"{root}/{path}")).hexdigest() == digest
        assert "سكان الجماعات" in opened.read(f"{root}/README.ar.md").decode()
        assert "ODbL-1.0" in opened.read(f"{root}/LICENCES.md").decode()
        package = json.loads(opened.read(f"{root}/datapackage.json"))
        assert {f"{root}/{one['path']}" for one in package["resources"]} <= set(opened.namelist())


def test_other_programs_open_it(portal: Client, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    file.write_bytes(portal.get(WHOLE).content)
    tested = subprocess.run(["unzip", "-tq", file], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout


def test_any_range_is_that_part_of_the_whole(portal: Client) -> None:
    whole = portal.get(WHOLE)
    size = len(whole.content)
    for first, last in ((0, 0), (10, 5000), (size - 30, size - 1), (size // 2, size - 1)):
        part = portal.get(WHOLE, range=f"bytes={first}-{last}")
        assert part.status_code == 206
        assert part.content == whole.content[first : last + 1]
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
    assert portal.get(WHOLE, range=f"bytes={size}-").status_code == 416
    assert portal.get(WHOLE, range="bytes=0-1", if_range='"old"').status_code == 200
    assert portal.get(WHOLE, if_none_match=whole.headers["etag"]).status_code == 304
    assert portal.head(WHOLE).headers["content-length"] == str(size)


def test_theme_has_an_archive_of_its_own(portal: Client) -> None:
    newest = portal.get("/bulk/themes/territory.zip")
    assert newest.headers["location"] == "/bulk/1/themes/territory.zip"
    with zipfile.ZipFile(io.BytesIO(portal.get(newest.headers["location"]).content)) as opened:
        names = {Path(name).name for name in opened.namelist()}
    assert {"boundaries.parquet", "density.csv.gz"} <= names
    assert "communes.parquet" not in names
    for path in ("/bulk/1/themes/nope.zip", "/bulk/1/themes/energy.zip", "/bulk/2/catalogue.zip"):
        assert portal.get(path).status_code == 404, path


def test_archive_of_an_older_release_stays_the_same(built: lakes.Built) -> None:
    before = client_of(built).get(WHOLE)
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:5])
    lakes.commit(built)
    portal = client_of(built)
    after = portal.get(WHOLE)
    assert after.content == before.content
    assert after.headers["etag"] == before.headers["etag"]
    assert portal.get("/bulk/catalogue.zip").headers["location"] == "/bulk/2/catalogue.zip"
    assert portal.get("/bulk/2/catalogue.zip").content != before.content


@pytest.mark.parametrize("size", [0, 2**32 - 2, 2**32 - 1, 2**33])
def test_large_files_are_written_as_zip64(size: int, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(size)
    entries = [archive.Entry("large", size, 0, large), archive.entry("small", b"last")]
    parts = archive.layout(entries, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    end = archive.size_of(parts)
    made = tmp_path / "made.zip"
    with made.open("wb") as file:
        for part in parts:
            if isinstance(part, bytes):
                file.write(part)
            else:
                file.seek(part[1], 1)
        assert file.tell() == end
    with zipfile.ZipFile(made) as opened:
        assert opened.getinfo("large").file_size == size
        assert opened.read("small") == b"last"
