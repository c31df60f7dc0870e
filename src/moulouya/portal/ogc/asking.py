"""What a request to OGC API asks for: of which release, in which language, JSON or a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

from moulouya.portal import downloads
from moulouya.portal.api.faults import unknown
from moulouya.portal.languages import NAMES, Language, language, preferred
from moulouya.portal.published import Catalogue
from moulouya.portal.standards.negotiating import wanted

BASE = "/ogc"
JSON, GEOJSON, HTML = "application/json", "application/geo+json", "text/html"
SCHEMA_JSON, CATALOG_JSON = "application/schema+json", "application/ogc-catalog+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_TYPES = (JSON, GEOJSON, SCHEMA_JSON, CATALOG_JSON, OPENAPI.partition(";")[0], HTML)


@dataclass(frozen=True)
class Asked:
    """A request: its release, its language, and its parameters as they are written.

    ``chosen`` is true where the address names the language, so that links keep it.
    """

    request: Request
    catalogue: Catalogue
    language: Language
    given: Mapping[str, str]
    chosen: bool

    @property
    def site(self) -> str:
        """The address of the portal."""
        address: str = self.request.app.state.public_url
        return address

    def href(self, path: str, parameters: Mapping[str, object] | None = None) -> str:
        """An address below ``/ogc``, in the language of this request where it named one.

        ``path`` is encoded as addresses are.
        """
        query = {name: text for name, text in (parameters or {}).items() if name != "lang"}
        if self.chosen:
            query["lang"] = self.language.code
        return f"{self.site}{BASE}{path}{'?' if query else ''}{urlencode(query)}"

    def link(
        self,
        rel: str,
        path: str,
        media: str = JSON,
        title: str = "",
        parameters: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """A link to another document of the API."""
        return link(rel, self.href(path, parameters), media, title, self.language.code)

    def around(self, path: str, media: str = JSON) -> list[dict[str, Any]]:
        """The links to this very document: itself, in other languages, and as pages."""
        query = {name: text for name, text in self.given.items() if name not in ("f", "lang")}
        found = [self.link("self", path, media, "", query)]
        tail = f"?{urlencode(query)}" if query else ""
        for code in self.catalogue.languages:
            if code != self.language.code:
                there = f"{self.site}{BASE}{path}?{urlencode({**query, 'lang': code})}"
                found.append(link("alternate", there, media, NAMES[code], code))
        for code in self.catalogue.languages:
            page = f"{self.site}/{code}{BASE}{path}{tail}"
            found.append(link("alternate", page, HTML, NAMES[code], code))
        return found


def link(rel: str, href: str, media: str = "", title: str = "", code: str = "") -> dict[str, Any]:
    """A link as the standards of OGC write it; what is not known is left out."""
    said = {"rel": rel, "href": href, "type": media, "title": title, "hreflang": code}
    return {name: text for name, text in said.items() if text}


def asked(request: Request, texts: Mapping[str, str]) -> Asked:
    """The request, once its parameters are known; 503 before the first release.

    The page of a document has the language in its path, ``/fr/ogc/…``; 404 for another.
    """
    catalogue = downloads.served(request.app.state.current)
    code = request.path_params.get("lang") or texts.get("lang")
    if code is not None and code not in catalogue.languages:
        if "lang" in request.path_params:
            raise HTTPException(404)
        raise unknown("parameter", "language", code, catalogue.languages, "lang")
    chosen = "lang" in texts
    if code is None:
        code = preferred(request.headers.get("accept-language", ""), catalogue.languages)
    return Asked(request, catalogue, language(code), texts, chosen)


def wants_page(request: Request, texts: Mapping[str, str]) -> bool:
    """True where a page is asked for rather than JSON."""
    if "f" in texts:
        return texts["f"] == "html"
    return wanted(request.headers.get("accept", ""), _TYPES) == HTML
