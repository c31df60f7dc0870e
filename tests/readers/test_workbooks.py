"""Workbooks: what a person sees in a cell is what arrives, and nothing arrives by accident."""

from __future__ import annotations

import datetime as dt
import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from moulouya.errors import ReadError
from moulouya.readers.workbook.cells import number
from small_workspace import rows_of

XLSX = {"format": "xlsx"}


def workbook(*fill: Callable[..., None], **options: Any) -> dict[str, bytes]:
    """An XLSX whose sheets are called as the functions that fill them."""
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True, **options})
    for one in fill:
        one(book, book.add_worksheet(one.__name__))
    book.close()
    return {"x.xlsx": content.getvalue()}


def sheet(rows: list[list[Any]], name: str = "sheet") -> Callable[..., None]:
    def fill(book: Any, sheet: Any) -> None:
        for line, row in enumerate(rows):
            for column, value in enumerate(row):
                if value is not None:
                    sheet.write(line, column, value)

    fill.__name__ = name
    return fill


def ods(table: str, sheet: str = "sheet") -> dict[str, bytes]:
    content = io.BytesIO()
    names = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
        for short, long in (("office", "office"), ("table", "table"), ("text", "text"))
    )
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            f"<office:document-content {names} xmlns:calcext="
            '"urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
            f'<office:body><office:spreadsheet><table:table table:name="{sheet}">{table}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    return {"x.ods": content.getvalue()}


def cell(text: str, attribute: str = "", value: object = "") -> str:
    more = f'{attribute}="{value}"' if attribute else ""
    return (
        f'<table:table-cell office:value-type="string" {more}><text:p>{text}</text:p>'
        "</table:table-cell>"
    )


def test_numbers_dates_and_booleans_arrive_as_a_person_sees_them(staged):
    def values(book, sheet):
        sheet.write_row(0, 0, ["code", "n", "x", "day", "moment", "yes"])
        sheet.write(1, 0, "001")
        sheet.write(1, 1, 38430770)
        sheet.write(1, 2, 0.15, book.add_format({"num_format": "0%"}))
        sheet.write_datetime(
            1, 3, dt.datetime(2024, 9, 1), book.add_format({"num_format": "dd/mm/yyyy"})
        )
        sheet.write_datetime(
            1,
            4,
            dt.datetime(2024, 9, 1, 23, 59, 59),
            book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"}),
        )
        sheet.write(1, 5, True)

    columns = dict.fromkeys(("code", "n", "x", "day", "moment", "yes"), "text")
    table = staged(workbook(values), columns, source=XLSX).table
    assert rows_of(table) == [
        ("001", "38430770", "0.15", "2024-09-01", "2024-09-01T23:59:59", "true")
    ]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_means_exactly_that_number(value):
    text = number(value)
    assert float(text) == value
    assert not text.endswith(".0") or abs(value) >= 2**53


def test_dates_counted_from_1904_are_the_same_days(staged):
    def days(book, sheet):
        sheet.write(0, 0, "day")
        sheet.write_datetime(
            1, 0, dt.datetime(2024, 9, 1), book.add_format({"num_format": "yyyy-mm-dd"})
        )

    files = workbook(days, date_1904=True)
    assert rows_of(staged(files, {"day": "date"}, source=XLSX).table) == [(dt.date(2024, 9, 1),)]


def test_an_error_cell_is_rejected_by_every_type_and_never_a_gap(staged):
    def errors(book, sheet):
        sheet.write_row(0, 0, ["code", "n"])
        sheet.write(1, 0, "a")
        sheet.write_formula(1, 1, "=NA()", None, "#N/A")
        sheet.write_row(2, 0, ["b", 5])

    result = staged(workbook(errors), {"code": "text", "n": "integer"}, source=XLSX)
    assert rows_of(result.table) == [("b", 5)]
    assert rows_of(result.rejects, "line, reason") == [(2, "n: #N/A is not integer")]


def test_a_formula_that_was_never_computed_is_told(staged):
    def formulas(book, sheet):
        sheet.write_row(0, 0, ["code", "n"])
        sheet.write(1, 0, "a")
        sheet.write_formula(1, 1, "=1+1", None, "")
        sheet.write(2, 0, "b")
        sheet.write_formula(2, 1, "=1+1", None, 2)

    result = staged(workbook(formulas), {"code": "text", "n": "integer"}, source=XLSX)
    assert rows_of(result.table) == [("b", 2)]
    ((line, reason),) = rows_of(result.rejects, "line, reason")
    assert (line, "B2: a formula without a computed value" in reason) == (2, True)


def test_a_sheet_is_chosen_by_its_name_and_a_missing_one_lists_those_there_are(staged):
    files = workbook(sheet([["a"], [1]], "Lisez-moi"), sheet([["code"], ["x"]], "Données"))
    source = {**XLSX, "sheet": {"name": "Données"}}
    assert rows_of(staged(files, {"code": "text"}, source=source).table) == [("x",)]
    with pytest.raises(ReadError, match=r"no sheet 'Donnees'.*Données") as raised:
        staged(files, {"code": "text"}, source={**XLSX, "sheet": {"name": "Donnees"}})
    assert "Lisez-moi, Données" in str(raised.value)
    with pytest.raises(ReadError, match="2 sheets, and none is declared"):
        staged(files, {"code": "text"}, source=XLSX)


def test_a_hidden_sheet_is_read_when_it_is_asked_for_and_listed_as_hidden(staged):
    def shown(book, sheet):
        sheet.write_row(0, 0, ["code"])
        sheet.write_row(1, 0, ["x"])

    def secret(book, sheet):
        shown(book, sheet)
        sheet.hide()

    files = workbook(shown, secret)
    assert staged(files, {"code": "text"}, source=XLSX).rows == 1
    assert staged(files, {"code": "text"}, source={**XLSX, "sheet": {"name": "secret"}}).rows == 1
    with pytest.raises(ReadError, match=r"secret \(hidden\)"):
        staged(files, {"code": "text"}, source={**XLSX, "sheet": {"name": "other"}})


def test_header_rows_are_joined_and_their_merged_areas_fill_them(staged):
    def census(book, sheet):
        sheet.merge_range(0, 0, 1, 0, "Commune")
        sheet.merge_range(0, 1, 0, 2, "Population\n légale")
        sheet.write_row(1, 1, [2014, 2024])
        sheet.write_row(2, 0, ["Berkane", 1, 2])

    columns = {
        "commune": {"type": "text", "from": "Commune"},
        "y14": {"type": "integer", "from": "Population légale 2014"},
        "y24": {"type": "integer", "from": "Population légale 2024"},
    }
    source = {**XLSX, "sheet": {"header": [1, 2]}}
    assert rows_of(staged(workbook(census), columns, source=source).table) == [("Berkane", 1, 2)]


@pytest.mark.parametrize(("merged", "second"), [("first", None), ("fill", "Oriental")])
def test_merged_cells_of_the_body_are_as_declared(staged, merged, second):
    def body(book, sheet):
        sheet.write_row(0, 0, ["code", "region"])
        sheet.write_column(1, 0, ["a", "b"])
        sheet.merge_range(1, 1, 2, 1, "Oriental")

    source = {**XLSX, "sheet": {"merged": merged}}
    table = staged(workbook(body), {"code": "text", "region": "text"}, source=source).table
    assert rows_of(table) == [("a", "Oriental"), ("b", second)]


def test_a_table_may_stand_anywhere_and_its_rows_keep_their_numbers(staged):
    def notes(book, sheet):
        sheet.write(0, 0, "Recensement 2024")
        sheet.write_row(3, 1, ["code", "n"])
        sheet.write_row(4, 1, ["a", 1])
        sheet.write_row(6, 1, ["b", "x"])  # below a blank row
        sheet.write(9, 1, "Source: HCP")

    source = {**XLSX, "sheet": {"header": 4, "columns": "B:C", "end": 8}}
    result = staged(workbook(notes), {"code": "text", "n": "integer"}, source=source)
    assert rows_of(result.table) == [("a", 1)]
    assert rows_of(result.rejects, "line") == [(7,)]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 2), (3, 0), (5, 3)])
def test_a_table_with_nothing_before_it_keeps_its_place(staged, row, column):
    def alone(book, sheet):
        sheet.write_row(row, column, ["code", "n"])
        sheet.write_row(row + 2, column, ["a", 1])
        sheet.write_row(row + 3, column, ["b", "x"])

    source = {**XLSX, "sheet": {"header": row + 1}}
    result = staged(workbook(alone), {"code": "text", "n": "integer"}, source=source)
    assert rows_of(result.table) == [("a", 1)]
    assert rows_of(result.rejects, "line") == [(row + 4,)]


def joined(arabic: list[list[Any]]) -> tuple[dict[str, bytes], dict[str, Any]]:
    french = sheet([["code", "nom"], ["1", "Berkane"], ["2", "Oujda"]], "fr")
    source = {
        **XLSX,
        "sheet": {"name": "fr", "join": [{"name": "ar", "key": ["code"], "suffix": "_ar"}]},
    }
    return workbook(french, sheet(arabic, "ar")), source


JOINED = {"code": "text", "nom": "text", "nom_ar": "text"}


def test_parallel_sheets_are_joined_by_key_and_never_by_order(staged):
    files, source = joined([["nom", "code"], ["وجدة", 2], ["بركان", 1]])
    assert rows_of(staged(files, JOINED, source=source).table) == [
        ("1", "Berkane", "بركان"),
        ("2", "Oujda", "وجدة"),
    ]


def test_a_row_that_the_other_sheet_lacks_stays(staged):
    files, source = joined([["code", "nom"], ["1", "بركان"]])
    assert rows_of(staged(files, JOINED, source=source).table)[1] == ("2", "Oujda", None)


@pytest.mark.parametrize(
    ("arabic", "message"),
    [
        ([["code", "nom"], ["3", "الناظور"]], r"key '3' \(row 2\) is not in 'fr'"),
        ([["code", "nom"], ["1", "ا"], ["1", "ب"]], "key '1' is in rows 2 and 3"),
        ([["kod", "nom"], ["1", "ا"]], "the sheet 'ar' has no column 'code'"),
    ],
)
def test_sheets_that_do_not_fit_together_are_refused(staged, arabic, message):
    files, source = joined(arabic)
    with pytest.raises(ReadError, match=message):
        staged(files, JOINED, source=source)


def test_several_workbooks_are_one_table(staged):
    one, two = (workbook(sheet([["code"], [code]]))["x.xlsx"] for code in "ab")
    result = staged({"a.xlsx": one, "b.xlsx": two}, {"code": "text"}, source=XLSX)
    assert rows_of(result.table) == [("a",), ("b",)]


def test_a_cell_far_out_is_refused_before_it_costs_memory(staged):
    def far(book, sheet):
        sheet.write(0, 0, "code")
        sheet.write(1048575, 16383, "x")

    with pytest.raises(ReadError, match="XFD1048576"):
        staged(workbook(far), {"code": "text"}, source=XLSX)


def with_part(files: dict[str, bytes], name: str, content: bytes) -> dict[str, bytes]:
    body = io.BytesIO(files["x.xlsx"])
    with zipfile.ZipFile(body, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return {"x.xlsx": body.getvalue()}


@pytest.mark.parametrize(
    ("part", "content", "message"),
    [
        ("xl/vbaProject.bin", b"", "has macros"),
        ("xl/macrosheets/sheet1.xml", b"", "has macros"),
        ("xl/media/image1.bmp", bytes(70 * 1024 * 1024), "expands beyond"),
    ],
)
def test_what_no_honest_workbook_has_is_refused(staged, part, content, message):
    files = with_part(workbook(sheet([["code"], ["x"]])), part, content)
    with pytest.raises(ReadError, match=message):
        staged(files, {"code": "text"}, source=XLSX)


def test_a_workbook_with_entities_in_its_xml_is_refused(staged):
    plain = zipfile.ZipFile(io.BytesIO(workbook(sheet([["code"], ["x"]]))["x.xlsx"]))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in plain.namelist():
            body = plain.read(name)
            if "sheet1" in name:
                body = body.replace(b"<worksheet", b'<!DOCTYPE a [<!ENTITY a "b">]><worksheet', 1)
            archive.writestr(name, body)
    with pytest.raises(ReadError, match="document type"):
        staged({"x.xlsx": made.getvalue()}, {"code": "text"}, source=XLSX)


@pytest.mark.parametrize(
    ("content", "declared", "message"),
    [
        (b"code\n1\n", "xlsx", "is not an XLSX workbook"),
        (b"<html><table>", "xls", "an HTML page, not an XLS workbook"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "xlsx", "or an encrypted XLSX"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "xls", "not readable as a workbook"),
        (b"PK\x03\x04" + bytes(100), "xlsx", "is no workbook"),
    ],
)
def test_what_is_no_such_workbook_is_refused(staged, content, declared, message):
    with pytest.raises(ReadError, match=message):
        staged({"x.xlsx": content}, {"code": "text"}, source={"format": declared})


def test_an_ods_called_xlsx_names_its_format(staged):
    files = {"x.xlsx": ods(f"<table:table-row>{cell('code')}</table:table-row>")["x.ods"]}
    with pytest.raises(ReadError, match="declare format: ods"):
        staged(files, {"code": "text"}, source=XLSX)


def test_an_ods_with_merged_and_error_cells_and_repeated_rows_is_read(staged):
    table = (
        f"<table:table-row>{cell('code')}{cell('region')}</table:table-row>"
        f"<table:table-row>{cell('a')}"
        f"{cell('Oriental', 'table:number-rows-spanned', 2)}</table:table-row>"
        f"<table:table-row>{cell('b')}<table:covered-table-cell/></table:table-row>"
        f"<table:table-row>{cell('c')}{cell('#N/A', 'calcext:value-type', 'error')}"
        "</table:table-row>"
        '<table:table-row table:number-rows-repeated="1048000">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    )
    source = {"format": "ods", "sheet": {"merged": "fill"}}
    found = staged(ods(table), {"code": "text", "region": "text"}, source=source)
    assert rows_of(found.table) == [("a", "Oriental"), ("b", "Oriental"), ("c", "#N/A")]


def test_an_ods_that_repeats_a_value_beyond_measure_is_refused(staged):
    table = (
        f"<table:table-row>{cell('code')}</table:table-row>"
        '<table:table-row table:number-rows-repeated="1000000">'
        f"{cell('x', 'table:number-columns-repeated', 16000)}</table:table-row>"
    )
    with pytest.raises(ReadError, match="would have more than 5000000 cells"):
        staged(ods(table), {"code": "text"}, source={"format": "ods"})


def compound_file(stream: bytes) -> bytes:
    """The smallest compound file ([MS-CFB]) with one stream, Workbook."""
    size = 512
    stream = stream.ljust(4096, b"\0")
    sectors = len(stream) // size
    table = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + sectors), 0xFFFFFFFE]
    table += [0xFFFFFFFF] * (size // 4 - len(table))

    def entry(name: str, kind: int, child: int, start: int, length: int) -> bytes:
        letters = (name + "\0").encode("utf-16-le")
        return (
            letters.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(letters), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
            + bytes(36)
            + struct.pack("<IQ", start, length)
        )

    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    directory = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0)
    directory += entry("Workbook", 2, 0xFFFFFFFF, 2, len(stream))
    return header + struct.pack(f"<{size // 4}I", *table) + directory.ljust(size, b"\0") + stream


def biff(*cells: bytes) -> bytes:
    """An XLS ([MS-XLS]) whose one sheet, A, has these cell records."""

    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    bof = [record(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 0)) for kind in (5, 16)]
    sheet_name = struct.pack("<BB", 1, 0) + b"A"
    length = len(bof[0]) + 4 + 6 + len(sheet_name) + 4
    globals_ = bof[0] + record(0x85, struct.pack("<IBB", length, 0, 0) + sheet_name)
    globals_ += record(0x0A, b"")
    return compound_file(globals_ + bof[1] + b"".join(cells) + record(0x0A, b""))


def label(row: int, column: int, text: str) -> bytes:
    data = struct.pack("<HHHHB", row, column, 0, len(text), 0) + text.encode()
    return struct.pack("<HH", 0x204, len(data)) + data


def error_cell(row: int, column: int, code: int) -> bytes:
    return struct.pack("<HHHHHBB", 0x205, 8, row, column, 0, code, 1)


def test_an_error_cell_of_an_xls_is_told_as_well(staged):
    cells = [label(0, 0, "code"), label(0, 1, "n"), label(1, 0, "a"), error_cell(1, 1, 0x2A)]
    result = staged(
        {"x.xls": biff(*cells)}, {"code": "text", "n": "text"}, source={"format": "xls"}
    )
    assert rows_of(result.table) == [("a", "#N/A")]
