"""Four APIs in one server: Open-Meteo, NASA POWER, OpenAQ, and one that is paged by cursor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

KEY = "a-key-of-nobody"
POWER = """-BEGIN HEADER-
NASA/POWER Source Native Resolution Daily Data
Dates (month/day/year): 11/01/2026 through 11/02/2026 in LST
Location: latitude 34.92   longitude -2.32
elevation from MERRA-2: Average for 0.5 x 0.625 degree lat/lon region = 402.51 meters
The value for missing source data that cannot be computed is: -999
parameter(s):
T2M      MERRA-2 Temperature at 2 Meters (C)
PRECTOTCORR  MERRA-2 Precipitation Corrected (mm/day)
-END HEADER-
YEAR,MO,DY,T2M,PRECTOTCORR
2026,11,1,18.4,0.0
2026,11,2,17.9,-999
"""
MEASUREMENTS = [
    {
        "value": 7.5 + hour,
        "parameter": {"id": 2, "name": "pm25", "units": "µg/m³"},
        "period": {"datetimeFrom": {"utc": f"2026-11-01T{hour:02d}:00:00Z"}},
    }
    for hour in range(5)
]
PERMITS = [{"id": f"P{number:03d}", "commune": "02.113.01.09"} for number in range(1, 8)]


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer all four; yields where, and the key that OpenAQ wants."""
    with answering(_respond) as server:
        yield {
            "https://api.open-meteo.com": server.url,
            "https://power.larc.nasa.gov": server.url,
            "https://api.openaq.org": server.url,
            "https://permits.example.org": server.url,
            "OPENAQ_KEY": KEY,
        }


def _respond(asked: Asked) -> Answer:
    if asked.path == "/v1/forecast":
        return _open_meteo(asked)
    if asked.path == "/api/temporal/daily/point":
        return Answer(POWER.encode(), headers={"Content-Type": "text/csv"})
    if asked.path == "/v3/sensors/3917/measurements":
        return _openaq(asked)
    if asked.path == "/permits":
        return _permits(asked)
    return Answer({"error": f"no {asked.path}"}, 404)


def _open_meteo(asked: Asked) -> Answer:
    names = asked.query["hourly"].split(",")
    hours = [f"2026-11-01T{hour:02d}:00" for hour in range(3)]
    values = {name: [12.5, None, 11.0] for name in names}
    return Answer(
        {
            "latitude": 34.92,
            "longitude": -2.32,
            "utc_offset_seconds": 0,
            "hourly_units": {"time": "iso8601"},
            "hourly": {"time": hours, **values},
        }
    )


def _openaq(asked: Asked) -> Answer:
    if asked.headers.get("x-api-key") != KEY:
        return Answer({"detail": "Unauthorized"}, 401)
    page, limit = int(asked.query["page"]), int(asked.query["limit"])
    rows = MEASUREMENTS[(page - 1) * limit : page * limit]
    return Answer({"meta": {"page": page, "limit": limit, "found": ">2"}, "results": rows})


def _permits(asked: Asked) -> Answer:
    start = int(asked.query.get("after", "0"))
    rows = PERMITS[start : start + 3]
    after = start + 3 if start + 3 < len(PERMITS) else None
    return Answer({"data": rows, "paging": {"next": after and str(after)}})
