"""A stock Channels consumer that joins a group, on the in-memory layer: what one writes first.

`GET /ring` sends an event to the group. Arguments: a port, a folder (not used).
"""

import logging
import sys
from typing import Any

import django
import uvicorn
from django.conf import settings


def main(port: int) -> None:
    """Serve until killed."""
    settings.configure(
        SECRET_KEY="benchmark",
        INSTALLED_APPS=["channels"],
        CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    )
    django.setup()
    from project.server import UVICORN

    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    options = UVICORN | {"lifespan": "off", "log_level": "error"}
    uvicorn.run(_app(), host="127.0.0.1", port=port, **options)


def _app() -> Any:
    from channels.generic.websocket import AsyncWebsocketConsumer
    from channels.layers import get_channel_layer
    from channels.routing import ProtocolTypeRouter

    from benchmarks.peer_payload import frame

    class Events(AsyncWebsocketConsumer):
        async def connect(self) -> None:
            await self.channel_layer.group_add("everybody", self.channel_name)
            await self.accept()

        async def receive(self, text_data: str | None = None, bytes_data: Any = None) -> None:
            await self.send(text_data='{"type":"ready"}')

        async def tell(self, message: dict[str, Any]) -> None:
            await self.send(text_data=message["text"])

    seq = 0

    async def ring(scope: Any, receive: Any, send: Any) -> None:
        nonlocal seq
        seq += 1
        layer: Any = get_channel_layer()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        await layer.group_send("everybody", {"type": "tell", "text": frame(seq)})

    return ProtocolTypeRouter({"http": ring, "websocket": Events.as_asgi()})


if __name__ == "__main__":
    main(int(sys.argv[1]))
