"""Made-up datasets that a page must survive: empty, wide, shapes alone, hostile, any script."""

from __future__ import annotations

from typing import Any

from . import lakes
from .lakes import Built, column, text

HOSTILE = "<script>alert(1)</script>"
BREAKING_OUT = '"onmouseover="alert(2)" x="'
TEMPLATE = "{{ 7*7 }} #emph[x] $x$ \\input{/etc/passwd} %(title)s %s"
LONG_WORD = "Donaudampfschifffahrt" * 10
WIDE = 300
ARABIC, TIFINAGH, HAN, EMOJI = "بركان", "ⴱⵔⴽⴰⵏ", "柏坎省人口統計", "🍊🇲🇦👩‍🌾"
OVERRIDE = "\N{RIGHT-TO-LEFT OVERRIDE}abc\N{POP DIRECTIONAL FORMATTING}\N{RIGHT-TO-LEFT MARK}"


def _definition(title: dict[str, str], columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "title": title,
        "description": text("وصف.", "Une description.", "A description."),
        "row_is": text("سطر", "une ligne", "one line"),
        "publisher": "office",
        "source": {"kind": "http", "url": "https://example.org/odd.csv", "format": "csv"},
        "key": [next(iter(columns))],
        "columns": columns,
        **more,
    }


EMPTY = _definition(
    text("جدول فارغ", "Table vide", "Empty table"),
    {
        "code": column("text", "الرمز", "Code", "Code"),
        "amount": column("integer", "المبلغ", "Montant", "Amount"),
        "day": column("date", "اليوم", "Jour", "Day"),
    },
)
VERY_WIDE = _definition(
    text("جدول عريض", "Table large", "Wide table"),
    {
        "code": column("text", "الرمز", "Code", "Code"),
        **{
            f"measure_{n}": column("integer", f"القياس {n}", f"Mesure {n}", f"Measure {n}")
            for n in range(1, WIDE)
        },
    },
)
SHAPES_ONLY = _definition(
    text("أشكال", "Formes", "Shapes alone"),
    {"shape": column("geometry", "الشكل", "Forme", "Shape")},
)
HOSTILE_TEXTS = _definition(
    text(f"{HOSTILE} عنوان", f"{BREAKING_OUT} titre", f"{HOSTILE}{BREAKING_OUT}{TEMPLATE}"),
    {
        "code": column("text", HOSTILE, BREAKING_OUT, f"{HOSTILE}{TEMPLATE}"),
        "kind": column(
            "text", "النوع", "Type", "Kind",
            values={HOSTILE: text(HOSTILE, BREAKING_OUT, TEMPLATE),
                    BREAKING_OUT: text(HOSTILE, BREAKING_OUT, TEMPLATE)},
        ),
    },
    description=text(f"{HOSTILE}.", f"{BREAKING_OUT}.", f"{TEMPLATE}."),
    row_is=text(HOSTILE, BREAKING_OUT, TEMPLATE),
    notes=text(HOSTILE, BREAKING_OUT, TEMPLATE),
    attribution=text(HOSTILE, BREAKING_OUT, f"{TEMPLATE}\nTY  - BOOK"),
    keywords={"ar": [HOSTILE], "fr": [BREAKING_OUT], "en": [TEMPLATE]},
)  # fmt: skip
EVERY_SCRIPT = _definition(
    text(
        f"{ARABIC} {TIFINAGH} {HAN} {EMOJI}",
        f"{TIFINAGH} {HAN} {EMOJI} {OVERRIDE}",
        f"{ARABIC} {LONG_WORD} {EMOJI} {OVERRIDE}",
    ),
    {
        "code": column("text", TIFINAGH, HAN, EMOJI),
        "name": column("text", LONG_WORD, LONG_WORD, LONG_WORD),
    },
    description=text(f"{LONG_WORD} {TIFINAGH}.", f"{HAN} {LONG_WORD}.", f"{EMOJI} {OVERRIDE}."),
)
ALL = {
    "nothing_at_all": EMPTY,
    "very_wide": VERY_WIDE,
    "shapes_only": SHAPES_ONLY,
    "hostile_texts": HOSTILE_TEXTS,
    "every_script": EVERY_SCRIPT,
}


def publish(built: Built) -> None:
    """Publish each of them at version 1, and a release that has them."""
    lakes.publish(
        built, "nothing_at_all", "energy", EMPTY,
        "SELECT ''::VARCHAR AS code, 1::BIGINT AS amount, DATE '2026-01-01' AS day WHERE false",
    )  # fmt: skip
    measures = ", ".join(f"(i * {n})::BIGINT AS measure_{n}" for n in range(1, WIDE))
    lakes.publish(
        built, "very_wide", "energy", VERY_WIDE,
        f"SELECT format('c{{:03}}', i) AS code, {measures} FROM range(1, 40) r(i)",
    )  # fmt: skip
    lakes.publish(
        built, "shapes_only", "territory", SHAPES_ONLY,
        "SELECT format('POINT ({0} 34)', -i)::GEOMETRY AS shape FROM range(1, 4) r(i)",
    )  # fmt: skip
    values = ", ".join(
        f"({_literal(value)}, {_literal(kind)})"
        for value, kind in ((HOSTILE, HOSTILE), (BREAKING_OUT, BREAKING_OUT), (TEMPLATE, HOSTILE))
    )
    lakes.publish(
        built, "hostile_texts", "energy", HOSTILE_TEXTS,
        f"SELECT code::VARCHAR AS code, kind::VARCHAR AS kind FROM (VALUES {values}) t(code, kind)",
    )  # fmt: skip
    names = ", ".join(
        f"({_literal(code)}, {_literal(name)})"
        for code, name in ((ARABIC, LONG_WORD), (TIFINAGH, HAN), (EMOJI, OVERRIDE))
    )
    lakes.publish(
        built, "every_script", "energy", EVERY_SCRIPT,
        f"SELECT code::VARCHAR AS code, name::VARCHAR AS name FROM (VALUES {names}) t(code, name)",
    )  # fmt: skip
    lakes.commit(built)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
