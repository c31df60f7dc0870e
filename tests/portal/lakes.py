"""A small lake of a made-up region: three datasets published by the library itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from moulouya import catalogue, duck, ledger, release, versions
from moulouya.definition import Definition
from moulouya.ledger import RunRecord, stamp
from moulouya.licences import LICENCES
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.storage.lake import Lake, open_lake
from moulouya.workspace import Dataset

HOSTILE = "<script>alert(1)</script>"


def text(ar: str, fr: str, en: str) -> dict[str, str]:
    return {"ar": ar, "fr": fr, "en": en}


REGION = Region.model_validate(
    {
        "title": text("بيانات وادي الزيتون", "Données de Oued Zitoun", "Olive River data"),
        "description": text(
            "بيانات مفتوحة عن جماعات وادي الزيتون.",
            "Les données ouvertes des communes de Oued Zitoun.",
            "Open data about the communes of Olive River.",
        ),
        "place": {
            "code": "77",
            "name": text("وادي الزيتون", "Oued Zitoun", "Olive River"),
            "country": text("المغرب", "Maroc", "Morocco"),
            "bbox": [-3, 34, -1, 36],
        },
        "timezone": "Africa/Casablanca",
        "contact": "data@example.org",
        "licence": "CC-BY-4.0",
        "publishers": {
            "office": {
                "name": text("مكتب الإحصاء", "Office de la statistique", "Statistics office"),
                "url": "https://example.org/",
                "licence": "ODbL-1.0",
            }
        },
        "series": {
            "counts": {
                "title": text("التعداد", "Dénombrements", "Counts"),
                "description": text("سنة بعد سنة.", "D'année en année.", "Year by year."),
            }
        },
        "themes": {
            "demography": {"title": text("السكان", "Démographie", "Demography")},
            "territory": {"title": text("المجال الترابي", "Territoire", "Territory")},
            "energy": {
                "title": text("الطاقة", "Énergie", "Energy"),
                "description": text("الكهرباء.", "L’électricité.", "Electricity."),
            },
        },
    }
)


def column(type_: str, ar: str, fr: str, en: str, **more: Any) -> dict[str, Any]:
    about = text(f"{ar} في الجماعة.", f"{fr} de la commune.", f"{en} of the commune.")
    return {"type": type_, "title": text(ar, fr, en), "description": about, **more}


COMMUNES = {
    "title": text("سكان الجماعات", "Population des communes", "Population of communes"),
    "description": text(
        f"عدد السكان القانونيين في كل جماعة. {HOSTILE}",
        "Population légale de chaque commune au recensement.",
        "Legal population of every commune at the census.",
    ),
    "row_is": text("جماعة واحدة", "une commune", "one commune"),
    "publisher": "office",
    "attribution": text(
        "مكتب الإحصاء، 2024", "Office de la statistique, 2024", "Statistics office, 2024"
    ),
    "sdg": ["11.3"],
    "keywords": {"ar": ["إحصاء"], "fr": ["recensement", "ménages"], "en": ["census"]},
    "temporal": {"start": "2024-09-01", "end": "2024-09-30"},
    "notes": text("جماعات الإقليم فقط.", "Communes de la province seules.", "Province only."),
    "source": {"kind": "package", "package": "census", "path": "communes.csv", "format": "csv"},
    "refresh": {"every": "P1D", "stale_after": "P3D"},
    "rejects": {"at_most": "10%"},
    "key": ["code"],
    "columns": {
        "code": column(
            "text", "الرمز", "Code", "Code", pattern=r"^\d{2}\.\d{3}$", required=True, unique=True
        ),
        "name": column("text", "الاسم", "Nom", "Name"),
        "year": column("integer", "السنة", "Année", "Year"),
        "population": column(
            "integer", "السكان", "Population", "Population", unit="persons", range=[0, 5000000]
        ),
        "kind": column(
            "text",
            "النوع",
            "Type",
            "Kind",
            values={"U": text("حضرية", "urbaine", "urban"), "R": text("قروية", "rurale", "rural")},
        ),
    },
    "corrections": [
        {
            "where": "code = '77.003'",
            "set": {"name": "Aïn Zohra"},
            "reason": text("خطأ مطبعي", "faute de frappe", "a typing error"),
            "reported": "2026-09-30",
        }
    ],
}
BOUNDARIES = {
    "title": text("حدود الجماعات", "Limites des communes", "Boundaries of communes"),
    "description": text("حدود كل جماعة.", "Le contour de chaque commune.", "Each commune's shape."),
    "row_is": text("جماعة واحدة", "une commune", "one commune"),
    "publisher": "office",
    "source": {"kind": "http", "url": "https://example.org/b.json", "format": "json"},
    "refresh": {"every": "P30D"},
    "key": ["code"],
    "columns": {
        "code": column("text", "الرمز", "Code", "Code", references="communes.code"),
        "shape": column("geometry", "الشكل", "Forme", "Shape"),
    },
}
DENSITY = {
    "title": text("الكثافة السكانية", "Densité de population", "Population density"),
    "description": text("السكان في الكيلومتر المربع.", "Habitants par km².", "People per km²."),
    "row_is": text("جماعة واحدة", "une commune", "one commune"),
    "publisher": "office",
    "themes": ["territory"],
    "key": ["code"],
    "columns": {
        "code": column("text", "الرمز", "Code", "Code", computed=True),
        "density": column("number", "الكثافة", "Densité", "Density", unit="persons/km²"),
    },
}
COMMUNE_ROWS = [
    ("77.001", "بركان", 2024, 125000, "U"),
    ("77.002", HOSTILE, 2024, 84561, "U"),
    ("77.003", "Aïn Zohra", 2024, 9045, "R"),
    *((f"77.{n:03}", f"Commune {n}", 2024, 1000 * n + 7, "R") for n in range(4, 30)),
    ("77.030", None, 2024, None, None),
]


@dataclass(frozen=True)
class Built:
    """A lake and the settings under which the portal reads it."""

    lake: Lake
    settings: Settings


def build(root: Path, public_url: str = "http://data.example.org") -> Built:
    """The three datasets at version 1 in release 1, each looked at just now."""
    built = Built(
        open_lake(root), Settings(lake=root, state=root.with_name("state"), public_url=public_url)
    )
    publish_communes(built, COMMUNE_ROWS, rejected=2)
    publish(
        built,
        "boundaries",
        "territory",
        BOUNDARIES,
        "SELECT format('77.{:03}', i) AS code, format("
        "'POLYGON (({0} 34, {0}.5 34, {0}.5 34.5, {0} 34))', -i)::GEOMETRY AS shape "
        "FROM range(1, 4) r(i)",
    )
    publish(
        built,
        "density",
        "demography",
        DENSITY,
        "SELECT format('77.{:03}', i) AS code, i * 1234.5678 AS density FROM range(1, 4) r(i)",
        inputs={"boundaries": 1, "communes": 1},
    )
    commit(built)
    return built


def commit(built: Built) -> int:
    """Commit a release of what is published; returns its number."""
    made, _ = release.commit(built.lake, REGION, built.settings.public_url, catalogue.build)
    return made.number


def publish_communes(built: Built, rows: Sequence[tuple[Any, ...]], rejected: int = 0) -> None:
    values = ", ".join(f"({', '.join(duck.literal(value) for value in row)})" for row in rows)
    publish(
        built,
        "communes",
        "demography",
        COMMUNES,
        "SELECT code::VARCHAR AS code, name::VARCHAR AS name, year::BIGINT AS year, "
        "population::BIGINT AS population, kind::VARCHAR AS kind "
        f"FROM (VALUES {values}) t(code, name, year, population, kind)",
        rejected=rejected,
    )


def publish(
    built: Built,
    slug: str,
    theme: str,
    definition: dict[str, Any],
    query: str,
    *,
    inputs: dict[str, int] | None = None,
    rejected: int = 0,
) -> None:
    """Publish one more version of a dataset from the rows of a query."""
    lake, settings = built.lake, built.settings
    contract = Definition.model_validate(definition)
    licence = contract.licence or REGION.publishers[contract.publisher].licence
    dataset = Dataset(
        slug, theme, contract, Path(f"{slug}.yml"), None, None, LICENCES[str(licence)], (), (), "r"
    )  # fmt: skip
    run_id = f"{slug}-{(lake.latest(lake.versions(slug)) or 0) + 1}"
    scratch = lake.scratch(run_id)
    scratch.mkdir(parents=True)
    table = scratch / "table.parquet"
    with duck.connect() as con:
        con.execute(f"COPY ({query}) TO {duck.literal(str(table))} (FORMAT parquet)")
    folder = scratch / "version"
    previous = versions.latest(lake, slug)
    draft = versions.prepare(
        dataset,
        table,
        folder,
        region=REGION,
        validation=_validation(slug, pq.read_metadata(table).num_rows),
        previous=previous,
        settings=settings,
    )
    if rejected:
        with duck.connect() as con:
            con.execute(
                "COPY (SELECT 7 AS line, 'not a number' AS reason) TO "
                f"{duck.literal(str(folder / 'rejected.parquet'))} (FORMAT parquet)"
            )
    versions.finish(
        draft,
        run_id=run_id,
        interval=None,
        region=REGION,
        snapshots=[] if contract.source is None else [_snapshot(slug)],
        inputs=inputs or {},
        rejected=rejected,
        previous=previous,
        settings=settings,
    )
    number = versions.commit(lake, slug, folder).number
    end_run(lake, slug, run_id, "published", version=number)


def end_run(
    lake: Lake,
    slug: str,
    run_id: str,
    outcome: Any,
    ended: dt.datetime | None = None,
    version: int | None = None,
) -> None:
    """Write the ledger record of a run that ended just now, or when told."""
    at = stamp(ended or dt.datetime.now(dt.UTC))
    ledger.write(lake, RunRecord(run_id, slug, outcome, at, at, 0.1, version=version))


def _snapshot(slug: str) -> dict[str, Any]:
    return {
        "number": 1,
        "id": 1,
        "url": f"pkg:pypi/census@1.2#{slug}.csv",
        "retrieved": stamp(dt.datetime.now(dt.UTC)),
        "sha256": "0" * 64,
        "bytes": 12345,
        "source_version": "1.2",
        "etag": None,
        "last_modified": None,
    }


def _validation(slug: str, rows: int) -> dict[str, Any]:
    checks = [
        _check("expect_column_values_to_not_be_null", "code"),
        _check("expect_column_values_to_be_unique", "code"),
        _check("expect_table_row_count_to_be_between", None, min_value=1),
    ]
    if slug == "communes":
        checks += [
            _check("expect_column_values_to_be_between", "population", min_value=0,
                   max_value=5000000),
            _check("expect_column_values_to_not_be_null", "name", failed=1),
            _check("expect_something_of_their_own", "name"),
        ]  # fmt: skip
    return {"format": 1, "slug": slug, "success": True, "rows": rows, "checks": checks}


def _check(type_: str, name: str | None, failed: int = 0, **kwargs: Any) -> dict[str, Any]:
    return {
        "moment": "outgoing",
        "type": type_,
        "column": name,
        "kwargs": {**({"column": name} if name else {}), **kwargs},
        "severity": "warning" if failed else "critical",
        "success": not failed,
        "unexpected_count": failed or None,
        "unexpected_percent": 3.3 if failed else None,
        "observed": None,
        "rows": [],
        "message": "English sentence for the engineer",
        "source": "contract",
        "reason": None,
    }
