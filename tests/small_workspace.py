"""A workspace of a made-up region, in a folder of its own, with helpers to write its files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from moulouya import pipeline, workspace
from moulouya.licences import LICENCES
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.staging import Staged, stage
from moulouya.storage.lake import Lake, open_lake
from moulouya.workspace import Dataset, Workspace


def text(word: str) -> dict[str, str]:
    """A text in three languages."""
    return {"ar": f"{word} بالعربية", "fr": f"{word} en français", "en": word}


REGION: dict[str, Any] = {
    "title": text("Olive River data"),
    "description": text("Open data of Olive River"),
    "place": {
        "code": "77",
        "name": text("Olive River"),
        "country": text("Morocco"),
        "bbox": [-3, 34, -1, 36],
    },
    "contact": "data@example.org",
    "licence": "CC-BY-4.0",
    "publishers": {
        "office": {"name": text("Office"), "url": "https://example.org/", "licence": "ODbL-1.0"},
        "bureau": {"name": text("Bureau"), "url": "https://example.org/b"},
    },
    "themes": {"places": {"title": text("Places")}, "people": {"title": text("People")}},
}


def column(type_: str, **more: Any) -> dict[str, Any]:
    """A column of a definition."""
    return {"type": type_, "title": text("A title"), "description": text("A meaning"), **more}


COLUMNS = {"code": column("text"), "name": column("text"), "people": column("integer")}
ROWS = "code,name,people\n01,Berkane,100\n02,Oujda,200\n03,Nador,300\n"


def definition(slug: str, **changes: Any) -> dict[str, Any]:
    """A definition that reads data/<slug>.csv; a change to None takes the key away."""
    whole = {
        "title": text("Communes"),
        "description": text("Every commune"),
        "row_is": text("one commune"),
        "publisher": "office",
        "source": {"kind": "file", "path": f"data/{slug}.csv", "format": "csv"},
        "key": ["code"],
        "columns": COLUMNS,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


@dataclass(frozen=True)
class SmallWorkspace:
    """The folder, and the settings under which it runs into a lake beside it."""

    root: Path
    settings: Settings

    def copied(self, folder: Path) -> SmallWorkspace:
        """The same workspace and lake once more, to be changed by one test."""
        root, lake = (folder / "workspace", folder / "lake")
        shutil.copytree(self.root, root)
        shutil.copytree(self.settings.lake_root, lake)
        settings = Settings(workspace=root, lake=lake, state=folder / "state")
        return SmallWorkspace(root, settings)

    @property
    def lake(self) -> Lake:
        """The lake, created when it is not there."""
        return open_lake(self.settings)

    @property
    def region(self) -> Region:
        """The region as its file says."""
        return self.load().region

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file below the workspace."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_yaml(self, name: str, content: Any) -> Path:
        """Write a value as YAML."""
        return self.write(name, yaml.safe_dump(content, allow_unicode=True, sort_keys=False))

    def data(self, slug: str, content: str | bytes = ROWS) -> Path:
        """Write what the default source of a dataset delivers."""
        return self.write(f"data/{slug}.csv", content)

    def define(self, slug: str, theme: str = "places", **changes: Any) -> Path:
        """Write a definition; its file source gets three rows unless it has a file already."""
        if not (self.root / f"data/{slug}.csv").exists():
            self.data(slug)
        return self.write_yaml(f"datasets/{theme}/{slug}.yml", definition(slug, **changes))

    def derive(self, slug: str, sql: str, theme: str = "places", **changes: Any) -> Path:
        """Write a derived dataset and its SQL; returns the SQL file."""
        self.write_yaml(
            f"datasets/{theme}/{slug}.yml", definition(slug, **{"source": None, **changes})
        )
        return self.transform(slug, sql, theme)

    def transform(self, slug: str, code: str, theme: str = "places", suffix: str = ".sql") -> Path:
        """Write a transform."""
        return self.write(f"transforms/{theme}/{slug}{suffix}", code)

    def expect(self, slug: str, *expectations: dict[str, Any], theme: str = "places") -> Path:
        """Write an expectation suite."""
        return self.write_yaml(
            f"expectations/{theme}/{slug}.yml", {"expectations": list(expectations)}
        )

    def load(self) -> Workspace:
        """The workspace as the library reads it."""
        return workspace.load(self.root)

    def dataset(self, slug: str) -> Dataset:
        """One sound dataset."""
        return self.load().dataset(slug)

    def faults(self) -> list[tuple[str, int, str, str, str | None]]:
        """Every fault: file below the root, line, key, message, hint."""
        return [
            (str(fault.file.relative_to(self.root)), fault.line, fault.key, fault.message,
             fault.hint)
            for fault in self.load().faults
        ]  # fmt: skip

    def run(self, *slugs: str) -> list[dict[str, Any]]:
        """Run datasets (all without a name) and return the ledger's records."""
        return pipeline.run(self.settings, list(slugs) or None)

    def outcome(self, slug: str) -> str:
        """Run one dataset and say how it ended."""
        (record,) = self.run(slug)
        return str(record["outcome"])

    def published(self, slug: str, number: int | None = None) -> list[tuple[Any, ...]]:
        """The rows of a published version, the newest by default."""
        number = number or self.lake.latest(self.lake.versions(slug))
        path = self.lake.version(slug, number or 0) / f"{slug}.parquet"
        return rows_of(self.lake.local(path))


def rows_of(path: Path, select: str = "*") -> list[tuple[Any, ...]]:
    """The rows of a Parquet file, in their order."""
    with duckdb.connect() as con:
        return con.execute(f"SELECT {select} FROM read_parquet('{path}')").fetchall()


def dicts_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file by column name."""
    with duckdb.connect() as con:
        table = con.execute(f"FROM read_parquet('{path}')").to_arrow_table()
        return list(table.to_pylist())


def bare_dataset(columns: dict[str, Any], key: list[str], **changes: Any) -> Dataset:
    """A dataset that needs no files: columns of a type (a word) or with more to say."""
    from moulouya.definition import Definition

    full = {
        name: column(**({"type_": spec} if isinstance(spec, str) else
                        {"type_": spec["type"], **{k: v for k, v in spec.items() if k != "type"}}))
        for name, spec in columns.items()
    }  # fmt: skip
    return Dataset(
        slug="sample",
        theme="places",
        definition=Definition.model_validate(
            definition("sample", columns=full, key=key, **changes)
        ),
        path=Path("sample.yml"),
        transform=None,
        expectations=None,
        licence=LICENCES["CC0-1.0"],
        inputs=(),
        references=(),
        recipe="",
    )


def stage_bytes(
    folder: Path,
    content: bytes | str | dict[str, bytes],
    columns: dict[str, Any],
    key: list[str] | None = None,
    *,
    source: dict[str, Any] | None = None,
    **changes: Any,
) -> Staged:
    """Stage bytes (or several files) by a contract."""
    if isinstance(content, str):
        content = content.encode()
    files = content if isinstance(content, dict) else {"sample.csv": content}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "in").mkdir(exist_ok=True)
    for name, body in files.items():
        (folder / "in" / name).write_bytes(body)
    described = {"kind": "file", "path": "sample.csv", "format": "csv", **(source or {})}
    dataset = bare_dataset(columns, key or [next(iter(columns))], source=described, **changes)
    paths = {name: folder / "in" / name for name in files}
    return stage(dataset, paths, folder / "out", Settings(workspace=folder, threads=1))
