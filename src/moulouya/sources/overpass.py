"""OpenStreetMap objects that an Overpass query finds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlencode

from moulouya import web
from moulouya.definition import OverpassSource
from moulouya.errors import SourceError
from moulouya.sources.answers import refuse_mismatch
from moulouya.sources.delivery import Delivery, Request

# An answer may be large and is not parsed here: what it says about itself stands at its ends.
END = 64 * 1024
REMARK = r'"remark"\s*:\s*("(?:[^"\\]|\\.)*")'
AT_THE_END = re.compile(r"[\]}]\s*,\s*" + REMARK + r"\s*\}\s*$")
AT_THE_START = re.compile(REMARK)
AS_OF = re.compile(r'"timestamp_osm_base"\s*:\s*"([^"]*)"')
SETTINGS = re.compile(r"\s*((?:\[[^\]]*\]\s*)+);")


def fetch(source: OverpassSource, request: Request) -> Delivery:
    """Run the query and keep its answer.

    Raises SourceError: with ``retry`` when the server is busy (429, 504) or says in a remark,
    with status 200, that it gave up: what came then is a part of the result.
    """
    url = str(source.url)
    path = request.folder / "elements.json"
    with web.client(source, request) as client:
        response = client.download(
            url,
            path,
            method="POST",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({"data": query(source)}).encode(),
        )
    assert response is not None, "only a conditional request is answered by 304"
    refuse_mismatch(path, source, url)
    start, end = _ends(path)
    remark = AT_THE_END.search(end) or AT_THE_START.search(start)
    if remark is not None:
        said = json.loads(remark[1])
        raise SourceError(
            f"{url} gave up: {said}",
            hint="raise source.timeout, or ask for a smaller area or fewer objects",
            retry=True,
        )
    if not end.rstrip().endswith("}") or '"elements"' not in start + end:
        raise SourceError(f"{url} answered no list of elements", retry=True)
    as_of = AS_OF.search(start)
    return Delivery(
        members=(path.name,),
        url=response.url,
        status=response.status,
        headers=response.headers,
        source_version=as_of[1] if as_of else None,
    )


def query(source: OverpassSource) -> str:
    """The query with the settings that it needs: JSON out, and the time it may take."""
    found = SETTINGS.match(source.query)
    settings = re.sub(r"\s", "", found[1]) if found else ""
    rest = source.query[found.end() :] if found else source.query
    if "[timeout:" not in settings:
        settings = f"[timeout:{source.timeout}]{settings}"
    if "[out:" not in settings:
        settings = f"[out:json]{settings}"
    return f"{settings};{rest}"


def _ends(path: Path) -> tuple[str, str]:
    """The text before the first element, and the last of the file."""
    with path.open("rb") as file:
        start = file.read(END).decode("utf-8", "replace")
        file.seek(max(0, path.stat().st_size - END))
        end = file.read().decode("utf-8", "replace")
    before, mark, _ = start.partition('"elements"')
    return before + mark, end
