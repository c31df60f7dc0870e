"""What a chart shows, as its address says it: kind, columns, aggregate and the rows it is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from moulouya.portal.drawing.levels import steady
from moulouya.portal.drawing.shape import Column, Shape
from moulouya.portal.languages import N_

KINDS = {
    "bars": N_("Bars"),
    "line": N_("Line"),
    "shares": N_("Stacked shares"),
    "groups": N_("Groups of one place or total"),
    "pyramid": N_("Population pyramid"),
    "scatter": N_("Two measures"),
}
AGGREGATES = {
    "sum": N_("sum"),
    "avg": N_("average"),
    "median": N_("median"),
    "min": N_("lowest"),
    "max": N_("highest"),
    "count": N_("number of rows"),
}
COUNTED = AGGREGATES["count"]
MOST_COLUMNS = 24
OWN = ("kind", "x", "y", "by", "agg")


class Unfit(ValueError):
    """An address asks for a chart that cannot be drawn; the message says why, for its reader."""


@dataclass(frozen=True)
class Spec:
    """One chart. ``y`` are measures; ``filters`` are conditions on rows, as in an address."""

    kind: str
    x: str = ""
    y: tuple[str, ...] = ()
    by: str = ""
    agg: str = "avg"
    filters: tuple[tuple[str, str], ...] = ()

    def query(self) -> str:
        """The chart's part of an address."""
        pairs = [("kind", self.kind)]
        pairs += [("x", self.x)] if self.x else []
        pairs += [("y", ",".join(self.y))] if self.y else []
        pairs += [("by", self.by)] if self.by else []
        pairs += [("agg", self.agg)]
        pairs += [(name, value) for name, value in self.filters]
        return urlencode(pairs)


def natural(column: Column) -> str:
    """How a measure is put together when several rows meet: counts add up, the rest is averaged."""
    return "sum" if column.counts else "avg"


def parse(known: Shape, given: Sequence[tuple[str, str]], default: Spec | None) -> Spec:
    """The chart that an address asks for; what it leaves open is as in the default.

    A column of levels or with a total that no parameter names is held there, so that rows which
    hold one another do not meet; an empty parameter (``level=``) opens it. Raises Unfit for a
    column that there is not, or one of the wrong kind.
    """
    first = {name: value for name, value in reversed(given) if value}
    if not given and default is not None:
        return default
    kind = first.get("kind") or (default.kind if default else "bars")
    if kind not in KINDS:
        raise Unfit(N_("There is no such kind of chart."))
    base = default if default is not None and default.kind == kind else None
    y = tuple(
        dict.fromkeys(
            name for key, value in given if key == "y" for name in value.split(",") if name
        )
    )
    y = y or (base.y if base else ())
    x, by = first.get("x", base.x if base else ""), first.get("by", base.by if base else "")
    for name in (*y, *filter(None, (x, by))):
        if name not in known.columns:
            raise Unfit(N_("This dataset has no such column."))
    y = y[:MOST_COLUMNS]
    if any(known.columns[name].kind != "measure" for name in y):
        raise Unfit(N_("Only columns of numbers can be drawn as a measure."))
    if by and known.columns[by].kind not in ("category", "place"):
        raise Unfit(N_("Only a column of categories can split a chart."))
    agg = first.get("agg", natural(known.columns[y[0]]) if y else "count")
    if agg not in AGGREGATES:
        raise Unfit(N_("There is no such way to put rows together."))
    named = {name.partition("__")[0] for name, _ in given}
    filters = tuple((name, value) for name, value in given if name not in OWN and value)
    fitted = _fit(known, Spec(kind, x, y, by, agg))
    kept = base.filters if base is not None and not filters else ()
    kept = kept or steady(known, free=(fitted.x, fitted.by), narrow=kind in ("bars", "shares"))
    mixed = tuple((name, value) for name, value in kept if name not in named)
    if known.place is not None and known.place.name in named:
        mixed = tuple(pair for pair in mixed if known.level is None or pair[0] != known.level.name)
    return replace(fitted, filters=(*filters, *mixed))


def _fit(known: Shape, spec: Spec) -> Spec:
    """The chart with what its kind needs, filled in where the data leaves one choice."""
    measures = known.of("measure")
    y, x, by = spec.y, spec.x, spec.by
    if not y and spec.agg != "count":
        y = tuple(one.name for one in measures[: 2 if spec.kind == "scatter" else 1])
    if spec.kind == "scatter" and len(y) < 2:
        y = (*y, *(one.name for one in measures if one.name not in y))[:2]
        if len(y) < 2:
            raise Unfit(N_("This chart needs two columns of numbers."))
    if spec.kind in ("bars", "shares", "line") and not x:
        wanted = ("time",) if spec.kind == "line" else ("category", "place")
        found = known.of(*wanted)
        place = known.place if spec.kind != "line" else None
        if not found:
            raise Unfit(N_("This dataset has no column for this kind of chart."))
        x = (place or found[0]).name
    if spec.kind == "pyramid":
        if known.sex is None:
            raise Unfit(N_("This dataset has no column for this kind of chart."))
        by = known.sex.name
    if spec.kind != "bars" and not y:
        raise Unfit(N_("This dataset has no column for this kind of chart."))
    return replace(spec, x=x, y=y, by=by, agg=spec.agg if y else "count")
