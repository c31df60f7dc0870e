"""Column names of a source: told apart where they repeat, found under their own where not."""

from __future__ import annotations

from moulouya.duck import identifier


def distinct(names: list[str]) -> list[str]:
    """Names that DuckDB can tell apart, case folded: one that repeats is name, name#2, …"""
    result: list[str] = []
    taken: set[str] = set()
    for name in names:
        candidate, number = name or "#1", 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{name}#{number}"
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def expressions(names: list[str], columns: list[str]) -> dict[str, str]:
    """Each column under its distinct name, and under its own where no other has that."""
    found = {column: identifier(column) for column in columns}
    for name, column in zip(names, columns, strict=True):
        if name:
            found.setdefault(name, identifier(column))
    return found
