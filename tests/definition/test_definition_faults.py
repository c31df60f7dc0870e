"""Faults of a definition: each with file, line, key, and a hint where one helps."""

from __future__ import annotations

from typing import Any

import pytest

from moulouya.definition import SOURCE_KINDS, Definition
from small_workspace import COLUMNS, SmallWorkspace, column, definition, text


@pytest.mark.parametrize(
    ("changes", "key", "message", "hint"),
    [
        ({"tile": 1}, "tile", "unknown key", "did you mean 'title'?"),
        ({"zzzzqqq": 1}, "zzzzqqq", "unknown key", None),
        ({"title": None}, "title", "is missing", None),
        ({"title": {"ar": "x", "fr": "x"}}, "title.en", "is missing", None),
        ({"columns": None}, "columns", "is missing", None),
        ({"key": []}, "key", "List should have at least 1 item", None),
        ({"key": ["cod"]}, "", "key: 'cod' is not one of the columns", None),
        ({"licence": "MTI"}, "licence", "unknown licence 'MTI'; did you mean 'MIT'?", None),
        ({"spatial": 2}, "spatial", "must be text", 'write it in quotes: "2"'),
        ({"sdg": ["18"]}, "sdg.0", "String should match pattern", None),
        ({"publisher": "offce"}, "publisher", "publisher 'offce' is not in region.yml",
         "did you mean 'office'?"),
        ({"series": "countz"}, "series", "series 'countz' is not in region.yml", None),
        ({"high_value": {"categories": ["mobilty"]}}, "high_value.categories.0",
         "Input should be 'geospatial', 'earth_observation_and_environment', 'meteorological', "
         "'statistics', 'companies_and_company_ownership' or 'mobility'", None),
        ({"high_value": {"categories": []}}, "high_value.categories",
         "List should have at least 1 item", None),
        ({"high_value": {"category": ["mobility"]}}, "high_value.category", "unknown key",
         "did you mean 'categories'?"),
        ({"high_value": {"categories": ["mobility"], "legislation": ["2023/138"]}},
         "high_value.legislation.0", "Input should be a valid URL", None),
        ({"themes": ["peopel"]}, "themes.0", "theme 'peopel' is not in region.yml",
         "did you mean 'people'?"),
        ({"refresh": {"every": "P1D", "cron": "0 0 * * *"}}, "refresh",
         "give `every` or `cron`, not both", None),
        ({"refresh": {"every": "daily"}}, "refresh.every", "", None),
        ({"rows": {"change_within": "20"}}, "rows.change_within", "String should match", None),
        ({"rejects": {"at_most": 1}}, "rejects.at_most", "must be text", 'write it in quotes: "1"'),
        ({"source": {"kind": "ftp", "path": "x", "format": "csv"}}, "source.kind", "unknown kind",
         f"one of {', '.join(sorted(SOURCE_KINDS))}"),
        ({"source": {"path": "x", "format": "csv"}}, "source.kind", "unknown kind",
         f"one of {', '.join(sorted(SOURCE_KINDS))}"),
        ({"source": {"kind": "file", "path": "x"}}, "source.format", "is missing", None),
        ({"source": {"kind": "file", "path": "x", "format": "csv", "dialekt": {}}},
         "source.dialekt", "unknown key", "did you mean 'dialect'?"),
        ({"source": {"kind": "http", "url": "not an address", "format": "csv"}}, "source.url",
         "Input should be a valid URL", None),
        ({"source": {"kind": "file", "path": "x", "format": "csv", "dialect": {"decimal": ";"}}},
         "source.dialect.decimal", "Input should be '.' or ','", None),
        ({"source": {"kind": "file", "path": "x", "format": "csv",
                     "dialect": {"encoding": "cp125"}}},
         "source.dialect.encoding", "unknown encoding 'cp125'", None),
        ({"columns": {**COLUMNS, "people": column("int")}}, "columns.people.type",
         "String should match pattern", None),
        ({"columns": {**COLUMNS, "Péople": column("text")}}, "columns.Péople",
         "String should match pattern", None),
        ({"columns": {**COLUMNS, "people": {"type": "text"}}}, "columns.people.title",
         "is missing", None),
        ({"columns": {**COLUMNS, "name": column("text", pattern="([")}}, "columns.name.pattern",
         "not a regular expression", None),
        ({"columns": {**COLUMNS, "people": column("integer", range=["low", 5])}},
         "columns.people.range", "does not fit the type integer", None),
        ({"columns": {**COLUMNS, "people": column("integer", range=[1])}},
         "columns.people.range.1", "is missing", None),
        ({"columns": {**COLUMNS, "name": column("text", references="nothing.code")}},
         "columns.name.references", "no dataset 'nothing'", None),
        ({"columns": {**COLUMNS, "name": column("text", references="communes.cod")}},
         "columns.name.references", "communes has no column 'cod'", "did you mean 'code'?"),
        ({"columns": {**COLUMNS, "name": column("text", computed=True)}}, "columns.name.computed",
         "no transform makes it", "add transforms/places/communes.sql"),
        ({"corrections": [{"where": "true", "set": {"nme": "x"}, "reason": text("x"),
                           "reported": "2026-01-01"}]}, "",
         "corrections.0.set: 'nme' is not a staged column", None),
        ({"source": None}, "", "has neither a source nor a transform",
         "add a source, or transforms/places/communes.sql"),
    ],
)  # fmt: skip
def test_a_fault_has_its_key_message_and_hint(workspace, changes, key, message, hint):
    workspace.define("communes", **changes)
    faults = workspace.faults()
    found = [fault for fault in faults if fault[2] == key]
    assert len(found) >= 1, faults
    file, line, _, told, advice = found[0]
    assert file == "datasets/places/communes.yml"
    assert line >= 1
    assert told.startswith(message)
    assert advice == hint


def test_a_fault_stands_on_the_line_of_its_key(workspace):
    path = workspace.define("communes", licence="MTI", spatial=2)
    lines = path.read_text().splitlines()
    for _, line, key, *_ in workspace.faults():
        assert lines[line - 1].startswith(f"{key}:")


def test_every_fault_of_a_file_is_told_at_once(workspace):
    workspace.define("communes", title=None, licence="MTI", tile=1, spatial=2)
    assert sorted(key for _, _, key, *_ in workspace.faults()) == [
        "licence", "spatial", "tile", "title",
    ]  # fmt: skip


def test_a_definition_that_is_no_mapping_is_a_fault(workspace):
    workspace.write("datasets/places/communes.yml", "- a\n- b\n")
    ((file, line, *_),) = workspace.faults()
    assert (file, line) == ("datasets/places/communes.yml", 1)


def valid(**changes: Any) -> Definition:
    return Definition.model_validate(definition("communes", **changes))


def test_a_computed_column_is_not_looked_for_in_the_source():
    found = valid(
        columns={**COLUMNS, "share": column("number", computed=True)},
        source={"kind": "file", "path": "x", "format": "csv", "columns": {"y": {"type": "date"}}},
    )
    assert list(found.staged_columns) == ["code", "name", "people", "y"]


def test_a_derived_dataset_stages_nothing():
    assert valid(source=None).staged_columns == {}


def test_the_file_a_row_came_from_can_be_staged():
    found = valid(
        source={
            "kind": "file",
            "path": "x",
            "format": "csv",
            "columns": {"_file": {"type": "text"}},
        }
    )
    assert found.staged_columns["_file"].type == "text"


@pytest.mark.parametrize(
    ("type_", "sql_type"),
    [
        ("text", "VARCHAR"),
        ("integer", "BIGINT"),
        ("number", "DOUBLE"),
        ("decimal(10,2)", "DECIMAL(10,2)"),
        ("datetime", "TIMESTAMP WITH TIME ZONE"),
        ("json", "VARCHAR"),
        ("geometry", "GEOMETRY"),
    ],
)
def test_each_type_has_its_sql_type(type_, sql_type):
    assert valid(columns={"code": column(type_)}).columns["code"].sql_type == sql_type


def test_a_goal_written_as_a_number_is_taken_as_text():
    assert valid(sdg=[11, 11.3]).sdg == ["11", "11.3"]


def test_the_share_of_rejects_is_a_fraction():
    assert valid(rejects={"at_most": "2.5%"}).rejects.share == 0.025


def test_a_licence_falls_back_to_the_publisher_then_to_the_region(workspace: SmallWorkspace):
    workspace.define("own", licence="MIT")
    workspace.define("of_publisher")
    workspace.define("of_region", publisher="bureau")
    found = {slug: one.licence.spdx for slug, one in workspace.load().datasets.items()}
    assert found == {"own": "MIT", "of_publisher": "ODbL-1.0", "of_region": "CC-BY-4.0"}
