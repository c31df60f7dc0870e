"""The rows in an API's answer, as far as paging must know them: how many, and their ids."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moulouya.content import HEAD, mismatch
from moulouya.definition import Reading, paths
from moulouya.errors import SourceError
from moulouya.web import Response

# Where the next link stands in OData, SensorThings, Django REST, JSON:API, HAL and Graph answers.
NEXT_LINKS = (
    "@odata.nextLink",
    "@iot.nextLink",
    "next",
    "links.next",
    "_links.next.href",
    "paging.next",
    "meta.next",
)
LARGEST_FIRST_PAGE = 16 * 1024 * 1024  # more is no page, but a file
SUFFIXES = {"fixed_width": ".txt", "geojson": ".geojson", "geopackage": ".gpkg", "sdmx": ".xml"}


class Answers:
    """Answers of one source, each parsed by itself and held against those before."""

    def __init__(self, source: Reading) -> None:
        self._source = source
        self._header: list[str] | None = None
        self.suffix = SUFFIXES.get(source.format, f".{source.format}")

    def parsed(self, path: Path, url: str) -> Any:
        """The document in a file: of CSV and XML the list of its rows. Raises SourceError."""
        reads: dict[str, Callable[[Path], Any]] = {
            "csv": self._csv,
            "xml": self._xml,
            "ndjson": _lines,
        }
        try:
            return reads.get(self._source.format, _json)(path)
        except (ValueError, csv.Error) as error:
            raise SourceError(
                f"{url} is not {self._source.format}: {error}",
                hint="check source.format; what came may be a message of the API",
            ) from error

    def rows(self, document: Any) -> list[Any]:
        """The records in a parsed document; raises SourceError when they are not where declared."""
        if self._source.format in ("csv", "xml", "ndjson"):
            return list(document)
        path = self._source.records
        if path is None and self._source.format == "geojson":
            path = "features"
        found = paths.records(document, path)
        if found is None or (not path and not isinstance(document, list)):
            raise SourceError(
                f"the answer has no records at {path or 'its top'!r}: {_said(document)}",
                hint="correct source.records, or see what the API complains about",
            )
        return self._columns(found) if self._source.columnar else found

    def refuse_first_page(self, path: Path, response: Response) -> None:
        """Raises SourceError when an answer that is taken for whole says that more follows.

        It says so by a Link header (RFC 8288) or by an address where APIs have their next link.
        """
        link = response.link("next")
        if link is None and self._source.format in ("json", "geojson"):
            if path.stat().st_size > LARGEST_FIRST_PAGE:
                return
            document = self.parsed(path, response.url)
            links = [paths.value(document, each) for each in NEXT_LINKS]
            link = next((each for each in links if _is_address(each)), None)
        if link is not None:
            raise SourceError(
                f"{response.url} is the first of several pages",
                hint="set source.paging, most often {style: next_link}, with the path in `next`",
            )

    def _columns(self, found: list[Any]) -> list[Any]:
        columns = found[0] if len(found) == 1 and isinstance(found[0], dict) else {}
        lists = {name: column for name, column in columns.items() if isinstance(column, list)}
        if not lists or len({len(column) for column in lists.values()}) != 1:
            raise SourceError(
                f"the columns at {self._source.records!r} are not lists of one length",
                hint="correct source.records, or leave source.columnar out",
            )
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]

    def _csv(self, path: Path) -> list[dict[str, str]]:
        dialect = self._source.dialect
        text = path.read_bytes().decode(dialect.encoding).removeprefix("\ufeff")
        lines = text.splitlines(keepends=True)[dialect.skip :]
        rows = [
            row
            for row in csv.reader(
                io.StringIO("".join(lines), newline=""),
                delimiter=dialect.delimiter,
                quotechar=dialect.quote or None,
                escapechar=dialect.escape,
                quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
                strict=True,
            )
            if row and not (dialect.comment and row[0].startswith(dialect.comment))
        ]
        if dialect.skip_end:
            rows = rows[: -dialect.skip_end]
        deep = int(dialect.header)
        names = ["\n".join(parts) for parts in zip(*rows[:deep], strict=False)]
        # Pages are read as one table: a column that moves between them would mix two columns.
        if self._header is not None and names and names != self._header:
            raise ValueError(f"its header is {names} where the first page had {self._header}")
        self._header = self._header or names
        return [
            dict(zip(names, row, strict=False)) if names else dict(_numbered(row))
            for row in rows[deep:]
        ]

    def _xml(self, path: Path) -> list[str]:
        from defusedxml import DefusedXmlException, ElementTree

        assert self._source.records is not None, "the model demands it of pages of XML"
        wanted = self._source.records.strip("/").split("/")
        rows: list[str] = []
        trail: list[str] = []
        try:
            for event, element in ElementTree.iterparse(path, events=("start", "end")):
                if event == "start":
                    trail.append(element.tag.rpartition("}")[2])
                    continue
                if trail[-len(wanted) :] == wanted:
                    rows.append(ElementTree.tostring(element, encoding="unicode"))
                    element.clear()
                trail.pop()
        except (ElementTree.ParseError, DefusedXmlException) as error:
            raise ValueError(str(error)) from error
        return rows


def refuse_mismatch(path: Path, source: Reading, url: str) -> None:
    """Raises SourceError when a file cannot be what the source declares, such as an error page."""
    with path.open("rb") as file:
        wrong = mismatch(file.read(HEAD), source)
    if wrong is not None:
        raise SourceError(
            f"{url}: {wrong}",
            hint="the API may have sent a message instead of data; else correct source.format",
            retry=True,
        )


def _json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def _lines(path: Path) -> list[Any]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _numbered(row: list[str]) -> list[tuple[str, str]]:
    """Values under the names that columns without a header have in definitions: c1, c2, …"""
    return [(f"c{number}", value) for number, value in enumerate(row, 1)]


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://", "/", "?"))


def _said(document: Any) -> str:
    """The start of an answer that is not data: most APIs say there what is wrong."""
    text = json.dumps(document, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"
