"""One child as the server sees it: its pipes, its time, its end.

What it says becomes messages here, and none of it is trusted.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from uploads.processing.sandbox import wire
from uploads.processing.sandbox.contract import Progress, Reason
from uploads.processing.sandbox.link import Ending, Link
from uploads.processing.sandbox.order import Order

READ_BYTES = 65536
OUTPUT_BYTES = 1024 * 1024  # of what a child may print in all
TAIL_BYTES = 4096  # of which so much is kept
_QUEUE = 64  # messages that wait for the consumer before the child has to wait, too
_LAST_PIPE_BYTES = 1024 * 1024  # a pipe holds no more when its writer is dead
_CONSUMER_SECONDS = 1.0
# How libraries end that get no more memory; some say nothing before.
_GIVES_UP = {-signal.SIGABRT, -signal.SIGTRAP, -signal.SIGILL}
_NEARLY = 0.95  # of the memory that it may have
HUNG_SECONDS = 5.0  # from a child's death sentence to the fork server's


@dataclass(frozen=True)
class End:
    """How a child ended, as the server judges it. `words` say it to people, where they can be more
    exact than the reason; `lost`: the whole sandbox is in trouble.
    """

    reason: Reason
    detail: str
    words: str = ""
    cpu: float = 0.0
    rss: int = 0
    lost: bool = False
    printed: str = ""  # the last of it


class Refused(Exception):
    """What the child says doesn't follow from what it was told."""


Hear = Callable[[wire.Said], Sequence[object]]


class Ward:
    """One child.

    `hear` judges what it says as soon as it is said, and answers what is to be passed on; it may
    raise Refused.
    """

    def __init__(self, link: Link, hear: Hear) -> None:
        self._link = link
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._memory = 0
        self._heard: deque[object] = deque()
        self._more = asyncio.Event()
        self._lines = wire.Lines()
        self._allowance = wire.Allowance(time.monotonic())
        self._tail = bytearray()
        self._printed = 0
        self._pipes: dict[int, Callable[[bytes], None]] = {}
        self._messages = -1
        self._paused = False
        self._why: tuple[Reason, str] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.pid: int | None = None
        self.end: End | None = None

    def start(self, order: Order, *, run_folder: Path) -> None:
        """Ask for the child. `run_folder` is what is watched for its size."""
        opened: list[int] = []
        self._memory = order.caps.memory
        try:
            opened.append(order.write())
            self._messages, theirs = self._pipe(self._take_messages)
            opened.append(theirs)
            opened.append(self._pipe(self._take_output)[1])
            self._number = self._link.fork(
                self, folder=run_folder, caps=order.caps, descriptors=tuple(opened)
            )
        except OSError as error:  # out of descriptors
            self.lost(f"no child could be started: {error}")
        except BaseException:
            self.lost("its order can't be written")
            raise
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def allow(self, seconds: float, then: Reason = "time_cap") -> None:
        """From now on so much time until the next call of this; then it is ended."""
        if self._timer is not None:
            self._timer.cancel()
        if self.end is None:
            self._timer = self._loop.call_later(seconds, self._out_of_time, seconds, then)

    def kill(self, reason: Reason, detail: str = "") -> None:
        """End it now. The first reason counts."""
        if self.end is None and self._why is None:
            self._why = (reason, detail)
            self._link.kill(self._number)
            self.allow(HUNG_SECONDS, reason)

    async def next(self) -> object | None:
        """What was heard next; None after the end."""
        while not self._heard:
            if self.end is not None:
                return None
            self._more.clear()
            await self._more.wait()
        heard = self._heard.popleft()
        if self._paused and len(self._heard) < _QUEUE // 2:
            self._paused = False
            if self._messages in self._pipes:
                self._loop.add_reader(self._messages, self._readable, self._messages)
        return heard

    async def ended_at_last(self) -> None:
        """Wait for the end; what is heard until then goes to nobody."""
        while await self.next() is not None:
            pass

    # -- what the link tells -----------------------------------------------------------------------

    def forked(self, pid: int) -> None:
        self.pid = pid

    def held(self, line: bytes) -> None:
        """A measure that the child has not sent: too old, torn or forged, it is passed over."""
        if self._why is None:
            with suppress(wire.Garbled, Refused):
                self._pass_on(self._hear(wire.read_held(line)))

    def ended(self, ending: Ending) -> None:
        self._read_what_is_left()
        reason, detail, words = self._judge(ending)
        printed = self._tail.decode(errors="replace")
        self._finish(End(reason, detail, words, ending.cpu, ending.rss, printed=printed))

    def lost(self, why: str) -> None:
        reason, detail = self._why if self._why and self._why[0] == "cancelled" else ("lost", why)
        self._finish(End(reason, detail, lost=True))

    # -- inside ------------------------------------------------------------------------------------

    def _pipe(self, take: Callable[[bytes], None]) -> tuple[int, int]:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ours, False)
        self._pipes[ours] = take
        self._loop.add_reader(ours, self._readable, ours)
        return ours, theirs

    def _readable(self, pipe: int) -> bool:
        """Read once; whether there may be more."""
        try:
            data = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._close_one(pipe)
            return False
        self._pipes[pipe](data)
        return True

    def _take_output(self, data: bytes) -> None:
        self._printed += len(data)
        self._tail += data
        del self._tail[:-TAIL_BYTES]
        if self._printed > OUTPUT_BYTES:
            self.kill("output_cap", "it printed too much")

    def _take_messages(self, data: bytes) -> None:
        if self._why is not None:
            return  # whatever it still says, it is being ended
        try:
            for line in self._lines.feed(data):
                said = wire.read(line)
                if isinstance(said, wire.Measured):
                    self._allowance.take(time.monotonic())
                self._pass_on(self._hear(said))
        except wire.Flooded:
            self.kill("output_cap", "it sent too much")
        except (wire.Garbled, Refused) as error:
            self.kill("protocol", str(error))

    def _pass_on(self, heard: Sequence[object]) -> None:
        for one in heard:
            if isinstance(one, Progress) and self._heard and isinstance(self._heard[-1], Progress):
                self._heard[-1] = one  # nobody has seen the older one
            else:
                self._heard.append(one)
        self._more.set()
        if len(self._heard) >= _QUEUE and not self._paused and self._messages in self._pipes:
            self._paused = True
            self._loop.remove_reader(self._messages)

    def _out_of_time(self, seconds: float, then: Reason) -> None:
        if self._why is not None:
            self._link.give_up()  # it doesn't do what it is told
        elif self._paused:
            self.allow(_CONSUMER_SECONDS, then)  # it waits for us
        else:
            self.kill(then, f"it was not done after {seconds:g} s")

    def _read_what_is_left(self) -> None:
        for pipe in list(self._pipes):
            left = _LAST_PIPE_BYTES // READ_BYTES
            while left and pipe in self._pipes and self._readable(pipe):
                left -= 1

    def _judge(self, ending: Ending) -> tuple[Reason, str, str]:
        if self._why is not None:
            return (*self._why, "")
        if ending.excess is not None:
            return ending.excess, "", ""
        if ending.status == 0:
            return "ok", "", ""
        tail = self._tail.decode(errors="replace").strip()
        if ending.status == -signal.SIGXCPU:
            return "time_cap", tail, ""
        if ending.status in _GIVES_UP and (
            _ran_out_of_memory(tail) or ending.rss > self._memory * _NEARLY
        ):
            return "memory_cap", tail, ""
        how = _how(ending.status)
        return "crashed", "\n".join(filter(None, (tail, how))), how

    def _finish(self, end: End) -> None:
        self.end = end
        if self._timer is not None:
            self._timer.cancel()
        self._close()
        self._more.set()

    def _close(self) -> None:
        for pipe in list(self._pipes):
            self._close_one(pipe)

    def _close_one(self, pipe: int) -> None:
        self._loop.remove_reader(pipe)
        os.close(pipe)
        del self._pipes[pipe]


def _ran_out_of_memory(tail: str) -> bool:
    """How Rust's and C++'s libraries say it before they abort."""
    return "memory allocation of" in tail or "bad_alloc" in tail


def _how(status: int) -> str:
    if status >= 0:
        return f"It ended with status {status}."
    if status == -signal.SIGKILL:  # and not by us
        return "It was killed from outside (SIGKILL), as a machine does that runs out of memory."
    try:
        return f"It was ended by {signal.Signals(-status).name}."
    except ValueError:
        return f"It was ended by signal {-status}."
