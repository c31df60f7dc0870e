"""The codebook of a version as a PDF: what a reader of the data keeps beside them.

It is set by Typst from a template that gets every text as data, so that no text can act as markup.
The same version in the same language always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import structlog

from moulouya.portal import history, presentation
from moulouya.portal.dataset import citation, quality, versions
from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language
from moulouya.portal.published import Catalogue, PublishedDataset, Record

HERE = Path(__file__).parent
TEMPLATE = HERE / "codebook.typ"
FONTS = HERE / "fonts"
SECONDS = 20.0
MOST_IN_MEMORY = 16
MOST_ON_DISK = 500
MOST_VALUES = 200
MOST_CHECKS = 50
MOST_VERSIONS = 5
# Typst breaks no line inside a word: one that is longer gets places where it may break.
LONGEST_WORD = 32
_LONG = re.compile(rf"\S{{{LONGEST_WORD}}}(?=\S)")
log = structlog.get_logger("moulouya.portal")


class CannotMake(Exception):
    """A codebook is not there now; the message is for the reader."""


class Codebooks:
    """Makes codebooks, one at a time, and keeps those that were made.

    ``folder`` is where they are kept on this host; where it cannot be written, memory has to do.
    """

    def __init__(self, folder: Path, seconds: float = SECONDS) -> None:
        self._folder = folder
        self._seconds = seconds
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="codebook")
        self._making: dict[str, Future[bytes]] = {}
        self._kept: Kept[bytes] = Kept(MOST_IN_MEMORY)

    def made(
        self, catalogue: Catalogue, dataset: PublishedDataset, language: Language, public_url: str
    ) -> bytes:
        """The PDF of a dataset's released version. Raises CannotMake when it takes too long."""
        data = orjson.dumps(contents(catalogue, dataset, language, public_url))
        key = hashlib.sha256(_template_digest() + data).hexdigest()
        with self._lock:
            kept = self._kept.find(key)
            if kept is not None:
                return kept
            making = self._making.get(key)
            if making is None:
                stamp = int(dataset.created.timestamp())
                making = self._making[key] = self._worker.submit(self._make, key, data, stamp)
        try:
            return making.result(self._seconds)
        except Late as error:
            raise CannotMake(f"{dataset.slug}: the codebook is still being made") from error
        finally:
            if making.done():
                with self._lock:
                    self._making.pop(key, None)

    def _make(self, key: str, data: bytes, stamp: int) -> bytes:
        """From the disk where it lies there, else newly made; the newest few stay in memory."""
        path = self._folder / f"{key}.pdf"
        try:
            made = path.read_bytes()
        except OSError:
            made = typeset(data, stamp)
            self._keep(path, made)
        return self._kept.keep(key, made)

    def _keep(self, path: Path, made: bytes) -> None:
        """Put a codebook on the disk whole or not at all, and let the oldest go."""
        beside = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(made)
            beside.replace(path)
            kept = sorted(self._folder.glob("*.pdf"), key=lambda one: one.stat().st_mtime)
            for old in kept[: max(0, len(kept) - MOST_ON_DISK)]:
                old.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a codebook is not kept", reason=str(error))


@cache
def _template_digest() -> bytes:
    return hashlib.sha256(TEMPLATE.read_bytes()).digest()


def typeset(data: bytes, stamp: int) -> bytes:
    """A PDF of the contents, tagged for screen readers; ``stamp`` is its date in Unix seconds.

    It is PDF/UA-1, except where a text has letters that none of the fonts has: that standard does
    not allow them.
    """
    import typst  # large, and for those who ask for a codebook only

    inputs = {"data": data.decode()}
    compiler = typst.Compiler(
        root=HERE, font_paths=[FONTS], ignore_system_fonts=True, sys_inputs=inputs
    )
    try:
        made = compiler.compile(TEMPLATE, format="pdf", timestamp=stamp, pdf_standards="ua-1")
    except typst.TypstError as error:
        log.info("a codebook is no PDF/UA", reason=str(error).splitlines()[0])
        made = compiler.compile(TEMPLATE, format="pdf", timestamp=stamp)
    assert isinstance(made, bytes)
    return made


def contents(
    catalogue: Catalogue, dataset: PublishedDataset, language: Language, public_url: str
) -> dict[str, Any]:
    """Everything that the codebook says, as the template expects it."""
    definition, record = dataset.definition, dataset.record
    zone = catalogue.region.get("timezone", "UTC")
    cited = citation.cite(dataset, catalogue.region, language, public_url)
    columns = presentation.columns(catalogue, dataset, language)
    titles = {column.name: column.title for column in columns}
    told = quality.gather(catalogue, dataset, titles, language)
    text = language.text
    found: dict[str, Any] = {
        "lang": language.code,
        "year": dataset.created.year,
        "month": dataset.created.month,
        "day": dataset.created.day,
        "keywords": (definition.get("keywords") or {}).get(language.code, []),
        "title": cited.title,
        "publisher": cited.publisher,
        "catalogue": cited.catalogue,
        "version_words": text(
            "version %(version)s of %(day)s", version=cited.version, day=cited.day_in_words
        ),
        "description": definition["description"][language.code],
        "row_is": definition["row_is"][language.code],
        "facts": _facts(dataset, told, cited, language),
        "source": [
            _told(text("Publisher"), cited.publisher, language),
            _told(text("Licence"), record["licence"]["title"], language),
        ],
        "publisher_url": record["publisher"]["url"],
        "licence_url": record["licence"]["url"],
        "apa": cited.apa,
        "attribution": cited.attribution,
        "dictionary_size": language.count("%(n)s column", "%(n)s columns", len(columns)),
        "columns": [_column(column, language) for column in columns],
        "score": _score(told["score"], language),
        "dimensions": [
            [one.name, "–" if one.score is None else language.number(one.score), one.words]
            for one in told["dimensions"]
        ],
        "quality": [
            language.count("%(n)s check passed", "%(n)s checks passed", len(told["passed"])),
            *([language.count("%(n)s warning", "%(n)s warnings", len(told["warnings"]))]
              if told["warnings"] else []),
        ],
        "warnings": [check.words for check in told["warnings"][:MOST_CHECKS]],
        "known": _known(dataset, definition, language),
        "history": [
            {
                "title": text(
                    "version %(version)s of %(day)s",
                    version=version.number,
                    day=language.date(version.created, zone),
                ),
                "told": history.sentences(version, language, zone, decided=False),
            }
            for version in versions.newest(catalogue, dataset, MOST_VERSIONS)
        ],
        "words": {
            "codebook": text("Codebook"),
            "row_is": text("One row is:"),
            "source": text("Source and licence"),
            "cite": text("How to cite"),
            "dictionary": text("What the columns mean"),
            "pattern": text("written like"),
            "values": text("Possible values"),
            "quality": text("How good the data are"),
            "dimensions": [text("The data are"), text("Of 100"), text("Because")],
            "known": text("Known problems and corrections"),
            "history": text("History"),
        },
    }  # fmt: skip
    softened: dict[str, Any] = _breakable(found)
    return softened | {name: found[name] for name in ("publisher_url", "licence_url", "keywords")}


def _facts(
    dataset: PublishedDataset, told: Record, cited: citation.Citation, language: Language
) -> list[list[str]]:
    text = language.text
    facts = [
        [text("Rows"), language.number(dataset.rows)],
        [text("Period"), presentation.period(dataset.definition, language)],
        [text("Version"), language.number(dataset.number)],
        [text("Published"), cited.day_in_words],
        [text("Quality"), _score(told["score"], language)],
        [text("Address"), cited.address],
    ]
    return [[name, value] for name, value in facts if value]


def _told(name: str, value: str, language: Language) -> str:
    return language.text("%(name)s: %(value)s", name=name, value=value)


def _score(score: float | None, language: Language) -> str:
    if score is None:
        return ""
    return language.text("Quality: %(score)s of 100", score=language.number(score))


def _column(column: presentation.Column, language: Language) -> dict[str, Any]:
    seen = [
        [language.text("Lowest"), column.low],
        [language.text("Highest"), column.high],
        [language.text("Empty values"), column.empty or language.text("none")],
    ]
    rules = list(column.rules)
    if column.reference is not None:
        where = column.reference.title
        rules.append(f"{language.text('found in')} {where} ({column.reference.column})")
    more = len(column.values) - MOST_VALUES
    return {
        "name": column.name,
        "title": column.title,
        "type": column.type,
        "unit": column.unit,
        "description": column.description,
        "rules": rules,
        "pattern": column.pattern,
        "seen": [_told(name, value, language) for name, value in seen if value],
        "values": [[value, meaning] for value, meaning in column.values[:MOST_VALUES]],
        "more_values": language.count(
            "and %(n)s more value", "and %(n)s more values", more
        ) if more > 0 else "",
    }  # fmt: skip


def _known(dataset: PublishedDataset, definition: Record, language: Language) -> list[str]:
    found = []
    notes = (definition.get("notes") or {}).get(language.code, "")
    if notes:
        found.append(notes)
    if dataset.rejected:
        found.append(
            language.count(
                "%(n)s row of the delivery could not be read as announced and was left out.",
                "%(n)s rows of the delivery could not be read as announced and were left out.",
                dataset.rejected,
            )
        )
    for correction in definition.get("corrections") or []:
        changed = language.joined(
            [f"{name} = {value}" for name, value in correction["set"].items()]
        )
        found.append(f"{correction['reason'][language.code]} ({correction['where']} → {changed})")
    return found


def _breakable(value: Any) -> Any:
    """Every text of a structure, with places to break inside its longest words."""
    if isinstance(value, str):
        return _LONG.sub(lambda found: found[0] + "\N{ZERO WIDTH SPACE}", value)
    if isinstance(value, list):
        return [_breakable(one) for one in value]
    if isinstance(value, dict):
        return {name: _breakable(one) for name, one in value.items()}
    return value
