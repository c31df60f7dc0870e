"""What is said in RDF: statements about things that all have an address, grouped by thing.

There are no blank nodes, so that the same release always gives the same text, and documents can be
put together by adding one's things to another's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote

NAMESPACES = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "eli": "http://data.europa.eu/eli/ontology#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "gsp": "http://www.opengis.net/ont/geosparql#",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
# What XML 1.0 cannot hold; half a pair of surrogates is no character of its own.
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# What stays as it is in an address: all that RFC 3987 lets stand, and what is encoded already.
_SAFE = "!#$%&'()*+,/:;=?@~"
# Brackets stand around an IPv6 address alone (RFC 3986 §3.2.2).
_LITERAL_HOST = re.compile(r"[a-z]+://\[[0-9a-fA-F:.]+\]")
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


class Iri(NamedTuple):
    """The address of a thing."""

    address: str


class Literal(NamedTuple):
    """A text: in a language, of a datatype (``xsd:date``), or neither."""

    text: str
    language: str = ""
    datatype: str = ""


Value = Iri | Literal
# By the thing's address: its properties in their order, each with its values.
Thing = dict[str, list[Value]]


class Statements:
    """Things by their addresses, in the order in which they were first spoken of."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}

    def say(
        self, address: str, kind: str, said: Mapping[str, Value | Iterable[Value] | None] = {}
    ) -> Iri:
        """Say what a thing is (``dcat:Dataset``, several apart by a space) and more about it.

        Properties without a value are left out; what was said before stays.
        """
        thing = self.things.setdefault(iri(address), {})
        kinds = [Iri(expanded(one)) for one in kind.split()]
        for name, values in {"rdf:type": kinds, **said}.items():
            if values is None:
                continue
            several = [values] if isinstance(values, Iri | Literal) else list(values)
            if several:
                known = thing.setdefault(name, [])
                known += [one for one in dict.fromkeys(several) if one not in known]
        return Iri(iri(address))

    def join(self, others: Statements) -> None:
        """Say all that others say."""
        for address, thing in others.things.items():
            known = self.things.setdefault(address, {})
            for name, values in thing.items():
                kept = known.setdefault(name, [])
                kept += [one for one in values if one not in kept]

    def add(self, others: Statements) -> None:
        """Take over what others say of things that nothing was said of yet: not to be changed."""
        for address, thing in others.things.items():
            self.things.setdefault(address, thing)


def expanded(name: str) -> str:
    """``dcat:Dataset`` as a whole address."""
    prefix, _, local = name.partition(":")
    return NAMESPACES[prefix] + local


def iri(address: str) -> str:
    """An address that every syntax of RDF takes: what none may hold is percent-encoded."""
    told = _BARE_PERCENT.sub("%25", _NO_CHARACTER.sub("", address.strip()))
    before, mark, fragment = told.partition("#")
    host = _LITERAL_HOST.match(before)
    kept = host[0] if host else ""
    after = before.removeprefix(kept)
    return kept + quote(after, safe=_SAFE) + mark + quote(fragment.replace("#", "%23"), safe=_SAFE)


def refer(address: str) -> Iri:
    """The address of something that is spoken of elsewhere."""
    return Iri(iri(address))


def plain(text: object) -> Literal:
    """A text in no language."""
    return Literal(_shown(str(text)))


def _shown(text: str) -> str:
    """A text as XML can hold it: readers of XML take every end of a line for a line feed."""
    return _NO_CHARACTER.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def typed(text: object, datatype: str) -> Literal:
    """A value of a datatype, such as ``xsd:date``."""
    return Literal(str(text), "", datatype)


def spoken(texts: Mapping[str, str], languages: Iterable[str]) -> list[Value]:
    """A text in each language that it is told in."""
    return [Literal(_shown(texts[code]), code) for code in languages if texts.get(code)]
