"""The client for programs without asyncio: the same, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from millrace_client.client import AsyncClient
from millrace_client.sending import Told
from millrace_client.shapes import Batch, Counts, Event, File, FileDetail, Frame
from millrace_client.sources import Content

T = TypeVar("T")


class Client:
    """As `AsyncClient`, whose methods it has; see there."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        space: str | None = None,
        patience: float = 300,
        memory: Path | None = None,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="millrace-client", daemon=True
        )
        self._thread.start()

        async def make() -> AsyncClient:
            return AsyncClient(url, token, space=space, patience=patience, memory=memory)

        self._client = self._wait(make())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end the thread."""
        if self._loop.is_closed():
            return
        self._wait(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def upload(  # noqa: PLR0913 - as the other's
        self,
        content: Content,
        *,
        name: str | None = None,
        path: str = "",
        batch: str | None = None,
        batch_total: int | None = None,
        verify: bool = False,
        told: Told | None = None,
    ) -> File:
        """Send a file, resuming as often as needed. `told` is called in another thread."""
        return self._wait(
            self._client.upload(
                content,
                name=name,
                path=path,
                batch=batch,
                batch_total=batch_total,
                verify=verify,
                told=told,
            )
        )

    def file(self, file_id: str) -> FileDetail:
        """One file with its steps, results and artifacts."""
        return self._wait(self._client.file(file_id))

    def files(self, **filters: Any) -> Iterator[File]:
        """Files of the space, newest first."""
        return self._each(self._client.files(**filters))

    def counts(self) -> Counts:
        """Files of the space by status."""
        return self._wait(self._client.counts())

    def batch(self, batch: str) -> Batch:
        """One batch."""
        return self._wait(self._client.batch(batch))

    def download(self, file_id: str, to: Path, *, artifact: str | None = None) -> Path:
        """Write the original, or an artifact (`STEP/NAME`), to a path."""
        return self._wait(self._client.download(file_id, to, artifact=artifact))

    def retry(self, file_id: str) -> FileDetail:
        """Process a file that has ended again."""
        return self._wait(self._client.retry(file_id))

    def cancel(self, file_id: str) -> None:
        """Stop a file where it is."""
        self._wait(self._client.cancel(file_id))

    def delete(self, file_id: str) -> None:
        """Delete a file for good."""
        self._wait(self._client.delete(file_id))

    def follow(
        self, *, after: str | None = None, batch: str | None = None, file: str | None = None
    ) -> Iterator[Frame]:
        """Every frame of the stream, through lost connections."""
        return self._each(self._client.follow(after=after, batch=batch, file=file))

    def events(
        self, *, after: str | None = None, batch: str | None = None, file: str | None = None
    ) -> Iterator[Event]:
        """Every event after a cursor, from now on (None), or from the oldest kept ("oldest")."""
        return self._each(self._client.events(after=after, batch=batch, file=file))

    def wait(
        self, *file_ids: str, batch: str | None = None, seconds: float | None = None
    ) -> list[FileDetail]:
        """The files, or those of a batch, with their results, once all of them have ended."""
        return self._wait(self._client.wait(*file_ids, batch=batch, seconds=seconds))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C here ends the work there
            raise

    def _each(self, items: Any) -> Iterator[Any]:
        found: AsyncGenerator[Any, None] = items
        try:
            while True:
                try:
                    yield self._wait(_next(found))
                except StopAsyncIteration:
                    return
        finally:
            self._wait(found.aclose())


async def _next(items: AsyncGenerator[T, None]) -> T:
    return await anext(items)
