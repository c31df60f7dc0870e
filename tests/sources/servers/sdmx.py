"""An SDMX 2.1 REST service with one dataflow, in XML, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.loopback import Answer, Asked, Server, answering

MESSAGE = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
RATES = {"2026-09": "9.9512", "2026-10": "9.9800"}
XML = (
    f'<?xml version="1.0"?><mes:StructureSpecificData xmlns:mes="{MESSAGE}" '
    'xmlns:ss="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/structurespecific">'
    '<mes:Header><mes:ID>1</mes:ID><mes:Structure structureID="S" '
    'dimensionAtObservation="TIME_PERIOD"/></mes:Header><mes:DataSet ss:structureRef="S">'
    '<Series FREQ="M" CURRENCY="MAD" UNIT="EUR">'
    + "".join(f'<Obs TIME_PERIOD="{at}" OBS_VALUE="{rate}"/>' for at, rate in RATES.items())
    + "</Series></mes:DataSet></mes:StructureSpecificData>"
)
CSV = "DATAFLOW,FREQ,CURRENCY,TIME_PERIOD,OBS_VALUE\n" + "".join(
    f"BANK:EXR(1.0),M,MAD,{at},{rate}\n" for at, rate in RATES.items()
)


@dataclass
class Service:
    """How the service answers."""

    etag: str = '"v1"'
    html: bool = False

    def answer(self, asked: Asked) -> Answer:
        """The data of the flow EXR, in the form that is asked for."""
        if self.html:
            return Answer(b"<!doctype html><html><body>Maintenance</body></html>")
        if asked.path not in ("/rest/data/EXR/M.MAD", "/rest/data/BANK,EXR,1.0/M.MAD+USD"):
            error = b"<mes:Error xmlns:mes='x'><mes:ErrorMessage code='100'/></mes:Error>"
            return Answer(error, 404)
        if asked.headers.get("if-none-match") == self.etag:
            return Answer(status=304)
        body = CSV if "csv" in asked.headers.get("accept", "") else XML
        return Answer(body.encode(), headers={"ETag": self.etag})


@contextmanager
def serving(service: Service) -> Iterator[Server]:
    """Run the service."""
    with answering(service.answer) as server:
        yield server


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Play the service of the reference page."""
    with serving(Service()) as server:
        yield {"https://sdmx.example.org": server.url}
