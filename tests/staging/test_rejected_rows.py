"""A rejected row is kept with its file, physical line, record, reason and original text."""

from __future__ import annotations

import gzip
import json

import pytest

from small_workspace import dicts_of, rows_of

COLUMNS = {"code": "integer", "name": "text", "people": "integer"}


def rejects(result):
    return rows_of(result.rejects, "line, record, reason")


def test_a_clean_delivery_has_no_rejects(staged):
    result = staged("code,name,people\n1,a,5\n", COLUMNS)
    assert (result.rejects, result.rejected, result.rejected_share) == (None, 0, 0.0)


def test_a_reject_says_everything_about_itself(staged):
    result = staged("code,name,people\n1,a,5\n2,b,many\n3,c,7\n", COLUMNS)
    assert (result.rows, result.rejected) == (2, 1)
    assert dicts_of(result.rejects) == [
        {
            "file": "sample.csv",
            "line": 3,
            "record": 2,
            "rule": "type",
            "column": "people",
            "reason": "people: many is not integer",
            "original": '{"code":"2","name":"b","people":"many"}',
        }
    ]
    assert result.rejected_share == pytest.approx(1 / 3)


def test_every_reason_of_a_row_is_told(staged):
    result = staged("code,name,people\n,a,many\n1,b,2\n", COLUMNS)
    assert rejects(result) == [(2, 1, "code: missing; people: many is not integer")]
    assert rows_of(result.rejects, 'rule, "column"') == [("required; type", "code; people")]


def test_every_rule_has_a_name(staged):
    body = 'code,name,people\n1,a,5\n2,b,x\n,c,1\n4,d\n5,"e"e,7\n6,f\0,8\n'
    result = staged(body, COLUMNS, source={"dialect": {"stray_quotes": "reject"}})
    assert rows_of(result.rejects, 'line, rule, "column"') == [
        (3, "type", "people"), (4, "required", "code"), (5, "fields", None), (6, "quotes", None),
        (7, "encoding", None),
    ]  # fmt: skip


def test_a_shape_that_is_none_is_told_from_a_record_that_is_none(staged):
    sound = {"type": "Feature", "properties": {"code": "1"},
             "geometry": {"type": "Point", "coordinates": [-2, 34]}}  # fmt: skip
    away = {**sound, "geometry": {"type": "Point", "coordinates": [-2, 340]}}
    broken = {**sound, "geometry": {"type": "Pont", "coordinates": [-2, 34]}}
    features = [sound, away, broken, {"type": "Feature", "geometry": None}]
    body = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    columns = {"code": "text", "place": {"type": "geometry", "from": "geometry"}}
    result = staged({"sample.geojson": body}, columns, source={"format": "geojson"})
    assert rows_of(result.rejects, "rule") == [("shape",), ("shape",), ("record",)]


def test_a_long_value_is_cut_in_the_reason_and_whole_in_the_original(staged):
    result = staged(f"code,name,people\n1,a,{'9' * 500}\n2,b,3\n", COLUMNS)
    ((reason, original),) = rows_of(result.rejects, "reason, original")
    assert len(reason) < 120
    assert json.loads(original)["people"] == "9" * 500


def test_the_line_is_the_physical_one_after_values_with_newlines(staged):
    body = 'code,name,people\n1,"two\nlines",5\n2,"three\nmore\nlines",x\n3,c,y\n'
    assert rejects(staged(body, COLUMNS)) == [
        (4, 2, "people: x is not integer"), (7, 3, "people: y is not integer")
    ]  # fmt: skip


def test_the_line_is_the_physical_one_after_blank_lines(staged):
    assert rejects(staged("code,name,people\n\n1,a,5\n\n\n2,b,x\n", COLUMNS)) == [
        (6, 2, "people: x is not integer")
    ]


def test_the_line_is_the_physical_one_after_skipped_lines(staged):
    body = "A title\n\ncode,name,people\n1,a,x\n2,b,5\n"
    assert rejects(staged(body, COLUMNS, source={"dialect": {"skip": 2}})) == [
        (4, 1, "people: x is not integer")
    ]


def test_without_a_header_the_first_line_is_a_record(staged):
    columns = {
        "code": {"type": "integer", "from": "c1"},
        "people": {"type": "integer", "from": "c2"},
    }
    result = staged("1,x\n2,5\n", columns, source={"dialect": {"header": False}})
    assert rejects(result) == [(1, 1, "people: x is not integer")]


def test_a_line_with_too_few_or_too_many_fields_is_rejected(staged):
    result = staged("code,name,people\n1,a,5\n2,b\n3,c,7,8\n4,d,9\n", COLUMNS)
    assert [row[0] for row in rows_of(result.table)] == [1, 4]
    found = rows_of(result.rejects, "line, original")
    assert found == [(3, "2,b"), (4, "3,c,7,8")]
    assert all("Expected Number of Columns: 3" in reason
               for (reason,) in rows_of(result.rejects, "reason"))  # fmt: skip


def test_misfits_after_malformed_lines_are_found_on_their_lines(staged):
    body = 'code,name,people\n1,"a\nb",5\n2,b\n3,c,x\n4,d,7,8\n5,"e\n\nf",y\n6,g,1\n'
    result = staged(body, COLUMNS)
    assert (result.rows, result.rejected) == (2, 4)
    assert rows_of(result.rejects, "line, reason[:9]") == [
        (4, "Expected "), (5, "people: x"), (6, "Expected "), (7, "people: y")
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "cp1256"])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_right_in_every_encoding_and_wrapping(staged, encoding, packed):
    body = 'code,name,people\n1,"é\né",5\n2,é,x\n3,é\n'.encode(encoding)
    source = {"dialect": {"encoding": encoding}}
    if packed:
        body, source["compression"] = gzip.compress(body), "gzip"
    result = staged(body, COLUMNS, source=source)
    assert rows_of(result.rejects, "file, line") == [("sample.csv", 4), ("sample.csv", 5)]
    assert json.loads(rows_of(result.rejects, "original")[0][0])["name"] == "é"


def test_windows_line_ends_count_once(staged):
    body = 'code,name,people\r\n1,"a\r\nb",5\r\n2,b,x\r\n3,c\r\n'
    assert [line for line, *_ in rejects(staged(body, COLUMNS))] == [4, 5]


def test_a_reject_says_which_of_several_files_it_is_in(staged):
    files = {"a.csv": b"code,name,people\n1,a,5\n2,b,x\n", "b.csv": b"code,name,people\n3,c,y\n"}
    result = staged(files, COLUMNS)
    assert rows_of(result.rejects, "file, line, record") == [("a.csv", 3, 2), ("b.csv", 2, 1)]


@pytest.mark.parametrize("good", [1, 30, 100, 3000])
def test_the_line_does_not_depend_on_how_many_rows_stand_before(staged, good):
    body = "code,name,people\n" + "".join(f"{n},Commune {n},{n}\n" for n in range(good))
    files = {"a.csv": f"{body},a,5\n".encode(), "b.csv": f"{body}1,b,x\n,c,2\n".encode()}
    assert rows_of(staged(files, COLUMNS).rejects, "file, line, record") == [
        ("a.csv", good + 2, good + 1), ("b.csv", good + 2, good + 1), ("b.csv", good + 3, good + 2)
    ]  # fmt: skip


def test_in_a_long_file_read_by_several_threads_lines_and_records_are_right(staged):
    bad = {17, 150_000, 299_999}
    body = "code,name,people\n" + "".join(
        f"{n},a name of some length,{'x' if n in bad else n}\n" for n in range(1, 300_001)
    )
    result = staged(body, COLUMNS)
    assert rejects(result) == [
        (n + 1, n, "people: x is not integer") for n in sorted(bad)
    ]  # fmt: skip


def test_a_very_long_field_before_a_reject_is_no_obstacle(staged):
    body = f"code,name,people\n1,{'n' * 300_000},5\n2,b,x\n"
    assert rejects(staged(body, COLUMNS)) == [(3, 2, "people: x is not integer")]


def test_a_quote_that_is_never_closed_is_not_read_as_good_rows(staged):
    source = {"dialect": {"stray_quotes": "reject"}}
    result = staged('code,name,people\n1,a,5\n2,"b,6\n3,c,7\n', COLUMNS, source=source)
    assert [row[0] for row in rows_of(result.table)] == [1, 3]
    assert rejects(result) == [(3, None, "a quote is never closed")]


def test_when_nothing_fits_there_are_no_rows_but_the_rejects(staged):
    result = staged("code,name,people\nx,a,5\ny,b,6\n", COLUMNS)
    assert (result.rows, result.rejected) == (0, 2)
    assert rows_of(result.table) == []


def test_the_original_has_only_the_columns_of_the_contract(staged):
    result = staged("code,private,people\n1,secret,x\n", {"code": "integer", "people": "integer"})
    ((original,),) = rows_of(result.rejects, "original")
    assert json.loads(original) == {"code": "1", "people": "x"}


def test_rejects_of_the_same_delivery_are_byte_identical(staged, tmp_path):
    body = "code,name,people\n1,a,x\n2,b\n3,c,4\n"
    first = staged(body, COLUMNS).rejects.read_bytes()
    assert staged(body, COLUMNS).rejects.read_bytes() == first
