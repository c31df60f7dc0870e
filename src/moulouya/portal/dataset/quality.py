"""What a dataset's page says of its quality: checks, tolerances, rows left out, and the score."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import structlog

from moulouya import duck, serving
from moulouya.errors import LakeError, MoulouyaError
from moulouya.portal.languages import N_, Language
from moulouya.portal.presentation import REJECTED
from moulouya.portal.published import (
    Catalogue,
    PublishedDataset,
    PublishedVersion,
    Record,
    report,
)
from moulouya.portal.sentences import check_words, type_words
from moulouya.scoring import DIMENSIONS, OVERALL

log = structlog.get_logger("moulouya.portal")
NAMES = {
    "completeness": N_("Complete"),
    "validity": N_("Valid"),
    "uniqueness": N_("Without repetition"),
    "timeliness": N_("On time"),
    "metadata": N_("Well described"),
}
# How each dimension is worked out; docs/explanation/quality.md says the same at length.
METHODS = {
    "completeness": N_(
        "The share of cells that have a value, times the share of delivered rows that could be "
        "read."
    ),
    "validity": N_(
        "For every rule, the share of values that keep it; the score is the mean over the rules."
    ),
    "uniqueness": N_("The same, for the rules that say that nothing may occur twice."),
    "timeliness": N_(
        "The share of the time since the version before in which the source was looked at as "
        "often as promised."
    ),
    "metadata": N_(
        "The mean of what a description should have: a real text and keywords in every language, "
        "the period, the rhythm, the meaning of every column, the unit of every amount, and no "
        "text that is still a draft."
    ),
}
WANTING = {
    "description": N_("a longer description"),
    "keywords": N_("keywords in every language"),
    "period": N_("the period that the data are about"),
    "rhythm": N_("how often the data are renewed"),
    "columns": N_("the meaning of some columns"),
    "units": N_("the unit of some amounts"),
    "no_drafts": N_("final texts instead of drafts"),
}


@dataclass(frozen=True)
class Check:
    """One check of the validation report, in words."""

    words: str
    severity: str
    success: bool
    count: int | None
    share: float | None
    reason: str
    incoming: bool
    tried: bool


@dataclass(frozen=True)
class Dimension:
    """One dimension of the score; ``score`` is None where it cannot be rated."""

    name: str
    score: float | None
    words: str
    method: str


@dataclass(frozen=True)
class Reason:
    """Why rows were left out, and how many."""

    words: str
    rows: int


def gather(
    catalogue: Catalogue,
    dataset: PublishedDataset,
    titles: Mapping[str, str],
    language: Language,
) -> dict[str, Any]:
    """The template's variables about quality; ``titles`` are the columns' titles by name."""
    checks = checks_of(dataset, catalogue, titles, language)
    tried = [check for check in checks if check.tried]
    scored = _scores(catalogue, dataset.slug)
    newest = scored.get(dataset.number, {})
    return {
        "passed": [check for check in tried if check.success],
        "warnings": [check for check in tried if not check.success],
        "tolerated": [check for check in tried if check.success and check.count],
        "unchecked": [check for check in checks if not check.tried],
        "reasons": _reasons(catalogue, dataset, titles, language),
        "score": newest.get(OVERALL, (None, {}))[0],
        "dimensions": [
            Dimension(
                language.text(NAMES[name]),
                newest[name][0],
                _explained(name, *newest[name], language),
                language.text(METHODS[name]),
            )
            for name in DIMENSIONS
            if name in newest
        ],
        "scores": _overall(scored),
    }


def scores(catalogue: Catalogue, slug: str) -> dict[int, float | None]:
    """The score of each version of a dataset that has one."""
    return _overall(_scores(catalogue, slug))


def _overall(scores: Mapping[int, Mapping[str, tuple[float | None, Record]]]) -> dict[
    int, float | None
]:  # fmt: skip
    return {number: found[OVERALL][0] for number, found in scores.items() if OVERALL in found}


def checks_of(
    version: PublishedVersion,
    catalogue: Catalogue,
    titles: Mapping[str, str],
    language: Language,
) -> list[Check]:
    """The validation report of a version in words, the same sentence once."""
    checks = report(version, "validation.json").get("checks", [])
    others = _titles_of_others(catalogue, checks, language)
    found = [
        Check(
            words=check_words(check, titles, language, others),
            severity=check.get("severity") or "critical",
            success=bool(check.get("success")),
            count=check.get("unexpected_count"),
            share=_share(check.get("unexpected_percent")),
            reason=_in(language, check.get("reason_texts")) or check.get("reason") or "",
            incoming=check.get("moment") == "incoming",
            tried=not _untried(check),
        )
        for check in checks
    ]
    return list(dict.fromkeys(found))


def _titles_of_others(
    catalogue: Catalogue, checks: Sequence[Record], language: Language
) -> dict[str, str]:
    """The titles of the datasets that checks refer to, where they are published."""
    slugs = {str((check.get("kwargs") or {}).get("other_table")) for check in checks}
    return {
        slug: catalogue.datasets[slug].definition["title"][language.code]
        for slug in slugs
        if slug in catalogue.datasets
    }


def score_of(catalogue: Catalogue, version: PublishedVersion) -> float | None:
    """The score of one version; None where it has none."""
    return scores(catalogue, version.slug).get(version.number)


def _in(language: Language, texts: Any) -> str:
    return str(texts.get(language.code, "")) if isinstance(texts, Mapping) else ""


def _untried(check: Record) -> bool:
    """A rule about a dataset that was not there: information, and no result."""
    return (
        check.get("severity") == "info"
        and bool(check.get("success"))
        and check.get("unexpected_count") is None
        and check.get("observed") is None
    )


def _share(percent: Any) -> float | None:
    return float(percent) / 100 if percent is not None else None


def _scores(catalogue: Catalogue, slug: str) -> dict[int, dict[str, tuple[float | None, Record]]]:
    """By version and dimension: the score and its figures, as the release says."""
    if serving.METADATA not in catalogue.files:
        return {}
    found: dict[int, dict[str, tuple[float | None, Record]]] = {}
    try:
        database = catalogue.sound(catalogue.folder, catalogue.files[serving.METADATA])
    except LakeError as error:
        log.warning("no quality report", reason=error.message)
        return {}
    for version, dimension, score, figures in _scored(database, slug):
        found.setdefault(version, {})[dimension] = (score, json.loads(figures or "{}"))
    return found


@lru_cache(maxsize=1024)
def _scored(database: Path, slug: str) -> tuple[tuple[Any, ...], ...]:
    """The rows of one dataset, from an immutable file; none where a release has no scores."""
    query = (
        "SELECT version, dimension, score, figures FROM catalogue.scores "
        f"WHERE slug = {duck.literal(slug)}"
    )
    return _rows(query, database)


def _rows(query: str, database: Path | None = None) -> tuple[tuple[Any, ...], ...]:
    try:
        with duck.connect(
            database or ":memory:", read_only=database is not None, memory_limit="256MB", threads=1
        ) as con:
            return tuple(con.execute(query).fetchall())
    except (duckdb.Error, MoulouyaError) as error:
        log.warning("no quality report", reason=str(error))
        return ()


def _explained(name: str, score: float | None, figures: Record, language: Language) -> str:
    """What a score is made of, in one or two sentences."""
    if name == "completeness":
        return _completeness(figures, language)
    if name == "timeliness":
        return _timeliness(score, figures, language)
    if name == "metadata":
        wanting = [language.text(WANTING[one]) for one in WANTING if figures.get(one, 1) < 1]
        if wanting:
            return language.text("Wanting: %(parts)s.", parts=language.joined(wanting))
        return language.text("Everything is described.")
    if score is None:
        return language.text("No rule: not rated.")
    rules, failed = int(figures["rules"]), int(figures["failed"])
    if failed:
        return language.count(
            "%(failed)s of %(n)s rule does not hold.",
            "%(failed)s of %(n)s rules do not hold.",
            rules,
            failed=language.number(failed),
        )
    if score < 100:
        return language.text("Every rule holds, some with the exceptions that it allows.")
    return language.count("%(n)s rule holds.", "%(n)s rules hold.", rules)


def _completeness(figures: Record, language: Language) -> str:
    empty, cells, rejected = (int(figures[name]) for name in ("empty", "cells", "rejected"))
    told = (
        language.text(
            "%(empty)s of %(cells)s values are empty.",
            empty=language.number(empty),
            cells=language.number(cells),
        )
        if empty
        else language.text("No value is empty.")
    )
    if not rejected:
        return told
    left = language.count("%(n)s row was left out.", "%(n)s rows were left out.", rejected)
    return f"{told} {left}"


def _timeliness(score: float | None, figures: Record, language: Language) -> str:
    if score is None:
        return language.text("No rhythm is promised: not rated.")
    if "days" not in figures:
        return language.text("This is the first version: there is no delay to measure yet.")
    if not figures["late"]:
        return language.text("Never late since the version before.")
    return language.text(
        "Late for %(late)s of the %(days)s days since the version before.",
        late=language.number(figures["late"]),
        days=language.number(figures["days"]),
    )


def _reasons(
    catalogue: Catalogue,
    dataset: PublishedDataset,
    titles: Mapping[str, str],
    language: Language,
) -> list[Reason]:
    """Why rows were left out, the most frequent reason first."""
    if REJECTED not in dataset.files:
        return []
    found: dict[str, int] = {}
    try:
        path = catalogue.sound(dataset.folder, dataset.files[REJECTED])
    except LakeError as error:
        log.warning("no quality report", reason=error.message)
        return []
    for kind, column, type_, rows in _rejected(path):
        title = titles.get(column, column)
        if kind == "missing":
            words = language.text("“%(column)s” is missing", column=title)
        elif kind == "type":
            words = language.text(
                "“%(column)s” is no %(type)s", column=title, type=type_words(type_, language)
            )
        else:
            words = language.text("the line could not be taken apart as announced")
        found[words] = found.get(words, 0) + rows
    return [Reason(words, rows) for words, rows in found.items()]


@lru_cache(maxsize=256)
def _rejected(path: Path) -> tuple[tuple[Any, ...], ...]:
    """Kind, column, type and number of rows; a row with several reasons counts for each.

    A reason is «column: missing» or «column: value is not type»; any other is about the whole line.
    """
    query = (
        "WITH rows AS (SELECT row_number() OVER () AS row, reason FROM "
        f"read_parquet({duck.literal(str(path))})), parts AS (SELECT row, "
        "unnest(string_split(reason, '; ')) AS part FROM rows), told AS (SELECT DISTINCT row, "
        "CASE WHEN regexp_full_match(part, '[a-z0-9_]+: missing') THEN 'missing' "
        "WHEN regexp_full_match(part, '(?s)[a-z0-9_]+: .* is not [a-z]+([(][0-9, ]*[)])?') "
        "THEN 'type' END AS kind, split_part(part, ':', 1) AS name, "
        "regexp_extract(part, ' is not ([a-z]+([(][0-9, ]*[)])?)$', 1) AS type FROM parts) "
        "SELECT kind, name, type, count(*) FROM told WHERE kind IS NOT NULL GROUP BY ALL "
        "UNION ALL SELECT 'form', '', '', count(*) FROM rows WHERE row NOT IN "
        "(SELECT row FROM told WHERE kind IS NOT NULL) HAVING count(*) > 0 ORDER BY 4 DESC, 1, 2"
    )
    return _rows(query)
