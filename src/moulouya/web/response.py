"""What a download leaves behind besides its file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin

_LINK = re.compile(
    r"\s*<([^>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\",;\s]*))?)*)"
)
_PARAMETER = re.compile(r";\s*([^\s=;,]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\",;\s]*)))?")


@dataclass(frozen=True)
class Response:
    """An answer whose body is whole and on disk; ``url`` is the final one, without secrets."""

    url: str
    status: int
    headers: dict[str, str]
    bytes: int
    sha256: str
    etag: str | None = None
    last_modified: str | None = None
    _location: str = field(default="", repr=False)

    def link(self, rel: str) -> str | None:
        """The absolute target of the first link with this relation (RFC 8288, section 3)."""
        value = self.headers.get("link", "")
        at = 0
        while found := _LINK.match(value, at):
            at = found.end()
            for name, quoted, plain in _PARAMETER.findall(found[2]):
                if name.lower() == "rel" and rel.lower() in (quoted or plain).lower().split():
                    return _joined(self._location or self.url, found[1])
            comma = value.find(",", at)
            if comma < 0:
                return None
            at = comma + 1
        return None


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference  # whoever follows it is told that it is no address
