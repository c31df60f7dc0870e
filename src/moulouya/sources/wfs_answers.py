"""What a Web Feature Service answered: features, how many, or why not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

from moulouya.content import HEAD, looks_like
from moulouya.errors import SourceError
from moulouya.web import Response

BLOCK = 256 * 1024
MEMBERS = frozenset({"member", "featureMember", "featureMembers"})
REPORTS = frozenset({"ExceptionReport", "ServiceExceptionReport"})
LONGEST = 1000  # letters of a service's complaint that are shown


@dataclass
class Answer:
    """The ids of the features that came, empty where one has none, and what was said of them.

    ``returned`` is how many the answer says it holds, ``total`` how many it says there are in
    all, ``more`` that it names a next page.
    """

    ids: list[str] = field(default_factory=list)
    returned: int | None = None
    total: int | None = None
    more: bool = False


def answer(path: Path, response: Response, declared: str) -> Answer | None:
    """Look into an answer; None when it is neither XML nor JSON and need not be.

    Raises SourceError for an exception report, for other XML or JSON than features, and for
    what is not the declared format.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    kind = looks_like(head) or "text"
    if kind in ("html", "text") and declared in ("gml", "geojson"):
        raise SourceError(
            f"{response.url} answered no {declared} but {kind}",
            hint="check source.url: it may be the address of a page for people",
            retry=True,
        )
    if kind in ("xml", "gml", "kml", "sdmx"):
        found = _of_xml(path, response.url)
        if declared not in ("gml", "xml"):
            raise SourceError(
                f"{response.url} answered GML though {declared} was asked for",
                hint="set source.format to gml, or source.output_format to what the service "
                f"calls {declared}",
            )
        return found
    if kind in ("json", "geojson") and declared == "geojson":
        return _of_json(path, response.url)
    if declared in ("gml", "geojson"):
        raise SourceError(
            f"{response.url} answered {kind} though {declared} was asked for",
            hint="set source.output_format, or source.format to what the service sends",
        )
    return None


def feature_types(path: Path) -> list[str]:
    """The names of the feature types in a capabilities document; raises SourceError."""
    found = _Capabilities()
    _parse(path, found, path.name)
    return found.names


def _of_json(path: Path, url: str) -> Answer:
    from moulouya.web.documents import parsed
    from moulouya.web.trouble import Trouble

    try:
        document = parsed(path)
    except Trouble as trouble:
        raise trouble.at(url) from trouble
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise SourceError(f"{url} is no feature collection: {json.dumps(document)[:LONGEST]}")
    totals = [document.get(name) for name in ("numberMatched", "totalFeatures")]
    return Answer(
        ids=[str(feature.get("id", "")) for feature in features],
        returned=_number(document.get("numberReturned")),
        total=next(filter(_is_number, map(_number, totals)), None),
        more=any(link.get("rel") == "next" for link in document.get("links") or ()),
    )


def _of_xml(path: Path, url: str) -> Answer:
    handler = _Features()
    _parse(path, handler, url)
    if handler.root in REPORTS:
        said = " ".join("".join(handler.said).split())[:LONGEST]
        codes = " ".join(handler.codes)
        raise SourceError(
            f"{url} answered with an exception: {said or codes or 'without a reason'}"
            + (f" ({codes})" if said and codes else ""),
            hint="check source.type_name, source.version and source.params",
            retry=handler.codes[:1] in (["NoApplicableCode"], ["OperationProcessingFailed"]),
        )
    if handler.root != "FeatureCollection":
        raise SourceError(
            f"{url} answered no features but {handler.root}",
            hint="check source.url: it is the service, without request=",
        )
    return handler.found


def _parse(path: Path, handler: ContentHandler, url: str) -> None:
    """Feed a document to a handler, as a stream and without entities; raises SourceError."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.expatreader import DefusedExpatParser

    parser = DefusedExpatParser(forbid_dtd=True)
    parser.setContentHandler(handler)
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                parser.feed(block)
        parser.close()
    except DefusedXmlException as error:
        raise SourceError(f"{url} answered XML with a document type or entity: {error}") from error
    except LookupError as error:
        raise SourceError(f"{url} answered XML of an {error}") from error
    except SAXParseException as error:
        raise SourceError(
            f"{url} answered XML that is not whole: line {error.getLineNumber()}: "
            f"{error.getMessage()}",
            hint="services also break off like this when they fail in the middle",
            retry=True,
        ) from error


class _Features(ContentHandler):
    """Counts the features of a collection, or takes down the text of an exception."""

    def __init__(self) -> None:
        super().__init__()
        self.root = ""
        self.depth = 0
        self.holder: int | None = None  # depth of the member element that we are in
        self.found = Answer()
        self.codes: list[str] = []
        self.said: list[str] = []

    def startElement(self, name: str, attrs: Any) -> None:
        self.depth += 1
        local = name.rpartition(":")[2]
        if self.depth == 1:
            self.root = local
            self._opening(attrs)
        elif local in REPORTS:  # put there by a service that failed while it was sending
            self.root = local
        elif self.root in REPORTS:
            self.codes += [attrs[one] for one in ("exceptionCode", "code") if one in attrs]
        elif self.holder is not None and self.depth == self.holder + 1:
            self.found.ids.append(str(attrs.get("gml:id") or attrs.get("fid") or ""))
        elif self.depth == 2 and local in MEMBERS:
            self.holder = self.depth

    def endElement(self, name: str) -> None:
        if self.depth == self.holder:
            self.holder = None
        self.depth -= 1

    def characters(self, content: str) -> None:
        if self.root in REPORTS:
            self.said.append(content)

    def _opening(self, attrs: Any) -> None:
        returned = [attrs.get(one) for one in ("numberReturned", "numberOfFeatures")]
        self.found.returned = next(filter(_is_number, map(_number, returned)), None)
        self.found.total = _number(attrs.get("numberMatched"))
        self.found.more = bool(attrs.get("next"))


class _Capabilities(ContentHandler):
    """Takes down the names of the feature types."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.trail: list[str] = []
        self.text = ""

    def startElement(self, name: str, attrs: Any) -> None:
        self.trail.append(name.rpartition(":")[2])
        self.text = ""

    def characters(self, content: str) -> None:
        self.text += content

    def endElement(self, name: str) -> None:
        if self.trail[-2:] == ["FeatureType", "Name"]:
            self.names.append(self.text.strip())
        self.trail.pop()


def _is_number(value: int | None) -> bool:
    return value is not None


def _number(value: Any) -> int | None:
    """A count, which some services write as text, and as unknown where they do not know it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else None
