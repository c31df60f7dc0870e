"""The portal of a lake on S3: files with ranges, newer releases, and a store that goes away."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from unruly import proxy_of

from lake_places import KEYS, LakePlace, free_port, s3_server
from moulouya import pipeline
from small_workspace import ROWS, SmallWorkspace

SERVING = """
import sys
from moulouya.portal.server import serve
from moulouya.settings import Settings

serve(Settings(), port=int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Iterator[tuple[LakePlace, SmallWorkspace]]:
    """A lake on a server of its own, reached through a proxy, with one release."""
    folder = tmp_path_factory.mktemp("portal")
    with pytest.MonkeyPatch.context() as patch, s3_server(folder / "log") as endpoint:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint}.items():
            patch.setenv(name, value)
        place = LakePlace("s3", "s3://lakes/portal", folder, endpoint)
        workspace = place.workspace()
        workspace.define("communes")
        workspace.run()
        pipeline.release(workspace.settings)
        yield place, workspace


@contextmanager
def serving(place: LakePlace, host: str, endpoint: str) -> Iterator[httpx.Client]:
    """The portal as a host of its own."""
    port = free_port()
    environment = place.environment(host) | {"AWS_ENDPOINT_URL": endpoint}
    process = subprocess.Popen([sys.executable, "-c", SERVING, str(port)], env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as web:
            wait_for(lambda: alive(web), "the portal answers")
            yield web
    finally:
        process.terminate()
        process.wait(30)


def alive(web: httpx.Client) -> bool:
    try:
        return web.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(happened, what: str) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end, f"it never came about: {what}"
        time.sleep(0.1)


def test_the_portal_serves_pages_and_ranges_and_takes_up_newer_releases(published):
    place, workspace = published
    with serving(place, "web", place.endpoint) as web:
        page = web.get("/en/datasets/communes")
        assert page.status_code == 200
        assert "Berkane" in page.text
        whole = web.get("/files/communes/1/communes.parquet")
        assert whole.headers["etag"] == f'"{hashlib.sha256(whole.content).hexdigest()}"'
        assert whole.content.startswith(b"PAR1")
        part = web.get("/files/communes/1/communes.parquet", headers={"Range": "bytes=4-11"})
        assert (part.status_code, part.content) == (206, whole.content[4:12])
        assert web.get("/catalogue.duckdb", follow_redirects=True).status_code == 200
        assert web.get("/files/communes/1/validation.json").json()["success"]
        assert web.get("/files/communes/1/claim").status_code == 404
        workspace.data("communes", ROWS.replace("Berkane", "Taourirt"))
        assert workspace.outcome("communes") == "published"
        number = pipeline.release(workspace.settings)["release"]
        wait_for(lambda: web.get("/health/ready").json()["release"] == number, "the new release")
        assert "Taourirt" in web.get("/en/datasets/communes").text
        assert web.get("/files/communes/1/communes.parquet").content == whole.content
        assert web.get("/health/ready").json()["status"] == "ready"


def test_the_portal_goes_on_while_the_store_is_away(published):
    place, _ = published
    with proxy_of(place.endpoint) as proxy, serving(place, "cut", proxy.address) as web:
        before = web.get("/en/datasets/communes").text
        whole = web.get("/files/communes/1/communes.parquet").content
        proxy.fault = lambda method, path: "drop"
        wait_for(lambda: web.get("/health/ready").json()["status"] == "degraded", "degraded")
        told = web.get("/health/ready")
        assert told.status_code == 200
        assert "does not answer" in told.json()["problem"]
        assert "s3://" not in told.json()["problem"]
        assert web.get("/en/datasets/communes").text == before
        assert web.get("/files/communes/1/communes.parquet").content == whole
        assert web.get("/files/communes/1/communes.csv.gz").status_code == 503
        proxy.fault = lambda method, path: None
        wait_for(lambda: web.get("/health/ready").json()["status"] == "ready", "ready again")
        assert web.get("/files/communes/1/communes.csv.gz").status_code == 200


def test_a_portal_that_starts_while_the_store_is_away_serves_what_it_has(published):
    place, _ = published
    with proxy_of(place.endpoint) as proxy:
        with serving(place, "again", proxy.address) as web:
            before = web.get("/en/datasets/communes").text
        proxy.fault = lambda method, path: "drop"
        with serving(place, "again", proxy.address) as web:
            assert web.get("/en/datasets/communes").text == before
            assert web.get("/health/ready").json()["status"] == "degraded"


def test_looking_for_a_newer_release_costs_one_request(published):
    place, _ = published
    with proxy_of(place.endpoint) as proxy, serving(place, "look", proxy.address) as web:
        web.get("/health/ready")
        before = len(proxy.asked)
        wait_for(lambda: web.get("/health/ready") and len(proxy.asked) >= before + 3, "three looks")
        assert {line for line in proxy.asked[before:] if "ledger" not in line} == {
            f"GET /lakes/portal/log/{web.get('/health/ready').json()['release'] + 1}"
        }
