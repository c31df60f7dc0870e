"""What drift found, as a person reads it: what was, what is, and what would have been allowed."""

from __future__ import annotations

from typing import Any

from moulouya.drift.judging import Finding

_SHARE = (
    "{what}: {value:.1%}, more than the {allowed:.1%} that this dataset may move without a look"
)
_SHARES = {
    "rows_lost": "{before} rows became {after}",
    "rows_gained": "{before} rows became {after}",
    "keys_removed": "of {before} keys only {after} are still there",
    "restated": "{column} has other values now in {after} of {before} rows that were published",
    "nulls": "{column} has no value in {after:.1%} of the rows, before in {before:.1%}",
    "categories": "the values of {column} are spread otherwise: {after}, before {before}",
    "unknown_categories": "{column} has values that never occurred: {after}",
    "garbled": "{column} has texts that look wrongly decoded, such as «Ã©»",
    "script": "{column} is written otherwise: {after}, before {before}",
    "new_nulls": "{column} has no value in {after:.1%} of the new rows, before in {before:.1%}",
    "new_categories": "{column} has values in the new rows that never occurred: {after}",
    "new_garbled": "{column} has texts in the new rows that look wrongly decoded, such as «Ã©»",
    "truth": "{column} is true in {after:.1%} of the rows, before in {before:.1%}",
}
_SIZES = {
    "level": "the middle of {column} is {after}, before {before}",
    "new_level": "the middle of {column} in the new rows is {after}, in those before {before}",
    "scale": "{column} spreads over {after}, before over {before}",
    "new_scale": "{column} spreads over {after} in the new rows, before over {before}",
    "new_narrow": "{column} spreads over no more than {after} in the new rows, before {before}",
    "reach": "{column} reaches from {after}, before from {before}",
    "length": "texts of {column} are {after} characters long, before {before}",
    "frozen": "{column} has one single value in the new rows, before {before} different ones",
    "bounds": "the shapes of {column} reach from {after}, before from {before}",
}


def sentence(finding: Finding) -> str:
    """One finding in words, with the numbers that a decision needs."""
    shown = {
        "column": finding.column,
        "before": _shown(finding.before),
        "after": _shown(finding.after),
    }
    if finding.rule == "nulls" and finding.after == 1:
        return f"the column {finding.column} went empty"
    if finding.rule in _SHARES:
        what = _SHARES[finding.rule].format(**shown)
        return _SHARE.format(what=what, value=finding.value, allowed=finding.allowed)
    return _SIZES[finding.rule].format(**shown)


def _shown(value: Any) -> Any:
    """Numbers to four digits, lists and categories as a person writes them; shares stay numbers."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {share:.0%}" for name, share in value.items()) or "none"
    if isinstance(value, list):
        return " to ".join(str(_shown(one)) for one in value)
    if isinstance(value, float):
        return float(f"{value:.4g}") if 0 <= value <= 1 else figure(value)
    return value


def figure(value: float) -> str:
    """A number to four digits that count, without an exponent."""
    return f"{float(f'{value:.4g}'):,.12g}"
