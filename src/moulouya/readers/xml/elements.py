"""Elements of an XML document as they end, read safely: no document type, no entity, no network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from moulouya.errors import ReadError


def elements(file: IO[bytes], name: str, tags: list[str]) -> Iterator[Any]:
    """The elements of some tags (``{*}row``) as they end, in the order in which they end.

    The encoding is the declared one. The caller frees each element it is done with by ``free``.
    Raises ReadError when the document is not well-formed (XML 1.0), has a document type, where
    entities and external files come from, or exceeds libxml2's limits (depth 256, texts of 10 MB).
    """
    from lxml import etree

    try:
        events = etree.iterparse(
            file,
            events=("start", "end"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        _, root = next(events)
        if root.getroottree().docinfo.internalDTD is not None:
            raise ReadError(
                f"{name} has a document type (<!DOCTYPE …>), where entities can be declared",
                hint="data needs none and hostile documents do: ask the publisher for plain XML",
            )
        file.seek(0)
        yield from (
            element
            for _, element in etree.iterparse(
                file,
                events=("end",),
                tag=tags,
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                dtd_validation=False,
                huge_tree=False,
                remove_comments=True,
                remove_pis=True,
            )
        )
    except etree.XMLSyntaxError as error:
        raise ReadError(
            f"{name} is not well-formed XML: {error.msg}",
            hint="is it XML, whole, and in the encoding that it declares?",
        ) from error
    except StopIteration as error:
        raise ReadError(f"{name} is empty") from error


def free(element: Any) -> None:
    """Forget an element, and everything before it, so that memory stays flat."""
    element.clear(keep_tail=True)
    while element is not None:
        parent = element.getparent()
        if parent is not None:
            while element.getprevious() is not None:
                del parent[0]
        element = parent


def local(tag: str) -> str:
    """A tag or an attribute's name without its namespace."""
    return tag.rpartition("}")[2]
