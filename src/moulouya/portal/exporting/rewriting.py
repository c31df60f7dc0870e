"""A page as it stands in an export: relative links, and no form that needs a server."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser

# Attributes that hold an address, by which a tag is followed or shown.
_ADDRESSES = ("href", "src", "action", "formaction", "poster", "data")
_ATTRIBUTE = re.compile(r"""\s([a-zA-Z][\w:.-]*)=("[^"]*"|'[^']*')""")
Resolve = Callable[[str], str | None]


@dataclass(frozen=True)
class Link:
    """An address that a page names: by which tag, and with which ``rel`` and ``download``."""

    tag: str
    address: str
    rel: frozenset[str]
    download: bool


@dataclass(frozen=True)
class Rules:
    """What to do with the addresses and forms of one page.

    ``resolve``: the relative link to what the export holds, None for what it does not hold;
    ``elsewhere``: the link to the page that says so; ``search``: where the search form of
    ``searched`` (an address) leads; ``note``: HTML that takes the place of any other form.
    """

    resolve: Resolve
    elsewhere: str
    search: str
    searched: str
    note: str


def links(html: str) -> list[Link]:
    """Every internal address that tags of a page name, in order."""
    found = _Links()
    found.feed(html)
    found.close()
    return found.links


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[Link] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        for name in named:
            if name not in ("href", "src", "data") and not name.startswith("data-"):
                continue
            if internal(named[name]) and tag != "form":
                rel = frozenset(named.get("rel", "").split())
                self.links.append(Link(tag, named[name], rel, "download" in named))


def internal(address: str) -> bool:
    """True for an address of the portal itself, from its root."""
    return address.startswith("/") and not address.startswith("//")


def rewrite(html: str, rules: Rules) -> str:
    """The page with every address of the portal made relative, and its forms replaced."""
    walker = _Edits(html, rules)
    walker.feed(html)
    walker.close()
    pieces, position = [], 0
    for start, end, text in walker.edits:
        if start < position:
            continue
        pieces += [html[position:start], text]
        position = end
    return "".join([*pieces, html[position:]])


@dataclass
class _Form:
    start: int
    kept: bool
    note: str


@dataclass
class _Edits(HTMLParser):
    """Collects what to replace: (start, end, text) in order of their starts."""

    html: str
    rules: Rules
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._lines = [0]
        for line in self.html.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._form: _Form | None = None

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text = self.get_starttag_text() or ""
        start = self._here()
        if self._form is not None and not self._form.kept:
            return
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open_form(named, start, text)
        elif tag == "link":
            self._head_link(named, start, text)
        else:
            changed = _ATTRIBUTE.sub(self._attribute, text)
            if changed != text:
                self.edits.append((start, start + len(text), changed))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag != "form" or self._form is None:
            return
        if not self._form.kept:
            end = self.html.index(">", self._here()) + 1
            self.edits = [edit for edit in self.edits if edit[0] < self._form.start]
            self.edits.append((self._form.start, end, self._form.note))
        self._form = None

    def _open_form(self, named: dict[str, str], start: int, text: str) -> None:
        action = named.get("action", "").partition("?")[0]
        kept = named.get("method", "get").lower() == "get" and action == self.rules.searched
        # Links within the page still find the place where the form was.
        place = f'<div id="{escape(named["id"])}">{self.rules.note}</div>' if "id" in named else ""
        self._form = _Form(start, kept, place or self.rules.note)
        if kept:
            changed = _ATTRIBUTE.sub(self._attribute, text)
            changed = re.sub(r'action="[^"]*"', f'action="{escape(self.rules.search)}"', changed)
            self.edits.append((start, start + len(text), changed))

    def _head_link(self, named: dict[str, str], start: int, text: str) -> None:
        """A link of the head leads into the export, or is left out: nobody reads why."""
        address = named.get("href", "")
        if not internal(address):
            return
        there = self.rules.resolve(address)
        # Search engines want whole addresses: without one, the page has none of its own.
        whole = named.get("rel") == "canonical" or "hreflang" in named
        changed = ""
        if there is not None and not whole:
            changed = re.sub(r'href="[^"]*"', lambda _: f'href="{escape(there)}"', text)
        self.edits.append((start, start + len(text), changed))

    def _attribute(self, found: re.Match[str]) -> str:
        name, quoted = found[1].lower(), found[2]
        value = unescape(quoted[1:-1])
        if not internal(value) or not (name in _ADDRESSES or name.startswith("data-")):
            return found[0]
        there = self.rules.resolve(value)
        if there is None:
            # A script that finds no address of a service leaves the page as it is.
            if name.startswith("data-"):
                return ""
            there = self.rules.elsewhere
        return f' {found[1]}="{escape(there)}"'
