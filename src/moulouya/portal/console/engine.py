"""``/engine/<hash>/…``: DuckDB for the browser, compressed on disk and never held in memory.

The engine is DuckDB-Wasm, made by ``ops/vendored.py``. WebAssembly is compiled in its worker alone,
and a worker has the policy of the answer that brought it: no page needs ``'wasm-unsafe-eval'``.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import uuid
from functools import cache
from pathlib import Path

import brotli
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal.answers import FOREVER, matches, packing_for
from moulouya.portal.downloads import WholeFile
from moulouya.settings import Settings

FOLDER = Path(__file__).parent / "engine"
WASM, WORKER = "duckdb-eh.wasm", "duckdb-browser-eh.worker.js"
MEDIA_TYPES = {WASM: "application/wasm", WORKER: "text/javascript; charset=utf-8"}
WORKER_POLICY = "default-src 'none'; script-src 'wasm-unsafe-eval'; connect-src 'self'"
_unpacking = threading.Lock()


@cache
def _hashes() -> dict[str, str]:
    """The SHA-256 of each file as it runs."""
    about = json.loads((FOLDER / "engine.json").read_text(encoding="utf-8"))
    return {name: str(one["sha256"]) for name, one in about.items()}


@cache
def digest() -> str:
    """The hash of the engine that stands in its addresses."""
    return hashlib.sha256("".join(_hashes().values()).encode()).hexdigest()[:12]


def packed(name: str) -> Path:
    """A file of the engine as it is stored."""
    return FOLDER / f"{name}.br"


@cache
def fetched_bytes() -> int:
    """What a browser fetches before the first statement."""
    return sum(packed(name).stat().st_size for name in MEDIA_TYPES)


def href(name: str) -> str:
    """The address of a file of the engine."""
    return f"/engine/{digest()}/{name}"


def unpacked(name: str) -> bytes:
    """A file of the engine as it runs; OSError where it is not what engine.json says."""
    found = bytes(brotli.decompress(packed(name).read_bytes()))
    if hashlib.sha256(found).hexdigest() != _hashes()[name]:
        raise OSError(f"{packed(name).name} does not hold what engine.json says")
    return found


@cache
def gzipped() -> bytes:
    """The engine for an export: servers of files do not unpack brotli, browsers unpack gzip."""
    return gzip.compress(unpacked(WASM), 6, mtime=0)


def _on_disk(settings: Settings, name: str) -> Path:
    """An unpacked file in the state folder, for clients that do not take brotli."""
    path = settings.state_root / "portal" / "engine" / f"{_hashes()[name][:32]}-{name}"
    with _unpacking:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{uuid.uuid4().hex}")
            draft.write_bytes(unpacked(name))
            draft.replace(path)
    return path


def engine(request: Request) -> Response:
    """One file of the engine, as brotli to those that take it."""
    name = request.path_params["name"]
    if request.path_params["digest"] != digest() or name not in MEDIA_TYPES:
        raise HTTPException(404)
    as_stored = packing_for(request.headers) == "br"
    headers = {
        "Cache-Control": FOREVER,
        "ETag": f'"{_hashes()[name][:32]}{"-br" if as_stored else ""}"',
        "Vary": "Accept-Encoding",
    }
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if name == WORKER:
        headers["Content-Security-Policy"] = WORKER_POLICY
    if as_stored:
        headers["Content-Encoding"] = "br"
    path = packed(name) if as_stored else _on_disk(request.app.state.sql.settings, name)
    return WholeFile(path, 200, headers, MEDIA_TYPES[name])


ROUTES = [Route("/engine/{digest}/{name}", engine)]
