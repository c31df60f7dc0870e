"""What a partner may call a file: the name is kept, shown, and never made a path of."""

from __future__ import annotations

import re
import unicodedata

from moulouya.inbox.refusals import Refused

LONGEST = 200  # bytes
# Of files that carry data. What a browser or a shell would run is not among them.
SUFFIXES = frozenset(
    (
        *("csv", "tsv", "tab", "txt", "json", "jsonl", "ndjson", "xml", "xls", "xlsx", "ods"),
        *("parquet", "arrow", "feather", "geojson", "gpkg", "gml", "kml", "kmz"),
        *("shp", "shx", "dbf", "prj", "zip", "gz", "bz2", "zst", "xz", "tar", "tgz", "7z"),
    )
)
_FORM = re.compile(r"\w[\w .()+-]*\.(?P<suffix>[A-Za-z0-9]+)")


def checked(name: str) -> str:
    """The name in its normal form; raises Refused for one that is no data file's.

    Letters of every script, digits, blanks, ``. _ - + ( )``, beginning with a letter or digit:
    no separators, drives, control characters or marks that turn the direction of the text.
    """
    normal = unicodedata.normalize("NFC", name)
    found = _FORM.fullmatch(normal)
    if (
        found is None
        or found["suffix"].lower() not in SUFFIXES
        or not normal.isprintable()
        or len(normal.encode()) > LONGEST
    ):
        raise Refused(422, "name")
    return normal
