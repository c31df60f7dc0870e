"""Writing the export: ask for every page, take the files, then let pages name one another."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.errors import LakeError, UsageError
from moulouya.portal.app import create_app
from moulouya.portal.asked import asked
from moulouya.portal.console import engine
from moulouya.portal.console import page as console
from moulouya.portal.current import Current, State
from moulouya.portal.exporting import addresses, searching
from moulouya.portal.exporting.asking import Answer, get
from moulouya.portal.exporting.rewriting import Link, Rules, links, rewrite
from moulouya.portal.exporting.tree import ExportError, Tree, building
from moulouya.portal.exporting.walk import Step, Walk
from moulouya.portal.languages import language
from moulouya.portal.published import Catalogue
from moulouya.portal.rendering import STATICS, TEMPLATES, environment, render
from moulouya.portal.standards import catalogue as catalogues
from moulouya.portal.standards.addresses import Addresses
from moulouya.portal.standards.routes import SYNTAXES
from moulouya.portal.standards.voice import Voice
from moulouya.settings import Settings

INDEX = "search-index.js"
# What names whole addresses, of which some have a query.
ADDRESSED = ("application/atom+xml", "application/feed+json", "text/turtle", "application/ld+json",
             "application/rdf+xml")  # fmt: skip
_LOCATION = re.compile(r"<loc>([^<]*)</loc>")
_SAVE_AS = re.compile(r'filename="([^"]+)"')
_FILE = re.compile(r"/files/([^/]+)/([^/]+)/([^/]+)")
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Wish:
    """What to export: languages (none for all), the address where it will be, with files or not."""

    languages: tuple[str, ...] = ()
    base_url: str = ""
    files: bool = True


@dataclass(frozen=True)
class Exported:
    """What was written. ``broken``: addresses to which a page leads and which are not there."""

    release: int
    pages: int
    files: int
    bytes: int
    kept: int
    broken: tuple[str, ...]


class _Fixed:
    """One release in the languages of an export, whatever is released meanwhile."""

    def __init__(self, current: Current, catalogue: Catalogue) -> None:
        self.lake, self.verified = current.lake, current.verified
        self._source, self.served = current, catalogue

    def catalogue(self) -> Catalogue:
        return self.served

    def due(self) -> bool:
        return False

    def state(self) -> State:
        return self._source.state()


def export(
    settings: Settings, target: Path, wish: Wish = Wish(), tell: Tell = lambda *_: None
) -> Exported:
    """Write the portal of the newest release into a folder, all of it or nothing.

    ``tell`` hears what is done, how much of it, and of how much. Raises UsageError for a language
    that the region does not have or a folder that holds something else, ExportError where a page
    cannot be made or the folder not be written.
    """
    base = wish.base_url.rstrip("/")
    app = create_app(settings.model_copy(update={"public_url": base}), look_every=3600)
    current: Current = app.state.current
    catalogue = current.catalogue()
    problem = current.state().problem
    if problem is not None:
        raise LakeError(problem, hint="moulouya verify says more")
    if catalogue is None:
        raise UsageError("nothing is released yet", hint="moulouya run --all")
    unknown = set(wish.languages) - set(catalogue.languages)
    if unknown:
        raise UsageError(
            f"the region has no {', '.join(sorted(unknown))}",
            hint=f"it has {', '.join(catalogue.languages)}",
        )
    spoken = [code for code in catalogue.languages if code in (wish.languages or (code,))]
    shown = replace(catalogue, region={**catalogue.region, "languages": spoken})
    app.state.current = _Fixed(current, shown)
    app.state.exported = True
    app.state.search.completed(shown)
    app.router.routes[:0] = [
        Route("/{lang}/search", _search),
        Route("/{lang}/online", _online),
        Route("/{lang}/sql", console.exported if wish.files else _online),
    ]
    with building(target) as tree, tempfile.TemporaryDirectory() as raw:
        work = _Work(app, shown, tree, Path(raw), base, wish.files, tell)
        return work.run()


def _search(request: Request) -> Response:
    asked(request)
    return render(request, "exporting/search.html", {})


def _online(request: Request) -> Response:
    asked(request)
    return render(request, "exporting/online.html", {})


@dataclass
class _Work:
    app: Starlette
    catalogue: Catalogue
    tree: Tree
    raw: Path
    base: str
    files: bool
    tell: Tell
    held: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    pages: dict[str, tuple[str, Path]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def run(self) -> Exported:
        self._statics()
        if self.files:
            self._engine()
        asyncio.run(self._walk())
        self._index()
        for position, (address, (name, path)) in enumerate(self.pages.items()):
            self.tell("writing", position, len(self.pages))
            html = rewrite(path.read_text(), self._rules(address, name))
            self.tree.write(name, html.encode())
        self._root()
        pages = len(self.pages) + 1
        size = sum(one["bytes"] for one in self.tree.files.values())
        exported = Exported(
            self.catalogue.number, pages, len(self.tree.files) - pages, size, 0, tuple(self.broken)
        )
        self.tree.finish(
            {
                "release": self.catalogue.number,
                "released": self.catalogue.created.isoformat(),
                "languages": list(self.catalogue.languages),
                "base_url": self.base or None,
            }
        )
        return replace(exported, kept=self.tree.kept)

    async def _walk(self) -> None:
        shown = {slug: dataset.number for slug, dataset in self.catalogue.datasets.items()}
        walk = Walk(self.catalogue.languages, bool(self.base), self.files, shown)
        for code in self.catalogue.languages:
            for below in ("/", "/search", "/online", "/sql"):
                walk.add(f"/{code}{below}")
        with (await get(self.app, "/sitemap.xml")).body as body:
            sitemap = body.read().decode()
        for location in _LOCATION.findall(sitemap):
            walk.add(unescape(location).removeprefix(self.base))
        if self.base:
            for address in ("/robots.txt", "/sitemap.xml", "/datapackage.json"):
                walk.add(address)
            said = Voice(self.catalogue, Addresses(self.base))
            for number in range(1, catalogues.pages(said) + 1):
                for suffix in SYNTAXES:
                    walk.add(f"/catalogue.{suffix}" + (f"?page={number}" if number > 1 else ""))
            if self.files:
                self._release_file()
        for done, step in enumerate(walk):
            self.tell(step.address, done, walk.known)
            answer = await get(self.app, step.address)
            with answer.body:
                self._take(walk, step, answer)

    def _take(self, walk: Walk, step: Step, answer: Answer) -> None:
        """Keep an answer, and follow what it leads to."""
        if answer.status in (301, 302, 303, 307, 308):
            there = addresses.bare(answer.headers["location"]).removeprefix(self.base)
            self.aliases[step.address] = there
            walk.add(there)
        elif answer.status >= 500:
            raise ExportError(f"{step.address} cannot be made: status {answer.status}")
        elif answer.status != 200:
            self.broken.append(step.address)
        elif answer.page:
            name = addresses.place(step.address, page=True)
            path = self.raw / str(len(self.pages))
            html = answer.body.read().decode()
            path.write_text(html)
            self.pages[step.address] = (name, path)
            self.held[step.address] = name
            for found in links(html):
                self._lead(walk, found, step)
        else:
            said = _SAVE_AS.search(answer.headers.get("content-disposition", ""))
            name = addresses.place(step.address, page=False, save_as=said[1] if said else "")
            self.held[step.address] = name
            if answer.media_type in ADDRESSED:
                text = addresses.without_query(answer.body.read().decode())
                self.tree.write(name, text.encode())
            else:
                self.tree.write_stream(name, answer.body)

    def _lead(self, walk: Walk, found: Link, page: Step) -> None:
        file = _FILE.fullmatch(addresses.bare(found.address))
        if file is None:
            walk.follow(found, page)
        elif self.files:
            self._published(walk, addresses.bare(found.address), *file.groups())

    def _published(self, walk: Walk, address: str, slug: str, version: str, name: str) -> None:
        """Take a file of a dataset, of the version that the release shows."""
        dataset = self.catalogue.datasets.get(slug)
        if dataset is None or version not in ("latest", str(dataset.number)):
            return
        there = f"/files/{slug}/{dataset.number}/{name}"
        if there != address:
            self.aliases[address] = there
        if there in self.held:
            return
        if name not in dataset.files:
            walk.add(there)
            return
        file = dataset.files[name]
        source = self.catalogue.sound(dataset.folder, file)
        self.tree.copy(there[1:], source, file.sha256)
        self.held[there] = there[1:]

    def _release_file(self) -> None:
        """The catalogue for DuckDB: it names its tables by the address of the portal."""
        name = "catalogue.duckdb"
        file = self.catalogue.files.get(name)
        if file is not None:
            source = self.catalogue.sound(self.catalogue.folder, file)
            for there in (name, f"releases/{self.catalogue.number}/{name}"):
                self.tree.copy(there, source, file.sha256)
                self.held[f"/{there}"] = there

    def _statics(self) -> None:
        folder = TEMPLATES.parent / "static"
        for path in sorted(folder.rglob("*")):
            try:
                address = STATICS.href(path.relative_to(folder).as_posix())
            except KeyError:
                continue
            self.tree.copy(address[1:], path)
            self.held[address] = address[1:]

    def _engine(self) -> None:
        """DuckDB for browsers, packed as servers of files can send it."""
        worker, wasm = engine.href(engine.WORKER), engine.href(engine.WASM)
        self.tree.write(worker[1:], engine.unpacked(engine.WORKER))
        self.tree.write(f"{wasm[1:]}.gz", engine.gzipped())
        self.held |= {worker: worker[1:], wasm: f"{wasm[1:]}.gz"}

    def _index(self) -> None:
        """The words to search by, and where each dataset's page is."""
        of_datasets = {
            f"{code}/{slug}": self.held[f"/{code}/datasets/{slug}"]
            for slug in self.catalogue.datasets
            for code in self.catalogue.languages
            if f"/{code}/datasets/{slug}" in self.held
        }
        self.tree.write(INDEX, searching.index(self.catalogue, of_datasets))
        self.held[f"/{INDEX}"] = INDEX

    def _rules(self, address: str, name: str) -> Rules:
        code = addresses.path_of(address).strip("/").partition("/")[0]
        searched = f"/{code}/datasets"
        note = environment(code).get_template("exporting/note.html").render(
            region=self.catalogue.region
        )  # fmt: skip
        search = addresses.link(name, self.held[f"/{code}/search"])

        def resolve(wanted: str) -> str | None:
            page, _, fragment = wanted.partition("#")
            page = addresses.bare(page)
            there = self.held.get(self.aliases.get(page, page))
            asked_of = page.removeprefix(f"/{code}/sql?dataset=")
            if there is None and asked_of in self.catalogue.datasets:
                there_ = addresses.link(name, self.held[f"/{code}/sql"])
                return f"{there_}#table-{asked_of}" if self.files else there_
            if there is None:
                asking = page.removeprefix(f"{searched}?")
                return f"{search}?{asking}" if asking.startswith("q=") else None
            return addresses.link(name, there) + (f"#{fragment}" if fragment else "")

        elsewhere = addresses.link(name, self.held[f"/{code}/online"])
        return Rules(resolve, elsewhere, search, searched, note)

    def _root(self) -> None:
        """The page at the top, which goes on to the default language."""
        code = self.catalogue.languages[0]
        variables: dict[str, Any] = {"catalogue": self.catalogue, "region": self.catalogue.region}
        html = environment(code).get_template("exporting/root.html").render(**variables)
        rules = self._rules(f"/{code}/", addresses.INDEX)
        self.tree.write(addresses.INDEX, rewrite(html, rules).encode())


def languages_of(given: Sequence[str] | None) -> tuple[str, ...]:
    """Language codes as given on a command line, each once; UsageError for none that exists."""
    for code in given or ():
        try:
            language(code)
        except OSError as error:
            raise UsageError(f"{code!r} is no language of the portal") from error
    return tuple(dict.fromkeys(given or ()))
