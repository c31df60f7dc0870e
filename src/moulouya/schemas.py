"""The JSON Schemas of the files people write, for editors; committed under ``schemas/``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from moulouya.definition import Definition
from moulouya.expectations import EXPECTATION_TYPES, ExpectationSuiteFile
from moulouya.region import Region


def schemas() -> dict[str, dict[str, Any]]:
    """Each schema under its file name."""
    suite = ExpectationSuiteFile.model_json_schema(by_alias=True)
    suite["$defs"]["Expectation"]["properties"]["type"]["enum"] = sorted(EXPECTATION_TYPES)
    return {
        "dataset.schema.json": Definition.model_json_schema(by_alias=True),
        "expectations.schema.json": suite,
        "region.schema.json": Region.model_json_schema(by_alias=True),
    }


def text_of(schema: dict[str, Any]) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def write(folder: Path) -> None:
    """Write every schema into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_text(text_of(schema), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
