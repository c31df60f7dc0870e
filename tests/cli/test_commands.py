"""The command line: what each command answers, in words and in JSON, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from moulouya.cli import app
from small_workspace import ROWS, SmallWorkspace, rows_of


@pytest.fixture
def cli(workspace: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Call a command on the workspace and its lake."""
    monkeypatch.setenv("MOULOUYA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("MOULOUYA_LAKE", str(workspace.settings.lake_root))
    monkeypatch.setenv("MOULOUYA_STATE", str(workspace.settings.state_root))

    def call(*arguments: str, code: int = 0, input: str | None = None) -> Any:
        result = CliRunner().invoke(app, list(arguments), input=input)
        assert result.exit_code == code, result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def answer(cli: Callable[..., Any]) -> Callable[..., Any]:
    """What a command answers in JSON."""
    return lambda *arguments, **more: json.loads(cli(*arguments, "--json", **more).stdout)


@pytest.fixture
def released(workspace: SmallWorkspace, cli: Callable[..., Any]) -> SmallWorkspace:
    workspace.define("communes")
    cli("run", "--all")
    return workspace


@pytest.fixture
def held(workspace: SmallWorkspace, cli: Callable[..., Any]) -> SmallWorkspace:
    workspace.define("communes", rows={"change_within": "20%"})
    cli("run", "--all")
    workspace.data("communes", "code,name,people\n01,Berkane,100\n")
    return workspace


def test_without_a_command_it_shows_them_all(cli):
    text = cli(code=2).output
    for name in ("run", "release", "serve", "sql", "check", "new", "where", "read", "status",
                 "approve", "reject", "verify", "doctor"):  # fmt: skip
        assert f" {name} " in text


def test_check_is_content_with_a_sound_workspace(workspace, cli, answer):
    workspace.define("communes")
    assert cli("check").stdout.strip() == "1 dataset, no faults"
    assert answer("check") == {"datasets": ["communes"], "faults": [], "warnings": []}


def test_check_shows_every_fault_with_file_line_key_and_hint(workspace, cli, answer):
    workspace.define("communes", licence="MTI", tile="[red]x[/]")
    result = cli("check", code=2)
    assert "datasets/places/communes.yml:" in result.stderr
    assert "licence: unknown licence 'MTI'; did you mean 'MIT'?" in result.stderr
    assert "hint: did you mean 'title'?" in result.stderr
    assert "2 faults in 1 file" in result.stdout
    faults = answer("check", code=2)["faults"]
    assert {fault["key"] for fault in faults} == {"licence", "tile"}
    assert set(faults[0]) == {"file", "line", "key", "message", "hint"}


def test_outside_a_workspace_it_says_how_to_name_one(workspace, cli, answer):
    (workspace.root / "region.yml").unlink()
    assert "MOULOUYA_WORKSPACE" in cli("check", code=2).stderr
    error = answer("status", code=2)["error"]
    assert (error["code"], error["exit_code"]) == ("definition", 2)
    assert error["faults"][0]["message"] == "there is no region.yml"


def test_run_publishes_and_commits_a_release(workspace, cli):
    workspace.define("communes")
    result = cli("run", "--all")
    assert "1 published" in result.stdout
    assert "release 1 committed: 1 dataset" in result.stdout
    assert "published  communes" in result.stderr


def test_run_twice_is_unchanged(released, answer):
    found = answer("run", "communes")
    assert [record["outcome"] for record in found["runs"]] == ["unchanged"]
    assert found["release"]["outcome"] == "unchanged"


def test_run_can_leave_out_the_release(workspace, answer):
    workspace.define("communes")
    assert answer("run", "communes", "--no-release")["release"] is None
    assert workspace.lake.numbers(workspace.lake.log) == []


@pytest.mark.parametrize("arguments", [("run",), ("run", "communes", "--all"), ("run", "comunes")])
def test_run_wants_names_or_all(workspace, cli, arguments):
    workspace.define("communes")
    cli(*arguments, code=2)


def test_run_exits_1_where_data_are_held_or_not_good(held, cli):
    result = cli("run", "--all", code=1)
    assert "more than the 20% that may change" in result.stderr
    assert "moulouya approve communes" in result.stderr
    held.data("communes", ROWS + "01,Again,1\n")
    assert "communes" in cli("run", "--all", code=1).stderr


def test_run_exits_2_where_a_definition_is_wrong_and_runs_the_others(workspace, answer):
    workspace.define("a", licence="none")
    workspace.define("b")
    found = answer("run", "--all", code=2)
    assert {r["slug"]: r["outcome"] for r in found["runs"]} == {"a": "failed", "b": "published"}
    assert found["release"]["datasets"] == 1


def test_run_exits_3_where_a_source_fails(workspace, cli):
    workspace.define("a", source={"kind": "file", "path": "nothing.csv", "format": "csv"})
    result = cli("run", "--all", code=3)
    assert "nothing.csv" in result.stderr
    assert "hint: check source.path in the definition" in result.stderr


def test_release_says_whether_it_is_new(released, cli, answer):
    assert cli("release").stdout.strip() == "release 1 unchanged: 1 dataset"
    assert answer("release")["release"] == 1


def test_release_of_an_empty_lake_is_an_error_in_json_too(workspace, answer):
    error = answer("release", code=3)["error"]
    assert error == {"code": "lake", "message": "no dataset has been published yet",
                     "hint": "moulouya run --all", "exit_code": 3}  # fmt: skip


def test_status_shows_every_dataset(released, cli, answer):
    released.define("broken", licence="none")
    released.define("new")
    text = cli("status").stdout
    for part in ("communes", "published", "broken", "never run"):
        assert part in text
    assert {row["slug"]: row["outcome"] for row in answer("status")} == {
        "broken": None, "communes": "published", "new": None
    }  # fmt: skip


def test_looking_at_a_lake_that_is_not_there_creates_nothing(workspace, cli):
    workspace.define("communes")
    for command in (("status",), ("where", "communes"), ("verify",)):
        cli(*command)
    assert not workspace.settings.lake_root.exists()


def test_approve_publishes_with_name_and_reason(held, cli, answer):
    cli("run", "--all", code=1)
    found = answer("approve", "communes", "--by", "Amina", "--reason", "merged")
    assert (found["run"]["version"], found["release"]["release"]) == (2, 2)
    record = json.loads((held.lake.version("communes", 2) / "version.json").read_text())
    assert (record["decision"]["by"], record["decision"]["reason"]) == ("Amina", "merged")


def test_reject_keeps_the_last_version_and_asks_for_the_reason(held, cli):
    cli("run", "--all", code=1)
    assert "communes stays at version 1" in cli("reject", "communes", input="truncated\n").stdout
    cli("reject", "communes", "--reason", "again", code=2)


def test_where_shows_every_place(released, cli, answer):
    found = answer("where", "communes")
    assert found["definition"].endswith("datasets/places/communes.yml")
    assert found["transform"] is None
    assert found["latest table"].endswith("datasets/communes/1/communes.parquet")
    assert (found["table in SQL"], found["page"]) == (
        "places.communes", "http://127.0.0.1:8500/en/datasets/communes"
    )  # fmt: skip
    assert "places.communes" in cli("where", "communes").stdout
    assert "did you mean 'communes'" in cli("where", "comunes", code=2).stderr


def test_sql_answers_in_the_form_asked_for(released, cli, answer):
    query = "SELECT code, people FROM communes WHERE people < 250 ORDER BY code"
    assert answer("sql", query) == [{"code": "01", "people": 100}, {"code": "02", "people": 200}]
    assert cli("sql", query, "--format", "csv").stdout.split() == [
        "code,people",
        "01,100",
        "02,200",
    ]
    assert "200" in cli("sql", query).stdout
    assert json.loads(cli("sql", "-", "--format", "json", input="SELECT 1 AS n").stdout) == [
        {"n": 1}
    ]


def test_sql_shows_no_more_rows_than_asked_for_and_says_so(released, cli):
    result = cli("sql", "SELECT range AS n FROM range(500, 900)", "--limit", "2")
    assert "501" in result.stdout
    assert "502" not in result.stdout
    assert "the first 2 of 400 rows" in result.stderr


@pytest.mark.parametrize(
    "query", ["DELETE FROM communes", "SELECT 1; SELECT 2", "SELECT nothing FROM communes"]
)
def test_sql_refuses_what_is_not_one_good_select(released, cli, answer, query):
    assert cli("sql", query, code=2).stderr.startswith("error ")
    assert answer("sql", query, code=2)["error"]["code"] == "usage"


def test_verify_finds_a_flipped_bit(released, cli, answer):
    assert "0 problems" in cli("verify").stdout
    path = released.lake.version("communes", 1) / "communes.csv.gz"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\0\0")
    (problem,) = answer("verify", code=3)["problems"]
    assert "communes.csv.gz" in problem
    assert "communes.csv.gz" in cli("verify", code=3).stderr


def test_doctor_examines_the_installation(workspace, cli, answer):
    workspace.define("communes")
    found = {finding["what"]: finding for finding in answer("doctor")}
    assert {"Python", "DuckDB", "workspace", "packages", "lake", "disk"} <= set(found)
    assert all(finding["good"] for finding in found.values())
    assert "1 dataset" in found["workspace"]["found"]


def test_doctor_says_what_is_missing_and_what_to_do(workspace, cli):
    source = {"kind": "package", "package": "no-such-package", "path": "x", "format": "csv"}
    workspace.define("communes", source=source)
    text = cli("doctor", code=3).stdout
    assert "missing: no-such-package" in text
    assert "hint: pip install no-such-package" in text


def test_read_reads_one_file_by_a_contract(workspace, answer, tmp_path):
    contract = workspace.define("communes")
    sample = workspace.data("sample", "code,name,people\n1,a,5\n2,b,x\n")
    target, report = tmp_path / "out.parquet", tmp_path / "report.json"
    found = answer("read", str(sample), "--out", str(target), "--contract", str(contract),
                   "--report", str(report))  # fmt: skip
    assert (found["rows"], found["rejected"]) == (1, 1)
    assert (found["rejects"][0]["line"], found["rejects"][0]["reason"]) == (
        3, "people: x is not integer"
    )  # fmt: skip
    assert rows_of(target) == [("1", "a", 5)]
    assert json.loads(report.read_text())["rows"] == 1


def test_read_without_a_contract_drafts_one(workspace, cli, answer, tmp_path):
    sample = workspace.data("sample", "Code géo;Nom\n01;é\n02;b\n".encode("cp1252"))
    target = tmp_path / "out.parquet"
    found = answer("read", str(sample), "--out", str(target))
    assert rows_of(target) == [("01", "é"), ("02", "b")]
    assert found["contract"]["source"]["dialect"]["delimiter"] == ";"
    assert "code_geo" in cli("read", str(sample), "--out", str(target)).stdout


def test_read_of_what_cannot_be_read_is_an_error(workspace, cli, tmp_path):
    sample = workspace.data("sample", b"")
    cli("read", str(sample), "--out", str(tmp_path / "x"), code=1)
    cli("read", str(tmp_path / "absent"), "--out", str(tmp_path / "x"), code=2)


def test_a_lake_that_cannot_be_written_is_told_plainly(workspace, cli, tmp_path):
    workspace.define("communes")
    (tmp_path / "file").write_text("not a folder")
    result = cli("run", "--all", "--lake", str(tmp_path / "file" / "lake"), code=3)
    assert "opening the lake" in result.stderr
    assert "Traceback" not in result.output
