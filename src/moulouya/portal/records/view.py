"""A view of one dataset, as its address says it: which rows, which columns, in which order.

The parameters follow Datasette: ``<column>__<operator>=value``, ``_sort=``, ``_sort_desc=``,
``_col=``, ``_nocol=``, ``_search=``, ``_size=``, ``_next=``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from rapidfuzz import process

from moulouya.duck import identifier
from moulouya.portal.languages import N_
from moulouya.portal.published import PublishedDataset
from moulouya.portal.records.values import Typed, ViewError, box, shown, sound, typed

__all__ = ["Filter", "Table", "View", "ViewError"]

SIZE = 50
MOST_ROWS = 1000
MOST_FILTERS = 50
MOST_VALUES = 500
FURTHEST = 100_000
END = "end"
COMPARED = {"exact": "=", "not": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
TEXTUAL = {"contains": "contains", "startswith": "starts_with"}
OPERATORS = (*COMPARED, *TEXTUAL, "in", "isnull", "notnull", "bbox")
PARAMETERS = ("_sort", "_sort_desc", "_col", "_nocol", "_search", "_size", "_page", "_next",
              "_previous")  # fmt: skip
# Beyond these a text is compared as it is written: folding costs about a microsecond a value.
FOLDED_ROWS = 2_000_000
FOLDED_VALUES = 100_000
SORTED_FOLDED = 200_000
Condition = tuple[str, list[Any]]


def folded(text: str) -> str:
    """SQL for a text without case, accents, vowel marks and the spellings of Arabic letters."""
    return f"translate(lower(strip_accents({text})), 'ىةٱ٠١٢٣٤٥٦٧٨٩ـ', 'يها0123456789')"


@dataclass(frozen=True)
class Table:
    """What a view must know of a published table: per column its type, values and gaps."""

    slug: str
    number: int
    rows: int
    columns: tuple[tuple[str, str, int, int], ...]

    @classmethod
    def of(cls, dataset: PublishedDataset) -> Table:
        """The table of a published dataset."""
        columns = tuple(
            (one["name"], one["type"], int(one.get("distinct") or 0), int(one.get("nulls") or 0))
            for one in dataset.record["columns"]
        )
        return cls(dataset.slug, dataset.number, dataset.rows, columns)

    @cached_property
    def types(self) -> dict[str, str]:
        """The type of every column by its name, in the order of the table."""
        return {name: kind for name, kind, *_ in self.columns}

    @property
    def with_empty(self) -> frozenset[str]:
        """The columns in which values are missing."""
        return frozenset(name for name, _, _, nulls in self.columns if nulls)

    def folds(self, column: str) -> bool:
        """True where searching a column in folded form costs little."""
        values = {name: distinct for name, _, distinct, _ in self.columns}
        return self.rows <= FOLDED_ROWS or values[column] <= FOLDED_VALUES


@dataclass(frozen=True)
class Filter:
    """One condition: a column, an operator, and the value as it was written."""

    column: str
    operator: str
    text: str
    values: tuple[Typed, ...] = ()

    @property
    def parameter(self) -> tuple[str, str]:
        """The condition as a query parameter."""
        return f"{self.column}__{self.operator}", self.text


@dataclass(frozen=True)
class View:
    """Rows and columns of one table, in an order, from a place on.

    ``after`` and ``before`` are row numbers of the table (``before`` may be ``"end"``): the page
    begins after, or ends before, that row in the order of the view. ``columns`` is empty for all.
    """

    table: Table
    filters: tuple[Filter, ...] = ()
    search: str = ""
    sort: str | None = None
    descending: bool = False
    columns: tuple[str, ...] = ()
    size: int = SIZE
    after: int | None = None
    before: int | str | None = None
    page: int = 1

    @classmethod
    def parse(
        cls,
        dataset: PublishedDataset | Table,
        parameters: Iterable[tuple[str, str]],
        ignore: Sequence[str] = (),
    ) -> View:
        """The view that query parameters describe; those in ``ignore`` are another's.

        A bare ``column=`` without a value is no condition, as forms send it. Raises ViewError.
        """
        table = dataset if isinstance(dataset, Table) else Table.of(dataset)
        given = [(name, text) for name, text in parameters if name not in ignore]
        view = cls(table)
        filters: list[Filter] = []
        chosen: list[str] = []
        hidden: set[str] = set()
        for name, text in given:
            if name == "_col":
                chosen.append(_column(table, name, text))
            elif name == "_nocol":
                hidden.add(_column(table, name, text))
            elif name in PARAMETERS:
                view = _set(view, name, text)
            elif found := _filter(table, name, text):
                filters.append(found)
        if len(filters) > MOST_FILTERS:
            raise ViewError(filters[-1].parameter[0], N_("there are too many conditions"))
        columns = tuple(
            column
            for column in dict.fromkeys(chosen or (list(table.types) if hidden else []))
            if column not in hidden
        )
        if (chosen or hidden) and not columns:
            raise ViewError("_nocol", N_("at least one column must be shown"))
        columns = () if columns == tuple(table.types) else columns
        if (view.page - 1) * view.size > FURTHEST and (filters or view.search or view.sort):
            raise ViewError("_page", N_("pages so far in are reached with the links or a filter"))
        return replace(view, filters=tuple(dict.fromkeys(filters)), columns=columns)

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns of the view, in their order."""
        return self.columns or tuple(self.table.types)

    @property
    def narrowed(self) -> bool:
        """True when not every row belongs to the view."""
        return bool(self.filters or self.search)

    @property
    def whole(self) -> bool:
        """True when the view is the table as it was published."""
        return not (self.narrowed or self.sort or self.columns)

    def where(self) -> Condition:
        """The conditions as SQL over the table's columns, with the values to bind."""
        parts: list[str] = []
        bound: list[Any] = []
        for one in self.filters:
            sql, values = _condition(self.table, one)
            parts.append(sql)
            bound += values
        if self.search:
            sql, values = _search(self.table, self.search)
            parts.append(sql)
            bound += values
        return " AND ".join(parts) or "TRUE", bound

    def key(self) -> str | None:
        """What rows are ordered by before their place in the table; None for that place alone."""
        if self.sort is None:
            return None
        column = identifier(self.sort)
        if self.table.types[self.sort] == "text" and self.table.rows <= SORTED_FOLDED:
            return folded(column)
        return column

    def order(self, backwards: bool = False) -> str:
        """The terms of ORDER BY: empty values last, equal ones as in the table."""
        place = f"rowid {'DESC' if backwards else 'ASC'}"
        key = self.key()
        if key is None:
            return place
        downwards = self.descending != backwards
        ends = "FIRST" if backwards else "LAST"
        return f"{key} {'DESC' if downwards else 'ASC'} NULLS {ends}, {place}"

    def query(self, **changes: Any) -> str:
        """The view as a query string, always the same for the same view.

        A change of anything but the place starts at the first row again.
        """
        changed = replace(self, **changes)
        if changes and not {"after", "before", "page"} & changes.keys():
            changed = replace(changed, after=None, before=None, page=1)
        return urlencode(changed.parameters())

    def parameters(self) -> list[tuple[str, str]]:
        """The view as query parameters."""
        found = [one.parameter for one in self.filters]
        if self.search:
            found.append(("_search", self.search))
        if self.sort:
            found.append(("_sort_desc" if self.descending else "_sort", self.sort))
        found += [("_col", column) for column in self.columns]
        if self.size != SIZE:
            found.append(("_size", str(self.size)))
        if self.after is not None:
            found.append(("_next", str(self.after)))
        elif self.before is not None:
            found.append(("_previous", str(self.before)))
        elif self.page > 1:
            found.append(("_page", str(self.page)))
        return found

    def content(self) -> View:
        """The same rows, columns and order without a page: what a file of the view holds."""
        return replace(self, size=SIZE, after=None, before=None, page=1)


def _set(view: View, name: str, text: str) -> View:
    if name in ("_sort", "_sort_desc"):
        if not text:
            return view
        column = _column(view.table, name, text)
        if view.table.types[column] == "geometry":
            raise ViewError(name, N_("shapes cannot be sorted"))
        return replace(view, sort=column, descending=name == "_sort_desc")
    if name == "_search":
        return replace(view, search=sound(name, text).strip())
    if name == "_size":
        return replace(view, size=_whole(name, text, 1, MOST_ROWS)) if text else view
    if name == "_page":
        page = _whole(name, text, 1, FURTHEST) if text else 1
        return replace(view, page=page)
    if name == "_next":
        return replace(view, after=_whole(name, text, 0, 2**62), before=None)
    before = END if text == END else _whole(name, text, 0, 2**62)
    return replace(view, before=before, after=None)


def _whole(parameter: str, text: str, low: int, high: int) -> int:
    plain = text.strip()
    if not (plain.isascii() and plain.isdigit() and len(plain) < 20 and low <= int(plain) <= high):
        raise ViewError(
            parameter,
            N_("write a whole number from %(low)s to %(high)s"),
            low=low,
            high=high,
        )
    return int(plain)


def _column(table: Table, parameter: str, name: str) -> str:
    if name in table.types:
        return name
    raise _unknown(parameter, name, list(table.types))


def _unknown(parameter: str, name: str, known: Sequence[str]) -> ViewError:
    near = process.extractOne(name, known, score_cutoff=60) if len(name) <= 100 else None
    if near:
        return ViewError(parameter, N_("“%(name)s” is not known here; is “%(near)s” meant?"),
                         name=shown(name), near=near[0])  # fmt: skip
    return ViewError(parameter, N_("“%(name)s” is not known here; there are: %(known)s"),
                     name=shown(name), known=", ".join(known[:30]))  # fmt: skip


def _filter(table: Table, name: str, text: str) -> Filter | None:
    """The condition of a parameter; None for a bare column without a value."""
    bare = name in table.types
    column, _, operator = (name, "", "exact") if bare else name.rpartition("__")
    if bare and not text:
        return None
    if name.startswith("_") and column not in table.types:
        raise _unknown(name, name, PARAMETERS)
    if not column:
        raise _unknown(name, name, list(table.types))
    kind = table.types[_column(table, name, column)]
    if operator not in OPERATORS:
        raise _unknown(name, operator, OPERATORS)
    if operator not in operators(kind):
        raise ViewError(name, N_("“%(operator)s” cannot be used with this column; use one of: "
                                 "%(known)s"), operator=operator,
                        known=", ".join(operators(kind)))  # fmt: skip
    if operator in ("isnull", "notnull"):
        if text not in ("", "1"):
            raise ViewError(name, N_("write %(example)s"), example=f"{name}=1")
        return Filter(column, operator, "1")
    if operator == "bbox":
        return Filter(column, operator, text, (box(name, text),))
    if operator == "in":
        values = tuple(typed(name, kind, one) for one in _several(name, text))
        return Filter(column, operator, text, values)
    if operator in TEXTUAL and not text:
        raise ViewError(name, N_("write what to look for"))
    return Filter(column, operator, text, (typed(name, kind, text),))


def operators(kind: str) -> tuple[str, ...]:
    """The operators that columns of a type know."""
    if kind == "geometry":
        return ("bbox", "isnull", "notnull")
    if kind == "boolean":
        return ("exact", "not", "isnull", "notnull")
    if kind in ("text", "json"):
        return tuple(one for one in OPERATORS if one != "bbox")
    return (*COMPARED, "in", "isnull", "notnull")


def _several(parameter: str, text: str) -> list[str]:
    """The values of a list: separated by commas, or as a JSON array."""
    sound(parameter, text[:1])
    parts = text.split(",")
    if text.startswith("["):
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            read = None
        if isinstance(read, list) and all(isinstance(one, str | int | float) for one in read):
            parts = [one if isinstance(one, str) else json.dumps(one) for one in read]
    if not parts or len(parts) > MOST_VALUES:
        raise ViewError(parameter, N_("write one to %(most)s values with commas between them"),
                        most=MOST_VALUES)  # fmt: skip
    return parts


def _condition(table: Table, one: Filter) -> Condition:
    column = identifier(one.column)
    bound = [each.value for each in one.values]
    if one.operator in COMPARED:
        return f"{column} {COMPARED[one.operator]} {one.values[0].place}", bound
    if one.operator in TEXTUAL:
        return _textual(table, one.column, TEXTUAL[one.operator], one.values[0].value)
    if one.operator == "in":
        places = ", ".join(each.place for each in one.values)
        return f"{column} IN ({places})", bound
    if one.operator == "bbox":
        return f"ST_Intersects_Extent(ST_GeomFromWKB({column}), {one.values[0].place})", bound
    return f"{column} IS {'NOT ' if one.operator == 'notnull' else ''}NULL", []


def _textual(table: Table, name: str, function: str, text: str) -> Condition:
    column, place = identifier(name), "CAST(? AS VARCHAR)"
    if table.folds(name):
        return f"{function}({folded(column)}, {folded(place)})", [text]
    return f"{function}({column}, {place})", [text]


def _search(table: Table, text: str) -> Condition:
    """Every word of a search is somewhere in the row's texts."""
    texts = [name for name, kind, *_ in table.columns if kind == "text"]
    if not texts:
        return "FALSE", []
    words = text.split()[:10]
    parts: list[str] = []
    bound: list[Any] = []
    for word in words:
        found = [_textual(table, name, "contains", word) for name in texts]
        parts.append(f"({' OR '.join(sql for sql, _ in found)})")
        bound += [value for _, values in found for value in values]
    return " AND ".join(parts), bound
