"""Every column drawn small: how its values are spread, how many are empty, and the same in words.

From the profile that each version keeps, and one query for the histograms of its numbers.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from duckdb import Error as DuckDBError
from markupsafe import Markup

from moulouya.duck import identifier
from moulouya.errors import LakeError
from moulouya.portal.drawing import scales
from moulouya.portal.drawing.svg import element, fitted, group, label, picture
from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language
from moulouya.portal.published import Catalogue, PublishedDataset, Record, report
from moulouya.portal.reading import TooSlow, table_name, tables

BINS = 20
MOST_BARS = 4
MOST_COLUMNS = 400
WIDTH, HEIGHT = 160.0, 44.0
ROW = 20.0
SECONDS = 3.0
EPOCH = dt.date(1970, 1, 1)
log = structlog.get_logger("moulouya.portal")
Histogram = tuple[int, ...]


@dataclass(frozen=True)
class Small:
    """A column's picture, the same in words, and what is worth writing below the picture."""

    svg: Markup
    words: str
    caption: str


_pictures: Kept[Mapping[str, Small]] = Kept(512)
_histograms: Kept[Mapping[str, Histogram]] = Kept(512)


def of(catalogue: Catalogue, dataset: PublishedDataset, language: Language) -> Mapping[str, Small]:
    """The small pictures of a dataset's columns by name; columns without one are left out."""
    key = (dataset.sha256, language.code)
    return _pictures.get(key, lambda: _draw(catalogue, dataset, language))


def _draw(catalogue: Catalogue, dataset: PublishedDataset, language: Language) -> dict[str, Small]:
    profile = _profile(dataset)
    columns = [one for one in dataset.record["columns"] if one["name"] in profile]
    columns = columns[:MOST_COLUMNS]
    spread = histograms(catalogue, dataset)
    found = {}
    for column in columns:
        name = column["name"]
        told = dataset.definition["columns"][name]
        made = _one(column, told, profile[name], spread.get(name, ()), dataset.rows, language)
        if made is not None:
            found[name] = made
    return found


def _profile(dataset: PublishedDataset) -> dict[str, Record]:
    """What is known of each column: its profile, or what every version says of its columns."""
    kept = report(dataset, "profile.json").get("columns")
    if kept:
        return dict(kept)
    return {one["name"]: _from_record(one) for one in dataset.record["columns"]}


def _from_record(column: Record) -> Record:
    found: dict[str, float] = {
        "nulls": column.get("nulls") or 0,
        "distinct": column.get("distinct") or 0,
    }
    if column["type"].partition("(")[0] in ("integer", "number", "decimal"):
        for end in ("min", "max"):
            if column.get(end) is not None:
                found[end] = float(column[end])
    return found


def histograms(catalogue: Catalogue, dataset: PublishedDataset) -> Mapping[str, Histogram]:
    """How many rows lie in each of up to 20 equal steps, for every column of numbers or days."""
    return _histograms.get(dataset.sha256, lambda: _histograms_of(catalogue, dataset))


def _histograms_of(catalogue: Catalogue, dataset: PublishedDataset) -> dict[str, Histogram]:
    profile = _profile(dataset)
    wanted = {
        one["name"]: _steps(one, profile[one["name"]])
        for one in dataset.record["columns"][:MOST_COLUMNS]
        if one["name"] in profile
    }
    steps = {name: step for name, step in wanted.items() if step is not None}
    if not steps:
        return {}
    parts = []
    for low, width, value, bins in steps.values():
        last = bins - 1
        at = f"least({last}, greatest(0, CAST(floor(({value} - {low!r}) / {width!r}) AS INTEGER)))"
        parts.append(f"histogram(CASE WHEN isfinite({value}) THEN {at} END)")
    try:
        with tables(catalogue, [dataset], SECONDS) as con:
            row = con.execute(f"SELECT {', '.join(parts)} FROM {table_name(dataset)}").fetchone()
    except (LakeError, TooSlow, DuckDBError) as error:
        log.warning("no histograms", dataset=dataset.slug, reason=str(error))
        return {}
    assert row is not None, "an aggregate gives one row"
    return {
        name: tuple((counted or {}).get(index, 0) for index in range(step[3]))
        for (name, step), counted in zip(steps.items(), row, strict=True)
    }


def _steps(column: Record, profile: Record) -> tuple[float, float, str, int] | None:
    """Where the first step begins, how wide each is, SQL for the value, and how many there are."""
    base = column["type"].partition("(")[0]
    if base not in ("integer", "number", "decimal", "date", "datetime"):
        return None
    ends = (profile.get("min"), profile.get("max"))
    if not all(isinstance(one, (int, float)) and math.isfinite(one) for one in ends):
        # An infinity among the values: the middle ninety per cent say where most lie.
        quantiles = profile.get("quantiles") or []
        ends = (quantiles[0], quantiles[-1]) if quantiles else (None, None)
    low, high = ends
    if low is None or high is None or not high > low or not math.isfinite(high - low):
        return None
    name = identifier(column["name"])
    timed = base in ("date", "datetime")
    value = f"(epoch({name}) / 86400)" if timed else f"CAST({name} AS DOUBLE)"
    bins = BINS
    if base == "integer" and high - low < BINS:
        bins = int(high - low) + 1
        return float(low) - 0.5, 1.0, value, bins
    width = (high - low) / bins
    return (float(low), width, value, bins) if width > 0 else None


def _one(
    column: Record, told: Record, profile: Record, spread: Histogram, rows: int, language: Language
) -> Small | None:
    nulls = int(profile.get("nulls") or 0)
    empty = _empty(nulls, rows, language)
    if not rows or nulls >= rows:
        return Small(Markup(""), empty, empty) if rows else None
    if sum(spread):
        return _histogram(column, profile, spread, nulls, empty, language)
    shares = profile.get("categories")
    if "true" in profile and profile["true"] is not None:
        yes = float(profile["true"])
        shares = {language.text("yes"): yes, language.text("no"): 1 - yes}
    if shares:
        return _bars(told, shares, int(profile.get("distinct") or len(shares)), empty, language)
    if profile.get("distinct") == 1 and "min" in profile:
        words = _joined(language.text("always the same value"), empty)
        return Small(Markup(""), words, words)
    if profile.get("distinct"):
        words = language.count(
            "%(n)s different value", "%(n)s different values", int(profile["distinct"])
        )
        words = _joined(words, empty)
        return Small(Markup(""), words, words)
    return Small(Markup(""), empty, empty) if empty else None


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _empty(nulls: int, rows: int, language: Language) -> str:
    if not nulls:
        return ""
    if nulls >= rows:
        return language.text("every value is empty")
    share = language.percent(max(nulls / rows, 0.001))
    return language.text("%(share)s empty", share=share)


def _end(value: float, column: Record, language: Language) -> str:
    if column["type"] in ("date", "datetime"):
        try:
            return (EPOCH + dt.timedelta(days=math.floor(value))).isoformat()
        except OverflowError:
            return ""
    years = column["type"] == "integer" and abs(value) < 10_000
    return scales.number(value, language, years=years)


def _histogram(
    column: Record, profile: Record, spread: Histogram, nulls: int, empty: str, language: Language
) -> Small:
    """Steps from the lowest value at the left; a hatched step at the end for empty values."""
    high = max(*spread, nulls)
    room = WIDTH - (14 if nulls else 0)
    wide = room / len(spread)
    parts = []
    for index, number in enumerate(spread):
        if number:
            tall = max(1.5, HEIGHT * number / high)
            parts.append(
                element("rect", x=index * wide, y=HEIGHT - tall, width=max(wide - 1, 0.8),
                        height=tall)
            )  # fmt: skip
    drawn = [group(parts, class_="s0"), element(
        "line", x1=0, x2=room - 1, y1=HEIGHT, y2=HEIGHT, class_="zero"
    )]  # fmt: skip
    if nulls:
        tall = max(1.5, HEIGHT * nulls / high)
        drawn.append(
            element("rect", x=WIDTH - 9, y=HEIGHT - tall, width=9, height=tall, class_="empty")
        )
    ends = [profile.get("min"), profile.get("max")]
    words = ""
    if all(isinstance(one, (int, float)) and math.isfinite(one) for one in ends):
        low, top = (_end(float(one), column, language) for one in ends if one is not None)
        drawn.append(label(0, HEIGHT + 13, low, class_="tick"))
        drawn.append(label(room, HEIGHT + 13, top, anchor="right", class_="tick"))
        words = language.text("from %(low)s to %(high)s", low=low, high=top)
    caption = _joined(_middle_half(profile, column, language), empty)
    words = _joined(words, caption)
    name = language.text("How the values are spread: %(words)s", words=words)
    return Small(picture(drawn, WIDTH, HEIGHT + 17, name, class_="small"), words, caption)


def _middle_half(profile: Record, column: Record, language: Language) -> str:
    """Between which values the middle half of the rows lies."""
    quantiles = profile.get("quantiles") or []
    if len(quantiles) != 5 or not quantiles[1] < quantiles[3]:
        return ""
    low, high = (_end(float(one), column, language) for one in (quantiles[1], quantiles[3]))
    return language.text("half of the rows lie from %(low)s to %(high)s", low=low, high=high)


def _bars(
    told: Record, shares: Mapping[str, float], distinct: int, empty: str, language: Language
) -> Small:
    """The most frequent values, each with its bar; the others together."""
    meanings = told.get("values") or {}
    ordered = sorted(shares.items(), key=lambda one: -one[1])
    if distinct == len(ordered) and len(ordered) > MOST_BARS and ordered[0][1] == ordered[-1][1]:
        words = language.count("%(n)s different value", "%(n)s different values", distinct)
        words = _joined(words, empty)
        return Small(Markup(""), words, words)
    shown = [
        ((meanings.get(value) or {}).get(language.code, value), share)
        for value, share in ordered[:MOST_BARS]
    ]
    others = distinct - len(shown)
    if others > 0:
        rest = max(0.0, 1 - sum(share for _, share in shown))
        words = language.count("%(n)s other value", "%(n)s other values", others)
        shown.append((words, rest))
    rtl = language.dir == "rtl"
    side, far = ("right", "left") if rtl else ("left", "right")
    parts, said = [], []
    for place, (name, share) in enumerate(shown):
        y = place * ROW
        tall, wide = 3.0, max(1.0, WIDTH * share)
        x = WIDTH - wide if rtl else 0
        text = language.percent(share)
        said.append(f"{name} {text}")
        room = WIDTH - 44
        parts.append(
            label(WIDTH if rtl else 0, y + 11, fitted(name, room, 11), anchor=side, class_="tick")
        )
        parts.append(label(0 if rtl else WIDTH, y + 11, text, anchor=far, class_="tick"))
        other = place >= MOST_BARS
        parts.append(
            element("rect", x=x, y=y + 14, width=wide, height=tall,
                    class_="rest" if other else "s0")
        )  # fmt: skip
    words = _joined(language.joined(said), empty)
    name = language.text("How often each value is found: %(words)s", words=words)
    return Small(picture(parts, WIDTH, len(shown) * ROW, name, class_="small"), words, empty)
