"""What a ``filter`` looks like, as a regular expression: for the OpenAPI document.

No regular expression tells all of CQL2. This one tells conditions on the queryables of a
collection, each with values of its own type, joined by AND and OR: whatever it matches is answered.
So programs that know nothing of CQL2 can write a filter, and those that try an interface out get
answers. The rest of CQL2 that the service understands needs no telling here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from moulouya.portal.api import cql, shapes

MOST_JOINED, MOST_LISTED, LONGEST_TEXT = 6, 8, 60
_DAY = "[1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
_SECOND = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_TEXT = rf"'(?:[^'\u0000]|''){{0,{LONGEST_TEXT}}}'"
_LIKE = rf"'(?:[^'\u0000\\]|''){{0,{LONGEST_TEXT}}}'"
_NUMBER = r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?"
_DEGREES = r"-?[0-9]{1,2}(?:\.[0-9]{1,6})?"
_VALUES = {
    "text": _TEXT,
    "number": _NUMBER,
    "date": rf"DATE\('{_DAY}'\)",
    "datetime": rf"TIMESTAMP\('{_DAY}T{_SECOND}Z'\)",
}
_ORDER = "(?:=|<>|<=?|>=?)"
_FOLDED = r"(?:CASEI|ACCENTI)"
_TRUTH = "(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])"


def of(columns: Mapping[str, str]) -> str:
    """The expression for columns with their types; a column of shapes has the type ``geometry``."""
    families: dict[str, list[str]] = {}
    for name, kind in columns.items():
        if kind in ("text", "date", "datetime", "boolean", "geometry"):
            families.setdefault(kind, []).append(name)
        elif kind != "json":
            families.setdefault("number", []).append(name)
    tests = [_TRUTH, *(_test(kind, names) for kind, names in families.items())]
    one = f"(?:NOT )?(?:{'|'.join(tests)})"
    return f"^(?:{one}(?: (?:AND|OR) {one}){{0,{MOST_JOINED - 1}}})?$"


def _test(kind: str, names: Iterable[str]) -> str:
    """A condition on any of the columns of one type."""
    quoted = "|".join(f'"{name}"' for name in names)
    plain = "|".join(name for name in names if _is_word(name))
    column = f"(?:{quoted}|{plain})" if plain else f"(?:{quoted})"
    if kind == "geometry":
        relations = "|".join(map(str.upper, shapes.RELATIONS))
        return rf"(?:{relations})\({column}, ?POINT\({_DEGREES} {_DEGREES}\)\)"
    if kind == "boolean":
        return rf"{column} ?(?:=|<>) ?{_TRUTH}|{column} IS (?:NOT )?NULL"
    value = _VALUES[kind]
    rest = [
        f"{_ORDER} ?{value}",
        f"(?:NOT )?BETWEEN {value} AND {value}",
        rf"(?:NOT )?IN ?\({value}(?:, ?{value}){{0,{MOST_LISTED - 1}}}\)",
        "IS (?:NOT )?NULL",
    ]
    if kind != "text":
        return f"{column} (?:{'|'.join(rest)})"
    rest.append(f"(?:NOT )?LIKE {_LIKE}")
    folded = rf"{_FOLDED}\({column}\) (?:{_ORDER} ?{_FOLDED}\({_TEXT}\)|LIKE {_FOLDED}\({_LIKE}\))"
    return rf"{column} (?:{'|'.join(rest)})|{folded}"


def _is_word(name: str) -> bool:
    """True for a name that needs no quotes."""
    return name.isascii() and name.isidentifier() and name.upper() not in cql.KEYWORDS
