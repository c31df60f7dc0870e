"""Reproducing a version gives every one of its bytes again, however it came about."""

from __future__ import annotations

import datetime as dt
import shutil

from hypothesis import HealthCheck, given
from hypothesis import settings as example
from hypothesis import strategies as st

from moulouya import approval, pipeline, reproducing, retraction
from moulouya.settings import Settings
from moulouya.storage.files import read_json
from reproduce.files import hashes
from small_workspace import COLUMNS, ROWS, column, text

SENSOR = {"kind": "file", "path": "data/levels.csv", "format": "csv", "write_disposition": "merge"}
LEVELS = {"station": column("text"), "hour": column("integer"), "level": column("number")}
DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
BEFORE = dt.datetime(2026, 2, 1, tzinfo=dt.UTC), dt.datetime(2026, 2, 2, tzinfo=dt.UTC)


def test_a_table_from_a_source_with_references_expectations_and_rejected_rows(workspace, same):
    workspace.define("provinces", columns={"code": column("text")})
    workspace.data("provinces", "code\nA\nB\n")
    columns = {**COLUMNS, "province": column("text", references="provinces.code")}
    workspace.define("communes", columns=columns, rejects={"at_most": "50%"})
    workspace.data("communes", "code,name,people,province\n01,Berkane,100,A\n02,Oujda,many,B\n"
                               "03,Nador,,B\n")  # fmt: skip
    workspace.expect(
        "communes",
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "people"},
         "severity": "warning"},
        {"type": "expect_column_mean_to_be_between",
         "kwargs": {"column": "people", "min_value": 1}},
    )  # fmt: skip
    workspace.run()
    assert same("communes", 1)
    names = {file["name"] for file in record(workspace, "communes", 1)["files"]}
    assert {"rejected.parquet", "rejected.csv.gz"} <= names


def test_an_old_version_after_its_source_its_inputs_and_its_shelves_changed(workspace, same):
    workspace.define("communes")
    sql = workspace.derive("people", "SELECT code, name, people FROM communes WHERE people < 250")
    workspace.run()
    workspace.data("communes", ROWS.replace("100", "150"))
    sql.write_text("SELECT code, upper(name) AS name, people FROM communes")
    workspace.define("communes", title={"ar": "أ", "fr": "b", "en": "c"})
    region = workspace.root / "region.yml"
    region.write_text(region.read_text().replace("Olive River", "Sugar Beet"))
    workspace.run()
    assert [workspace.lake.latest(workspace.lake.versions(slug)) for slug in ("communes", "people")
            ] == [2, 2]  # fmt: skip
    for slug in ("communes", "people"):
        assert same(slug, 1)
        assert same(slug, 2)


def test_a_version_when_the_workspace_is_gone(workspace, same):
    workspace.define("communes")
    workspace.derive("people", "SELECT * FROM communes")
    workspace.run()
    shutil.rmtree(workspace.root)
    assert same("communes", 1)
    assert same("people", 1)


def test_a_python_transform_of_a_delivery_and_of_another_dataset(workspace, same):
    workspace.define("provinces")
    workspace.define("communes")
    workspace.transform(
        "communes",
        'INPUTS = ["staged", "provinces"]\n\n\ndef transform(inputs):\n'
        '    rows = inputs["staged"]\n'
        '    rows["people"] = rows["people"] + len(inputs["provinces"])\n    return rows\n',
        suffix=".py",
    )
    workspace.run()
    assert same("communes", 1)


def test_corrected_values(workspace, same):
    correction = {
        "where": "code = '02'",
        "set": {"people": 250},
        "reason": text("a slip"),
        "reported": "2026-09-30",
    }
    workspace.define("communes", corrections=[correction])
    workspace.run()
    assert workspace.published("communes")[1][2] == 250
    assert same("communes", 1)


def test_every_version_of_a_dataset_that_grows_by_deliveries(workspace, same):
    workspace.data("levels", "station,hour,level\na,1,10.5\nb,1,20\n")
    workspace.define(
        "levels", source=SENSOR, key=["station", "hour"], columns=LEVELS, rejects={"at_most": "90%"}
    )
    workspace.run("levels")
    workspace.data("levels", "station,hour,level\nb,1,21\na,2,11\n")
    pipeline.fetch(workspace.settings, "levels", "killed-after-fetch")
    workspace.data("levels", "station,hour,level\nc,1,high\nc,2,2\n")
    workspace.run("levels")
    workspace.data("levels", "station,hour,level\na,1,1\nd,1,2\n")
    pipeline.run(workspace.settings, ["levels"], interval=DAY)
    workspace.data("levels", "station,hour,level\na,1,7\ne,1,2\n")
    pipeline.run(workspace.settings, ["levels"], interval=BEFORE)
    workspace.data("levels", "station,hour,level\na,1,8\ne,1,3\n")
    pipeline.run(workspace.settings, ["levels"], interval=BEFORE, restate=True)
    numbers = workspace.lake.numbers(workspace.lake.versions("levels"))
    assert len(numbers) >= 4
    for number in numbers:
        assert same("levels", number)


def test_a_version_that_was_held_and_approved(workspace, same):
    workspace.define("communes", rows={"change_within": "20%"})
    workspace.run()
    workspace.data("communes", "code,name,people\n01,Berkane,100\n")
    assert workspace.outcome("communes") == "held"
    approval.approve(workspace.settings, "communes", by="Salma", reason="three merged")
    assert record(workspace, "communes", 2)["decision"]["by"] == "Salma"
    assert same("communes", 2)


def test_a_restated_interval(workspace, same):
    workspace.define("communes")
    pipeline.run(workspace.settings, ["communes"], interval=DAY)
    workspace.data("communes", ROWS.replace("100", "90"))
    pipeline.run(workspace.settings, ["communes"], interval=BEFORE, restate=True)
    assert record(workspace, "communes", 2)["restated"]
    assert same("communes", 2)


def test_a_withdrawal_that_came_later_changes_nothing(workspace, same):
    """What is withdrawn has no say in the limits of drift: but it had one when this was made."""
    rows = "".join(f"{number:03},c{number % 7},{number}\n" for number in range(60))
    workspace.define("communes")
    for step in range(4):
        body = rows.replace("001,c1,1\n", f"001,c{step},{step * 900}\n")
        workspace.data("communes", f"code,name,people\n{body}9{step},new,5\n")
        if workspace.outcome("communes") == "held":
            approval.approve(workspace.settings, "communes", by="Salma", reason="so it is")
    pipeline.release(workspace.settings)
    assert same("communes", 4)
    retraction.withdraw(workspace.settings, "communes", 2, by="Salma", reason="a mistake")
    retraction.withdraw(workspace.settings, "communes", 3, by="Salma", reason="a mistake")
    assert same("communes", 4)


def test_an_override_that_is_over_now_was_not_then(workspace, same, monkeypatch):
    until = dt.date(2030, 1, 1)
    override = {
        "column": "mail",
        "kind": "email",
        "by": "Salma",
        "reason": text("the law says so"),
        "until": until.isoformat(),
    }
    columns = {"code": column("text"), "mail": column("text")}
    workspace.define("people", columns=columns, privacy=[override])
    workspace.data("people", "code,mail\n1,salma.idrissi@example.org\n2,a.b@example.com\n")
    assert workspace.outcome("people") == "published"
    monkeypatch.setattr("moulouya.privacy.today", lambda: until + dt.timedelta(days=1))
    assert same("people", 1)


def test_the_number_of_threads_has_no_say(workspace, tmp_path):
    """Sums of floats, ties of windows, rejected rows and samples of what is wrong."""
    lines = (
        f"{n},{n % 97},{(n * 7919 % 1000) / 3 if n % 5000 else 'low'},{'' if n % 11 else 'x'}"
        for n in range(150_000)
    )
    workspace.data("readings", "id,station,level,mark\n" + "\n".join(lines) + "\nlast,1,2,\n")
    columns = {"id": column("integer"), "station": column("integer"), "level": column("number"),
               "mark": column("text")}  # fmt: skip
    workspace.define("readings", key=["id"], columns=columns, rejects={"at_most": "10%"})
    workspace.expect(
        "readings",
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "mark"},
         "severity": "warning"},
        {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "level",
                                                                "min_value": 0}},
        {"type": "expect_column_stdev_to_be_between", "kwargs": {"column": "level",
                                                                 "min_value": 0}},
    )  # fmt: skip
    workspace.derive(
        "means",
        "SELECT station, avg(level) AS level, first(id) AS id FROM readings GROUP BY station",
        key=["station"],
        columns={name: columns[name] for name in ("station", "level", "id")},
    )
    made = []
    for threads in (1, 4):
        lake = tmp_path / f"lake-{threads}"
        pipeline.run(
            Settings(workspace=workspace.root, lake=lake, threads=threads, sandbox_seconds=600)
        )
        files = hashes(lake / "datasets")
        made.append({name: files[name] for name in files if not name.endswith("version.json")})
    assert made[0] == made[1]
    assert len(made[0]) > 15


VALUES = {
    "text": st.text(st.characters(codec="utf-8", exclude_characters='",\r\n\x00'), max_size=8),
    "integer": st.integers(-(2**40), 2**40).map(str),
    "number": st.floats(allow_nan=False, allow_infinity=False).map(repr),
    "decimal(9,2)": st.decimals(-9999, 9999, places=2).map(str),
    "boolean": st.sampled_from(["true", "false"]),
    "date": st.dates(dt.date(1900, 1, 1)).map(str),
}


@st.composite
def tables(draw):
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=4))
    cells = st.tuples(*(st.just("") | VALUES[kind] for kind in kinds))
    return kinds, draw(st.lists(cells, min_size=1, max_size=30))


@example(max_examples=12, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(table=tables())
def test_any_small_table(workspace, table):
    kinds, rows = table
    names = [f"c{number}" for number in range(len(kinds))]
    columns = {"id": column("integer"), **{n: column(k) for n, k in zip(names, kinds, strict=True)}}
    body = "".join(f"{number},{','.join(row)}\n" for number, row in enumerate(rows))
    workspace.define("things", key=["id"], columns=columns)
    workspace.data("things", f"id,{','.join(names)}\n{body}")
    (ended,) = workspace.run("things")
    if ended["outcome"] == "held":
        approval.approve(workspace.settings, "things", by="Salma", reason="made up")
    elif ended["outcome"] != "published":
        return
    number = workspace.lake.latest(workspace.lake.versions("things"))
    found = reproducing.reproduce(workspace.settings, "things", number)
    assert [file.name for file in found.files if not file.identical] == []


def record(workspace, slug, number):
    return read_json(workspace.lake.version(slug, number) / "version.json")


def test_a_version_with_all_that_it_was_made_of(workspace):
    workspace.define("communes")
    workspace.derive("people", "SELECT code, name, people FROM communes WHERE people < 250")
    workspace.derive("fewest", "SELECT code, name, people FROM people WHERE people < 150")
    workspace.run()
    workspace.data("communes", ROWS.replace("100", "120"))
    workspace.run()
    found = list(reproducing.reproduce_with_inputs(workspace.settings, "fewest", 1))
    assert [(one.slug, one.version, one.outcome) for one in found] == [
        ("communes", 1, "identical"), ("people", 1, "identical"), ("fewest", 1, "identical")
    ]  # fmt: skip


def test_an_input_that_cannot_be_made_again_is_told_and_does_not_stop_the_rest(workspace):
    workspace.define("communes")
    workspace.derive("people", "SELECT code, name, people FROM communes WHERE people < 250")
    workspace.run()
    (workspace.lake.snapshots("communes") / "1" / "body").unlink()
    found = list(reproducing.reproduce_with_inputs(workspace.settings, "people", 1))
    assert [(one.slug, one.outcome) for one in found] == [
        ("communes", "cannot"), ("people", "identical")
    ]  # fmt: skip
    assert "gone" in found[0].reasons[0]


def test_what_deliveries_were_merged_into_counts_as_an_input(workspace):
    workspace.define("levels", source=SENSOR, columns=LEVELS, key=["station", "hour"])
    for hour in (1, 2, 3):
        workspace.data("levels", f"station,hour,level\nA,{hour},1.{hour}\n")
        workspace.run()
    found = list(reproducing.reproduce_with_inputs(workspace.settings, "levels", 3))
    assert [(one.version, one.outcome) for one in found] == [
        (1, "identical"), (2, "identical"), (3, "identical")
    ]  # fmt: skip
