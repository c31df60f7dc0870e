"""The portal as an ASGI application: every public address in one place."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal import crawlers, downloads, feeds, health, pages, problems
from moulouya.portal.answers import FOREVER, answer
from moulouya.portal.current import PATIENCE, Current
from moulouya.portal.freshness import Looks
from moulouya.portal.headers import Guard
from moulouya.portal.rendering import STATICS
from moulouya.settings import Settings
from moulouya.storage.lake import look_into


def static(request: Request) -> Response:
    """``/static/<name with hash>``: style and images."""
    name = request.path_params["name"]
    if name not in STATICS.served:
        raise HTTPException(404)
    content, media_type = STATICS.served[name]
    return answer(request, content, media_type, cache=FOREVER)


ROUTES = [
    Route("/", pages.home),
    Route("/health/live", health.live),
    Route("/health/ready", health.ready),
    Route("/robots.txt", crawlers.robots),
    Route("/sitemap.xml", crawlers.sitemap),
    Route("/feeds/{name}.{form}", feeds.feed),
    Route("/catalogue.duckdb", downloads.catalogue_file),
    Route("/files/{slug}/{version}/{file}", downloads.dataset_file),
    Route("/releases/{number}/{file}", downloads.release_file),
    Route("/static/{name}", static),
    Route("/{lang}", pages.to_index),
    Route("/{lang}/", pages.index),
    Route("/{lang}/datasets", pages.datasets),
    Route("/{lang}/datasets/{slug}", pages.dataset),
    Route("/{lang}/themes/{theme}", pages.theme),
]


def create_app(settings: Settings, look_every: float = 1.0) -> Starlette:
    """The portal of one lake, reading it only; a newer release is noticed by itself.

    ``look_every``: seconds between two looks for one.
    """
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Guard)],
        exception_handlers={HTTPException: problems.refused, Exception: problems.crashed},
    )
    app.router.redirect_slashes = False
    lake = look_into(settings, patience=PATIENCE)
    app.state.public_url = settings.public_url.rstrip("/")
    marks = settings.state_root / "portal" / "verified"
    app.state.current = Current(lake, look_every, marks=marks, settings=settings)
    app.state.looks = Looks(lake)
    app.state.current.catalogue()
    return app
