"""The committed JSON Schemas are those of the models and accept the repository's own files."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import jsonschema
import pages
import pytest
import yaml

from moulouya.schemas import schemas, text_of

FILES = sorted(
    path.relative_to(pages.REPOSITORY).as_posix()
    for path in [
        pages.REPOSITORY / "region.yml",
        *(pages.REPOSITORY / "datasets").rglob("*.yml"),
        *(pages.REPOSITORY / "expectations").rglob("*.yml"),
    ]
)
SCHEMA_OF = {"datasets": "dataset", "expectations": "expectations", "region.yml": "region"}


@pytest.mark.parametrize("name", sorted(schemas()))
def test_a_committed_schema_is_that_of_its_model(name: str) -> None:
    committed = (pages.REPOSITORY / "schemas" / name).read_text(encoding="utf-8")
    assert committed == text_of(schemas()[name]), "run `make schemas`"


@pytest.fixture(scope="module")
def validators() -> dict[str, jsonschema.protocols.Validator]:
    made = {}
    for name in SCHEMA_OF.values():
        schema = json.loads((pages.REPOSITORY / "schemas" / f"{name}.schema.json").read_text())
        made[name] = jsonschema.Draft202012Validator(schema)
    return made


@pytest.mark.parametrize("file", FILES)
def test_an_editor_finds_no_fault_in_a_file(file: str, validators: dict[str, Any]) -> None:
    validator = validators[SCHEMA_OF[file.split("/")[0]]]
    text = (pages.REPOSITORY / file).read_text(encoding="utf-8")
    faults = [
        f"{'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(as_json(text))
    ]
    assert faults == []


def as_json(text: str) -> Any:
    """A YAML text as JSON has it: keys are texts, dates are ISO 8601."""
    return json.loads(json.dumps(yaml.safe_load(text), default=dt.date.isoformat))


@pytest.mark.parametrize("file", FILES)
def test_a_file_names_its_schema_for_editors(file: str) -> None:
    first = (pages.REPOSITORY / file).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    target = (pages.REPOSITORY / file).parent / first.partition("=")[2]
    assert target.resolve().is_file(), f"{file}: {first}"
    assert target.name == f"{SCHEMA_OF[Path(file).parts[0]]}.schema.json"


def test_an_unknown_key_is_a_fault(validators: dict[str, Any]) -> None:
    text = (pages.REPOSITORY / "region.yml").read_text(encoding="utf-8")
    wrong = {**as_json(text), "colour": "blue"}
    assert not validators["region"].is_valid(wrong)
