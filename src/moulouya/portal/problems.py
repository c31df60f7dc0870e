"""Answers to what cannot be answered: a page in the reader's language, or JSON for programs."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moulouya.portal.absence import NoMore
from moulouya.portal.accepting import best
from moulouya.portal.headers import SECURITY
from moulouya.portal.languages import N_, language
from moulouya.portal.rendering import language_of, render

MACHINE_PATHS = (
    "/api/", "/files/", "/releases/", "/exports/", "/bulk/", "/catalogue.", "/datasets/",
    "/health/", "/static/", "/datastore/", "/engine/", "/ogc", "/openapi.json",
)  # fmt: skip
# Files: programs fetch them, and so does whoever follows an old link in a browser.
FILE_PATHS = ("/files/", "/releases/", "/exports/", "/bulk/")
PAGE, DOCUMENT = "page", "document"
READ = {
    "text/html": PAGE, "application/xhtml+xml": PAGE, "application/problem+json": DOCUMENT,
    "application/json": DOCUMENT, "*/*": DOCUMENT,
}  # fmt: skip
WORDS = {
    400: (
        N_("This address asks for something that is not understood"),
        N_("Go back to the page before, or begin again from the list of datasets."),
    ),
    404: (
        N_("This page does not exist"),
        N_("The address may be mistyped, or the dataset may have another name."),
    ),
    405: (
        N_("This address cannot be used in this way"),
        N_("Go back to the page before, and use its form or its links."),
    ),
    410: (
        N_("This is no longer published"),
        N_("It was here once and has been withdrawn or has expired."),
    ),
    500: (
        N_("Something went wrong on our side"),
        N_("The fault has been written down. Please try again in a few minutes."),
    ),
    503: (
        N_("The catalogue is being prepared"),
        N_("Nothing has been published yet. Please come back in a few minutes."),
    ),
}
log = structlog.get_logger("moulouya.portal")


def refused(request: Request, error: Exception) -> Response:
    """Answer an HTTPException."""
    assert isinstance(error, HTTPException)
    gone = error if isinstance(error, NoMore) else None
    answered = problem(request, error.status_code, error.detail, gone)
    answered.headers.update(error.headers or {})
    if "allow" in answered.headers:
        answered.headers["Allow"] = ", ".join(sorted(answered.headers["allow"].split(", ")))
    return answered


def crashed(request: Request, error: Exception) -> Response:
    """Answer an error nobody expected: 500; the server writes the traceback to the log."""
    log.error("request failed", path=request.url.path, error=repr(error))
    response = problem(request, 500)
    # The server's last resort lies outside the middleware that adds these.
    response.headers.update(SECURITY)
    return response


def problem(
    request: Request, status: int, detail: str | None = None, gone: NoMore | None = None
) -> Response:
    """The page or the JSON that says what is wrong."""
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Language"}
    if status == 503:
        headers["Retry-After"] = "30"
    phrase = HTTPStatus(status).phrase
    if request.url.path.startswith(MACHINE_PATHS) and not _browsed(request):
        body: dict[str, object] = {"type": "about:blank", "title": phrase, "status": status}
        if gone is not None:
            detail = " ".join(gone.told(language("en")))
            body |= gone.to_json()
        if detail and detail != phrase:
            body["detail"] = detail
        headers["Access-Control-Allow-Origin"] = "*"
        return JSONResponse(body, status, headers, "application/problem+json")
    title, advice = WORDS.get(status, WORDS[404 if status < 500 else 500])
    reader = language_of(request)
    variables = {
        "title": reader.text(title),
        "advice": reader.text(advice),
        "told": gone.told(reader) if gone is not None else [],
        "instead": gone.slug if gone is not None and gone.successor is not None else "",
        "status": status,
    }
    page = render(request, "problem.html", variables, status=status, cache="no-store")
    page.headers.update(headers)
    return page


def _browsed(request: Request) -> bool:
    """Whether a file was asked for by a browser, which says that it would rather have a page."""
    accept = request.headers.get("accept", "")
    return request.url.path.startswith(FILE_PATHS) and best(accept, READ) == PAGE
