"""The WebSocket door: who may come in, one hello, then the stream.

Close codes, after accepting: 4401 not signed in, 4403 wrong origin, revoked or not your space, 4408
no hello in 10 s, 4008 too slow, 4029 too many (sockets or messages), 1008 not our protocol, 1012
come again.
"""

import asyncio
from time import monotonic
from typing import Any
from urllib.parse import parse_qs

import orjson
import structlog
from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from django.db import InterfaceError, OperationalError
from pydantic import ValidationError

from consumers import hub
from consumers.doors import headers_of
from consumers.frames import Audience
from consumers.joining import join
from consumers.outbox import Closed, Outbox
from consumers.stream import Stream
from project.sockets import WRITE
from uploads import metrics
from uploads.access import identity, rights, sites, tickets
from uploads.access.identity import Who
from uploads.access.rights import Access
from uploads.errors import Forbidden, NotFound, NotSignedIn
from uploads.publishing.closing import Close
from uploads.publishing.events import Hello

log = structlog.get_logger(__name__)

HELLO_SECONDS = 10
STRANGER_SECONDS = 3  # for somebody whom only a ticket can let in
MESSAGE_BYTES = 64 * 1024
MESSAGES_PER_SECOND = 5
MESSAGES_AT_ONCE = 20


class EventsConsumer(AsyncConsumer):
    """One socket. It has no channel of its own on the layer: the hub hears for all."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand each message to its handler, one after the other, until the client has left.

        Channels' own loop would keep two more tasks for each socket, make one for each message, and
        ask a thread that all sockets share to look after database connections, which a socket here
        does not have.
        """
        self.scope = scope
        self.base_send = send
        self.hub = hub.current()
        write = scope.get("extensions", {}).get(WRITE)
        self.box = Outbox("websocket", send, self.hub.spawn, write)
        self.who: Who | Access | None = None
        self.refusal = Close.NOT_SIGNED_IN  # of somebody who brings no ticket
        self.stream: Stream | None = None
        self.audience = Audience()
        self.deadline: asyncio.TimerHandle | None = None
        self.allowance = float(MESSAGES_AT_ONCE)
        self.heard_at = monotonic()
        metrics.SOCKETS.labels("websocket").inc()
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        except asyncio.CancelledError:
            if not self.box.closed:  # else the outbox has given the client up
                raise
        finally:
            metrics.SOCKETS.labels("websocket").dec()
            self._leave()

    async def dispatch(self, message: Any) -> None:
        """Call the message's handler; what it can't deal with closes the socket."""
        try:
            await getattr(self, get_handler_name(message))(message)
        except Closed:
            pass  # the closing frame is on its way, and the client's leave follows
        except (TimeoutError, OperationalError, InterfaceError) as error:
            log.warning("subscriber turned away", error=str(error))
            self.box.close(Close.TRY_LATER)
        except hub.Full:
            self.box.close(Close.TOO_MANY)
        except StopConsumer:
            raise
        except Exception:
            log.exception("subscriber failed")
            self.box.close(Close.INTERNAL)

    # -- the messages of ASGI ----------------------------------------------------------------------

    async def websocket_connect(self, _message: Any) -> None:
        """Accept, since only then a close code arrives; then see who it is."""
        try:
            await self.base_send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        except OSError:  # gone before it was let in
            raise StopConsumer from None
        self.hub.admit(self.box, None)
        try:
            who = await self._identify()
        except NotSignedIn:
            self.box.close(Close.NOT_SIGNED_IN)
            return
        self._become(who)
        patience, code = (
            (STRANGER_SECONDS, self.refusal) if who is None else (HELLO_SECONDS, Close.NO_HELLO)
        )
        self.deadline = asyncio.get_running_loop().call_later(patience, self.box.close, code)

    async def websocket_receive(self, message: Any) -> None:
        """The hello, and what little may follow it."""
        text = message.get("text")
        if self.box.ending:
            return
        if text is None:
            self.box.close(Close.UNSUPPORTED)
        elif len(text) > MESSAGE_BYTES:
            self.box.close(Close.TOO_BIG)
        elif self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
            await self._hello(text)
        else:
            self._overhear(text)

    async def websocket_disconnect(self, _message: Any) -> None:
        """The client has left, or was closed."""
        raise StopConsumer

    # -- who is it, and what do they want ----------------------------------------------------------

    async def _identify(self) -> Who | None:
        """Who the headers tell of; a cookie counts only from our own pages. Raises NotSignedIn."""
        headers = headers_of(self.scope)
        who = await identity.identify(headers)
        if who is not None and who.via == "cookie" and not sites.origin_good(headers.get("origin")):
            self.refusal = Close.FORBIDDEN
            return None
        return who

    async def _hello(self, text: str) -> None:
        try:
            hello = Hello.model_validate_json(text)
        except ValidationError:
            self.box.close(Close.POLICY)
            return
        try:
            here = rights.enter(await self._known(hello), self._space())
        except NotSignedIn:
            self.box.close(self.refusal)
            return
        except (NotFound, Forbidden):
            self.box.close(Close.FORBIDDEN)
            return
        self._become(here)
        self.audience = Audience(hello.batch, None if hello.file is None else str(hello.file))
        self.stream = await self.hub.open(here.space_id)
        await join(self.stream, self.box, self.audience, hello.after)

    async def _known(self, hello: Hello) -> Who:
        if isinstance(self.who, Who):
            return self.who
        if hello.ticket is None:
            raise NotSignedIn
        return await tickets.take(hello.ticket)

    def _space(self) -> str | None:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        return query.get("space", [None])[0]

    def _become(self, who: Who | Access | None) -> None:
        if self.box.ending:  # revoked or told to leave meanwhile
            raise Closed
        before, self.who = self.who, who
        self.hub.dismiss(self.box, before)
        self.hub.admit(self.box, who)

    def _overhear(self, text: str) -> None:
        """Messages of later versions are let pass, at a walking pace."""
        now = monotonic()
        self.allowance = (
            min(MESSAGES_AT_ONCE, self.allowance + (now - self.heard_at) * MESSAGES_PER_SECOND) - 1
        )
        self.heard_at = now
        if self.allowance < 0:
            self.box.close(Close.TOO_MANY)
        elif not _is_new(text):
            self.box.close(Close.POLICY)

    def _leave(self) -> None:
        self.box.closed = True
        if self.deadline is not None:
            self.deadline.cancel()
        if self.stream is not None:
            self.stream.detach(self.box, self.audience)
            self.hub.leave(self.stream)
        self.hub.dismiss(self.box, self.who)


def _is_new(text: str) -> bool:
    """Whether a message is one that we do not know, rather than none or a second hello."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return (
        isinstance(message, dict)
        and isinstance(message.get("type"), str)
        and message["type"] != "hello"
    )
