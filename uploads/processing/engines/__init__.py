"""What brings workers to the jobs. Claim, renew and finish are the same for all
(`processing.jobs`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.conf import settings

from uploads.processing.engines import embedded


@asynccontextmanager
async def service() -> AsyncIterator[None]:
    """What the server runs of the configured engine: everything when embedded, nothing where
    workers are apart.
    """
    if settings.ENGINE != "embedded":
        yield
        return
    async with embedded.service():
        yield
