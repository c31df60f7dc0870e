"""What a version was made of and by what, so that it can be made once more, byte for byte."""

from __future__ import annotations

import datetime as dt
import hashlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

from moulouya import __version__
from moulouya.errors import RecipeChanged
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.storage.files import canonical_json
from moulouya.workspace import Dataset, digest

FORMAT = 1
DEFINITION, EXPECTATIONS, REGION = "dataset.yml", "expectations.yml", "region.yml"
# The libraries that have a say in what comes out of the same bytes.
LIBRARIES = (
    "charset-normalizer",
    "duckdb",
    "duckdb-sqlalchemy",
    "great_expectations",
    "lxml",
    "numpy",
    "odfpy",
    "openpyxl",
    "pandas",
    "phonenumbers",
    "pyarrow",
    "pydantic",
    "pyogrio",
    "pyproj",
    "python-calamine",
    "python-stdnum",
    "pyyaml",
    "sdmx1",
    "shapely",
    "sqlalchemy",
)
# The settings that may have one, too.
SETTINGS = ("threads", "memory_limit")
_CODE = (".py", ".yml", ".json")


@dataclass(frozen=True)
class Recipe:
    """The texts that decide what a dataset becomes: its files on the shelves, and region.yml."""

    files: dict[str, str]

    @property
    def record(self) -> bytes:
        """The same as ``recipe.json`` keeps it."""
        return canonical_json({"format": FORMAT, "files": self.files})

    @property
    def sha256(self) -> str:
        """The hash of ``recipe.json``."""
        return _sha256(self.record)

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each text."""
        return {name: _sha256(text.encode()) for name, text in self.files.items()}

    @property
    def transform(self) -> str | None:
        """The name of the transform among the texts, if there is one."""
        return next((name for name in self.files if name.startswith("transform.")), None)


def recipe_of(dataset: Dataset, region: Region, root: Path) -> Recipe:
    """The recipe of a dataset as its files say now.

    Raises RecipeChanged when they are not those any more that ``dataset`` was loaded from.
    """
    paths = {DEFINITION: dataset.path}
    if dataset.transform is not None:
        paths[f"transform{dataset.transform.suffix}"] = dataset.transform
    if dataset.expectations is not None:
        paths[EXPECTATIONS] = dataset.expectations
    try:
        read = {name: path.read_bytes() for name, path in paths.items()}
        of_region = (root / REGION).read_bytes()
    except FileNotFoundError as error:
        raise RecipeChanged(dataset.slug) from error
    transform = next((text for name, text in read.items() if name.startswith("transform.")), b"")
    shelves = [read[DEFINITION], transform, read.get(EXPECTATIONS, b"")]
    if digest(shelves, region.publishers[dataset.definition.publisher]) != dataset.recipe:
        raise RecipeChanged(dataset.slug)
    return Recipe({name: text.decode() for name, text in {**read, REGION: of_region}.items()})


@dataclass(frozen=True)
class Provenance:
    """Everything beside the rows that a version's files depend on.

    ``inputs`` and ``references`` (by the moment of a validation) name versions of other datasets,
    by number and the hash of their record; ``upstream`` are all slugs that the recipe names, and
    ``history`` the versions whose drift set the limits. ``merged`` says what rows were merged into,
    and how.
    """

    recipe: Recipe
    created: str
    today: dt.date
    settings: dict[str, Any]
    environment: dict[str, Any]
    upstream: list[str] = field(default_factory=list)
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    references: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    history: list[int] = field(default_factory=list)
    merged: dict[str, Any] | None = None

    def to_json(self, *, previous: dict[str, Any] | None, validation: bytes) -> dict[str, Any]:
        """The part of ``version.json`` that tells it."""
        return {
            "format": FORMAT,
            "recipe_sha256": self.recipe.sha256,
            "files": self.recipe.hashes,
            "settings": self.settings,
            **self.environment,
            "today": self.today.isoformat(),
            "upstream": self.upstream,
            "inputs": self.inputs,
            "references": self.references,
            "previous": previous,
            "history": self.history,
            "merged": self.merged,
            "validation_sha256": _sha256(validation),
        }


def read(record: Mapping[str, Any], recipe: Recipe) -> Provenance:
    """The provenance that a version's record tells of."""
    told = record["provenance"]
    environment = {name: told[name] for name in ("python", "platform", "code", "libraries")}
    return Provenance(
        recipe=recipe,
        created=record["created"],
        today=dt.date.fromisoformat(told["today"]),
        settings=dict(told["settings"]),
        environment=environment,
        upstream=list(told["upstream"]),
        inputs=dict(told["inputs"]),
        references=dict(told["references"]),
        history=list(told["history"]),
        merged=told["merged"],
    )


def settings_of(settings: Settings) -> dict[str, Any]:
    """The settings that may have a say in what comes out."""
    return {name: getattr(settings, name) for name in SETTINGS}


@cache
def environment() -> dict[str, Any]:
    """By what this process works: Python, the machine, our own code, the libraries."""
    return {
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "code": _code(),
        "libraries": {
            "moulouya": __version__,
            **{name: library_version(name) for name in LIBRARIES},
        },
    }


def _code() -> str:
    """A hash of our own code: its version number stays while it is worked on."""
    root = Path(__file__).parent
    listing = "".join(
        f"{_sha256(path.read_bytes())}  {path.relative_to(root)}\n"
        for path in sorted(root.rglob("*"))
        if path.suffix in _CODE and path.is_file()
    )
    return _sha256(listing.encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
