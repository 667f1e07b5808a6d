"""Composes http | websocket | lifespan, nothing else; any ASGI server runs `asgi:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup(set_prefix=False)

from consumers import hub, routing
from project.http import Doors
from project.lifespan import Lifespan
from uploads.processing import engines
from uploads.publishing import doorbell

application = Lifespan(
    routing.Router(http=Doors()),
    services=[doorbell.service, hub.service, engines.service],
)
