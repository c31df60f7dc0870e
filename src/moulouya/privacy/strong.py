"""Kinds that a check digit or a numbering plan confirms: looked for in every row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from moulouya.definition.privacy import PersonalKind
from moulouya.privacy import scan, values, words
from moulouya.privacy.finding import Finding, finding
from moulouya.privacy.kinds import ABOUT, SHARE
from moulouya.privacy.people import Header
from moulouya.privacy.scan import NumberColumn, Table, TextColumn

CHECKED = 200_000  # candidates looked at in one column once something was found
FEW = 8  # values from which on a column of plain numbers can be told from chance
DENSE = 100  # numbers nearer to each other than this on average count something


@dataclass
class _Strong:
    """Cells with strong kinds in one column, while its candidates are looked through."""

    cells: Counter[PersonalKind] = field(default_factory=Counter)
    samples: dict[PersonalKind, str] = field(default_factory=dict)
    loose: int = 0
    loose_sample: str = ""
    numbers: set[int] = field(default_factory=set)
    lengths: set[int] = field(default_factory=set)
    checked: int = 0


def in_texts(
    table: Table, column: TextColumn, header: Header, cells: Counter[str]
) -> Iterator[Finding]:
    """The strong kinds in every row of a text column; ``cells`` is its sample."""
    told = header.tells(words.PHONE)
    seen = _looked_through(table, column, told)
    exact = seen.checked >= column.candidates
    scale = 1.0 if exact or not seen.checked else column.candidates / seen.checked
    phones = seen.cells.pop("phone", 0)
    for kind, count in seen.cells.items():
        why = "valid" if ABOUT[kind].strength == "strong" else "labelled"
        yield finding(column.name, kind, round(count * scale), column.filled, seen.samples[kind],
                      why, blocking=True, exact=exact)  # fmt: skip
    loose = round(seen.loose * scale)
    believed = bool(loose) and _believed(table, column, seen, loose + phones, cells)
    if not exact and not believed and not phones:
        # Bare digits filled the part that was looked at: is anything else behind them?
        firm = _looked_through(table, column, told, firm=True)
        phones = firm.cells["phone"]
        seen.samples.update(firm.samples)
        scale = 1.0
    if phones or believed:
        count = round(phones * scale) + (loose if believed else 0)
        sample = seen.samples.get("phone") or seen.loose_sample
        yield finding(column.name, "phone", count, column.filled, sample, "valid", blocking=True,
                      exact=exact)  # fmt: skip
        return
    shaped = [text for text in cells if told and values.phone_shaped(text)]
    count = sum(cells[text] for text in shaped)
    if count >= SHARE * sum(cells.values()) and count:
        total = sum(cells.values())
        estimated = round(count / total * column.filled)
        sample = values.masked(shaped[0], "phone")
        yield finding(column.name, "phone", estimated, column.filled, sample, "telling",
                      blocking=True, exact=total >= column.filled)  # fmt: skip
    elif loose >= 0.1 * column.filled:
        yield finding(column.name, "phone", loose, column.filled, seen.loose_sample, "shape",
                      blocking=False, exact=exact)  # fmt: skip


def _looked_through(table: Table, column: TextColumn, told: bool, *, firm: bool = False) -> _Strong:
    """The candidates of a column, or enough of them to say how many cells there are."""
    seen = _Strong()
    for batch in scan.candidates(table, column.name) if column.candidates else ():
        _look_through(batch, told, seen)
        enough = seen.cells or (not firm and 2 * seen.loose >= seen.checked)
        if seen.checked >= CHECKED and enough:
            break
    return seen


def _look_through(batch: list[str], told: bool, seen: _Strong) -> None:
    for text, times in Counter(batch).items():
        seen.checked += times
        hits = values.strong(text, labelled=told)
        firm = {hit.kind for hit in hits if hit.firm}
        for hit in hits:
            if hit.firm:
                seen.samples.setdefault(hit.kind, values.masked(hit.text, hit.kind))
            elif "phone" not in firm:
                digits = re.sub(r"[^0-9]", "", hit.text)
                seen.lengths.add(len(digits))
                if len(seen.numbers) < CHECKED:
                    seen.numbers.add(int(digits))
                seen.loose_sample = seen.loose_sample or values.masked(hit.text, hit.kind)
        for kind in firm:
            seen.cells[kind] += times
        if "phone" not in firm and any(not hit.firm for hit in hits):
            seen.loose += times


def _believed(
    table: Table, column: TextColumn, seen: _Strong, count: int, cells: Counter[str]
) -> bool:
    """Whether bare digits that are valid numbers are phones rather than numbers by chance.

    About three in a hundred ten-digit codes with a leading zero are valid by chance, and so are
    numbers given one after the other; books and articles have check digits of their own.
    """
    if count < SHARE * scan.peers(table, column.name, seen.lengths):
        return False
    if dense(seen.numbers):
        return False
    products = sum(times for text, times in cells.items() if values.product_number(text))
    return products < 0.8 * sum(cells.values())


def dense(numbers: set[int], distance: float = DENSE) -> bool:
    """Whether numbers lie so near to each other that they were given one after the other."""
    return len(numbers) >= FEW and (max(numbers) - min(numbers)) / len(numbers) < distance


def in_numbers(table: Table, headers: dict[str, Header]) -> Iterator[Finding]:
    """Telephone numbers that were stored as numbers."""
    for column in scan.numbers(table):
        if not column.phones:
            continue
        told = headers[column.name].tells(words.PHONE)
        looked = scan.sized_numbers(table, column.name)
        valid = [one for one in looked if values.valid_phone(f"+212{str(one)[-9:]}")]
        count = round(len(valid) / len(looked) * column.phones) if looked else 0
        if not count:
            continue
        blocks = count >= (SHARE if told else 0.8) * column.filled and (told or _spread(column))
        if not blocks and not told:
            continue
        sample = values.masked(f"{valid[0]}", "phone")
        yield finding(column.name, "phone", count, column.filled, sample,
                      "telling" if told else "share", blocking=blocks,
                      exact=len(looked) >= column.phones)  # fmt: skip


def _spread(column: NumberColumn) -> bool:
    span = (column.highest - column.lowest) / max(1, column.distinct)
    return column.distinct >= FEW and span >= DENSE
