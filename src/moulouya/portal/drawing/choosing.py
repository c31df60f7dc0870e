"""Which charts show a dataset best: rules on the shape of its table, at most three charts.

The rules in their order, the first that fit are taken:

1. age groups, with a column for sex: a population pyramid of one place;
2. a column of time and a measure: a line;
3. the same measure in several years, for places: bars side by side;
4. columns that are shares of one whole: stacked bars for places, or bars for one row;
5. other columns of one family: bars, for one place;
6. places or categories and a measure: bars, the highest first (before 3 where the dataset is
   named after the measure);
7. two measures of different kinds, for enough places: a cloud of points;
8. categories alone: how many rows each has.

Rows that hold one another (a province and its communes, both sexes and men) never meet in one
chart: a column of levels is held at one level, a column with a total at its total.
"""

from __future__ import annotations

from moulouya.portal.drawing.levels import Filters, finest_level, steady
from moulouya.portal.drawing.shape import Column, Family, Shape, families
from moulouya.portal.drawing.spec import Spec, natural

MOST = 3
ENOUGH_POINTS = 12
MOST_BARS = 8


def one_place(known: Shape, home: str) -> Filters:
    """The region's own row, where the table has levels: a chart of groups is of one place."""
    place = known.place
    if known.level is None or place is None or place.name not in known.key:
        return ()
    return ((place.name, home),)


def choose(known: Shape, slug: str, home: str, most: int = MOST) -> list[Spec]:
    """The charts for a dataset, the most telling first; ``home`` is the region's own code."""
    if not known.rows:
        return []
    found: list[Spec] = []
    seen: set[str] = set()
    for spec in _candidates(known, slug, home):
        fresh = set(spec.y) - seen
        if spec.y and len(fresh) * 2 < len(spec.y):
            continue
        if sum(one.kind == spec.kind for one in found) >= (2 if spec.kind == "bars" else 1):
            continue
        found.append(spec)
        seen |= set(spec.y)
        if len(found) == most:
            break
    return found


def _candidates(known: Shape, slug: str, home: str) -> list[Spec]:
    grouped = families(known)
    ages = [one for one in grouped if one.ages]
    years = [one for one in grouped if one.years]
    groups = [one for one in grouped if not one.ages and not one.years]
    main = _main_measure(known)
    found = [*_pyramids(known, ages, home), *_lines(known, main)]
    # What the dataset is named after comes first; a count given for scale comes last.
    named_after = main is not None and main.name.partition("_")[0] in slug.split("_")
    if main is not None and named_after:
        same = [one for one in years if main.name in one.columns]
        found += _side_by_side(known, same) or _ranked(known, main)
        years = [one for one in years if one not in same]
    if main is not None and not named_after:
        years = [*(one for one in years if main.name not in one.columns),
                 *(one for one in years if main.name in one.columns)]  # fmt: skip
    found += [*_side_by_side(known, years), *_of_families(known, [*ages, *groups], home)]
    return [*found, *_ranked(known, main), *_clouds(known, main), *_counted(known)]


def _main_measure(known: Shape) -> Column | None:
    """The first measure that varies, preferably one with a unit."""
    measures = known.of("measure")
    varied = [one for one in measures if one.distinct > 1]
    return next((one for one in varied if one.unit), next(iter(varied or measures), None))


def _pyramids(known: Shape, ages: list[Family], home: str) -> list[Spec]:
    sex = known.sex
    if sex is None:
        return []
    kept = (*steady(known, free=(sex.name, "level")), *one_place(known, home))
    return [Spec("pyramid", y=one.columns, by=sex.name, filters=kept) for one in ages]


def _lines(known: Shape, main: Column | None) -> list[Spec]:
    times = [one for one in known.of("time") if one.distinct > 1]
    if not times or main is None:
        return []
    split = [
        one for one in known.of("category") if 2 <= one.distinct <= 5 and not one.total
        and one is not known.level
    ]  # fmt: skip
    by = split[0].name if split else ""
    return [Spec("line", times[0].name, (main.name,), by, natural(main), steady(known, free=(by,)))]


def _axis(known: Shape) -> Column | None:
    """What bars stand for: places where each has one row then, else categories, else places."""
    place = known.place
    open_key = [
        name for name in known.key
        if place is None or (name != place.name and not known.columns[name].total)
    ]  # fmt: skip
    if place is not None and place.name in known.key and not open_key:
        return place
    categories = [one for one in known.of("category") if one is not known.level]
    ordered = sorted(categories, key=lambda one: (one.name not in known.key, one.distinct < 2))
    if ordered and (place is None or ordered[0].name in known.key):
        return ordered[0]
    return place


def _side_by_side(known: Shape, years: list[Family]) -> list[Spec]:
    axis = _axis(known)
    if axis is None:
        return []
    return [
        Spec("bars", axis.name, one.columns[-3:], "", natural(known.columns[one.columns[0]]),
             steady(known, free=(axis.name,)))
        for one in years
    ]  # fmt: skip


def _of_families(known: Shape, groups: list[Family], home: str) -> list[Spec]:
    axis, found = _axis(known), []
    for one in groups:
        agg = natural(known.columns[one.columns[0]])
        if one.unit == "%" and axis is not None and len(one.columns) <= MOST_BARS:
            kept = steady(known, free=(axis.name,))
            found.append(Spec("shares", axis.name, one.columns, "", agg, kept))
        place = one_place(known, home)
        kept = (*steady(known, free=("level",) if place else ()), *place)
        found.append(Spec("groups", "", one.columns, "", agg, kept))
    return found


def _ranked(known: Shape, main: Column | None) -> list[Spec]:
    axis = _axis(known)
    if axis is None or main is None:
        return []
    kept = steady(known, free=(axis.name,))
    return [Spec("bars", axis.name, (main.name,), "", natural(main), kept)]


def _clouds(known: Shape, main: Column | None) -> list[Spec]:
    others = [
        one for one in known.of("measure")
        if main is not None and one.unit != main.unit and one.distinct >= ENOUGH_POINTS
        and not (one.counts and main.counts)
    ]  # fmt: skip
    if main is None or not others or known.rows < ENOUGH_POINTS:
        return []
    level = finest_level(known) if known.level is not None else None
    kept = steady(known, level=level)
    return [Spec("scatter", "", (main.name, others[0].name), "", "avg", kept)]


def _counted(known: Shape) -> list[Spec]:
    if known.of("measure"):
        return []
    return [
        Spec("bars", one.name, (), "", "count", ())
        for one in known.of("category", "place")
        if 2 <= one.distinct <= MOST_BARS * 10
    ][:1]
