"""Charts as SVG: bars, groups, stacked shares, lines, pyramids and clouds of points.

In a language written from right to left, bars of categories grow from the right. Axes of time and
of two measures run from left to right in every language, as digits do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from moulouya.portal.drawing import scales
from moulouya.portal.drawing.figures import Figures
from moulouya.portal.drawing.svg import (
    element,
    fitted,
    group,
    label,
    picture,
    text_width,
    title,
)
from moulouya.portal.languages import Language

WIDTH = 340.0
BAR = 15.0
ROW = 24.0
THIN = 11.0
TEXT = 13.0
SERIES = 8
ONE_MARK = 0.5


def draw(figures: Figures, name: str, description: str, language: Language) -> Markup:
    """The chart as an SVG element, or an empty text where there is nothing to draw."""
    if not figures.values or not figures.labels:
        return Markup("")
    parts, height = _DRAWN[figures.spec.kind](figures, language)
    return picture(parts, WIDTH, height, name, description)


def digits(figures: Figures) -> int:
    """With how many decimals the values of a chart are written."""
    values = figures.values
    if not values or max(map(abs, values)) >= 10_000:
        return 0
    return min(2 if figures.spec.agg in ("avg", "median") and figures.raw_unit != "%" else 1,
               scales.decimals(values))  # fmt: skip


def value_text(figures: Figures, value: float | None, language: Language) -> str:
    """A value of a chart as it is written; without a value, a dash."""
    if value is None:
        return "–"
    if abs(value) < 1e15 and figures.raw_unit == "%":
        return scales.number(value, language, 1)
    return scales.number(value, language, digits(figures))


def with_unit(text: str, unit: str) -> str:
    """A value and its unit; the per cent sign and its like stand close."""
    return f"{text}\N{NO-BREAK SPACE}{unit}" if unit else text


class _Sheet:
    """Places on a sheet that is turned over for languages written from the right."""

    def __init__(self, rtl: bool) -> None:
        self.rtl = rtl

    def x(self, value: float) -> float:
        return WIDTH - value if self.rtl else value

    def anchor(self, side: str) -> str:
        """``start`` and ``end`` in the direction of reading, as sides of the page."""
        if side == "middle":
            return "middle"
        return "right" if (side == "end") != self.rtl else "left"

    def bar(self, start: float, end: float, y: float, height: float, class_: str,
            said: str) -> Markup:  # fmt: skip
        low, high = sorted((self.x(start), self.x(end)))
        if high - low < ONE_MARK:
            low -= (ONE_MARK - high + low) * (self.rtl == (start <= end))
        return element(
            "rect", title(said), x=low, y=y, width=max(high - low, ONE_MARK), height=height,
            class_=class_,
        )  # fmt: skip


def _legend(names: Sequence[str], sheet: _Sheet, top: float = 4.0) -> tuple[list[Markup], float]:
    """Names of series with their colours, in as many lines as they need; and where they end."""
    parts: list[Markup] = []
    x, y = 0.0, top
    for index, name in enumerate(names):
        shown = fitted(name, WIDTH - 24, TEXT)
        wide = text_width(shown, TEXT) + 36
        if x and x + wide > WIDTH:
            x, y = 0.0, y + 19
        parts.append(_swatch(sheet.x(x + 6), y + 6, index))
        parts.append(
            label(sheet.x(x + 17), y + 10.5, shown, anchor=sheet.anchor("start"), class_="legend")
        )
        x += wide
    return parts, y + 24


def _swatch(middle: float, y: float, index: int) -> Markup:
    return element(
        "rect", x=middle - 6, y=y - 6, width=12, height=12, rx=2, class_=f"s{index % SERIES}"
    )


def _grid(marks: Sequence[float], at: Callable[[float], float], top: float, bottom: float,
          figures: Figures, language: Language, sheet: _Sheet) -> list[Markup]:  # fmt: skip
    """Upright lines with their numbers below, for bars that lie."""
    parts = []
    room = WIDTH
    for mark in marks:
        x = sheet.x(at(mark))
        parts.append(element("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
        text = scales.short(mark, language, marks)
        half = text_width(text, 12) / 2
        middle = min(max(x, half), WIDTH - half)
        if abs(middle - room) >= half * 2 + 6 or mark == marks[0]:
            parts.append(label(middle, bottom + 15, text, anchor="middle", class_="tick"))
            room = middle
    unit = figures.unit
    if unit:
        parts.append(
            label(WIDTH / 2, bottom + 33, fitted(unit, WIDTH, 12), anchor="middle", class_="axis")
        )
    return parts


def _lying(figures: Figures, language: Language) -> tuple[list[Markup], float]:
    """Bars that lie, one or several for each category."""
    sheet = _Sheet(language.dir == "rtl")
    several = len(figures.series)
    texts = [[value_text(figures, value, language) for value in part.values]
             for part in figures.series]  # fmt: skip
    wide = min(max(text_width(one, TEXT) for one in figures.labels) + 8, 136.0)
    after = max(text_width(one, 12) for part in texts for one in part) + 8
    marks = scales.from_zero(figures.values, 3)
    below = after if marks[0] < 0 else 0.0
    axis = scales.Axis(marks, wide + below, WIDTH - wide - after - below)
    parts, top = _legend([part.title for part in figures.series], sheet) if several > 1 else ([], 4)
    thick = BAR if several == 1 else THIN
    row = ROW if several == 1 else several * (THIN + 1) + 9
    bottom = top + row * len(figures.labels)
    drawn = _grid(marks, axis.at, top, bottom, figures, language, sheet)
    for place, name in enumerate(figures.labels):
        y = top + place * row + (row - several * (thick + (several > 1))) / 2
        middle = top + place * row + row / 2 + 4.5
        shown = fitted(name, wide - 8, TEXT)
        drawn.append(label(sheet.x(wide - 6), middle, shown, anchor=sheet.anchor("end")))
        for index, part in enumerate(figures.series):
            value = part.values[place]
            if value is None:
                continue
            text = texts[index][place]
            said = f"{name}: {with_unit(text, figures.unit)}"
            said = f"{part.title} — {said}" if several > 1 else said
            at = y + index * (thick + 1)
            drawn.append(
                sheet.bar(axis.at(0), axis.at(value), at, thick, f"s{index % SERIES}", said)
            )
            back = value < 0
            drawn.append(
                label(sheet.x(axis.at(value) + (-5 if back else 5)), at + thick / 2 + 4.2, text,
                      anchor=sheet.anchor("end" if back else "start"), class_="value")
            )  # fmt: skip
    zero = sheet.x(axis.at(0))
    drawn.append(element("line", x1=zero, x2=zero, y1=top, y2=bottom, class_="zero"))
    return [*parts, *drawn], bottom + (40 if figures.unit else 22)


def _stacked(figures: Figures, language: Language) -> tuple[list[Markup], float]:
    """One bar for each category, its parts one after another."""
    if any(value < 0 for value in figures.values):
        return _lying(figures, language)
    sheet = _Sheet(language.dir == "rtl")
    parts, top = _legend([part.title for part in figures.series], sheet)
    wide = min(max(text_width(one, TEXT) for one in figures.labels) + 8, 136.0)
    sums = [sum(one or 0 for one in row)
            for row in zip(*(part.values for part in figures.series), strict=True)]  # fmt: skip
    marks = [0.0, 25.0, 50.0, 75.0, 100.0] if figures.whole else scales.from_zero(sums, 4)
    axis = scales.Axis(marks, wide, WIDTH - wide - 12)
    bottom = top + ROW * len(figures.labels)
    drawn = _grid(marks, axis.at, top, bottom, figures, language, sheet)
    for place, name in enumerate(figures.labels):
        y = top + place * ROW + (ROW - 17) / 2
        shown = fitted(name, wide - 8, TEXT)
        drawn.append(label(sheet.x(wide - 6), y + 13, shown, anchor=sheet.anchor("end")))
        start = 0.0
        for index, part in enumerate(figures.series):
            value = part.values[place] or 0.0
            if value <= 0:
                continue
            text = value_text(figures, value, language)
            said = f"{name} — {part.title}: {with_unit(text, figures.unit)}"
            low, high = axis.at(start), axis.at(start + value)
            drawn.append(sheet.bar(low, high, y, 17, f"s{index % SERIES} part", said))
            if high - low > text_width(text, 11) + 5:
                drawn.append(
                    label(sheet.x((low + high) / 2), y + 12.6, text, anchor="middle",
                          class_=f"on{index % SERIES}")
                )  # fmt: skip
            start += value
    return [*parts, *drawn], bottom + (40 if figures.unit else 22)


def _pyramid(figures: Figures, language: Language) -> tuple[list[Markup], float]:
    """Two rows of bars back to back, the youngest at the bottom."""
    sheet = _Sheet(language.dir == "rtl")
    first, second = figures.series
    wide = min(max(text_width(one, 11) for one in figures.labels) + 10, 120.0)
    side = (WIDTH - wide) / 2
    high = max([abs(one) for one in figures.values], default=1.0)
    marks = scales.ticks(0, high, 3)
    axis = scales.Axis(marks, 0, side - 10)
    row, top = 18.0, 26.0
    bottom = top + row * len(figures.labels)
    drawn: list[Markup] = []
    for mark in marks:
        for x in (side - axis.at(mark), WIDTH - side + axis.at(mark)):
            at = sheet.x(x)
            drawn.append(element("line", x1=at, x2=at, y1=top, y2=bottom, class_="grid"))
            drawn.append(
                label(at, bottom + 15, scales.short(mark, language, marks), anchor="middle",
                      class_="tick")
            )  # fmt: skip
    for index, (part, x) in enumerate(((first, side / 2), (second, WIDTH - side / 2))):
        drawn.append(
            label(sheet.x(x), 15, fitted(part.title, side, TEXT), anchor="middle", class_="side")
        )
        for place, name in enumerate(figures.labels):
            value = part.values[place]
            if value is None:
                continue
            y = bottom - (place + 1) * row
            length = axis.at(max(0.0, value))
            start = side if index == 0 else WIDTH - side
            end = start - length if index == 0 else start + length
            text = with_unit(value_text(figures, value, language), figures.unit)
            said = f"{part.title} — {name}: {text}"
            drawn.append(sheet.bar(start, end, y + 1.5, row - 3, f"s{index}", said))
    for place, name in enumerate(figures.labels):
        y = bottom - place * row - 5
        drawn.append(label(WIDTH / 2, y, fitted(name, wide - 4, 11), anchor="middle", class_="age"))
    if figures.unit:
        drawn.append(
            label(WIDTH / 2, bottom + 33, fitted(figures.unit, WIDTH, 12), anchor="middle",
                  class_="axis")
        )  # fmt: skip
    return drawn, bottom + (40 if figures.unit else 22)


def _upright(marks: Sequence[float], top: float, bottom: float, language: Language,
             unit: str) -> tuple[list[Markup], scales.Axis, float]:  # fmt: skip
    """The axis of values at the left, its lines across, and its unit above it."""
    texts = [scales.short(mark, language, marks) for mark in marks]
    left = max(text_width(one, 12) for one in texts) + 10
    axis = scales.Axis(marks, top, bottom - top, flipped=True)
    parts = []
    for mark, text in zip(marks, texts, strict=True):
        y = axis.at(mark)
        parts.append(element("line", x1=left, x2=WIDTH, y1=y, y2=y, class_="grid"))
        parts.append(label(left - 6, y + 4, text, anchor="right", class_="tick"))
    if unit:
        rtl = language.dir == "rtl"
        parts.append(
            label(WIDTH if rtl else 0, top - 12, fitted(unit, WIDTH, 12),
                  anchor="right" if rtl else "left", class_="axis")
        )  # fmt: skip
    return parts, axis, left


def _line(figures: Figures, language: Language) -> tuple[list[Markup], float]:
    """Values over time, a mark at each moment where there are few."""
    sheet = _Sheet(language.dir == "rtl")
    several = len(figures.series) > 1
    parts, top = _legend([one.title for one in figures.series], sheet) if several else ([], 4.0)
    top += 24 if figures.unit else 6
    bottom = top + 190
    low, high = min(figures.values), max(figures.values)
    # A line may leave zero out where its changes would vanish, bars never.
    marks = scales.ticks(0 if 0 <= low < high * 0.6 or low == high else low, high, 4)
    drawn, axis, left = _upright(marks, top, bottom, language, figures.unit)
    moments = [float(key) for key in figures.keys]
    span = scales.Axis(_ends(moments), left + 8, WIDTH - left - 20)
    last = -WIDTH
    for moment, name in zip(moments, figures.labels, strict=True):
        x = span.at(moment)
        half = text_width(name, 12) / 2
        middle = min(max(x, half), WIDTH - half)
        if middle - half > last + 8:
            drawn.append(label(middle, bottom + 17, name, anchor="middle", class_="tick"))
            last = middle + half
    for index, one in enumerate(figures.series):
        points = [(span.at(moment), axis.at(value), value, name)
                  for moment, value, name in zip(moments, one.values, figures.labels, strict=True)
                  if value is not None]  # fmt: skip
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _, _ in points)
        if len(points) > 1:
            drawn.append(element("path", title(one.title), d=path, class_=f"l{index % SERIES}"))
        for x, y, value, name in points if len(points) <= 40 else []:
            text = with_unit(value_text(figures, value, language), figures.unit)
            said = f"{one.title} — {name}: {text}"
            drawn.append(
                element("circle", title(said), cx=x, cy=y, r=3.5, class_=f"s{index % SERIES}")
            )
    return [*parts, *drawn], bottom + 26


def _ends(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [low, high] if high > low else [low - 1, high + 1]


def _scatter(figures: Figures, language: Language) -> tuple[list[Markup], float]:
    """A point for each row: the first measure from left to right, the second upwards."""
    across, up = figures.series
    xs = [one or 0.0 for one in across.values]
    ys = [one or 0.0 for one in up.values]
    top, bottom = 28.0, 300.0
    marks = scales.ticks(min(ys), max(ys), 5)
    drawn, axis, left = _upright(marks, top, bottom, language, up.title)
    steps = scales.ticks(min(xs), max(xs), 4)
    span = scales.Axis(steps, left + 6, WIDTH - left - 22)
    for mark in steps:
        x = span.at(mark)
        drawn.append(element("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
        text = scales.short(mark, language, steps)
        drawn.append(label(x, bottom + 16, text, anchor="middle", class_="tick"))
    drawn.append(
        label((left + WIDTH) / 2, bottom + 34, fitted(across.title, WIDTH - left, 12),
              anchor="middle", class_="axis")
    )  # fmt: skip
    dots = []
    for name, x, y in zip(figures.labels, xs, ys, strict=True):
        said = f"{name}: {scales.number(x, language)} · {scales.number(y, language)}"
        dots.append(element("circle", title(said), cx=span.at(x), cy=axis.at(y), r=4))
    return [*drawn, group(dots, class_="dots")], bottom + 42


_DRAWN: dict[str, Callable[[Figures, Language], tuple[list[Markup], float]]] = {
    "bars": _lying,
    "groups": _lying,
    "shares": _stacked,
    "pyramid": _pyramid,
    "line": _line,
    "scatter": _scatter,
}
