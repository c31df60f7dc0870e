"""Polluted CSV (the Pollock benchmark): read exactly, or rejected, or refused; never different."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from moulouya import duck, sniffing
from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.delimited import csv as delimited

# What no reader can know: where the blanks of unquoted values are delimiters, which of two tables
# is meant, where a delimiter is missing or one too many.
UNRECOVERABLE = ("file_field_delimiter_0x20", "file_multitable", "file_no_payload", "row_less",
                 "row_more", "row_field")  # fmt: skip


def outcome(
    body: bytes, dialect: dict[str, Any] | None, clean: bytes, header: bool, folder: Path
) -> str:
    """How reading a file ends: exact, rejected, refused or silently different."""
    folder.mkdir(parents=True)
    path = folder / "polluted.csv"
    path.write_bytes(body)
    expected = [tuple(row) for row in csv.reader(io.StringIO(clean.decode(), newline=""))]
    try:
        if dialect is None:
            dialect = sniffing.sniff(path, folder / "sniff").source.get("dialect", {})
        with duck.connect() as con:
            source = Reading.model_validate({"format": "csv", "dialect": dialect})
            raw = delimited.read(con, [path], source, folder / "read")
            names = list(raw.expressions)
            rows = con.execute(f"SELECT * EXCLUDE filename FROM {raw.relation}").fetchall()
            malformed = raw.malformed()
    except ReadError:
        return "refused"
    if malformed:
        return "rejected"
    found = [tuple(value or "" for value in row) for row in rows]
    named = [name.split("#")[0] for name in names] == [name.strip() for name in expected[0]]
    same = found == expected[1:] and named if header else found == expected
    return "exact" if same else "different"


def pollution(folder: Path) -> list[tuple[str, bytes, dict[str, Any], bytes]]:
    """Every polluted file, its declared parameters, and the table it should be."""
    found = []
    files = sorted((folder / "csv").glob("file_*.csv"))
    for path in [*files, *sorted((folder / "csv").glob("row_*.csv"))[::3]]:
        told = json.loads((folder / f"parameters/{path.name}_parameters.json").read_text())
        clean = (folder / "clean" / path.name).read_bytes()
        found.append((path.stem, path.read_bytes(), told, clean))
    assert len(found) > 40
    return found


def declared(told: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a file as our dialect."""
    escape, quote = told["escapechar"], told["quotechar"]
    lines = told["header_lines"]
    return {
        "delimiter": told["delimiter"] or ",",
        "quote": quote,
        **({"escape": escape} if escape and escape != quote else {}),
        "encoding": told["encoding"],
        "header": lines if lines > 1 else bool(lines),
        "skip": told["preamble_lines"],
        "skip_end": told["footnote_lines"],
    }


@pytest.mark.parametrize("way", ["declared", "declared, stray quotes rejected", "sniffed"])
def test_polluted_files_are_never_silently_different(shared_data, tmp_path, way):
    found: dict[str, str] = {}
    for name, body, told, clean in pollution(shared_data / "robustness/pollock"):
        kept = {"stray_quotes": "reject"} if "rejected" in way else {}
        dialect = None if way == "sniffed" else {**declared(told), **kept}
        header = bool(told["header_lines"])
        found[name] = outcome(body, dialect, clean, header, tmp_path / name)
    assert [name for name, how in found.items() if how == "different"] == []
    recoverable = Counter(how for name, how in found.items() if not name.startswith(UNRECOVERABLE))
    share = recoverable["exact"] / recoverable.total()
    assert share > 0.2 if "rejected" in way else share >= 0.95, recoverable
