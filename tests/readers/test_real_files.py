"""Corpora of awkward files that real software stumbled over, read by a declared dialect."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from moulouya.errors import ReadError
from small_workspace import dicts_of, rows_of

SPECTRUM = (
    "comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json",
    "newlines", "newlines_crlf", "quotes_and_newlines", "simple", "simple_crlf", "utf8",
)  # fmt: skip
POLLOCK = {
    "file_double_trailing_newline": {},
    "file_field_delimiter_0x3B": {"delimiter": ";"},
    "file_field_delimiter_0x9": {"delimiter": "\t"},
    "file_no_trailing_newline": {},
    "file_one_data_row": {},
    "file_preamble": {"skip": 2},
    "file_record_delimiter_0xA": {},
    "file_record_delimiter_0xD": {},
}
PRODUCTS = (
    "DATE", "TIME", "Qty", "PRODUCTID", "Price", "ProductType", "ProductDescription", "URL",
    "Comments",
)  # fmt: skip


def texts(names):
    return {f"c{number}": {"type": "text", "from": name} for number, name in enumerate(names, 1)}


def values(table: Path, names):
    return [tuple(row[f"c{n}"] for n in range(1, len(names) + 1)) for row in dicts_of(table)]


@pytest.mark.parametrize("name", SPECTRUM)
def test_csv_spectrum_gives_the_expected_values(staged, shared_data, name):
    folder = shared_data / "robustness/csv-spectrum"
    body = (folder / "csvs" / f"{name}.csv").read_bytes()
    expected = json.loads((folder / "json" / f"{name}.json").read_text(encoding="utf-8"))
    expected = expected if isinstance(expected, list) else [expected]
    names = list(expected[0])
    result = staged(body, texts(names))
    found = [dict(zip(names, row, strict=True)) for row in values(result.table, names)]
    # The corpus lost the carriage returns of this file on its way through git.
    wanted = [
        {key: value.replace("\r\n", "\n") or None for key, value in row.items()} for row in expected
    ]
    assert sorted(found, key=str) == sorted(wanted, key=str)  # staging sorts by key
    assert result.rejected == 0


def clean_rows(folder: Path, name: str) -> list[tuple[str | None, ...]]:
    with (folder / "clean" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return [tuple(value or None for value in row) for row in rows[1:]]


@pytest.mark.parametrize("name", POLLOCK)
def test_pollock_files_are_read_whole_by_their_dialect(staged, shared_data, name):
    folder = shared_data / "robustness/pollock"
    body = (folder / "csv" / f"{name}.csv").read_bytes()
    result = staged(body, texts(PRODUCTS), source={"dialect": POLLOCK[name]})
    assert result.rejected == 0
    assert sorted(values(result.table, PRODUCTS), key=str) == sorted(
        clean_rows(folder, name), key=str
    )


def test_polluted_rows_are_read_or_rejected_but_never_invented(staged, shared_data):
    folder = shared_data / "robustness/pollock"
    paths = sorted((folder / "csv").glob("row_*.csv"))[::3]
    assert len(paths) > 10
    for path in paths:
        if path.stem.endswith(("quote0_col0", "row0_col0", "row0_col1")) or "_0_0x" in path.stem:
            continue  # the header itself is polluted
        result = staged(path.read_bytes(), texts(PRODUCTS))
        clean = clean_rows(folder, path.stem)
        found = values(result.table, PRODUCTS)
        assert len(found) + result.rejected >= len(clean) - 1, path.name
        strangers = [row for row in found if row not in clean]
        assert len(strangers) <= 1, path.name


@pytest.mark.parametrize("name", ["file_no_payload", "file_header_only"])
def test_pollock_files_without_rows(staged, shared_data, name):
    body = (shared_data / f"robustness/pollock/csv/{name}.csv").read_bytes()
    if not body.strip():
        with pytest.raises(ReadError, match="is empty"):
            staged(body, texts(PRODUCTS))
    else:
        assert staged(body, texts(PRODUCTS)).rows == 0


@pytest.mark.parametrize(
    ("name", "names", "dialect", "rows"),
    [
        ("bom", ["id", "name"], {}, [("1", "english"), ("2", "中国人")]),
        ("latin1", ["id", "name"], {"encoding": "latin-1"}, [("1", "english"), ("2", "©")]),
        ("blank-headers", ["id", "age"], {}, [("1101", "30"), ("1102", "26")]),
        ("blank-cells", ["id", "name"], {},
         [("1", "Paul"), ("2", "John"), ("3", "George"), ("4", "Ringo"), ("5", None)]),
        ("issue-1009-semicolon", ["fieldNameA", "fieldNameB"], {"delimiter": ";"}, [("0123", "c")]),
        ("duplicate-headers", ["id", "name", "id#2", "age", "id#3"], {},
         [("1101", "John", "0", "30", "001101"), ("1102", "Julie", "0", "26", "001102")]),
    ],
)  # fmt: skip
def test_frictionless_files_give_their_rows(staged, shared_data, name, names, dialect, rows):
    body = (shared_data / f"robustness/frictionless/{name}.csv").read_bytes()
    assert values(staged(body, texts(names), source={"dialect": dialect}).table, names) == rows


def test_a_frictionless_file_with_defective_rows_has_them_rejected(staged, shared_data):
    body = (shared_data / "robustness/frictionless/defective-rows.csv").read_bytes()
    result = staged(body, texts(["id", "name", "age"]))
    assert (result.rows, rows_of(result.rejects, "line, original")) == (
        0, [(2, "1101,John"), (3, "1102,Julie,26,Potatoes")]
    )  # fmt: skip


def test_rows_of_empty_fields_are_rejected_because_they_have_no_key(staged, shared_data):
    body = (shared_data / "robustness/frictionless/blank-rows-multiple.csv").read_bytes()
    result = staged(body, texts(["id", "name", "age"]))
    assert result.rows == 2
    assert result.rejected == body.decode().count("\n,,")


@pytest.mark.parametrize(
    ("name", "encoding", "word"),
    [
        ("sample-arabic-1.txt", "cp1256", "العربية"),
        ("sample-arabic.txt", "utf-8", "العربية"),
        ("sample-french-1.txt", "cp1252", "É"),
        ("sample-french.txt", "utf-8", "é"),
        ("sample-russian.txt", "mac_cyrillic", "и"),
        ("sample-greek.txt", "cp1253", "ο"),
        ("sample-turkish.txt", "cp1254", "ı"),
        ("sample-english.bom.txt", "utf-8", "the"),
    ],
)
def test_texts_in_many_encodings_arrive_letter_by_letter(staged, shared_data, name, encoding, word):
    raw = (shared_data / "robustness/encodings" / name).read_bytes()
    text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    assert any(word in line for line in lines)
    body = "\n".join(f"{number}\t{line}" for number, line in enumerate(lines))
    columns = {"c1": "integer", "c2": "text"}
    dialect = {"encoding": encoding, "delimiter": "\t", "quote": "", "header": False}
    if any("\t" in line for line in lines):
        pytest.skip("the sample has tabs of its own")
    table = staged(body.encode(encoding), columns, source={"dialect": dialect}).table
    assert [row[1] for row in rows_of(table)] == lines


@pytest.mark.parametrize(
    ("name", "encoding", "packed"),
    [("latin1.csv", "latin-1", False), ("latin1.csv.gz", "latin-1", True),
     ("utf16.csv", "utf-16", False), ("utf16.csv.gz", "utf-16", True),
     ("shift_jis.csv", "shift_jis", False)],
)  # fmt: skip
def test_duckdbs_own_encoding_samples_are_read(staged, shared_data, name, encoding, packed):
    import gzip

    raw = (shared_data / "robustness/duckdb-csv-encodings/encodings" / name).read_bytes()
    text = (gzip.decompress(raw) if packed else raw).decode(encoding)
    expected = [row for row in csv.reader(text.splitlines()) if row]
    width = len(expected[0])
    columns = {f"c{number}": "text" for number in range(1, width + 1)}
    source = {"dialect": {"encoding": encoding, "header": False},
              "compression": "gzip" if packed else "none"}  # fmt: skip
    result = staged(raw, columns, source=source)
    assert result.rows + result.rejected == len(expected)
    assert sorted(map(list, rows_of(result.table))) == sorted(row for row in expected if all(row))


def test_naughty_strings_arrive_unharmed(staged, shared_data):
    strings = json.loads((shared_data / "robustness/blns/blns.json").read_text(encoding="utf-8"))
    records = [{"n": number, "x": text} for number, text in enumerate(strings)]
    columns = {"n": "integer", "x": {"type": "text", "missing": []}}
    body = json.dumps(records).encode()
    table = staged({"x.json": body}, columns, source={"format": "json"}).table
    assert [row[1] for row in rows_of(table)] == strings


def test_a_morocco_file_with_a_byte_order_mark_is_read(staged, shared_data):
    body = (shared_data / "morocco/datagovma_pedagogique.csv").read_bytes()
    header, *rows = csv.reader(body.decode("utf-8-sig").splitlines())
    columns = {f"c{n}": {"type": "text", "from": name.strip()} for n, name in enumerate(header, 1)}
    result = staged(body, columns, list(columns))
    assert result.rows + result.rejected == len([row for row in rows if row])


def test_a_morocco_file_in_cp1252_with_semicolons_is_read(staged, shared_data):
    body = (shared_data / "morocco/datagovma_universites.csv").read_bytes()
    header, *rows = csv.reader(body.decode("cp1252").splitlines(), delimiter=";")
    columns = {f"c{n}": {"type": "text", "from": name.strip()}
               for n, name in enumerate(header, 1) if name.strip()}  # fmt: skip
    source = {"dialect": {"delimiter": ";", "encoding": "cp1252"}}
    result = staged(body, columns, source=source)
    assert result.rows + result.rejected == len([row for row in rows if row])
    assert any("Universit\u00e9" in str(row) for row in rows_of(result.table))


@pytest.mark.parametrize("name", ["ARROW-GH-43605", "ARROW-GH-45185", "ARROW-RS-GH-6229-LEVELS",
                                  "ARROW-RS-GH-6229-DICTHEADER", "PARQUET-1481"])  # fmt: skip
def test_damaged_parquet_is_refused_or_read_but_never_crashes(staged, shared_data, name):
    body = (shared_data / f"robustness/parquet-testing/bad_data/{name}.parquet").read_bytes()
    with pytest.raises(ReadError):
        staged({"x.parquet": body}, {"no_such_column": "text"}, source={"format": "parquet"})
