"""XML: the elements at a path as rows; nothing that a document can be made to do."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moulouya.errors import ReadError
from small_workspace import rows_of, stage_bytes


def xml(records: str) -> dict[str, Any]:
    return {"format": "xml", "records": records}


STATIONS = """<?xml version="1.0" encoding="UTF-8"?>
<!-- measured -->
<network year="2024">
  <station id="1">
    <name>Berkane</name>
    <at lat="34.9"><height>160</height></at>
    <tag>x</tag><tag>y</tag>
  </station>
  <note>skip me</note>
  <station id="2">
    <name>وجدة &amp; <![CDATA[<b>]]></name>
    <tag>z</tag>
  </station>
</network>
"""


def test_children_attributes_and_what_is_within_are_columns(staged):
    columns = {
        "id": {"type": "integer", "from": "@id"},
        "name": "text",
        "lat": {"type": "number", "from": "at/@lat"},
        "height": {"type": "integer", "from": "at/height"},
        "year": {"type": "integer", "from": "../@year"},
        "tag": "json",
    }
    assert rows_of(staged(STATIONS, columns, source=xml("network/station")).table) == [
        (1, "Berkane", 34.9, 160, 2024, '["x","y"]'),
        (2, "وجدة & <b>", None, None, 2024, '["z"]'),
    ]


def test_a_rejected_record_is_found_by_its_line(staged):
    columns = {"id": {"type": "text", "from": "@id"}, "height": {"type": "integer", "from": "name"}}
    result = staged(STATIONS, columns, source=xml("network/station"))
    assert rows_of(result.rejects, "line") == [(4,), (10,)]


def test_a_record_may_be_nothing_but_its_text_and_attributes(staged):
    body = '<a><v y="1">5</v><v y="2"/></a>'
    columns = {"y": {"type": "integer", "from": "@y"}, "n": {"type": "integer", "from": "."}}
    assert rows_of(staged(body, columns, source=xml("a/v")).table) == [(1, 5), (2, None)]


@pytest.mark.parametrize("path", ["feed/entry", "{http://x.org/1}feed/{http://x.org/1}entry"])
def test_namespaces_may_be_named_or_not(staged, path):
    body = (
        '<feed xmlns="http://x.org/1" xmlns:d="http://x.org/2">'
        "<entry><d:code>1</d:code></entry></feed>"
    )
    assert rows_of(staged(body, {"code": "text"}, source=xml(path)).table) == [("1",)]


def test_another_namespace_than_the_declared_one_has_no_records(staged):
    body = '<a xmlns="http://x.org/1"><b><code>1</code></b></a>'
    with pytest.raises(ReadError, match="no records"):
        staged(body, {"code": "text"}, source=xml("a/{http://x.org/2}b"))


def test_an_element_of_the_same_name_elsewhere_is_no_record(staged):
    body = "<a><x><r><c>1</c></r></x><r><c>2</c><r><c>3</c></r></r></a>"
    columns = {"c": "text"}
    assert rows_of(staged(body, columns, source=xml("a/r")).table) == [("2",)]


def test_a_nil_element_is_no_value_and_an_empty_one_an_empty_text(staged):
    body = (
        '<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<r><code>1</code><n xsi:nil="true"/></r><r><code>2</code><n></n></r></a>'
    )
    columns = {"code": "text", "n": {"type": "text", "missing": ["-"]}}
    assert rows_of(staged(body, columns, source=xml("a/r")).table) == [("1", None), ("2", "")]


def test_what_repeats_is_a_list_in_every_record_wherever_it_first_repeats(staged):
    records = "".join(f"<r><code>{n}</code><t>a</t></r>" for n in range(1500))
    body = f"<a>{records}<r><code>x</code><t>a</t><t>b</t></r></a>"
    found = staged(body, {"code": "text", "t": "json"}, source=xml("a/r"))
    assert rows_of(found.table, "DISTINCT t") in (
        [('["a"]',), ('["a","b"]',)],
        [('["a","b"]',), ('["a"]',)],
    )


def test_a_field_that_only_a_late_record_has_is_found(staged):
    body = "<a>" + "<r><code>1</code></r>" * 1500 + "<r><code>2</code><late>x</late></r></a>"
    found = staged(body, {"code": "text", "late": "text"}, source=xml("a/r"))
    assert rows_of(found.table, "max(late)") == [("x",)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1256", "iso-8859-6"])
def test_the_declared_encoding_is_that_of_the_document(staged, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><a><r><code>بركان</code></r></a>'
    found = staged(text.encode(encoding), {"code": "text"}, source=xml("a/r"))
    assert rows_of(found.table) == [("بركان",)]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<a>",
        "<a><r><code>1</code></r>",
        "<a><r></b></a>",
        "code,name\n1,a\n",
        '{"a": 1}',
        "<a><r><code>&nbsp;</code></r></a>",
        '<?xml version="1.0" encoding="utf-8"?><a><r><code>\udce9</code></r></a>',
        "<a><q><code>1</code></q></a>",
        "<a/>" + "<a/>",
        "<r>" * 400 + "</r>" * 400,
    ],
)
def test_what_is_no_such_xml_is_refused_with_the_name_of_the_file(staged, body):
    with pytest.raises(ReadError, match=r"x\.xml"):
        staged(
            {"x.xml": body.encode(errors="surrogateescape")},
            {"code": "text"},
            source=xml("a/r"),
        )


def test_without_records_at_the_path_it_says_what_there_is(staged):
    with pytest.raises(ReadError, match="no records") as raised:
        staged(STATIONS, {"id": "text"}, source=xml("network/item"))
    assert "network/station" in str(raised.value)


BOMB = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 20))


@pytest.mark.parametrize(
    "prolog",
    [
        f'<!DOCTYPE a [<!ENTITY x0 "lol">{BOMB}]>',
        f'<!DOCTYPE a [<!ENTITY x19 "{"A" * 100_000}">]>',
        '<!DOCTYPE a [<!ENTITY x19 SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">',
        "<!DOCTYPE a>",
    ],
)
def test_a_document_type_is_refused_at_once(staged, prolog):
    body = f"{prolog}<a><r><code>{'&x19;' * 1000 if 'x19' in prolog else 1}</code></r></a>"
    started = time.process_time()
    with pytest.raises(ReadError, match=r"document type|not well-formed"):
        staged(body, {"code": "text"}, source=xml("a/r"))
    assert time.process_time() - started < 5


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=5))
def test_texts_arrive_letter_by_letter(texts, tmp_path_factory):
    from xml.sax.saxutils import escape

    records = "".join(f"<r><n>{n}</n><t>{escape(t)}</t></r>" for n, t in enumerate(texts))
    columns = {"n": "integer", "t": {"type": "text", "missing": []}}
    folder = tmp_path_factory.mktemp("xml")
    found = stage_bytes(folder, f"<a>{records}</a>", columns, source=xml("a/r"))
    assert [text for _, text in rows_of(found.table)] == texts
