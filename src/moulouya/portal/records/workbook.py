"""A view as an Excel workbook: the rows on one sheet, what the columns mean on another."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from moulouya.duck import identifier
from moulouya.portal.languages import Language
from moulouya.portal.records.producing import Order, batches, values_of
from moulouya.portal.units import unit_words

LONGEST_CELL = 32_767
# Beyond these a cell, which holds a double, would change the number.
MOST_EXACT = 10**15
OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "in_memory": False,
    "nan_inf_to_errors": True,
}


def write(
    con: duckdb.DuckDBPyConnection,
    source: str,
    order: Order,
    target: Path,
    units: Any,
) -> None:
    """Write the workbook of a view; rows are held in memory some at a time.

    Numbers and days are numbers and days in it, texts are texts and never formulas.
    """
    spoken = order.language
    with xlsxwriter.Workbook(str(target), OPTIONS) as book:
        about = order.about()
        book.set_properties(
            {
                "title": about["title"],
                "author": about["attribution"],
                "comments": f"{about['licence']} · {about['source']}",
                "created": order.dataset.created.replace(tzinfo=None),
            }
        )
        looks = {
            "head": book.add_format({"bold": True, "text_wrap": True, "valign": "top"}),
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "datetime": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "text": book.add_format({"num_format": "@"}),
        }
        _rows(con, source, order, book, looks)
        _meanings(order, book, looks, spoken, units)


def _sheet(book: Any, name: str, spoken: Language) -> Any:
    sheet = book.add_worksheet(name[:31])
    if spoken.dir == "rtl":
        sheet.right_to_left()
    return sheet


def _rows(con: Any, source: str, order: Order, book: Any, looks: dict[str, Any]) -> None:
    view = order.view
    sheet = _sheet(book, order.language.text("Data"), order.language)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, max(0, len(view.shown) - 1), 16)
    for position, title in enumerate(order.titles):
        sheet.write_string(0, position, title, looks["head"])
    kinds = [view.table.types[name] for name in view.shown]
    columns = [
        f"ST_AsText(ST_GeomFromWKB({identifier(name)}))" if kind == "geometry"
        else f"{identifier(name)} AT TIME ZONE 'UTC'" if kind == "datetime"
        else identifier(name)
        for name, kind in zip(view.shown, kinds, strict=True)
    ]  # fmt: skip
    line = 0
    for batch in batches(con, source, view, columns, 5_000):
        for row in values_of(batch):
            line += 1
            for position, value in enumerate(row):
                if value is not None:
                    _cell(sheet, line, position, value, looks)


def _cell(sheet: Any, line: int, position: int, value: Any, looks: dict[str, Any]) -> None:
    if isinstance(value, str):
        text = value if len(value) <= LONGEST_CELL else value[: LONGEST_CELL - 1] + "…"
        # What begins like a formula is marked as a text, so that editing it changes nothing.
        if text[:1] in ("=", "+", "-", "@"):
            sheet.write_string(line, position, text, looks["text"])
        else:
            sheet.write_string(line, position, text)
    elif isinstance(value, bool):
        sheet.write_boolean(line, position, value)
    elif isinstance(value, dt.datetime) and value.year >= 1900:
        sheet.write_datetime(line, position, value.replace(tzinfo=None), looks["datetime"])
    elif isinstance(value, dt.date) and value.year >= 1900:
        sheet.write_datetime(line, position, value, looks["date"])
    elif isinstance(value, dt.date) or (abs(value) > MOST_EXACT and int(value) == value):
        sheet.write_string(line, position, str(value))
    else:
        sheet.write_number(line, position, value)


def _meanings(order: Order, book: Any, looks: dict[str, Any], spoken: Language, units: Any) -> None:
    sheet = _sheet(book, spoken.text("What the columns mean"), spoken)
    sheet.set_column(0, 1, 24)
    sheet.set_column(2, 2, 70)
    about = order.about()
    lines: list[list[str]] = [
        [about["title"]],
        [spoken.text("Source:"), about["attribution"]],
        [spoken.text("Licence:"), about["licence"], about["licence_url"]],
        [spoken.text("Version:"), about["version"], spoken.iso_date(about["published"])],
        [spoken.text("Page:"), about["source"]],
        [],
        [spoken.text("Column"), spoken.text("Name in files"), spoken.text("Meaning"),
         spoken.text("Unit"), spoken.text("Values")],
    ]  # fmt: skip
    columns = order.dataset.definition["columns"]
    for name, title in zip(order.view.shown, order.titles, strict=True):
        column = columns[name]
        values = "; ".join(
            f"{value} = {words[spoken.code]}"
            for value, words in (column.get("values") or {}).items()
        )
        lines.append([title, name, column["description"][spoken.code],
                      unit_words(column.get("unit"), units, spoken), values])  # fmt: skip
    for line, texts in enumerate(lines):
        for position, text in enumerate(texts):
            look = looks["head"] if line in (0, 6) or position == 0 else None
            sheet.write_string(line, position, text[:LONGEST_CELL], look)
