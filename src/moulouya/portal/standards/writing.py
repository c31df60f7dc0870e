"""Statements as Turtle, JSON-LD and RDF/XML: one and the same graph in three syntaxes.

Turtle and RDF/XML are written by Oxigraph, which takes a twentieth of rdflib's time; JSON-LD is the
statements' own form as JSON. The same statements give the same bytes in every process.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from moulouya.portal.standards.statements import (
    NAMESPACES,
    Iri,
    Statements,
    Value,
    expanded,
)

if TYPE_CHECKING:
    from pyoxigraph import RdfFormat, Triple

TYPE = "rdf:type"
log = structlog.get_logger("moulouya.portal")
_CONTEXT = dict(NAMESPACES)


def turtle(said: Statements) -> bytes:
    """RDF 1.1 Turtle, the prefixes in their order."""
    from pyoxigraph import RdfFormat

    prefixes, first, rest = _written(said, RdfFormat.TURTLE).partition(b"\n<")
    return b"\n".join(sorted(prefixes.splitlines())) + b"\n" + first + rest


def jsonld(said: Statements) -> bytes:
    """JSON-LD 1.1, flattened: every thing once, with the prefixes as its context."""
    graph = [
        {"@id": address, **dict(_member(*one) for one in thing.items())}
        for address, thing in said.things.items()
    ]
    return orjson.dumps({"@context": _CONTEXT, "@graph": graph})


def _member(name: str, values: list[Value]) -> tuple[str, Any]:
    if name == TYPE:
        return "@type", [value.address for value in values if isinstance(value, Iri)]
    written = [_jsonld_value(value) for value in values]
    return name, written[0] if len(written) == 1 else written


def _jsonld_value(value: Value) -> Any:
    if isinstance(value, Iri):
        return {"@id": value.address}
    if value.language:
        return {"@value": value.text, "@language": value.language}
    return {"@value": value.text, "@type": value.datatype} if value.datatype else value.text


def rdfxml(said: Statements) -> bytes:
    """RDF 1.1 XML, as Canonical XML 2.0 puts the order of namespaces."""
    from lxml import etree
    from pyoxigraph import RdfFormat

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    root = etree.fromstring(_written(said, RdfFormat.RDF_XML), parser)
    canonical: bytes = etree.tostring(root, method="c14n2")
    return canonical


def _written(said: Statements, syntax: RdfFormat) -> bytes:
    from pyoxigraph import serialize

    written = serialize(_triples(said), format=syntax, prefixes=NAMESPACES)
    assert written is not None, "no file was named to write to"
    return written


def _triples(said: Statements) -> Iterator[Triple]:
    """The statements one by one.

    What names no address, such as one without a scheme, is left out and told in the log: one such
    word in a definition must not take the whole catalogue away.
    """
    from pyoxigraph import Literal, NamedNode, Triple

    @cache
    def node(address: str) -> NamedNode | None:
        try:
            return NamedNode(address)
        except ValueError as error:
            log.warning("left out of RDF", address=address[:200], reason=str(error))
            return None

    def written(value: Value) -> NamedNode | Literal | None:
        if isinstance(value, Iri):
            return node(value.address)
        if value.language:
            return Literal(value.text, language=value.language)
        datatype = node(expanded(value.datatype)) if value.datatype else None
        return Literal(value.text, datatype=datatype)

    for address, thing in said.things.items():
        subject = node(address)
        for short, values in thing.items():
            name = node(expanded(short))
            for value in values:
                meant = written(value)
                if subject is not None and name is not None and meant is not None:
                    yield Triple(subject, name, meant)
