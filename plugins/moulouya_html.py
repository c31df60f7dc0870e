"""How the plugin's pages are drawn."""

from __future__ import annotations

from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

# Pages that Airflow frames; their own script follows its colours, nothing comes from elsewhere.
POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'unsafe-inline'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def html(template, status=200, forms=False, **given):
    """One page from its template; ``forms`` where it may send something back here."""
    policy = POLICY.replace("form-action 'none'", "form-action 'self'") if forms else POLICY
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return HTMLResponse(templates.get_template(template).render(**given), status, headers)
