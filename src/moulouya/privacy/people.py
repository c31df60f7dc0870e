"""Whether cells name people or tell where they live, and what a header says about that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from moulouya.privacy import words
from moulouya.privacy.words import folded, phrases, tokens
from moulouya.workspace import Dataset

NameHeader = Literal["personal", "role", "thing", "name", "none"]
NAME_SHAPE = re.compile(r"[^\W\d_]+(?:[ .'’-]+[^\W\d_]+\.?){0,5}\.?")
HOUSE_NUMBER = re.compile(r"(?<![0-9])[0-9]{1,4}(?![0-9])")


@dataclass(frozen=True)
class Header:
    """The words that name a column: its name, its name in the source and its titles."""

    column: str
    own: frozenset[str]
    titles: frozenset[str]

    def tells(self, vocabulary: frozenset[str]) -> bool:
        """Whether any of the column's names uses one of these words."""
        return bool((self.own | self.titles) & vocabulary)

    @property
    def about(self) -> NameHeader:
        """What a column of names would name: a person, a thing, or it does not say."""
        if self.tells(words.PERSONAL):
            return "personal"
        if self.tells(words.ROLE):
            return "role"
        if self.tells(words.INSTITUTION) or self.tells(words.PLACE):
            return "thing"
        return "name" if self.tells(words.NAME) else "none"


@dataclass(frozen=True)
class Context:
    """What the table as a whole is about."""

    persons: bool
    things: bool


def header(dataset: Dataset, column: str) -> Header:
    """The header of a column, from the definition where it has the column."""
    described = dataset.definition.columns.get(column)
    own = set(phrases(column))
    if described is None:
        return Header(column, frozenset(own), frozenset())
    own |= phrases(described.source_name or "")
    title = described.title
    return Header(column, frozenset(own), phrases(title.fr) | phrases(title.en) | phrases(title.ar))


def context(
    dataset: Dataset, headers: Iterable[Header], samples: Iterable[Counter[str]]
) -> Context:
    """Whether one row is a person or household, or rather an institution with a public address."""
    told, title = dataset.definition.row_is, dataset.definition.title
    row = phrases(told.fr) | phrases(told.en) | phrases(told.ar)
    persons = bool(row & words.PERSON_ROW) or any(
        one.tells(words.PERSON_ID)
        or one.own & words.PERSONAL
        or one.tells(words.BIRTH)
        or one.own & (words.CIN | words.MASSAR)
        for one in headers
    )
    whole = row | phrases(title.fr) | phrases(title.en) | phrases(title.ar)
    things = bool(whole & words.INSTITUTION) or any(
        sum(tells_institution(text) for text in cells) >= max(2, len(cells) / 2)
        for cells in samples
    )
    return Context(persons, things)


def names_person(text: str) -> bool:
    """Whether a cell holds a given name, or a title and a name, and nothing that is no person."""
    parts = _name_parts(text)
    if not parts:
        return False
    titled = len(parts) > 1 and parts[0] in words.TITLES
    bare = [part for part in parts if part not in words.TITLES and part not in words.PARTICLES]
    if not bare or bare[0] in words.PLACE_STARTS or parts[0] in words.PLACE_STARTS:
        return False
    return titled or any(part in words.GIVEN or part in words.FAMILY for part in bare)


def name_shaped(text: str) -> bool:
    """Whether a cell could be a person's name: a few words of letters, none of them a thing's."""
    parts = _name_parts(text)
    return bool(parts) and parts[0] not in words.PLACE_STARTS


def _name_parts(text: str) -> list[str]:
    """The words of a cell that is short and has letters only; none where it names a thing."""
    text = text.strip()
    if len(text) > 60 or not NAME_SHAPE.fullmatch(text):
        return []
    parts = _joined(tokens(text))
    things = words.INSTITUTION | words.PLACE
    return [] if any(part in things for part in parts) else parts


def _joined(parts: list[str]) -> list[str]:
    """Abd and what follows as one word: ``عبد الله``, ``Abd El Kader``."""
    made: list[str] = []
    skip = 0
    for number, part in enumerate(parts):
        if skip:
            skip -= 1
            continue
        following = parts[number + 1 : number + 3]
        if part == "عبد" and following:
            made.append(part + following[0])
            skip = 1
        elif part in ("abd", "abdel", "abdul") and following:
            skip = 2 if following[0] in ("el", "al") and len(following) > 1 else 1
            made.append("abdel" + following[skip - 1])
        else:
            made.append(part)
    return made


def tells_address(text: str) -> bool:
    """Whether a cell tells a street and a house: ``12, rue Hassan II``, ``حي القدس رقم 4``."""
    if len(text) > 120 or not HOUSE_NUMBER.search(text):
        return False
    return any(word in words.STREET for word in tokens(text)[:4])


def tells_institution(text: str) -> bool:
    """Whether a cell names a school, a company, an office and the like."""
    return any(word in words.INSTITUTION for word in folded(text).split())
