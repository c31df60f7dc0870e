"""A published table with every type of column and the texts that hurt, for views and files."""

from __future__ import annotations

from typing import Any

from moulouya import duck

from . import lakes
from .lakes import column, text

TEXTS = [
    "=1+1", "+212", "-5 °C", "@SUM(A1)", "\tindent", "=HYPERLINK(\"http://evil.example\",\"x\")",
    "＝1+1", lakes.HOSTILE, 'a "quoted", text; with\nlines', "", None, "Éclairage public", "éclair",
    "مُدَرِّسَة", "مدرسه", "أحفير", "احفير", "سيدي ١٢٣", "https://example.org/a?b=1&c=2",
    "javascript:alert(1)", "x" * 3000, "'apostrophe", "تــطــويل", "نُقْطَة", "‏mark",
]  # fmt: skip
MEANINGS = {"a": text("ألف", "alpha", "alpha"), "b": text("باء", "bêta", "beta")}
DEFINITION: dict[str, Any] = {
    "title": text("خليط", "Mélange", "Mixture"),
    "description": text("كل الأنواع.", "Tous les types.", "Every type of value."),
    "row_is": text("سطر", "une ligne", "one line"),
    "publisher": "office",
    "source": {"kind": "http", "url": "https://example.org/m.csv", "format": "csv"},
    "refresh": {"every": "P30D"},
    "key": ["id"],
    "columns": {
        "id": column("integer", "رقم", "Numéro", "Number"),
        "label": column("text", "تسمية", "Libellé", "Label"),
        "size": column("number", "حجم", "Taille", "Size"),
        "price": column("decimal(10,2)", "ثمن", "Prix", "Price"),
        "open": column("boolean", "مفتوح", "Ouvert", "Open"),
        "day": column("date", "يوم", "Jour", "Day"),
        "at": column("datetime", "وقت", "Moment", "Time"),
        "more": column("json", "مزيد", "Plus", "More"),
        "kind": column("text", "نوع", "Genre", "Kind",
                       values=MEANINGS),
        "shape": column("geometry", "شكل", "Forme", "Shape"),
    },
}  # fmt: skip
ROWS = 120


def publish(built: lakes.Built) -> None:
    """Publish the table as ``mixture`` of the theme energy."""
    listed = ", ".join(map(duck.literal, TEXTS))
    lakes.publish(
        built,
        "mixture",
        "energy",
        DEFINITION,
        f"""
        SELECT i::BIGINT AS id, ([{listed}])[1 + i % {len(TEXTS)}]::VARCHAR AS label,
            CASE WHEN i % 7 = 3 THEN NULL ELSE (i % 10) * 1.1e3 / 7 - 500 END::DOUBLE AS size,
            CASE WHEN i % 11 = 5 THEN NULL ELSE (i % 13) - 6.25 END::DECIMAL(10,2) AS price,
            CASE WHEN i % 5 = 0 THEN NULL ELSE i % 2 = 0 END AS "open",
            DATE '1899-12-30' + (i * 400)::INTEGER AS day,
            TIMESTAMPTZ '2024-03-01 12:00:00+00' + to_seconds(i * 86399) AS "at",
            CASE WHEN i % 3 = 0 THEN NULL ELSE '{{"n":' || i || '}}' END AS more,
            CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END AS kind,
            CASE WHEN i % 17 = 1 THEN NULL ELSE
                ('POINT (' || (-2 + i / 100) || ' ' || (34 + i / 100) || ')')::GEOMETRY END AS shape
        FROM range({ROWS}) r(i)
        """,
    )
