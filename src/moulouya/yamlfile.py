"""A YAML file that remembers on which line each key stands, so that a fault can be shown there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from moulouya.definition import SOURCE_KINDS
from moulouya.errors import Fault, did_you_mean
from moulouya.storage.files import told_plainly

M = TypeVar("M", bound=BaseModel)
Location = tuple[str | int, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class YamlFile:
    """The value of a file, the line of every key in it, and what is wrong with its syntax."""

    path: Path
    value: Any = None
    lines: dict[Location, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, location: Location) -> int:
        """The line of a key, or of the nearest key around it that the file has."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def fault(self, location: Location, message: str, hint: str | None = None) -> Fault:
        """A fault at a key of this file."""
        key = ".".join(str(part) for part in location)
        return Fault(self.path, self.line(location), key, message, hint)


def read_yaml(path: Path) -> YamlFile:
    """Read a file with its line marks; bad syntax and repeated keys become faults.

    Raises LakeError where the operating system does not let it be read.
    """
    file = YamlFile(path)
    with told_plainly(f"reading {path}"):
        content = path.read_bytes()
    try:
        loader = _Loader(content.decode())
        node = loader.get_single_node()
    except UnicodeDecodeError as error:
        file.faults.append(Fault(path, 1, "", f"not UTF-8: {error.reason}", "save it as UTF-8"))
        return file
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        file.faults.append(Fault(path, line, "", f"not valid YAML: {error.problem}"))
        return file
    except yaml.YAMLError as error:
        file.faults.append(Fault(path, 1, "", f"not valid YAML: {error}"))
        return file
    if node is None:
        file.faults.append(Fault(path, 1, "", "the file is empty"))
        return file
    file.value = _construct(loader, node, (), file)
    return file


def _construct(loader: Any, node: yaml.Node, location: Location, file: YamlFile) -> Any:
    file.lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(loader, child, (*location, number), file)
            for number, child in enumerate(node.value)
        ]
    if not isinstance(node, yaml.MappingNode):
        try:
            return loader.construct_object(node)
        except (ValueError, yaml.YAMLError) as error:
            file.faults.append(file.fault(location, f"not a valid value: {error}"))
            return None
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        # YAML 1.1 reads on/off/yes/no as booleans; as keys they are meant as words.
        key = str(key_node.value)
        here = (*location, key)
        file.lines[here] = key_node.start_mark.line + 1
        if key in result:
            file.faults.append(file.fault(here, "the key stands twice", "keep one of them"))
        result[key] = _construct(loader, value_node, here, file)
    return result


def validate(model: type[M], file: YamlFile) -> M | None:
    """Build ``model`` from the file, or add every fault of the file to it and return None."""
    if file.value is None:
        return None
    try:
        return model.model_validate(file.value)
    except ValidationError as error:
        known = _field_names(model)
        for detail in error.errors():
            file.faults.append(_fault_of(file, dict(detail), known))
        return None


def _fault_of(file: YamlFile, detail: dict[str, Any], known: set[str]) -> Fault:
    location: Location = detail["loc"]
    # A union puts the tag of its branch into the location; the file has no such key.
    if location[:1] == ("source",) and len(location) > 1 and location[1] in SOURCE_KINDS:
        location = ("source", *location[2:])
    if location[-1:] == ("[key]",):  # pydantic's mark of a key that is itself wrong
        location = location[:-1]
    kind, message = detail["type"], str(detail["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        close = did_you_mean(str(location[-1]), known)
        return file.fault(location, "unknown key", close.removeprefix("; ") or None)
    if kind == "missing":
        return file.fault(location, "is missing")
    if kind == "string_type" and isinstance(detail.get("input"), int | float):
        return file.fault(location, "must be text", f'write it in quotes: "{detail["input"]}"')
    if kind.startswith("union_tag"):
        known_kinds = f"one of {', '.join(sorted(SOURCE_KINDS))}"
        return file.fault(("source", "kind"), "unknown kind", known_kinds)
    return file.fault(location, message)


def _field_names(model: type[BaseModel]) -> set[str]:
    """All keys of a model and of the models inside it, as a file writes them."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {name for part in parts for name in part.get("properties", {})}
