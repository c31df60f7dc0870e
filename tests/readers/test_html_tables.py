"""HTML: one table of a page, as a browser shows it."""

from __future__ import annotations

from typing import Any

import pytest

from moulouya.errors import ReadError
from small_workspace import rows_of


def html(table: Any = None, **dialect: Any) -> dict[str, Any]:
    source: dict[str, Any] = {"format": "html", "dialect": dialect}
    return source if table is None else {**source, "table": table}


def page(*tables: str) -> str:
    return f"<!DOCTYPE html><html><body>{''.join(tables)}</body></html>"


SIMPLE = "<table><tr><th>code<th>name<tr><td>1<td>a<tr><td>2<td>b</table>"
COLUMNS = {"code": "text", "name": "text"}


def test_a_table_without_closing_tags_is_read(staged):
    assert rows_of(staged(page(SIMPLE), COLUMNS, source=html()).table) == [("1", "a"), ("2", "b")]


def test_the_text_of_a_cell_is_what_is_shown(staged):
    cell = (
        "<b>Fès</b>-\n   Meknès&nbsp;&amp; <br> suite<script>x()</script>"
        '<span style="display: none">7</span><!-- no -->'
    )
    body = page(f"<table><tr><th>code<th>name<tr><td>1<td>{cell}</table>")
    assert rows_of(staged(body, COLUMNS, source=html()).table) == [("1", "Fès- Meknès\xa0&\nsuite")]


def test_cells_that_span_are_in_every_place_that_they_cover(staged):
    body = page(
        "<table><thead><tr><th rowspan=2>Commune</th><th colspan=2>Population</th></tr>"
        "<tr><th>2014</th><th>2024</th></tr></thead><tbody>"
        "<tr><td rowspan=2>Berkane</td><td>1</td><td>2</td></tr>"
        "<tr><td colspan=2>3</td></tr></tbody></table>"
    )
    columns = {
        "commune": {"type": "text", "from": "Commune"},
        "y14": {"type": "integer", "from": "Population 2014"},
        "y24": {"type": "integer", "from": "Population 2024"},
    }
    assert rows_of(staged(body, columns, source=html()).table) == [
        ("Berkane", 1, 2),
        ("Berkane", 3, 3),
    ]


@pytest.mark.parametrize("wanted", [2, "second", "La deuxième table"])
def test_a_table_is_chosen_by_number_id_or_caption(staged, wanted):
    second = SIMPLE.replace("<table>", "<table id=second><caption>La deuxième\n table</caption>")
    second = second.replace(">1<", ">9<")
    body = page(SIMPLE, second)
    assert rows_of(staged(body, COLUMNS, source=html(wanted)).table)[1] == ("9", "a")


@pytest.mark.parametrize("wanted", [None, 3, "third"])
def test_without_one_table_for_sure_it_lists_those_there_are(staged, wanted):
    body = page(SIMPLE, SIMPLE.replace("<table>", "<table id=second><caption>Deux</caption>"))
    with pytest.raises(ReadError) as raised:
        staged(body, COLUMNS, source=html(wanted))
    assert "1 (3 rows: code | name); 2 id second caption 'Deux' (3 rows" in str(raised.value)


def test_a_table_within_a_cell_is_a_table_of_its_own(staged):
    inner = "<table id=inner><tr><th>x<tr><td>y</table>"
    body = page(f"<table id=outer><tr><th>code<th>name<tr><td>1<td>{inner}a</table>")
    assert rows_of(staged(body, {"x": "text"}, source=html("inner")).table) == [("y",)]
    assert staged(body, COLUMNS, source=html("outer")).rows == 1


def test_a_row_of_other_width_is_rejected_with_its_line(staged):
    body = page("<table>\n<tr><th>code<th>name\n<tr><td>1<td>a\n<tr><td>2\n</table>")
    result = staged(body, COLUMNS, source=html())
    assert rows_of(result.table) == [("1", "a")]
    assert rows_of(result.rejects, "line, reason") == [(4, "1 fields instead of 2")]


@pytest.mark.parametrize(
    ("dialect", "columns", "rows"),
    [
        ({"header": False}, {"x": {"type": "text", "from": "c1"}}, [("a",), ("b",), ("c",)]),
        ({"header": 2}, {"x": {"type": "text", "from": "a b"}}, [("c",)]),
        ({"skip": 1}, {"x": {"type": "text", "from": "b"}}, [("c",)]),
        ({"skip_end": 1}, {"x": {"type": "text", "from": "a"}}, [("b",)]),
    ],
)
def test_a_table_without_header_cells_is_read_as_declared(staged, dialect, columns, rows):
    body = page("<table><tr><td>a<tr><td>b<tr><td>c</table>")
    assert rows_of(staged(body, columns, source=html(**dialect)).table) == rows


@pytest.mark.parametrize(
    ("encoding", "meta", "declared"),
    [
        ("utf-8", "", None),
        ("windows-1256", '<meta charset="windows-1256">', None),
        (
            "cp1256",
            "<meta http-equiv=Content-Type content='text/html;charset=cp1256'>",
            None,
        ),
        ("iso-8859-6", "", "iso-8859-6"),
        ("utf-16", "", None),
    ],
)
def test_the_encoding_is_declared_or_the_one_that_the_page_names(staged, encoding, meta, declared):
    body = f"<html><head>{meta}</head>" + SIMPLE.replace("<td>a", "<td>بركان")
    dialect = {"encoding": declared} if declared else {}
    source = html(**dialect) if declared else {"format": "html"}
    found = staged(body.encode(encoding), COLUMNS, source=source)
    assert rows_of(found.table)[0] == ("1", "بركان")


def test_bytes_of_another_encoding_are_refused(staged):
    body = SIMPLE.replace("<td>a", "<td>é").encode("cp1252")
    with pytest.raises(ReadError, match="is not utf-8"):
        staged(body, COLUMNS, source={"format": "html"})


def test_a_span_beyond_measure_costs_no_memory(staged):
    body = page("<table><tr><th colspan=999999999>x" + "<td colspan=1000>y" * 6000 + "</table>")
    with pytest.raises(ReadError, match="more than 5000000 cells"):
        staged(body, COLUMNS, source=html())


@pytest.mark.parametrize(
    "body", ["", "<html><p>503 Service Unavailable</html>", "<table></table>", '{"a": 1}']
)
def test_a_page_without_a_table_is_refused(staged, body):
    with pytest.raises(ReadError, match=r"x\.html"):
        staged({"x.html": body.encode()}, COLUMNS, source=html())


def test_a_page_is_read_without_the_network_or_files(staged):
    body = (
        '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        f"<link href='http://127.0.0.1:9/x'>{SIMPLE.replace('<td>a', '<td>&x;')}"
    )
    found = rows_of(staged(body, COLUMNS, source=html()).table)
    assert "root:" not in str(found)
