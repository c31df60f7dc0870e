"""Declared corrections repair the publisher's data while it is staged, in their order."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from moulouya.errors import MoulouyaError
from small_workspace import rows_of, text

BODY = "code,name,people,day\n1,Berkan,5,2024-01-01\n2,Oujda,6,2024-01-02\n"
COLUMNS = {"code": "integer", "name": "text", "people": "integer", "day": "date"}


def corrected(staged, *pairs):
    corrections = [
        {"where": where, "set": values, "reason": text("x"), "reported": "2026-01-01"}
        for where, values in pairs
    ]
    return rows_of(staged(BODY, COLUMNS, corrections=corrections).table)


def test_rows_that_meet_the_condition_are_repaired_and_no_others(staged):
    assert corrected(staged, ("code = 1", {"name": "Berkane", "people": 50})) == [
        (1, "Berkane", 50, dt.date(2024, 1, 1)), (2, "Oujda", 6, dt.date(2024, 1, 2))
    ]  # fmt: skip


def test_a_value_may_be_taken_away(staged):
    assert corrected(staged, ("code = 2", {"people": None}))[1][2] is None


def test_corrections_build_on_each_other(staged):
    rows = corrected(staged, ("code = 1", {"people": 7}), ("people = 7", {"name": "Seven"}))
    assert rows[0][:3] == (1, "Seven", 7)


def test_a_value_with_a_quote_is_a_value(staged):
    assert corrected(staged, ("name = 'Oujda'", {"name": "L'Oujda"}))[1][1] == "L'Oujda"


def test_a_condition_is_on_typed_values(staged):
    assert corrected(staged, ("day > DATE '2024-01-01'", {"people": 0}))[1][2] == 0


def test_a_condition_that_is_no_sql_is_an_error_that_names_it(staged):
    with pytest.raises((MoulouyaError, duckdb.Error), match="nothing"):
        corrected(staged, ("nothing = 1", {"people": 0}))
