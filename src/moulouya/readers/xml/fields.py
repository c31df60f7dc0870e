"""What an XML element says, field by field: its text, its attributes, and what is within it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from moulouya.readers.xml.elements import local

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def fields_of(record: Any, several: set[str]) -> dict[str, str | None]:
    """The fields of a record by their path; adds to ``several`` those that come more than once."""
    found: dict[str, str | None] = {}
    _add_attributes(record, "", found)
    own = text_of(record)
    if own or (own is not None and len(record)):
        found["."] = own
    _add_children(record, "", found, several)
    for level, parent in enumerate(record.iterancestors(), 1):
        for name, value in parent.attrib.items():
            found["../" * level + "@" + local(name)] = value
    return found


def _add_attributes(element: Any, prefix: str, found: dict[str, str | None]) -> None:
    for name, value in element.attrib.items():
        if name != NIL:
            found[f"{prefix}@{local(name)}"] = value


def _add_children(
    element: Any, prefix: str, found: dict[str, str | None], several: set[str]
) -> None:
    named = [(prefix + child.tag.rpartition("}")[2], child) for child in element]
    if len({path for path, _ in named}) < len(named):
        times = Counter(path for path, _ in named)
        several.update(path for path, number in times.items() if number > 1)
    for path, child in named:
        if path in several:
            if path not in found:
                listed = [_value(one) for other, one in named if other == path]
                found[path] = json.dumps(listed, ensure_ascii=False, separators=(",", ":"))
        elif len(child) or child.attrib:
            text = text_of(child)
            if text is not None:
                found[path] = text
            _add_attributes(child, f"{path}/", found)
            _add_children(child, f"{path}/", found, several)
        else:
            found[path] = child.text or ""


def text_of(element: Any) -> str | None:
    """An element's text; that of mixed content whole; None where it has none, or is nil."""
    if element.get(NIL) in ("true", "1"):
        return None
    if not len(element):
        return element.text or ""
    between = [element.text, *(child.tail for child in element)]
    if any(text and text.strip() for text in between):
        return "".join(element.itertext())
    return None


def _value(element: Any) -> Any:
    """An element in a JSON list: its text, or an object where it has more."""
    text = text_of(element)
    attributes = {f"@{local(name)}": v for name, v in element.attrib.items() if name != NIL}
    if not len(element) and not attributes:
        return text
    value: dict[str, Any] = attributes
    times = Counter(local(child.tag) for child in element)
    for child in element:
        name = local(child.tag)
        if times[name] > 1:
            value.setdefault(name, []).append(_value(child))
        else:
            value[name] = _value(child)
    if text:
        value["."] = text
    return value
