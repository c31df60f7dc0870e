"""Tables of HTML pages: the declared one, its spans resolved, each cell's text as it is shown."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.names import distinct
from moulouya.readers.rows import Row, table_of
from moulouya.readers.table import Malformed, RawTable

LARGEST = 64 * 1024**2  # a page is whole in memory, ten times its size
MOST_CELLS = 5_000_000
WIDEST, HIGHEST = 1000, 65_534  # spans beyond count as these (HTML Standard, 4.9.12)
HIDDEN = frozenset({"script", "style", "template", "noscript"})
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class _Cell:
    """A cell at one of the places that it spans."""

    text: str
    header: bool
    origin: int  # the same number at every place of one cell


@dataclass(frozen=True)
class _Row:
    line: int
    cells: list[_Cell]
    head: bool  # in <thead>, or of nothing but <th>


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open one table of HTML pages as text, chosen by number, id or caption (``source.table``).

    Its header is what stands in ``thead`` or in first rows of ``th``, else its first row; dialect
    options say otherwise. Raises ReadError when there is no such table; the message lists those
    that there are.
    """
    malformed: list[Malformed] = []
    tables = [_table_of_page(path, source) for path in files]
    names = tables[0][0]
    for path, (others, _) in zip(files, tables, strict=True):
        if others != names:
            raise ReadError(
                f"{path.name} has other columns than {files[0].name}",
                hint=f"{', '.join(others)} against {', '.join(names)}",
            )
    rows = (
        (path, row.line, [cell.text or None for cell in row.cells])
        for path, (_, body) in zip(files, tables, strict=True)
        for row in body
    )
    return table_of(con, scratch, files[0].name, names, _not_blank(rows), malformed)


def captions(path: Path, source: Reading) -> list[str]:
    """How each table of a page is described where one must be chosen; raises ReadError."""
    return [_described(number, one) for number, one in enumerate(_tables(path, source), 1)]


def _not_blank(rows: Iterator[Row]) -> Iterator[Row]:
    return (row for row in rows if any(row[2]))


def _table_of_page(path: Path, source: Reading) -> tuple[list[str], list[_Row]]:
    """The names of the columns of the wanted table, and the rows below its header."""
    tables = _tables(path, source)
    table = _chosen(path, tables, source.table)
    dialect = source.dialect
    rows = list(_rows(path, table))[dialect.skip :]
    if dialect.skip_end:
        rows = rows[: -dialect.skip_end]
    if not rows:
        raise ReadError(f"{path.name}: the table has no rows")
    if dialect.header is False:
        width = max(len(row.cells) for row in rows)
        return [f"c{number}" for number in range(1, width + 1)], rows
    height = int(dialect.header) if dialect.header is not True else _header_height(rows)
    head, body = rows[:height], rows[height:]
    names = distinct(_names(head))
    if dialect.repeated_header:
        texts = [[cell.text for cell in row.cells] for row in head]
        body = [row for row in body if [cell.text for cell in row.cells] not in texts]
    return names, body


def _header_height(rows: list[_Row]) -> int:
    height = 0
    while height < len(rows) and rows[height].head:
        height += 1
    return height or 1


def _names(head: list[_Row]) -> list[str]:
    """The name of each column: the texts above one another, each spanning cell once."""
    names = []
    for column in range(max(len(row.cells) for row in head)):
        cells = [row.cells[column] for row in head if column < len(row.cells)]
        parts = {cell.origin: " ".join(cell.text.split()) for cell in cells}
        names.append(" ".join(part for part in parts.values() if part))
    return names


def _tables(path: Path, source: Reading) -> list[Any]:
    from lxml import etree, html

    if path.stat().st_size > LARGEST:
        raise ReadError(f"{path.name} has more than {LARGEST} bytes, too many for a page")
    text = _text(path, source)
    try:
        parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
        page = html.document_fromstring(text.encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise ReadError(f"{path.name} is no HTML page: {error}") from error
    return list(page.iter("table"))


def _text(path: Path, source: Reading) -> str:
    """The page's text in the declared encoding, else in the one it names itself, else UTF-8."""
    raw = path.read_bytes()
    encoding = source.dialect.encoding
    if "encoding" not in source.dialect.model_fields_set:
        named = _CHARSET.search(raw[:4096])
        encoding = named[1].decode("ascii") if named else encoding
        if encoding.lower() in ("iso-8859-1", "latin1", "us-ascii", "ascii"):
            encoding = "cp1252"  # as every browser reads it (Encoding Standard, 4.2)
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
                       (codecs.BOM_UTF16_BE, "utf-16")):  # fmt: skip
        if raw.startswith(mark):
            encoding = name
    try:
        # A NUL would end the text for the parser.
        return raw.decode(encoding).replace("\0", "\ufffd")
    except (UnicodeError, LookupError) as error:
        raise ReadError(
            f"{path.name} is not {encoding}: {error}", hint="set source.dialect.encoding"
        ) from error


def _chosen(path: Path, tables: list[Any], wanted: str | int | None) -> Any:
    listed = "; ".join(_described(number, one) for number, one in enumerate(tables[:30], 1))
    if not tables:
        raise ReadError(f"{path.name} has no table")
    if wanted is None:
        if len(tables) > 1:
            raise ReadError(
                f"{path.name} has {len(tables)} tables, and none is declared",
                hint=f"set source.table to a number, id or caption of: {listed}",
            )
        return tables[0]
    if isinstance(wanted, int):
        found = tables[wanted - 1 : wanted]
    else:
        found = [one for one in tables if wanted in (one.get("id"), _caption(one))]
    if len(found) != 1:
        problem = f"{len(found)} tables {wanted!r}" if found else f"no table {wanted!r}"
        raise ReadError(f"{path.name} has {problem}", hint=f"it has: {listed}")
    return found[0]


def _described(number: int, table: Any) -> str:
    known = [f"{number}"]
    if table.get("id"):
        known.append(f"id {table.get('id')}")
    if _caption(table):
        known.append(f"caption {_caption(table)!r}")
    rows = [row for row in table.iter("tr") if _nearest(row, "table") is table]
    first = " | ".join(" ".join(_shown(cell).split())[:20] for cell in rows[0]) if rows else ""
    return f"{' '.join(known)} ({len(rows)} rows: {first[:80]})"


def _caption(table: Any) -> str:
    caption = table.find("caption")
    return " ".join(_shown(caption).split()) if caption is not None else ""


def _nearest(element: Any, tag: str) -> Any:
    return next(element.iterancestors(tag), None)


def _rows(path: Path, table: Any) -> Iterator[_Row]:
    """The rows of a table as a grid: a spanning cell is at each of its places."""
    pending: dict[int, tuple[_Cell, int]] = {}
    seen = origin = 0
    section = None
    for row in table.iter("tr"):
        if _nearest(row, "table") is not table:
            continue
        if row.getparent() is not section:  # a span ends with its section
            section, pending = row.getparent(), {}
        cells: list[_Cell] = []
        own = (cell for cell in row if cell.tag in ("td", "th"))
        kinds = []
        while True:
            if len(cells) in pending:
                spanning, left = pending.pop(len(cells))
                if left > 1:
                    pending[len(cells)] = (spanning, left - 1)
                cells.append(spanning)
                continue
            element = next(own, None)
            if element is None:
                beyond = [column for column in pending if column > len(cells)]
                if not beyond:
                    break
                origin += 1
                cells.append(_Cell("", False, origin))
                continue
            origin += 1
            kinds.append(element.tag)
            cell = _Cell(_shown(element), element.tag == "th", origin)
            high = _span(element.get("rowspan"), HIGHEST, zero=HIGHEST)
            for _ in range(_span(element.get("colspan"), WIDEST, zero=1)):
                if high > 1:
                    pending[len(cells)] = (cell, high - 1)
                cells.append(cell)
        seen += len(cells)
        if seen > MOST_CELLS:
            raise ReadError(f"{path.name}: the table has more than {MOST_CELLS} cells")
        head = _nearest(row, "thead") is not None or (bool(kinds) and set(kinds) == {"th"})
        if cells:
            yield _Row(row.sourceline or 0, cells, head)


def _span(text: str | None, most: int, *, zero: int) -> int:
    found = re.match(r"\s*\+?(\d{1,9})", text or "")
    number = int(found[1]) if found else 1
    return min(number, most) if number else zero


def _shown(element: Any) -> str:
    """An element's text as a browser shows it: blanks collapsed, <br> as a line end."""
    parts: list[str] = []
    _collect(element, parts)
    lines = "".join(parts).split("\n")
    return "\n".join(" ".join(re.split(r"[ \t\r\f]+", line)).strip(" ") for line in lines).strip()


def _collect(element: Any, parts: list[str]) -> None:
    parts.append(_collapsed(element.text))
    for child in element:
        if child.tag == "br":
            parts.append("\n")
        elif isinstance(child.tag, str) and child.tag not in HIDDEN and not _is_hidden(child):
            if child.tag in ("p", "div", "li", "tr") and "".join(parts).strip():
                parts.append("\n")
            _collect(child, parts)
        parts.append(_collapsed(child.tail))


def _is_hidden(element: Any) -> bool:
    style = element.get("style", "").replace(" ", "").lower()
    return element.get("hidden") is not None or "display:none" in style


def _collapsed(text: str | None) -> str:
    return re.sub(r"[ \t\r\n\f]+", " ", text or "")
