"""JSON: every record's fields as text, wherever the list of records stands."""

from __future__ import annotations

import gzip
import json

import pytest

from moulouya.errors import ReadError
from small_workspace import rows_of

COLUMNS = {"code": "text", "people": "integer", "more": "json"}
RECORDS = [
    {"code": "1", "people": 5, "more": {"a": [1, None]}},
    {"code": "2", "people": "6", "more": ["x"]},
    {"code": "3", "other": True},
]
ROWS = [("1", 5, '{"a":[1,null]}'), ("2", 6, '["x"]'), ("3", None, None)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "source"),
    [
        (json.dumps(RECORDS), {"format": "json"}),
        (json.dumps({"Data": RECORDS, "n": 3}), {"format": "json", "records": "Data"}),
        (json.dumps({"a": {"b c": RECORDS}}), {"format": "json", "records": "a.b c"}),
        (json.dumps({"Data": RECORDS}, indent=2), {"format": "json", "records": "Data"}),
        ("\n".join(map(json.dumps, RECORDS)), {"format": "ndjson"}),
    ],
)
def test_records_are_found_wherever_they_stand(staged, content, source, packed):
    body = content.encode()
    if packed:
        body, source = gzip.compress(body), {**source, "compression": "gzip"}
    assert rows_of(staged({"x.json": body}, COLUMNS, source=source).table) == ROWS


def read(staged, records, columns):
    return staged(json.dumps(records), columns, source={"format": "json"})


def test_letters_of_any_script_and_odd_names_are_kept(staged):
    records = [{"code": "1", 'a "b".c\'d': "بركان 😀\n"}]
    columns = {"code": "text", "name": {"type": "text", "from": 'a "b".c\'d'}}
    assert rows_of(read(staged, records, columns).table) == [("1", "بركان 😀\n")]


def test_an_integer_keeps_every_digit_and_a_number_those_of_a_double(staged):
    body = '[{"code": "1", "x": 1234567890123.12, "y": 9007199254740993}]'
    columns = {"code": "text", "x": "decimal(20,2)", "y": "integer"}
    ((_, x, y),) = rows_of(staged(body, columns, source={"format": "json"}).table)
    assert (str(x), y) == ("1234567890123.12", 9007199254740993)


def test_true_and_false_are_booleans(staged):
    table = read(staged, [{"code": "1", "x": True}, {"code": "2", "x": False}],
                 {"code": "text", "x": "boolean"}).table  # fmt: skip
    assert rows_of(table) == [("1", True), ("2", False)]


def test_a_value_that_does_not_fit_is_rejected_with_its_record(staged):
    result = read(staged, [{"code": "1", "x": 5}, {"code": "2", "x": 5.5}, {"code": "3", "x": "y"}],
                  {"code": "text", "x": "integer"})  # fmt: skip
    assert rows_of(result.table) == [("1", 5)]
    assert rows_of(result.rejects, "record, reason, original") == [
        (2, "x: 5.5 is not integer", '{"code":"2","x":"5.5"}'),
        (3, "x: y is not integer", '{"code":"3","x":"y"}'),
    ]


def test_a_record_that_is_no_object_is_rejected_not_lost(staged):
    result = read(staged, [{"code": "1"}, 5, ["x"], None], {"code": "text"})
    assert (result.rows, result.rejected) == (1, 3)


def test_a_column_that_only_later_records_have_is_found(staged):
    table = read(staged, [{"code": "1"}, {"code": "2", "late": "x"}],
                 {"code": "text", "late": "text"}).table  # fmt: skip
    assert rows_of(table) == [("1", None), ("2", "x")]


def test_a_missing_column_names_the_close_one(staged):
    with pytest.raises(ReadError, match=r"no column 'name' .*did you mean 'names'"):
        read(staged, [{"code": "1", "names": "x"}], {"code": "text", "name": "text"})


@pytest.mark.parametrize(
    ("content", "source"),
    [
        ("", {"format": "json"}),
        ("[", {"format": "json"}),
        ('[{"code": "1"}', {"format": "json"}),
        ("{}", {"format": "json"}),
        ("[]", {"format": "json"}),
        ("[1, 2]", {"format": "json"}),
        ("code,name\n1,a\n", {"format": "json"}),
        ('{"Data": []}', {"format": "json", "records": "Data"}),
        ('{"Data": {"code": 1}}', {"format": "json", "records": "Data"}),
        ('{"Data": 5}', {"format": "json", "records": "Data"}),
        ('{"Data": [{"code": "1"}]}', {"format": "json", "records": "data"}),
        ('{"code": "1"}\n{"code": ', {"format": "ndjson"}),
        ('{"code": "1"}\nnonsense\n', {"format": "ndjson"}),
        ('[{"code": "1"}]', {"format": "json", "compression": "gzip"}),
        ("[" * 100_000, {"format": "json"}),
    ],
)
def test_what_has_no_records_is_refused_with_the_name_of_the_file(staged, content, source):
    with pytest.raises(ReadError, match=r"x\.json"):
        staged({"x.json": content.encode()}, {"code": "text"}, source=source)


def test_a_packed_document_that_was_cut_off_is_refused(staged):
    content = gzip.compress(json.dumps([{"code": str(n * 7919)} for n in range(3000)]).encode())
    with pytest.raises(ReadError):
        staged({"x.json": content[:-100]}, {"code": "text"},
               source={"format": "json", "compression": "gzip"})  # fmt: skip


def test_a_document_larger_than_the_default_buffer_is_read(staged):
    records = [{"code": str(n), "x": "y" * 20_000} for n in range(900)]
    body = json.dumps({"Data": records}).encode()
    assert len(body) > 16 * 1024 * 1024
    result = staged(
        {"x.json": body}, {"code": "text"}, source={"format": "json", "records": "Data"}
    )
    assert result.rows == 900


def test_several_documents_are_one_table_and_each_row_knows_its_file(staged):
    files = {"a.json": b'[{"code": "1"}]', "b.json": b'[{"code": "2"}, {"code": "x"}]'}
    result = staged(files, {"code": "integer"}, source={"format": "json"})
    assert rows_of(result.table) == [(1,), (2,)]
    assert rows_of(result.rejects, "file, record") == [("b.json", 2)]
