"""How long a search takes among 10,000 datasets; `python -m benchmarks.search`.

A made-up catalogue in three languages, 300 words a dataset and 40 values of its columns, is
indexed; then queries as people type them, in three languages and with slips and facets, are
answered up to the rows of the page: query, facets, order. Prints JSON and fails beyond the limit.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

DATASETS = 10_000
QUERIES = 600
LIMIT_MS = 20.0
NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
TITLE = {
    "ar": "سكان مدارس مياه طرق طاقة فلاحة صحة شغل مساكن نفايات جماعات أقاليم مناخ أسعار موانئ",
    "fr": "population écoles eau routes énergie agriculture santé emploi logements déchets "
    "communes provinces climat prix ports",
    "en": "population schools water roads energy agriculture health jobs housing waste communes "
    "provinces climate prices ports",
}
SYLLABLES = {
    "ar": "با تي سر مد كل نور هم وج ري فا زي حن طا قص شم",
    "fr": "ba ti cour mé lan nor ha veau ri fa ter gen da qué sion",
    "en": "ba ty cor me lan nor ha well ri fa ter gen da quest tion",
}
TYPED = [
    "سكان", "السكان والمساكن", "مدارس", "مياه", "بركان", "population", "populaton", "ecoles",
    "eau potable", "écoles communes", "water", "water prices", "houssing", "roads -ports",
    '"health jobs"', "pop", "agri", "climate", "déchets provinces", "xyzzyzzy",
    "emploi énergie santé", "طاقة", "prix", "communes",
]  # fmt: skip


@dataclass(frozen=True)
class File:
    """Stands for a published file."""

    name: str


@dataclass(frozen=True)
class Made:
    """Stands for a published dataset: what search reads of one."""

    slug: str
    number: int
    theme: str
    sha256: str
    rows: int
    created: dt.datetime
    definition: dict[str, Any]
    record: dict[str, Any]
    files: dict[str, File]

    @property
    def themes(self) -> tuple[str, ...]:
        """Its own theme first."""
        return (self.theme, *self.definition["themes"])


@dataclass(frozen=True)
class Catalogue:
    """Stands for a release."""

    number: int
    region: dict[str, Any]
    datasets: dict[str, Made]
    files: dict[str, File]
    languages: tuple[str, ...] = ("ar", "fr", "en")


def catalogue(size: int = DATASETS) -> Catalogue:
    """A made-up release, the same at every run."""
    chance = random.Random(6)
    vocabulary = {
        code: ["".join(chance.choices(parts.split(), k=chance.randint(2, 4))) for _ in range(6000)]
        for code, parts in SYLLABLES.items()
    }

    def text(number: int, first: int | None = None) -> dict[str, str]:
        said = {}
        for code, words in vocabulary.items():
            kinds = TITLE[code].split()
            begun = [kinds[first % len(kinds)]] if first is not None else []
            said[code] = " ".join([*begun, *chance.choices(words, k=number)])
        return said

    titles = [text(2) for _ in range(2000)]
    datasets = {}
    for number in range(size):
        columns = {
            f"c{place}": {"type": "text", "title": chance.choice(titles), "description": text(5)}
            for place in range(8)
        }
        definition = {
            "title": text(3, number),
            "description": text(25),
            "row_is": text(2),
            "keywords": {code: chance.choices(words, k=4) for code, words in vocabulary.items()},
            "publisher": f"p{number % 60}",
            "themes": [f"t{number % 7}"] if number % 3 else [],
            "spatial": f"02.{number % 300}",
            "sdg": [f"{number % 17 + 1}.1", f"{number % 5 + 1}.2"],
            "temporal": {"start": "2000-01-01", "end": f"{2001 + number % 25}-12-31"},
            "refresh": {"every": "P1D", "stale_after": f"P{1 + number % 40}D"},
            "columns": columns,
        }
        created = NOW - dt.timedelta(hours=number % 900)
        slug = f"d{number}"
        files = {f"{slug}{end}": File(f"{slug}{end}") for end in (".csv.gz", ".parquet", ".duckdb")}
        record = {
            "licence": {"spdx": ("CC-BY-4.0", "MIT", "ODbL-1.0")[number % 3]},
            "columns": [{"name": name, "type": "text"} for name in columns],
        }
        datasets[slug] = Made(
            slug, 1, f"t{number % 13}", slug, number % 5000, created, definition, record, files
        )
    names = dict.fromkeys(TITLE, "اسم")
    region = {
        "themes": {f"t{place}": {"title": names} for place in range(13)},
        "publishers": {f"p{place}": {"name": names} for place in range(60)},
        "place": {"code": "02", "name": names},
    }
    return Catalogue(1, region, datasets, {})


def values_of(_: Catalogue, dataset: Made) -> list[str]:
    """Stands for reading a table: 40 of the names of 1,500 places."""
    first = int(dataset.slug[1:]) % 1500
    parts = SYLLABLES["fr"].split()
    return [
        f"{parts[place % 15]}{parts[place // 15 % 15]}{parts[place // 225 % 15]} بركان"
        for place in range(first, first + 40)
    ]


def measure(size: int = DATASETS, queries: int = QUERIES) -> dict[str, Any]:
    """Index, then search; milliseconds of CPU, the garbage collector's included."""
    from moulouya.portal.search import engine, listing
    from moulouya.portal.search.wanted import Wanted

    engine.values = values_of  # type: ignore[assignment]
    made: Any = catalogue(size)
    search = engine.Search(None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    search.prepare(made)
    search.ready(made, None)
    first = time.process_time() - begun
    search.completed(made)
    whole = time.process_time() - begun
    taken: dict[str, list[float]] = {}
    for number in range(queries):
        typed = TYPED[number % len(TYPED)] if number % 10 else ""
        chosen = {"theme": ("t1", "t2"), "goal": (f"{number % 17 + 1}",)} if number % 3 == 0 else {}
        begun = time.process_time()
        listing.find(search, made, Wanted(typed, chosen), "fr", {}, NOW)
        taken.setdefault(typed, []).append((time.process_time() - begun) * 1000)
    every = [one for several in taken.values() for one in several]
    slowest = max(taken, key=lambda typed: float(np.median(taken[typed])))
    return {
        "datasets": size,
        "queries": queries,
        "p50_ms": round(float(np.percentile(every, 50)), 2),
        "p95_ms": round(float(np.percentile(every, 95)), 2),
        "worst_ms": round(max(every), 2),
        "slowest_query": slowest,
        "limit_p95_ms": LIMIT_MS,
        "metadata_seconds": round(first, 1),
        "whole_seconds": round(whole, 1),
        "memory_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024),
    }


if __name__ == "__main__":
    figures = measure()
    print(json.dumps(figures, indent=None if "--json" in sys.argv else 2))
    sys.exit(0 if figures["p95_ms"] <= LIMIT_MS else 1)
