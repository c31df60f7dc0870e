"""The formats in which a table or a view of it can be taken away."""

from __future__ import annotations

from dataclasses import dataclass

from moulouya.portal.languages import N_, Language
from moulouya.portal.published import PublishedDataset
from moulouya.portal.records.view import Table, View

MOST_XLSX_ROWS = 100_000
MOST_XLSX_CELLS = 5_000_000
LONGITUDES = ("longitude", "lon", "lng", "x_lon")
LATITUDES = ("latitude", "lat", "y_lat")


@dataclass(frozen=True)
class Format:
    """A format: how its files end, their media type, and what it is good for."""

    suffix: str
    label: str
    media_type: str
    purpose: str


FORMATS = {
    one.suffix: one
    for one in (
        Format("xlsx", "Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
               N_("opens in Excel and LibreOffice; a second sheet explains the columns")),
        Format("excel.csv", "CSV · Excel", "text/csv; charset=utf-8",
               N_("a plain table that Excel opens with the right letters and columns")),
        Format("csv", "CSV", "text/csv; charset=utf-8",
               N_("a plain table that every program reads")),
        Format("json", "JSON", "application/json",
               N_("a list of records, for web pages and small programs")),
        Format("ndjson", "NDJSON", "application/x-ndjson",
               N_("one record a line, for programs that read large files")),
        Format("geojson", "GeoJSON", "application/geo+json",
               N_("for maps, in QGIS and on the web")),
        Format("parquet", "Parquet", "application/vnd.apache.parquet",
               N_("for Python, R and DuckDB; keeps the types")),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """A file that can be had: where, in which format, how large if that is known."""

    format: str
    purpose: str
    href: str
    size: str = ""


def shape_of(table: Table) -> tuple[str, ...]:
    """The column of shapes, or those of longitude and latitude; empty where there is no place."""
    for name, kind in table.types.items():
        if kind == "geometry":
            return (name,)
    numeric = [name for name, kind in table.types.items() if kind.startswith(("number", "decimal"))]
    east = next((name for name in LONGITUDES if name in numeric), None)
    north = next((name for name in LATITUDES if name in numeric), None)
    return (east, north) if east and north else ()


def fits(suffix: str, view: View, rows: int) -> bool:
    """True where a view of so many rows can be had in a format."""
    if suffix == "geojson":
        return bool(shape_of(view.table))
    if suffix == "xlsx":
        return rows <= MOST_XLSX_ROWS and rows * len(view.shown) <= MOST_XLSX_CELLS
    return True


def special(dataset: PublishedDataset) -> list[str]:
    """The formats that the whole table can be had in, and that not every table fits."""
    view = View(Table.of(dataset))
    return [FORMATS[one].label for one in ("xlsx", "geojson") if fits(one, view, dataset.rows)]


def address(suffix: str, view: View, language: Language | None = None) -> str:
    """Where the file of a view is, at the version that the view reads."""
    query = view.content().query()
    if language is not None and suffix in ("xlsx", "excel.csv"):
        query = "&".join(part for part in (query, f"_lang={language.code}") if part)
    table = view.table
    path = f"/exports/{table.slug}/{table.number}/{table.slug}.{suffix}"
    return f"{path}?{query}" if query else path


def of_view(view: View, rows: int, language: Language) -> list[Offer]:
    """Every format in which a view of so many rows can be had."""
    return [
        Offer(one.label, language.text(one.purpose), address(one.suffix, view, language))
        for one in FORMATS.values()
        if fits(one.suffix, view, rows)
    ]


def of_table(dataset: PublishedDataset, language: Language) -> list[Offer]:
    """Every format of the whole table; those kept as files say their size."""
    view = View(Table.of(dataset))
    offers = []
    for offer in of_view(view, dataset.rows, language):
        file = dataset.files.get(f"{dataset.slug}.parquet")
        if offer.format == "Parquet" and file is not None:
            offer = Offer(offer.format, offer.purpose,
                          f"/files/{dataset.slug}/{dataset.number}/{file.name}",
                          language.size(file.bytes))  # fmt: skip
        offers.append(offer)
    kept = (
        (".csv.gz", "CSV · gzip", N_("the plain table compressed; unpack it first")),
        (".duckdb", "DuckDB", N_("a whole database with this table, for SQL")),
    )
    for suffix, label, purpose in kept:
        file = dataset.files.get(f"{dataset.slug}{suffix}")
        if file is not None:
            href = f"/files/{dataset.slug}/{dataset.number}/{file.name}"
            offers.append(Offer(label, language.text(purpose), href, language.size(file.bytes)))
    return offers
