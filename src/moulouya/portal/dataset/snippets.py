"""How to use a dataset from the programs that people have: short, whole, ready to be copied.

Addresses name the version, so that what is copied today gives the same rows in years; with
``latest`` in the place of the number the same lines always read the newest version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from moulouya.portal.console import names
from moulouya.portal.kept import Kept
from moulouya.portal.languages import N_, Language
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.records.formats import shape_of
from moulouya.portal.records.view import Table

CATALOGUE = "catalogue.duckdb"
# What R would take for something else.
R_TYPES = {"text": "character", "date": "Date"}


@dataclass(frozen=True)
class Snippet:
    """One way: what it is called, what to know before, and the lines to copy."""

    id: str
    title: str
    note: str
    code: str


@dataclass(frozen=True)
class _Addresses:
    portal: str
    attach: str
    table: str
    slug: str
    parquet: str
    gzipped: str
    csv: str
    geojson: str
    types: Mapping[str, str]


_kept: Kept[tuple[Snippet, ...]] = Kept(4096)


def of_dataset(
    catalogue: Catalogue,
    dataset: PublishedDataset,
    language: Language,
    public_url: str,
    *,
    files_alone: bool = False,
) -> tuple[Snippet, ...]:
    """The snippets of the version that the release shows; they never change.

    ``files_alone``: in an export, where nothing is made when it is asked for. Without an address
    of the portal there are none.
    """
    if not public_url:
        return ()
    key = (dataset.sha256, catalogue.number, catalogue.created, language.code, public_url)
    made = not files_alone
    return _kept.get((*key, made), lambda: _made(catalogue, dataset, language, public_url, made))


def _made(
    catalogue: Catalogue,
    dataset: PublishedDataset,
    language: Language,
    public_url: str,
    made: bool,
) -> tuple[Snippet, ...]:
    files = f"{public_url}/files/{dataset.slug}/{dataset.number}/{dataset.slug}"
    exports = f"{public_url}/exports/{dataset.slug}/{dataset.number}/{dataset.slug}"
    attach = f"{public_url}/releases/{catalogue.number}/{CATALOGUE}"
    at = _Addresses(
        portal=public_url,
        attach=attach if CATALOGUE in catalogue.files else "",
        table=names.table(dataset.theme, dataset.slug),
        slug=dataset.slug,
        parquet=f"{files}.parquet",
        gzipped=f"{files}.csv.gz",
        csv=f"{exports}.csv" if made else f"{files}.csv.gz",
        geojson=f"{exports}.geojson" if made and shape_of(Table.of(dataset)) else "",
        types=Table.of(dataset).types,
    )
    return tuple(
        Snippet(id, title, language.text(note) if note else "", write(at))
        for id, title, note, write in WAYS
        if made or id not in SERVED
    )


def _python(at: _Addresses) -> str:
    if not at.attach:
        return f"import duckdb\n\nprint(duckdb.sql(\"FROM '{at.parquet}' LIMIT 5\"))\n"
    return (
        "import duckdb\n\ncon = duckdb.connect()\n"
        'con.execute("INSTALL httpfs; LOAD httpfs")\n'
        f"con.execute(\"ATTACH '{at.attach}' AS moulouya (READ_ONLY)\")\n"
        f'print(con.sql("FROM moulouya.{_escaped(at.table)} LIMIT 5"))\n'
    )


def _escaped(text: str) -> str:
    return text.replace('"', '\\"')


def _pandas(at: _Addresses) -> str:
    return (
        "import pandas as pd\n\n"
        f'frame = pd.read_parquet("{at.parquet}")\nprint(frame.head())\n'
    )  # fmt: skip


def _polars(at: _Addresses) -> str:
    return (
        "import polars as pl\n\n"
        f'frame = pl.scan_parquet("{at.parquet}")\nprint(frame.head().collect())\n'
    )


def _r(at: _Addresses) -> str:
    """Without a package, which would be long to install; codes keep the zeros they begin with."""
    kinds = [
        f"    {_quoted(name)} = {_quoted(R_TYPES[kind])}"
        for name, kind in at.types.items()
        if kind in R_TYPES
    ]
    classes = ",\n  colClasses = c(\n" + ",\n".join(kinds) + "\n  )" if kinds else ""
    return (
        f'packed <- gzcon(url("{at.gzipped}", "rb"), text = TRUE)\n'
        "frame <- read.csv(\n"
        '  packed, encoding = "UTF-8", na.strings = "", check.names = FALSE'
        f"{classes}\n)\nhead(frame)\n"
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _duckdb(at: _Addresses) -> str:
    if not at.attach:
        return f"INSTALL httpfs;\nLOAD httpfs;\nFROM '{at.parquet}' LIMIT 5;\n"
    return (
        f"INSTALL httpfs;\nLOAD httpfs;\nATTACH '{at.attach}' AS moulouya (READ_ONLY);\n"
        f"FROM moulouya.{at.table} LIMIT 5;\n"
    )


def _javascript(at: _Addresses) -> str:
    return (
        f'const answer = await fetch("{at.portal}/api/v1/sql", {{\n  method: "POST",\n'
        '  headers: { "Content-Type": "application/json" },\n'
        f"  body: JSON.stringify({{ sql: `FROM {at.table} LIMIT 5` }}),\n}});\n"
        "const { rows, truncated } = await answer.json();\nconsole.log(rows, truncated);\n"
    )


def _curl(at: _Addresses) -> str:
    return (
        f"curl --location --remote-name '{at.parquet}'\ncurl --location --remote-name '{at.csv}'\n"
    )


def _qgis(at: _Addresses) -> str:
    return f"/vsicurl/{at.geojson}\n" if at.geojson else f"/vsigzip//vsicurl/{at.gzipped}\n"


def _excel(at: _Addresses) -> str:
    return (
        "let\n"
        f'  Source = Csv.Document(Web.Contents("{at.csv}"), [Delimiter = ",", Encoding = 65001]),\n'
        "  Table = Table.PromoteHeaders(Source, [PromoteAllScalars = true])\nin\n  Table\n"
    )


# What asks the portal for more than its files.
SERVED = ("javascript", "excel")
Write = Callable[[_Addresses], str]
WAYS: tuple[tuple[str, str, str, Write], ...] = (
    ("python", "Python · DuckDB", N_("Only the columns and rows that a query needs are fetched."),
     _python),
    ("pandas", "Python · pandas", "", _pandas),
    ("polars", "Python · Polars", "", _polars),
    ("r", "R", N_("No package is needed."), _r),
    ("duckdb", "DuckDB", N_("The whole catalogue in one line; every dataset is a table of it."),
     _duckdb),
    ("javascript", "JavaScript", N_("Runs in browsers, in Node.js and in Deno."), _javascript),
    ("curl", "curl", "", _curl),
    ("qgis", "QGIS", N_("Layer, Add Layer, Add Vector Layer: as a file, open this address."),
     _qgis),
    ("excel", "Excel · Power Query",
     N_("Data, Get Data, From Other Sources, Blank Query; put this into the Advanced Editor."),
     _excel),
)  # fmt: skip
