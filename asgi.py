"""Composes http | websocket | lifespan, nothing else; any ASGI server runs `asgi:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup(set_prefix=False)

from consumers import hub, routing
from project import stopping
from project.http import Doors
from project.lifespan import Lifespan
from uploads.processing import engines
from uploads.publishing import doorbell
from uploads.receiving import crowd, finishing, sweeping

application = Lifespan(
    routing.Router(http=Doors()),
    services=[
        stopping.service,
        doorbell.service,
        hub.service,
        finishing.service,
        sweeping.service,
        engines.service,
        crowd.service,
    ],
)
