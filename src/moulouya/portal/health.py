"""Whether the portal runs, and whether it has the newest release to show."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moulouya.portal.current import Current

NOT_KEPT = {"Cache-Control": "no-store"}


def live(request: Request) -> Response:
    """``/health/live``: the process answers."""
    return JSONResponse({"status": "live"}, headers=NOT_KEPT)


def ready(request: Request) -> Response:
    """``/health/ready``: 200 once a release is served.

    ``degraded`` means that a newer release was refused and the one before it is served, that the
    lake's store does not answer, or that an older state of the lake was put back. Whether SQL
    statements can be run, and why search is out of order, is told beside it: all else is served
    without them.
    """
    current: Current = request.app.state.current
    catalogue = current.catalogue()
    state = current.state()
    status = "starting" if state.serving is None else "degraded" if state.problem else "ready"
    body: dict[str, object] = {
        "status": status,
        "release": state.serving,
        "newest": state.newest,
        "problem": state.problem,
    }
    statements = request.app.state.sql.state()
    if statements is not None:
        body["sql"] = statements
    trouble = request.app.state.search.trouble(catalogue) if catalogue is not None else ""
    if trouble:
        body["search"] = trouble
    return JSONResponse(body, 503 if state.serving is None else 200, headers=NOT_KEPT)
