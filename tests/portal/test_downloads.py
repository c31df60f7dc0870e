"""Files: whole or in ranges, immutable, verified, and nothing but what a record lists."""

from __future__ import annotations

import email
import hashlib
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from moulouya.settings import Settings
from moulouya.storage.lake import Lake

from . import lakes
from .conftest import Client, client_of

FILE = "/files/communes/1/communes.parquet"


@pytest.fixture(scope="module")
def content(pristine: lakes.Built) -> bytes:
    return (pristine.lake.version("communes", 1) / "communes.parquet").read_bytes()


@pytest.fixture(scope="module")
def second(pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a lake with a second version of communes, and a second release."""
    root = tmp_path_factory.mktemp("second") / "lake"
    shutil.copytree(pristine.lake.root, root)
    twice = lakes.Built(Lake(root), Settings(lake=root, state=root.with_name("state")))
    lakes.publish_communes(twice, lakes.COMMUNE_ROWS[:5])
    lakes.commit(twice)
    return root


def test_whole_file_with_its_hash_and_caching(portal: Client, content: bytes) -> None:
    response = portal.get(FILE)
    assert response.status_code == 200
    assert response.content == content
    headers = response.headers
    assert headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["accept-ranges"] == "bytes"
    assert headers["content-type"] == "application/vnd.apache.parquet"
    assert headers["content-disposition"] == 'attachment; filename="communes-v1-communes.parquet"'
    assert headers["access-control-allow-origin"] == "*"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    ("wanted", "start", "end"), [("bytes=0-3", 0, 4), ("bytes=-4", -4, None), ("bytes=9-", 9, None)]
)
def test_one_range(
    portal: Client, content: bytes, wanted: str, start: int, end: int | None
) -> None:
    response = portal.get(FILE, range=wanted)
    assert response.status_code == 206
    assert response.content == content[start:end]
    assert response.headers["content-length"] == str(len(response.content))
    first = start % len(content)
    last = first + len(response.content) - 1
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"


def test_several_ranges_come_as_parts(portal: Client, content: bytes) -> None:
    response = portal.get(FILE, range="bytes=0-3, 10-11, -4")
    assert response.status_code == 206
    assert response.headers["content-length"] == str(len(response.content))
    kind = response.headers["content-type"]
    message = email.message_from_bytes(
        b"MIME-Version: 1.0\r\nContent-Type: " + kind.encode() + b"\r\n" + response.content
    )
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert [part["Content-Range"] for part in parts] == [
        f"bytes 0-3/{len(content)}",
        f"bytes 10-11/{len(content)}",
        f"bytes {len(content) - 4}-{len(content) - 1}/{len(content)}",
    ]
    raw = response.content
    boundary = kind.partition("boundary=")[2].encode()
    bodies = [part.partition(b"\r\n\r\n")[2][:-2] for part in raw.split(b"--" + boundary)[1:-1]]
    assert bodies == [content[:4], content[10:12], content[-4:]]


def test_range_outside_the_file_is_416(portal: Client, content: bytes) -> None:
    response = portal.get(FILE, range="bytes=999999999-")
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(content)}"


@pytest.mark.parametrize("wanted", ["rows=0-3", "bytes=3-1", "bytes=abc"])
def test_void_range_header_gives_the_whole_file(
    portal: Client, content: bytes, wanted: str
) -> None:
    response = portal.get(FILE, range=wanted)
    assert (response.status_code, response.content) == (200, content)


def test_head_tells_the_same_without_a_body(portal: Client, content: bytes) -> None:
    whole = portal.head(FILE)
    assert (whole.status_code, whole.content) == (200, b"")
    assert whole.headers["content-length"] == str(len(content))
    part = portal.head(FILE, range="bytes=0-")
    assert (part.status_code, part.content) == (206, b"")
    assert part.headers["content-range"] == f"bytes 0-{len(content) - 1}/{len(content)}"


def test_unchanged_file_is_not_sent_again(portal: Client) -> None:
    headers = portal.get(FILE).headers
    tag, modified = headers["etag"], headers["last-modified"]
    for condition in (
        {"if_none_match": tag},
        {"if_none_match": f'"other", W/{tag}'},
        {"if_none_match": "*"},
        {"if_modified_since": modified},
    ):
        assert portal.get(FILE, **condition).status_code == 304, condition
    for condition in (
        {"if_none_match": '"other"'},
        {"if_none_match": '"other"', "if_modified_since": modified},
        {"if_modified_since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"if_modified_since": "yesterday"},
    ):
        assert portal.get(FILE, **condition).status_code == 200, condition


def test_if_range_serves_a_range_of_exactly_this_file_only(portal: Client) -> None:
    headers = portal.get(FILE).headers
    tag, modified = headers["etag"], headers["last-modified"]
    for right in (tag, modified):
        assert portal.get(FILE, range="bytes=0-3", if_range=right).status_code == 206
    for wrong in ('"other"', f"W/{tag}", "Thu, 01 Jan 1970 00:00:00 GMT"):
        assert portal.get(FILE, range="bytes=0-3", if_range=wrong).status_code == 200


def test_latest_leads_to_the_newest_version_and_old_ones_stay(built: lakes.Built) -> None:
    before = client_of(built).get(FILE).content
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:5])
    unreleased = client_of(built)
    assert unreleased.get("/files/communes/2/communes.parquet").status_code == 404
    lakes.commit(built)
    portal = client_of(built)
    latest = portal.get("/files/communes/latest/communes.parquet")
    assert latest.status_code == 302
    assert latest.headers["location"] == "/files/communes/2/communes.parquet"
    assert portal.get(FILE).content == before
    assert portal.get("/files/communes/2/communes.parquet").content != before
    assert portal.get("/releases/1/catalogue.duckdb").status_code == 200
    assert portal.get("/catalogue.duckdb").headers["location"] == "/releases/2/catalogue.duckdb"


def test_records_of_a_version_and_a_release_are_public(portal: Client) -> None:
    record = portal.get("/files/communes/1/version.json").json()
    assert record["rows"] == 30
    assert portal.get("/files/communes/1/validation.json").json()["success"] is True
    assert portal.get("/files/communes/1/changes.json").json()["to"] == 1
    manifest = portal.get("/releases/1/manifest.json").json()
    assert set(manifest["datasets"]) == {"boundaries", "communes", "density"}


@pytest.mark.parametrize(
    "path",
    [
        "/files/nope/1/nope.parquet",
        "/files/communes/1/nope.parquet",
        "/files/communes/latest/nope.parquet",
        "/files/communes/2/communes.parquet",
        "/files/communes/0/communes.parquet",
        "/files/communes/01/communes.parquet",
        "/files/communes/-1/communes.parquet",
        "/files/communes/%D9%A1/communes.parquet",
        "/files/communes/99999999999999999999/communes.parquet",
        "/files/communes/1/..%2f..%2f..%2fFORMAT",
        "/files/communes/1/%2e%2e/version.json",
        "/files/..%2fcommunes/1/version.json",
        "/files/communes/1/..%5cversion.json",
        "/files/communes/1/version.json%00.parquet",
        "/files/communes/1/%2fetc%2fpasswd",
        "/files/communes/1/",
        "/releases/2/catalogue.duckdb",
        "/releases/1/..%2f..%2fFORMAT",
        "/releases/1/nope",
        "/static/..%2fapp.py",
        "/static/site.css",
    ],
)
def test_what_no_record_lists_is_not_there(portal: Client, path: str) -> None:
    response = portal.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == 404


def test_what_is_gone_says_so(built: lakes.Built, second: Path) -> None:
    release_again(built, second)
    folder = built.lake.version("communes", 1)
    folder.rename(folder.parent / ".expired")
    assert client_of(built).get(FILE).status_code == 410
    (folder.parent / ".expired").rename(folder)
    elsewhere = built.lake.root / "withdrawn"
    built.lake.versions("density").rename(elsewhere)
    lakes.commit(built)
    elsewhere.rename(built.lake.versions("density"))
    portal = client_of(built)
    assert portal.get("/files/density/1/density.parquet").status_code == 410
    page = portal.get("/fr/datasets/density")
    assert page.status_code == 410
    assert "n’est plus publié" in page.text


def test_damaged_old_file_is_never_sent(built: lakes.Built, second: Path) -> None:
    release_again(built, second)
    flip_a_bit(built.lake.version("communes", 1) / "communes.parquet")
    response = client_of(built).get(FILE)
    assert response.status_code == 500
    assert "damaged" in response.json()["detail"]


def release_again(built: lakes.Built, second: Path) -> None:
    shutil.copytree(second, built.lake.root, dirs_exist_ok=True)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def test_new_release_is_picked_up_without_a_restart(built: lakes.Built, second: Path) -> None:
    portal = client_of(built)
    assert "Since version 1" not in portal.get("/en/datasets/communes").text
    release_again(built, second)
    assert "Since version 1" in portal.get("/en/datasets/communes").text
    assert portal.get("/health/ready").json() == {
        "status": "ready", "release": 2, "newest": 2, "problem": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        "releases/2/manifest.json",
        "releases/2/catalogue.duckdb",
        "releases/2/serving.duckdb",
        "datasets/communes/2/communes.parquet",
        "datasets/communes/2/version.json",
        "log/2",
        "missing",
    ],
)
def test_damaged_release_is_refused_and_the_one_before_stays(
    built: lakes.Built, second: Path, damage: str
) -> None:
    portal = client_of(built)
    release_again(built, second)
    if damage == "missing":
        shutil.rmtree(built.lake.releases / "2")
    else:
        flip_a_bit(built.lake.root / damage)
    for one in (portal, client_of(built)):
        assert "Since version 1" not in one.get("/en/datasets/communes").text
        health = one.get("/health/ready")
        assert health.status_code == 200
        told = health.json()
        assert (told["status"], told["release"], told["newest"]) == ("degraded", 1, 2)
        assert told["problem"]
        assert str(built.lake.root) not in told["problem"]
        assert one.get("/catalogue.duckdb").headers["location"] == "/releases/1/catalogue.duckdb"


def test_sound_release_after_a_damaged_one_is_served(built: lakes.Built, second: Path) -> None:
    release_again(built, second)
    flip_a_bit(built.lake.releases / "2" / "serving.duckdb")
    portal = client_of(built)
    assert portal.get("/health/ready").json()["release"] == 1
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:6])
    lakes.commit(built)
    told = portal.get("/health/ready").json()
    assert (told["status"], told["release"]) == ("ready", 3)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/fr/", FILE])
def test_portal_only_gives(portal: Client, method: str, path: str) -> None:
    response = portal.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/ar/", "/ar/datasets/communes", "/ar/nope", "/", "/robots.txt"])
def test_every_answer_is_guarded(portal: Client, path: str) -> None:
    headers: httpx.Headers = portal.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers


def test_style_has_a_name_of_its_own_and_may_be_kept_for_ever(portal: Client) -> None:
    html = portal.get("/fr/").text
    href = next(part for part in html.split('"') if part.endswith("/css/site.css"))
    response = portal.get(href)
    assert response.headers["cache-control"].endswith("immutable")
    assert response.headers["content-type"].startswith("text/css")
    assert "http" not in response.text, "no request leaves the site"


def test_robots_and_sitemap_name_every_page_in_every_language(portal: Client) -> None:
    assert "Sitemap: http://data.example.org/sitemap.xml" in portal.get("/robots.txt").text
    sitemap = portal.get("/sitemap.xml").text
    for code in ("ar", "fr", "en"):
        for path in ("/", "/datasets/density", "/themes/territory"):
            assert f"<loc>http://data.example.org/{code}{path}</loc>" in sitemap
    assert "/themes/energy" not in sitemap
    ElementTree.fromstring(sitemap)


def test_version_record_hides_no_file_beside_it(pristine: lakes.Built) -> None:
    folder = pristine.lake.version("communes", 1)
    record = json.loads((folder / "version.json").read_text())
    listed = {file["name"] for file in record["files"]} | {"version.json"}
    assert listed == {path.name for path in folder.iterdir()}
