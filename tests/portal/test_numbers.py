"""Numbers as each language writes them: no value of a table is without a text."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moulouya.portal.languages import language

EVERY = st.floats() | st.integers(-(2**200), 2**200) | st.decimals(allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(EVERY, st.sampled_from(["ar", "fr", "en"]))
def test_every_number_has_a_short_text(value: float | Decimal, code: str) -> None:
    assert 1 <= len(language(code).number(value)) <= 80


@pytest.mark.parametrize(
    ("value", "ar", "fr"),
    [
        (1e300, "1E300", "1E300"),
        (-1.5e300, "-1,5E300", "-1,5E300"),
        (2.5e-9, "2,5E\N{LEFT-TO-RIGHT MARK}-9", "2,5E-9"),
        (1234.5, "1.234,5", "1\N{NARROW NO-BREAK SPACE}234,5"),
        (0.0, "0", "0"),
        (float("inf"), "∞", "∞"),
    ],
)
def test_what_is_too_large_or_small_has_a_power_of_ten(value: float, ar: str, fr: str) -> None:
    assert (language("ar").number(value), language("fr").number(value)) == (ar, fr)


def test_exact_numbers_keep_every_digit() -> None:
    spoken = language("en")
    assert spoken.number(2**127).replace(",", "") == str(2**127)
    exact = Decimal("9" * 36 + ".90")
    assert spoken.number(exact).replace(",", "") == str(exact)
    assert spoken.number(Decimal("1E+99")) == "1E99"
