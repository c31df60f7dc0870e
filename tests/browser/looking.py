"""A page that is watched: what it complains of, what it loads, and how it looks to its reader."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page, Response

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@dataclass
class Watched:
    """A page, everything that went wrong in it, and every address it asked for."""

    page: Page
    origin: str
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", lambda request: self.asked.append(request.url))

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def _failed(self, request: Any) -> None:
        # A download, and a page left while it loads, are no failures.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"not loaded: {request.url} {request.failure}")

    def go(self, path: str) -> Response:
        """Open an address of the portal, and wait until it is quiet."""
        answer = self.page.goto(f"{self.origin}{path}", wait_until="load")
        assert answer is not None
        return answer

    @property
    def foreign(self) -> list[str]:
        """What was asked of others than the portal."""
        return [url for url in self.asked if not url.startswith((self.origin, "blob:"))]

    def axe(self) -> list[str]:
        """What axe-core objects to, each with the first elements concerned."""
        self.page.evaluate(AXE)
        rules = {
            "runOnly": {"type": "tag", "values": list(STANDARDS)},
            "resultTypes": ["violations"],
        }
        found = self.page.evaluate(
            "rules => axe.run(document, rules).then(r => r.violations)", rules
        )
        return [f"{one['id']}: {_told(one['nodes'])}" for one in found]

    def measure(self) -> dict[str, Any]:
        """Structure and size of the page, every <details> open."""
        found: dict[str, Any] = self.page.evaluate(MEASURE)
        return found

    def texts(self) -> list[tuple[str, str]]:
        """Every text that is shown, with its language."""
        return [tuple(one) for one in self.page.evaluate(TEXTS)]


def _told(nodes: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The first elements of a violation, and what to do about them."""
    return [(node["html"][:160], node["failureSummary"][:200]) for node in nodes[:3]]


def english_left(texts: list[tuple[str, str]]) -> list[str]:
    """Texts marked as Arabic that hold English words of an interface."""
    return [
        text
        for language, text in texts
        if language == "ar" and COMMON_ENGLISH.search(text) and not MAY_BE_LATIN.search(text)
    ]


# Words of the interface that no name, unit or code of the data holds.
COMMON_ENGLISH = re.compile(
    r"\b(the|this|that|with|and|from|which|what|where|your|you|are|was|were|has|have|not|rows?|"
    r"columns?|download|search|show|more|version|dataset|datasets|of)\b",
    re.IGNORECASE,
)
MAY_BE_LATIN = re.compile(
    r"https?://|pkg:|[=(]\w*[)=]|Open Data Commons|CSV on the Web|Creative Commons"
)

MEASURE = r"""
() => {
  for (const element of document.querySelectorAll('details')) element.open = true;
  const box = e => e.getBoundingClientRect();
  const seen = e => { const b = box(e); const s = getComputedStyle(e);
    return b.width > 1 && b.height > 1 && s.visibility !== 'hidden' && s.display !== 'none'; };
  const told = e => e.outerHTML.replace(/\s+/g, ' ').slice(0, 140);
  const scrolls = e => e.closest('.scroll, [role=region][tabindex="0"], .leaflet-container');
  const width = document.documentElement.clientWidth;
  const size = e => { const label = e.closest('label');
    const b = box(label && seen(label) ? label : e); return [b.width, b.height]; };
  const main = [...document.querySelectorAll(
    'header.site a, header.site button, main form button, .button, .chips a, nav.pager a')]
    .filter(e => seen(e) && size(e)[1] < 43.5);
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  const headings = [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')]
    .filter(e => !e.closest('[hidden]')).map(e => [Number(e.tagName[1]), e.textContent.trim()]);
  const jumps = headings.filter(([level], i) => i && level > headings[i - 1][0] + 1);
  const wide = [...document.querySelectorAll('main *, header *, footer *')]
    .filter(e => seen(e) && !scrolls(e) && !e.closest('.unseen, svg')
      && (box(e).right > width + 1 || box(e).left < -1)).map(told).slice(0, 3);
  const root = document.documentElement;
  return {
    lang: root.lang, dir: root.dir, direction: getComputedStyle(document.body).direction,
    title: document.title, h1: headings.filter(([level]) => level === 1).length,
    empty: headings.filter(([, text]) => !text), jumps,
    scroll: root.scrollWidth, width, wide,
    main: main.map(told).slice(0, 5),
    twice: [...new Set(ids.filter((id, i) => ids.indexOf(id) !== i))],
    images: [...document.images].filter(i => !i.complete || !i.naturalWidth).map(told),
    nameless: [...document.querySelectorAll('[aria-labelledby], [aria-describedby], label[for]')]
      .filter(e => (e.getAttribute('aria-labelledby') ?? e.getAttribute('aria-describedby')
        ?? e.htmlFor).split(' ').some(id => !document.getElementById(id))).map(told),
    styled: getComputedStyle(document.body).marginTop === '0px',
  };
}
"""

TEXTS = r"""
() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const parent = walker.currentNode.parentElement;
    if (!text || parent.closest('script, style, noscript')) continue;
    const marked = parent.closest('[lang], [dir=auto], bdi, code, td');
    const language = marked && !marked.matches('td, code, bdi, [dir=auto]') ? marked.lang : '';
    found.push([language, text]);
  }
  for (const element of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]'))
    for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
      if (element.getAttribute(name)) found.push(
        [element.closest('[lang]').lang, element.getAttribute(name)]);
  return found;
}
"""


def shown(value: Any) -> str:
    """A value for the message of a failed test."""
    return json.dumps(value, ensure_ascii=False, indent=1)
