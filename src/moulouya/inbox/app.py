"""The inbox over HTTP: hand in a file, look at its receipt. It never lists what others sent."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from moulouya.inbox import form, names, tokens
from moulouya.inbox.rates import Rates
from moulouya.inbox.receiving import announced, arrive
from moulouya.inbox.refusals import WORDS, Refused
from moulouya.inbox.tokens import Token
from moulouya.sources import uploads

UPLOADS_A_MINUTE = 30  # by one token
REQUESTS_A_MINUTE = 120  # from one address
FAILURES_A_MINUTE = 10  # wrong tokens from one address
log = structlog.get_logger("moulouya.inbox")


class Inbox:
    """What the answers need: the folder, how much a dataset takes, and who did how much."""

    def __init__(
        self, root: Path, cap_of: Callable[[str], int | None], *, behind_proxy: bool = False
    ) -> None:
        self.root = root
        self.cap_of = cap_of
        self.behind_proxy = behind_proxy
        self.rates = Rates()

    def address(self, request: Request) -> str:
        """Who asks: the peer, or what the proxy in front says of it."""
        if self.behind_proxy:
            forwarded = request.headers.get("x-forwarded-for", "")
            return forwarded.rpartition(",")[2].strip() or "unknown"
        return request.client.host if request.client else "unknown"

    def counted(self, request: Request) -> str:
        """Count a request from its address, and say the address."""
        address = self.address(request)
        self.rates.check(f"from {address}", REQUESTS_A_MINUTE)
        self.rates.count(f"from {address}")
        return address

    async def partner(self, address: str, text: str) -> Token:
        """The token of who asks; raises Refused without a valid one, or after many wrong ones."""
        self.rates.check(f"wrong {address}", FAILURES_A_MINUTE)
        token = await run_in_threadpool(tokens.recognised, self.root, text)
        if token is None:
            self.rates.count(f"wrong {address}")
            raise Refused(401, "token", headers={"WWW-Authenticate": 'Bearer realm="inbox"'})
        return token

    async def take(
        self,
        token: Token,
        slug: str,
        name: str,
        chunks: AsyncIterator[bytes],
        *,
        digest: str | None = None,
        length: int | None = None,
    ) -> tuple[uploads.Upload, bool]:
        """Keep what comes as an upload, durably; raises Refused."""
        if slug != token.slug:
            raise Refused(403, "other-dataset")
        self.rates.check(f"by {token.id}", UPLOADS_A_MINUTE)
        self.rates.count(f"by {token.id}")
        name = names.checked(name)
        most = await run_in_threadpool(self.cap_of, slug)
        if most is None:
            raise Refused(404, "no-dataset")
        if length is not None and length > most:
            raise Refused(413, "too-large")
        arrived = await arrive(chunks, self.root, most, digest)
        upload, new = await run_in_threadpool(
            lambda: uploads.keep(
                self.root,
                arrived.folder,
                slug=slug,
                name=name,
                size=arrived.bytes,
                sha256=arrived.sha256,
                partner=token.partner,
            )
        )
        log.info("received", id=upload.receipt.id, bytes=arrived.bytes, new=new)
        return upload, new


def create_app(
    root: Path, cap_of: Callable[[str], int | None], *, behind_proxy: bool = False
) -> Starlette:
    """The application; ``cap_of`` tells the largest upload of a dataset, None where it has none."""
    app = Starlette(
        routes=[
            Route("/inbox/", show_form, methods=["GET"]),
            Route("/inbox/", take_form, methods=["POST"]),
            Route("/inbox/health", healthy, methods=["GET"]),
            Route("/inbox/receipts/{id}", show_receipt, methods=["GET"]),
            Route("/inbox/{slug}/{name}", take_file, methods=["PUT"]),
        ],
        exception_handlers={
            Refused: refused,
            HTTPException: refused_by_routing,
            Exception: crashed,
        },
    )
    app.state.inbox = Inbox(root, cap_of, behind_proxy=behind_proxy)
    return app


async def take_file(request: Request) -> Response:
    """PUT of a file: 201 with the receipt, or 200 with the one it got before."""
    inbox: Inbox = request.app.state.inbox
    address = inbox.counted(request)
    token = await inbox.partner(address, _bearer(request))
    upload, new = await inbox.take(
        token,
        request.path_params["slug"],
        request.path_params["name"],
        request.stream(),
        digest=announced(request.headers),
        length=_length(request),
    )
    location = {"Location": f"/inbox/receipts/{upload.receipt.id}"} if new else {}
    return _json(upload.told(), 201 if new else 200, location)


async def take_form(request: Request) -> Response:
    """POST of the page's form: a page with the receipt, or with the reason why not."""
    inbox: Inbox = request.app.state.inbox
    try:
        address = inbox.counted(request)
        given = form.Form()
        await given.open(request)
        token = await inbox.partner(address, given.fields.get("token", ""))
        upload, _ = await inbox.take(
            token, given.fields.get("slug", ""), given.file_name or "", given.body()
        )
    except form.FormError:
        return form.page(request, status=400, refusal="form")
    except Refused as error:
        answer = form.page(request, status=error.status, refusal=error.reason)
        answer.headers.update(error.headers)
        return answer
    return form.page(request, status=201, receipt=upload.told())


async def show_form(request: Request) -> Response:
    """The page with the form."""
    request.app.state.inbox.counted(request)
    return form.page(request)


async def show_receipt(request: Request) -> Response:
    """A receipt, to the partner who got it."""
    inbox: Inbox = request.app.state.inbox
    token = await inbox.partner(inbox.counted(request), _bearer(request))
    upload = await run_in_threadpool(uploads.find, inbox.root, request.path_params["id"])
    mine = upload is not None and (upload.receipt.slug, upload.receipt.partner) == (
        token.slug,
        token.partner,
    )
    if upload is None or not mine:
        raise Refused(404, "not-found")
    return _json(upload.told(), 200)


async def healthy(request: Request) -> Response:
    """Whether the process answers."""
    return _json({"status": "ok"}, 200)


def _bearer(request: Request) -> str:
    """The token in the Authorization header: as Bearer, or as the password of Basic."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return value.strip() if scheme.lower() == "bearer" else ""


def _length(request: Request) -> int | None:
    value = request.headers.get("content-length", "")
    return int(value) if value.isdecimal() else None


def _json(value: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(value, status, {"Cache-Control": "no-store", **(headers or {})})


def refused(request: Request, error: Exception) -> Response:
    """A refusal as problem details in the language that is asked for (RFC 9457)."""
    assert isinstance(error, Refused)
    language = form.language_of(request)
    body = {
        "type": f"urn:moulouya:inbox:{error.reason}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": WORDS[error.reason][language],
    }
    headers = {"Cache-Control": "no-store", "Content-Language": language, **error.headers}
    return JSONResponse(body, error.status, headers, "application/problem+json")


def refused_by_routing(request: Request, error: Exception) -> Response:
    """An address or a method that is not there."""
    assert isinstance(error, HTTPException)
    reason = "method" if error.status_code == 405 else "not-found"
    return refused(request, Refused(error.status_code, reason, headers=dict(error.headers or {})))


def crashed(request: Request, error: Exception) -> Response:
    """An error nobody expected: 500, and a line in the log."""
    log.error("request failed", path=request.url.path, error=repr(error))
    return refused(request, Refused(500, "crashed"))
