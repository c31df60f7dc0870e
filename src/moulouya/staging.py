"""Staging: the source's text becomes the contract's types; what does not fit is kept apart.

A clean delivery is read once: the first value that does not fit its type stops the fast pass,
and only then are the rows split into good and rejected ones.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import duckdb

from moulouya import duck, readers, tables
from moulouya.definition import Correction, Dialect, SourceBase, StagedColumn
from moulouya.duck import identifier, literal, one_row
from moulouya.errors import ReadError, did_you_mean
from moulouya.readers import RawTable
from moulouya.readers.table import Malformed
from moulouya.settings import Settings
from moulouya.storage.files import remove_tree, told_plainly
from moulouya.workspace import Dataset

_MISFIT = "a value does not fit the contract"


@dataclass(frozen=True)
class Staged:
    """Typed rows in ``table`` (Parquet), and the rows left out in ``rejects``, if any.

    ``published_layout`` says that the table already has the published layout, which is so when
    no transform follows.
    """

    table: Path
    rejects: Path | None
    rows: int
    rejected: int
    published_layout: bool

    @property
    def rejected_share(self) -> float:
        """Rejected rows as a share of all rows that arrived."""
        total = self.rows + self.rejected
        return self.rejected / total if total else 0.0


def stage(dataset: Dataset, files: dict[str, Path], folder: Path, settings: Settings) -> Staged:
    """Read a snapshot's files (by the names they came under) into ``folder``/staged.parquet.

    Raises ReadError when the bytes are not the declared format or a column is missing.
    """
    source = dataset.definition.source
    assert source is not None, "a derived dataset has nothing to stage"
    with told_plainly(f"staging {dataset.slug}"):
        named = _named(files, folder / "source")
    with duck.connect(
        memory_limit=settings.memory_limit, threads=settings.threads, spill=folder / "spill"
    ) as con:
        raw = readers.read(con, named, source, folder)
        table = _Table(con, dataset, source, raw, folder)
        try:
            return table.stage()
        except duckdb.InvalidInputException as error:
            raise ReadError(
                f"{named[0].name} cannot be read as {source.format}: {_first_line(error)}",
                hint="check source.format, source.compression and source.dialect",
            ) from error


def _named(files: dict[str, Path], folder: Path) -> list[Path]:
    """The files under the names they were delivered with, so that a reject can say which one."""
    remove_tree(folder)
    folder.mkdir(parents=True)
    for name, path in files.items():
        (folder / name).symlink_to(path)
    return [folder / name for name in files]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


class _Table:
    """One raw table on its way to typed rows."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        dataset: Dataset,
        source: SourceBase,
        raw: RawTable,
        folder: Path,
    ) -> None:
        self.con = con
        self.dataset = dataset
        self.source = source
        self.raw = raw
        self.target = folder / "staged.parquet"
        self.rejects = folder / "rejected.parquet"
        self.columns = dataset.definition.staged_columns
        self.key = set(dataset.definition.key)
        self.published = dataset.transform is None
        self.texts = {name: self._text(name, column) for name, column in self.columns.items()}
        self.types = {name: self._typed(name, column) for name, column in self.columns.items()}
        self.misfits = {name: self._misfit(name, column) for name, column in self.columns.items()}

    def stage(self) -> Staged:
        """The fast pass, and the splitting one where a value did not fit."""
        for path in (self.target, self.rejects):
            path.unlink(missing_ok=True)
        try:
            rows = self._write(self._select(strict=True), f"SELECT * FROM {self.raw.relation}")
            rejected = 0
        except duckdb.InvalidInputException as error:
            if _MISFIT not in str(error):
                raise
            self.con.execute(
                "DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans"
            )
            rows = self._write(
                self._select(strict=False),
                f"SELECT * FROM {self.raw.relation} WHERE NOT ({self._any_misfit()})",
            )
            rejected = self._write_rejects(self.raw.malformed())
        else:
            malformed = self.raw.malformed()
            if malformed:
                rejected = self._write_rejects(malformed, misfits=False)
        return Staged(
            self.target, self.rejects if rejected else None, rows, rejected, self.published
        )

    def _write(self, select: str, source: str) -> int:
        query = _corrected(
            f"SELECT {select} FROM ({source})", self.columns, self.dataset.definition.corrections
        )
        if self.published:
            return tables.write_published(self.con, query, self.dataset, self.target)
        (rows,) = one_row(
            self.con, f"COPY ({query}) TO {literal(str(self.target))} ({tables.SCRATCH_LAYOUT})"
        )
        return int(rows)

    def _select(self, *, strict: bool) -> str:
        """The typed columns; ``strict`` makes the first misfit stop the query."""
        parts = []
        for name in self.columns:
            value = self.types[name]
            misfit = self.misfits[name]
            if strict and misfit is not None:
                value = f"CASE WHEN {misfit} THEN error({literal(_MISFIT)}) ELSE {value} END"
            parts.append(f"{value} AS {identifier(name)}")
        return ",\n".join(parts)

    def _any_misfit(self) -> str:
        misfits = [f"coalesce({misfit}, false)" for misfit in self.misfits.values() if misfit]
        return " OR ".join(misfits) or "false"

    def _text(self, name: str, column: StagedColumn) -> str:
        """The value as the source wrote it, NULL where the contract says it is missing."""
        if name == "_file":
            return f"parse_filename({self.raw.file_expression})"
        wanted = column.source_name or name
        if wanted not in self.raw.expressions:
            known = list(self.raw.expressions)
            raise ReadError(
                f"the source has no column {wanted!r} (for {name}){did_you_mean(wanted, known)}",
                hint=f"it has: {', '.join(known)}",
            )
        value = self.raw.expressions[wanted]
        if not self.raw.all_text:
            return value
        missing = ", ".join(literal(text) for text in column.missing)
        return f"CASE WHEN {value} NOT IN ({missing}) THEN {value} END" if missing else value

    def _typed(self, name: str, column: StagedColumn) -> str:
        """The value in its type, NULL where it does not fit."""
        text = self.texts[name]
        if not self.raw.all_text:
            return _cast_typed(text, column)
        return _cast_text(text, column, self.source.dialect)

    def _misfit(self, name: str, column: StagedColumn) -> str | None:
        """SQL that is true for a row whose value must be rejected, None where none can be."""
        required = column.required or name in self.key
        if required:
            return f"({self.types[name]}) IS NULL"
        if column.type == "text":
            return None
        return f"({self.types[name]}) IS NULL AND ({self.texts[name]}) IS NOT NULL"

    def _reason(self, name: str, column: StagedColumn) -> str:
        text = self.texts[name]
        wrong = (
            f"{literal(name + ': ')} || left(CAST({text} AS VARCHAR), 80) || "
            f"{literal(f' is not {column.type}')}"
        )
        return f"CASE WHEN {text} IS NULL THEN {literal(name + ': missing')} ELSE {wrong} END"

    def _write_rejects(self, malformed: list[Malformed], *, misfits: bool = True) -> int:
        """Write the rejected rows: file, line, record, reason and the original text."""
        self.con.execute(
            "CREATE TEMP TABLE rejected (file VARCHAR, line BIGINT, record BIGINT, "
            "reason VARCHAR, original VARCHAR)"
        )
        if misfits:
            reasons = ", ".join(
                f"CASE WHEN {self.misfits[name]} THEN {self._reason(name, column)} END"
                for name, column in self.columns.items()
                if self.misfits[name] is not None
            )
            names = [c.source_name or name for name, c in self.columns.items() if name != "_file"]
            original = ", ".join(
                f"{identifier(name)} := {self.raw.expressions[name]}"
                for name in dict.fromkeys(names)
            )
            numbered = (
                f"SELECT *, {self.raw.file_expression} AS _member, row_number() OVER "
                f"(PARTITION BY {self.raw.file_expression}) AS _record FROM {self.raw.relation}"
            )
            self.con.execute(
                "INSERT INTO rejected SELECT _member, NULL, _record, "
                f"concat_ws('; ', {reasons}), CAST(to_json(struct_pack({original})) AS VARCHAR) "
                f"FROM ({numbered}) WHERE {self._any_misfit()}"
            )
            self._add_lines(malformed)
        self.con.executemany(
            "INSERT INTO rejected VALUES (?, ?, NULL, ?, ?)",
            [[str(bad.file), bad.line, bad.reason, bad.original] for bad in malformed]
            or [[None] * 4],
        )
        self.con.execute("DELETE FROM rejected WHERE file IS NULL")
        (rows,) = one_row(
            self.con,
            "COPY (SELECT parse_filename(file) AS file, line, record, reason, original "
            f"FROM rejected ORDER BY ALL) TO {literal(str(self.rejects))} ({tables.LAYOUT})",
        )
        return int(rows)

    def _add_lines(self, malformed: list[Malformed]) -> None:
        wanted: dict[Path, set[int]] = defaultdict(set)
        for file, record in self.con.execute("SELECT file, record FROM rejected").fetchall():
            wanted[Path(file)].add(record)
        lines = self.raw.lines(wanted, malformed)
        if lines:
            self.con.execute("CREATE TEMP TABLE lines (file VARCHAR, record BIGINT, line BIGINT)")
            self.con.executemany(
                "INSERT INTO lines VALUES (?, ?, ?)",
                [[str(file), record, line] for (file, record), line in lines.items()],
            )
            self.con.execute(
                "UPDATE rejected SET line = lines.line FROM lines "
                "WHERE rejected.file = lines.file AND rejected.record = lines.record"
            )


def _cast_text(text: str, column: StagedColumn, dialect: Dialect) -> str:
    """SQL that turns a text into a column's type, or NULL where it does not fit."""
    kind = column.type
    if kind == "text":
        return text
    text = f"trim({text})"
    if kind == "json":
        return f"CASE WHEN json_valid({text}) THEN {text} END"
    if kind in ("date", "datetime") and column.format:
        parsed = f"try_strptime({text}, {literal(column.format)})"
        return f"CAST({parsed} AS {column.sql_type})"
    if kind in ("integer", "number") or kind.startswith("decimal"):
        if dialect.thousands:
            text = f"replace({text}, {literal(dialect.thousands)}, '')"
        if dialect.decimal != ".":
            text = f"replace({text}, {literal(dialect.decimal)}, '.')"
    if kind == "integer":
        # A bare cast rounds 12.7 to 13; a fraction is not an integer.
        whole = f"TRY_CAST({text} AS BIGINT)"
        number = f"TRY_CAST({text} AS DOUBLE)"
        return (
            f"CASE WHEN contains({text}, '.') THEN "
            f"CASE WHEN {number} = trunc({number}) THEN {whole} END ELSE {whole} END"
        )
    if kind == "number":
        number = f"TRY_CAST({text} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    return f"TRY_CAST({text} AS {column.sql_type})"


def _cast_typed(value: str, column: StagedColumn) -> str:
    """SQL that turns a typed value into the contract's type, or NULL where it does not fit."""
    if column.type == "integer":
        cast = f"TRY_CAST({value} AS BIGINT)"
        return f"CASE WHEN {cast} = {value} THEN {cast} END"
    if column.type == "number":
        number = f"TRY_CAST({value} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    return f"TRY_CAST({value} AS {column.sql_type})"


def _corrected(query: str, columns: dict[str, StagedColumn], corrections: list[Correction]) -> str:
    """The query with the declared corrections applied, one after the other."""
    for correction in corrections:
        parts = [
            f"CASE WHEN {correction.where} THEN CAST({literal(correction.set[name])} AS "
            f"{column.sql_type}) ELSE {identifier(name)} END AS {identifier(name)}"
            if name in correction.set
            else identifier(name)
            for name, column in columns.items()
        ]
        query = f"SELECT {', '.join(parts)} FROM ({query})"
    return query
