"""Real servers for the tests, on loopback and ports of their own, stopped when the test ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HOST = "127.0.0.1"


def needed(reason: str) -> None:
    """Skip the test for want of a service, or fail where every service has to be there."""
    if os.environ.get("MOULOUYA_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def wait_for(happened: Callable[[], Any], what: str, seconds: float = 20) -> None:
    """Wait until something is so; fails when it does not become so."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"it never came about: {what}"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether somebody answers at a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


# SFTP


@dataclass
class SftpServer:
    """An SSH server that shows one folder by SFTP; ``read`` is called after every block read."""

    folder: Path
    port: int = 0
    host_key: Any = None
    logins: dict[str, str] = field(default_factory=lambda: {"partner": "open sesame"})
    keys: list[Any] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    on_read: Callable[[bytes, int], None] = lambda name, offset: None

    @property
    def pinned(self) -> str:
        """The server's key, as a definition pins it."""
        return self.host_key.export_public_key().decode().strip()

    def connection(self, **extra: str) -> str:
        """The connection of the partner, as AIRFLOW_CONN_… holds it."""
        import json

        return json.dumps(
            {
                "conn_type": "sftp",
                "host": HOST,
                "port": self.port,
                "login": "partner",
                "password": "" if extra else self.logins["partner"],
                "extra": extra,
            }
        )


@contextmanager
def sftp_server(folder: Path, port: int = 0) -> Iterator[SftpServer]:
    """Serve a folder by SFTP with asyncssh, in a thread of its own."""
    import asyncssh

    server = SftpServer(folder, host_key=asyncssh.generate_private_key("ssh-ed25519"))
    loop = asyncio.new_event_loop()

    class Login(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return server.logins.get(username) == password

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: Any) -> bool:
            return any(key == known for known in server.keys)

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=os.fsencode(folder))

        async def scandir(self, path: bytes) -> Any:
            async for entry in super().scandir(path):
                yield entry
                template = entry
            for name in server.names:
                yield asyncssh.SFTPName(name, attrs=template.attrs)

        def read(self, file_obj: Any, offset: int, size: int) -> Any:
            block = super().read(file_obj, offset, size)
            server.on_read(file_obj.name, offset)
            return block

    async def start() -> Any:
        return await asyncssh.listen(
            HOST, port, server_factory=Login, sftp_factory=Files,
            server_host_keys=[server.host_key],
        )  # fmt: skip

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listener = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    server.port = listener.get_port()

    async def stop() -> None:
        listener.close()
        await listener.wait_closed()

    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


# MQTT


@dataclass
class Broker:
    """A Mosquitto with a store of its own, to be stopped, killed and started again."""

    folder: Path
    port: int
    more: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start with what the store holds."""
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"{self.more or f'listener {self.port} {HOST}'}\n"
            "allow_anonymous true\npersistence true\nautosave_interval 1\n"
            "autosave_on_changes true\nmax_queued_messages 0\nlog_type none\n"
            f"persistence_location {self.folder}/\nuser {_user()}\n"
        )
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = subprocess.Popen(
            [binary, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: listens(self.port), "mosquitto listens")

    def stop(self) -> None:
        """Stop as an administrator does: the store is written."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(20)

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()


def _user() -> str:
    import getpass

    return getpass.getuser()


@contextmanager
def mosquitto(folder: Path, port: int | None = None, more: str = "") -> Iterator[Broker]:
    """Run Mosquitto on a port of its own."""
    if shutil.which("mosquitto") is None and not Path("/usr/sbin/mosquitto").exists():
        needed("mosquitto is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    broker = Broker(folder, port or free_port(), more)
    broker.start()
    try:
        yield broker
    finally:
        if broker.process is not None and broker.process.poll() is None:
            broker.stop()


# S3


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's S3; yields its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


# SQL


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL database of a name of its own, dropped afterwards; yields its URI."""
    import psycopg

    at = os.environ.get("MOULOUYA_TEST_POSTGRESQL", f"postgresql://postgres@{HOST}:5432")
    name = f"moulouya_{uuid.uuid4().hex[:12]}"
    try:
        admin = psycopg.connect(f"{at}/postgres", autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        needed(f"no PostgreSQL at {at}: {error}")
    with admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"{at}/{name}"
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def mariadb() -> Iterator[dict[str, Any]]:
    """A MariaDB database of a name of its own, dropped afterwards; yields how to connect."""
    import pymysql

    port = int(os.environ.get("MOULOUYA_TEST_MARIADB_PORT", "3306"))
    at: dict[str, Any] = {"host": HOST, "port": port, "user": "root", "password": ""}
    name = f"moulouya_{uuid.uuid4().hex[:12]}"
    try:
        admin = pymysql.connect(**at, autocommit=True, connect_timeout=5)
    except pymysql.OperationalError as error:
        needed(f"no MariaDB at {HOST}:{port}: {error}")
    with admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield {**at, "database": name}
        finally:
            with suppress(pymysql.Error):
                cursor.execute(f"DROP DATABASE {name}")
