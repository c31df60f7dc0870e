"""Simulated datasets with two years of normal deliveries, and the ways in which one goes wrong.

Everything here is made up; the sizes and rhythms are those of public data: a census table, weekly
weather, monthly prices, live car parks, a register of facilities.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

PLACES = [
    ("Berkane", "بركان"), ("Saïdia", "السعيدية"), ("Ahfir", "أحفير"), ("Zegzel", "زكزل"),
    ("Oujda", "وجدة"), ("Nador", "الناظور"), ("Aklim", "أكليم"), ("Madagh", "مداغ"),
    ("Figuig", "فجيج"), ("Béni Drar", "بني درار"),
]  # fmt: skip
Frame = pd.DataFrame


@dataclass(frozen=True)
class World:
    """A dataset that is delivered again and again."""

    name: str
    columns: dict[str, str]
    key: list[str]
    deliveries: int
    first: Callable[[np.random.Generator], Frame]
    following: Callable[[np.random.Generator, Frame, int], Frame]


def _census(rng: np.random.Generator) -> Frame:
    rows = []
    for number in range(150):
        fr, ar = PLACES[number % len(PLACES)]
        people = int(rng.lognormal(9, 1))
        rows.append(
            (f"02.{number:03d}", f"{fr} {number}", f"{ar} {number}", people, round(people / 5, 1),
             round(float(rng.uniform(20, 60)), 1), str(rng.choice(["urban", "rural"])),
             34 + rng.uniform(0, 1.5), -3 + rng.uniform(0, 2))
        )  # fmt: skip
    names = ["code", "name_fr", "name_ar", "population", "households", "unemployment", "milieu",
             "lat", "lon"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _census_corrected(rng: np.random.Generator, table: Frame, _: int) -> Frame:
    table = table.copy()
    for row in rng.choice(len(table), rng.integers(0, 4), replace=False):
        table.loc[row, "population"] = int(table.loc[row, "population"] * rng.uniform(0.9, 1.1)) + 1
    return table


def _weather(rng: np.random.Generator, start: dt.date, days: int) -> Frame:
    rows = []
    for offset in range(days):
        day = start + dt.timedelta(days=offset)
        season = math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365)
        for station in range(8):
            rain = 0.0 if rng.random() < 0.85 else round(float(rng.gamma(1.2, 6)), 1)
            humidity = None if rng.random() < 0.01 else round(float(rng.normal(60, 12)), 1)
            degrees = round(18 + station * 0.3 - 9 * season + float(rng.normal(0, 2.5)), 1)
            rows.append((f"st{station}", day, degrees, rain, humidity))
    return pd.DataFrame(rows, columns=["station", "day", "temperature", "rain", "humidity"])


def _next_week(rng: np.random.Generator, table: Frame, number: int) -> Frame:
    new = _weather(rng, table.day.max() + dt.timedelta(days=1), 7)
    if number % 30 == 0:  # the office repairs some values
        table = table.copy()
        for row in rng.choice(len(table), 4, replace=False):
            table.loc[row, "temperature"] += 0.1
    return pd.concat([table, new], ignore_index=True)


def _prices_of(rng: np.random.Generator, months: range) -> Frame:
    usual = {"citrus": 6, "olive": 45, "tomato": 5, "wheat": 4, "potato": 4, "lamb": 95}
    rows = [
        (f"m{month:03d}", product, f"souk{souk}",
         round(price * (1 + 0.004 * month) * math.exp(rng.normal(0, 0.12)), 2))
        for month in months
        for product, price in usual.items()
        for souk in range(12)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["month", "product", "souk", "price"])


def _next_month(rng: np.random.Generator, table: Frame, _: int) -> Frame:
    done = table.month.nunique()
    return pd.concat([table, _prices_of(rng, range(done, done + 1))], ignore_index=True)


def _car_parks(rng: np.random.Generator) -> Frame:
    sizes = rng.integers(50, 800, 60)
    names = [f"Parking {PLACES[number % len(PLACES)][0]} {number}" for number in range(60)]
    table = pd.DataFrame({"id": [f"p{n}" for n in range(60)], "name": names, "capacity": sizes})
    return _parked(rng, table, 0)


def _parked(rng: np.random.Generator, table: Frame, _: int) -> Frame:
    table = table.copy()
    table["free"] = [int(size * rng.beta(2, 3)) for size in table.capacity]
    table["state"] = rng.choice(["open", "full", "closed"], len(table), p=[0.85, 0.1, 0.05])
    return table


def _facilities(rng: np.random.Generator, prefix: str = "f", number: int = 400) -> Frame:
    places = [PLACES[one % len(PLACES)] for one in range(number)]
    kinds = ["pharmacy", "clinic", "hospital", "doctor"]
    return pd.DataFrame(
        {
            "id": [f"{prefix}{one}" for one in range(number)],
            "name": [f"Centre de santé {fr} {one}" for one, (fr, _) in enumerate(places)],
            "name_ar": [
                f"مركز صحي {ar} {one}" if one % 4 else None for one, (_, ar) in enumerate(places)
            ],
            "kind": rng.choice(kinds, number, p=[0.5, 0.3, 0.05, 0.15]),
            "lat": 34 + rng.uniform(0, 1.5, number),
            "lon": -3 + rng.uniform(0, 2, number),
            "beds": [int(rng.gamma(2, 20)) if rng.random() < 0.4 else None for _ in range(number)],
        }
    )


def _registered(rng: np.random.Generator, table: Frame, number: int) -> Frame:
    closed = rng.choice(table.index, rng.integers(0, 4), replace=False)
    opened = _facilities(rng, f"n{number}_", int(rng.integers(1, 6)))
    table = pd.concat([table.drop(index=closed), opened], ignore_index=True)
    for row in rng.choice(len(table), rng.integers(0, 8), replace=False):
        table.loc[row, "name"] += "*"
    return table


WORLDS = (
    World(
        "census",
        {"code": "text", "name_fr": "text", "name_ar": "text", "population": "integer",
         "households": "number", "unemployment": "number", "milieu": "text", "lat": "number",
         "lon": "number"},
        ["code"], 8, _census, _census_corrected,
    ),
    World(
        "weather",
        {"station": "text", "day": "date", "temperature": "number", "rain": "number",
         "humidity": "number"},
        ["station", "day"], 104, lambda rng: _weather(rng, dt.date(2022, 1, 1), 400), _next_week,
    ),
    World(
        "prices",
        {"month": "text", "product": "text", "souk": "text", "price": "number"},
        ["month", "product", "souk"], 24, lambda rng: _prices_of(rng, range(24)), _next_month,
    ),
    World(
        "car_parks",
        {"id": "text", "name": "text", "capacity": "integer", "free": "integer", "state": "text"},
        ["id"], 730, _car_parks, _parked,
    ),
    World(
        "facilities",
        {"id": "text", "name": "text", "name_ar": "text", "kind": "text", "lat": "number",
         "lon": "number", "beds": "integer"},
        ["id"], 104, _facilities, _registered,
    ),
)  # fmt: skip


def mutants(rng: np.random.Generator, world: World, table: Frame) -> Iterator[tuple[str, Frame]]:
    """A good delivery, spoiled in one way each: what happened, and the table."""
    for share in (0.1, 0.2, 0.3, 0.5, 0.9):
        yield f"{share:.0%} of the rows are gone", table.sample(frac=1 - share, random_state=rng)
    yield "the file breaks off", table.head(int(len(table) * 0.7))
    kinds = world.columns.items()
    numbers = [c for c, kind in kinds if kind in ("integer", "number") and c not in ("lat", "lon")]
    texts = [c for c, kind in kinds if kind == "text" and c not in world.key]
    for column in numbers:
        digits = 3 if world.columns[column] == "number" else 0
        for factor in (1000, 100, 10, 0.1, 0.001):
            yield (
                f"{column} in another unit, {factor}",
                _set(table, column, 1, rng, lambda v, f=factor, d=digits: (v * f).round(d)),
            )
        yield (
            f"{column} in Fahrenheit",
            _set(table, column, 1, rng, lambda v: (v * 1.8 + 32).round(0)),
        )
        yield (
            f"{column} in thousands for some rows",
            _set(table, column, 0.3, rng, lambda v: (v * 1000).round(0)),
        )
        for share in (0.1, 0.2, 0.5):
            yield (
                f"{column} restated, {share:.0%}",
                _set(table, column, share, rng, lambda v: (v * 1.07 + 3).round(0)),
            )
    for column in numbers + texts:
        for share in (1.0, 0.5, 0.15):
            yield f"{column} empty, {share:.0%}", _set(table, column, share, rng, lambda v: None)
    for column in texts:
        for encoding in ("cp1252", "cp1256", "latin-1"):
            for share in (1.0, 0.3):
                spoiled = _set(
                    table, column, share, rng,
                    lambda v, e=encoding: v.map(lambda one: _misread(one, e)),
                )  # fmt: skip
                if list(spoiled[column]) != list(table[column]):  # ASCII reads the same
                    yield f"{column} read as {encoding}, {share:.0%}", spoiled
    if "lat" in world.columns:
        for share in (1.0, 0.3, 0.05):
            swapped = table.copy()
            rows = table.sample(frac=share, random_state=rng).index
            swapped.loc[rows, ["lat", "lon"]] = table.loc[rows, ["lon", "lat"]].to_numpy()
            yield f"coordinates swapped, {share:.0%}", swapped


def _misread(value: object, encoding: str) -> object:
    return value.encode().decode(encoding, "replace") if isinstance(value, str) else value


def _set(
    table: Frame,
    column: str,
    share: float,
    rng: np.random.Generator,
    change: Callable[[pd.Series], object],
) -> Frame:
    table = table.copy()
    rows = table.sample(frac=share, random_state=rng).index
    old = table.loc[rows, column]
    table[column] = table[column].astype(object)
    table.loc[rows, column] = change(old)
    return table


def spoiled_files(
    rng: np.random.Generator, world: World, table: Frame, following: Frame
) -> Iterator[tuple[str, bytes]]:
    """Deliveries that are spoiled as files, or in their new rows: what happened, and the bytes.

    ``following`` is the good delivery that would come after ``table``.
    """
    names = list(world.columns)
    numbers = [c for c in names if world.columns[c] in ("integer", "number")]
    whole = _csv(following)
    for share in (0.1, 1.0):
        again = following.sample(frac=share, random_state=rng)
        yield f"{share:.0%} of the rows are there twice", _csv(pd.concat([following, again]))
    for share in (0.3, 1.0):
        rows = following.sample(frac=share, random_state=rng).index
        shifted = following.astype(object)
        shifted.loc[rows] = np.roll(shifted.loc[rows].to_numpy(), 1, axis=1)
        yield f"the columns of {share:.0%} of the rows are shifted", _csv(shifted)
    for left, right in itertools.pairwise(numbers):
        exchanged = following.rename(columns={left: right, right: left})
        yield f"{left} and {right} stand under each other's header", _csv(exchanged[names])
    yield "the header is gone", whole.split(b"\n", 1)[1]
    yield "a column has another name", _csv(following.rename(columns={names[-1]: "remark"}))
    yield "the file breaks off inside a line", whole[: int(len(whole) * 0.6)]
    yield "there are no rows", whole.split(b"\n", 1)[0] + b"\n"
    yield "there is nothing", b""
    yield "an error page comes instead", b"<!DOCTYPE html><title>503</title><h1>Unavailable</h1>"
    yield "another delimiter", whole.replace(b",", b";")
    yield "UTF-16", whole.decode().encode("utf-16")
    for encoding in ("cp1252", "cp1256"):
        misread = whole.decode().encode().decode(encoding, "replace").encode()
        if misread != whole:
            yield f"the whole file was read as {encoding}", misread
            yield f"the file is {encoding} now", whole.decode().encode(encoding, "replace")
    for column in names:
        if world.columns[column] == "text" and table[column].nunique() <= 10:
            codes = {value: str(n) for n, value in enumerate(sorted(table[column].dropna()))}
            for what, change in (
                ("numbers", codes.get),
                ("capitals", str.upper),
                ("French", lambda one: f"{one}e"),
            ):
                recoded = following.copy()
                recoded[column] = [one if pd.isna(one) else change(one) for one in recoded[column]]
                if list(recoded[column]) != list(following[column]):
                    yield f"the codes of {column} are {what} now", _csv(recoded)
    comma = following.astype(object)
    decimals = [column for column in numbers if world.columns[column] == "number"]
    for column in decimals:
        comma[column] = [None if pd.isna(one) else f"{one}".replace(".", ",") for one in
                         following[column]]  # fmt: skip
    if decimals:
        yield "decimal commas", _csv(comma)
    yield from _spoiled_news(world, table, following, numbers)


def _spoiled_news(
    world: World, table: Frame, following: Frame, numbers: list[str]
) -> Iterator[tuple[str, bytes]]:
    """New rows that are wrong behind a good history: of a series that grows."""
    if len(following) - len(table) < 30:
        return
    new = following.index >= len(table)
    for column in numbers:
        if following[column].nunique() <= 10:
            continue
        typical = following[column].median()
        for what, change in (
            ("frozen", lambda values, one=typical: one),
            ("all empty", lambda values: None),
            ("100 times as large", lambda values: values * 100),
            ("a tenth", lambda values: (values / 10).round(2)),
        ):
            spoiled = following.astype(object)
            spoiled.loc[new, column] = change(following.loc[new, column])
            yield f"{column} of the new rows is {what}", _csv(spoiled)


def _csv(table: Frame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()
