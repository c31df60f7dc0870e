"""GTFS Schedule: one table of a feed, as strictly as the reference defines its files."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from duckdb import DuckDBPyConnection

from moulouya.definition import Dialect, Reading
from moulouya.errors import ReadError, did_you_mean
from moulouya.readers import zipped
from moulouya.readers.delimited import csv
from moulouya.readers.table import RawTable

BLOCK = 1024 * 1024
SUFFIXES = (".txt", ".geojson")
LOCATIONS = "locations"  # the one file of a feed that is GeoJSON
# The columns that the reference calls Required; those it requires only on a condition depend on
# values, which is what a definition's own rules are for.
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
REQUIRED: dict[str, tuple[str, ...]] = {
    "agency": ("agency_name", "agency_url", "agency_timezone"),
    "areas": ("area_id",),
    "attributions": ("organization_name",),
    "booking_rules": ("booking_rule_id", "booking_type"),
    "calendar": ("service_id", *_WEEK, "start_date", "end_date"),
    "calendar_dates": ("service_id", "date", "exception_type"),
    "fare_attributes": ("fare_id", "price", "currency_type", "payment_method", "transfers"),
    "fare_leg_join_rules": ("from_network_id", "to_network_id"),
    "fare_leg_rules": ("fare_product_id",),
    "fare_media": ("fare_media_id", "fare_media_type"),
    "fare_products": ("fare_product_id", "amount", "currency"),
    "fare_rules": ("fare_id",),
    "fare_transfer_rules": ("fare_transfer_type",),
    "feed_info": ("feed_publisher_name", "feed_publisher_url", "feed_lang"),
    "frequencies": ("trip_id", "start_time", "end_time", "headway_secs"),
    "levels": ("level_id", "level_index"),
    "location_group_stops": ("location_group_id", "stop_id"),
    "location_groups": ("location_group_id",),
    "networks": ("network_id",),
    "pathways": ("pathway_id", "from_stop_id", "to_stop_id", "pathway_mode", "is_bidirectional"),
    "rider_categories": ("rider_category_id", "rider_category_name"),
    "route_networks": ("network_id", "route_id"),
    "routes": ("route_id", "route_type"),
    "shapes": ("shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence"),
    "stop_areas": ("area_id", "stop_id"),
    "stop_times": ("trip_id", "stop_sequence"),
    "stops": ("stop_id",),
    "timeframes": ("timeframe_group_id", "service_id"),
    "transfers": ("transfer_type",),
    "translations": ("table_name", "field_name", "language", "translation"),
    "trips": ("route_id", "service_id", "trip_id"),
}


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open the declared table of one or more feeds, every value as text (times pass midnight).

    Raises ReadError when a feed has no such table, the table misses a column that the reference
    requires, or is no UTF-8 text.
    """
    table = str(source.table) if source.table is not None else None
    found = [_checked(feed, table, scratch) for feed in _feeds(files)]
    if table == LOCATIONS:
        from moulouya.readers import geo

        return geo.read(con, found, source.model_copy(update={"format": "geojson"}), scratch)
    text = source.model_copy(update={"format": "csv", "dialect": Dialect()})
    read_table = csv.read(con, found, text, scratch)
    missing = [name for name in REQUIRED.get(str(table), ()) if name not in read_table.expressions]
    if missing:
        raise ReadError(
            f"{table}.txt has no column {', '.join(missing)}, which GTFS requires",
            hint=f"it has: {', '.join(read_table.expressions)}",
        )
    return read_table


def tables(path: Path) -> list[str]:
    """The names of the tables in a feed: a zip, or a folder of text files.

    Raises ReadError when it is neither.
    """
    return sorted(table for feed in _feeds([path]) for table in feed.members)


@dataclass(frozen=True)
class _Feed:
    """A zip, or a folder with the files of a feed, and the file of each table."""

    path: Path
    members: dict[str, str]

    def file(self, table: str, scratch: Path) -> Path:
        """The file of a table. Raises ReadError when there is no such table."""
        if table not in self.members:
            known = sorted(self.members)
            raise ReadError(
                f"{self.path.name} has no table {table!r}{did_you_mean(table, known)}",
                hint=f"it has: {', '.join(known) or 'none'}",
            )
        if self.path.is_dir():
            return self.path / self.members[table]
        return zipped.unzipped(self.path, [self.members[table]], scratch / "gtfs")[0]


def _feeds(files: list[Path]) -> list[_Feed]:
    """The feeds among the files: zips, folders, or the folders in which text files lie."""
    feeds: list[_Feed] = []
    loose: dict[Path, dict[str, str]] = {}
    for path in files:
        if path.is_dir():
            feeds.append(_Feed(path, _members(path, [one.name for one in path.iterdir()])))
        elif zipped.is_zip(path):
            # The standard wants the root of the zip; one folder in it is understood as well.
            feeds.append(_Feed(path, _members(path, zipped.names(path, *SUFFIXES))))
        elif path.suffix in SUFFIXES:
            loose.setdefault(path.parent, {})[path.stem] = path.name
    feeds += [_Feed(folder, members) for folder, members in loose.items()]
    if not feeds:
        named = ", ".join(path.name for path in files) or "nothing"
        raise ReadError(f"{named} is no GTFS feed", hint="a feed is a zip of .txt files")
    return feeds


def _members(path: Path, names: list[str]) -> dict[str, str]:
    found = [name for name in names if PurePosixPath(name).suffix in SUFFIXES]
    zipped.alone(path, found)
    if len({PurePosixPath(name).parent for name in found}) > 1:
        raise ReadError(f"{path.name} has tables in several folders: is it several feeds?")
    return {PurePosixPath(name).stem: name for name in found}


def _checked(feed: _Feed, table: str | None, scratch: Path) -> Path:
    """The table's file, its bytes checked to be UTF-8 text, as the reference demands."""
    if table is None:
        raise ReadError(
            "source.table does not say which table of the feed to read",
            hint=f"{feed.path.name} has: {', '.join(sorted(feed.members))}",
        )
    path = feed.file(table, scratch)
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = 0
    with path.open("rb") as file:
        try:
            while block := file.read(BLOCK):
                decoder.decode(block)
                if b"\0" in block:
                    raise ReadError(f"{path.name} has a NUL byte: it is no text in UTF-8")
                done += len(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise ReadError(
                f"{path.name} is not UTF-8, which GTFS requires: {error.reason} near byte "
                f"{done + error.start + 1}"
            ) from error
    return path
