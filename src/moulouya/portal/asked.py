"""What the address of a page asks for: the release being served and a language it has."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from moulouya.portal.published import Catalogue
from moulouya.portal.rendering import offered


def asked(request: Request) -> tuple[Catalogue, str]:
    """The release being served and the language of the address.

    Raises HTTPException: 404 for a language that is not offered, 503 before the first release.
    """
    catalogue: Catalogue | None = request.app.state.current.catalogue()
    code: str = request.path_params["lang"]
    if code not in offered(catalogue):
        raise HTTPException(404)
    if catalogue is None:
        raise HTTPException(503)
    return catalogue, code
