"""``/api/v1/sql``: who asks, what, and whether the answer is known; then a place in the queue."""

from __future__ import annotations

import asyncio

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya import serving
from moulouya.errors import LakeError
from moulouya.portal.answers import matches
from moulouya.portal.kept import Kept
from moulouya.portal.published import Catalogue
from moulouya.portal.query import asking, keeping, limits
from moulouya.portal.query.answering import Answering, from_kept
from moulouya.portal.query.asking import Asked
from moulouya.portal.query.forker import Forker
from moulouya.portal.query.limits import Client
from moulouya.portal.query.pool import Pool, Unavailable
from moulouya.portal.query.worker import LAYERS, Job
from moulouya.portal.query.wrong import Wrong
from moulouya.portal.usage import may_be_counted
from moulouya.settings import Settings

MOST_TABLES = 200
EXPOSED = (
    "ETag, RateLimit, RateLimit-Policy, Result-Limit, Result-Release, Result-Rows, "
    "Result-Truncated, Retry-After"
)
ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": EXPOSED,
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PREFLIGHT = {
    **ALLOWED,
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, From, If-None-Match, "
    "X-Api-Key",
    "Access-Control-Max-Age": "86400",
}
log = structlog.get_logger("moulouya.portal")


class Service:
    """What the statements of one portal process have in common."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tiers = limits.tiers(settings)
        self.allowances = limits.Allowances()
        self.kept: Kept[keeping.Result] = Kept(
            keeping.MOST_BYTES, lambda result: len(result.body), keeping.LARGEST
        )
        self._pool: Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._first: Forker | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of protection that are on: both, but in tests of one of them."""
        named = {word.strip() for word in self.settings.sql_layers.split(",")}
        return tuple(layer for layer in LAYERS if layer in named)

    def begin(self, catalogue: Catalogue | None) -> None:
        """Start the first server process ahead of the first request; it need not be waited for."""
        if catalogue is None or not self.settings.sql_workers:
            return
        try:
            path = catalogue.sound(catalogue.folder, catalogue.files[serving.METADATA])
            self._first = self._make().forker_for(catalogue.number, path)
        except (LakeError, KeyError, OSError) as error:
            log.warning("statements cannot be run yet", reason=str(error))

    def pool(self) -> Pool:
        """The workers, in the event loop that runs."""
        loop = asyncio.get_running_loop()
        if self._pool is None or self._loop is not loop:
            if self._pool is not None and self._loop is not None:
                self._pool.stop()
                self._pool = None
            self._pool = self._pool or self._make()
            self._loop = loop
            self._pool.adopt(self._first)
            self._first = None
        return self._pool

    def _make(self) -> Pool:
        return Pool(self.settings.sql_workers, self.settings.sql_memory, self.layers)

    async def forker(self, catalogue: Catalogue) -> Forker:
        """The server process for a release; raises Unavailable."""
        try:
            metadata = catalogue.sound(catalogue.folder, catalogue.files[serving.METADATA])
        except (LakeError, KeyError) as error:
            raise Unavailable("the catalogue of this release is damaged") from error
        return await self.pool().start(catalogue.number, metadata)

    def state(self) -> dict[str, object] | None:
        """What health tells; None where nobody has used or started it."""
        if not self.settings.sql_workers:
            return {"status": "off"}
        if self._pool is None:
            return {"status": "starting", "layers": self.layers} if self._first else None
        problem = self._pool.problem
        status = "unavailable" if problem else "ready"
        return {"status": status, "problem": problem, "layers": self.layers}


async def sql(request: Request) -> Response:
    """``/api/v1/sql``: run one statement that only reads."""
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=PREFLIGHT)
    headers = dict(ALLOWED)
    try:
        return await _answered(request, headers)
    except Wrong as wrong:
        return wrong.response(headers)


async def _answered(request: Request, headers: dict[str, str]) -> Response:
    service: Service = request.app.state.sql
    if not service.settings.sql_workers:
        raise Wrong(503, "unavailable", "this portal runs no statements", retry_after=86400)
    current = request.app.state.current
    catalogue: Catalogue | None = (
        await run_in_threadpool(current.catalogue) if current.due() else current.served
    )
    if catalogue is None:
        raise Wrong(503, "unavailable", "nothing has been published yet", retry_after=30)
    asked = await asking.read(request)
    who = _client(service, request, asked)
    wait = service.allowances.take(who)
    headers |= service.allowances.headers(who) | {"Result-Release": str(catalogue.number)}
    if wait:
        raise Wrong(
            429, "too-many-requests", "the allowance of this minute is used up",
            "RateLimit says what is left; a key gives more", retry_after=int(wait) + 1,
        )  # fmt: skip
    rows = who.tier.rows if asked.limit is None else min(asked.limit, who.tier.rows)
    named = _named(catalogue, asked.sql)
    tag = None
    if keeping.repeatable(asked):
        tag = keeping.key(catalogue.number, asked, who.tier, rows)
        known = request.method in ("GET", "HEAD") and request.headers.get("if-none-match")
        if known and matches(known, f'"{tag}"'):
            _count(request, named)
            return Response(
                None, 304, {**headers, "ETag": f'W/"{tag}"', "Cache-Control": "no-cache"}
            )
        kept = service.kept.find(tag)
        if kept is not None:
            _count(request, named)
            return from_kept(request, asked, kept, headers, tag)
    job = Job(
        sql=asked.sql,
        parameters=asked.parameters,
        format=asked.format,
        shape=asked.shape,
        explain=asked.explain,
        rows=rows,
        bytes=who.tier.bytes,
        seconds=min(asked.timeout or who.tier.seconds, who.tier.seconds),
        memory=service.settings.sql_memory,
        release=catalogue.number,
        tables=await run_in_threadpool(_tables, catalogue, named),
        layers=list(service.layers),
    )
    _count(request, named)
    return Answering(service, request, asked, who, job, catalogue, tag, headers)


def _client(service: Service, request: Request, asked: Asked) -> Client:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = request.headers.get("x-api-key", "") or (token if scheme.lower() == "bearer" else "")
    address = _address(request, service.settings.proxies)
    try:
        return limits.client(
            service.tiers, service.settings.sql_keys,
            address=address, key=key.strip(), contact=asked.contact,
        )  # fmt: skip
    except limits.UnknownKey:
        raise Wrong(401, "unknown-key", "this key is not known here", "leave it out") from None


def _address(request: Request, proxies: int) -> str:
    """The address that a request came from, as far as the proxies in front may be believed."""
    chain = request.headers.get("x-forwarded-for", "").split(",")
    if proxies and len(chain) >= proxies:
        return chain[-proxies].strip()
    return request.client.host if request.client is not None else ""


def _named(catalogue: Catalogue, text: str) -> tuple[str, ...]:
    """The datasets that a statement may read: every word of it that is one's name.

    A dataset too many is opened in vain. Only the worker looks at more of the text than its words.
    """
    words = keeping.WORDS.findall(text.lower())
    return tuple(dict.fromkeys(word for word in words if word in catalogue.datasets))[:MOST_TABLES]


def _tables(catalogue: Catalogue, named: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """The files of some datasets, their hashes verified; raises Wrong."""
    found = []
    for slug in named:
        dataset = catalogue.datasets[slug]
        file = dataset.files.get(serving.file_name(slug))
        if file is None:
            continue
        try:
            path = catalogue.sound(dataset.folder, file)
        except LakeError as error:
            log.error("a table is damaged", dataset=slug, reason=error.message)
            detail = f"the table {slug} cannot be read now"
            raise Wrong(503, "unavailable", detail, retry_after=60) from error
        found.append((dataset.theme, slug, str(path)))
    return found


def _count(request: Request, named: tuple[str, ...]) -> None:
    if may_be_counted(request.headers):
        for slug in named:
            request.app.state.usage.count(slug, "api")


ROUTES = [Route("/api/v1/sql", sql, methods=["GET", "POST", "OPTIONS"])]
