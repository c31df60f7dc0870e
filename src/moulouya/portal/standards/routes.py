"""The addresses of the catalogue in the standards of metadata."""

from __future__ import annotations

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moulouya.portal import downloads
from moulouya.portal.answers import answer
from moulouya.portal.dataset.versions import newest
from moulouya.portal.languages import preferred
from moulouya.portal.standards import catalogue as catalogues
from moulouya.portal.standards import dcat, documents, services, writing
from moulouya.portal.standards.asking import OPEN, dataset_of, version_of, voice_of
from moulouya.portal.standards.negotiating import wanted
from moulouya.portal.standards.statements import Statements

SYNTAXES: dict[str, tuple[str, Callable[[Statements], bytes]]] = {
    "ttl": ("text/turtle; charset=utf-8", writing.turtle),
    "jsonld": ("application/ld+json", writing.jsonld),
    "rdf": ("application/rdf+xml", writing.rdfxml),
}
MOST_VERSIONS = 20


def catalogue(request: Request) -> Response:
    """``/catalogue.<ttl|jsonld|rdf>?page=2``: the whole catalogue in DCAT-AP."""
    voice = voice_of(request)
    suffix = request.url.path.rpartition(".")[2]
    number = downloads.number_of(request.query_params.get("page", "1"))
    last = catalogues.pages(voice)
    if number > last:
        raise HTTPException(404, f"the catalogue has {last} pages")
    said = catalogues.page(voice, number, suffix, _paths(request))
    there = f"{voice.addresses.catalogue}.{suffix}?page="
    links = [f'<{there}1>; rel="first"', f'<{there}{last}>; rel="last"']
    if number > 1:
        links.append(f'<{there}{number - 1}>; rel="prev"')
    if number < last:
        links.append(f'<{there}{number + 1}>; rel="next"')
    return _written(request, said, suffix, ", ".join(links))


def dataset(request: Request) -> Response:
    """``/datasets/<slug>.<ttl|jsonld|rdf>``: one dataset, its versions and services."""
    voice = voice_of(request)
    found = dataset_of(request, voice.catalogue)
    said = dcat.dataset(voice, found)
    services.tell(said, voice, _paths(request), [found.slug])
    said.join(dcat.versions(voice, newest(voice.catalogue, found, MOST_VERSIONS)))
    about = f'<{voice.addresses.dataset(found.slug)}>; rel="about"'
    return _written(request, said, _suffix(request), about)


def version(request: Request) -> Response:
    """``/datasets/<slug>/versions/<n>.<ttl|jsonld|rdf>``: one version in DCAT-AP."""
    voice = voice_of(request)
    found = version_of(request, voice.catalogue)
    said = dcat.version(voice, found)
    about = f'<{voice.addresses.version(found.slug, found.number)}>; rel="about"'
    return _written(request, said, _suffix(request), about)


def thing(request: Request) -> Response:
    """``/catalogue``, ``/datasets/<slug>``, ``…/versions/<n>``: to a page, or to what says it."""
    current = request.app.state.current
    served = downloads.served(current)
    path = request.url.path
    if "slug" in request.path_params:
        dataset_of(request, served)
    kinds = {media_type.partition(";")[0]: suffix for suffix, (media_type, _) in SYNTAXES.items()}
    chosen = wanted(request.headers.get("accept", ""), ["text/html", *kinds])
    if chosen in kinds:
        there = f"{path}.{kinds[chosen]}"
    else:
        code = preferred(request.headers.get("accept-language", ""), served.languages)
        there = f"/{code}{path}" if path != "/catalogue" else f"/{code}/datasets"
    headers = {"Vary": "Accept, Accept-Language", "Cache-Control": "public, max-age=60", **OPEN}
    return RedirectResponse(there, 303, headers)


def pointer(request: Request) -> Response:
    """``/.well-known/void``: where IANA's registry says that a description of the data is."""
    downloads.served(request.app.state.current)
    return downloads.redirect("/catalogue.ttl")


def _suffix(request: Request) -> str:
    suffix: str = request.path_params["form"]
    if suffix not in SYNTAXES:
        raise HTTPException(404, f"the formats are {', '.join(SYNTAXES)}")
    return suffix


def _written(request: Request, said: Statements, suffix: str, link: str) -> Response:
    media_type, write = SYNTAXES[suffix]
    return answer(request, write(said), media_type, headers={**OPEN, "Link": link})


def _paths(request: Request) -> frozenset[str]:
    """The addresses that the portal answers at."""
    return frozenset(route.path for route in request.app.routes if isinstance(route, Route))


ROUTES = [
    *(Route(f"/catalogue.{suffix}", catalogue) for suffix in SYNTAXES),
    Route("/catalogue", thing),
    Route("/.well-known/void", pointer),
    *documents.ROUTES,
    Route("/datasets/{slug}/versions/{number}.{form}", version),
    Route("/datasets/{slug}/versions/{number}", thing),
    Route("/datasets/{slug}.{form}", dataset),
    Route("/datasets/{slug}", thing),
]
