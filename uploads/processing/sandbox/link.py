"""The server's end of the fork server: starts it, again when it dies, and hands it orders.

Everything happens in callbacks of the event loop, and none of them waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import orjson

from uploads.processing.sandbox import boot
from uploads.processing.sandbox import folder as folders
from uploads.processing.sandbox.contract import Caps, Reason, SandboxError

log = logging.getLogger(__name__)

DATAGRAM_BYTES = 65536
START_SECONDS, STOP_SECONDS = 30.0, 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0  # seconds before another start, doubling
_REAP_SECONDS = 0.01


@dataclass(frozen=True)
class Ending:
    """How a child's process ended.

    `status` is negative for a signal; `excess` is the cap that it was killed for.
    """

    status: int
    excess: Reason | None
    cpu: float  # seconds
    rss: int  # bytes


class Listener(Protocol):
    """Whoever has asked for a child."""

    def forked(self, pid: int) -> None: ...

    def held(self, line: bytes) -> None: ...

    def ended(self, ending: Ending) -> None: ...

    def lost(self, why: str) -> None: ...


@dataclass(frozen=True)
class _Order:
    """A datagram for the fork server, with the descriptors that go with it."""

    number: int
    data: bytes
    descriptors: tuple[int, ...] = ()

    def kept(self) -> _Order:
        """The same with descriptors of its own, for an order that has to wait."""
        return replace(self, descriptors=tuple(os.dup(one) for one in self.descriptors))

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


class Link:
    """`light`: to a fork server that has loaded little, so that a fork costs little."""

    def __init__(
        self, folder: Path, readable: Sequence[Path], without: Sequence[str], *, light: bool = False
    ) -> None:
        self._folder = folder
        self._told = {
            "folder": str(folder),
            "readable": [str(path) for path in readable],
            "without": list(without),
            "light": light,
        }
        self._listeners: dict[int, Listener] = {}
        self._numbers = 0
        self._waiting: deque[_Order] = deque()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._failures = 0
        self._stopping = False
        self._again: asyncio.TimerHandle | None = None
        self._first: asyncio.Future[None] | None = None
        self.ready = False
        self.greeting: dict[str, Any] = {}

    async def start(self) -> None:
        """Raises SandboxError where the fork server can't be started."""
        self._first = asyncio.get_running_loop().create_future()
        try:
            self._begin()
            async with asyncio.timeout(START_SECONDS):
                await self._first
        except (OSError, SandboxError) as error:  # a TimeoutError is an OSError
            await self.stop()
            raise SandboxError(f"the sandbox's fork server doesn't start: {error}") from None

    async def stop(self) -> None:
        """End the fork server and, with it, every child."""
        self._stopping = True
        if self._again is not None:
            self._again.cancel()
        self._close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._gone()
        if self._process is not None:
            self._process.kill()
            await self._gone()
        self._lose("the sandbox was stopped")

    async def _gone(self) -> None:
        while self._process is not None:
            if self._process.poll() is not None:
                self._process = None
                return
            await asyncio.sleep(_REAP_SECONDS)

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def fork(
        self, listener: Listener, *, folder: Path, caps: Caps, descriptors: tuple[int, ...]
    ) -> int:
        """Ask for a child; its number. `folder` is what is watched.

        The descriptors stay the caller's to close. While the fork server starts again, this waits
        for it.
        """
        self._numbers += 1
        if self._stopping:
            listener.lost("the sandbox is being stopped")
            return self._numbers
        self._listeners[self._numbers] = listener
        if self._process is None:
            self._begin_again()
        order = {"do": "fork", "number": self._numbers, "folder": str(folder), "caps": vars(caps)}
        self._send(_Order(self._numbers, orjson.dumps(order), descriptors))
        return self._numbers

    def kill(self, number: int) -> None:
        """End a child, or the wish for one. Its listener hears when it is over."""
        if number not in self._listeners:
            return
        if self._socket is not None:
            self._send(_Order(number, orjson.dumps({"do": "kill", "number": number})))
        else:
            for order in [order for order in self._waiting if order.number == number]:
                self._waiting.remove(order)
                order.close()
        if not self.ready:  # it has not begun, and if it still should, it won't get far
            self._listeners.pop(number).lost("it never began")

    def give_up(self) -> None:
        """The fork server hangs: end it, with all of its children. Another one is started."""
        if self._process is not None:
            log.error("The sandbox's fork server hangs and is ended")
            self._process.kill()

    def begin_later(self, seconds: float) -> None:
        """Start it after a while, or with the first order; orders wait for it."""
        self._again = asyncio.get_running_loop().call_later(seconds, self._begin_again)

    def _begin(self) -> None:
        """Raises OSError. It dies with the thread that calls this: the loop's."""
        if self._again is not None:
            self._again.cancel()
        self._again = None
        self._process, self._socket = boot.start(self._told)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._hear)
        if self._waiting:
            loop.add_writer(self._socket, self._send_waiting)

    def _send(self, order: _Order) -> None:
        if self._waiting or self._socket is None or not self._sent(order):
            if not self._waiting and self._socket is not None:
                asyncio.get_running_loop().add_writer(self._socket, self._send_waiting)
            self._waiting.append(order.kept())

    def _send_waiting(self) -> None:
        while self._waiting and self._socket is not None:
            if not self._sent(self._waiting[0]):
                return
            self._waiting.popleft().close()
        if self._socket is not None:
            asyncio.get_running_loop().remove_writer(self._socket)

    def _sent(self, order: _Order) -> bool:
        """Whether it needs no more care: it is sent, or its socket is about to tell its end."""
        if self._socket is None:
            return False
        try:
            socket.send_fds(self._socket, [order.data], order.descriptors)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def _hear(self) -> None:
        while self._socket is not None:
            try:
                data = self._socket.recv(DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._died()
                return
            self._understand(orjson.loads(data))

    def _understand(self, said: dict[str, Any]) -> None:
        now = said.pop("now")
        if now == "ready":
            self._failures = 0
            self.greeting = said
            self.ready = True
            if said["threads"] > 1:
                log.warning(
                    "A module that is loaded for all children starts threads: they may hang"
                )
            if self._first is not None and not self._first.done():
                self._first.set_result(None)
            return
        number = said.pop("number")
        listener = self._listeners.get(number)
        if listener is None:
            return
        if now == "forked":
            listener.forked(said["pid"])
            return
        if now == "held":
            listener.held(said["line"].encode("latin-1"))
            return
        del self._listeners[number]
        if now == "ended":
            listener.ended(Ending(**said))
        else:
            listener.lost(f"no child could be started: {said['why']}")

    def _died(self) -> None:
        """The fork server is gone, and its children with it."""
        self._close()
        if self._process is not None:
            self._process.kill()
        if self._first is not None and not self._first.done():
            self._first.set_exception(SandboxError("it ended at once; its errors say why"))
        elif not self._stopping:
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._failures)
            self._failures += 1
            log.error("The sandbox's fork server has ended; starting it again in %.1f s", pause)
            self._again = asyncio.get_running_loop().call_later(pause, self._begin_again)
        self._lose("the sandbox's fork server ended")

    def _begin_again(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._again = asyncio.get_running_loop().call_later(_REAP_SECONDS, self._begin_again)
            return
        if self._process is not None:
            self._clear_away(self._process.pid)
        try:
            self._begin()
        except OSError as error:
            log.warning("The sandbox's fork server can't be started: %s", error)
            self._again = asyncio.get_running_loop().call_later(_LONGEST_PAUSE, self._begin_again)

    def _clear_away(self, pid: int) -> None:
        """What a fork server has left that was killed while it rehearsed."""
        for stage in self._folder.glob(f"rehearsal.{pid}.*"):
            folders.remove(stage)

    def _close(self) -> None:
        self.ready = False
        if self._socket is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.remove_writer(self._socket)
        self._socket.close()
        self._socket = None
        while self._waiting:
            self._waiting.popleft().close()

    def _lose(self, why: str) -> None:
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            listener.lost(why)
