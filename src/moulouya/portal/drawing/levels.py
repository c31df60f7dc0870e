"""Rows that hold one another (a province and its communes, both sexes and men) kept apart."""

from __future__ import annotations

from moulouya.portal.drawing.shape import Shape

BEST_ROWS = 20
ENOUGH_ROWS = 4
Filters = tuple[tuple[str, str], ...]


def steady(
    known: Shape, *, free: tuple[str, ...] = (), level: str | None = None, narrow: bool = True
) -> Filters:
    """The filters that keep rows apart which hold one another; ``free`` columns stay open.

    The level is the given one, else the best for bars (``narrow``), else the one with most places.
    """
    kept = []
    for column in known.of("category"):
        if column.name in free:
            continue
        if known.level is not None and column.name == known.level.name:
            kept.append(
                (column.name, level or (best_level(known) if narrow else finest_level(known)))
            )
        elif column.total:
            kept.append((column.name, column.total))
    return tuple(kept)


def best_level(known: Shape) -> str:
    """The widest level with enough places to compare and few enough for one chart."""
    assert known.level is not None
    rows = {value: share * known.rows for value, share in known.level.shares.items()}
    rows = {value: number / _copies(known) for value, number in rows.items()}
    widest_first = [value for value in known.level.values if value in rows]
    few = [value for value in widest_first if ENOUGH_ROWS - 0.5 <= rows[value] <= BEST_ROWS + 0.5]
    if few:
        return few[0]
    return max(rows, key=lambda value: rows[value]) if rows else next(iter(known.level.values))


def finest_level(known: Shape) -> str:
    """The level with the most places."""
    assert known.level is not None
    shares = known.level.shares
    return max(shares, key=lambda value: shares[value]) if shares else ""


def _copies(known: Shape) -> float:
    """About how many rows one place has, from the other parts of the key."""
    copies = 1.0
    for name in known.key:
        column = known.columns.get(name)
        if column is not None and column.kind == "category" and column != known.level:
            copies *= 1 / max(column.shares.get(column.total, 1.0), 0.01)
    return copies
