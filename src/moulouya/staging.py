"""Staging: the source's text becomes the contract's types; what does not fit is kept apart.

A clean delivery is read once: the first value that does not fit its type stops the fast pass,
and only then are the rows split into good and rejected ones.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import duckdb

from moulouya import casting, duck, readers, tables
from moulouya.definition import Correction, Reading, StagedColumn
from moulouya.duck import identifier, literal, one_row
from moulouya.errors import ReadError, did_you_mean
from moulouya.readers import RawTable
from moulouya.readers.table import Malformed
from moulouya.readers.unpivot import unpivoted
from moulouya.settings import Settings
from moulouya.storage.files import remove_tree, told_plainly
from moulouya.workspace import Dataset

BATCH = 1000  # rejected rows written at once


@dataclass(frozen=True)
class Staged:
    """Typed rows in ``table`` (Parquet), and the rows left out in ``rejects``, if any.

    ``published_layout`` says that the table already has the published layout, which is so when
    no transform follows. ``arrived`` is the number of good rows of the delivery where the table
    has more than those.
    """

    table: Path
    rejects: Path | None
    rows: int
    rejected: int
    published_layout: bool
    arrived: int | None = None

    @property
    def rejected_share(self) -> float:
        """Rejected rows as a share of all rows that arrived."""
        total = (self.rows if self.arrived is None else self.arrived) + self.rejected
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
        if source.unpivot is not None:
            raw = unpivoted(raw, source.unpivot, named[0].name)
        table = _Table(con, dataset, source, raw, folder)
        try:
            return table.stage()
        except (duckdb.IOException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error as error:
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
        source: Reading,
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
        self.published = dataset.transform is None and not dataset.merged
        self.texts = {name: self._text(name, column) for name, column in self.columns.items()}
        self.types = {name: self._typed(name, column) for name, column in self.columns.items()}
        self.misfits = {name: self._misfit(name, column) for name, column in self.columns.items()}

    def stage(self) -> Staged:
        """The fast pass, and the splitting one where a value did not fit."""
        for path in (self.target, self.rejects):
            path.unlink(missing_ok=True)
        try:
            rows = self._write(self._fast())
            rejected = 0
        except (duckdb.ConversionException, duckdb.InvalidInputException):
            rows = self._write(self._splitting())
            rejected = self._write_rejects(self.raw.malformed())
        else:
            malformed = self.raw.malformed()
            if malformed:
                rejected = self._write_rejects(malformed, misfits=False)
        self._all_there(rows + rejected)
        return Staged(
            self.target, self.rejects if rejected else None, rows, rejected, self.published
        )

    def _all_there(self, seen: int) -> None:
        """Raise ReadError unless every record that the reader counted came out somewhere."""
        if self.raw.rows is None:
            return
        counted = self.raw.rows + len(self.raw.malformed())
        if seen != counted:
            raise ReadError(
                f"{counted} records of {self.source.format} became {seen} rows and rejects",
                hint="this is a fault of the reader: keep the file and report it",
            )

    def _write(self, query: str) -> int:
        query = _corrected(query, self.columns, self.dataset.definition.corrections)
        if self.published:
            return tables.write_published(self.con, query, self.dataset, self.target)
        (rows,) = one_row(
            self.con, f"COPY ({query}) TO {literal(str(self.target))} ({tables.SCRATCH_LAYOUT})"
        )
        return int(rows)

    def _fast(self) -> str:
        """A query for the typed rows that stops at the first value that does not fit."""
        texts, relation = self.texts, self.raw.relation
        missing = {tuple(column.missing) for column in self.columns.values()}
        if self.raw.without is not None and len(missing) == 1 and "" in (same := missing.pop()):
            relation = self.raw.without(list(same))
            texts = {
                name: self._text(name, column, bare=True) for name, column in self.columns.items()
            }
        selected = ", ".join(f"{text} AS {identifier(name)}" for name, text in texts.items())
        parts = []
        for name, column in self.columns.items():
            typed = self._source_type(name, column)
            value = (
                casting.strict(identifier(name), column, self.source.dialect)
                if typed is None
                else casting.strict_typed(identifier(name), column, typed)
            )
            if column.required or name in self.key:
                value = f"CASE WHEN {identifier(name)} IS NULL THEN {casting.STOP} ELSE {value} END"
            parts.append(f"{value} AS {identifier(name)}")
        return f"SELECT {', '.join(parts)} FROM (SELECT {selected} FROM {relation})"

    def _splitting(self) -> str:
        """A query for the rows whose every value fits."""
        parts = ", ".join(f"{value} AS {identifier(name)}" for name, value in self.types.items())
        return f"SELECT {parts} FROM {self.raw.relation} WHERE NOT ({self._any_misfit()})"

    def _any_misfit(self) -> str:
        misfits = [f"coalesce({misfit}, false)" for misfit in self.misfits.values() if misfit]
        return " OR ".join(misfits) or "false"

    def _text(self, name: str, column: StagedColumn, *, bare: bool = False) -> str:
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
        if bare or wanted in self.raw.types:
            return value
        missing = ", ".join(literal(text) for text in column.missing)
        return f"CASE WHEN {value} NOT IN ({missing}) THEN {value} END" if missing else value

    def _typed(self, name: str, column: StagedColumn) -> str:
        """The value in its type, NULL where it does not fit."""
        text, typed = self.texts[name], self._source_type(name, column)
        if typed is None:
            return casting.tolerant(text, column, self.source.dialect)
        return casting.tolerant_typed(text, column, typed)

    def _source_type(self, name: str, column: StagedColumn) -> str | None:
        """The SQL type the value has in the source, None for text."""
        return self.raw.types.get(column.source_name or name)

    def _misfit(self, name: str, column: StagedColumn) -> str | None:
        """SQL that is true for a row whose value must be rejected, None where none can be."""
        required = column.required or name in self.key
        if required:
            return f"({self.types[name]}) IS NULL"
        if column.type == "text":
            return None
        return f"({self.types[name]}) IS NULL AND ({self.texts[name]}) IS NOT NULL"

    def _rule(self, name: str, column: StagedColumn) -> str:
        required, type_ = literal("required"), literal("type")
        return f"CASE WHEN {self.texts[name]} IS NULL THEN {required} ELSE {type_} END"

    def _reason(self, name: str, column: StagedColumn) -> str:
        text = self.texts[name]
        wrong = (
            f"{literal(name + ': ')} || left(CAST({text} AS VARCHAR), 80) || "
            f"{literal(f' is not {column.type}')}"
        )
        return f"CASE WHEN {text} IS NULL THEN {literal(name + ': missing')} ELSE {wrong} END"

    def _write_rejects(self, malformed: list[Malformed], *, misfits: bool = True) -> int:
        """Write the rejected rows: where they stand, the rules and columns, why, and their text."""
        self.con.execute(
            "CREATE TEMP TABLE rejected (file VARCHAR, line BIGINT, record BIGINT, "
            "rule VARCHAR, column_ VARCHAR, reason VARCHAR, original VARCHAR)"
        )
        if misfits:
            misfits_of = {
                name: column
                for name, column in self.columns.items()
                if self.misfits[name] is not None
            }
            rules, columns, reasons = (
                ", ".join(
                    f"CASE WHEN {self.misfits[name]} THEN {told(name, column)} END"
                    for name, column in misfits_of.items()
                )
                for told in (self._rule, lambda name, _: literal(name), self._reason)
            )
            names = [c.source_name or name for name, c in self.columns.items() if name != "_file"]
            original = ", ".join(
                f"{identifier(name)} := {self.raw.expressions[name]}"
                for name in dict.fromkeys(names)
            )
            # Rows keep their order in a window without a partition only: in one of its own, a
            # file's rows come as they may.
            numbered = (
                "SELECT *, _row - min(_row) OVER (PARTITION BY _member) + 1 AS _record FROM "
                f"(SELECT *, {self.raw.file_expression} AS _member, row_number() OVER () AS _row "
                f"FROM {self.raw.relation})"
            )
            line = self.raw.line_expression or "NULL"
            self.con.execute(
                f"INSERT INTO rejected SELECT _member, {line}, _record, "
                f"concat_ws('; ', {rules}), concat_ws('; ', {columns}), "
                f"concat_ws('; ', {reasons}), CAST(to_json(struct_pack({original})) AS VARCHAR) "
                f"FROM ({numbered}) WHERE {self._any_misfit()}"
            )
            self._add_lines(malformed)
        for start in range(0, len(malformed), BATCH):
            batch = malformed[start : start + BATCH]
            self.con.execute(
                "INSERT INTO rejected SELECT unnest($1::VARCHAR[]), unnest($2::BIGINT[]), NULL, "
                "unnest($3::VARCHAR[]), NULL, unnest($4::VARCHAR[]), unnest($5::VARCHAR[])",
                [
                    [str(bad.file) for bad in batch],
                    [bad.line for bad in batch],
                    [bad.rule for bad in batch],
                    [bad.reason for bad in batch],
                    [bad.original for bad in batch],
                ],
            )
        (rows,) = one_row(
            self.con,
            "COPY (SELECT parse_filename(file) AS file, line, record, rule, "
            'column_ AS "column", reason, original '
            f"FROM rejected ORDER BY ALL) TO {literal(str(self.rejects))} ({tables.LAYOUT})",
        )
        return int(rows)

    def _add_lines(self, malformed: list[Malformed]) -> None:
        if self.raw.line_expression is not None:
            return
        wanted: dict[Path, set[int]] = defaultdict(set)
        for file, record in self.con.execute("SELECT file, record FROM rejected").fetchall():
            wanted[Path(file)].add(record)
        lines = self.raw.lines(wanted, malformed)
        if lines:
            self.con.execute("CREATE TEMP TABLE lines (file VARCHAR, record BIGINT, line BIGINT)")
            found = list(lines)
            for start in range(0, len(found), BATCH):
                batch = found[start : start + BATCH]
                self.con.execute(
                    "INSERT INTO lines SELECT unnest($1::VARCHAR[]), unnest($2::BIGINT[]), "
                    "unnest($3::BIGINT[])",
                    [
                        [str(file) for file, _ in batch],
                        [record for _, record in batch],
                        [lines[key] for key in batch],
                    ],
                )
            self.con.execute(
                "UPDATE rejected SET line = lines.line FROM lines "
                "WHERE rejected.file = lines.file AND rejected.record = lines.record"
            )


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
