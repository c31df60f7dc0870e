"""The files in which a version can be had, as every standard tells of them."""

from __future__ import annotations

from dataclasses import dataclass

from moulouya.portal.languages import N_
from moulouya.portal.published import PublishedDataset
from moulouya.portal.records import formats
from moulouya.portal.records.formats import FORMATS
from moulouya.portal.records.view import Table, View
from moulouya.portal.standards.addresses import Addresses

CSV_GZ, DUCKDB = "csv.gz", "duckdb"
# Written for one program in one language: the same table is there as CSV.
_LEFT_OUT = ("excel.csv",)


@dataclass(frozen=True)
class Distribution:
    """One file of a table: where it is, in which format, how large, with which SHA-256.

    ``media_type`` is that of what is in it where it is ``compressed``; size and hash are known of
    files that are kept, not of those that are made when they are asked for.
    """

    suffix: str
    label: str
    purpose: str
    address: str
    media_type: str
    compressed: str | None = None
    bytes: int | None = None
    sha256: str | None = None


def of(version: PublishedDataset, addresses: Addresses) -> list[Distribution]:
    """Every file of a version, CSV first."""
    view = View(Table.of(version))
    found = {
        one.suffix: Distribution(
            one.suffix,
            one.label,
            one.purpose,
            addresses.export(version, one.suffix),
            one.media_type.partition(";")[0],
        )
        for one in FORMATS.values()
        if one.suffix not in _LEFT_OUT and formats.fits(one.suffix, view, version.rows)
    }
    parquet = FORMATS["parquet"]
    kept = (
        (parquet.suffix, parquet.label, parquet.purpose, parquet.media_type, None),
        (CSV_GZ, "CSV · gzip", N_("the plain table compressed; unpack it first"), "text/csv",
         "application/gzip"),
        (DUCKDB, "DuckDB", N_("a whole database with this table, for SQL"),
         "application/vnd.duckdb", None),
    )  # fmt: skip
    for suffix, label, purpose, media_type, compressed in kept:
        file = version.files.get(f"{version.slug}.{suffix}")
        if file is None:
            found.pop(suffix, None)
            continue
        found[suffix] = Distribution(
            suffix, label, purpose, addresses.file(version, file.name), media_type, compressed,
            file.bytes, file.sha256,
        )  # fmt: skip
    return sorted(found.values(), key=lambda one: (one.suffix != "csv", one.suffix))
