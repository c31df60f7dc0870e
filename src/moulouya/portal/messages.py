"""The message catalogues' upkeep: ``python -m moulouya.portal.messages`` after a text changed."""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from moulouya.portal.languages import FOLDER, LOCALES

PORTAL = Path(__file__).parent
METHODS = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
HEADER_NOISE = tuple(
    f'"{name}'
    for name in ("Project-Id", "Report-Msgid", "POT-Cre", "PO-Rev", "Last-Tr", "Language-T", "Gen")
)
KEYWORDS = {"_": None, "N_": None, "text": None, "count": (1, 2)}


def extract() -> Catalog:
    """Every text of the templates and the code that readers see."""
    found = Catalog()
    options = {"**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
    for name, _, message, _, _ in extract_from_dir(
        str(PORTAL), METHODS, options, keywords=KEYWORDS, strip_comment_tags=True
    ):
        found.add(message, locations=[(name, 0)])
    return found


def update() -> None:
    """Bring each .po file up to the texts in use; new ones wait there, empty, for a translator."""
    found = extract()
    for code in LOCALES:
        path = FOLDER / f"{code}.po"
        with path.open("rb") as file:
            catalogue = read_po(file, locale=code)
        catalogue.update(found, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        if code == "en":
            for message in catalogue:
                if message.id:
                    message.string = message.id
        write(path, catalogue)


def write(path: Path, catalogue: Catalog) -> None:
    """Write a .po file in one form, without dates, so that only changed texts show in a diff."""
    written = io.BytesIO()
    write_po(written, catalogue, no_location=True, sort_output=True, width=100)
    kept = [
        line
        for line in written.getvalue().decode().splitlines(keepends=True)
        if not line.startswith(HEADER_NOISE)
    ]
    path.write_text("".join(kept), encoding="utf-8")


if __name__ == "__main__":
    update()
