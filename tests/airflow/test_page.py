"""The engineers' page in Airflow's UI, asked through Airflow's own API server application."""

from __future__ import annotations

import re

import pytest
from places import signed_in

from moulouya.storage.files import checked_json, read_json
from small_workspace import ROWS


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
    assert 'href="data-docs/communes"' in html
    assert 'href="data-docs/roads"' not in html


def test_what_waits_for_a_person_comes_first_and_says_what_to_do(page, held, workspace):
    workspace.define("airports", rows={"at_least": 10})
    workspace.run("airports")
    html = page()
    assert html.index("dataset__communes") < html.index("dataset__airports")
    assert "<li>1 rows after 3 (-67%), more than the 10% that may change</li>" in html
    assert "Version 1 stays published." in html
    assert 'href="../dags/dataset__communes/required_actions?response_received=false"' in html
    assert "moulouya approve communes" in html
    assert "moulouya approve airports" not in html


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
        told = read_json(record)
        record.chmod(0o644)
        record.write_bytes(checked_json({**told, "ended": "2020" + told["ended"][4:]}))
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
    views = {view["name"]: (view["destination"], view["href"]) for view in plugin["external_views"]}
    assert views == {
        "Datasets": ("nav", "moulouya/datasets"),
        "Requests": ("nav", "moulouya/requests"),
        "Data Docs": ("dag", "moulouya/data-docs?dag={DAG_ID}"),
    }


@pytest.fixture
def held(workspace):
    """A delivery of communes that lost most of its rows, one of them because it cannot be read."""
    workspace.define("communes", rows={"change_within": "10%"}, rejects={"at_most": "50%"})
    workspace.run("communes")
    workspace.data("communes", "code,name,people\n01,بركان,100\n02,Oujda,<b>many\n")
    (record,) = workspace.run("communes")
    assert record["outcome"] == "held"
    return record["run_id"]


@pytest.fixture
def get(client):
    """An answer as an administrator gets it, whatever its status; redirects are followed."""
    return lambda path: client.get(f"/moulouya/{path}", headers=signed_in())


@pytest.fixture
def built(get):
    """The page about a dataset once its Data Docs are built."""
    import moulouya_docs

    def wait(path):
        while (answer := get(path)).status_code == 202:
            assert 'http-equiv="refresh"' in answer.text
            assert moulouya_docs.under_way
            for build in list(moulouya_docs.under_way.values()):
                build.exception(timeout=120)
        return answer

    return wait


def framed(answer):
    """The address of the page in the frame, relative to the plugin."""
    return re.search(
        r'<iframe[^>]* sandbox="allow-same-origin"[^>]* src="\.\./([^"]+)"', answer.text
    )[1]


@pytest.mark.parametrize(
    "path",
    ["data-docs", "data-docs/communes", "data-docs/communes/1-x/index.html", "held/communes/x",
     "held/communes/x/rejected.parquet"],
)  # fmt: skip
def test_data_docs_ask_who_is_there(client, held, path):
    assert client.get(f"/moulouya/{path}").status_code == 401


def test_the_tab_of_a_dag_leads_to_the_data_docs_of_its_dataset(client, get, workspace):
    workspace.define("communes")
    path = "/moulouya/data-docs?dag=dataset__communes"
    answer = client.get(path, headers=signed_in(), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "data-docs/communes")
    assert "communes has no version yet" in get("data-docs?dag=dataset__communes").text
    assert "moulouya run communes" in get("data-docs/communes").text
    assert "not about one dataset" in get("data-docs?dag=catalogue").text
    assert get("data-docs?dag=dataset__//example.org").history == []


def test_data_docs_are_built_once_a_version_and_shown_in_a_frame(get, built, workspace):
    workspace.define("communes", rejects={"at_most": "50%"})
    workspace.expect(
        "communes",
        {"type": "expect_column_values_to_be_between", "severity": "warning",
         "kwargs": {"column": "people", "max_value": 150}},
    )  # fmt: skip
    workspace.run("communes")
    first = built("data-docs/communes")
    assert first.status_code == 200
    shown = get(framed(first))
    assert "version-1" in shown.text
    assert "less than or equal to" in shown.text
    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    again = get("data-docs/communes")
    assert (again.status_code, framed(again)) == (200, framed(first))
    workspace.data("communes", ROWS.replace("300", "301"))
    workspace.run("communes")
    second = built("data-docs/communes")
    assert framed(second) != framed(first)
    assert "version-2" in get(framed(second)).text
    assert get(framed(first)).status_code == 200


def test_a_held_delivery_has_data_docs_beside_the_published_version(get, built, held):
    answer = built("data-docs/communes")
    assert "version-2-held" in get(framed(answer)).text
    assert "look and decide" in answer.text
    assert f"held/communes/{held}" in answer.text
    published = built("data-docs/communes?of=version%201")
    assert "version-1<" in get(framed(published)).text
    assert "look and decide" not in published.text


def test_rejected_rows_of_a_held_delivery_are_shown_and_downloaded(get, held):
    html = get(f"held/communes/{held}").text
    assert "people: &lt;b&gt;many is not integer" in html
    assert "<b>" not in html
    table = get(f"held/communes/{held}/rejected.parquet").content
    assert table[:4] == b"PAR1"
    assert get("held/communes/another").status_code == 404
    assert get("held/roads/x").status_code == 404


def test_personal_data_that_stop_a_delivery_are_not_shown_in_airflow(get, built, workspace):
    workspace.define("communes", rejects={"at_most": "90%"})
    people = "".join(f"0{n},person{n}@example.org,{n}\n" for n in range(1, 9))
    workspace.data("communes", "code,name,people\n" + people + "09,a@example.org,many\n")
    (record,) = workspace.run("communes")
    assert "personal data" in record["reasons"][0]
    answer = get(f"held/communes/{record['run_id']}/rejected.parquet")
    assert answer.status_code == 403
    docs = built("data-docs/communes")
    assert docs.status_code == 503
    assert "holds personal data: it gets no pages" in docs.text
    assert "person1@" not in docs.text


def test_a_run_that_failed_is_told_beside_the_pages_of_the_version_that_stays(built, workspace):
    workspace.define("communes")
    workspace.run("communes")
    workspace.define("communes", rows={"at_least": 10})
    workspace.run("communes")
    html = built("data-docs/communes").text
    assert "The last run failed" in html
    assert "3 rows, expected at least 10" in html


def test_pages_that_cannot_be_built_say_why_and_are_tried_again(built, workspace, monkeypatch):
    import moulouya_docs

    workspace.define("communes")
    workspace.run("communes")
    monkeypatch.setattr(moulouya_docs, "LONGEST_BUILD", 0.001)
    failed = built("data-docs/communes")
    assert failed.status_code == 503
    assert "timed out" in failed.text
    assert "Try again" in failed.text
    monkeypatch.setattr(moulouya_docs, "LONGEST_BUILD", 120)
    assert built("data-docs/communes").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["data-docs/nothing", "data-docs/communes/1-x/../../../secret.html",
     "data-docs/communes/..%2F..%2F/secret.html", "data-docs/communes/1-x/site.json",
     "data-docs/..%2F..%2Fsecret/x/index.html"],
)  # fmt: skip
def test_nothing_outside_the_built_pages_is_served(get, settings, workspace, path):
    workspace.define("communes")
    site = settings.state_root / "data-docs" / "communes" / "1-x"
    site.mkdir(parents=True)
    (site / "site.json").write_text("secret")
    (settings.state_root / "secret.html").write_text("secret")
    answer = get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_a_broken_definition_has_its_faults_where_its_data_docs_would_be(get, workspace):
    workspace.write("datasets/places/wrong.yml", "title: nothing\n")
    assert "wrong.yml:1" in get("data-docs/wrong").text
