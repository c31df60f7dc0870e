"""Offices that publish workbooks, JSON, XML, pages, Parquet and archives."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
import zstandard
from servers.loopback import Answer, Asked, answering

CSV = b"code,people\n113,100\n411,200\n"
STATIONS = {
    "stations": [
        {
            "id": "OUJ-1",
            "place": {"city": "Oujda"},
            "readings": [
                {"at": "2024-09-01T00:00:00Z", "values": {"pm25": 12.5}},
                {"at": "2024-09-01T01:00:00Z", "values": {"pm25": None}},
            ],
        },
        {
            "id": "BER-1",
            "place": {"city": "Berkane"},
            "readings": [{"at": "2024-09-01T00:00:00Z", "values": {"pm25": 9}}],
        },
    ]
}
WEATHER = {
    "latitude": 34.68,
    "hourly": {"time": ["2024-09-01T00:00", "2024-09-01T01:00"], "temperature_2m": [18.7, None]},
}
RAIN = """<?xml version="1.0" encoding="UTF-8"?>
<network year="2024"><station id="1"><name>Berkane</name><at><height>160</height></at></station>
<station id="2"><name>وجدة</name><at><height>465</height></at></station></network>
"""
MARKETS = """<!DOCTYPE html><html lang="fr"><meta charset="utf-8"><table><tr><td>menu</table>
<table><caption>Marchés hebdomadaires</caption><tr><th>Commune<th>Jour
<tr><td>Ahfir<td>jeudi<tr><td>Aklim<td>lundi</table></html>
"""


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer them all."""
    files = {
        "/population.xlsx": _workbook(),
        "/stations.json": STATIONS,
        "/archive.json": WEATHER,
        "/stations.xml": RAIN.encode(),
        "/markets.html": MARKETS.encode(),
        "/facts.parquet": _parquet(),
        "/communes.zip": _archive(),
        "/communes.csv.zst": zstandard.compress(CSV),
    }

    def respond(asked: Asked) -> Answer:
        return Answer(files[asked.path]) if asked.path in files else Answer(status=404)

    with answering(respond) as server:
        hosts = ("stats", "air", "weather", "rain", "town")
        yield {f"https://{host}.example.org": server.url for host in hosts}


def _workbook() -> bytes:
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content)
    french = book.add_worksheet("Communes")
    french.write(0, 0, "Recensement")
    french.merge_range(2, 0, 3, 0, "Code")
    french.merge_range(2, 1, 3, 1, "Nom")
    french.merge_range(2, 2, 2, 3, "Population")
    french.write_row(3, 2, [2014, 2024])
    french.write_row(4, 0, ["113", "Ahfir", 19_218, 20_000])
    french.write_row(5, 0, ["411", "Oujda", 6_745, 7_000])
    french.write(7, 0, "Source: bureau")
    arabic = book.add_worksheet("الجماعات")
    arabic.write_row(3, 0, ["الاسم", "Code"])
    arabic.write_row(4, 0, ["وجدة", "411"])
    arabic.write_row(5, 0, ["أحفير", "113"])
    book.close()
    return content.getvalue()


def _parquet() -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table({"code": ["113", "411"], "people": [100, 200]}), content)
    return content.getvalue()


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("data/2024.csv", CSV)
        archive.writestr("LISEZ-MOI.txt", "Communes")
    return content.getvalue()
