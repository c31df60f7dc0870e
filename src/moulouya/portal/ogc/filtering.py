"""Records by a condition in CQL2: the catalogue as a small table in memory, which DuckDB reads."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import shapely

from moulouya import duck
from moulouya.portal.api import conditions, shapes
from moulouya.portal.kept import Kept
from moulouya.portal.ogc import records
from moulouya.portal.ogc.asking import Asked
from moulouya.portal.ogc.saying import MOMENTS, PROPERTIES
from moulouya.portal.reading import patient
from moulouya.portal.records.making import Slots
from moulouya.portal.records.view import Table

AT_ONCE = 2
SEVERAL = ", "
PLACE = "geometry"
_slots = Slots(AT_ONCE)
_tables: Kept[pa.Table] = Kept(8)
_found: Kept[frozenset[str]] = Kept(1024)


def fitting(asked: Asked, text: str) -> frozenset[str]:
    """The slugs of the datasets whose record meets a condition; raises Refused, Busy, TooSlow."""
    table = described()
    piece, _ = conditions.compile_text(text, table, "filter")
    release = (asked.catalogue.lake.root, asked.catalogue.number, asked.language.code, asked.site)
    key = (release, piece.sql, repr(piece.bound))
    known = _found.find(key)
    if known is not None:
        return known
    with _slots, duck.connect(memory_limit="200MB", threads=1) as con, patient(con):
        con.register("said", _tables.find(release) or _tables.keep(release, _rows(asked)))
        con.execute(f"CREATE TABLE catalog AS SELECT {_selected(table)} FROM said")
        bound = shapes.looked_up(con, "catalog", piece.bound, repr(release))
        met = con.execute(f"SELECT id FROM catalog WHERE {piece.sql}", bound).fetchall()
    return _found.keep(key, frozenset(slug for (slug,) in met))


def described() -> Table:
    """What records can be asked for, as the columns of a table."""
    kinds = {name: "datetime" if name in MOMENTS else "text" for name in PROPERTIES}
    columns = tuple((name, kind, 0, 1) for name, kind in {**kinds, PLACE: "geometry"}.items())
    return Table("catalog", 0, 0, columns)


def _selected(table: Table) -> str:
    types: Mapping[str, str] = {"datetime": "TIMESTAMPTZ", "geometry": "BLOB"}
    return ", ".join(
        f"CAST({duck.identifier(name)} AS {types.get(kind, 'VARCHAR')}) AS {duck.identifier(name)}"
        for name, kind in table.types.items()
    )


def _rows(asked: Asked) -> pa.Table:
    """A row for each record; of several values one text, and of a place the box around it."""
    datasets = list(asked.catalogue.datasets.values())
    said = {
        name: pa.array([SEVERAL.join(say(asked, one)) or None for one in datasets], pa.string())
        for name, say in PROPERTIES.items()
    }
    boxes = [records.box(asked.catalogue, one) for one in datasets]
    drawn = [
        one and shapely.to_wkb(shapely.envelope(shapely.multipoints([one[:2], one[2:]])))
        for one in boxes
    ]
    return pa.table({**said, PLACE: pa.array(drawn, pa.binary())})
