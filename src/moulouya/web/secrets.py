"""The headers that only the source's own origin gets to see."""

from __future__ import annotations

import base64
import re

from moulouya.credentials import connection, environment
from moulouya.definition import WebSource
from moulouya.errors import SourceError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?! )[ -~\x80-\xff]*(?<! )")


def headers_of(source: WebSource) -> dict[str, str]:
    """The headers of a definition, values from the environment, login from its connection.

    Raises SourceError for a variable or connection that is not there, or cannot be sent.
    """
    found = {
        name: environment(value.removeprefix("env:")) if value.startswith("env:") else value
        for name, value in source.headers.items()
    }
    if source.connection and "authorization" not in {name.lower() for name in found}:
        login = connection(source.connection)
        pair = f"{login.login}:{login.password}".encode()
        found["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return sendable(found)


def sendable(headers: dict[str, str]) -> dict[str, str]:
    """The headers, if they can be sent; the error names one that cannot, never its value."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise SourceError(f"{name!r} cannot be the name of a header")
        if not fits(value):
            raise SourceError(
                f"the header {name} has a line break, an outer space or a character that cannot "
                "be sent",
                hint="check the value, or the environment variable that it names",
            )
    return headers


def fits(value: str) -> bool:
    """Whether text can be the value of a header (RFC 9110, section 5.5)."""
    return _VALUE.fullmatch(value) is not None
