"""What must hold between the files of a workspace, beyond what one file can say by itself."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from moulouya.definition import STAGED, Column, Definition
from moulouya.errors import Fault, did_you_mean
from moulouya.expectations import (
    COLUMN_ARGUMENTS,
    COLUMNS_ARGUMENTS,
    OTHER_COLUMN_ARGUMENTS,
    OTHER_COLUMNS_ARGUMENTS,
    QUERY_ARGUMENT,
    TABLE_ARGUMENTS,
    Expectation,
    ExpectationSuiteFile,
)
from moulouya.region import SYMBOLS, Region
from moulouya.yamlfile import YamlFile, read_yaml, validate

BATCH = "_batch"  # no slug begins so
REJECTED = "rejected"  # the file of rejected rows beside every table
_READS_FILES = re.compile(r"read_|parquet_|glob$|sniff_|.*_scan$", re.IGNORECASE)


class Rules:
    """Checks of one workspace; each method yields or returns the faults it finds."""

    def __init__(
        self,
        region: Region,
        slugs: Collection[str],
        definition_of: Callable[[str], Definition | None],
    ) -> None:
        self.region = region
        self.slugs = slugs
        self.definition_of = definition_of

    @cached_property
    def _duckdb(self) -> Any:
        import duckdb

        return duckdb.connect()

    def check(
        self,
        file: YamlFile,
        slug: str,
        theme: str,
        definition: Definition,
        transform: Path | None,
    ) -> Iterator[Fault]:
        """Faults of a definition against region.yml, its shelves and the other definitions."""
        region = self.region
        for place, name in [
            ((), theme),
            *((("themes", i), t) for i, t in enumerate(definition.themes)),
        ]:
            if name not in region.themes:
                hint = did_you_mean(name, region.themes).removeprefix("; ")
                yield file.fault(place, f"theme {name!r} is not in region.yml", hint or None)
        if definition.series is not None and definition.series not in region.series:
            hint = did_you_mean(definition.series, region.series).removeprefix("; ")
            message = f"series {definition.series!r} is not in region.yml"
            yield file.fault(("series",), message, hint or None)
        if definition.publisher not in region.publishers:
            hint = did_you_mean(definition.publisher, region.publishers).removeprefix("; ")
            message = f"publisher {definition.publisher!r} is not in region.yml"
            yield file.fault(("publisher",), message, hint or None)
        if slug in _reserved():
            hint = "it names the table in SQL too: choose another"
            yield file.fault((), f"{slug!r} is a reserved word of SQL", hint)
        if slug == STAGED:
            yield file.fault((), f"{STAGED!r} is the name of the staged table", "choose another")
        if slug == REJECTED:
            message = f"{REJECTED!r} is the name of the file of rejected rows"
            yield file.fault((), message, "choose another")
        if definition.source is None and transform is None:
            hint = f"add a source, or transforms/{theme}/{slug}.sql"
            yield file.fault((), "has neither a source nor a transform", hint)
        source = definition.source
        if transform is not None and source is not None and source.write_disposition == "merge":
            hint = f"publish what arrives, and derive another dataset from {slug}"
            message = "rows are merged into published ones, so no transform can follow"
            yield file.fault(("source", "write_disposition"), message, hint)
        if transform is None:
            for name, column in definition.columns.items():
                if column.computed:
                    hint = f"add transforms/{theme}/{slug}.sql"
                    yield file.fault(("columns", name, "computed"), "no transform makes it", hint)
        for name, column in definition.columns.items():
            yield from self._check_column(file, name, column)

    def _check_column(self, file: YamlFile, name: str, column: Column) -> Iterator[Fault]:
        import duckdb

        where = ("columns", name)
        if column.unit is not None and column.unit not in {*SYMBOLS, *self.region.units}:
            hint = did_you_mean(column.unit, [*self.region.units, *SYMBOLS]).removeprefix("; ")
            message = f"unit {column.unit!r} is neither a symbol nor in region.yml's units"
            yield file.fault((*where, "unit"), message, hint or None)
        if column.pattern is not None and column.type != "text":
            message = f"a {column.type} has no pattern"
            yield file.fault((*where, "pattern"), message, "only a text has one; use `range`")
        elif column.pattern is not None:
            try:
                self._duckdb.execute("SELECT regexp_matches('', ?)", [column.pattern])
            except duckdb.Error as error:
                yield file.fault((*where, "pattern"), f"not a regular expression: {error}")
        if column.range is not None and column.type in ("text", "json", "geometry", "boolean"):
            message = f"a {column.type} has no lowest and highest value"
            yield file.fault((*where, "range"), message, "use `pattern` or `values`")
        elif column.range is not None:
            try:
                for bound in column.range:
                    self._duckdb.execute(f"SELECT CAST(? AS {column.sql_type})", [bound])
            except duckdb.Error:
                message = f"does not fit the type {column.type}"
                yield file.fault((*where, "range"), message)
        if column.references is not None:
            slug, target = column.references.split(".")
            if slug not in self.slugs:
                hint = did_you_mean(slug, self.slugs).removeprefix("; ")
                yield file.fault((*where, "references"), f"no dataset {slug!r}", hint or None)
                return
            referenced = self.definition_of(slug)
            columns = referenced.columns if referenced is not None else {target: column}
            if target not in columns:
                hint = did_you_mean(target, columns).removeprefix("; ")
                message = f"{slug} has no column {target!r}"
                yield file.fault((*where, "references"), message, hint or None)

    def check_expectations(
        self, path: Path, slug: str, definition: Definition
    ) -> tuple[tuple[str, ...], list[Fault]]:
        """The slugs an expectations file refers to, and its faults: its form, its types, and the
        columns and datasets that it names.
        """
        file = read_yaml(path)
        suite = validate(ExpectationSuiteFile, file)
        references: set[str] = set()
        for number, expectation in enumerate(suite.expectations if suite else []):
            where = ("expectations", number, "kwargs")
            known = [*definition.columns, *definition.staged_columns]
            file.faults += _named(
                file, where, expectation, COLUMN_ARGUMENTS, COLUMNS_ARGUMENTS, known, ""
            )
            for argument in TABLE_ARGUMENTS:
                other = expectation.kwargs.get(argument)
                if other is None:
                    continue
                if other not in self.slugs:
                    hint = did_you_mean(str(other), self.slugs).removeprefix("; ")
                    message = f"no dataset {other!r}"
                    file.faults.append(file.fault((*where, argument), message, hint or None))
                    continue
                references.add(other)
                referenced = definition if other == slug else self.definition_of(other)
                if referenced is not None:
                    file.faults += _named(
                        file, where, expectation, OTHER_COLUMN_ARGUMENTS, OTHER_COLUMNS_ARGUMENTS,
                        list(referenced.columns), f"{other} has ",
                    )  # fmt: skip
            query = expectation.kwargs.get(QUERY_ARGUMENT)
            if isinstance(query, str):
                place = (*where, QUERY_ARGUMENT)
                for name in self._names_in(file, place, query) - {BATCH}:
                    if name in self.slugs:
                        references.add(name)
                        continue
                    hint = did_you_mean(name, [*self.slugs, "{batch}"]).removeprefix("; ")
                    file.faults.append(file.fault(place, f"no dataset {name!r}", hint or None))
        return tuple(sorted(references - {slug})), file.faults

    def _names_in(self, file: YamlFile, place: tuple[str | int, ...], query: str) -> set[str]:
        """The tables that an expectation's query reads, the one it is about under ``BATCH``."""
        try:
            return self._sql_names(query.format(batch=BATCH))
        except (KeyError, IndexError):
            hint = "write {{ and }} for braces that are not {batch}"
            file.faults.append(file.fault(place, "braces with something else inside", hint))
        except (SyntaxError, ValueError) as error:
            message = str(error).replace("a transform", "a query")
            file.faults.append(file.fault(place, message))
        return set()

    def inputs_of(self, transform: Path, *, derived: bool) -> tuple[tuple[str, ...], list[Fault]]:
        """The slugs a transform reads (DuckDB's parser lists them), and its faults."""
        try:
            text = transform.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            return (), [Fault(transform, 1, "", f"not UTF-8: {error.reason}", "save it as UTF-8")]
        try:
            names = _python_names(text) if transform.suffix == ".py" else self._sql_names(text)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            return (), [Fault(transform, line, "", str(error))]
        faults = []
        slugs = []
        for slug in sorted(names):
            if slug == STAGED and not derived:
                continue
            if slug == STAGED:
                faults.append(Fault(transform, _line_of(slug, text), "", "a derived dataset has no "
                                    "staged table", "name the datasets it reads"))  # fmt: skip
            elif slug not in self.slugs:
                hint = did_you_mean(slug, [*self.slugs, STAGED]).removeprefix("; ")
                message = f"no dataset {slug!r}"
                faults.append(Fault(transform, _line_of(slug, text), "", message, hint or None))
            else:
                slugs.append(slug)
        return tuple(slugs), faults

    def _sql_names(self, text: str) -> set[str]:
        import duckdb

        try:
            statements = duckdb.extract_statements(text)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise ValueError("a transform is exactly one SELECT statement")
            (tree,) = self._duckdb.execute("SELECT json_serialize_sql(?)", [text]).fetchone()
            names = set(_tables(json.loads(tree), frozenset()))
            with suppress(duckdb.BinderException):  # it knows no columns, but every function
                self._duckdb.get_table_names(text)
        except duckdb.Error as error:
            problem = SyntaxError(str(error).split("\n\nLINE")[0])
            problem.lineno = _duckdb_line(str(error))
            raise problem from error
        return names


@cache
def _reserved() -> frozenset[str]:
    """The reserved words of SQL, asked for once: opening a DuckDB costs ten milliseconds."""
    import duckdb

    with duckdb.connect() as con:
        words = con.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
        )
        return frozenset(word for (word,) in words.fetchall())


def _named(
    file: YamlFile,
    where: tuple[str | int, ...],
    expectation: Expectation,
    single: Collection[str],
    several: Collection[str],
    known: list[str],
    owner: str,
) -> Iterator[Fault]:
    """Faults of the arguments that name one column, or several, of a dataset."""
    for argument, value in expectation.kwargs.items():
        if value is None or argument not in (*single, *several):
            continue
        if isinstance(value, list) != (argument in several):
            form = "a list of columns" if argument in several else "the name of a column"
            yield file.fault((*where, argument), f"must be {form}")
            continue
        for name in value if isinstance(value, list) else [value]:
            if name not in known:
                hint = did_you_mean(str(name), known).removeprefix("; ")
                yield file.fault((*where, argument), f"{owner}no column {name!r}", hint or None)


def _tables(node: Any, hidden: frozenset[str]) -> Iterator[str]:
    """The tables a parsed SELECT reads; ``hidden`` are the names of the CTEs it sees."""
    if isinstance(node, list):
        for child in node:
            yield from _tables(child, hidden)
    if not isinstance(node, dict):
        return
    for cte in node.get("cte_map", {}).get("map", []):
        yield from _tables(cte["value"], hidden)
        hidden |= {cte["key"].lower()}
    kind = node.get("type")
    if kind == "RECURSIVE_CTE_NODE":
        hidden |= {node["cte_name"].lower()}
    if kind == "TABLE_FUNCTION" and _READS_FILES.match(node["function"]["function_name"]):
        raise ValueError(
            f"{node['function']['function_name']}: a transform names tables, not files"
        )
    if kind == "BASE_TABLE" and (node["schema_name"] or node["table_name"].lower() not in hidden):
        yield node["table_name"]
    for key, child in node.items():
        if key != "cte_map":
            yield from _tables(child, hidden)


def _python_names(text: str) -> set[str]:
    tree = ast.parse(text)
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if "transform" not in functions:
        raise ValueError("no function transform(inputs) in the file")
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "INPUTS" for target in node.targets
        ):
            return set(ast.literal_eval(node.value))
    return {STAGED}


def _duckdb_line(message: str) -> int:
    _, found, rest = message.partition("LINE ")
    return int(rest.split(":")[0]) if found and rest.split(":")[0].isdigit() else 1


def _line_of(word: str, text: str) -> int:
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if word in line), 1)
