"""What is published no longer is answered with 410, and with what happened to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from moulouya import catalogue, ledger, pipeline, release, retention, verification
from moulouya.portal.app import create_app
from moulouya.storage import leases
from small_workspace import SmallWorkspace

ROWS = "".join(f"{n:02},Place {n},{50 + n}\n" for n in range(2, 41))


@pytest.fixture(scope="module")
def built(new_workspace) -> SmallWorkspace:
    """Communes in three versions, each released."""
    workspace = new_workspace()
    workspace.define("communes", retention={"versions": 1})
    workspace.define("cercles")
    workspace.run("cercles")
    for people in (100, 101, 102):
        workspace.data("communes", f"code,name,people\n01,Place 1,{people}\n{ROWS}")
        assert workspace.outcome("communes") == "published"
        pipeline.release(workspace.settings)
    return workspace


@pytest.fixture
def workspace(built, tmp_path) -> SmallWorkspace:
    return built.copied(tmp_path)


def withdraw(workspace: SmallWorkspace, *numbers: int) -> None:
    at = ledger.stamp(ledger.now())
    change = release.Change(
        withdraw=[
            release.Withdrawal("communes", number, "Salma", "wrong unit", at) for number in numbers
        ]
    )
    release.commit(
        workspace.lake, workspace.region, workspace.settings.public_url, catalogue.build,
        change=change,
    )  # fmt: skip


HTML = "text/html; charset=utf-8"


def portal(workspace: SmallWorkspace) -> TestClient:
    return TestClient(create_app(workspace.settings, look_every=0))


def test_who_follows_an_old_link_in_a_browser_reads_a_page(workspace):
    withdraw(workspace, 3)
    client = portal(workspace)
    browser = {
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "accept-language": "fr-MA,fr;q=0.9",
    }
    answer = client.get("/files/communes/3/communes.csv.gz", headers=browser)
    assert (answer.status_code, answer.headers["vary"]) == (410, "Accept, Accept-Language")
    assert '<html lang="fr"' in answer.text
    assert "wrong unit" in answer.text
    assert 'class="button" href="/fr/datasets/communes"' in answer.text
    missing = client.get("/files/communes/77/communes.parquet", headers=browser)
    assert (missing.status_code, missing.headers["content-type"]) == (404, HTML)
    for accept in ("*/*", "application/json, text/html;q=0.5"):
        asked = client.get("/files/communes/77/communes.parquet", headers={"accept": accept})
        assert asked.headers["content-type"] == "application/problem+json"


def test_a_withdrawn_version_says_who_took_it_back_and_what_to_use(workspace):
    withdraw(workspace, 3)
    client = portal(workspace)
    for name in ("communes.parquet", "communes.csv.gz", "version.json", "changes.json"):
        answer = client.get(f"/files/communes/3/{name}")
        assert answer.status_code == 410
        assert answer.headers["content-type"] == "application/problem+json"
        said = answer.json()
        assert (said["by"], said["reason"]) == ("Salma", "wrong unit")
        assert said["successor"] == "/files/communes/2/version.json"
        assert "Version 3 was withdrawn" in said["detail"]
    assert client.get("/files/communes/2/communes.parquet").status_code == 200
    moved = client.get("/files/communes/latest/communes.parquet", follow_redirects=False)
    assert moved.headers["location"] == "/files/communes/2/communes.parquet"


def test_an_older_version_that_was_withdrawn_is_not_served_either(workspace):
    withdraw(workspace, 1)
    client = portal(workspace)
    assert client.get("/files/communes/1/communes.parquet").status_code == 410
    assert client.get("/files/communes/3/communes.parquet").status_code == 200


@pytest.mark.parametrize(
    ("language", "words"), [("ar", "سُحبت"), ("fr", "retirée"), ("en", "withdrawn")]
)
def test_the_page_of_a_dataset_without_a_version_says_why_in_the_readers_language(
    workspace, language, words
):
    withdraw(workspace, 1, 2, 3)
    answer = portal(workspace).get(f"/{language}/datasets/communes")
    assert answer.status_code == 410
    assert words in answer.text
    assert "wrong unit" in answer.text


def test_an_expired_version_keeps_its_records_and_says_that_its_data_are_gone(workspace):
    settings = workspace.settings.model_copy(update={"keep_releases": 1, "keep_releases_days": 0})
    retention.collect(settings)
    client = portal(workspace)
    answer = client.get("/files/communes/1/communes.parquet")
    assert answer.status_code == 410
    assert "kept no longer" in answer.json()["detail"]
    assert client.get("/files/communes/1/version.json").json()["version"] == 1
    assert client.get("/files/communes/1/changes.json").status_code == 200
    expired = client.get("/releases/1/catalogue.duckdb")
    assert expired.status_code == 410
    assert client.get("/releases/1/manifest.json").status_code == 200


def test_what_never_was_is_still_not_found(workspace):
    withdraw(workspace, 3)
    client = portal(workspace)
    assert client.get("/files/communes/9/communes.parquet").status_code == 404
    assert client.get("/files/nothing/1/nothing.parquet").status_code == 404
    assert client.get("/en/datasets/nothing").status_code == 404


def test_what_the_portal_serves_is_not_cleared_away_under_it(workspace):
    client = portal(workspace)
    assert client.get("/en/").status_code == 200
    assert leases.held(workspace.lake) == {3}
    withdraw(workspace, 3)
    assert client.get("/en/").status_code == 200
    assert leases.held(workspace.lake) == {3, 4}, "pages of the former one are still being sent"


SERVE = "from moulouya.portal.app import create_app; from moulouya.settings import Settings; "


@pytest.mark.parametrize("place", ["reader_after_head", "reader_after_lease", "reader_after_check"])
def test_a_portal_that_dies_while_it_takes_up_a_release_leaves_no_lease(workspace, place):
    settings = workspace.settings
    environment = os.environ | {
        "MOULOUYA_ABORT_AT": place,
        "MOULOUYA_WORKSPACE": str(settings.workspace_root),
        "MOULOUYA_LAKE": str(settings.lake_root),
        "MOULOUYA_STATE": str(settings.state_root),
    }
    command = [sys.executable, "-c", f"{SERVE}create_app(Settings())"]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert leases.held(workspace.lake) == set()
    assert verification.verify(workspace.lake).problems == []
    assert portal(workspace).get("/en/").status_code == 200
