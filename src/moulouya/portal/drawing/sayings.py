"""What a chart shows, said in a sentence or two: the highest, the lowest, the change."""

from __future__ import annotations

from moulouya.portal.drawing.charts import value_text, with_unit
from moulouya.portal.drawing.figures import Figures, Series
from moulouya.portal.drawing.naming import split
from moulouya.portal.drawing.shape import Column, Shape
from moulouya.portal.drawing.spec import AGGREGATES
from moulouya.portal.languages import N_, Language

CLEAR = 0.5
FEW = 8


def chart_title(figures: Figures, known: Shape, language: Language) -> str:
    """What the chart is of."""
    spec = figures.spec
    titles = [known.columns[name].title for name in spec.y]
    if spec.kind == "pyramid":
        return language.text("Ages of men and women")
    if spec.agg == "count" or not titles:
        column = known.columns[spec.x].title if spec.x else ""
        return language.text("Rows by: %(column)s", column=column)
    if spec.kind == "scatter":
        return language.text("%(one)s and %(other)s", one=titles[0], other=titles[1])
    shared, _ = split(titles)
    if shared:
        return shared
    if len(titles) > 2:
        return language.text("%(first)s … %(last)s", first=titles[0], last=titles[-1])
    return language.joined(titles)


def rows_shown(figures: Figures, known: Shape, names: dict[str, str], language: Language) -> str:
    """Of which rows the chart is, from its filters; ``names`` are those of places by code."""
    said = []
    for name, value in figures.spec.filters:
        column = known.columns.get(name.partition("__")[0])
        if column is None:
            continue
        # The name of a place says that it is a place.
        known_place = names.get(value)
        meant = column.meaning(value)
        said.append(
            known_place or language.text("%(name)s: %(value)s", name=column.title, value=meant)
        )
    if figures.merged and figures.spec.agg in AGGREGATES:
        way = language.text(AGGREGATES[figures.spec.agg])
        said.append(language.text("several rows put together: %(way)s", way=way))
    return " · ".join(said)


def sentence(figures: Figures, known: Shape, language: Language) -> str:
    """What is seen."""
    if not figures.values or not figures.labels:
        return language.text("No row has a value to draw.")
    kind = figures.spec.kind
    said = []
    if kind == "line":
        said = [_change(figures, one, language) for one in figures.series]
    elif kind == "scatter":
        said = [_together(figures, language)]
    elif kind == "pyramid":
        said = [_largest_part(figures, one, language) for one in figures.series]
    elif kind == "shares":
        said = [_spread(figures, language)]
    else:
        said = [_ends(figures, figures.series[-1], language)]
    if figures.left_out:
        said.append(_rest(figures, language))
    return " ".join(one for one in said if one)


def _told(figures: Figures, value: float, language: Language) -> str:
    return with_unit(value_text(figures, value, language), figures.unit)


def _pairs(figures: Figures, series: Series) -> list[tuple[float, str]]:
    return [(value, name) for value, name in zip(series.values, figures.labels, strict=True)
            if value is not None]  # fmt: skip


def _ends(figures: Figures, series: Series, language: Language) -> str:
    pairs = _pairs(figures, series)
    if not pairs:
        return ""
    (high, highest), (low, lowest) = (
        max(pairs, key=lambda one: one[0]),
        min(pairs, key=lambda one: one[0]),
    )
    told = {"highest": highest, "high": _told(figures, high, language)}
    if len(pairs) == 1 or high == low:
        if len(pairs) > 1:
            return language.text("All have the same value: %(high)s.", high=told["high"])
        return language.text("%(highest)s: %(high)s.", **told)
    before = f"{series.title} — " if len(figures.series) > 1 else ""
    if figures.left_out:
        return before + language.text("Highest: %(highest)s, %(high)s.", **told)
    return before + language.text(
        "Highest: %(highest)s, %(high)s. Lowest: %(lowest)s, %(low)s.",
        **told,
        lowest=lowest,
        low=_told(figures, low, language),
    )


def _largest_part(figures: Figures, series: Series, language: Language) -> str:
    pairs = _pairs(figures, series)
    if not pairs:
        return ""
    high, name = max(pairs, key=lambda one: one[0])
    return language.text(
        "%(part)s: the largest group is %(name)s, with %(value)s.",
        part=series.title,
        name=name,
        value=_told(figures, high, language),
    )


def _spread(figures: Figures, language: Language) -> str:
    """Which part differs most between the bars."""
    spans = []
    for series in figures.series:
        pairs = _pairs(figures, series)
        if pairs:
            top, bottom = max(pairs), min(pairs)
            spans.append((top[0] - bottom[0], series.title, top, bottom))
    if not spans:
        return ""
    _, part, (high, highest), (low, lowest) = max(spans, key=lambda one: one[0])
    if highest == lowest:
        return _largest_row(figures, language)
    return language.text(
        "%(part)s differs most: from %(low)s in %(lowest)s to %(high)s in %(highest)s.",
        part=part,
        low=_told(figures, low, language),
        lowest=lowest,
        high=_told(figures, high, language),
        highest=highest,
    )


def _largest_row(figures: Figures, language: Language) -> str:
    values = [(one.values[0], one.title) for one in figures.series if one.values[0] is not None]
    high, name = max(values, key=lambda one: one[0] or 0)
    told = _told(figures, high or 0, language)
    return language.text("%(highest)s: %(high)s.", highest=name, high=told)


def _change(figures: Figures, series: Series, language: Language) -> str:
    pairs = _pairs(figures, series)
    if len(pairs) < 2:
        return ""
    (first, since), (last, until) = pairs[0], pairs[-1]
    before = f"{series.title} — " if len(figures.series) > 1 else ""
    told = language.text(
        "From %(first)s (%(since)s) to %(last)s (%(until)s).",
        first=_told(figures, first, language),
        since=since,
        last=_told(figures, last, language),
        until=until,
    )
    return before + told


def _together(figures: Figures, language: Language) -> str:
    """Whether two measures rise together, by the correlation of their ranks."""
    one, other = figures.series
    clear = _ranks_agree([v or 0.0 for v in one.values], [v or 0.0 for v in other.values])
    if len(one.values) < FEW or abs(clear) < CLEAR:
        return language.text("No clear link between the two shows.")
    words = N_("Where the first is higher, the second is mostly higher too.")
    if clear < 0:
        words = N_("Where the first is higher, the second is mostly lower.")
    return language.text(words) + " " + language.text("This alone does not say why.")


def _ranks_agree(xs: list[float], ys: list[float]) -> float:
    """Spearman's rank correlation, from -1 to 1; 0 where one of the two never changes."""
    first, second = _ranks(xs), _ranks(ys)
    middle = (len(xs) + 1) / 2
    above = sum((a - middle) * (b - middle) for a, b in zip(first, second, strict=True))
    spread = [sum((a - middle) ** 2 for a in ranks) for ranks in (first, second)]
    return above / (spread[0] * spread[1]) ** 0.5 if all(spread) else 0.0


def _ranks(values: list[float]) -> list[float]:
    order = sorted(range(len(values)), key=lambda index: values[index])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for index in order[start : end + 1]:
            ranks[index] = (start + end) / 2 + 1
        start = end + 1
    return ranks


def _rest(figures: Figures, language: Language) -> str:
    number = figures.left_out
    if figures.spec.kind == "scatter":
        return language.count(
            "%(n)s more row is not drawn.", "%(n)s more rows are not drawn.", number
        )
    if figures.rest is not None:
        return language.count(
            "%(n)s more is not drawn; its total is %(sum)s.",
            "%(n)s more are not drawn; their total is %(sum)s.",
            number,
            sum=_told(figures, figures.rest, language),
        )
    return language.count("%(n)s more is not drawn.", "%(n)s more are not drawn.", number)


def measure_title(column: Column) -> str:
    """A measure with its unit."""
    return f"{column.title} ({column.unit_words})" if column.unit_words else column.title
