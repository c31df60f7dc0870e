"""Objects under a prefix of an S3 bucket, each taken in the version that was listed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import obstore
from obstore import exceptions
from obstore.store import S3Store

from moulouya import credentials
from moulouya.definition import S3Source
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.taking import Offer, chosen, fits_a_file

REGION = "us-east-1"
BLOCK = 4 * 1024**2
LONGEST = dt.timedelta(hours=1)  # for one object, to its last byte


def fetch(source: S3Source, request: Request) -> Delivery | None:
    """Download the objects that match; None when their ETags are those of the last delivery.

    Raises SourceError: with ``retry`` where the store is away or an object changed after it was
    listed; without where the bucket is not there, or refuses.
    """
    url = f"s3://{source.bucket}/{source.prefix}{source.pattern}"
    with _told_plainly(url):
        store = _store(source, request)
        offers = _listed(store, source)
        if not offers and not (source.take == "new" and request.state):
            raise SourceError(
                f"{url}: no object there matches",
                hint="check source.prefix and source.pattern",
                retry=True,
            )
        picked = chosen(source.take, offers, request.state)
    if picked is None:
        return None
    objects, state = picked
    total = sum(offer.bytes for offer in objects)
    if total > request.max_bytes:
        raise SourceError(
            f"{url}: {total} bytes are more than {request.max_bytes}",
            hint="raise MOULOUYA_HTTP_MAX_BYTES, or let source.pattern match less",
        )
    members = [_member(offer.name, source.prefix, url) for offer in objects]
    if len(set(members)) < len(members):
        raise SourceError(f"{url}: two of its objects would be files of the same name")
    for offer, member in zip(objects, members, strict=True):
        with _told_plainly(f"s3://{source.bucket}/{offer.name}"):
            _download(store, offer, request, member)
    single = objects[0] if len(objects) == 1 else None
    return Delivery(
        members=tuple(members),
        url=url if single is None else f"s3://{source.bucket}/{single.name}",
        etag=single.mark if single else None,
        state=state,
    )


def _store(source: S3Source, request: Request) -> S3Store:
    """The bucket; address and credentials are those of the definition, never the environment's."""
    region = source.region or REGION
    endpoint = str(source.endpoint).rstrip("/") if source.endpoint else None
    login: dict[str, Any] = {"skip_signature": True}
    if source.connection is not None:
        known = credentials.connection(source.connection)
        secret = {
            "access_key_id": known.login,
            "secret_access_key": known.password,
            "token": known.extra.get("session_token"),
            "expires_at": None,
        }
        login = {"credential_provider": lambda: secret, "skip_signature": False}
    return S3Store(
        source.bucket,
        region=region,
        endpoint=endpoint or f"https://s3.{region}.amazonaws.com",
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": endpoint is not None and endpoint.startswith("http:"),
            "connect_timeout": dt.timedelta(seconds=min(30.0, request.timeout)),
            "read_timeout": dt.timedelta(seconds=request.timeout),
            "timeout": LONGEST,
            "user_agent": request.user_agent,
        },
        retry_config={"max_retries": 3, "retry_timeout": dt.timedelta(seconds=request.timeout)},
        **login,
    )


def _listed(store: S3Store, source: S3Source) -> list[Offer]:
    """The objects that match; those without bytes and without a name are folders of a console.

    The library lists by whole folders, the definition's prefix may end within a name.
    """
    folder, _, _ = source.prefix.rpartition("/")
    found = []
    for page in obstore.list(store, prefix=folder or None, chunk_size=1000):
        for meta in page:
            key = meta["path"]
            rest = key.removeprefix(source.prefix)
            if not key.startswith(source.prefix) or not fnmatchcase(rest, source.pattern):
                continue
            if meta["size"] == 0 and not rest:
                continue
            mark = meta["e_tag"]
            if mark is None:
                raise SourceError(f"the store gives no ETag for {key}")
            found.append(Offer(key, mark, (meta["last_modified"],), meta["size"]))
    return found


def _member(key: str, prefix: str, url: str) -> str:
    folder, _, _ = prefix.rpartition("/")
    name = key.removeprefix(f"{folder}/" if folder else "").replace("/", "__")
    if not fits_a_file(name):
        raise SourceError(f"{url}: the key {key!r} cannot name a file")
    return name


def _download(store: S3Store, offer: Offer, request: Request, member: str) -> None:
    """Stream one object to its file; it must be the listed version, and as long."""
    answer = obstore.get(store, offer.name, options={"if_match": offer.mark})
    size = 0
    with (request.folder / member).open("wb") as file:
        for block in answer.stream(min_chunk_size=BLOCK):
            size += len(block)
            if size > offer.bytes:
                break
            file.write(bytes(block))
    if size != offer.bytes or answer.meta["e_tag"] != offer.mark:
        raise SourceError(
            f"{offer.name} broke off or changed: {size} of {offer.bytes} bytes came", retry=True
        )


@contextmanager
def _told_plainly(url: str) -> Iterator[None]:
    """Turn what the library raises into a sentence, without the store's answer in it."""
    try:
        yield
    except exceptions.PreconditionError as error:
        raise SourceError(f"{url} changed after it was listed", retry=True) from error
    except (exceptions.BaseError, FileNotFoundError) as error:
        status = _status_of(error)
        hint = {
            403: "check source.connection: its login is the key id, its password the secret",
            404: "check source.bucket, source.endpoint and source.region",
        }.get(status, "the store may be down, or source.endpoint or source.region wrong")
        said = {403: "the store refuses access", 404: "it is not there"}.get(
            status, f"the store answers {status}" if status else "the store does not answer"
        )
        # Only the cause's kind: its text holds what the store wrote.
        raise SourceError(
            f"{url}: {said}", hint=hint, retry=status == 429 or not 300 <= status < 500
        ) from None


def _status_of(error: Exception) -> int:
    """The HTTP status behind an error, 0 for none; of a listing only its text tells."""
    if isinstance(error, FileNotFoundError):
        return 404
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return 403
    found = re.search(r"status:? (\d{3})\b", str(error))
    status = int(found.group(1)) if found else 0
    return 403 if status == 401 else status
