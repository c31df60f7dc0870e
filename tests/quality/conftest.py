"""A dataset made from a few columns, and tables made from a query."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from moulouya.definition import Definition
from moulouya.licences import LICENCES
from moulouya.quality.validation import Check, Validation, validate
from moulouya.settings import Settings
from moulouya.workspace import Dataset

TEXT = {"ar": "نص", "fr": "texte", "en": "text"}


def make_dataset(
    columns: dict[str, dict[str, Any]],
    key: list[str],
    *,
    expectations: Path | None = None,
    transform: Path | None = None,
    slug: str = "communes",
    **fields: Any,
) -> Dataset:
    definition = Definition.model_validate(
        {
            "title": TEXT,
            "description": TEXT,
            "row_is": TEXT,
            "publisher": "hcp",
            "key": key,
            "source": {"kind": "file", "path": "x.csv", "format": "csv"},
            "columns": {
                name: {"title": TEXT, "description": TEXT, **column}
                for name, column in columns.items()
            },
            **fields,
        }
    )
    references = {
        column.references.split(".")[0]
        for column in definition.columns.values()
        if column.references
    }
    return Dataset(
        slug=slug,
        theme="places",
        definition=definition,
        path=Path(f"datasets/places/{slug}.yml"),
        transform=transform,
        expectations=expectations,
        licence=LICENCES["CC-BY-4.0"],
        inputs=(),
        references=tuple(sorted(references - {slug})),
        recipe="0",
    )


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    def write(query: str, name: str = "table") -> Path:
        path = tmp_path / f"{name}.parquet"
        with duckdb.connect() as con:
            con.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        return path

    return write


@pytest.fixture
def run(table: Callable[..., Path]) -> Callable[..., Validation]:
    """Validate the rows of a query against columns, all in one call."""

    def call(
        query: str,
        columns: dict[str, dict[str, Any]],
        key: list[str] | None = None,
        *,
        moment: Any = "outgoing",
        inputs: dict[str, Path] | None = None,
        fuse: bool = True,
        **fields: Any,
    ) -> Validation:
        dataset = make_dataset(columns, key or [next(iter(columns))], **fields)
        return validate(
            table(query),
            dataset,
            moment=moment,
            inputs=inputs or {},
            settings=Settings(),
            fuse=fuse,
        )

    return call


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The SQL that GX sends to DuckDB while a test runs."""
    seen: list[str] = []

    def note(_con: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def only(validation: Validation, type_: str, column: str | None = None) -> Check:
    """The one check of a type, about a column."""
    found = [check for check in validation.checks if check.type == type_ and check.column == column]
    assert len(found) == 1, [check.message for check in validation.checks]
    return found[0]
