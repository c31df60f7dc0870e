"""What a citizen reads about quality: checks, tolerances, rows left out, and the score."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
from typing import Any

import duckdb
import pytest

from moulouya import versions
from moulouya.ledger import stamp
from moulouya.portal.dataset import quality
from moulouya.portal.languages import language

from . import lakes
from .conftest import Client, client_of
from .test_pages import Page

TITLES = {"code": "Code", "people": "Population"}


def section(html: str) -> str:
    """The part of a dataset's page that is about quality, without its marks."""
    part = html[html.index('id="quality"') : html.index('id="source"')]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part))


def test_the_score_is_shown_with_what_it_is_made_of(portal: Client) -> None:
    told = section(portal.get("/en/datasets/communes").text)
    for words in (
        "Quality: 96.5 of 100", "What the score is made of", "Complete 91.9",
        "3 of 150 values are empty. 2 rows were left out.", "Valid 100 3 rules hold.",
        "Without repetition 100 1 rule holds.", "first version: there is no delay",
        "Well described 90.5", "Wanting: a longer description.",
        "How the score is worked out", "The share of cells that have a value",
    ):  # fmt: skip
        assert words in told, (words, told)


def test_a_dataset_without_a_rhythm_is_not_rated_for_time(portal: Client) -> None:
    told = section(portal.get("/en/datasets/density").text)
    assert "On time – No rhythm is promised: not rated." in told


@pytest.mark.parametrize(
    ("code", "words"),
    [("ar", ("الجودة:", "مكونات النقطة", "كيف تحتسب النقطة", "استبعد صفان.")),
     ("fr", ("Qualité :", "De quoi la note est faite", "Comment la note est calculée",
             "2 lignes ont été écartées."))],
)  # fmt: skip
def test_the_score_speaks_the_language_of_the_page(
    portal: Client, code: str, words: tuple[str, ...]
) -> None:
    html = portal.get(f"/{code}/datasets/communes").text
    Page(html)
    assert all(one in section(html) for one in words)


def test_every_version_has_its_score_in_the_history(built: lakes.Built) -> None:
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:-1])
    lakes.commit(built)
    html = client_of(built).get("/en/datasets/communes").text
    table = html[html.index('<table class="versions">') :]
    rows = re.findall(r"<tr>.*?</tr>", table, re.S)[1:]
    scores = [re.findall(r'<bdi dir="ltr">([\d.]+)</bdi>', row)[1] for row in rows[:2]]
    assert len(scores) == 2
    assert float(scores[0]) > float(scores[1])


def test_a_release_of_before_there_were_scores_is_shown_without(
    built: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "_scored", lambda *_: ())
    told = section(client_of(built).get("/en/datasets/communes").text)
    assert "5 checks passed" in told
    assert "score" not in told


def published(built: lakes.Built, monkeypatch: pytest.MonkeyPatch, *checks: dict[str, Any]) -> str:
    """The quality part of a page of communes published with these checks."""
    report = {"format": 1, "slug": "communes", "success": True, "rows": 30, "checks": [*checks]}
    monkeypatch.setattr(lakes, "_validation", lambda *_: copy.deepcopy(report))
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:9])
    lakes.commit(built)
    return client_of(built).get("/ar/datasets/communes").text


def check(type_: str, name: str | None = "name", **changes: Any) -> dict[str, Any]:
    return {**lakes._check(type_, name), **changes}


def test_a_tolerance_stands_beside_its_reason(
    built: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {"ar": "لا اسم لبعض الدواوير", "fr": "sans nom", "en": "some have no name"}
    title = {"ar": "لكل جماعة اسم", "fr": "chaque commune a un nom", "en": "every one has a name"}
    html = published(
        built, monkeypatch,
        check("expect_column_values_to_not_be_null", unexpected_count=2, unexpected_percent=6.6,
              reason="some have no name", reason_texts=texts),
        check("unexpected_rows_expectation", None, title=title),
        check("expect_column_values_to_be_unique", moment="incoming"),
        check("expect_column_values_to_be_found_in_table", severity="info",
              kwargs={"column": "name", "other_table": "douars"}),
    )  # fmt: skip
    told = section(html)
    Page(html)
    for words in ("ما يتسامح فيه، ولماذا", texts["ar"], title["ar"], "صفان",
                  "في البيانات الواردة، قبل أي تغيير", "لأن مجموعة البيانات الأخرى غير منشورة",
                  "نجحت 3 فحوص"):  # fmt: skip
        assert words in told, (words, told)
    assert texts["en"] not in told


REJECTED = [
    ("code: missing", 3),
    ("people: many is not integer", 2),
    ("people: 1; 2 is not integer", 1),
    ("code: missing; people: x is not integer", 1),
    ("area: big is not decimal(10,2)", 1),
    ("5 fields instead of 3", 2),
]


def test_rows_left_out_are_counted_by_reason(tmp_path: Any) -> None:
    path = tmp_path / "rejected.parquet"
    values = ", ".join(f"('{reason}')" for reason, count in REJECTED for _ in range(count))
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT * FROM (VALUES {values}) t(reason)) TO '{path}'")
    found = {(kind, name): rows for kind, name, _, rows in quality._rejected(path)}
    assert found == {
        ("missing", "code"): 4, ("type", "people"): 3, ("type", "area"): 1, ("form", ""): 3,
    }  # fmt: skip


def test_the_reasons_are_told_beside_the_download(portal: Client) -> None:
    told = section(portal.get("/fr/datasets/communes").text)
    assert "1 ligne — la ligne n’a pas pu être découpée comme annoncé" in told
    assert "/files/communes/1/rejected.parquet" in portal.get("/fr/datasets/communes").text


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
@pytest.mark.parametrize(
    ("name", "score", "figures"),
    [("completeness", 100.0, {"cells": 9, "empty": 0, "rows": 3, "rejected": 0}),
     ("validity", None, {"rules": 0, "failed": 0}), ("validity", 90.0, {"rules": 2, "failed": 1}),
     ("validity", 99.0, {"rules": 2, "failed": 0}),
     ("uniqueness", 100.0, {"rules": 2, "failed": 0}),
     ("timeliness", None, {}), ("timeliness", 100.0, {"limit": 3}),
     ("timeliness", 100.0, {"limit": 3, "late": 0, "days": 9.5, "looks": 1}),
     ("timeliness", 50.0, {"limit": 3, "late": 4.75, "days": 9.5, "looks": 1}),
     ("metadata", 100.0, {"period": 1.0}), ("metadata", 50.0, {"period": 0.0, "units": 0.5})],
)  # fmt: skip
def test_every_explanation_is_a_sentence(code: str, name: str, score: Any, figures: Any) -> None:
    told = quality._explained(name, score, figures, language(code))
    assert told.endswith(".")
    assert "%(" not in told
    if code == "ar":
        assert not re.search("[A-Za-z]", told)


def test_the_record_of_a_version_explains_its_score(built: lakes.Built) -> None:
    """What the page says is what anyone finds in the catalogue."""
    with duckdb.connect(str(built.lake.releases / "1" / "serving.duckdb"), read_only=True) as con:
        rows = con.execute(
            "SELECT dimension, score, figures FROM catalogue.scores WHERE slug = 'communes'"
        ).fetchall()
    found = {dimension: (score, figures) for dimension, score, figures in rows}
    assert json.loads(found["completeness"][1]) == {
        "cells": 150, "empty": 3, "rows": 30, "rejected": 2}  # fmt: skip
    version = versions.read(built.lake, "communes", 1)
    assert version.record["rows"] == 30
    assert stamp(dt.datetime.now(dt.UTC)) >= version.record["created"]
