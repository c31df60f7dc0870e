"""``moulouya new``: a working draft of a dataset from a sample of its data."""

from __future__ import annotations

import re
import shutil
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from moulouya import __version__ as version
from moulouya import sniffing, sources, web, workspace
from moulouya.definition import FileSource, HttpSource
from moulouya.errors import UsageError, did_you_mean
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.sniffing import Sniffed


@dataclass(frozen=True)
class Drafted:
    """The files a draft consists of, and what the sample showed."""

    files: tuple[Path, ...]
    rows: int
    key: list[str]


def draft(
    settings: Settings, slug: str, sample: str, *, theme: str | None, publisher: str | None
) -> Drafted:
    """Write a definition and an expectation suite for a sample file or address.

    Raises UsageError when the slug is taken or unfit, SourceError or ReadError when the sample
    cannot be had or read.
    """
    root = settings.workspace_root
    loaded = workspace.load(root)
    region = loaded.region
    theme = _known("theme", theme, list(region.themes))
    publisher = _known("publisher", publisher, list(region.publishers))
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", slug):
        raise UsageError(f"{slug!r} is no slug", hint="a-z, 0-9 and _, a letter first")
    if slug in loaded.datasets or slug in loaded.broken:
        raise UsageError(f"the dataset {slug!r} exists already", hint=f"moulouya where {slug}")
    with tempfile.TemporaryDirectory() as scratch:
        path, source = _obtain(settings, region, sample, Path(scratch))
        sniffed = sniffing.sniff_in_sandbox(path, Path(scratch), settings)
    contract = contract_of(sniffed, slug, publisher=publisher, source=source)
    files = (
        root / "datasets" / theme / f"{slug}.yml",
        root / "expectations" / theme / f"{slug}.yml",
    )
    _write(files[0], contract, "dataset")
    _write(files[1], _suite(sniffed), "expectations")
    return Drafted(files, sniffed.rows, contract["key"])


def _known(kind: str, name: str | None, known: list[str]) -> str:
    if name is None:
        return known[0]
    if name not in known:
        raise UsageError(f"no {kind} {name!r} in region.yml{did_you_mean(name, known)}")
    return name


def _obtain(
    settings: Settings, region: Region, sample: str, scratch: Path
) -> tuple[Path, dict[str, Any]]:
    """The sample's bytes on disk, and the source that will deliver them."""
    if sample.startswith(("http://", "https://")):
        folder = scratch / "delivery"
        folder.mkdir()
        agent = f"Moulouya/{version} (+{settings.contact or region.contact})"
        request = sources.Request(
            folder,
            settings.workspace_root,
            agent,
            timeout=settings.http_timeout,
            max_bytes=settings.http_max_bytes,
            private_hosts=settings.allowed_private_hosts,
        )
        # Its format is not known yet, so what arrives is held against none.
        source = HttpSource.model_validate({"kind": "http", "url": sample, "format": "csv"})
        name = PurePosixPath(unquote(urlsplit(sample).path)).name
        target = folder / (re.sub(r"[^\w.-]", "_", name)[-100:].lstrip(".") or "sample")
        with web.client(source, request) as client:
            client.download(sample, target, keep_gzip=target.suffix == ".gz")
        return target, {"kind": "http", "url": sample}
    path = Path(sample).absolute()
    if not path.is_file():
        raise UsageError(f"there is no file {sample}")
    root = settings.workspace_root
    if path.is_relative_to(root):
        kept = path.relative_to(root)
    else:
        kept = Path("data") / path.name
        (root / "data").mkdir(exist_ok=True)
        shutil.copyfile(path, root / kept)
    source_file = FileSource.model_validate({"kind": "file", "path": str(kept), "format": "csv"})
    return path, {"kind": "file", "path": source_file.path}


def column_name(name: str, taken: set[str]) -> str:
    """A source's column name as a name of SQL: ASCII, lower case, unlike the others."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:60]
    if not plain or not plain[0].isalpha():
        plain = f"column_{plain}".rstrip("_")
    candidate, number = plain, 2
    while candidate in taken:
        candidate, number = f"{plain}_{number}", number + 1
    return candidate


def contract_of(
    sniffed: Sniffed, slug: str, *, publisher: str, source: dict[str, Any]
) -> dict[str, Any]:
    """A definition, as YAML data, that reads the sample; its texts are marked as a draft."""
    columns: dict[str, Any] = {}
    for column in sniffed.columns:
        name = column_name(column.name, set(columns))
        columns[name] = {
            "type": column.type,
            **({"from": column.name} if column.name != name else {}),
            **({"format": column.format} if column.format else {}),
            "title": _drafted(column.name.strip() or name),
            "description": _drafted(f"{column.name.strip() or name}, {column.type}"),
        }
    names = dict(zip((column.name for column in sniffed.columns), columns, strict=True))
    title = slug.replace("_", " ")
    return {
        "title": _drafted(title),
        "description": _drafted(title),
        "row_is": _drafted(f"one row of {title}"),
        "publisher": publisher,
        "source": {**source, **sniffed.source},
        "refresh": {"every": "P1D"},
        "key": [names[name] for name in sniffed.key],
        "rows": {"at_least": max(1, sniffed.rows // 2), "change_within": "50%"},
        "columns": columns,
    }


def _drafted(text: str) -> dict[str, str]:
    return {"ar": f"{text} (مسودة)", "fr": f"{text} (brouillon)", "en": f"{text} (draft)"}


def _suite(sniffed: Sniffed) -> dict[str, Any]:
    expectation = {
        "type": "expect_table_row_count_to_be_between",
        "kwargs": {"min_value": max(1, sniffed.rows * 8 // 10)},
        "severity": "warning",
        "meta": {"reason": f"the sample had {sniffed.rows} rows"},
    }
    return {"expectations": [expectation]}


def _write(path: Path, content: dict[str, Any], schema: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=96)
    head = f"# yaml-language-server: $schema=../../schemas/{schema}.schema.json\n"
    path.write_text(head + text, encoding="utf-8")
