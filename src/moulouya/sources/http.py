"""A file behind an http or https address, asked for only when it changed."""

from __future__ import annotations

import datetime as dt
import os
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from moulouya.definition import HttpSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 5.0
LONGEST_NAME = 200  # bytes; file systems take 255


def fetch(source: HttpSource, request: Request) -> Delivery | None:
    """Download the file by a conditional GET; None when the server answers 304.

    The body is asked for unencoded, so that the kept bytes are those that were hashed, and its
    length is held against ``Content-Length``. Passing troubles are tried three times; a server
    that asks for a longer wait (``Retry-After``) gets it from the scheduler instead.
    """
    for attempt in Retrying(
        stop=stop_after_attempt(3),
        wait=wait_exponential_jitter(multiplier=0.5, max=LONGEST_WAIT),
        retry=retry_if_exception(_soon),
        reraise=True,
    ):
        with attempt:
            return _fetch_once(source, request)
    raise AssertionError("tenacity re-raises the last error")


def _soon(error: BaseException) -> bool:
    return (
        isinstance(error, SourceError) and error.retry and (error.retry_after or 0) <= LONGEST_WAIT
    )


def _fetch_once(source: HttpSource, request: Request) -> Delivery | None:
    url = str(source.url)
    headers = {
        "User-Agent": request.user_agent,
        "Accept-Encoding": "identity",
        **{name: _from_environment(value) for name, value in source.headers.items()},
    }
    if request.etag:
        headers["If-None-Match"] = request.etag
    elif request.last_modified:
        headers["If-Modified-Since"] = request.last_modified
    try:
        with (
            httpx.Client(timeout=request.timeout, follow_redirects=True, max_redirects=5) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            conditional = request.etag or request.last_modified
            if response.status_code == httpx.codes.NOT_MODIFIED and conditional:
                return None
            _raise_for_status(url, response)
            name = _file_name(url)
            _save(url, response, request.folder / name, request.max_bytes)
            return Delivery(
                members=(name,),
                url=url,
                status=response.status_code,
                headers=dict(response.headers),
                etag=response.headers.get("etag"),
                last_modified=response.headers.get("last-modified"),
            )
    except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise SourceError(
            f"{url}: {type(error).__name__}: {error or 'no answer in time'}",
            hint="the source may be down; the last good version stays published",
            retry=True,
        ) from error
    except httpx.HTTPError as error:
        raise SourceError(f"{url}: {type(error).__name__}: {error}") from error


def _file_name(url: str) -> str:
    """The last part of an address where it can name a file, else ``body``."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    fit = name not in ("", "..") and "\0" not in name and len(name.encode()) <= LONGEST_NAME
    return name if fit else "body"


def _from_environment(value: str) -> str:
    name = value.removeprefix("env:")
    if name == value:
        return value
    try:
        return os.environ[name]
    except KeyError as error:
        raise SourceError(f"the environment variable {name} is not set") from error


def _raise_for_status(url: str, response: httpx.Response) -> None:
    if response.is_success:
        return
    status = response.status_code
    hint = {
        401: "the source wants credentials: set a header from the environment (env:NAME)",
        403: "the source refuses: check its terms, or credentials",
        404: "the address is wrong or the file was moved: check source.url",
        410: "the publisher withdrew the file",
    }.get(status)
    raise SourceError(
        f"{url} answered {status} {response.reason_phrase}",
        hint=hint,
        retry=status in RETRIED,
        retry_after=_retry_after(response.headers.get("retry-after")),
    )


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, from either form of Retry-After (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    if value.isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:  # "-0000": UTC, of an unknown zone
        when = when.replace(tzinfo=dt.UTC)
    return max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())


def _save(url: str, response: httpx.Response, path: Path, max_bytes: int) -> None:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise SourceError(
            f"{url} sent a {response.headers['content-encoding']} body though it was asked not to"
        )
    size = 0
    with path.open("wb") as file:
        for block in response.iter_raw():
            size += len(block)
            if size > max_bytes:
                raise SourceError(
                    f"{url} is larger than {max_bytes} bytes", hint="raise MOULOUYA_HTTP_MAX_BYTES"
                )
            file.write(block)
    declared = response.headers.get("content-length")
    if declared is not None and int(declared) != size:
        raise SourceError(f"{url} broke off: {size} of {declared} bytes arrived", retry=True)
