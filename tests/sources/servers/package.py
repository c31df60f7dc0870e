"""An installed package that ships two files of data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME, VERSION = "regional_codes", "2.1.0"
FILES = {
    "regional_codes/data/provinces.csv": "code,name\n02.113,Berkane\n02.381,Jerada\n",
    "regional_codes/data/prefectures.csv": "code,name\n02.411,Oujda-Angad\n",
}


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Install the package into a folder of its own."""
    site = folder / "site"
    about = site / f"{NAME}-{VERSION}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: regional-codes\nVersion: {VERSION}\n"
    )
    (about / "RECORD").write_text("".join(f"{name},,\n" for name in FILES))
    for name, text in FILES.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.path.insert(0, str(site))
    try:
        yield {}
    finally:
        sys.path.remove(str(site))
