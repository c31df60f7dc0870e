"""The quality score: every formula by figures worked out by hand, and its way into a release."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import duckdb
import pytest

from moulouya import ledger, release, scoring, versions
from moulouya.ledger import RunRecord, stamp
from moulouya.scoring import DIMENSIONS, OVERALL, Score, score
from small_workspace import SmallWorkspace

LONG = {"ar": "نص" * 40, "fr": "texte" * 20, "en": "text" * 20}
TITLE = {"ar": "عنوان", "fr": "titre", "en": "title"}
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def day(number: float) -> dt.datetime:
    return NOON + dt.timedelta(days=number)


def a_record(**changes: Any) -> dict[str, Any]:
    definition = {
        "title": TITLE, "description": LONG, "key": ["code"], "source": {"kind": "file"},
        "keywords": {"ar": ["ا"], "fr": ["a"], "en": ["a"]}, "temporal": {"start": "2024-01-01"},
        "refresh": {"every": "P1D", "stale_after": "P2D"},
        "columns": {"code": {"type": "text", "title": TITLE, "description": LONG},
                    "people": {"type": "integer", "title": TITLE, "description": LONG,
                               "unit": "persons"}},
        **changes.pop("definition", {}),
    }  # fmt: skip
    return {
        "rows": 90, "rejected": 10, "created": stamp(NOON), "definition": definition,
        "columns": [{"name": "code", "nulls": 0}, {"name": "people", "nulls": 18}], **changes,
    }  # fmt: skip


def of(
    dimension: str, *, checks: Any = (), looks: Any = (), previous: Any = None, **more: Any
) -> Score:
    found = {
        one.dimension: one
        for one in score(a_record(**more), {"checks": list(checks)}, looks, previous)
    }
    assert list(found) == [*DIMENSIONS, OVERALL]
    return found[dimension]


def test_completeness_is_filled_cells_times_rows_that_could_be_read() -> None:
    # 162 of 180 cells, 90 of 100 rows
    found = of("completeness")
    assert found.score == 81.0
    assert found.explanation == "18 of 180 cells are empty, 10 of 100 rows were rejected"
    assert of("completeness", rows=0).score is None
    assert of("completeness", rows=10**6, rejected=1, columns=[{"nulls": 0}]).score == 99.9


def check(type_: str, percent: float | None = None, **more: Any) -> dict[str, Any]:
    whole = {"type": type_, "unexpected_percent": percent, "success": True, "severity": "critical",
             "unexpected_count": None if percent is None else 1, "observed": None}  # fmt: skip
    return {**whole, **more}


BETWEEN, ROWS = "expect_column_values_to_be_between", "expect_table_row_count_to_be_between"
UNIQUE = "expect_compound_columns_to_be_unique"


def test_validity_is_the_mean_share_of_values_that_keep_a_rule() -> None:
    checks = [
        check(BETWEEN, 10.0), check(BETWEEN, 0.0), check(ROWS, success=False, observed=3),
        check("expect_column_values_to_not_be_null", 50.0), check(UNIQUE, 50.0),
        check("expect_column_values_to_be_found_in_table", severity="info"),
    ]  # fmt: skip
    found = of("validity", checks=checks)
    assert found.score == pytest.approx(63.3)
    assert found.explanation == "1 of 3 rules are broken"
    assert of("validity").score is None


def test_uniqueness_counts_the_rules_about_repeated_values_alone() -> None:
    checks = [check(BETWEEN, 90.0), check(UNIQUE, 0.0),
              check("expect_column_values_to_be_unique", 4.0, success=False)]  # fmt: skip
    assert of("uniqueness", checks=checks).score == 98.0


def test_timeliness_is_the_share_of_time_that_was_not_late() -> None:
    # A look every day for four days, then none for six: late for four of the ten.
    looks = [day(number) for number in (-9, -8, -7, -6)]
    found = of("timeliness", looks=looks, previous=day(-10))
    assert (found.score, found.figures["late"], found.figures["days"]) == (60.0, 4.0, 10.0)
    daily = [day(-number) for number in range(1, 10)]
    assert of("timeliness", looks=daily, previous=day(-10)).score == 100.0
    assert of("timeliness", previous=day(-10)).score == 20.0
    # Looks at other times are none of its business.
    assert of("timeliness", looks=[day(1), day(-11)], previous=day(-10)).score == 20.0
    three = {"refresh": {"every": "P1D", "stale_after": None}}
    assert of("timeliness", previous=day(-10), definition=three).score == 30.0


def test_timeliness_is_not_rated_without_a_promise_and_perfect_at_first() -> None:
    assert of("timeliness", definition={"refresh": {}}).score is None
    assert of("timeliness").score == 100.0


def test_metadata_is_the_mean_of_what_a_description_should_have() -> None:
    assert of("metadata").score == 100.0
    assert of("metadata", definition={"temporal": None}).score == pytest.approx(85.7)
    short = {"description": {**LONG, "ar": "قصير"}, "keywords": {"fr": ["a"]}}
    figures = of("metadata", definition=short).figures
    assert (figures["description"], figures["keywords"]) == (0.667, 0.333)
    columns = a_record()["definition"]["columns"]
    bare = {"columns": {**columns, "area": {"type": "number", "title": TITLE,
                                            "description": TITLE}}}  # fmt: skip
    figures = of("metadata", definition=bare).figures
    assert (figures["columns"], figures["units"]) == (0.667, 0.5)
    draft = {"title": {**TITLE, "en": "Wells (draft)"}}
    assert of("metadata", definition=draft).explanation == "wanting: no_drafts"


def test_the_whole_is_the_mean_of_what_is_rated() -> None:
    found = of(OVERALL, definition={"refresh": {}})
    parts = [of(name, definition={"refresh": {}}).score for name in DIMENSIONS]
    rated = [one for one in parts if one is not None]
    assert len(rated) == 2
    assert found.score == pytest.approx(sum(rated) / 2, abs=0.05)


DAILY = {"refresh": {"every": "P1D"}}


@pytest.fixture
def released(workspace: SmallWorkspace) -> SmallWorkspace:
    workspace.define("communes", **DAILY)
    workspace.run()
    publish(workspace)
    return workspace


def publish(workspace: SmallWorkspace) -> int:
    from moulouya import pipeline

    return int(pipeline.release(workspace.settings)["release"])


def rows(workspace: SmallWorkspace, number: int, query: str) -> list[tuple[Any, ...]]:
    path = workspace.lake.releases / str(number) / "serving.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(query).fetchall()


def test_a_release_holds_the_scores_of_every_version(released: SmallWorkspace) -> None:
    released.data("communes", "code,name,people\n01,Berkane,100\n02,,200\n03,Nador,300\n")
    assert released.outcome("communes") == "published"
    query = "SELECT version, dimension, score FROM catalogue.scores ORDER BY ALL"
    first = rows(released, 1, query)
    both = rows(released, publish(released), query)
    assert [one for one in both if one[0] == 1] == first
    assert {dimension for _, dimension, _ in both} == {*DIMENSIONS, OVERALL}
    assert (2, "completeness", 88.9) in both
    assert (1, "completeness", 100.0) in both


def test_what_was_worked_out_is_not_worked_out_again(
    released: SmallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    released.data("communes", "code,name,people\n01,Berkane,100\n02,Oujda,200\n03,Nador,301\n")
    released.run("communes")
    worked_out = []
    original = scoring._of_version

    def counted(lake: Any, version: Any, before: Any) -> Any:
        worked_out.append((version.number, before["version"] if before else None))
        return original(lake, version, before)

    monkeypatch.setattr(scoring, "_of_version", counted)
    publish(released)
    assert worked_out == [(2, 1)]
    monkeypatch.setattr(scoring, "METHOD", scoring.METHOD + 1)
    released.data("communes")
    released.run("communes")
    publish(released)
    assert worked_out[1:] == [(1, None), (2, 1), (3, 2)]


def test_what_is_kept_is_what_would_be_worked_out(released: SmallWorkspace) -> None:
    released.data("communes", "code,name,people\n01,Berkane,100\n02,Oujda,200\n03,Nador,301\n")
    released.run("communes")
    publish(released)
    lake = released.lake
    last, version = release.current(lake), versions.standing(lake, "communes")
    known = scoring.last_scores(lake, last, {"communes"})
    assert known
    assert dict(scoring.history(lake, version, known)) == dict(scoring.history(lake, version, {}))
    scores = released.lake.releases / "2" / scoring.TABLE
    scores.chmod(0o644)
    scores.write_bytes(b"PAR1 and nothing else")
    assert scoring.last_scores(lake, last, {"communes"}) == {}


def test_late_runs_lower_the_score_of_the_next_version(released: SmallWorkspace) -> None:
    lake = released.lake
    first = lake.version("communes", 1) / "version.json"
    record = json.loads(first.read_text())
    created = dt.datetime.fromisoformat(record["created"]) - dt.timedelta(days=20)
    first.chmod(0o644)
    first.write_text(json.dumps({**record, "created": stamp(created)}))
    for days, outcome in ((1, "unchanged"), (2, "unchanged"), (3, "failed")):
        at = stamp(created + dt.timedelta(days=days))
        ledger.write(lake, RunRecord(f"communes-{days}", "communes", outcome, at, at, 1.0))
        ledger.write(
            lake, RunRecord(f"communes_too-{days}", "communes_too", "unchanged", at, at, 1)
        )
    released.data("communes", "code,name,people\n01,Berkane,100\n02,Oujda,200\n03,Nador,301\n")
    released.run("communes")
    scores = dict(scoring.history(lake, versions.standing(lake, "communes"), {}))
    (late,) = [one for one in scores[2] if one.dimension == "timeliness"]
    # The last good look was on day 2; late after three days, so for fifteen of the twenty.
    assert late.score == pytest.approx(25.0, abs=0.2)


def test_drift_is_a_table_too(released: SmallWorkspace) -> None:
    released.data("communes", "code,name,people\n01,Berkane,100\n02,Oujda,200\n03,Nador,301\n")
    released.run("communes")
    found = rows(released, publish(released),
                 "SELECT slug, version, rule, value, allowed FROM catalogue.drift "
                 'WHERE "column" IS NULL ORDER BY rule')  # fmt: skip
    assert found == [
        ("communes", 2, "keys_removed", 0.0, 0.05),
        ("communes", 2, "rows_gained", 0.0, 0.5),
        ("communes", 2, "rows_lost", 0.0, 0.05),
    ]
