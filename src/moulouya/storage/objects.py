"""The objects of a lake in a bucket: what an S3-compatible store is asked for, and what it means.

Credentials, region and endpoint come from the environment by the names that every S3 client knows
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL), so that
no setting holds a secret. A request that fails without the store's having said no is repeated; that
is safe for all of them, since what is put once is compared with what lies there.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import obstore
import tenacity
from obstore import exceptions
from obstore.store import S3Store

from moulouya.errors import LakeError

REGION = "us-east-1"
BLOCK = 4 * 1024**2
WHOLE = 16 * 1024**2  # larger files are sent in parts
PART, PARTS_AT_ONCE = 8 * 1024**2, 4
AT_ONCE = 16
RACERS = 8
PATIENCE = 60.0  # seconds for which a request is repeated
IMPATIENT, REST = 2.0, 5.0  # who waits no longer than that leaves a silent store alone so long
LONGEST = dt.timedelta(hours=2)  # for one object, to its last byte
REFUSED = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
REFUSALS = (
    *REFUSED,
    exceptions.NotSupportedError,
    exceptions.InvalidPathError,
    exceptions.UnknownConfigurationKeyError,
)
T = TypeVar("T")
Result = TypeVar("Result")


class Unreachable(LakeError):
    """The store gives no answer, or only excuses: trying again later can heal it."""

    retry = True


@dataclass(frozen=True)
class Stored:
    """An object as the store describes it; ``key`` is relative to the lake's prefix."""

    key: str
    size: int
    tag: str
    modified: dt.datetime

    def is_like(self, data: bytes) -> bool:
        """Whether the store's tag is that of these bytes; only some tags tell."""
        return self.size == len(data) and self.tag == hashlib.md5(data).hexdigest()  # noqa: S324


@dataclass
class Silence:
    """Until when a store that did not answer is not asked again, so that nobody waits for it."""

    until: float = 0.0


@dataclass(frozen=True)
class Objects:
    """The objects under one prefix of one bucket."""

    address: str
    store: Any
    patience: float = PATIENCE
    silence: Silence = field(default_factory=lambda: Silence())

    def get(self, key: str) -> bytes | None:
        """The bytes of an object, or None when there is none."""
        return self._tried(key, lambda: bytes(obstore.get(self.store, key).bytes()))

    def head(self, key: str) -> Stored | None:
        """What an object is like, or None when there is none."""
        return self._tried(key, lambda: _stored(obstore.head(self.store, key)))

    def put(self, key: str, data: bytes) -> None:
        """Write an object in place of whatever lies there."""
        self._sent(key, lambda: obstore.put(self.store, key, data, use_multipart=False))

    def put_new(self, key: str, data: bytes) -> bool:
        """Create an object in one step, or return False because another one is there.

        The answer to a write that succeeded may be lost; the repeated one is told that the object
        exists. So bytes that nobody else writes decide, not the answer.
        """

        def create() -> bool:
            try:
                obstore.put(self.store, key, data, mode="create", use_multipart=False)
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                found = self.get(key)
                if found is None:
                    # Two writes met and neither was kept.
                    raise exceptions.GenericError(f"{key} exists and does not") from None
                return found == data
            return True

        return self._sent(key, create)

    def upload(self, path: Path, key: str) -> None:
        """Write a file as an object and see that all of it has arrived.

        The store checks the SHA-256 of each part that it is given.
        """
        size = path.stat().st_size

        def send() -> None:
            if size <= WHOLE:
                obstore.put(self.store, key, path, use_multipart=False)
            else:
                obstore.put(
                    self.store, key, path, use_multipart=True, chunk_size=PART,
                    max_concurrency=PARTS_AT_ONCE,
                )  # fmt: skip
            there = obstore.head(self.store, key)["size"]
            if there != size:
                raise exceptions.GenericError(f"{there} of {size} bytes arrived")

        self._sent(key, send)

    def download(self, key: str, path: Path) -> tuple[int, str] | None:
        """Write an object to a file; its size and SHA-256, or None when there is no object."""

        def receive() -> tuple[int, str]:
            with path.open("wb") as file:
                return _taken(obstore.get(self.store, key), file.write)

        return self._tried(key, receive)

    def digest(self, key: str) -> tuple[int, str] | None:
        """The size and SHA-256 of an object, read to its last byte; None when there is none."""
        return self._tried(key, lambda: _taken(obstore.get(self.store, key), lambda _: None))

    def list_all(self, folder: str, after: str | None = None) -> list[Stored]:
        """Every object below a folder, or those whose key follows another key."""

        def listed() -> list[Stored]:
            pages = obstore.list(self.store, prefix=folder or None, offset=after, chunk_size=1000)
            return [_stored(meta) for page in pages for meta in page]

        return self._sent(folder, listed)

    def children(self, folder: str) -> tuple[list[str], list[Stored]]:
        """The names of the folders directly in a folder, and the objects directly in it."""

        def listed() -> tuple[list[str], list[Stored]]:
            found = obstore.list_with_delimiter(self.store, folder)
            names = [prefix.rstrip("/").rpartition("/")[2] for prefix in found["common_prefixes"]]
            return names, [_stored(meta) for meta in found["objects"]]

        return self._sent(folder, listed)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are gone already count as deleted."""

        def delete_one(key: str) -> None:
            self._tried(key, lambda: obstore.delete(self.store, key))

        each(delete_one, keys)

    def now(self) -> dt.datetime:
        """What time it is for the store: when it says that it has just written something."""
        key = f"leases/clock-{secrets.token_hex(8)}"
        self.put(key, b"")
        found = self.head(key)
        self.delete([key])
        if found is None:
            raise LakeError(f"{self.address} does not keep what is written to it")
        return found.modified

    def probe(self) -> None:
        """See that the store refuses to create an object that exists; raises LakeError if not.

        Without that, two publishers could give the same number to two versions, and the later one
        would replace what was published. So they could where the store looks first and writes then.
        """
        key = f"leases/probe-{secrets.token_hex(8)}"
        raced = f"{key}-raced"
        try:
            first = self.put_new(key, b"first")
            second = self.put_new(key, b"second")
            kept = self.get(key)
            if first and not second:
                won = each(lambda racer: self.put_new(raced, b"%d" % racer), range(RACERS))
                if sum(won) != 1:
                    raise LakeError(
                        f"{self.address} lets {sum(won)} writers create one object when they come "
                        "at the same time: a lake cannot be kept there",
                        hint="its conditional writes (PutObject with If-None-Match: *) must be one "
                        "step; use another store, or another version of it",
                    )
        finally:
            self.delete([key, raced])
        if not first or second or kept != b"first":
            raise LakeError(
                f"{self.address} overwrites objects although it is asked not to (PutObject with "
                "If-None-Match: *): a lake cannot be kept there",
                hint="use a store with conditional writes, such as Amazon S3, MinIO, Ceph or "
                "Cloudflare R2, in a version that has them",
            )

    @contextmanager
    def _rested(self) -> Iterator[None]:
        """Leave a store alone for a while that did not answer somebody who cannot wait long."""
        try:
            yield
        except exceptions.BaseError as error:
            if _may_heal(error) and self.patience <= IMPATIENT:
                self.silence.until = time.monotonic() + REST
            raise

    def _sent(self, key: str, send: Callable[[], Result]) -> Result:
        """Write or list; a 404 means that the bucket is not there."""
        done = self._tried(key, lambda: (send(),))
        if done is None:
            raise LakeError(
                f"{self.address}: the bucket does not exist",
                hint="create it, or check MOULOUYA_LAKE, AWS_ENDPOINT_URL and AWS_REGION",
            )
        return done[0]

    def _tried(self, key: str, ask: Callable[[], Result]) -> Result | None:
        """Ask until there is an answer, or patience ends; None when the object is not there."""
        tries = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_heal),
            wait=tenacity.wait_random_exponential(0.2, max=5),
            stop=tenacity.stop_after_delay(self.patience),
            reraise=True,
        )
        if time.monotonic() < self.silence.until:
            raise Unreachable(f"{self.address}: the store has not answered just now")
        with told_plainly(f"{self.address}/{key}".rstrip("/")), self._rested():
            try:
                return tries(ask)
            except FileNotFoundError:
                return None
            except exceptions.BaseError as error:
                if _status_of(error) == 404:  # what a listing says of a bucket that is not there
                    return None
                raise


def open_objects(address: str, patience: float = PATIENCE) -> Objects:
    """The objects of ``s3://bucket/prefix``, by what the environment says of store and login."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
    more: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint.rstrip("/")}
    with told_plainly(address):
        store = S3Store(
            bucket,
            prefix=prefix or None,
            region=region,
            checksum_algorithm="SHA256",
            client_options={
                "allow_http": endpoint is not None and endpoint.startswith("http:"),
                "connect_timeout": dt.timedelta(seconds=min(5.0, patience)),
                "read_timeout": dt.timedelta(seconds=30),
                "timeout": LONGEST,
            },
            # Repeating is done here, where it is known what may be repeated.
            retry_config={"max_retries": 0, "retry_timeout": dt.timedelta(seconds=30)},
            **more,
        )
    return Objects(address, store, patience)


def each(work: Callable[[T], Result], items: Iterable[T], at_once: int = AT_ONCE) -> list[Result]:
    """Do something for each item, several at once; the first error ends it."""
    waiting = list(items)
    if len(waiting) < 2:
        return [work(item) for item in waiting]
    with ThreadPoolExecutor(min(at_once, len(waiting)), thread_name_prefix="bucket") as pool:
        return list(pool.map(work, waiting))


def _taken(answer: Any, write: Callable[[bytes], Any]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    for block in answer.stream(min_chunk_size=BLOCK):
        data = bytes(block)
        size += len(data)
        digest.update(data)
        write(data)
    if size != answer.meta["size"]:
        raise exceptions.GenericError(f"broke off after {size} of {answer.meta['size']} bytes")
    return size, digest.hexdigest()


def _stored(meta: Any) -> Stored:
    tag = (meta["e_tag"] or "").removeprefix("W/").strip('"')
    return Stored(meta["path"], meta["size"], tag, meta["last_modified"])


def _may_heal(error: BaseException) -> bool:
    if not isinstance(error, exceptions.BaseError) or isinstance(error, REFUSALS):
        return False
    status = _status_of(error)
    return status is None or status >= 500 or status in (408, 409, 429)


def _status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error; only its text tells."""
    found = re.search(r"status code: (\d{3})", str(error))
    return int(found[1]) if found else None


@contextmanager
def told_plainly(what: str) -> Iterator[None]:
    """Turn what the library raises into a sentence with what to do."""
    try:
        yield
    except exceptions.BaseError as error:
        status = _status_of(error)
        if isinstance(error, REFUSED) or status in (401, 403):
            raise LakeError(
                f"{what}: the store refuses access",
                hint="check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and what this key may do "
                "there",
            ) from error
        if not _may_heal(error):
            raise LakeError(
                f"{what}: the store does not understand what it is asked (status {status})",
                hint="check AWS_ENDPOINT_URL and AWS_REGION; the store must speak S3",
            ) from error
        said = f"answers {status}" if status else "does not answer"
        raise Unreachable(
            f"{what}: the store {said}",
            hint="it may be down, or AWS_ENDPOINT_URL, AWS_REGION or the credentials wrong",
        ) from error
