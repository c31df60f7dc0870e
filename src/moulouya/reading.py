"""``moulouya read``: one file through readers and staging, without a lake."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from moulouya import arrival, drafting, sniffing
from moulouya.definition import Definition, Reading
from moulouya.duck import connect, literal
from moulouya.errors import DefinitionError, LakeError, ReadError
from moulouya.licences import LICENCES
from moulouya.settings import Settings
from moulouya.sniffing import Choice
from moulouya.workspace import Dataset
from moulouya.yamlfile import read_yaml, validate

SHOWN = 100  # rejected rows in a report


def read(
    settings: Settings,
    file: Path,
    target: Path,
    contract: Path | None,
    *,
    choice: Choice | None = None,
    as_text: bool = False,
) -> dict[str, Any]:
    """Read ``file`` by a contract (or a guessed one) into the Parquet ``target``.

    Returns the report: format, the options of reading, rows, rejected rows with line and reason
    (the first 100), columns with their types, warnings about guesses, and the contract. Raises
    ReadError when the file cannot be read, DefinitionError when the contract is broken.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        described, warnings = _contract(settings, file, contract, scratch, choice, as_text=as_text)
        dataset = _dataset(described, contract, file)
        try:
            folder_of_rows = scratch / "staged"
            folder_of_rows.mkdir()
            staged = arrival.stage_in_sandbox(
                dataset, {file.name: file.absolute()}, folder_of_rows, settings
            )
        except (duckdb.Error, LakeError) as error:
            raise ReadError(
                f"{file.name} cannot be read: {str(error).partition(chr(10))[0]}",
                hint="the file is damaged, or needs more memory than is allowed",
            ) from error
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(staged.table, target)
        rejects = _first_rejects(staged.rejects) if staged.rejects else []
    source = described.source
    assert source is not None, "a contract to read by has a source"
    return {
        "format": source.format,
        "reading": source.model_dump(
            mode="json", by_alias=True, exclude_defaults=True, include=set(Reading.model_fields)
        ),
        "rows": staged.rows,
        "rejected": staged.rejected,
        "rejects": rejects,
        "columns": [
            {"name": name, "from": column.source_name or name, "type": column.type}
            for name, column in described.columns.items()
        ],
        "warnings": warnings,
        "contract": described.model_dump(mode="json", by_alias=True, exclude_defaults=True),
    }


def _contract(
    settings: Settings,
    file: Path,
    contract: Path | None,
    scratch: Path,
    choice: Choice | None,
    *,
    as_text: bool,
) -> tuple[Definition, list[str]]:
    """The definition to read by, and what was guessed for want of one."""
    if contract is None:
        sniffed = sniffing.sniff_in_sandbox(file, scratch, settings, choice)
        if as_text:
            columns = [
                replace(one, type=one.type if one.type == "geometry" else "text", format=None)
                for one in sniffed.columns
            ]
            sniffed = replace(sniffed, columns=columns)
        source = {"kind": "file", "path": file.name}
        drafted = drafting.contract_of(sniffed, "file", publisher="none", source=source)
        return Definition.model_validate(drafted), sniffed.warnings
    yaml_file = read_yaml(contract)
    definition = validate(Definition, yaml_file)
    if definition is None or yaml_file.faults:
        raise DefinitionError(yaml_file.faults)
    return definition, []


def _dataset(described: Definition, contract: Path | None, file: Path) -> Dataset:
    """The dataset to stage.

    A guessed contract has no key to sort by or to reject rows for: the rows stay as they are in
    the file, but for shapes, which only the published layout writes as GeoParquet.
    """
    shapes = any(column.type == "geometry" for column in described.columns.values())
    in_order = contract is None and not shapes
    return Dataset(
        slug="file",
        theme="none",
        definition=described.model_copy(update={"key": []}) if in_order else described,
        path=contract or file,
        transform=file if in_order else None,
        expectations=None,
        licence=LICENCES["CC0-1.0"],
        inputs=(),
        references=(),
        recipe="",
    )


def _first_rejects(path: Path) -> list[dict[str, Any]]:
    with connect() as con:
        table = con.execute(
            f"FROM read_parquet({literal(str(path))}) LIMIT {SHOWN}"
        ).to_arrow_table()
        rows: list[dict[str, Any]] = table.to_pylist()
    return rows
