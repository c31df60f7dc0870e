"""The numbers of datasets about places, read once for each version into arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import structlog
from numpy.typing import NDArray

from moulouya.duck import identifier
from moulouya.errors import LakeError
from moulouya.portal.places.columns import Numbers, Shape, shape_of
from moulouya.portal.places.index import Places
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import TooSlow, table_name, tables

log = structlog.get_logger("moulouya.portal")
AT_ONCE = 32
LONGEST = 60.0
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One column in one year: a number for each place in the register's order, NaN for none."""

    about: Numbers
    values: Array


# What the newest release says, by dataset and version; the caller lets one thread in at a time.
_kept: dict[tuple[str, str], tuple[Places, tuple[Line, ...]]] = {}


def lines_of(catalogue: Catalogue, places: Places) -> dict[str, tuple[Line, ...]]:
    """What every dataset says of places, by its slug; what cannot be read is left out."""
    found: dict[str, tuple[Line, ...]] = {}
    wanted: list[tuple[PublishedDataset, Shape]] = []
    for dataset in catalogue.datasets.values():
        kept = _kept.get((dataset.slug, dataset.sha256))
        if kept is not None and kept[0] is places:
            found[dataset.slug] = kept[1]
            continue
        shape = shape_of(dataset, places.described)
        if shape is not None:
            wanted.append((dataset, shape))
    for start in range(0, len(wanted), AT_ONCE):
        found |= _read(catalogue, wanted[start : start + AT_ONCE], places)
    _kept.clear()
    _kept.update(
        {(slug, catalogue.datasets[slug].sha256): (places, lines) for slug, lines in found.items()}
    )
    order = {slug: number for number, slug in enumerate(catalogue.datasets)}
    return {slug: found[slug] for slug in sorted(found, key=order.__getitem__) if found[slug]}


def _read(
    catalogue: Catalogue, wanted: Sequence[tuple[PublishedDataset, Shape]], places: Places
) -> dict[str, tuple[Line, ...]]:
    """Several datasets over one connection; one that cannot be read does not cost the others."""
    found: dict[str, tuple[Line, ...]] = {}
    try:
        with tables(catalogue, [dataset for dataset, _ in wanted], seconds=LONGEST) as con:
            for dataset, shape in wanted:
                if shape.year is None:
                    rows = _rows(con, dataset, shape, None)
                    found[dataset.slug] = _lines(shape.columns, rows, places)
                else:
                    found[dataset.slug] = _by_year(con, dataset, shape, places)
    except (LakeError, TooSlow, duckdb.Error) as error:
        if len(wanted) > 1:
            return {
                slug: lines
                for one in wanted
                for slug, lines in _read(catalogue, [one], places).items()
            }
        log.warning("no figures", dataset=wanted[0][0].slug, reason=str(error))
    return found


def _by_year(
    con: duckdb.DuckDBPyConnection, dataset: PublishedDataset, shape: Shape, places: Places
) -> tuple[Line, ...]:
    """The latest two years of a table that has a row for each."""
    year = identifier(shape.year or "")
    years = con.execute(
        f"SELECT DISTINCT {year} FROM {table_name(dataset)} WHERE {year} IS NOT NULL"
        f" ORDER BY 1 DESC LIMIT 2"
    ).fetchall()
    found: list[Line] = []
    for (one,) in years:
        dated = [replace(about, year=int(one), period=None) for about in shape.columns]
        found.extend(_lines(dated, _rows(con, dataset, shape, int(one)), places))
    return tuple(found)


def _rows(
    con: duckdb.DuckDBPyConnection, dataset: PublishedDataset, shape: Shape, year: int | None
) -> Mapping[str, NDArray[np.generic]]:
    fixed: list[tuple[str, str | int]] = list(shape.fixed)
    if shape.year is not None and year is not None:
        fixed.append((shape.year, year))
    where = " AND ".join(["TRUE", *(f"{identifier(name)} = ?" for name, _ in fixed)])
    selected = ", ".join(
        f"CAST({identifier(about.column)} AS DOUBLE) AS n{number}"
        for number, about in enumerate(shape.columns)
    )
    query = (
        f"SELECT CAST({identifier(shape.place)} AS VARCHAR) AS place, {selected}"
        f" FROM {table_name(dataset)} WHERE {where}"
    )
    found: Mapping[str, Any] = con.execute(query, [value for _, value in fixed]).fetchnumpy()
    return found


def _lines(
    columns: Sequence[Numbers], rows: Mapping[str, NDArray[np.generic]], places: Places
) -> tuple[Line, ...]:
    known = [
        (number, places.position[code])
        for number, code in enumerate(_codes(rows["place"]))
        if code in places.position
    ]
    if not known:
        return ()
    taken, put = (list(one) for one in zip(*known, strict=True))
    lines: list[Line] = []
    for number, about in enumerate(columns):
        values = np.full(len(places), np.nan)
        # Missing values come masked; what is no finite number says nothing either.
        column = np.ma.filled(np.ma.asarray(rows[f"n{number}"], dtype=np.float64), np.nan)
        values[put] = column[taken]
        values[~np.isfinite(values)] = np.nan
        if not np.isnan(values).all():
            lines.append(Line(about, values))
    return tuple(lines)


def _codes(column: NDArray[np.generic]) -> Iterable[str]:
    return (str(code) for code in np.ma.filled(np.ma.asarray(column), ""))
