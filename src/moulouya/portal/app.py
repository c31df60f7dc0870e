"""The portal as an ASGI application: every public address in one place."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal import crawlers, downloads, feeds, health, problems
from moulouya.portal.api import routes as api
from moulouya.portal.api.ahead import Ahead
from moulouya.portal.ckan import routes as ckan
from moulouya.portal.console import page as console
from moulouya.portal.current import PATIENCE, Current
from moulouya.portal.dataset import views as dataset
from moulouya.portal.dataset.codebook import Codebooks
from moulouya.portal.drawing import pages as drawing
from moulouya.portal.freshness import Looks
from moulouya.portal.goals import pages as goals
from moulouya.portal.headers import Guard
from moulouya.portal.mcp import routes as mcp
from moulouya.portal.ogc import routes as ogc
from moulouya.portal.participation import routes as participation
from moulouya.portal.participation.views import open_desk
from moulouya.portal.places import routes as places
from moulouya.portal.preflight import Preflight
from moulouya.portal.query import service as query
from moulouya.portal.records import routes as records
from moulouya.portal.remembering import Remembering
from moulouya.portal.rendering import STATICS
from moulouya.portal.search import pages as search
from moulouya.portal.search.engine import Search
from moulouya.portal.standards import routes as standards
from moulouya.portal.usage import Counting, Usage
from moulouya.settings import Settings
from moulouya.storage.lake import look_into


def static(request: Request) -> Response:
    """``/static/<hash of all>/<path>``: style, scripts, fonts and images."""
    digest, name = request.path_params["digest"], request.path_params["name"]
    served = STATICS.serve(request, digest, name)
    if served is None:
        raise HTTPException(404)
    return served


# They are tried in their order: programs ask the API far more often than people ask for pages.
ROUTES = [
    *api.ROUTES,
    Route("/health/live", health.live),
    Route("/health/ready", health.ready),
    Route("/robots.txt", crawlers.robots),
    Route("/sitemap.xml", crawlers.sitemap),
    Route("/sitemap-{number:int}.xml", crawlers.sitemap_part),
    Route("/feeds/{name}.{form}", feeds.feed),
    Route("/feeds/places/{code}.{form}", feeds.feed_of_place),
    Route("/catalogue.duckdb", downloads.catalogue_file),
    Route("/files/{slug}/{version}/{file}", downloads.dataset_file),
    Route("/releases/{number}/{file}", downloads.release_file),
    Route("/static/{digest}/{name:path}", static),
    *standards.ROUTES,
    *ogc.ROUTES,
    *api.PAGES,
    *ckan.ROUTES,
    *participation.ROUTES,
    *records.ROUTES,
    *drawing.ROUTES,
    *query.ROUTES,
    *mcp.ROUTES,
    *console.ROUTES,
    *dataset.ROUTES,
    *places.ROUTES,
    *goals.ROUTES,
    *search.ROUTES,
]


def create_app(settings: Settings, look_every: float = 1.0) -> Starlette:
    """The portal of one lake, reading it only; a newer release is noticed by itself.

    ``look_every``: seconds between two looks for one.
    """
    app = Starlette(
        routes=ROUTES,
        # What is remembered has the headers of the guard already.
        middleware=[
            Middleware(Counting),
            Middleware(Remembering),
            Middleware(Guard),
            Middleware(Preflight),
        ],
        exception_handlers={HTTPException: problems.refused, Exception: problems.crashed},
    )
    app.router.redirect_slashes = False
    lake = look_into(settings, patience=PATIENCE)
    app.state.public_url = settings.public_url.rstrip("/")
    marks = settings.state_root / "portal" / "verified"
    app.state.current = Current(lake, look_every, marks=marks, settings=settings)
    app.state.looks = Looks(lake)
    records.prepare(app, settings)
    app.state.ahead = Ahead(settings.state_root / "portal" / "records")
    app.state.codebooks = Codebooks(settings.state_root / "portal" / "codebooks")
    open_desk(app, settings)
    app.state.usage = Usage(settings.state_root / "portal" / "usage.db")
    app.state.search = Search(settings.state_root / "portal" / "search.db")
    app.state.sql = query.Service(settings)
    app.state.mcp = mcp.Running()
    catalogue = app.state.current.catalogue()
    if catalogue is not None:
        app.state.search.prepare(catalogue)
    return app
