"""``moulouya read``: one file through readers and staging, without a lake."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from moulouya import drafting, sniffing, staging
from moulouya.definition import Definition
from moulouya.duck import connect, literal
from moulouya.errors import DefinitionError
from moulouya.licences import LICENCES
from moulouya.settings import Settings
from moulouya.workspace import Dataset
from moulouya.yamlfile import read_yaml, validate


def read(settings: Settings, file: Path, target: Path, contract: Path | None) -> dict[str, Any]:
    """Read ``file`` by a contract (or a guessed one) into the Parquet ``target``.

    Returns the report: rows, rejected rows with line and reason (the first 100), the contract.
    Raises ReadError when the file cannot be read, DefinitionError when the contract is broken.
    """
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        described = _contract(file, contract, scratch)
        dataset = Dataset(
            slug="file",
            theme="none",
            definition=described,
            path=contract or file,
            transform=None,
            expectations=None,
            licence=LICENCES["CC0-1.0"],
            inputs=(),
            references=(),
            recipe="",
        )
        staged = staging.stage(dataset, {file.name: file.absolute()}, scratch / "staged", settings)
        shutil.copyfile(staged.table, target)
        rejects = _first_rejects(staged.rejects) if staged.rejects else []
    return {
        "rows": staged.rows,
        "rejected": staged.rejected,
        "rejects": rejects,
        "contract": described.model_dump(mode="json", by_alias=True, exclude_defaults=True),
    }


def _contract(file: Path, contract: Path | None, scratch: Path) -> Definition:
    if contract is None:
        sniffed = sniffing.sniff(file, scratch)
        source = {"kind": "file", "path": file.name}
        drafted = drafting.contract_of(sniffed, "file", publisher="none", source=source)
        return Definition.model_validate(drafted)
    yaml_file = read_yaml(contract)
    definition = validate(Definition, yaml_file)
    if definition is None or yaml_file.faults:
        raise DefinitionError(yaml_file.faults)
    return definition


def _first_rejects(path: Path) -> list[dict[str, Any]]:
    with connect() as con:
        table = con.execute(f"FROM read_parquet({literal(str(path))}) LIMIT 100").to_arrow_table()
        rows: list[dict[str, Any]] = table.to_pylist()
    return rows
