"""Which addresses an export holds: everything that a reader reaches by links, within bounds."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from moulouya.portal.exporting.addresses import bare, path_of
from moulouya.portal.exporting.rewriting import Link

# Of the files that are made when they are asked for, those that people open in a spreadsheet.
_MADE, _SPREADSHEETS = "/exports/", (".excel.csv", ".xlsx")
# Documents in the standards of metadata: they name whole addresses, as feeds do.
_STANDARDS, _METADATA = ("/datasets/", "/catalogue.ttl", "/catalogue.jsonld", "/catalogue.rdf",
                         "/datapackage.json"), ".csv-metadata.json"  # fmt: skip
# The shapes that maps draw.
_SHAPES = "/maps/"
# What an export has of its own, no page leads to, or what only a reader's choice makes.
_SERVICES = re.compile(
    r"(suggest|opensearch\.xml|embed|api)\b|places/(compare|ranking|.*\.csv$)|themes/.*\.csv$|.*\.png$"
    r"|(.*/)?follow$"
)
_OLD = re.compile(r"datasets/([^/]+)/versions/(\d+)(/.*)?")
# How many pages that follow the first one of a list or a table.
FOLLOWING = 2


@dataclass(frozen=True)
class Step:
    """An address to ask for, and how far it is from a page without a query."""

    address: str
    following: int = 0


@dataclass
class Walk:
    """The addresses still to be asked for; each one once.

    ``feeds`` says whether feeds are wanted, ``files`` whether files are; ``versions`` holds the
    version of each dataset that the release shows.
    """

    languages: tuple[str, ...]
    feeds: bool
    files: bool
    versions: Mapping[str, int] = field(default_factory=dict)
    _waiting: deque[Step] = field(default_factory=deque)
    _seen: set[str] = field(default_factory=set)

    def add(self, address: str) -> None:
        """Ask for an address whatever links to it."""
        self._put(Step(bare(address)))

    def follow(self, found: Link, page: Step) -> None:
        """Ask for what a page links to, where it belongs into an export."""
        address = bare(found.address)
        path, query = path_of(address), urlsplit(address).query
        if path.endswith(_METADATA) or path.startswith(_STANDARDS):
            if self.feeds:
                self._put(Step(address))
            return
        if path.startswith(_MADE):
            whole = found.download and "?" not in page.address
            if self.files and whole and path.endswith(_SPREADSHEETS):
                self._put(Step(address))
            return
        if path.startswith(_SHAPES):
            self._put(Step(address))
        if not self._belongs(path):
            return
        if not query or path.startswith("/feeds/"):
            self._put(Step(address))
        elif "next" in found.rel and page.following < FOLLOWING:
            self._put(Step(address, page.following + 1))

    def _belongs(self, path: str) -> bool:
        """A page in a language of the export, or a feed; anything else needs a server."""
        if path.startswith("/feeds/"):
            return self.feeds
        first, _, rest = path.strip("/").partition("/")
        if first not in self.languages or _SERVICES.match(rest):
            return False
        old = _OLD.fullmatch(rest)
        return old is None or str(self.versions.get(old[1])) == old[2]

    def _put(self, step: Step) -> None:
        if step.address not in self._seen:
            self._seen.add(step.address)
            self._waiting.append(step)

    def __iter__(self) -> Walk:
        return self

    def __next__(self) -> Step:
        if not self._waiting:
            raise StopIteration
        return self._waiting.popleft()

    @property
    def known(self) -> int:
        """How many addresses were found so far."""
        return len(self._seen)
