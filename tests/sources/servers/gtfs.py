"""A railway that serves its timetable as a GTFS feed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

FEED = {
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\nOUJ,Oujda,34.68,-1.91\n",
    "stop_times.txt": "trip_id,stop_sequence,stop_id,arrival_time,departure_time\n"
    "NIGHT,1,FES,23:50:00,23:55:00\nNIGHT,2,OUJ,28:40:00,28:40:00\n",
}


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer the feed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in FEED.items():
            archive.writestr(name, text)

    def respond(asked: Asked) -> Answer:
        return Answer(packed.getvalue()) if asked.path == "/gtfs.zip" else Answer(status=404)

    with answering(respond) as server:
        yield {"https://trains.example.org": server.url}
