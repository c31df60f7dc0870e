"""The engineers' page in Airflow's UI, asked through Airflow's own API server application."""

from __future__ import annotations

import pytest

from small_workspace import ROWS


@pytest.fixture(scope="module")
def api():
    """Airflow's application on a fresh database, as the server process would build it."""
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb

    initdb()
    return create_app()


@pytest.fixture
def client(api, environment):
    from starlette.testclient import TestClient

    with TestClient(api, base_url="http://testserver") as made:
        yield made


def signed_in(name="admin", role="admin"):
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role))
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def page(client):
    """The page as an administrator gets it: ``page("?outcome=held")``."""

    def get(query="", status=200):
        answer = client.get(f"/moulouya/datasets{query}", headers=signed_in())
        assert answer.status_code == status
        return answer.text

    return get


@pytest.mark.parametrize("path", ["datasets", "docs", "openapi.json", "redoc", "", "nothing"])
def test_nobody_sees_anything_without_signing_in(client, workspace, path):
    workspace.define("communes")
    answer = client.get(f"/moulouya/{path}")
    assert answer.status_code in (401, 404)
    assert "communes" not in answer.text.lower()


def test_the_page_itself_asks_who_is_there(client):
    assert client.get("/moulouya/datasets").status_code == 401
    wrong = {"Authorization": "Bearer not-a-token"}
    assert client.get("/moulouya/datasets", headers=wrong).status_code == 403


def test_nothing_but_the_page_is_served_to_those_who_signed_in(client):
    for path in ("docs", "openapi.json", "redoc"):
        assert client.get(f"/moulouya/{path}", headers=signed_in()).status_code == 404


def test_a_workspace_without_datasets_says_how_to_add_one(page, workspace):
    assert "There is no dataset yet" in page()


def test_every_dataset_shows_outcome_rows_and_version(page, workspace):
    workspace.define("communes", rejects={"at_most": "50%"})
    workspace.data("communes", ROWS + "04,Taza,many\n")
    workspace.define("schools", rows={"at_least": 10})
    workspace.define("roads")
    workspace.run("communes", "schools")
    html = page()
    assert '<span class="mark published">published</span>' in html
    assert '<td class="number">3</td>' in html
    assert '<td class="number">1</td>' in html
    assert "3 rows, expected at least 10" in html
    assert "never published" in html
    assert '<span class="mark never run">never run</span>' in html
    assert 'href="../dags/dataset__communes"' in html
    assert html.index("schools") < html.index("communes") < html.index("roads")


def test_the_filter_shows_one_outcome(page, workspace):
    workspace.define("communes")
    workspace.define("schools", rows={"at_least": 10})
    workspace.run("communes", "schools")
    html = page("?outcome=failed")
    assert "dataset__schools" in html
    assert "dataset__communes" not in html
    assert "No dataset is held" in page("?outcome=held")


def test_a_late_dataset_says_since_when(page, workspace):
    workspace.define("communes", refresh={"every": "PT1S", "stale_after": "PT0.001S"})
    workspace.run("communes")
    for record in workspace.lake.ledger.glob("*/*/*/*.json"):
        told = record.read_text()
        record.chmod(0o644)
        year = told[told.index('"ended"') :].split('"')[3][:4]
        record.write_text(told.replace(f'"{year}-', '"2020-'))
    assert '<span class="late">late: was due' in page()


def test_a_broken_definition_is_shown_with_file_and_line(page, workspace):
    workspace.write("datasets/places/wrong.yml", "title: nothing\n")
    html = page()
    assert '<span class="mark broken">broken</span>' in html
    assert "wrong.yml:1" in html


def test_a_workspace_that_cannot_be_read_is_an_alert(page, workspace):
    workspace.write("region.yml", "title: [")
    html = page(status=503)
    assert 'role="alert"' in html
    assert "region.yml" in html


def test_texts_of_definitions_are_escaped(page, workspace):
    evil = "<script>alert(1)</script>"
    workspace.define("communes", title={"ar": evil, "fr": evil, "en": evil})
    html = page(f"?outcome={evil}")
    assert evil not in html + page()
    assert "&lt;script&gt;" in page()


def test_airflow_lists_the_page_in_its_navigation(client):
    answer = client.get("/api/v2/plugins", headers=signed_in())
    (plugin,) = [one for one in answer.json()["plugins"] if one["name"] == "moulouya"]
    (view,) = plugin["external_views"]
    assert (view["name"], view["href"]) == ("Datasets", "moulouya/datasets")
