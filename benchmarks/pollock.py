"""The Pollock benchmark: polluted CSV files, and how many are read silently different.

Needs MOULOUYA_SHARED_DATA with robustness/pollock (csv, clean, parameters); the whole family of row
pollutions is made again from its source.csv. Three ways: the declared dialect, the same with
``stray_quotes: reject``, and sniffing.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moulouya import duck, sniffing
from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.delimited import csv as delimited

ROOT = Path(__file__).parents[1]
UNRECOVERABLE = (
    "file_field_delimiter_0x20", "file_multitable", "file_no_payload", "row_less", "row_more",
    "row_field",
)  # fmt: skip
Rows = list[tuple[str, ...]]


def main() -> None:
    """Read every file in every way and print how they ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--every", type=int, default=20, help="take every n-th of the family")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("MOULOUYA_SHARED_DATA", ROOT.parent / "shared" / "data"))
    folder = shared / "robustness" / "pollock"
    files = [*given(folder), *list(family(folder))[:: arguments.every]]
    results = {
        way: tally(files, way) for way in ("declared", "declared_strict", "sniffed")
    }  # fmt: skip
    print(json.dumps(results, indent=None if arguments.json else 2))


def tally(files: list[tuple[str, bytes, dict[str, Any], Rows, bool]], way: str) -> dict[str, Any]:
    """How many files ended in each way, and the share of the recoverable ones read exactly."""
    ended: Counter[str] = Counter()
    recoverable: Counter[str] = Counter()
    for name, body, dialect, expected, header in files:
        told = {**dialect, "stray_quotes": "reject"} if way == "declared_strict" else dialect
        how = outcome(body, None if way == "sniffed" else told, expected, header)
        ended[how] += 1
        if not name.startswith(UNRECOVERABLE):
            recoverable[how] += 1
    return {
        "files": len(files),
        **{how: ended[how] for how in ("exact", "rejected", "refused", "different")},
        "recoverable_exact": round(recoverable["exact"] / recoverable.total(), 3),
    }


def outcome(body: bytes, dialect: dict[str, Any] | None, expected: Rows, header: bool) -> str:
    """Read one file: exact, some rows rejected, refused as a whole, or silently different."""
    with tempfile.TemporaryDirectory() as scratch, duck.connect() as con:
        folder = Path(scratch)
        path = folder / "polluted.csv"
        path.write_bytes(body)
        try:
            if dialect is None:
                dialect = sniffing.sniff(path, folder / "sniff").source.get("dialect", {})
            source = Reading.model_validate({"format": "csv", "dialect": dialect})
            raw = delimited.read(con, [path], source, folder / "read")
            rows = con.execute(f"SELECT * EXCLUDE filename FROM {raw.relation}").fetchall()
        except ReadError:
            return "refused"
        if raw.malformed():
            return "rejected"
        names = [name.split("#")[0] for name in raw.expressions]
        found = [tuple(value or "" for value in row) for row in rows]
    if not header:
        return "exact" if found == expected else "different"
    same = found == expected[1:] and names == [name.strip() for name in expected[0]]
    return "exact" if same else "different"


def given(folder: Path) -> Iterator[tuple[str, bytes, dict[str, Any], Rows, bool]]:
    """The files as they are handed out, with their declared parameters."""
    for path in sorted((folder / "csv").glob("*.csv")):
        told = json.loads((folder / f"parameters/{path.name}_parameters.json").read_text())
        escape, quote, lines = told["escapechar"], told["quotechar"], told["header_lines"]
        dialect = {
            "delimiter": told["delimiter"] or ",",
            "quote": quote,
            **({"escape": escape} if escape and escape != quote else {}),
            "encoding": told["encoding"],
            "header": lines if lines > 1 else bool(lines),
            "skip": told["preamble_lines"],
            "skip_end": told["footnote_lines"],
        }
        clean = (folder / "clean" / path.name).read_text()
        yield path.stem, path.read_bytes(), dialect, _rows(clean), bool(lines)


def family(folder: Path) -> Iterator[tuple[str, bytes, dict[str, Any], Rows, bool]]:
    """Every row pollution: a quote or delimiter more, one less, blanks as delimiters."""
    text = (folder / "csv" / "source.csv").read_bytes()
    end = b"\r\n" if b"\r\n" in text else b"\n"
    lines = text.rstrip(b"\r\n").split(end)
    clean = _rows((folder / "clean" / "source.csv").read_text())

    def polluted(number: int, line: bytes) -> bytes:
        return end.join([*lines[:number], line, *lines[number + 1 :]]) + end

    for number, line in enumerate(lines):
        values = re.findall(rb'(?:^|,)("(?:[^"]|"")*"|[^,]*)', line)
        yield f"row_field_{number}", polluted(number, b" ".join(values)), {}, clean, True
        for column in range(len(values)):
            before, after = b",".join(values[:column]), b",".join(values[column:])
            comma = b"," if column else b""
            quoted = polluted(number, before + comma + b'"' + after)
            expected = [list(row) for row in clean]
            expected[number][column] = '"' + expected[number][column]
            rows = [tuple(row) for row in expected]
            yield f"row_extra_quote_{number}_{column}", quoted, {}, rows, True
            more = polluted(number, before + comma + b"," + after)
            yield f"row_more_{number}_{column}", more, {}, clean, True
            if column:
                yield (
                    f"row_less_{number}_{column}",
                    polluted(number, before + after),
                    {},
                    clean,
                    True,
                )


def _rows(text: str) -> Rows:
    return [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))]


if __name__ == "__main__":
    main()
