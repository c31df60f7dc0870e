"""Which of the files that lie at a source are taken: the newest, all, or the new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Take = Literal["newest", "all", "new"]
LONGEST_NAME = 200  # bytes; file systems take 255


@dataclass(frozen=True)
class Offer:
    """One file at a source: ``mark`` changes when its content does, ``age`` orders them."""

    name: str
    mark: str
    age: tuple[Any, ...]
    bytes: int


def chosen(
    take: Take, offers: Sequence[Offer], state: dict[str, Any]
) -> tuple[list[Offer], dict[str, Any]] | None:
    """The files to take, oldest first, and the state that remembers them; None: nothing is new.

    What is no longer offered is forgotten, so that the state does not grow for ever.
    """
    taken: dict[str, str] = state.get("taken", {})
    ordered = sorted(offers, key=lambda offer: (*offer.age, offer.name))
    if take == "new":
        fresh = [offer for offer in ordered if taken.get(offer.name) != offer.mark]
        kept = {offer.name: offer.mark for offer in ordered}
        return (fresh, {"taken": kept}) if fresh else None
    picked = ordered[-1:] if take == "newest" else ordered
    marks = {offer.name: offer.mark for offer in picked}
    return None if marks == taken else (picked, {"taken": marks})


def fits_a_file(name: str) -> bool:
    """Whether a name that a stranger chose can name a file in a folder of ours, and only there."""
    return (
        name not in ("", ".", "..")
        and "/" not in name
        and name.isprintable()
        and len(name.encode(errors="surrogatepass")) <= LONGEST_NAME
    )
