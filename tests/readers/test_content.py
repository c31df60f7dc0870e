"""What bytes look like: the guard against a page or an archive taken for a table."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile
import zipfile
from typing import Any

import pytest
import xlsxwriter
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from moulouya.content import looks_like, mismatch
from moulouya.definition import Reading


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return content.getvalue()


def workbook() -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content)
    book.add_worksheet()
    book.close()
    return content.getvalue()


def tarred() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    return content.getvalue()


KNOWN = [
    (gzip.compress(b"x", mtime=0), "gzip"),
    (bz2.compress(b"x"), "bzip2"),
    (bz2.compress(b""), "bzip2"),
    (zstandard.compress(b"x"), "zstd"),
    (zipped("a.csv"), "zip"),
    (zipped(), "zip"),
    (zipped("xl/workbook.xml"), "xlsx"),
    (workbook(), "xlsx"),
    (zipped("word/document.xml"), "office"),
    (tarred(), "tar"),
    (b"PAR1", "parquet"),
    (b"ARROW1\0\0", "arrow"),
    (b"%PDF-1.7", "pdf"),
    (b"SQLite format 3\0" + bytes(100), "sqlite"),
    (b"SQLite format 3\0" + bytes(52) + b"GPKG", "geopackage"),
    (bytes.fromhex("d0cf11e0a1b11ae1"), "xls"),
    (b"<!DOCTYPE html>", "html"),
    (b"  \r\n<HTML lang=fr>", "html"),
    (b"<!-- x --><html>", "html"),
    (b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x'><html>", "html"),
    (b"<table><tr>", "html"),
    (b"<?xml version='1.0'?><a>", "xml"),
    (b"\xef\xbb\xbf<?xml version='1.0'?><!-- x --><a>", "xml"),
    ("<?xml version='1.0'?><a>".encode("utf-16"), "xml"),
    ("<?xml version='1.0'?><a>".encode("utf-16-be"), "xml"),
    (b"<!DOCTYPE a [<!ENTITY x '" + b"A" * 100_000, "xml"),
    (b"<kml xmlns='http://www.opengis.net/kml/2.2'>", "kml"),
    (b"<wfs:FeatureCollection xmlns:wfs='http://www.opengis.net/wfs/2.0'>", "gml"),
    (b'{"type": "FeatureCollection", "features": []}', "geojson"),
    (b'{"name": "x", "type" : "Feature"}', "geojson"),
    (b'{"geo": {"type": "Feature"}}', "json"),
    (b'[{"a": 1}]', "json"),
    (b" [1, 2]", "json"),
    (b"{}", "json"),
    ('{"a": "é"}'.encode("utf-16"), "json"),
    (b'{"a": 1}\n{"a": 2}\n', "ndjson"),
    (b"code,name\n1,a\n", None),
    (b"[code];name\n", None),
    (b"{code};name\n", None),
    (b"<5,>6\n", None),
    (b"", None),
    ("code;نوع\n".encode("cp1256"), None),
]


@pytest.mark.parametrize(("head", "kind"), KNOWN)
def test_a_file_is_known_by_its_first_bytes(head, kind):
    assert looks_like(head) == kind


def told(head: bytes, format: str, **more: Any) -> str | None:
    return mismatch(head, Reading.model_validate({"format": format, **more}))


PAGE = b"<!DOCTYPE html><html><title>503"
ERROR = b'{"success": false, "error": {"message": "busy"}}'


@pytest.mark.parametrize(
    "format",
    ["csv", "fixed_width", "json", "ndjson", "geojson", "xml", "xlsx", "xls", "ods", "parquet",
     "arrow", "shapefile", "geopackage", "kml", "gml", "gtfs", "sdmx"],
)  # fmt: skip
def test_an_error_page_is_none_of_the_formats(format):
    assert "an HTML page" in (told(PAGE, format) or "")


@pytest.mark.parametrize(
    ("head", "format", "more", "sentence"),
    [
        (ERROR, "csv", {}, "it is JSON, not CSV (declare format: json)"),
        (b"<?xml version='1.0'?><Error>", "csv", {}, "it is XML, not CSV (declare format: xml)"),
        (b"code,name\n", "json", {}, "it is not JSON: it begins with 'code,name\\n'"),
        (b"Service down", "xml", {}, "it is not XML: it begins with 'Service down'"),
        (zipped("a"), "json", {}, "it is a zip archive, not JSON (declare archive: {kind: zip})"),
        (gzip.compress(b"", mtime=0), "csv", {}, "(declare compression: gzip)"),
        (b"code\n", "csv", {"compression": "gzip"}, "it is not gzip-compressed"),
        (gzip.compress(b"", mtime=0), "csv", {"archive": {"kind": "zip"}}, "not a zip archive"),
        (PAGE, "csv", {"archive": {"kind": "tar"}}, "an HTML page, not a tar archive"),
        (workbook(), "ods", {}, "it is an XLSX workbook, not an ODS workbook"),
    ],
)
def test_a_mismatch_says_what_it_is_and_what_to_declare(head, format, more, sentence):
    assert sentence in (told(head, format, **more) or "")


@pytest.mark.parametrize(
    ("head", "format", "more"),
    [
        (b"code,name\n", "csv", {}),
        (b"<b>code</b>;name\n", "csv", {}),
        ("code;نوع".encode("utf-16"), "csv", {}),
        (b'[["x"],1]\n', "csv", {}),
        (b"", "csv", {}),
        (b"", "parquet", {}),
        (gzip.compress(b"", mtime=0), "csv", {"archive": {"kind": "tar"}}),
        (zipped("a"), "csv", {"archive": {"kind": "zip"}}),
        (zipped("doc.kml"), "kml", {}),
        (zipped("stops.txt"), "gtfs", {}),
        (b"<?xml version='1.0'?><html>", "xml", {}),
        (PAGE, "html", {}),
        (b"plain <table>", "html", {}),
        (b'{"type": "FeatureCollection"}', "json", {}),
        (b'{"dataSets": []}', "sdmx", {}),
    ],
)
def test_what_can_be_the_declared_format_is_let_through(head, format, more):
    assert told(head, format, **more) is None


@given(st.binary(max_size=300), st.sampled_from(["csv", "json", "xlsx", "xml"]))
@example(b"<" * 300, "xml")
@example(b"<!" + b"-" * 298, "xml")
def test_no_bytes_are_too_strange_to_be_looked_at(head, format):
    told(head, format)


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=5).map(
    lambda inner: {"a": inner}), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))  # fmt: skip
def test_json_is_always_known(value, encoding):
    assert looks_like(json.dumps(value).encode(encoding)) == "json"
