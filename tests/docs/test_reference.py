"""The reference is complete: every command, setting, key, expectation and table."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from types import ModuleType
from typing import Any

import pages
import pytest
import yaml

from moulouya.catalogue.tables import COLUMNS
from moulouya.errors import MoulouyaError
from moulouya.expectations import EXPECTATION_TYPES
from moulouya.schemas import schemas
from moulouya.settings import Settings

REFERENCE = "docs/reference"


@cache
def generator() -> ModuleType:
    path = pages.REPOSITORY / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(generator().pages()))
def test_a_generated_page_is_up_to_date(name: str) -> None:
    written = pages.read(f"{REFERENCE}/{name}")
    assert written == generator().pages()[name], "run `make schemas`"


def section(page: str, heading: str) -> str:
    """The part of a page under a heading."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    assert found is not None, f"no heading {heading!r}"
    return found.group(1)


def test_every_command_and_option_is_documented() -> None:
    page = pages.read(f"{REFERENCE}/commands.md")
    for name, command in generator().commands():
        described = section(page, f"moulouya {name}")
        for parameter in command.params:
            assert parameter.help, f"moulouya {name}: {parameter.name} has no help"
            label = parameter.opts[0] if parameter.param_type_name == "option" else "`"
            assert label in described, f"moulouya {name} {label} is not in commands.md"


def test_every_setting_is_documented() -> None:
    page = pages.read(f"{REFERENCE}/settings.md")
    for name, field in Settings.model_fields.items():
        assert field.description, f"the setting {name} has no description"
        assert f"`MOULOUYA_{name.upper()}`" in page


def pages_of(name: str) -> str:
    """The pages on which the keys of a file are: a dataset's sources and formats have their own."""
    more = ("sources", "formats") if name == "dataset" else ()
    return "\n".join(pages.read(f"{REFERENCE}/{one}.md") for one in (name, *more))


def models(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    every = {schema["title"]: schema, **schema["$defs"]}
    return {name: model for name, model in every.items() if "properties" in model}


@pytest.mark.parametrize("name", ["dataset", "region", "expectations"])
def test_every_key_of_a_file_is_documented_with_its_meaning(name: str) -> None:
    page = pages_of(name)
    for model, described in models(schemas()[f"{name}.schema.json"]).items():
        kind = described["properties"].get("kind", {}).get("const")
        tables = section(page, kind or ("rest" if model == "Paging" else model))
        if kind:
            tables += section(page, "Keys of every source behind http or https")
            tables += section(page, "Keys of every source")
        for key in described["properties"]:
            row = re.search(rf"^\| `{key}` \|.*\| (.*) \|$", tables, re.M)
            assert row is not None, f"{name}: {model} has no row for {key}"
            assert row.group(1).strip(), f"{name}: {model}.{key} has no meaning (words.yml)"


@pytest.mark.parametrize("name", ["dataset", "region", "expectations"])
def test_every_key_of_a_file_is_in_an_example(name: str) -> None:
    shown: set[str] = set()
    more = ("sources", "formats") if name == "dataset" else ()
    for fence in (f for one in (name, *more) for f in pages.fences(f"{REFERENCE}/{one}.md")):
        if fence.language == "yaml":
            shown |= keys_of(yaml.safe_load(fence.text))
    wanted = {
        key
        for model in models(schemas()[f"{name}.schema.json"]).values()
        for key in model["properties"]
    }
    assert wanted - shown == set()


def keys_of(value: Any) -> set[str]:
    """The keys of a YAML value at any depth."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    own = set(value) if isinstance(value, dict) else set()
    return own.union(*(keys_of(one) for one in inside))


def test_every_expectation_is_documented_with_arguments_that_it_takes() -> None:
    from great_expectations.expectations.registry import get_expectation_impl

    import moulouya.quality.suite  # noqa: F401 - registers ours

    described = generator().WORDS["expectations"]
    assert set(described) == EXPECTATION_TYPES
    page = pages.read(f"{REFERENCE}/expectations.md")
    for name, said in described.items():
        assert f"| `{name}` |" in page
        fields = {*get_expectation_impl(name).__fields__}
        assert {one.strip() for one in said["arguments"].split(",")} <= fields


def test_every_table_of_the_catalogue_is_documented() -> None:
    page = pages.read(f"{REFERENCE}/catalogue-tables.md")
    for table, columns in COLUMNS.items():
        described = section(page, f"catalogue.{table}")
        for column in columns.split():
            assert f"| `{column.partition(':')[0]}` |" in described


def test_no_word_is_kept_for_what_is_gone() -> None:
    every = {
        f"{model}.{key}"
        for schema in schemas().values()
        for model, described in models(schema).items()
        for key in described["properties"]
    }
    assert set(generator().WORDS["meanings"]) <= every
    assert set(generator().WORDS["tables"]) == set(COLUMNS)


def test_every_error_code_is_documented() -> None:
    page = pages.read(f"{REFERENCE}/outcomes.md")
    kinds = [MoulouyaError, *MoulouyaError.__subclasses__()]
    for kind in kinds[1:]:
        assert f"| `{kind.code}` | {kind.exit_code} |" in page, f"{kind.__name__} is not there"


def test_every_variable_of_a_transform_is_documented() -> None:
    source = (pages.REPOSITORY / "src" / "moulouya" / "transform.py").read_text()
    page = pages.read(f"{REFERENCE}/transforms.md")
    names = set(re.findall(r'"(region_\w+)":', source))
    assert names
    assert {name for name in names if f"`{name}`" not in page} == set()
