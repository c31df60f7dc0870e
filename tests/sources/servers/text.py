"""Offices that publish delimited and fixed-width text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

LEGAL = """Population légale\r\n
Commune;2014;2024\r\nAïn Béni Mathar;15 832;16 104\r\n"Ahfir";19 630;20 011\r\nSource : HCP\r\n"""
PRICES = "رمز,السعر,التاريخ\n٠١,١٬٢٣٤٫٥,١٢ غشت ٢٠٢٤\n02,98.5,3 شتنبر 2024\n"
RAIN = "OUJ20240901  125\nBER20240901    0\n"


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer them all."""
    files = {
        "/legal.csv": LEGAL.encode("cp1252"),
        "/prices.csv": PRICES.encode(),
        "/rain.txt": RAIN.encode(),
    }

    def respond(asked: Asked) -> Answer:
        return Answer(files[asked.path]) if asked.path in files else Answer(status=404)

    with answering(respond) as server:
        yield {"https://text.example.org": server.url}
