"""Files dropped on an SFTP server: whole ones only, from a server whose key is pinned."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, cast

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_REGULAR

from moulouya import credentials
from moulouya.credentials import Connection
from moulouya.definition import SftpSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.taking import Offer, chosen, fits_a_file

PORT = 22
BLOCK = 4 * 1024**2
BETWEEN_PROBES = 2.0  # seconds; SFTP tells times in whole seconds
MARKER = ".done"


def fetch(source: SftpSource, request: Request) -> Delivery | None:
    """Download the whole files that match; None when they are those of the last delivery.

    Raises SourceError: with ``retry`` where the server is away, or where files are still being
    written; without where its key is not a pinned one or it refuses the login.
    """
    return asyncio.run(_fetch(source, request, credentials.connection(source.connection)))


async def _fetch(source: SftpSource, request: Request, login: Connection) -> Delivery | None:
    delivery: Delivery | None = None
    with _told_plainly(f"{login.host}:{login.port or PORT}"):
        connection = await _connected(source, request, login, login.port or PORT)
        async with connection, connection.start_sftp_client() as client:
            delivery = await _taken(client, source, request, f"{login.host}:{login.port or PORT}")
    return delivery


async def _taken(
    client: asyncssh.SFTPClient, source: SftpSource, request: Request, server: str
) -> Delivery | None:
    folder, pattern = await _where(client, source.path)
    url = f"sftp://{server}/{str(PurePosixPath(folder, pattern)).lstrip('/')}"
    offers = await _whole_files(client, source, folder, pattern, request, url)
    picked = chosen(source.take, offers, request.state)
    if picked is None:
        return None
    files, state = picked
    _check_total(files, request, url)
    for offer in files:
        async with asyncio.timeout(None) as patience:
            await _download(client, folder, offer, request, patience)
    return Delivery(members=tuple(file.name for file in files), url=url, state=state)


async def _connected(
    source: SftpSource, request: Request, login: Connection, port: int
) -> asyncssh.SSHClientConnection:
    """A connection to a server that proved one of the pinned keys, and to no other."""
    try:
        trusted = [asyncssh.import_public_key(key) for key in source.host_keys]
    except asyncssh.KeyImportError as error:
        raise SourceError(
            f"source.host_keys of {login.host} cannot be read: {error}",
            hint="take the lines from `ssh-keyscan`, without the host's name at their start",
        ) from error
    key = _private_key(login)
    try:
        return await asyncssh.connect(
            login.host,
            port,
            username=login.login,
            password=login.password or None,
            client_keys=[key] if key else None,
            known_hosts=(trusted, [], []),
            config=None,
            agent_path=None,
            gss_host=None,
            x509_trusted_certs=None,
            connect_timeout=request.timeout,
            login_timeout=request.timeout,
            keepalive_interval=15,
        )
    except (
        asyncssh.HostKeyNotVerifiable,
        asyncssh.KeyExchangeFailed,
        asyncssh.ConnectionLost,
    ) as error:
        shown = await asyncssh.get_server_host_key(login.host, port, config=None)
        pinned = shown is not None and shown.public_data in [key.public_data for key in trusted]
        # A server with no key of a kind that we trust may hang up before it says so.
        if isinstance(error, asyncssh.ConnectionLost) and (pinned or shown is None):
            raise
        known = ", ".join(key.get_fingerprint() for key in trusted)
        raise SourceError(
            f"{login.host}:{port} shows a host key that is not pinned: "
            f"{shown.get_fingerprint() if shown else error.reason}; pinned is {known}",
            hint="ask the partner for the right fingerprint before changing source.host_keys: "
            "it may be another machine that answers",
        ) from error


def _private_key(login: Connection) -> asyncssh.SSHKey | None:
    text, path = login.extra.get("private_key"), login.extra.get("private_key_path")
    passphrase = login.extra.get("passphrase")
    try:
        if text:
            return asyncssh.import_private_key(text, passphrase)
        return asyncssh.read_private_key(path, passphrase) if path else None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, OSError) as error:
        # The text of the error may show the key: its kind must do.
        raise SourceError(
            f"the private key of connection {login.id} cannot be read ({type(error).__name__})",
            hint="extra of the connection: private_key or private_key_path, and passphrase",
        ) from None


async def _where(client: asyncssh.SFTPClient, path: str) -> tuple[str, str]:
    """The folder to list and the pattern of the names in it."""
    pure = PurePosixPath(path)
    if not any(mark in pure.name for mark in "*?") and await client.isdir(path):
        return path, "*"
    return str(pure.parent), pure.name


async def _listed(client: asyncssh.SFTPClient, folder: str, url: str) -> dict[str, Any]:
    """The regular files of a folder by name, with their size and times; links are no files."""
    found: dict[str, Any] = {}
    async for entry in client.scandir(folder):
        name, attrs = str(entry.filename), entry.attrs
        if name in (".", "..") or attrs.type != FILEXFER_TYPE_REGULAR:
            continue
        if not fits_a_file(name) or name in found:
            raise SourceError(f"{url}: the server lists a file {name!r}, which is no file name")
        if attrs.size is None or attrs.mtime is None:
            raise SourceError(f"{url}: the server tells neither size nor time of {name}")
        found[name] = attrs
    return found


async def _whole_files(
    client: asyncssh.SFTPClient,
    source: SftpSource,
    folder: str,
    pattern: str,
    request: Request,
    url: str,
) -> list[Offer]:
    async with asyncio.timeout(request.timeout):
        first = await _listed(client, folder, url)
    names = [name for name in first if _matches(name, pattern)]
    if source.complete == "marker":
        whole = [name for name in names if name + MARKER in first]
        names = [name for name in names if not name.endswith(MARKER)]
        second = first
    else:
        settle = source.settle.total_seconds()
        clock = await _clock_of(client, folder, first, names, request)
        old = [name for name in names if clock - first[name].mtime >= settle]
        if old:
            await asyncio.sleep(min(settle, BETWEEN_PROBES))
        async with asyncio.timeout(request.timeout):
            second = await _listed(client, folder, url)
        whole = [
            name for name in old if name in second and _mark(first[name]) == _mark(second[name])
        ]
    if names and not whole:
        raise SourceError(
            f"{url}: {', '.join(sorted(names)[:5])} still being written",
            hint="source.complete and source.settle say when a file counts as whole",
            retry=True,
            retry_after=max(1.0, source.settle.total_seconds()),
        )
    if not names and not (source.take == "new" and request.state):
        raise SourceError(f"{url}: no file there matches", hint="check source.path", retry=True)
    return [
        Offer(name, _mark(second[name]), (second[name].mtime,), second[name].size) for name in whole
    ]


def _matches(name: str, pattern: str) -> bool:
    hidden = name.startswith(".") and not pattern.startswith(".")
    return not hidden and fnmatchcase(name, pattern)


def _mark(attrs: Any) -> str:
    return f"{attrs.size}:{attrs.mtime}"


async def _clock_of(
    client: asyncssh.SFTPClient,
    folder: str,
    listed: dict[str, Any],
    names: list[str],
    request: Request,
) -> float:
    """What time it is at the server, as far as SFTP lets one know.

    The protocol tells no time. Reading a byte of the newest file moves its time of access on
    most servers, and then that is their clock. Where it does not move, the latest time that the
    server shows is past there, and our own clock has to do.
    """
    if not names:
        return time.time()
    newest = max(names, key=lambda name: listed[name].mtime)
    async with (
        asyncio.timeout(request.timeout),
        client.open(str(PurePosixPath(folder, newest)), "rb") as file,
    ):
        await file.read(1)
        after = (await file.stat()).atime
    if after is not None and after != listed[newest].atime and after >= listed[newest].mtime:
        return float(after)
    shown = max(max(attrs.mtime, attrs.atime or 0) for attrs in listed.values())
    return max(time.time(), float(shown))


def _check_total(files: list[Offer], request: Request, url: str) -> None:
    total = sum(file.bytes for file in files)
    if total > request.max_bytes:
        raise SourceError(
            f"{url}: {total} bytes are more than {request.max_bytes}",
            hint="raise MOULOUYA_HTTP_MAX_BYTES, or let source.path match less",
        )


async def _download(
    client: asyncssh.SFTPClient,
    folder: str,
    offer: Offer,
    request: Request,
    patience: asyncio.Timeout,
) -> None:
    """Copy one file in blocks; it must be as long as it was listed, and unchanged afterwards."""
    path = str(PurePosixPath(folder, offer.name))
    loop = asyncio.get_running_loop()
    size = 0
    async with client.open(path, "rb") as remote:
        with (request.folder / offer.name).open("wb") as local:
            while size < offer.bytes:
                patience.reschedule(loop.time() + request.timeout)
                block = await remote.read(min(BLOCK, offer.bytes - size), size)
                if not block:
                    break
                size += len(block)
                local.write(cast(bytes, block))
        after = await remote.stat()
    if size != offer.bytes or _mark(after) != offer.mark:
        raise SourceError(
            f"{offer.name} changed while it was read: {size} bytes came of {offer.bytes}",
            hint="source.complete and source.settle say when a file counts as whole",
            retry=True,
        )


@contextmanager
def _told_plainly(server: str) -> Iterator[None]:
    """Turn what the SSH library raises into a sentence, and say whether waiting can heal it."""
    try:
        yield
    except asyncssh.PermissionDenied as error:
        raise SourceError(
            f"{server} refuses the login",
            hint="check login, password or private key of the connection",
        ) from error
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPPermissionDenied) as e:
        raise SourceError(f"{server}: {e.reason}", hint="check source.path") from e
    except TimeoutError as error:
        raise SourceError(f"{server} gave no answer in time", retry=True) from error
    except asyncssh.Error as error:
        raise SourceError(f"{server}: {error.reason}", retry=True) from error
    except OSError as error:
        raise SourceError(f"{server} cannot be reached: {error}", retry=True) from error
