"""KML 2.2 (OGC 07-147r2) and KMZ: the placemarks of a file, every attribute as its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers import zipped
from moulouya.readers.geo import xml as geo_xml
from moulouya.readers.geo.geojson_shapes import Unfit
from moulouya.readers.geo.kml_shapes import shape_of
from moulouya.readers.geo.shapes import Features
from moulouya.readers.table import Malformed

CHUNK = 5_000
SHOWN = 1000
FOLDER = "folder"
SHAPES = frozenset(
    ("Point", "LineString", "LinearRing", "Polygon", "MultiGeometry", "Model", "Track",
     "MultiTrack")
)  # fmt: skip
STRUCTURE = frozenset({"ExtendedData", "SchemaData", "value", "displayName"})
# How a placemark is drawn and looked at, which says nothing of the place.
DRAWN = frozenset(
    ("AbstractView", "Camera", "LookAt", "Region", "Style", "StyleMap", "balloonVisibility",
     "visibility", "open")
)  # fmt: skip


@dataclass
class _Rows:
    """Placemarks that are collected until there are enough of them to write."""

    path: Path
    number: int = 0
    numbers: list[int] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    shapes: list[Any] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)

    def add(self, placemark: Any, folders: list[str]) -> None:
        self.number += 1
        try:
            shape = _shape(placemark)
            row = attributes_of(placemark)
        except Unfit as error:
            original = " ".join("".join(placemark.itertext()).split())[:SHOWN]
            self.malformed.append(
                Malformed(self.path, self.number, str(error), original, error.rule)
            )
            return
        if folders:
            row[FOLDER] = " / ".join(folders)
        self.numbers.append(self.number)
        self.rows.append(row)
        self.shapes.append(shape)

    def taken(self) -> Features:
        """What was collected; the collection is empty after it."""
        shapes = np.empty(len(self.shapes), dtype=object)
        shapes[:] = self.shapes
        names = dict.fromkeys(name for row in self.rows for name in row)
        attributes = {
            name: pa.array([row.get(name) for row in self.rows], pa.string()) for name in names
        }
        taken = Features(self.numbers, attributes, shapes, self.malformed)
        self.numbers, self.rows, self.shapes, self.malformed = [], [], [], []
        return taken


def features(path: Path, source: Reading, scratch: Path) -> Iterator[Features]:
    """The placemarks of a file in chunks, of one folder where ``geometry.layer`` names it.

    Raises ReadError when the file is no KML, has no such folder, or only links to others.
    """
    rows = _Rows(path)
    wanted = source.geometry.layer
    folders: list[str] = []
    known: dict[str, None] = {}
    linked = False
    with _text_file(path, scratch).open("rb") as file:
        root = True
        for event, element in geo_xml.events(file, path.name):
            name = geo_xml.local(element)
            if root and name != "kml":
                raise ReadError(f"{path.name} is no KML: its root is {name}")
            root = False
            if event == "start":
                if name == "Folder":
                    folders.append("")
                continue
            if name == "name" and folders and geo_xml.local(element.getparent()) == "Folder":
                folders[-1] = _text(element)
                known[folders[-1]] = None
            elif name == "Folder":
                folders.pop()
                geo_xml.forget(element)
            elif name == "Placemark":
                if wanted is None or wanted in folders:
                    rows.add(element, folders)
                geo_xml.forget(element)
                if len(rows.rows) >= CHUNK:
                    yield rows.taken()
            linked = linked or name == "NetworkLink"
    if wanted is not None and wanted not in known:
        raise ReadError(
            f"{path.name} has no folder {wanted!r}",
            hint=f"declare source.geometry.layer, one of: {', '.join(known)}" if known else None,
        )
    if linked and not rows.number:
        raise ReadError(
            f"{path.name} has no placemarks, only links to other files",
            hint="declare the address it links to as the source",
        )
    yield rows.taken()


def _text_file(path: Path, scratch: Path) -> Path:
    """The KML itself, out of its KMZ where it is in one: doc.kml, or the only one there is."""
    if not zipped.is_zip(path):
        return path
    names = zipped.names(path, ".kml")
    main = [name for name in names if name.lower() == "doc.kml"] or names
    if len(main) != 1:
        listed = ", ".join(names) or "none"
        raise ReadError(f"{path.name} must have one .kml file or a doc.kml: {listed}")
    return zipped.unzipped(path, main, scratch / "kmz")[0]


def _text(element: Any) -> str:
    return "".join(element.itertext()).strip()


def _shape(placemark: Any) -> Any:
    found = [child for child in placemark if geo_xml.local(child) in SHAPES]
    if len(found) > 1:
        raise Unfit("it has more than one shape outside of a MultiGeometry")
    return shape_of(found[0]) if found else None


def attributes_of(placemark: Any) -> dict[str, str]:
    """A placemark's texts: its own elements, those of its times, and its extended data."""
    row: dict[str, str] = {}
    if placemark.get("id") is not None:
        row["id"] = placemark.get("id")
    for child in placemark:
        name = geo_xml.local(child)
        if name == "ExtendedData":
            for key, value in _extended(child):
                _add(row, key, value)
        elif name in ("TimeStamp", "TimeSpan"):
            for moment in child:
                _add(row, geo_xml.local(moment), _text(moment))
        elif name not in SHAPES and name not in DRAWN and not len(child):
            _add(row, name, _text(child))
    return row


def _add(row: dict[str, str], name: str, value: str) -> None:
    """Keep a value; one whose name is taken already gets a number, so that none is lost."""
    number, key = 1, name
    while key in row:
        number += 1
        key = f"{name}#{number}"
    row[key] = value


def _extended(data: Any) -> Iterator[tuple[str, str]]:
    """Names and values of ExtendedData: untyped Data, typed SchemaData, or foreign elements."""
    for element in data.iter():
        name = geo_xml.local(element)
        if name == "Data":
            values = [child for child in element if geo_xml.local(child) == "value"]
            yield element.get("name", ""), _text(values[0]) if values else ""
        elif name == "SimpleData":
            yield element.get("name", ""), _text(element)
        elif name not in ("ExtendedData", "SchemaData", "value", "displayName") and not len(
            element
        ):
            yield name, _text(element)
