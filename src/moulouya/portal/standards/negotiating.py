"""Which representation of a thing a client wants, by its Accept header (RFC 9110 §12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

MOST_READ = 1000


def wanted(accept: str, offered: Sequence[str]) -> str:
    """The offered media type that is liked most; the first one where none or all are.

    Of types that are liked alike, the one that was named most exactly, then the one offered first.
    """
    likes: dict[str, tuple[float, int]] = {}
    for part in accept[:MOST_READ].split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        for one in offered:
            exact = 2 if name == one else 1 if name == f"{one.split('/')[0]}/*" else 0
            if (exact or name == "*/*") and exact >= likes.get(one, (0.0, 0))[1]:
                likes[one] = (weight, exact)
    best = max(
        ((weight, exact, -position, one) for position, one in enumerate(offered)
         for weight, exact in [likes.get(one, (0.0, 0))] if weight > 0),
        default=None,
    )  # fmt: skip
    return best[3] if best is not None else offered[0]
