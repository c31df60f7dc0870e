"""Wide columns told as rows, in any format."""

from __future__ import annotations

import pytest

from moulouya.errors import ReadError
from small_workspace import rows_of

COLUMNS = {"place": "text", "year": "integer", "people": "integer"}
WIDE = {"columns": "pop_([0-9]{4})", "name": "year", "value": "people"}


def wide(staged, body, **more):
    return staged(body, COLUMNS, ["place", "year"], source={"unpivot": {**WIDE, **more}})


def test_each_wide_column_becomes_a_row(staged):
    result = wide(staged, "place,pop_2014,pop_2024\nOujda,1,2\nNador,3,4\n")
    assert rows_of(result.table) == [
        ("Nador", 2014, 3), ("Nador", 2024, 4), ("Oujda", 2014, 1), ("Oujda", 2024, 2),
    ]  # fmt: skip


def test_a_missing_value_is_a_row_all_the_same(staged):
    assert rows_of(wide(staged, "place,pop_2014,pop_2024\nOujda,,2\n").table) == [
        ("Oujda", 2014, None), ("Oujda", 2024, 2)
    ]  # fmt: skip


def test_a_rejected_value_keeps_the_line_of_its_record(staged):
    result = wide(staged, "place,pop_2014,pop_2024\nOujda,1,2\nNador,3,x\n")
    assert result.rows == 3
    assert rows_of(result.rejects, "line, reason") == [(3, "people: x is not integer")]


def test_a_record_that_is_no_row_is_rejected_once(staged):
    result = wide(staged, "place,pop_2014,pop_2024\nOujda,1,2\nNador,3\n")
    assert (result.rows, result.rejected) == (2, 1)


def test_without_a_group_the_whole_name_is_the_value(staged):
    result = staged("place,2014\nOujda,1\n", COLUMNS, ["place"],
                    source={"unpivot": {**WIDE, "columns": "[0-9]+"}})  # fmt: skip
    assert rows_of(result.table) == [("Oujda", 2014, 1)]


def test_json_is_unpivoted_too(staged):
    body = '[{"place": "Oujda", "pop_2014": 5}]'
    result = staged(body, COLUMNS, ["place"], source={"format": "json", "unpivot": WIDE})
    assert rows_of(result.table) == [("Oujda", 2014, 5)]


@pytest.mark.parametrize(("columns", "error"), [("nothing", "no column"), ("(", "expression")])
def test_a_pattern_without_a_wide_column_is_an_error(staged, columns, error):
    with pytest.raises(ReadError, match=error):
        wide(staged, "place,pop_2014\nOujda,1\n", columns=columns)


def test_a_new_name_that_is_taken_is_an_error(staged):
    with pytest.raises(ReadError, match="already has a column 'year'"):
        wide(staged, "place,year,pop_2014\nOujda,1,2\n")
