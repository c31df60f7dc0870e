"""Addresses of the web: read by one parser only, and shown without their secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from pydantic import ValidationError
from pydantic_core import Url

from moulouya.web.trouble import Trouble

SECRET = re.compile(
    r"key(?!word)|token|secret|passw|pwd|credential|signature|(?<![a-z])(?:sig|auth)(?![a-z])|authori",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Target:
    """Where a request goes: the parts of an http or https address, host in ASCII."""

    scheme: str
    host: str
    port: int
    path: str
    url: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What secrets belong to (RFC 6454)."""
        return (self.scheme, self.host, self.port)

    def __str__(self) -> str:
        return shown(self.url)

    def joined(self, reference: str) -> Target:
        """The target that a reference, such as a Location, means here; raises Trouble."""
        try:
            url = urljoin(self.url, reference)
        except ValueError as error:
            raise Trouble(" is not an address of the web") from error
        return target(url)


def target(url: str, params: Mapping[str, Any] | None = None) -> Target:
    """Read an address as browsers do (WHATWG URL) and append parameters to its query.

    The forms of an IPv4 address (decimal, octal, hex, full-width digits) come out in the plain
    one, so that it is judged. Raises Trouble for another scheme, a login in the address, and what
    is no address at all.
    """
    try:
        parts = Url(url)
    except (ValidationError, ValueError) as error:
        raise Trouble(" is not an address of the web") from error
    if parts.scheme not in ("http", "https"):
        raise Trouble(f" has the scheme {parts.scheme}", hint="only http and https are fetched")
    if parts.username is not None or parts.password is not None:
        raise Trouble(
            " holds a login", hint="name an Airflow connection in source.connection instead"
        )
    host, port = parts.host, parts.port
    if not host or not port:
        raise Trouble(" names no host")
    query = "&".join(part for part in (parts.query, _encoded(params or {})) if part)
    path = (parts.path or "/") + (f"?{query}" if query else "")
    default = {"http": 80, "https": 443}[parts.scheme]
    authority = host if port == default else f"{host}:{port}"
    return Target(parts.scheme, host, port, path, f"{parts.scheme}://{authority}{path}")


def shown(url: str) -> str:
    """The address for people and records: no login, no fragment, no values that look secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"\?.*|//[^/@]*@", "", url)
    authority = parts.netloc.rpartition("@")[2]
    query = "&".join(
        f"{name}=***" if value and SECRET.search(_decoded(name)) else piece
        for piece in parts.query.split("&")
        for name, _, value in [piece.partition("=")]
    )
    return parts._replace(netloc=authority, query=query, fragment="").geturl()


def _decoded(name: str) -> str:
    pairs = parse_qsl(f"{name}=1")
    return pairs[0][0] if pairs else name


def _encoded(params: Mapping[str, Any]) -> str:
    return urlencode(
        {name: _text(value) for name, value in params.items() if value is not None},
        doseq=True,
        quote_via=quote,
        safe="$,:/()*@",
    )


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return [_text(each) for each in value]
    return value
