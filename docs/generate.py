"""Writes the generated pages of docs/reference from the code: ``python docs/generate.py``.

A test fails when a page is not what this script would write.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, get_args

import typer
import yaml

from moulouya.catalogue.tables import COLUMNS
from moulouya.cli import app
from moulouya.definition import Reading, Source, SourceBase, WebSource
from moulouya.licences import LICENCES
from moulouya.region import SYMBOLS
from moulouya.schemas import schemas
from moulouya.settings import Settings

REFERENCE = Path(__file__).parent / "reference"
PARTS = REFERENCE / "_parts"
WORDS = yaml.safe_load((Path(__file__).parent / "words.yml").read_text(encoding="utf-8"))
NOTICE = "<!-- Written by docs/generate.py: change the code or docs/words.yml, not this page. -->\n"
Schema = dict[str, Any]
MODELS = {
    get_args(model.model_fields["kind"].annotation)[0]: model
    for model in get_args(get_args(Source)[0])
}
FORMAT_MODELS = ("Dialect", "Archive", "Sheet", "JoinedSheet", "Unpivot", "Geometry")


def pages() -> dict[str, str]:
    """Every generated page under its file name."""
    every = schemas()
    dataset = every["dataset.schema.json"]
    return {
        "commands.md": _page("Commands", _commands(), "commands"),
        "settings.md": _page("Settings", _settings(), "settings"),
        "dataset.md": _page("The dataset file", _dataset(dataset), "dataset"),
        "sources.md": _page("Sources", _sources(dataset), "sources"),
        "formats.md": _page("Formats", _formats(dataset), "formats"),
        "region.md": _page("region.yml", _models(every["region.schema.json"]), "region"),
        "expectations.md": _page("The expectations file", _expectations(every), "expectations"),
        "catalogue-tables.md": _page("The tables of schema catalogue", _tables(), "tables"),
    }


def _page(title: str, body: Iterator[str], part: str) -> str:
    """A page: its title, the introduction written by hand, and what was generated."""
    _here.append(part)
    introduction = (PARTS / f"{part}.md").read_text(encoding="utf-8")
    return f"# {title}\n\n{NOTICE}\n{introduction.strip()}\n\n" + "\n".join(body).rstrip() + "\n"


def _commands() -> Iterator[str]:
    for name, command in commands():
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        usage = ["moulouya", name, *map(_placeholder, arguments), "[OPTIONS]"]
        yield f"## moulouya {name}\n"
        yield f"{_flowing(command.help or '')}\n"
        yield f"```text\n{' '.join(usage)}\n```\n"
        yield "| argument or option | meaning | default |"
        yield "|---|---|---|"
        for parameter in command.params:
            yield _parameter(parameter)
        yield ""


def commands(group: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every command under its whole name; those of a group come after one another."""
    group = typer.main.get_command(app) if group is None else group
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _placeholder(argument: Any) -> str:
    name = argument.name.upper().removesuffix("S") + (" …" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _flowing(text: str) -> str:
    """A docstring as paragraphs of one line each."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        label = f"`{_placeholder(parameter).strip('[]')}`"
    else:
        label = ", ".join(f"`{name}`" for name in parameter.opts)
    annotation = parameter.type_descriptor.annotation
    choices = getattr(annotation, "__args__", ()) if "Literal" in str(annotation) else ()
    meaning = parameter.help or ""
    if choices:
        meaning += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    if parameter.required:
        default = "asked for" if getattr(parameter, "prompt", None) else "**required**"
    elif isinstance(parameter.show_default, str):
        default = parameter.show_default
    else:
        default = "" if parameter.default in (None, False, "") else f"`{parameter.default}`"
    return f"| {label} | {meaning} | {default} |"


def _settings() -> Iterator[str]:
    yield "| variable | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in Settings.model_fields.items():
        annotation = field.annotation
        kind = getattr(annotation, "__name__", None) or str(annotation)
        kinds = {"SecretStr": "text", "str": "text", "int": "integer", "float": "number"}
        kind = kinds.get(kind, "file" if name == "sql_keys" else "folder")
        default = "" if field.default is None or not str(field.default) else f"`{field.default}`"
        yield f"| `MOULOUYA_{name.upper()}` | {kind} | {default} | {field.description} |"


def _models(schema: Schema, but: Collection[str] = ()) -> Iterator[str]:
    """A table of keys for each model of a schema, the whole file first."""
    parts = {schema["title"]: schema, **schema["$defs"]}
    for name in _reached(schema["title"], parts):
        if name not in but:
            yield from _model(name, parts)


def _model(name: str, parts: dict[str, Schema]) -> Iterator[str]:
    part = parts[name]
    yield f"## {name}\n"
    yield f"{_flowing(part.get('description', '')).replace('``', '`')}\n"
    yield from _keys(name, list(part["properties"]), parts)


def _keys(name: str, keys: list[str], parts: dict[str, Schema]) -> Iterator[str]:
    part = parts[name]
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    required = set(part.get("required", []))
    for key in keys:
        value = part["properties"][key]
        default = "**required**" if key in required else _default(value)
        yield f"| `{key}` | {_kind(value)} | {default} | {_meaning(name, key, value, parts)} |"
    yield ""


def _sources(schema: Schema) -> Iterator[str]:
    """Each kind: what was written by hand, then the keys that it alone has."""
    parts = schema["$defs"]
    for kind, model in source_models(schema).items():
        yield (PARTS / "sources" / f"{kind}.md").read_text(encoding="utf-8").strip() + "\n"
        shared = WebSource if issubclass(MODELS[kind], WebSource) else SourceBase
        own = [key for key in parts[model]["properties"] if _name(key) not in shared.model_fields]
        yield from _keys(model, own, parts)
        if kind == "rest":
            yield "### Paging\n"
            yield from _keys("Paging", list(parts["Paging"]["properties"]), parts)
    yield "## Keys of every source behind http or https\n"
    web = [key for key in WebSource.model_fields if key not in SourceBase.model_fields]
    yield from _keys("HttpSource", web, parts)
    yield "## Keys of every source\n"
    reading = [*Reading.model_fields]
    yield "What a format needs is told in [formats](formats.md).\n"
    names = [*reading, *(key for key in SourceBase.model_fields if key not in reading)]
    yield from _keys("HttpSource", names, parts)


def _name(key: str) -> str:
    return {"from": "source_name"}.get(key, key)


def source_models(schema: Schema) -> dict[str, str]:
    """The model of every kind of source, by kind."""
    return {
        model["properties"]["kind"]["const"]: name
        for name, model in sorted(schema["$defs"].items())
        if "kind" in model["properties"] and name.endswith("Source")
    }


def _formats(schema: Schema) -> Iterator[str]:
    """Each family of formats as written by hand, then the keys."""
    for path in sorted((PARTS / "formats").glob("*.md")):
        yield path.read_text(encoding="utf-8").strip() + "\n"
    for name in FORMAT_MODELS:
        yield from _model(name, schema["$defs"])


def _dataset(schema: Schema) -> Iterator[str]:
    yield from _models(schema, {*source_models(schema).values(), *FORMAT_MODELS, "Paging"})
    yield "## Units\n"
    yield "Symbols that `unit` may be; a unit that is a word is named in `units` of region.yml.\n"
    yield ", ".join(f"`{symbol}`" for symbol in sorted(SYMBOLS)) + "\n"
    yield "## Licences\n"
    yield "What `licence` may be, in a dataset, a publisher or `region.yml`.\n"
    yield "| SPDX | title | credit is due | share alike |"
    yield "|---|---|---|---|"
    for licence in LICENCES.values():
        credit, alike = (
            "yes" if asked else "no" for asked in (licence.attribution, licence.share_alike)
        )
        yield f"| `{licence.spdx}` | [{licence.title}]({licence.url}) | {credit} | {alike} |"


def _reached(name: str, parts: dict[str, Schema]) -> list[str]:
    """The models of a file in the order in which its keys lead to them."""
    found: list[str] = []
    waiting = [name]
    while waiting:
        name = waiting.pop(0)
        if name in found or "properties" not in parts[name]:
            continue
        found.append(name)
        waiting += [ref for value in parts[name]["properties"].values() for ref in _refs(value)]
    return found


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inside in value.items():
            if key == "$ref":
                yield inside.rsplit("/", 1)[-1]
            elif key != "discriminator":
                yield from _refs(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _refs(inside)


def _kind(value: Schema) -> str:
    """What a key's value is, in words."""
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[-1]
        return f"[{name}]({_link(name)})"
    if "anyOf" in value or "oneOf" in value:
        options = [_kind(one) for one in value.get("anyOf") or value["oneOf"]]
        if {"true or false", "number", "text"} <= set(options):
            return "scalar"
        return " or ".join(dict.fromkeys(one for one in options if one != "null"))
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value and len(value["enum"]) < 10:
        return ", ".join(f"`{one}`" for one in value["enum"])
    kind = value.get("type", "any")
    if kind == "array":
        if "prefixItems" in value:
            return f"list of {len(value['prefixItems'])}"
        return f"list of {_kind(value['items'])}" if value.get("items") else "list"
    if kind == "object":
        inside = value.get("additionalProperties") or next(
            iter(value.get("patternProperties", {}).values()), None
        )
        return f"name: {_kind(inside)}" if isinstance(inside, dict) else "mapping"
    kind = {"string": "text", "boolean": "true or false"}.get(kind, kind)
    return {"date": "date", "duration": "duration", "uri": "address"}.get(
        value.get("format", ""), kind
    )


_here: list[str] = []  # the page that is being written is the last one


def _link(name: str) -> str:
    """Where a model's keys are told, from the page that is being written."""
    page, anchor = _here[-1], name.lower()
    if name in FORMAT_MODELS:
        page = "formats"
    elif name == "Paging" or name.endswith("Source"):
        page = "sources"
        anchor = next((kind for kind, m in MODELS.items() if m.__name__ == name), anchor)
    elif page in ("formats", "sources"):
        page = "dataset"
    return f"#{anchor}" if page == _here[-1] else f"{page}.md#{anchor}"


def _default(value: Schema) -> str:
    default = value.get("default")
    if default in (None, {}, []) or isinstance(default, dict):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{json.dumps(default) if isinstance(default, list) else default}`"


def _meaning(model: str, key: str, value: Schema, parts: dict[str, Schema]) -> str:
    said = WORDS["meanings"].get(f"{model}.{key}") or value.get("description", "")
    if "const" in value:
        return said or f"`{value['const']}`"
    pattern = value.get("pattern") or next(
        (one["pattern"] for one in value.get("anyOf", []) if "pattern" in one), None
    )
    if pattern and key != "type":
        said += f" (matches `{pattern.replace('|', chr(92) + '|')}`)"
    return said.replace("«", "“").replace("»", "”").replace("<", "&lt;").replace("``", "`")


def _expectations(every: dict[str, Schema]) -> Iterator[str]:
    yield from _models(every["expectations.schema.json"])
    yield "## The expectations\n"
    yield "| type | arguments | what must hold |"
    yield "|---|---|---|"
    for name, said in sorted(WORDS["expectations"].items()):
        yield f"| `{name}` | {said['arguments']} | {said['holds']} |"


def _tables() -> Iterator[str]:
    sql_types = {"": "VARCHAR", "int": "BIGINT", "bool": "BOOLEAN", "float": "DOUBLE"}
    for table, columns in COLUMNS.items():
        yield f"## catalogue.{table}\n"
        yield f"One row is {WORDS['tables'][table]}.\n"
        yield "| column | type |"
        yield "|---|---|"
        for column in columns.split():
            name, _, kind = column.partition(":")
            yield f"| `{name}` | {sql_types[kind]} |"
        yield ""


def write(folder: Path = REFERENCE) -> None:
    """Write every generated page into a folder."""
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
