"""A workspace: region.yml and three shelves of files, joined by the dataset's slug.

``datasets/<theme>/<slug>.yml``, ``transforms/<theme>/<slug>.sql|.py`` and
``expectations/<theme>/<slug>.yml``. A broken file costs its own dataset only: the others stay
usable, and every fault of every file is reported with file, line and key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from moulouya import place_rules, proactive_rules, rules
from moulouya.definition import Definition
from moulouya.errors import DefinitionError, Fault, UsageError, did_you_mean
from moulouya.licences import LICENCES, Licence
from moulouya.region import Publisher, Region
from moulouya.yamlfile import YamlFile, read_yaml, validate

SHELVES = ("datasets", "transforms", "expectations")
SUFFIXES = {
    "datasets": (".yml",),
    "transforms": (".sql", ".py"),
    "expectations": (".yml",),
}


@dataclass(frozen=True)
class Dataset:
    """One dataset of a workspace: its contract, the files of its shelves and what it reads.

    ``inputs`` are the slugs of the published tables that its transform reads; ``references``
    those that its foreign keys and its expectations point to; ``recipe`` is the SHA-256 over the
    texts that decide what comes out: the files on the shelves and the publisher's entry in
    region.yml.
    """

    slug: str
    theme: str
    definition: Definition
    path: Path
    transform: Path | None
    expectations: Path | None
    licence: Licence
    inputs: tuple[str, ...]
    references: tuple[str, ...]
    recipe: str

    @property
    def derived(self) -> bool:
        """True for a dataset that is made from other datasets only."""
        return self.definition.source is None

    @property
    def merged(self) -> bool:
        """True where a delivery adds to the published rows instead of replacing them."""
        source = self.definition.source
        return source is not None and source.write_disposition == "merge"

    @property
    def upstream(self) -> tuple[str, ...]:
        """Slugs that should be published before this one."""
        return tuple(sorted({*self.inputs, *self.references} - {self.slug}))


@dataclass(frozen=True)
class Workspace:
    """A loaded workspace: the datasets that are sound, and every fault found."""

    root: Path
    region: Region
    datasets: dict[str, Dataset]
    faults: tuple[Fault, ...] = ()
    broken: dict[str, tuple[Fault, ...]] = field(default_factory=dict)

    def dataset(self, slug: str) -> Dataset:
        """One dataset by its slug; a broken or unknown one is an error that says so."""
        if slug in self.datasets:
            return self.datasets[slug]
        if slug in self.broken:
            raise DefinitionError(list(self.broken[slug]))
        raise UsageError(f"no dataset {slug!r}{did_you_mean(slug, self.datasets)}")

    def in_order(self, slugs: Iterable[str] | None = None) -> list[Dataset]:
        """Datasets so that each one comes after those it reads."""
        graph = {slug: dataset.upstream for slug, dataset in sorted(self.datasets.items())}
        order = [slug for slug in TopologicalSorter(graph).static_order() if slug in graph]
        wanted = set(order if slugs is None else slugs)
        return [self.datasets[slug] for slug in order if slug in wanted]


def load(root: Path) -> Workspace:
    """Load the workspace in ``root``.

    Raises DefinitionError when region.yml is absent or broken; faults of datasets are kept in
    the result, so that one broken file does not stop the others.
    """
    return _Loading(root, _region(root)).every()


def load_one(root: Path, slug: str) -> tuple[Region, Dataset]:
    """The region and one dataset, reading no more of the shelves than it needs.

    Raises DefinitionError when its files are broken and UsageError when there is no such dataset.
    """
    region = _region(root)
    return region, _Loading(root, region).one(slug)


def _region(root: Path) -> Region:
    path = root / "region.yml"
    if not path.is_file():
        hint = "run from a workspace folder, or set MOULOUYA_WORKSPACE"
        raise DefinitionError([Fault(path, 1, "", "there is no region.yml")], hint=hint)
    file = read_yaml(path)
    region = validate(Region, file)
    if region is None or file.faults:
        raise DefinitionError(file.faults)
    return region


class _Loading:
    """The faults and datasets of a workspace while its shelves are read."""

    def __init__(self, root: Path, region: Region) -> None:
        self.root = root
        self.region = region
        self.files: dict[str, YamlFile] = {}
        self.definitions: dict[str, Definition | None] = {}
        self.faults: list[Fault] = []
        self.broken: dict[str, list[Fault]] = {}
        self.paths = {shelf: dict(self._shelf(shelf)) for shelf in SHELVES}
        self.rules = rules.Rules(region, self.paths["datasets"], self._definition)

    def _shelf(self, shelf: str) -> Iterator[tuple[str, Path]]:
        seen: dict[str, Path] = {}
        for path in sorted((self.root / shelf).rglob("*")):
            if path.is_dir() or path.name.startswith((".", "_")) or "__pycache__" in path.parts:
                continue
            parts = path.relative_to(self.root / shelf).parts
            if path.suffix not in SUFFIXES[shelf]:
                self._fault(path, f"a file of {shelf}/ ends in {' or '.join(SUFFIXES[shelf])}")
            elif len(parts) != 2:
                self._fault(path, f"must lie in {shelf}/<theme>/", "the folder is its theme")
            elif not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", path.stem):
                self._fault(path, "the file name is the slug: a-z, 0-9 and _, a letter first")
            elif path.stem in seen:
                self._fault(path, f"the slug {path.stem!r} is taken by {seen[path.stem]}")
            else:
                seen[path.stem] = path
                yield path.stem, path

    def _fault(self, path: Path, message: str, hint: str | None = None) -> None:
        self.faults.append(Fault(path, 1, "", message, hint))

    def every(self) -> Workspace:
        """The whole workspace."""
        datasets = {slug: self._dataset(slug) for slug in self.paths["datasets"]}
        self._orphans()
        if self.region.places is not None or self.region.proactive:
            file, known = read_yaml(self.root / "region.yml"), self.paths["datasets"]
            self.faults.extend(place_rules.check(file, self.region, known, self._definition))
            self.faults.extend(proactive_rules.check(file, self.region, known))
        made = {slug: dataset for slug, dataset in datasets.items() if dataset is not None}
        self._cycles(made)
        broken = {slug: tuple(faults) for slug, faults in self.broken.items() if faults}
        faults = sorted([*self.faults, *(one for several in broken.values() for one in several)])
        sound = {slug: dataset for slug, dataset in made.items() if slug not in broken}
        return Workspace(self.root, self.region, sound, tuple(faults), broken)

    def one(self, slug: str) -> Dataset:
        """One dataset; the others are read only as far as it refers to them."""
        if slug not in self.paths["datasets"]:
            raise UsageError(f"no dataset {slug!r}{did_you_mean(slug, self.paths['datasets'])}")
        dataset = self._dataset(slug)
        if dataset is None:
            raise DefinitionError(self.broken[slug])
        return dataset

    def _definition(self, slug: str) -> Definition | None:
        """The definition of a dataset, read once; None when its file is broken."""
        if slug not in self.definitions:
            file = self.files[slug] = read_yaml(self.paths["datasets"][slug])
            self.definitions[slug] = validate(Definition, file)
            self.broken[slug] = file.faults
        return self.definitions[slug]

    def _orphans(self) -> None:
        known = self.paths["datasets"]
        for shelf in SHELVES[1:]:
            for slug, path in self.paths[shelf].items():
                if slug not in known:
                    hint = did_you_mean(slug, known).removeprefix("; ")
                    self._fault(path, f"no definition datasets/*/{slug}.yml", hint or None)
                elif path.parent.name != known[slug].parent.name:
                    theme = known[slug].parent.name
                    self._fault(path, "lies under another theme than its definition",
                                f"move it to {shelf}/{theme}/")  # fmt: skip

    def _dataset(self, slug: str) -> Dataset | None:
        definition = self._definition(slug)
        if definition is None:
            return None
        path, file = self.paths["datasets"][slug], self.files[slug]
        theme = path.parent.name
        transform = self.paths["transforms"].get(slug)
        expectations = self.paths["expectations"].get(slug)
        faults = self.broken[slug]
        faults.extend(self.rules.check(file, slug, theme, definition, transform))
        compared: tuple[str, ...] = ()
        if expectations is not None:
            compared, found = self.rules.check_expectations(expectations, slug, definition)
            faults.extend(found)
        inputs: tuple[str, ...] = ()
        if transform is not None:
            inputs, found = self.rules.inputs_of(transform, derived=definition.source is None)
            faults.extend(found)
        if faults:
            return None
        publisher = self.region.publishers[definition.publisher]
        references = set(compared) | {
            column.references.split(".")[0]
            for column in definition.columns.values()
            if column.references
        }
        return Dataset(
            slug=slug,
            theme=theme,
            definition=definition,
            path=path,
            transform=transform,
            expectations=expectations,
            licence=LICENCES[definition.licence or publisher.licence or self.region.licence],
            inputs=tuple(sorted(set(inputs))),
            references=tuple(sorted(references - {slug})),
            recipe=digest(
                [one.read_bytes() if one else b"" for one in (path, transform, expectations)],
                publisher,
            ),
        )

    def _cycles(self, datasets: dict[str, Dataset]) -> None:
        graph = {
            slug: {*dataset.upstream, *({slug} & set(dataset.inputs))}
            for slug, dataset in datasets.items()
        }
        while True:
            try:
                TopologicalSorter(graph).prepare()
            except CycleError as error:
                circle: list[str] = error.args[1]
                for slug in set(circle):
                    fault = Fault(
                        datasets[slug].path,
                        1,
                        "",
                        f"reads itself: {' → '.join(circle)}",
                    )
                    self.broken[slug].append(fault)
                    graph.pop(slug, None)
                continue
            return


def digest(texts: Iterable[bytes], publisher: Publisher) -> str:
    """The recipe of a dataset: a hash of its files (definition, transform, expectations; empty
    where there is none) and its publisher's entry in region.yml.
    """
    hashed = hashlib.sha256(publisher.model_dump_json().encode())
    for text in texts:
        hashed.update(hashlib.sha256(text).digest())
    return hashed.hexdigest()
