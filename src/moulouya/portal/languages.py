"""The portal's languages: message catalogues, numbers and dates as each one writes them."""

from __future__ import annotations

import datetime as dt
import gettext
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache, cached_property, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent, format_scientific

LOCALES = {"ar": "ar_MA", "fr": "fr_MA", "en": "en"}
NAMES = {"ar": "العربية", "fr": "Français", "en": "English"}
# Floats from here on are not told apart by their last digit, those below the least become 0.
LARGE, LEAST = 1e15, 1e-6
# Exact numbers have at most 39 digits in DuckDB.
MOST_DIGITS = 40
SIZES = ("B", "kB", "MB", "GB", "TB")
FOLDER = Path(__file__).parent / "locales"


def N_(message: str) -> str:
    """Mark a text for the message catalogues; it is translated where it is shown."""
    return message


@dataclass(frozen=True)
class Language:
    """One language: speaks the interface's texts and writes numbers, dates and sizes."""

    code: str
    locale: Locale
    messages: gettext.NullTranslations

    @cached_property
    def dir(self) -> str:
        """The writing direction, ``rtl`` or ``ltr``."""
        return str(self.locale.text_direction)

    @property
    def name(self) -> str:
        """Its own name for itself."""
        return NAMES[self.code]

    def text(self, message: str, **values: object) -> str:
        """A text of the interface, its ``%(name)s`` filled in."""
        translated = self.messages.gettext(message)
        return translated % values if values else translated

    def count(self, one: str, many: str, number: int, **values: object) -> str:
        """A text in the plural form of ``number``; ``%(n)s`` is the number as it is written."""
        translated = self.messages.ngettext(one, many, number)
        return translated % {"n": self.number(number), **values}

    def number(self, value: float | Decimal) -> str:
        """A number with the language's separators; a Decimal keeps its decimals.

        What is too large or too small for that is written with a power of ten, as 1.5E300.
        """
        decimals = "######"
        if isinstance(value, float):
            beyond = LARGE <= abs(value) < float("inf") or 0 < abs(value) < LEAST
        elif isinstance(value, Decimal) and value.is_finite():
            decimals = "0" * max(0, -int(value.as_tuple().exponent))
            beyond = len(decimals) > MOST_DIGITS or value.adjusted() >= MOST_DIGITS
        else:
            beyond = isinstance(value, int) and abs(value) >= 10**MOST_DIGITS
        return _written(value, None if beyond else f"#,##0.{decimals}", self.locale)

    def percent(self, share: float) -> str:
        """A share (0 to 1) as a percentage with one decimal."""
        rounded = round(share, 3)
        return str(format_percent(rounded, locale=self.locale, decimal_quantization=False))

    def date(self, value: dt.date | dt.datetime, zone: str = "UTC") -> str:
        """A day in words; a moment is first moved to the region's time zone."""
        if isinstance(value, dt.datetime):
            value = value.astimezone(ZoneInfo(zone)).date()
        return str(format_date(value, "long", locale=self.locale))

    def moment(self, value: dt.datetime, zone: str = "UTC") -> str:
        """A day in words with the time of the region."""
        local = value.astimezone(ZoneInfo(zone))
        time = format_datetime(local, "HH:mm", locale=self.locale)
        return self.joined([self.date(value, zone), time])

    def iso_date(self, text: str) -> str:
        """A day that a record keeps as ISO 8601, in words."""
        return self.date(dt.date.fromisoformat(text))

    def size(self, octets: int) -> str:
        """A file's size in decimal units."""
        value, unit = float(octets), 0
        while value >= 1000 and unit < len(SIZES) - 1:
            value, unit = value / 1000, unit + 1
        digits = 1 if unit and value < 100 else 0
        number = format_decimal(round(value, digits), format="#,##0.#", locale=self.locale)
        return f"{number}\N{NO-BREAK SPACE}{self.text(SIZES[unit])}"

    def joined(self, parts: Sequence[str]) -> str:
        """Several words as one list, with the language's comma."""
        return ("، " if self.code == "ar" else ", ").join(parts)


# The size units are looked up by their English short forms.
_SIZE_MESSAGES = (N_("B"), N_("kB"), N_("MB"), N_("GB"), N_("TB"))


@lru_cache(maxsize=32768, typed=True)
def _written(value: float | Decimal, pattern: str | None, locale: Locale) -> str:
    """A number by a pattern, or with a power of ten; pages write the same ones over and over."""
    if pattern is None:
        return str(format_scientific(value, format="0.######E0", locale=locale))
    # Babel rounds in the context of the thread, whose 28 digits do not hold every exact number.
    with localcontext() as context:
        context.prec = 2 * MOST_DIGITS
        return str(format_decimal(value, format=pattern, locale=locale))


@cache
def language(code: str) -> Language:
    """A language by its code; its catalogue is compiled in memory from the .po file."""
    with (FOLDER / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Language(code, Locale.parse(LOCALES[code]), gettext.GNUTranslations(compiled))


def preferred(accept_language: str, offered: Sequence[str]) -> str:
    """The offered language that a browser's Accept-Language likes most; else the first one."""
    wishes: list[tuple[float, int, str]] = []
    for position, part in enumerate(accept_language.split(",")[:20]):
        tag, _, parameters = part.strip().partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=")) if parameters else 1.0
        except ValueError:
            continue
        code = tag.strip().lower().partition("-")[0]
        if code in offered and weight > 0:
            wishes.append((-weight, position, code))
    return min(wishes)[2] if wishes else offered[0]
