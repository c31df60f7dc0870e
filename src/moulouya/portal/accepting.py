"""Which of the formats on offer a client likes best (RFC 9110 §12.5.1)."""

from __future__ import annotations

from collections.abc import Mapping

LONGEST = 1000


def best(accept: str, offered: Mapping[str, str]) -> str | None:
    """The format whose media type an Accept header gives the most weight; None for none of them.

    ``offered``: formats by media type, ``text/*`` and ``*/*`` among them, which come after what is
    named whole. The first of several with the same weight is taken.
    """
    found: tuple[float, str] | None = None
    for part in accept[:LONGEST].split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        form = offered.get(media)
        weight = _weight(parameters) - (0.0005 if "*" in media else 0)
        if form is not None and weight > 0 and (found is None or weight > found[0]):
            found = weight, form
    return found[1] if found else None


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
