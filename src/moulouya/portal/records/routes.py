"""The addresses of rows and of files made from them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from moulouya.portal.records import bulk, explore, exports
from moulouya.portal.records.making import Slots
from moulouya.portal.records.spool import Spool
from moulouya.settings import Settings

ROUTES: list[Route] = [
    Route("/{lang}/datasets/{slug}/data", explore.data),
    Route("/{lang}/embed/{slug}/data", explore.embedded),
    Route("/exports/{slug}/{version}/{file}", exports.export),
    Route("/bulk/catalogue.zip", bulk.newest),
    Route("/bulk/themes/{theme}.zip", bulk.newest),
    Route("/bulk/{number}/catalogue.zip", bulk.bundle),
    Route("/bulk/{number}/themes/{theme}.zip", bulk.bundle),
]


def prepare(app: Starlette, settings: Settings) -> None:
    """What the routes keep: files made on request, and how many are made at once."""
    app.state.spool = Spool(settings.state_root / "portal" / "exports")
    app.state.slots = Slots()
