"""A drawing as a file of its own: with its colours, its name and its source inside."""

from __future__ import annotations

import re

from markupsafe import Markup

from moulouya.portal.drawing.svg import element, fitted, label, plain
from moulouya.portal.languages import Language
from moulouya.portal.rendering import TEMPLATES

RULES = re.compile(r"/\* drawing \*/(.*?)/\* end \*/", re.DOTALL)
VARIABLES = re.compile(r"/\* light \*/(.*?)/\* end \*/", re.DOTALL)
ROOT = re.compile(r'^<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>')
HEAD, FOOT = 30.0, 24.0


def style() -> str:
    """The rules of ``drawing.css`` for shapes and texts, with the colours for light paper."""
    text = (TEMPLATES.parent / "static" / "css" / "drawing.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", "".join(VARIABLES.findall(text))))
    rules = "".join(RULES.findall(text))
    filled = re.sub(r"var\((--[\w-]+)\)", lambda found: colours.get(found[1], "#333"), rules)
    return filled + "text{font-family:'IBM Plex Sans Arabic','Noto Sans Arabic',sans-serif}"


def svg(drawing: Markup, title: str, source: str, language: Language) -> str:
    """The drawing as an SVG document that can be printed or put on a slide."""
    text = re.sub(r"</?a\b[^>]*>", lambda one: "</g>" if one[0] == "</a>" else "<g>", str(drawing))
    found = ROOT.match(text)
    if found is None:
        raise ValueError("this is no drawing")
    width, height = float(found[1]), float(found[2])
    inner = text[found.end() : -len("</svg>")]
    side, x = ("right", width) if language.dir == "rtl" else ("left", 0.0)
    head = label(x, 17, fitted(title, width, 15), anchor=side, class_="name")
    foot = label(x, HEAD + height + 17, fitted(source, width, 10), anchor=side, class_="source")
    return str(
        element(
            "svg",
            element("style", Markup(style())),  # noqa: S704 - our own file
            element("rect", x=-12, y=-4, width=width + 24, height=height + HEAD + FOOT + 8,
                    fill="#ffffff"),
            head,
            element("g", Markup(inner), transform=f"translate(0 {plain(HEAD)})"),  # noqa: S704 - made by svg.element
            foot,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"-12 -4 {plain(width + 24)} {plain(height + HEAD + FOOT + 8)}",
            width=(width + 24) * 2,
            height=(height + HEAD + FOOT + 8) * 2,
        )
    )  # fmt: skip
