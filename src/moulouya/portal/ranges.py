"""HTTP byte ranges (RFC 9110 §14): which bytes of a file a ``Range`` header asks for."""

from __future__ import annotations

import re

MOST_RANGES = 32
_SPEC = re.compile(r"(\d{1,18})?-(\d{1,18})?", re.ASCII)


class NotSatisfiable(Exception):
    """No range of the header touches the file: the answer is 416."""


def parse_range(header: str, size: int) -> list[tuple[int, int]]:
    """The (first, past the last) byte offsets asked for, in the order asked.

    An empty list means that the header is to be ignored and the whole file sent: another unit, bad
    syntax, or ranges that together are more than the file (an attack, RFC 9110 §17.15).
    Raises NotSatisfiable when the header is right but no range lies within the file.
    """
    unit, equals, specs = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return []
    parts = [part.strip(" \t") for part in specs.split(",")]
    parts = [part for part in parts if part]
    if not parts or len(parts) > MOST_RANGES:
        return []
    spans: list[tuple[int, int]] = []
    for part in parts:
        match = _SPEC.fullmatch(part)
        if match is None or match[1] is match[2] is None:
            return []
        if match[1] is None:
            length = int(match[2])
            span = (max(size - length, 0), size) if length else None
        else:
            first = int(match[1])
            last = int(match[2]) if match[2] is not None else size - 1
            if match[2] is not None and last < first:
                return []
            span = (first, min(last + 1, size))
        if span is not None and span[0] < span[1]:
            spans.append(span)
    if not spans:
        raise NotSatisfiable
    if len(spans) > 1 and sum(end - start for start, end in spans) > size:
        return []
    return spans
