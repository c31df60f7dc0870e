"""OpenSearch: browsers learn from it how to search this catalogue from their address bar."""

from __future__ import annotations

from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.answers import answer
from moulouya.portal.asked import asked
from moulouya.portal.rendering import STATICS

LONGEST_NAME = 48


def description(request: Request) -> Response:
    """``/{lang}/opensearch.xml``: the OpenSearch 1.1 description in one language."""
    catalogue, code = asked(request)
    base = escape(f"{request.app.state.public_url}/{code}")
    icon = escape(f"{request.app.state.public_url}{STATICS.href('icon.svg')}")
    name = escape(catalogue.region["title"][code][:LONGEST_NAME])
    about = escape(catalogue.region["description"][code])
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/">\n'
        f"<ShortName>{name}</ShortName>\n<Description>{about}</Description>\n"
        f"<Language>{code}</Language>\n<InputEncoding>UTF-8</InputEncoding>\n"
        f'<Image width="36" height="36" type="image/svg+xml">{icon}</Image>\n'
        f'<Url type="text/html" template="{base}/datasets?q={{searchTerms}}"/>\n'
        "</OpenSearchDescription>\n"
    )
    return answer(request, text, "application/opensearchdescription+xml")
