"""The shape of a dataset for drawing: what each column is, and which belong together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language
from moulouya.portal.published import Catalogue, PublishedDataset, Record, report
from moulouya.portal.units import unit_words

# Values of a category that stand for all of its other values together.
TOTALS = ("total", "all", "both", "both_sexes", "ensemble", "tous", "_t", "t")
MEN = ("male", "men", "m", "homme", "hommes", "masculin")
WOMEN = ("female", "women", "f", "femme", "femmes", "féminin", "feminin")
LONGITUDES = ("longitude", "lon", "lng", "long", "x_lon")
LATITUDES = ("latitude", "lat", "y_lat")
MOST_CATEGORIES = 50
MOST_MEMBERS = 20
YEAR = re.compile(r"(^|_)(year|annee|an|sana)$")
NAMES = re.compile(r"^(.*_)?(name|label|nom|libelle)(_(ar|fr|en))?(_\d{4})?$")
OWN_NAMES = {"name", "name_ar", "name_fr", "name_en"}
AGE = re.compile(
    r"^(?P<prefix>(.*_)?age)_(under_\d+|(?P<low>\d{1,3})_(\d{1,3}|plus))(_(?P<end>\d{4}))?$"
)


@dataclass(frozen=True)
class Column:
    """A column as a drawing sees it.

    ``kind``: measure, category, time, place (a code that a table of names explains), name, position
    or other. ``counts`` is true for whole numbers that can be added up. ``values`` maps declared
    values to their meaning in the reader's language.
    """

    name: str
    title: str
    kind: str
    type: str
    unit: str
    unit_words: str
    values: Mapping[str, str]
    references: str
    counts: bool
    distinct: int
    top: float
    shares: Mapping[str, float]

    @property
    def total(self) -> str:
        """The declared value that means all the others together, or an empty text."""
        return next((value for value in self.values if value.lower() in TOTALS), "")

    def meaning(self, value: object) -> str:
        """What a value means to the reader."""
        return self.values.get(str(value), str(value))


@dataclass(frozen=True)
class Shape:
    """A dataset's columns by name, and those with a part to play."""

    columns: Mapping[str, Column]
    key: tuple[str, ...]
    rows: int

    def of(self, *kinds: str) -> list[Column]:
        """The columns of some kinds, in the table's order."""
        return [column for column in self.columns.values() if column.kind in kinds]

    @property
    def place(self) -> Column | None:
        """The column that says which place a row is about; one of the key first."""
        found = self.of("place")
        return next((one for one in found if one.name in self.key), found[0] if found else None)

    @property
    def level(self) -> Column | None:
        """The column that says what kind of place a row is about."""
        found = self.columns.get("level")
        return found if found is not None and found.values else None

    @property
    def sex(self) -> Column | None:
        """The column that tells men from women."""
        for column in self.of("category"):
            known = {value.lower() for value in column.values}
            if known & set(MEN) and known & set(WOMEN):
                return column
        return None

    @property
    def position(self) -> tuple[str, str] | None:
        """The columns of longitude and latitude."""
        lon = next((name for name in self.columns if name.lower() in LONGITUDES), None)
        lat = next((name for name in self.columns if name.lower() in LATITUDES), None)
        return (lon, lat) if lon and lat else None

    def name_column(self, language: Language) -> str:
        """The column with the names of what the rows are about, in the language if there is one."""
        wanted = [f"name_{language.code}", "name_fr", "name_en", "name_ar", "name", "label"]
        found = [name for name in wanted if name in self.columns]
        return found[0] if found else next((one.name for one in self.of("name")), "")


_shapes: Kept[Shape] = Kept(2048)


def shape(catalogue: Catalogue, dataset: PublishedDataset, language: Language) -> Shape:
    """The shape of a dataset in one language; it never changes within a release."""
    key = (dataset.sha256, catalogue.number, language.code)
    return _shapes.get(key, lambda: _shape(catalogue, dataset, language))


def _shape(catalogue: Catalogue, dataset: PublishedDataset, language: Language) -> Shape:
    profile = report(dataset, "profile.json").get("columns", {})
    definition = dataset.definition
    key = tuple(definition.get("key") or ())
    units = catalogue.region.get("units", {})
    found = {}
    for seen in dataset.record["columns"]:
        name = seen["name"]
        told = definition["columns"][name]
        described = profile.get(name, {})
        values = {
            str(value): meaning[language.code]
            for value, meaning in (told.get("values") or {}).items()
        }
        distinct = int(seen.get("distinct") or described.get("distinct") or 0)
        shares = described.get("categories") or {}
        kind = _kind(name, told, seen, distinct, bool(values or shares))
        own = (
            key == (name,) and seen["type"] == "text" and bool(OWN_NAMES & {*definition["columns"]})
        )
        kind = "place" if own else kind
        found[name] = Column(
            name=name,
            title=told["title"][language.code],
            kind=kind,
            type=seen["type"],
            unit=told.get("unit") or "",
            unit_words=unit_words(told.get("unit"), units, language),
            values=values,
            references=told.get("references") or (f"{dataset.slug}.{name}" if own else ""),
            counts=seen["type"] == "integer",
            distinct=distinct,
            top=float(described.get("max") or 0) if kind == "measure" else 0.0,
            shares=shares,
        )
    return Shape(found, key, dataset.rows)


def _kind(name: str, told: Record, seen: Record, distinct: int, named: bool) -> str:
    base = seen["type"].partition("(")[0]
    if base in ("date", "datetime"):
        return "time"
    if base in ("integer", "number", "decimal"):
        if name.lower() in (*LONGITUDES, *LATITUDES):
            return "position"
        if base == "integer" and YEAR.search(name):
            return "time"
        if base == "integer" and (name == "id" or name.endswith(("_id", "_code"))):
            return "other"
        return "measure"
    if base == "boolean":
        return "category"
    if base != "text":
        return "other"
    if told.get("references"):
        return "place"
    if NAMES.match(name):
        return "name"
    if named and distinct <= MOST_CATEGORIES:
        return "category"
    return "other"


@dataclass(frozen=True)
class Family:
    """Columns that answer one question for several groups: same beginning, same unit.

    ``ages`` is true for age groups; ``years`` for the same measure in several years.
    """

    prefix: str
    columns: tuple[str, ...]
    unit: str
    ages: bool = False
    years: tuple[int, ...] = ()


def families(known: Shape) -> list[Family]:
    """Families of measures side by side in the table, the largest first.

    A family has three members or more; the same measure in two years or more is one as well.
    """
    measures = known.of("measure")
    return [*_ages(measures), *_groups(measures), *_years(measures)]


def _ages(measures: list[Column]) -> list[Family]:
    found: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for column in measures:
        match = AGE.match(column.name)
        if match:
            where = (match["prefix"], match["end"] or "", column.unit)
            found.setdefault(where, []).append((int(match["low"] or 0), column.name))
    return [
        Family(prefix, tuple(name for _, name in sorted(members)), unit, ages=True)
        for (prefix, _, unit), members in found.items()
        if len(members) >= 3
    ]


def _groups(measures: list[Column]) -> list[Family]:
    """Columns with common first words and unit, of one year where their names end in a year.

    The longest common beginning counts: what is left over may share a shorter one.
    """
    left = [one for one in measures if not AGE.match(one.name)]
    groups: list[Family] = []
    for length in (3, 2, 1):
        found: dict[tuple[str, str, str], list[Column]] = {}
        for column in left:
            words, end = _words(column.name)
            if len(words) > length and words[-1] not in ("change", "total"):
                found.setdefault(("_".join(words[:length]), end, column.unit), []).append(column)
        for (prefix, _, unit), members in found.items():
            if 3 <= len(members) <= MOST_MEMBERS and not _add_up_inside(members):
                groups.append(Family(prefix, tuple(one.name for one in members), unit))
                left = [one for one in left if one not in members]
    order = {one.name: place for place, one in enumerate(measures)}
    return sorted(groups, key=lambda one: (_latest(one), order[one.columns[0]]))


def _latest(family: Family) -> int:
    """The year in which a family's names end, the latest first."""
    end = _words(family.columns[0])[1]
    return -int(end) if end else 0


def _words(name: str) -> tuple[list[str], str]:
    """A column's name as words, and the year it ends in; a range of years is no such year."""
    words = name.split("_")
    years = [len(word) == 4 and word.isdigit() for word in words]
    if years[-1] and not (len(words) > 1 and years[-2]):
        return words[:-1], words[-1]
    return words, ""


def _add_up_inside(members: list[Column]) -> bool:
    """Whether one of some counts is the sum of two others: then they are no groups of one whole."""
    tops = [one.top for one in members if one.counts and one.top]
    return any(
        abs(whole - one - other) <= whole * 0.01
        for whole in tops for place, one in enumerate(tops) for other in tops[place + 1 :]
        if whole not in (one, other)
    )  # fmt: skip


def _years(measures: list[Column]) -> list[Family]:
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for column in measures:
        base, _, end = column.name.rpartition("_")
        if base and len(end) == 4 and end.isdigit() and 1800 <= int(end) <= 2200:
            found.setdefault((base, column.unit), []).append((int(end), column.name))
    return [
        Family(base, tuple(name for _, name in sorted(members)), unit,
               years=tuple(year for year, _ in sorted(members)))
        for (base, unit), members in found.items()
        if len(members) >= 2
    ]  # fmt: skip
