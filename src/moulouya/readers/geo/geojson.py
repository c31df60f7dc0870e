"""GeoJSON (RFC 7946), read feature by feature and as strictly as it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.geo import crs
from moulouya.readers.geo.geojson_shapes import Number, Unfit, shape_of
from moulouya.readers.geo.shapes import FEATURE_ID, Features
from moulouya.readers.table import Malformed

BLOCK = 1024 * 1024
LARGEST_FEATURE = 256 * 1024 * 1024
CHUNK = 5_000
SHOWN = 1000
UTF8 = frozenset({"utf-8", "utf8", "utf-8-sig", "ascii"})
SHAPES = frozenset(
    ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon",
     "GeometryCollection")
)  # fmt: skip


class _NoFeature(Unfit):
    """Why a feature is none, whatever its shape."""

    rule = "record"


class _Repeated(ValueError):
    """A member that occurs twice in one object: which of the two is meant nobody can say."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Repeated(next(name for name in names if names.count(name) > 1))
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=_no_number
)


def reference(path: Path, source: Reading) -> crs.Reference:
    """The coordinate reference system: CRS84, unless an older file has a ``crs`` member.

    Raises ReadError when that member cannot be followed and the definition declares none.
    """
    document = _Document(path, source)
    if source.geometry.crs is None and _mentions_crs(path, source):
        for _ in document.features():
            if "crs" in document.members:  # usually stands before the features
                break
    if "crs" not in document.members:
        return crs.declared(crs.written(crs.PUBLISHED, path.name), source.geometry, path.name)
    member = document.members["crs"]
    properties = member.get("properties") if isinstance(member, dict) else None
    found: crs.Reference | None = None
    if isinstance(properties, dict):
        if isinstance(name := properties.get("name"), str):
            found = crs.named(name, path.name)
        elif isinstance(code := properties.get("code"), Number):
            found = crs.named(f"EPSG:{code}", path.name)
    if found is not None:  # whatever the name: x comes first (GeoJSON 2008, 2.1.1)
        found = crs.Reference(found.crs)
    return crs.declared(found, source.geometry, path.name)


def _mentions_crs(path: Path, source: Reading) -> bool:
    """Whether a file may have a ``crs`` member: reading it twice is worth it only then."""
    wanted = '"crs"'.encode(source.dialect.encoding)
    kept = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if wanted in kept + block:
                return True
            kept = block[-len(wanted) :]
    return False


def features(path: Path, source: Reading) -> Iterator[Features]:
    """The features of a file in chunks; raises ReadError when it is no GeoJSON."""
    rows = _Rows(path)
    for feature in _Document(path, source).features():
        rows.add(feature)
        if len(rows.shapes) >= CHUNK:
            yield rows.taken()
    yield rows.taken()


@dataclass
class _Rows:
    """Features that are collected until there are enough of them to write."""

    path: Path
    number: int = 0
    numbers: list[int] = field(default_factory=list)
    attributes: dict[str, list[str | None]] = field(default_factory=dict)
    shapes: list[Any] = field(default_factory=list)
    malformed: list[Malformed] = field(default_factory=list)

    def add(self, feature: Any) -> None:
        self.number += 1
        try:
            attributes, shape = _parts(feature)
            "".join([*attributes, *filter(None, attributes.values())]).encode()
        except (Unfit, UnicodeEncodeError) as error:
            rule = error.rule if isinstance(error, Unfit) else "encoding"
            if isinstance(error, UnicodeEncodeError):
                error = Unfit("a text in it is no Unicode (half of a surrogate pair)")
            original = json_text(feature)[:SHOWN].encode(errors="replace").decode()
            self.malformed.append(Malformed(self.path, self.number, str(error), original, rule))
            return
        for name, value in attributes.items():
            if name not in self.attributes:
                self.attributes[name] = [None] * len(self.shapes)
            self.attributes[name].append(value)
        self.numbers.append(self.number)
        self.shapes.append(shape)
        for values in self.attributes.values():
            if len(values) < len(self.shapes):
                values.append(None)

    def taken(self) -> Features:
        """What was collected; the collection is empty after it."""
        shapes = np.empty(len(self.shapes), dtype=object)
        shapes[:] = self.shapes
        taken = Features(
            self.numbers,
            {name: pa.array(values, pa.string()) for name, values in self.attributes.items()},
            shapes,
            self.malformed,
        )
        self.numbers, self.attributes, self.shapes, self.malformed = [], {}, [], []
        return taken


def _parts(feature: Any) -> tuple[dict[str, str | None], Any]:
    """A feature's attributes as text, and its shape. Raises Unfit (RFC 7946, 3.2)."""
    if not isinstance(feature, dict):
        raise _NoFeature("it is no object")
    if feature.get("type") in SHAPES:
        return {}, shape_of(feature)
    if feature.get("type") != "Feature":
        raise _NoFeature(f"its type is {feature.get('type')!r} instead of 'Feature'")
    for name in ("geometry", "properties"):
        if name not in feature:
            raise _NoFeature(f"it has no {name}")
    properties = feature["properties"]
    if properties is not None and not isinstance(properties, dict):
        raise _NoFeature("its properties are no object")
    attributes = {name: text_of(value) for name, value in (properties or {}).items()}
    if "id" in feature:
        if not isinstance(feature["id"], str):
            raise _NoFeature("its id is neither text nor number")
        attributes[FEATURE_ID] = str(feature["id"])
    return attributes, shape_of(feature["geometry"])


def text_of(value: Any) -> str | None:
    """A property as text: as it is written, JSON where it is a list or an object."""
    if value is None:
        return None
    return str(value) if isinstance(value, str) else json_text(value)


def json_text(value: Any) -> str:
    """A value as JSON, its numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        members = (f"{json_text(name)}: {json_text(one)}" for name, one in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class _Document:
    """A GeoJSON text that is decoded as far as it has been asked for."""

    def __init__(self, path: Path, source: Reading) -> None:
        self.path = path
        self.encoding = source.dialect.encoding
        if self.encoding in UTF8:
            self.encoding = "utf-8-sig"
        self.members: dict[str, Any] = {}
        self.text = ""
        self.at = 0
        self.ended = False
        self.file: IO[str]

    def features(self) -> Iterator[Any]:
        """Every feature, undecided whether it is a sound one; ``members`` has what is beside them.

        Raises ReadError when the text is no JSON or no GeoJSON.
        """
        with self.path.open(encoding=self.encoding, newline="") as self.file:
            try:
                yield from self._root()
            except UnicodeError as error:
                raise ReadError(
                    f"{self.path.name} is not {self.encoding}: {error}",
                    hint="set source.dialect.encoding",
                ) from error
            except _Repeated as error:
                raise ReadError(
                    f"{self.path.name} has an object in which {error.args[0]!r} occurs twice"
                ) from error
            except (ValueError, RecursionError) as error:
                raise ReadError(
                    f"{self.path.name} is not JSON: {error}", hint="check source.format"
                ) from error

    def _root(self) -> Iterator[Any]:
        self._skip_mark()
        if self._next() != "{":
            raise self._no_geojson(f"it begins with {self._next()!r} and not with an object")
        yield from self._object()
        while self.members.get("type") == "Feature" and self._skip_mark() == "{":
            yield self._value()  # RFC 8142: a sequence of texts, one a feature
        if self._next():
            raise self._no_geojson("more follows after its end")

    def _skip_mark(self) -> str:
        """The next character after the mark that separates texts of a sequence."""
        if self._next() == "\x1e":
            self.at += 1
        return self._next()

    def _object(self) -> Iterator[Any]:
        """The features of the outermost object, whatever comes before or after them."""
        self.at += 1
        listed = False
        while self._next() != "}":
            if self.members or listed:
                self._expect(",")
            name = self._value()
            if not isinstance(name, str) or isinstance(name, Number):
                raise self._no_geojson("a member has no name")
            if name in self.members or (name == "features" and listed):
                raise _Repeated(name)
            self._expect(":")
            if name == "features" and self._next() == "[":
                listed = True
                yield from self._list()
            else:
                self.members[name] = self._value()
        self.at += 1
        kind = self.members.get("type")
        if listed and kind == "FeatureCollection":
            return
        alone = kind == "Feature" or (isinstance(kind, str) and kind in SHAPES)
        if alone and not listed:
            yield self.members
            return
        raise self._no_geojson(f"its type is {kind!r}" + (", without features" * (not listed)))

    def _list(self) -> Iterator[Any]:
        self.at += 1
        first = True
        while self._next() != "]":
            if not first:
                self._expect(",")
            first = False
            yield self._value()
        self.at += 1

    def _no_geojson(self, reason: str) -> ReadError:
        return ReadError(
            f"{self.path.name} is no GeoJSON: {reason}",
            hint="check source.format: other JSON is read by json, with source.records",
        )

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            raise ValueError(f"{mark!r} expected near {self.text[self.at : self.at + 20]!r}")
        self.at += 1

    def _next(self) -> str:
        """The next character that is no blank, empty at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
                self.at += 1
            if self.at < len(self.text) or not self._more():
                return self.text[self.at : self.at + 1]

    def _value(self) -> Any:
        self._next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                cut_off = error.msg.startswith("Unterminated") or error.pos + 16 > len(self.text)
                if not cut_off or not self._more():
                    raise
            else:
                # A number may go on in what has not been read yet.
                if end < len(self.text) or not self._more():
                    self.at = end
                    return value

    def _more(self) -> bool:
        """Read on, as much again as is there already, so that long features cost no more."""
        if self.ended:
            return False
        self.text = self.text[self.at :]
        self.at = 0
        if len(self.text) > LARGEST_FEATURE:
            raise ReadError(
                f"{self.path.name} has a feature of more than {LARGEST_FEATURE} letters"
            )
        block = self.file.read(max(BLOCK, len(self.text)))
        self.ended = not block
        self.text += block
        return bool(block)
