"""What one cell holds: identifiers told by checksum, numbering plan or shape, and their masks.

``phonenumbers`` knows the numbering plans and ``python-stdnum`` the IBAN of every country; the
Moroccan forms they do not know (RIB, CIN, Massar, plates) are written here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import phonenumbers
from stdnum import ean, iban, isbn, numdb
from stdnum.iso7064 import mod_97_10

from moulouya.definition.privacy import PersonalKind

ARABIC_DIGITS = "٠١٢٣٤٥٦٧٨٩"
PERSIAN_DIGITS = "۰۱۲۳۴۵۶۷۸۹"
WIDE_DIGITS = "０１２３４５６７８９"
SPACES = "\u00a0\u202f\u2007\u2009\u2002\u2003\u3000\t\r\n"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
# Bidirectional marks, joiners, soft hyphen and tatweel change nothing that is meant.
INVISIBLE = (
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u0640"
)
FROM = (
    ARABIC_DIGITS + PERSIAN_DIGITS + WIDE_DIGITS + SPACES + DASHES + "＠＋．" + INVISIBLE
)  # those without a partner in TO, the last ones, are taken away
TO = "0123456789" * 3 + " " * len(SPACES) + "-" * len(DASHES) + "@+."
TABLE = str.maketrans(FROM[: len(TO)], TO, INVISIBLE)

EMAIL = re.compile(
    r"(?<![\w.%+'-])[\w.%+'-]{0,63}[\w%+-]\s?(?:@|\[at\]|\(at\)|\[arobase\])\s?"
    r"((?:[^\W_](?:[\w-]{0,62})\.)+)([^\W\d_]{2,24})(?![\w@])",
    re.IGNORECASE,
)
BRACKETED = re.compile(r"[\[(](?:at|arobase)[\])]", re.IGNORECASE)
FILES = frozenset({
    "png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "pdf", "csv", "xml", "html",
    "txt", "zip",
})  # fmt: skip
URL = re.compile(r"(?:https?|ftp)://(?!wa\.me/|api\.whatsapp\.com/)\S+", re.IGNORECASE)
UUID = re.compile(r"[{(]?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}[)}]?")
SEP = r"[ .\-/()]{0,3}"
ALONE = r"(?<![0-9A-Za-z])(?<![0-9][.,])"
NATIONAL = re.compile(rf"{ALONE}0\)?{SEP}[5-8](?:{SEP}[0-9]){{8}}(?![0-9])")
COUNTRY = re.compile(rf"{ALONE}212{SEP}(?:0{SEP})?[5-8](?:{SEP}[0-9]){{8}}(?![0-9])")
ABROAD = re.compile(
    rf"(?:\+|(?<![0-9A-Za-z.,])00){SEP}[1-9](?:[ .\-/]{{0,2}}\(0\)[ .\-/]{{0,2}}|{SEP})"
    rf"[0-9](?:{SEP}[0-9]){{5,13}}(?![0-9])"
)
PHONE_LABEL = re.compile(
    r"(?:t[eé]l(?:[eé]phone)?|phone|mobile|portable|gsm|fax|whats ?app|wa\.me/|fixe|call|appel\w*|"
    r"هاتف|الهاتف|جوال|الجوال|نقال|النقال|محمول|المحمول|فاكس|الفاكس|واتساب)[^0-9+]{0,12}$",
    re.IGNORECASE,
)
OTHER_LABEL = re.compile(
    r"(?:n[°ºo]|nr|num[eé]ro|num|r[eé]f\w*|code|dossier|facture|isbn|id|compteur|ice|rc|if|cnss|"
    r"patente|lot|bon|march[eé]|رقم|ملف|رمز)[^0-9A-Za-z]{0,4}$",
    re.IGNORECASE,
)
WORDS = re.compile(r"[^\W\d_]{2,}")
PAIRS = re.compile(r"0[5-8](?:([ .\-/])[0-9]{2})(?:\1[0-9]{2}){3}")
DATE_FIRST = re.compile(
    r"(?:0?[1-9]|[12][0-9]|3[01])[ .\-/](?:0[1-9]|1[0-2])[ .\-/](?:19|20)[0-9]{2}\b"
)
RIB = re.compile(rf"{ALONE}[0-9](?:[ .\-/:_|]{{0,2}}[0-9]){{23}}(?![0-9])")
GLUED = re.compile(r"(?i)(?<![A-Za-z])(rib|iban|tel|gsm|fax)(?=[0-9]|MA[0-9]{2})")
# Countries that use the form without an entry in SWIFT's registry (python-stdnum has the others):
# length of the whole, digits only behind the country where the account is numeric.
UNREGISTERED = {
    "MA": 28, "DZ": 26, "AO": 25, "BF": 28, "BJ": 28, "CF": 27, "CG": 27, "CI": 28, "CM": 27,
    "CV": 25, "GA": 27, "GQ": 27, "GW": 25, "IR": 26, "KM": 27, "MG": 27, "ML": 28, "MZ": 25,
    "NE": 28, "SN": 28, "TD": 27, "TG": 28,
}  # fmt: skip
COUNTRIES = tuple(sorted({*(entry[1] for entry in numdb.get("iban").prefixes), *UNREGISTERED}))
IBAN = re.compile(
    rf"(?<![0-9A-Za-z])(?:{'|'.join(COUNTRIES)}|ma)[0-9]{{2}}"
    rf"(?:[ .\-/:_|]{{0,2}}[0-9A-Za-z]){{11,30}}"
)
CIN = re.compile(r"[A-Za-z]{1,2}[ -]?[0-9]{5,6}")
MASSAR = re.compile(r"[A-Za-z][ -]?[0-9]{9}")
CIN_LABELLED = re.compile(
    r"(?:\bC\.?N?\.?I\.?[NE]\.?\b|carte (?:d['’ ]identit[eé]|nationale)|identity card|"
    r"بطاقة التعريف|البطاقة الوطنية|ب\.? ?ت\.? ?و)[^0-9]{0,24}?"
    r"(?<![A-Za-z])([A-Z]{1,2} ?[0-9]{5,6})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
MASSAR_LABELLED = re.compile(
    r"(?:\bmassar\b|\bCNE\b|مسار)[^0-9]{0,16}?(?<![A-Za-z])([A-Z] ?[0-9]{9})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
# The letter of a series stands between the serial number and the prefecture's number.
PLATE = re.compile(
    r"(?:[0-9]{1,6}[ \-|/_]*[ابتثجحخدذرزسشصضطظعغفقكلمنهوي][ \-|/_]*[0-9]{1,2}|"
    r"[0-9]{1,2}[ \-|/_]*[ابتثجحخدذرزسشصضطظعغفقكلمنهوي][ \-|/_]*[0-9]{1,6})"
)
LATIN_PLATE = re.compile(r"(?:[0-9]{1,6}[ \-|/][A-HJ-Z][ \-|/][0-9]{1,2}|WW ?-?[0-9]{3,6})", re.I)
DOTTED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")


@dataclass(frozen=True)
class Hit:
    """A strong kind inside a cell.

    ``firm`` is false for bare digits that an ordinary number may be by chance; the column decides.
    """

    kind: PersonalKind
    text: str
    firm: bool


def normalised(text: str) -> str:
    """A text with ASCII digits, plain spaces and dashes, and no invisible marks."""
    return text if text.isascii() and text.isprintable() else text.translate(TABLE)


def strong(text: str, *, labelled: bool = False) -> list[Hit]:
    """Every strong kind inside a normalised text; ``labelled`` where its header tells phones."""
    found = list(_emails(text))
    if sum(map(str.isdigit, text)) < 5:
        return found
    if UUID.fullmatch(text):
        return found
    plain = GLUED.sub(r"\1 ", URL.sub(" ", text))
    taken = []
    for kind, span in _accounts(plain):
        taken.append(span)
        found.append(Hit(kind, plain[slice(*span)], firm=True))
    for start, end in taken:
        plain = plain[:start] + "x" * (end - start) + plain[end:]
    found += _phones(plain, labelled)
    found += [Hit("cin", match[1], firm=True) for match in CIN_LABELLED.finditer(plain)]
    found += [Hit("massar", match[1], firm=True) for match in MASSAR_LABELLED.finditer(plain)]
    return found


def _emails(text: str) -> Iterator[Hit]:
    if "@" not in text and not BRACKETED.search(text):
        return
    for match in EMAIL.finditer(text):
        if match[2].lower() not in FILES:
            yield Hit("email", match[0], firm=True)


def _accounts(text: str) -> Iterator[tuple[PersonalKind, tuple[int, int]]]:
    spans = [span for match in IBAN.finditer(text) if (span := _iban_span(text, match))]
    yield from (("iban", span) for span in spans)
    for match in RIB.finditer(text):
        if any(start <= match.start() < end for start, end in spans):
            continue
        if valid_rib(match[0]) and not _counting(match[0]):
            yield "rib", match.span()


def _iban_span(text: str, match: re.Match[str]) -> tuple[int, int] | None:
    """The part of a match that is an IBAN: words may follow it, so check digits say how long."""
    compact = re.sub(r"[^0-9A-Za-z]", "", match[0])
    for length in range(len(compact), 14, -1):
        if not valid_iban(compact[:length]):
            continue
        seen, end = 0, match.start()
        while seen < length:
            seen += text[end].isalnum()
            end += 1
        if end == len(text) or not text[end].isalnum():
            return match.start(), end
    return None


def valid_iban(compact: str) -> bool:
    """Whether a text without separators is an IBAN: its country's form and ISO 7064 mod 97-10."""
    compact = compact.upper()
    length = UNREGISTERED.get(compact[:2])
    if length is None:
        return bool(iban.is_valid(compact, check_country=False))
    if len(compact) != length or (compact[:2] == "MA" and not compact[2:].isdigit()):
        return False
    return bool(mod_97_10.is_valid(compact[4:] + compact[:4]))


def valid_rib(text: str) -> bool:
    """Whether 24 digits end in the key of a Moroccan RIB: the whole is 0 modulo 97 with its key.

    Bank (3), town (3), account (16), key (2): key = 97 - (the first 22 digits * 100 mod 97).
    """
    digits = re.sub(r"[^0-9]", "", text)
    return len(digits) == 24 and len(set(digits)) > 2 and int(digits) % 97 == 0


def _counting(text: str) -> bool:
    """Whether separated digits are rather a list of numbers or years than groups of one number."""
    groups = re.split(r"[^0-9]+", text)
    return any(len(group) < 3 for group in groups[:-1]) or (
        len(groups) == 6 and all(re.fullmatch(r"(?:19|20)[0-9]{2}", group) for group in groups)
    )


def _phones(text: str, labelled: bool) -> Iterator[Hit]:
    end = 0
    candidates = [
        (match, pattern)
        for pattern in (ABROAD, COUNTRY, NATIONAL)
        for match in pattern.finditer(text)
    ]
    for match, pattern in sorted(candidates, key=lambda one: (one[0].start(), -one[0].end())):
        if match.start() < end:
            continue
        hit = _phone(text, match, pattern, labelled)
        if hit is not None:
            end = match.end()
            yield hit


def _phone(text: str, match: re.Match[str], pattern: re.Pattern[str], labelled: bool) -> Hit | None:
    number = match[0]
    abroad = pattern is ABROAD
    if not abroad and (DATE_FIRST.match(number) or _in_list(text, match)):
        return None
    labelled = labelled or bool(
        PHONE_LABEL.search(text[max(0, match.start() - 24) : match.start()])
    )
    if number.startswith("00"):
        bare = number.isdigit() and not number.startswith("00212")
        if bare and not labelled:
            return None  # a number filled up with zeros
        number = "+" + number[2:]
    if not valid_phone(number):
        return None
    return Hit("phone", match[0], labelled or _firm(text, match, match[0].startswith("+")))


def _firm(text: str, match: re.Match[str], plus: bool) -> bool:
    """Whether the form or the words around it leave no doubt that digits are a phone number."""
    number = match[0]
    if plus or PAIRS.fullmatch(number):
        return True
    before = text[max(0, match.start() - 200) : match.start()]
    if OTHER_LABEL.search(before[-16:]):
        return False
    around = before + " " + text[match.end() : match.end() + 200]
    return " " in text.strip() and len(WORDS.findall(around)) >= 1


def _in_list(text: str, match: re.Match[str]) -> bool:
    """Whether pairs of digits are part of a longer list of pairs, such as hours or months."""
    pairs = PAIRS.fullmatch(match[0])
    if pairs is None:
        return False
    numbers = [int(one) for one in re.findall(r"[0-9]{2}", match[0])]
    if all(after - before == 1 for before, after in pairwise(numbers)):
        return True
    sep = re.escape(pairs[1])
    before = re.search(
        rf"(?:(?<![0-9])[0-9]{{2}}{sep})+$", text[max(0, match.start() - 90) : match.start()]
    )
    after = re.match(rf"(?:{sep}[0-9]{{2}}(?![0-9]))+", text[match.end() : match.end() + 90])
    extra = sum(len(one[0]) // 3 for one in (before, after) if one)
    return extra > 2 and extra % 5 != 0


def _plan() -> re.Pattern[str]:
    """Morocco's numbers of people and offices, as phonenumbers has them.

    Freephone and premium lines (080, 089) are those of services and are left out.
    """
    known: Any = phonenumbers.PhoneMetadata.metadata_for_region("MA")
    return re.compile(
        f"(?!8)(?:{known.fixed_line.national_number_pattern}|"
        f"{known.mobile.national_number_pattern}|{known.voip.national_number_pattern})"
    )


MOROCCO = 212
MOROCCAN = re.compile(r"(?:\+?212)?0?([5-8][0-9]{8})")
PLAN = _plan()


@lru_cache(maxsize=65536)
def valid_phone(number: str) -> bool:
    """Whether a number is valid in the plan of its country, Morocco's where it names none."""
    digits = re.sub(r"[^0-9+]", "", number)
    if match := MOROCCAN.fullmatch(digits):
        return PLAN.fullmatch(match[1]) is not None
    try:
        parsed = phonenumbers.parse(number, "MA")
    except phonenumbers.NumberParseException:
        return False
    if parsed.country_code == MOROCCO:
        return PLAN.fullmatch(str(parsed.national_number)) is not None
    return phonenumbers.is_valid_number(parsed)


def phone_shaped(text: str) -> bool:
    """Whether a whole cell looks like a Moroccan number, valid today or not."""
    digits = re.sub(r"[ .\-/()+]", "", text)
    return bool(re.fullmatch(r"(?:00212|212)?0?[5-7][0-9]{8}", digits))


def plate_shaped(text: str) -> bool:
    """Whether a cell has the form of a Moroccan registration plate."""
    return bool(PLATE.fullmatch(text) or LATIN_PLATE.fullmatch(text))


def product_number(text: str) -> bool:
    """Whether a cell is a book or article number by its own check digit (ISBN, GTIN)."""
    compact = re.sub(r"[ -]", "", text)
    return bool(isbn.is_valid(compact) or (len(compact) >= 8 and ean.is_valid(compact)))


def ip_address(text: str) -> bool:
    """Whether a cell is an IPv4 or IPv6 address."""
    if "." not in text and text.count(":") < 2:
        return False
    try:
        ipaddress.ip_address(text.strip())
    except ValueError:
        return False
    return True


def masked(text: str, kind: PersonalKind) -> str:
    """The form of a value without the value: its letters and digits become stars."""
    if kind == "email":
        name, _, domain = text.rpartition("@")
        return f"***@***.{domain.rpartition('.')[2]}" if name else "***@***"
    if kind == "phone":
        digits = re.sub(r"[^0-9+]", "", text)
        known = "+212" if digits.startswith(("+212", "212", "00212")) else digits[:2]
        return known + "*" * max(4, len(digits) - len(known))
    if kind in ("iban", "rib"):
        return text.strip()[:2] + "**********" if kind == "iban" else "***…**"
    hidden = re.sub(r"\w", "*", text.strip())
    return hidden if len(hidden) <= 24 else hidden[:23] + "…"
