"""The one way to HTTP: guarded, polite, bounded in time and size, strict about what arrives."""

from __future__ import annotations

from moulouya.web.downloads import Client, client
from moulouya.web.response import Response
from moulouya.web.urls import shown

__all__ = ["Client", "Response", "client", "shown"]
