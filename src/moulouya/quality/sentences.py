"""What a check found, in plain words for the engineer who has to act."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

LONGEST = 200
# What holds for every value, and what is said of those for which it does not.
VALUES = {
    "expect_column_values_to_not_be_null": ("has a value", "{has} no value"),
    "expect_column_values_to_be_null": ("is empty", "{are} not empty"),
    "expect_column_values_to_be_unique": ("occurs once", "occur{s} more than once"),
    "expect_column_values_to_be_between": ("is {limits}", "{are} not {limits}"),
    "expect_column_values_to_be_in_set": ("is one of {value_set}", "{are} none of {value_set}"),
    "expect_column_values_to_not_be_in_set": ("is none of {value_set}", "{are} one of {value_set}"),
    "expect_column_values_to_match_regex": ("matches {regex}", "{do} not match {regex}"),
    "expect_column_values_to_not_match_regex": ("does not match {regex}", "match{es} {regex}"),
    "expect_column_value_lengths_to_be_between": (
        "has a length {limits}",
        "{has} a length not {limits}",
    ),
    "expect_column_values_to_be_place_codes": (
        "is a code of a {level}{inside}",
        "{are} no code of a {level}{inside}",
    ),
    "expect_column_values_to_contain_arabic": (
        "has an Arabic letter",
        "{has} no Arabic letter",
    ),
    "expect_column_values_to_be_inside_box": ("lies inside {box}", "{do} not lie inside {box}"),
    "expect_column_values_to_be_found_in_table": (
        "is found in {other_table}.{other_column}",
        "{are} not found in {other_table}.{other_column}",
    ),
}
ROWS = {
    "expect_compound_columns_to_be_unique": (
        "no two rows have the same {column_list}",
        "{n} of {total} rows {has} the same {column_list} as another row",
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        "{column_A} is greater than {column_B} in every row",
        "{column_A} is not greater than {column_B} in {n} of {total} rows",
    ),
    "expect_column_pair_values_to_be_equal": (
        "{column_A} equals {column_B} in every row",
        "{column_A} differs from {column_B} in {n} of {total} rows",
    ),
    "expect_column_pair_values_to_be_inside_box": (
        "{column_A} and {column_B} lie inside {box} in every row",
        "{column_A} and {column_B} do not lie inside {box} in {n} of {total} rows",
    ),
}
# What a query looks for: said of a table without such rows, and of one with some.
QUERIES = {
    "expect_column_values_to_be_monotone": (
        "{column} is {direction} along {order_by}{groups}",
        "{column} is not {direction} along {order_by}{groups}: {n} row{s_} break{s} this",
    ),
    "expect_column_values_to_have_no_gap_in_time": (
        "{column} has no gap longer than {step}{groups}",
        "{column} has {n} gap{s_} longer than {step}{groups}",
    ),
    "expect_column_sums_to_match_other_table": (
        "the sums of {column}{groups} are those of {other_table}.{other_column}",
        "{n} sum{s_} of {column}{groups} differ{s} from {other_table}.{other_column}",
    ),
}
# What an argument is when it is not given, where a sentence needs it.
DEFAULTS = {"level": "commune", "direction": "increasing", "step": "1 day"}


def sentence(kind: str, kwargs: Mapping[str, Any], result: Mapping[str, Any], success: bool) -> str:
    """One sentence about a check's result, as GX returned it."""
    if kind == "expect_table_row_count_to_be_between":
        rows = f"the table has {result.get('observed_value')} rows"
        return rows if success else f"{rows}, expected {limits(kwargs)}"
    if kind.startswith("expect_table_columns_to_match"):
        return "the columns are as announced" if success else _columns(kwargs, result)
    if kind == "expect_table_columns_to_have_types":
        return _types(kwargs["column_types"], result.get("observed_value") or {})
    if kind in QUERIES:
        count = int(result.get("observed_value") or 0)
        return QUERIES[kind][count > 0].format_map(_words(kwargs, count, 0))
    column = kwargs.get("column")
    if kind == "expect_column_type_to_be":
        type_ = f"{column}: the type is {result.get('observed_value')}"
        return type_ if success else f"{type_} instead of {kwargs['type_']}"
    if "element_count" in result:
        return _about_rows(kind, kwargs, result, int(result.get("unexpected_count") or 0))
    about = f"{column}: " if column else ""
    told = f"{about}{kind}({_arguments(kwargs)})"
    observed = result.get("observed_value")
    if kind == "unexpected_rows_expectation":
        asked = kwargs.get("description") or show(kwargs["unexpected_rows_query"])
        count = int(observed or 0)
        breaking = "no row breaks" if count == 0 else "1 row breaks" if count == 1 else None
        return f"{asked}: {breaking or f'{count} rows break'} this"
    if observed is not None:
        told += f" observed {show(observed)}"
    return told if success else f"{told}, which breaks the rule"


def _about_rows(kind: str, kwargs: Mapping[str, Any], result: Mapping[str, Any], count: int) -> str:
    total = result.get("element_count", 0)
    if kind != "expect_column_values_to_not_be_null":
        total -= result.get("missing_count") or 0
    words = _words(kwargs, count, total)
    if kind in ROWS:
        good, bad = ROWS[kind]
        told = (bad if count else good).format_map(words)
    elif kind in VALUES:
        good, bad = VALUES[kind]
        told = (
            f"{{column}}: {{n}} of {{total}} values {bad}"
            if count
            else f"{{column}}: every value {good}"
        )
        told = told.format_map(words)
    else:
        about = f"{kwargs['column']}: " if "column" in kwargs else ""
        broken = f"{count} of {total} values break" if count else "every value keeps"
        told = f"{about}{broken} {kind}({_arguments(kwargs)})"
    mostly = kwargs.get("mostly")
    return f"{told} (tolerated: mostly {mostly})" if count and mostly is not None else told


def _words(kwargs: Mapping[str, Any], count: int, total: int) -> dict[str, str]:
    one = count == 1
    words = {key: show(value) for key, value in kwargs.items() if value is not None}
    group, inside = words.get("group_by"), words.get("inside")
    return {
        **DEFAULTS,
        **words,
        "groups": f" by {group}" if group else "",
        "inside": f" inside {inside}" if inside else "",
        "n": str(count),
        "total": str(total),
        "limits": limits(kwargs),
        "are": "is" if one else "are",
        "has": "has" if one else "have",
        "do": "does" if one else "do",
        "s": "s" if one else "",
        "s_": "" if one else "s",
        "es": "es" if one else "",
    }


def limits(kwargs: Mapping[str, Any]) -> str:
    """A range in words, from the arguments that GX gives its ends."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is None:
        return f"at most {show(high)}"
    if high is None:
        return f"at least {show(low)}"
    return f"between {show(low)} and {show(high)}"


def _columns(kwargs: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    wanted = list(kwargs.get("column_list") or kwargs.get("column_set") or [])
    found = list(result.get("observed_value") or [])
    missing = [name for name in wanted if name not in found]
    others = [name for name in found if name not in wanted]
    told = []
    if missing:
        told.append(f"columns missing: {', '.join(missing)}")
    if others and kwargs.get("exact_match", True):
        told.append(f"columns that were not announced: {', '.join(others)}")
    return "; ".join(told) or f"the columns stand in another order: {', '.join(found)}"


def _types(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    wrong = [
        f"{name} is {type_} instead of {wanted[name]}"
        for name, type_ in found.items()
        if type_ != wanted[name]
    ]
    return f"wrong types: {'; '.join(wrong)}" if wrong else "the types are as announced"


def _arguments(kwargs: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={show(value)}" for key, value in kwargs.items() if key != "column")


def show(value: Any) -> str:
    """A value inside a sentence, not too long."""
    if isinstance(value, list | tuple | set):
        return ", ".join(show(item) for item in value)
    text = str(plain(value))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def plain(value: Any) -> Any:
    """A value as JSON can hold it: decimals and dates as text, bytes by their size."""
    if value is None or isinstance(value, bool | int | str):
        if isinstance(value, str) and len(value) > LONGEST:
            return value[: LONGEST - 1] + "…"
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return f"({len(value)} bytes)"
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def cell(value: Any) -> Any:
    """A value of an offending row: what is nested is told as text, as it stands in the table."""
    if isinstance(value, Mapping | list):
        return plain(json.dumps(plain(value), ensure_ascii=False))
    return plain(value)


def rows_in_words(rows: tuple[dict[str, Any], ...], most: int = 5) -> str:
    """Offending rows by their key: ``commune=02.113 population=-4; …``."""
    told = [" ".join(f"{name}={show(value)}" for name, value in row.items()) for row in rows[:most]]
    return "; ".join([*told, "…"] if len(rows) > most else told)
