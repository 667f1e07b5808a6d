"""Which door a connection goes through: WebSockets and event streams to their consumers, the rest
to the views.
"""

from typing import Any

from consumers import sse, websocket

WEBSOCKET_DOOR = "/ws/events/"
SSE_DOOR = "/events/"


class Router:
    """ASGI application: `http` is what answers everything else."""

    def __init__(self, http: Any) -> None:
        self.http = http
        self.websocket: Any = websocket.EventsConsumer.as_asgi()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Doors answer with and without their last slash."""
        path = scope["path"].rstrip("/") + "/"
        if scope["type"] == "websocket":
            if path == WEBSOCKET_DOOR:
                await self.websocket(scope, receive, send)
            else:
                await _refuse(receive, send)
        elif path == SSE_DOOR:
            await sse.stream(scope, receive, send)
        else:
            await self.http(scope, receive, send)


async def _refuse(receive: Any, send: Any) -> None:
    """There is no such WebSocket: closing before accepting answers 403 to the handshake."""
    await receive()
    await send({"type": "websocket.close"})
