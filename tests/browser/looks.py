"""How pages look, kept as small pictures: ``python -m tests.browser.looks`` takes them anew.

A picture is the first screen of a page, shrunk until letters are grey: so that another version of a
font or of the browser changes it little, and a lost stylesheet, a moved block or a wrong direction
much.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from . import world

KEPT = Path(__file__).with_name("looks")
PAGES = ("home", "list", "dataset", "rows", "chart", "map", "province", "comparison", "goals",
         "request form", "SQL console")  # fmt: skip
WAYS = {
    "ar": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
    "fr": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}
SHRUNK = 16
# Of 255: how far a block of the page may be from the picture, and all of them together.
MOST_HERE, MOST_IN_ALL = 70.0, 6.0


def taken(page: Page, url: str) -> NDArray[np.float64]:
    """The first screen of a page, one value for every block of 16 × 16 pixels and colour."""
    page.goto(url, wait_until="networkidle")
    page.evaluate("document.fonts.ready")
    image = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    size = (image.width // SHRUNK, image.height // SHRUNK)
    return np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.float64)


def path_of(name: str, code: str) -> Path:
    """Where a picture is kept."""
    return KEPT / f"{name.replace(' ', '_')}-{code}.png"


def kept(name: str, code: str) -> NDArray[np.float64]:
    """The picture that a page should look like."""
    return np.asarray(Image.open(path_of(name, code)).convert("RGB"), dtype=np.float64)


def unlike(seen: NDArray[np.float64], wanted: NDArray[np.float64]) -> str:
    """What tells two pictures apart; empty where they are alike."""
    if seen.shape != wanted.shape:
        return f"{seen.shape} instead of {wanted.shape}"
    apart = np.abs(seen - wanted).mean(axis=2)
    here, in_all = float(apart.max()), float(apart.mean())
    if here <= MOST_HERE and in_all <= MOST_IN_ALL:
        return ""
    row, column = np.unravel_index(apart.argmax(), apart.shape)
    place = f"at {column * SHRUNK}, {row * SHRUNK} px"
    return f"{in_all:.1f} of 255 in all, {here:.0f} {place}"


def main() -> None:
    """Take every picture again."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = world.build_real(Path(folder))
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        with world.served(settings) as portal:
            for code, way in WAYS.items():
                context = browser.new_context(reduced_motion="reduce", **way)  # type: ignore[arg-type]
                for name in PAGES:
                    seen = taken(context.new_page(), f"{portal.url}/{code}{world.PAGES[name]}")
                    KEPT.mkdir(exist_ok=True)
                    picture = Image.fromarray(seen.round().astype(np.uint8))
                    picture.save(path_of(name, code), optimize=True)
                    print(path_of(name, code).name)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
