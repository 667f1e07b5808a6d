"""Composes http | websocket | lifespan, nothing else. Any ASGI server must run `asgi:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup(set_prefix=False)

from consumers import hub, routing  # noqa: E402 - after Django is set up
from project.http import Doors  # noqa: E402
from project.lifespan import Lifespan  # noqa: E402
from uploads.processing import engines  # noqa: E402
from uploads.publishing import doorbell  # noqa: E402

application = Lifespan(
    routing.Router(http=Doors()),
    services=[doorbell.service, hub.service, engines.service],
)
