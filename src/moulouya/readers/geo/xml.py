"""Events of an XML file as KML and GML are read: streamed, without a DTD, without the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from lxml import etree

from moulouya.errors import ReadError


def events(file: IO[bytes], name: str) -> Iterator[tuple[str, Any]]:
    """Start and end of every element. The caller clears what it is done with.

    Raises ReadError when the file is not well-formed, or has a document type declaration, which
    neither KML nor GML has and in which entity attacks are written.
    """
    parsed = etree.iterparse(
        file, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    first = True
    try:
        for event, element in parsed:
            if first and element.getroottree().docinfo.doctype:
                raise ReadError(f"{name} has a document type declaration, which is not accepted")
            first = False
            yield event, element
    except etree.XMLSyntaxError as error:
        raise ReadError(f"{name} is not well-formed XML: {error}") from error


def local(element: Any) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def namespace(element: Any) -> str:
    """The namespace of an element, empty where it has none."""
    return str(element.tag).rpartition("}")[0].removeprefix("{")


def forget(element: Any) -> None:
    """Free an element that has been read, and those before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
