"""What a scheduler must know of every dataset, compiled once and read cheaply.

DAG files are parsed over and over, in many processes; reading 500 definitions with their SQL
each time would cost seconds. The compiled form is a JSON file that is as good as the shelves it
was made from: a changed, added or removed file makes it stale.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from moulouya import __version__
from moulouya.errors import DefinitionError, Fault, MoulouyaError

if TYPE_CHECKING:
    from moulouya.workspace import Dataset, Workspace

SHELVES = ("datasets", "transforms", "expectations")


@dataclass(frozen=True)
class Entry:
    """One dataset as a scheduler sees it; ``faults`` is empty unless its files are broken."""

    slug: str
    theme: str
    title: str
    doc_md: str
    every_seconds: float | None
    cron: str | None
    stale_after_seconds: float | None
    inputs: list[str]
    derived: bool
    kind: str | None
    host: str | None
    tags: list[str]
    faults: list[str]


@dataclass(frozen=True)
class Registry:
    """Every dataset of a workspace, in order of slug."""

    entries: list[Entry]

    def get(self, slug: str) -> Entry | None:
        """One entry by its slug."""
        return next((entry for entry in self.entries if entry.slug == slug), None)


def load(root: Path, cache_dir: Path) -> Registry:
    """The compiled registry of a workspace, compiled anew when a file of its shelves changed.

    It is compiled in a process of its own, so that a DAG parser never imports what that needs.
    Where ``cache_dir`` cannot be written, it is compiled each time. Raises DefinitionError when
    region.yml is broken.
    """
    stamp = _stamp(root)
    cache = cache_dir / "registry.json"
    try:
        kept = json.loads(cache.read_bytes())
        if kept["stamp"] == stamp:
            return Registry([Entry(**entry) for entry in kept["entries"]])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # absent, or of another version: compile it
    entries = _compile_apart(root)
    _keep(cache, {"stamp": stamp, "entries": entries})
    return Registry([Entry(**entry) for entry in entries])


def _compile_apart(root: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "moulouya.registry", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode == 0:
        entries: list[dict[str, Any]] = json.loads(done.stdout)
        return entries
    if done.returncode == DefinitionError.exit_code:
        faults = [Fault(Path(fault.pop("file")), **fault) for fault in json.loads(done.stdout)]
        raise DefinitionError(faults)
    raise MoulouyaError(f"the definitions could not be compiled:\n{done.stderr[-2000:]}")


def build(root: Path) -> Registry:
    """Compile the registry from the shelves, without the cache."""
    from moulouya import workspace

    loaded = workspace.load(root)
    entries = [_entry(loaded, dataset) for dataset in loaded.datasets.values()]
    entries += [_broken(slug, [str(fault) for fault in faults], faults[0].file)
                for slug, faults in loaded.broken.items()]  # fmt: skip
    return Registry(sorted(entries, key=lambda entry: entry.slug))


def _stamp(root: Path) -> str:
    """A hash over name, size and time of every file that the registry is made from."""
    digest = hashlib.sha256(__version__.encode())
    shelved = (path for shelf in SHELVES for path in (root / shelf).rglob("*.*"))
    for path in sorted([root / "region.yml", *(p for p in shelved if p.suffix != ".pyc")]):
        if path.is_file():
            status = path.stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _keep(cache: Path, content: dict[str, Any]) -> None:
    scratch = cache.with_name(f".{cache.name}.{os.getpid()}")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        scratch.replace(cache)
    except OSError:  # a read-only deployment compiles at every parse
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


_PLACES = ("url", "package", "path", "bucket", "connection")


def _entry(loaded: Workspace, dataset: Dataset) -> Entry:
    from moulouya.status import stale_after

    definition = dataset.definition
    refresh = definition.refresh
    limit = stale_after(definition)
    url = str(getattr(definition.source, "url", ""))
    return Entry(
        slug=dataset.slug,
        theme=dataset.theme,
        title=definition.title.en,
        doc_md=_document(loaded, dataset),
        every_seconds=refresh.every.total_seconds() if refresh.every else None,
        cron=refresh.cron,
        stale_after_seconds=limit.total_seconds() if limit else None,
        inputs=list(dataset.upstream),
        derived=dataset.derived,
        kind=definition.source.kind if definition.source else None,
        host=urlsplit(url).hostname if url else None,
        tags=sorted(
            {dataset.theme, *definition.themes, definition.publisher}
            | ({"derived"} if dataset.derived else set())
            | {f"SDG {goal.split('.')[0]}" for goal in definition.sdg}
        ),
        faults=[],
    )


def _broken(slug: str, faults: list[str], path: Path) -> Entry:
    return Entry(
        slug=slug,
        theme=path.parent.name,
        title=slug,
        doc_md="This definition is broken:\n\n" + "\n".join(f"- {fault}" for fault in faults),
        every_seconds=None,
        cron=None,
        stale_after_seconds=None,
        inputs=[],
        derived=False,
        kind=None,
        host=None,
        tags=["broken"],
        faults=faults,
    )


def _document(loaded: Workspace, dataset: Dataset) -> str:
    """The DAG's documentation, made from the definition."""
    definition = dataset.definition
    publisher = loaded.region.publishers[definition.publisher].name.en
    source = definition.source
    origin = "derived from " + ", ".join(f"`{slug}`" for slug in dataset.inputs)
    if source is not None:
        said = [str(getattr(source, name)) for name in _PLACES if getattr(source, name, None)]
        origin = ": ".join([source.kind, *(f"`{place}`" for place in said[:1])])
    lines = [
        f"## {definition.title.en}",
        f"{definition.title.fr} · {definition.title.ar}",
        "",
        definition.description.en,
        "",
        f"- **A row is** {definition.row_is.en}",
        f"- **Publisher** {publisher}, licence {dataset.licence.spdx}",
        f"- **Source** {origin}",
        f"- **Key** {', '.join(f'`{name}`' for name in definition.key)}",
        f"- **Files** `{dataset.path.relative_to(loaded.root)}`"
        + "".join(
            f", `{path.relative_to(loaded.root)}`"
            for path in (dataset.transform, dataset.expectations)
            if path is not None
        ),
        "",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {column.type} | {column.unit or ''} | {column.title.en} |"
            for name, column in definition.columns.items()
        ),
    ]
    if definition.notes is not None:
        lines += ["", definition.notes.en]
    return "\n".join(lines)


def main() -> int:
    """Print the registry of the workspace named on the command line, or its faults, as JSON."""
    try:
        entries = build(Path(sys.argv[1])).entries
    except DefinitionError as error:
        print(json.dumps([{**asdict(fault), "file": str(fault.file)} for fault in error.faults]))
        return error.exit_code
    print(json.dumps([asdict(entry) for entry in entries], ensure_ascii=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
