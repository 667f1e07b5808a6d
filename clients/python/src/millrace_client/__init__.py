"""Send files to a Millrace server, follow what becomes of them, get the results.

`AsyncClient` is for asyncio, `Client` for everybody else; both have the same methods.
"""

from millrace_client.blocking import Client
from millrace_client.client import AsyncClient
from millrace_client.errors import (
    MillraceError,
    NotFound,
    NotSignedIn,
    Refused,
    StreamGap,
    Unreachable,
)
from millrace_client.shapes import ENDED, Batch, Event, File, FileDetail, Frame
from millrace_client.world import World

__all__ = [
    "ENDED",
    "AsyncClient",
    "Batch",
    "Client",
    "Event",
    "File",
    "FileDetail",
    "Frame",
    "MillraceError",
    "NotFound",
    "NotSignedIn",
    "Refused",
    "StreamGap",
    "Unreachable",
    "World",
]
__version__ = "0.1.0"
