"""What must be true of every page, in every language, on a phone and on a desk, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .looking import Watched, english_left
from .world import LANGUAGES

Open = Callable[..., Watched]
# Lists that the measure of a page must find empty, and what one entry of each is.
NONE_OF = {
    "empty": "a heading without a word",
    "jumps": "a heading that leaves out a level",
    "wide": "sticks out of the page",
    "main": "a main control lower than 44 px",
    "twice": "an id that occurs twice",
    "images": "an image that did not load",
    "nameless": "names an id that is not there",
}


def sound(watched: Watched, code: str) -> Iterator[str]:
    """What is wrong with the structure, the size and the language of an open page."""
    found = watched.measure()
    direction = LANGUAGES[code]
    if (found["lang"], found["dir"], found["direction"]) != (code, direction, direction):
        yield f"language or direction: {found['lang']} {found['dir']} {found['direction']}"
    if not found["styled"]:
        yield "the style did not load"
    if found["h1"] != 1:
        yield f"{found['h1']} headings of level 1"
    if found["scroll"] > found["width"]:
        yield f"{found['scroll']} px wide on a screen of {found['width']} px"
    for name, what in NONE_OF.items():
        yield from (f"{what}: {one}" for one in found[name])
    if code == "ar":
        yield from (f"not translated: {text}" for text in english_left(watched.texts()))
