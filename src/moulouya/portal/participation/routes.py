"""The addresses of the pages on which people take part."""

from __future__ import annotations

from starlette.routing import Route

from moulouya.portal.participation import asking, following, standing, views

FORM = ["GET", "POST"]
ROUTES = [
    Route("/usage.csv", standing.usage_csv),
    Route("/{lang}/requests", views.listing),
    Route("/{lang}/requests/new", asking.new, methods=FORM),
    Route("/{lang}/requests/mine/{secret}", views.mine, methods=FORM),
    Route("/{lang}/requests/{number:int}", views.one),
    Route("/{lang}/datasets/{slug}/report", asking.report, methods=FORM),
    Route("/{lang}/follow", following.form, methods=FORM),
    Route("/{lang}/themes/{theme}/follow", following.form, methods=FORM),
    Route("/{lang}/datasets/{slug}/follow", following.form, methods=FORM),
    Route("/{lang}/follow/confirm/{token}", following.confirm, methods=FORM),
    Route("/{lang}/follow/mine/{token}", following.mine, methods=FORM),
    Route("/{lang}/follow/cancel/{token}", following.one_click, methods=FORM),
    Route("/{lang}/proactive", standing.proactive),
    Route("/{lang}/privacy", standing.privacy),
    Route("/{lang}/usage", standing.usage),
]
