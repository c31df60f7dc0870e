"""Feeds of what was published, changed and withdrawn: Atom (RFC 4287) and JSON Feed 1.1."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import quote

import orjson
from lxml import etree
from lxml.builder import ElementMaker
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from moulouya.ledger import stamp
from moulouya.portal import history
from moulouya.portal.answers import answer
from moulouya.portal.languages import N_, Language, language
from moulouya.portal.places.index import Place, places_of
from moulouya.portal.places.mentioned import mentioned, rows_about
from moulouya.portal.published import Catalogue, PublishedFile, report
from moulouya.storage.lake import Lake

MOST = 50
ALL = "datasets"
ATOM, JSON = "application/atom+xml", "application/feed+json"
MEDIA_TYPES = {"atom": ATOM, "json": JSON}
NAMESPACE = "http://www.w3.org/2005/Atom"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# Characters that no XML document can hold; a reason is whatever a person typed.
IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_atom = ElementMaker(namespace=NAMESPACE, nsmap={None: NAMESPACE})
_html = ElementMaker()


@dataclass(frozen=True)
class Entry:
    """One entry of a feed, in one language."""

    id: str
    url: str
    title: str
    sentences: tuple[str, ...]
    at: dt.datetime
    publisher: str
    theme: str
    files: tuple[tuple[str, PublishedFile], ...]
    about: dict[str, Any]


@dataclass(frozen=True)
class Feed:
    """A feed in one language, before it has a form.

    ``name`` stands in its address, which says the language unless it was asked for ``unsaid``.
    """

    name: str
    title: str
    description: str
    page: str
    author: str
    language: Language
    languages: tuple[str, ...]
    base: str
    updated: dt.datetime
    entries: tuple[Entry, ...]
    unsaid: bool = False

    def address(self, form: str, code: str | None = None) -> str:
        """Where the feed is for good, in a form and a language."""
        return f"{self.base}/feeds/{self.name}.{form}?lang={code or self.language.code}"

    def here(self, form: str) -> str:
        """Where it was asked for: what a feed says of itself has to be where it is."""
        address = self.address(form)
        return address.partition("?")[0] if self.unsaid else address


def feed(request: Request) -> Response:
    """``/feeds/<slug>.atom`` and ``.json``, ``datasets.atom`` for all; ``?lang=`` says which."""
    catalogue, spoken = _asked(request)
    name, lake = request.path_params["name"], request.app.state.current.lake
    if name != ALL and not history.known(lake, catalogue, name):
        raise HTTPException(404)
    return _written(request, gather(lake, catalogue, name, spoken, request.app.state.public_url))


def feed_of_place(request: Request) -> Response:
    """``/feeds/places/<code>.atom`` and ``.json``: datasets that have rows about a place."""
    catalogue, spoken = _asked(request)
    places = places_of(catalogue)
    found = places.by_code.get(request.path_params["code"]) if places is not None else None
    if found is None:
        raise HTTPException(404)
    state = request.app.state
    made = gather_of_place(state.current.lake, catalogue, found, spoken, state.public_url)
    return _written(request, made)


def _asked(request: Request) -> tuple[Catalogue, Language]:
    """The release and the language; 404 for a form or a language that no feed has."""
    catalogue: Catalogue | None = request.app.state.current.catalogue()
    if catalogue is None:
        raise HTTPException(503)
    code = request.query_params.get("lang", catalogue.languages[0])
    if request.path_params["form"] not in MEDIA_TYPES or code not in catalogue.languages:
        raise HTTPException(404)
    return catalogue, language(code)


def _written(request: Request, made: Feed) -> Response:
    form, code = request.path_params["form"], made.language.code
    made = replace(made, unsaid="lang" not in request.query_params)
    body = {"atom": atom, "json": json_feed}[form](made)
    headers = {
        "Content-Language": code,
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return answer(request, body, f"{MEDIA_TYPES[form]}; charset=utf-8", headers=headers)


def gather(lake: Lake, catalogue: Catalogue, name: str, spoken: Language, base: str) -> Feed:
    """The feed of one dataset, or of all of them, as of a release."""
    if name == ALL:
        events = history.of_all(lake, catalogue, MOST)
    else:
        events = list(islice(history.of_dataset(lake, catalogue, name), MOST))
    region = catalogue.region
    entries = tuple(_entry(event, catalogue, spoken, base) for event in events)
    title, page = region["title"][spoken.code], f"{base}/{spoken.code}/"
    description = region["description"][spoken.code]
    if name != ALL and events:
        definition = events[0].version.record["definition"]
        title = f"{definition['title'][spoken.code]} · {title}"
        description = definition["description"][spoken.code]
        page = f"{base}/{spoken.code}/datasets/{name}"
    return Feed(
        name=name,
        title=spoken.text("%(title)s: what changes", title=title),
        description=description,
        page=page,
        author=region["title"][spoken.code],
        language=spoken,
        languages=catalogue.languages,
        base=base,
        updated=max((entry.at for entry in entries), default=catalogue.created),
        entries=entries,
    )


def gather_of_place(
    lake: Lake, catalogue: Catalogue, place: Place, spoken: Language, base: str
) -> Feed:
    """The feed of the datasets that have rows about a place now, as of a release."""
    wanted = mentioned(catalogue, [place.code], spoken)
    slugs = rows_about(catalogue, list(catalogue.datasets.values()), wanted, spoken)
    events = history.of_several(lake, catalogue, slugs, MOST)
    entries = tuple(_entry(event, catalogue, spoken, base) for event in events)
    name, region = place.names[spoken.code], catalogue.region["title"][spoken.code]
    return Feed(
        name=f"places/{quote(place.code)}",
        title=spoken.text("%(title)s: what changes", title=f"{name} · {region}"),
        description=spoken.text(
            N_("New and withdrawn versions of the datasets that have rows about %(place)s."),
            place=name,
        ),
        page=f"{base}/{spoken.code}/places/{quote(place.code)}",
        author=region,
        language=spoken,
        languages=catalogue.languages,
        base=base,
        updated=max((entry.at for entry in entries), default=catalogue.created),
        entries=entries,
    )


def _entry(event: history.Event, catalogue: Catalogue, spoken: Language, base: str) -> Entry:
    version, withdrawal = event.version, event.withdrawal
    zone = catalogue.region.get("timezone", "UTC")
    address = f"{base}/files/{version.slug}/{version.number}"
    named = {
        "title": version.record["definition"]["title"][spoken.code],
        "number": spoken.number(version.number),
    }
    about: dict[str, Any] = {"slug": version.slug, "version": version.number}
    if withdrawal is not None:
        said = [history.withdrawal_sentence(withdrawal, spoken)]
        about |= {"event": "withdrawn", "by": withdrawal.by, "reason": withdrawal.reason}
    else:
        said = history.sentences(version, spoken, zone)
        changes = report(version, "changes.json")
        parts = {part: changes.get(part) for part in ("rows", "columns", "values", "metadata")}
        about |= {"event": "published", "rows": version.rows, "changes": parts}
    return Entry(
        id=f"{address}/version.json" + (f"#withdrawn-{stamp(event.at)}" if withdrawal else ""),
        url=f"{base}/{spoken.code}/datasets/{version.slug}#changes",
        title=spoken.text("%(title)s: version %(number)s withdrawn", **named)
        if withdrawal
        else spoken.text("%(title)s: version %(number)s", **named),
        sentences=tuple(said),
        at=event.at,
        publisher=version.record["publisher"]["name"][spoken.code],
        theme=version.record["theme"],
        files=tuple(
            (f"{address}/{name}", file)
            for name, file in version.files.items()
            if event.there and name.startswith(f"{version.slug}.")
        ),
        about=about,
    )


def atom(feed: Feed) -> bytes:
    """A feed as an Atom document."""
    code = feed.language.code
    root = _atom.feed(
        {LANG: code},
        _atom.id(feed.address("atom")),
        _atom.title(_clean(feed.title)),
        _atom.subtitle(_clean(feed.description)),
        _atom.updated(stamp(feed.updated)),
        _atom.author(_atom.name(_clean(feed.author))),
        _atom.link(rel="self", type=ATOM, href=feed.here("atom")),
        _atom.link(rel="alternate", type="text/html", hreflang=code, href=feed.page),
        _atom.link(rel="alternate", type=JSON, hreflang=code, href=feed.address("json")),
        *(
            _atom.link(rel="alternate", type=ATOM, hreflang=other,
                       href=feed.address("atom", other))
            for other in feed.languages
            if other != code
        ),
        *(_atom_entry(entry, feed.language) for entry in feed.entries),
    )  # fmt: skip
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def _atom_entry(entry: Entry, spoken: Language) -> Any:
    return _atom.entry(
        _atom.id(entry.id),
        _atom.title(_clean(entry.title)),
        _atom.updated(stamp(entry.at)),
        _atom.published(stamp(entry.at)),
        _atom.author(_atom.name(_clean(entry.publisher))),
        _atom.category(term=entry.theme),
        _atom.link(rel="alternate", type="text/html", hreflang=spoken.code, href=entry.url),
        *(
            _atom.link(rel="enclosure", type=file.media_type, length=str(file.bytes), href=href)
            for href, file in entry.files
        ),
        _atom.content(_content(entry, spoken), type="html"),
    )


def json_feed(feed: Feed) -> bytes:
    """A feed as a JSON Feed; ``_moulouya`` holds what programs ask for."""
    return orjson.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "description": feed.description,
            "home_page_url": feed.page,
            "feed_url": feed.here("json"),
            "language": feed.language.code,
            "authors": [{"name": feed.author}],
            "items": [_item(entry, feed.language) for entry in feed.entries],
        }
    )


def _item(entry: Entry, spoken: Language) -> dict[str, Any]:
    return {
        "id": entry.id,
        "url": entry.url,
        "title": entry.title,
        "content_html": _content(entry, spoken),
        "content_text": "\n".join(entry.sentences),
        "date_published": stamp(entry.at),
        "authors": [{"name": entry.publisher}],
        "tags": [entry.theme],
        "attachments": [
            {"url": href, "mime_type": file.media_type, "size_in_bytes": file.bytes}
            for href, file in entry.files
        ],
        "_moulouya": entry.about,
    }


def _content(entry: Entry, spoken: Language) -> str:
    """The sentences as a list in HTML, in their writing direction."""
    points = (_html.li(_clean(sentence)) for sentence in entry.sentences)
    block = _html.div(_html.ul(*points), dir=spoken.dir, lang=spoken.code)
    return str(etree.tostring(block, encoding="unicode"))


def _clean(text: str) -> str:
    return IMPOSSIBLE.sub("", text)
