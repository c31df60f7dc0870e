"""Fixed-width text: fields by place, padding left out, short lines set apart."""

from __future__ import annotations

import pytest

from moulouya.errors import ReadError
from small_workspace import rows_of

FIELDS = {"code": [1, 3], "name": [4, 10], "people": [11, 15]}
COLUMNS = {"code": "text", "name": "text", "people": "integer"}


def source(**more):
    return {"format": "fixed_width", "fields": FIELDS, **more}


def test_fields_are_cut_out_by_character_and_their_padding_left_out(staged):
    result = staged("001Oujda    100\n002وجدة     200\n", COLUMNS, source=source())
    assert rows_of(result.table) == [("001", "Oujda", 100), ("002", "وجدة", 200)]


def test_a_declared_encoding_is_read_by_characters_not_bytes(staged):
    body = "001Aïn     \t  7\n".encode("utf-16")
    result = staged(body, COLUMNS, source=source(dialect={"encoding": "utf-16"}))
    assert rows_of(result.table) == [("001", "Aïn", 7)]


def test_a_line_that_ends_before_its_last_field_is_rejected(staged):
    result = staged("001Oujda    100\n002Nador    2\n", COLUMNS, source=source())
    assert [row[0] for row in rows_of(result.table)] == ["001"]
    assert rows_of(result.rejects, "line, original") == [(2, "002Nador    2")]


def test_blanks_at_the_end_need_not_be_written_where_it_is_declared(staged):
    result = staged("001Oujda\n", COLUMNS, source=source(dialect={"trim": True}))
    assert rows_of(result.table) == [("001", "Oujda", None)]


def test_lines_before_and_after_the_rows_are_left_out_and_rejects_keep_their_line(staged):
    body = "CODNAME   PEOPL\n# note\n001Oujda      x\n002Nador    200\ntotal\n"
    dialect = {"skip": 1, "skip_end": 1, "comment": "#"}
    result = staged(body, COLUMNS, source=source(dialect=dialect))
    assert rows_of(result.table) == [("002", "Nador", 200)]
    assert rows_of(result.rejects, "line, reason") == [(3, "people: x is not integer")]


def test_without_fields_nothing_can_be_read(staged):
    with pytest.raises(ReadError, match="no fields"):
        staged("001\n", COLUMNS, source={"format": "fixed_width"})
