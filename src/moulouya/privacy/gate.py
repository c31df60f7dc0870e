"""The privacy gate: personal data in a table that is about to be published (law 09-08)."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from moulouya import duck
from moulouya.definition.privacy import PersonalKind
from moulouya.privacy import people, scan, strong, values, words
from moulouya.privacy.finding import Finding, finding
from moulouya.privacy.kinds import SHARE
from moulouya.privacy.people import Context, Header
from moulouya.privacy.scan import Table, TextColumn
from moulouya.settings import Settings
from moulouya.workspace import Dataset

DATE_LIKE = re.compile(
    r"(?:[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ][0-9]{2,4}|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}).*"
)
LETTERED = re.compile(r"[A-Za-z]{1,4}[ -]?[0-9]+")


Verdict = tuple[str, bool] | None
Decide = Callable[[Counter[str], Counter[str], Header, Context], Verdict]


def find(table: Path, dataset: Dataset, settings: Settings) -> tuple[Finding, ...]:
    """Every kind of personal data in a Parquet file, whether it blocks a publication or not.

    Strong kinds are looked for in every row, weak kinds in a sample of each column. The table's
    columns need not be those of the definition. Raises LakeError when the file cannot be read.
    """
    with duck.connect(
        memory_limit=settings.memory_limit,
        threads=settings.threads,
        spill=table.parent / "spill",
    ) as con:
        opened = scan.opened(con, table)
        if not opened.rows:
            return ()
        headers = {name: people.header(dataset, name) for name in opened.types}
        texts = [text for text in scan.texts(opened) if text.filled]
        samples = {text.name: scan.sample(opened, text.name, text.filled) for text in texts}
        context = people.context(dataset, headers.values(), samples.values())
        found: list[Finding] = []
        for text in texts:
            cells, header = samples[text.name], headers[text.name]
            found += strong.in_texts(opened, text, header, cells)
            found += _weak(text, header, cells, context, dataset)
        found += strong.in_numbers(opened, headers)
        found += _birth_dates(opened, headers, context)
        context = Context(context.persons or _about_people(found), context.things)
        found += _small_cells(opened, headers, dataset)
        found += _home_locations(opened, headers, context)
    order = {name: number for number, name in enumerate(opened.types)}
    best: dict[tuple[str, str], Finding] = {}
    for one in sorted(found, key=lambda one: (one.blocking, one.cells)):
        best[one.column, one.kind] = one
    return tuple(
        sorted(best.values(), key=lambda one: (not one.blocking, order[one.column], one.kind))
    )


def _about_people(found: list[Finding]) -> bool:
    return any(
        one.blocking and one.kind in ("cin", "massar", "name", "birth_date") for one in found
    )


def _weak(
    column: TextColumn, header: Header, cells: Counter[str], context: Context, dataset: Dataset
) -> Iterator[Finding]:
    """The kinds that a share of cells or a header confirms, in a sample of a column."""
    declared = dataset.definition.columns.get(column.name)
    total = sum(cells.values())
    if not total or (declared is not None and declared.values is not None):
        return  # a closed list whose meanings are published names no person
    exact = total >= column.filled
    for kind, (fits, decide) in WEAK.items():
        matching = Counter({text: times for text, times in cells.items() if fits(text)})
        count = sum(matching.values())
        verdict = decide(matching, cells, header, context) if count else None
        if verdict is None:
            continue
        why, blocks = verdict
        sample = values.masked(next(iter(matching)), kind)
        estimated = count if exact else round(count / total * column.filled)
        yield finding(column.name, kind, estimated, column.filled, sample, why, blocking=blocks,
                      exact=exact)  # fmt: skip


def _matching(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _told_or_many(vocabulary: frozenset[str]) -> Decide:
    def decide(
        matching: Counter[str], cells: Counter[str], header: Header, context: Context
    ) -> Verdict:
        if header.tells(vocabulary):
            return "telling", True
        many = sum(matching.values()) >= SHARE * sum(cells.values())
        return ("share", True) if many else None

    return decide


def _cin_blocks(
    matching: Counter[str], cells: Counter[str], header: Header, context: Context
) -> Verdict:
    verdict = _told_or_many(words.CIN)(matching, cells, header, context)
    if verdict is None or verdict[0] == "telling":
        return verdict
    prefixes = [re.match(r"[A-Za-z]+", text)[0].upper() for text in matching]  # type: ignore[index]
    offices = [one for one in prefixes if len(one) == 1 or one.lower() in words.CARD_OFFICES]
    codes = header.own & words.CODE and len(offices) < 0.7 * len(prefixes)
    return ("shape", False) if codes or _codes(matching, cells, header, context) else verdict


def _massar_blocks(
    matching: Counter[str], cells: Counter[str], header: Header, context: Context
) -> Verdict:
    verdict = _told_or_many(words.MASSAR)(matching, cells, header, context)
    if verdict is None or verdict[0] == "telling":
        return verdict
    return ("shape", False) if _codes(matching, cells, header, context) else verdict


def _codes(matching: Counter[str], cells: Counter[str], header: Header, context: Context) -> bool:
    """Whether letters and digits are codes of things: of other lengths too, or given in a row."""
    if header.tells(words.PRODUCT) and not context.persons:
        return True
    lettered = sum(times for text, times in cells.items() if LETTERED.fullmatch(text))
    if sum(matching.values()) < 0.9 * lettered:
        return True
    digits = [re.sub(r"[^0-9]", "", text) for text in matching]
    leading = sum(text.startswith("0") for text in digits)
    return leading > 0.3 * len(digits) or strong.dense({int(text) for text in digits}, 3)


def _plate_blocks(
    matching: Counter[str], cells: Counter[str], header: Header, context: Context
) -> Verdict:
    """Arabic letters between numbers are plates; Latin ones only where the header says so."""
    if header.tells(words.PLATE):
        return "telling", True
    arabic = Counter({text: n for text, n in matching.items() if values.PLATE.fullmatch(text)})
    return _told_or_many(words.PLATE)(arabic, cells, header, context)


def _birth_blocks(
    matching: Counter[str], cells: Counter[str], header: Header, context: Context
) -> Verdict:
    if not header.tells(words.BIRTH):
        return None
    return "telling", sum(matching.values()) >= SHARE * sum(cells.values())


def _ip_blocks(
    matching: Counter[str], cells: Counter[str], header: Header, context: Context
) -> Verdict:
    verdict = _told_or_many(words.IP)(matching, cells, header, context)
    if verdict is None or verdict[0] == "telling":
        return verdict
    dotted = sum(times for text, times in cells.items() if values.DOTTED.fullmatch(text))
    four = sum(times for text, times in matching.items() if "." in text)
    return ("shape", False) if four < 0.9 * dotted else verdict


def _names(
    matching: Counter[str], cells: Counter[str], header: Header, context: Context
) -> Verdict:
    """Names of people: a header that says so and cells that could be, or cells that are."""
    about = header.about
    if about == "thing":
        return None
    # A name that stands in many rows is one name: share is taken over different values.
    share = len(matching) / len(cells)
    shaped = sum(people.name_shaped(text) for text in cells) / len(cells)
    if about == "personal" or (about == "name" and context.persons and not context.things):
        if (
            share >= SHARE
            or (shaped >= 0.6 and share >= 0.02)
            or (about == "personal" and shaped >= 0.8)
        ):
            return "telling", True
        return ("telling", False) if matching else None
    if about == "role":
        return (
            ("telling", True) if share >= SHARE else (("telling", False) if share > 0.05 else None)
        )
    if share >= SHARE and len(matching) >= 5:
        return "share", True
    return ("shape", False) if about == "name" and share >= 0.1 and len(matching) >= 5 else None


def _addresses(
    matching: Counter[str], cells: Counter[str], header: Header, context: Context
) -> Verdict:
    """Addresses: those of homes block, those of institutions are public and only noted."""
    share = sum(matching.values()) / sum(cells.values())
    if header.tells(words.HOME) and share >= 0.1:
        return "telling", True
    if share < SHARE or (len(matching) < 3 and not header.tells(words.ADDRESS)):
        return None
    if header.about == "thing" and not context.persons and not header.tells(words.ADDRESS):
        return None
    if context.persons:
        return "beside", True
    if context.things:
        return "shape", False
    return ("telling" if header.tells(words.ADDRESS) else "share"), True


WEAK: dict[PersonalKind, tuple[Callable[[str], bool], Decide]] = {
    "cin": (_matching(values.CIN), _cin_blocks),
    "massar": (_matching(values.MASSAR), _massar_blocks),
    "plate": (values.plate_shaped, _plate_blocks),
    "ip_address": (values.ip_address, _ip_blocks),
    "birth_date": (_matching(DATE_LIKE), _birth_blocks),
    "name": (people.names_person, _names),
    "address": (people.tells_address, _addresses),
}


def _birth_dates(table: Table, headers: dict[str, Header], context: Context) -> Iterator[Finding]:
    for name in table.named("DATE", "TIMESTAMP"):
        if not headers[name].tells(words.BIRTH):
            continue
        (filled,) = duck.one_row(
            table.con, f"SELECT count({duck.identifier(name)}) FROM {table.source}"
        )
        if filled:
            yield finding(name, "birth_date", filled, filled, "****-**-**", "telling",
                          blocking=True)  # fmt: skip


def _small_cells(table: Table, headers: dict[str, Header], dataset: Dataset) -> Iterator[Finding]:
    """Counts below five beside attributes of people, from which one person can be recognised."""
    texts = set(table.named("VARCHAR", "ENUM"))
    beside = [
        one
        for name, one in headers.items()
        if (name in texts or one.own & words.ATTRIBUTE)
        and one.tells(words.ATTRIBUTE | words.SENSITIVE)
        and not one.own & words.COUNT
    ]
    sensitive = any(one.tells(words.SENSITIVE) for one in beside)
    for name in table.named(*(type_ for type_ in scan.NUMBER_TYPES if type_.endswith("INT")),
                            "INTEGER", "UINTEGER"):  # fmt: skip
        own = headers[name]
        counts = bool(own.own & words.COUNT)
        delicate = sensitive or (counts and bool(own.own & words.SENSITIVE))
        if not counts or (not beside and not delicate) or name in dataset.definition.key:
            continue
        filled, small, positive = scan.below_five(table, name)
        if not small:
            continue
        many = small >= SHARE * positive and len(beside) >= 2
        yield finding(name, "small_cells", small, filled, "1–4", "beside",
                      blocking=delicate or many)  # fmt: skip


def _home_locations(
    table: Table, headers: dict[str, Header], context: Context
) -> Iterator[Finding]:
    """Positions finer than about one kilometre in rows that are people or households."""
    if not context.persons:
        return
    numeric = table.named(*scan.NUMBER_TYPES, "VARCHAR")
    latitude = next((n for n in numeric if headers[n].own & words.LATITUDE), None)
    longitude = next((n for n in numeric if headers[n].own & words.LONGITUDE), None)
    if latitude and longitude:
        filled, fine = scan.fine_positions(table, latitude, longitude)
        for name in (latitude, longitude):
            if fine and fine >= SHARE * filled:
                yield finding(name, "home_location", fine, filled, "**.****", "beside",
                              blocking=True)  # fmt: skip
    for name in table.named("GEOMETRY"):
        filled, fine = scan.fine_points(table, name)
        if fine and fine >= SHARE * filled:
            yield finding(name, "home_location", fine, filled, "POINT (*.*** **.***)", "beside",
                          blocking=True)  # fmt: skip


def today() -> dt.date:
    """The day on which overrides are in force or over, in UTC."""
    return dt.datetime.now(dt.UTC).date()
