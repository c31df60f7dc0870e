"""JSON: every record's fields as text, wherever the list of records stands."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def test_numbers_keep_every_digit(staged):
    body = '[{"code": "1", "x": 0.12345678901234567890, "y": 9007199254740993, "z": 1.50}]'
    columns = {"code": "text", "x": "decimal(21,20)", "y": "integer", "z": "text"}
    ((_, x, y, z),) = rows_of(staged(body, columns, source={"format": "json"}).table)
    assert (str(x), y, z) == ("0.12345678901234567890", 9007199254740993, "1.50")


def test_a_number_beyond_every_double_is_rejected_never_infinite(staged):
    result = staged('[{"code": "1", "x": 1e400}]', {"code": "text", "x": "number"},
                    source={"format": "json"})  # fmt: skip
    assert (result.rows, result.rejected) == (0, 1)


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


def at(path: str, **more: Any) -> dict[str, Any]:
    return {"format": "json", "records": path, **more}


REGIONS = {
    "year": 2024,
    "meta": {"source": "HCP"},
    "regions": [
        {"name": {"fr": "Oriental"}, "communes": [{"code": "1"}, {"code": "2"}]},
        {"name": {"fr": "Souss"}, "communes": [{"code": "3"}]},
        {"name": {"fr": "Dakhla"}, "communes": []},
    ],
    "checked": True,
}


def test_records_in_lists_of_lists_know_what_stands_above_them(staged):
    columns = {
        "code": "text",
        "region": {"type": "text", "from": "^.name.fr"},
        "year": {"type": "integer", "from": "^.^.year"},
        "source": {"type": "text", "from": "^.^.meta.source"},
        "checked": {"type": "boolean", "from": "^.^.checked"},
    }
    table = staged(json.dumps(REGIONS), columns, source=at("regions[].communes")).table
    assert rows_of(table) == [
        ("1", "Oriental", 2024, "HCP", True),
        ("2", "Oriental", 2024, "HCP", True),
        ("3", "Souss", 2024, "HCP", True),
    ]


def test_fields_of_objects_within_a_record_are_found_by_dots(staged):
    records = [{"code": "1", "place": {"city": "Oujda", "at": {"lat": 34.68}}}, {"code": "2"}]
    columns = {
        "code": "text",
        "city": {"type": "text", "from": "place.city"},
        "lat": {"type": "number", "from": "place.at.lat"},
    }
    assert rows_of(read(staged, records, columns).table) == [
        ("1", "Oujda", 34.68),
        ("2", None, None),
    ]


@pytest.mark.parametrize(
    ("document", "path", "codes"),
    [
        ([{"page": 1}, [{"code": "1"}, {"code": "2"}]], "[1]", ["1", "2"]),
        ({"a": [{"b": [{"code": "1"}]}, {"b": [{"code": "2"}]}]}, "a[1].b", ["2"]),
        ({"code": "1", "more": {}}, "{}", ["1"]),
        ({"data": {"code": "1"}}, "data{}", ["1"]),
        ({"x": {"code": "1"}, "y": {"code": "2"}}, "*", ["1", "2"]),
        ({"s": {"x": [{"code": "1"}], "y": [{"code": "2"}]}}, "s.*", ["1", "2"]),
        ({"a.b": {"c": [{"code": "1"}]}}, '"a.b".c', ["1"]),
        ([[{"code": "1"}], [{"code": "2"}]], "[]", None),
        ([{"x": [{"code": "1"}]}, {"x": [{"code": "2"}]}], "[].x", ["1", "2"]),
    ],
)
def test_a_path_leads_to_the_records(staged, document, path, codes):
    body, columns = json.dumps(document), {"code": "text"}
    if codes is None:
        with pytest.raises(ReadError):
            staged(body, columns, source=at(path))
        return
    assert rows_of(staged(body, columns, source=at(path)).table) == [(code,) for code in codes]


def test_the_key_of_a_record_among_the_members_of_an_object_is_kept(staged):
    columns = {"id": {"type": "text", "from": "^.key"}, "n": "integer"}
    body = json.dumps({"b": {"n": 1}, "a": {"n": 2}})
    assert rows_of(staged(body, columns, key=["id"], source=at("*")).table) == [("a", 2), ("b", 1)]


@pytest.mark.parametrize("path", ["a..b", ".a", "a.", "a[", "a[x]", "a{}.b", "a]"])
def test_what_is_no_path_is_refused(staged, path):
    with pytest.raises(ReadError, match="is no path"):
        staged(json.dumps({"a": []}), {"code": "text"}, source=at(path))


WEATHER = {
    "latitude": 34.7,
    "hourly": {"time": ["2024-09-01T00:00", "2024-09-01T01:00"], "t": [18.7, None]},
}


def test_lists_of_columns_become_rows(staged):
    columns = {
        "time": "datetime",
        "t": "decimal(4,1)",
        "lat": {"type": "number", "from": "^.latitude"},
    }
    found = staged(json.dumps(WEATHER), columns, source=at("hourly", columnar=True))
    assert [(str(t), lat) for _, t, lat in rows_of(found.table)] == [("18.7", 34.7), ("None", 34.7)]


def test_several_documents_of_columns_have_each_what_stands_around_them(staged):
    files = {
        f"{n}.json": json.dumps({"lat": n, "x": {"code": [f"{n}a", f"{n}b"]}}).encode()
        for n in (1, 2)
    }
    columns = {"code": "text", "lat": {"type": "integer", "from": "^.lat"}}
    found = staged(files, columns, source=at("x", columnar=True))
    assert rows_of(found.table) == [("1a", 1), ("1b", 1), ("2a", 2), ("2b", 2)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"code": [1, 2], "t": [1]}, "different lengths: code 2, t 1"),
        ({"code": [1], "unit": "K"}, "'unit' in line 1 is no list|'unit' is no list"),
        ([[1], [2]], "no object"),
    ],
)
def test_columns_that_make_no_table_are_refused(staged, columns, message):
    with pytest.raises(ReadError, match=message):
        staged(json.dumps({"x": columns}), {"code": "text"}, source=at("x", columnar=True))


def test_records_that_are_lists_are_found_by_position(staged):
    body = json.dumps({"data": [["1", "a"], ["2", "b"], {"x": 1}]})
    columns = {"code": {"type": "text", "from": "c1"}, "name": {"type": "text", "from": "c2"}}
    result = staged(body, columns, source=at("data"))
    assert rows_of(result.table) == [("1", "a"), ("2", "b")]
    assert rows_of(result.rejects, "line, reason") == [(1, "no list")]


def test_pages_make_one_table_even_where_one_is_empty(staged):
    pages = {
        "page-1.json": b'{"value": [{"code": "1"}]}',
        "page-2.json": b'{"value": []}',
        "page-3.json": b'{"value": [{"code": "2", "late": "x"}]}',
    }
    columns = {"code": "text", "late": "text"}
    found = staged(pages, columns, source=at("value"))
    assert rows_of(found.table) == [("1", None), ("2", "x")]


def test_a_page_without_the_path_fails_the_whole(staged):
    pages = {"1.json": b'{"value": [{"code": "1"}]}', "2.json": b'{"error": "try later"}'}
    with pytest.raises(ReadError, match=r"2\.json has no records at 'value': no 'value'"):
        staged(pages, {"code": "text"}, source=at("value"))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"code": "2", "code": "3"}', "the key 'code' comes twice"),
        ('{"code": "2", "x": {"a": 1, "a": 1}}', "the key 'a' comes twice"),
        ('{"code": "2", "x": NaN}', "NaN is no JSON"),
        ('{"code": "2", "x": [-Infinity]}', "-Infinity is no JSON"),
        ('{"code": "\\ud800"}', "half of a surrogate pair"),
        ("5", "no object"),
    ],
)
@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_what_json_forbids_is_rejected_and_its_neighbours_are_read(staged, record, reason, format):
    records = ['{"code": "1"}', record, '{"code": "4"}']
    body = "[" + ",\n".join(records) + "]" if format == "json" else "\n".join(records) + "\n"
    result = staged(body, {"code": "text"}, source={"format": format})
    assert rows_of(result.table) == [("1",), ("4",)]
    ((line, told),) = rows_of(result.rejects, "line, reason")
    assert (line, reason in told) == (2, True)


def test_a_broken_line_is_rejected_with_its_number(staged):
    body = '{"code": "1"}\n\nnonsense\n{"code": "2"} {"code": "3"}\n{"code": "4"}\n'
    result = staged(body, {"code": "text"}, source={"format": "ndjson"})
    assert rows_of(result.table) == [("1",), ("4",)]
    assert rows_of(result.rejects, "line, original") == [
        (3, "nonsense"),
        (4, '{"code": "2"} {"code": "3"}'),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_every_unicode_encoding_is_known_by_its_first_bytes(staged, encoding, format):
    record = {"code": "بركان"}
    body = json.dumps([record] if format == "json" else record, ensure_ascii=False)
    found = staged((body + "\n").encode(encoding), {"code": "text"}, source={"format": format})
    assert rows_of(found.table) == [("بركان",)]


def test_bytes_of_another_encoding_are_refused(staged):
    body = json.dumps([{"code": "é"}], ensure_ascii=False).encode("cp1252")
    with pytest.raises(ReadError, match="can't decode") as raised:
        staged(body, {"code": "text"}, source={"format": "json"})
    assert "source.dialect.encoding" in str(raised.value)
    declared = {"format": "json", "dialect": {"encoding": "cp1252"}}
    assert rows_of(staged(body, {"code": "text"}, source=declared).table) == [("é",)]


@pytest.mark.parametrize("depth", [70, 5_000, 200_000])
@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_a_value_that_is_nested_too_deep_is_never_data(staged, depth, format):
    record = '{"code": "1", "x": ' + "[" * depth + "]" * depth + "}"
    body = f"[{record}]" if format == "json" else record + "\n"
    with pytest.raises(ReadError):
        staged(body, {"code": "text"}, source={"format": format})


def test_a_second_document_behind_the_first_is_refused(staged):
    with pytest.raises(ReadError, match="something follows the document") as raised:
        staged('[{"code": "1"}]\n[{"code": "2"}]', {"code": "text"}, source={"format": "json"})
    assert "ndjson" in str(raised.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner,
                                                                max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(values=st.lists(JSON, min_size=1, max_size=20), block=st.integers(1, 40),
       indent=st.sampled_from([None, 0, 3]))  # fmt: skip
def test_values_are_what_they_were_wherever_a_block_ends(values, block, indent, tmp_path_factory):
    import moulouya.readers.json.text as text

    path = tmp_path_factory.mktemp("json") / "x.json"
    path.write_text(json.dumps(values, indent=indent), encoding="utf-8")
    patch = pytest.MonkeyPatch()
    patch.setattr(text, "BLOCK", block)
    with path.open(encoding="utf-8") as file:
        document = text.Text(path, file)
        found = [text.text_of(document.value()) for _ in document.elements()]
        document.end()
    patch.undo()
    for value, told in zip(values, found, strict=True):
        if isinstance(value, str) or value is None:
            assert told == value
        else:
            assert told is not None
            assert json.loads(told) == value
