"""Secrets: named in a definition, never written there.

A connection is found by its Airflow id. In a task the DAGs say where from (`use`); everywhere
else it is the environment variable ``AIRFLOW_CONN_<ID>``, as Airflow itself reads it: a URI, or
JSON with conn_type, host, port, login, password, schema and extra.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from moulouya.errors import SourceError


@dataclass(frozen=True)
class Connection:
    """Where a service is and how to log in; its secrets do not show in a traceback."""

    id: str
    kind: str = ""
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: dict[str, Any] = field(default_factory=dict, repr=False)


Resolver = Callable[[str], Connection | None]
_resolvers: list[Resolver] = []


def use(resolver: Resolver) -> None:
    """Ask this resolver for connections before the environment; the DAGs give Airflow's."""
    if resolver not in _resolvers:
        _resolvers.insert(0, resolver)


def connection(name: str) -> Connection:
    """The connection of this id; raises SourceError when nobody knows it."""
    for resolver in _resolvers:
        found = resolver(name)
        if found is not None:
            return found
    variable = f"AIRFLOW_CONN_{name.upper()}"
    text = os.environ.get(variable)
    if text is None:
        raise SourceError(
            f"there is no connection {name!r}",
            hint=f"add it in Airflow (Admin → Connections), or set {variable}",
        )
    return _parsed(name, variable, text)


def environment(name: str) -> str:
    """The value of an environment variable; raises SourceError when it is not set."""
    try:
        return os.environ[name]
    except KeyError as error:
        raise SourceError(f"the environment variable {name} is not set") from error


def _parsed(name: str, variable: str, text: str) -> Connection:
    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
            extra = given.get("extra") or {}
            return Connection(
                id=name,
                kind=given.get("conn_type") or "",
                host=given.get("host") or "",
                port=int(given["port"]) if given.get("port") else None,
                login=given.get("login") or "",
                password=given.get("password") or "",
                schema=given.get("schema") or "",
                extra=json.loads(extra) if isinstance(extra, str) else extra,
            )
        except (ValueError, AttributeError, TypeError):
            # The text holds a secret: no chained exception may show it.
            raise SourceError(f"{variable} is not valid JSON of a connection") from None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise SourceError(f"{variable} is not a URI of a connection") from None
    return Connection(
        id=name,
        kind=parts.scheme,
        host=unquote(parts.hostname or ""),
        port=port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path.removeprefix("/")),
        extra=dict(parse_qsl(parts.query)),
    )
