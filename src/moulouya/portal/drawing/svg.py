"""SVG as text: elements whose attributes and texts are always escaped, and nothing else."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable

from markupsafe import Markup, escape

Value = str | float | None
# What XML 1.0 cannot hold, even escaped.
_UNSPOKEN = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF])


def clean(text: str) -> str:
    """A text without the characters that XML forbids."""
    return "".join(one for one in text.translate(_UNSPOKEN) if not 0xD800 <= ord(one) <= 0xDFFF)


def plain(value: float) -> str:
    """A coordinate with at most two decimals: more than a screen shows."""
    text = f"{value:.2f}".rstrip("0").rstrip(".") if math.isfinite(value) else "0"
    return "0" if text in ("-0", "") else text


def element(tag: str, /, *children: str | Markup, **attributes: Value) -> Markup:
    """One element. ``class_`` is class, ``stroke_width`` is stroke-width; None leaves one out."""
    written = []
    for name, value in attributes.items():
        if value is None:
            continue
        shown = plain(value) if isinstance(value, (int, float)) else clean(str(value))
        key = name.rstrip("_").replace("_", "-") if name != "viewBox" else name
        written.append(f' {key}="{escape(shown)}"')
    inner = "".join(
        child if isinstance(child, Markup) else str(escape(clean(child))) for child in children
    )
    if not inner:
        return Markup(f"<{tag}{''.join(written)}/>")  # noqa: S704 - every part is escaped above
    return Markup(f"<{tag}{''.join(written)}>{inner}</{tag}>")  # noqa: S704 - as above


def group(parts: Iterable[Markup], **attributes: Value) -> Markup:
    """Elements together."""
    return element("g", Markup("").join(parts), **attributes)


def title(text: str) -> Markup:
    """What a mark is, read out and shown when it is pointed at."""
    return element("title", text)


def text_width(text: str, size: float = 13.0) -> float:
    """About how wide a text is, in pixels: wide scripts, marks and Latin differ."""
    wide = 0.0
    for one in text:
        if unicodedata.combining(one):
            continue
        if unicodedata.east_asian_width(one) in "WF":
            wide += 1.0
        elif one in "iljtfrI.,:;'|! ()[]":
            wide += 0.34
        elif one.isupper() or one in "mwMW%":
            wide += 0.74
        else:
            wide += 0.56
    return wide * size


def fitted(text: str, width: float, size: float = 13.0) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    text = " ".join(clean(text).split())
    if text_width(text, size) <= width:
        return text
    kept = text[: max(1, int(width / size / 0.3))]
    while len(kept) > 1 and text_width(kept + "…", size) > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def label(
    x: float, y: float, words: str, *, anchor: str = "left", class_: str | None = None
) -> Markup:
    """A text whose left end, middle or right end is at a place, whatever its language.

    ``text-anchor`` follows ``direction``, which is therefore always the same; the words run in
    the direction of their own first letter.
    """
    side = {"left": "start", "right": "end"}.get(anchor, "middle")
    return element(
        "text", words, x=x, y=y, text_anchor=side, class_=class_, direction="ltr",
        unicode_bidi="plaintext",
    )  # fmt: skip


def picture(
    parts: Iterable[Markup],
    width: float,
    height: float,
    name: str,
    description: str = "",
    class_: str = "chart",
) -> Markup:
    """A whole drawing with its name for those who do not see it."""
    said = [element("title", name)] + ([element("desc", description)] if description else [])
    return element(
        "svg",
        Markup("").join([*said, *parts]),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {plain(width)} {plain(height)}",
        width=width,
        height=height,
        role="img",
        class_=class_,
    )
