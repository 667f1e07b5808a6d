"""The only module that packs many files into one zip, while it is sent.

Nothing is written to the disk, and no more is held in memory than the piece that is on its way and
the list of names: an entry's sizes follow it (APPNOTE 4.4.4, bit 3), as its bytes are not known
before they were read. What is packed already is put into the archive as it is, everything else is
deflated; both as deflate streams, since readers that stream can't tell where a stored entry ends.
"""

import time
import zipfile
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from uuid import UUID

from django.http import StreamingHttpResponse

from uploads import metrics, storage
from uploads.access.rights import Access
from uploads.errors import NotFound, TooManyFiles
from uploads.models import UploadedFile
from uploads.names import fitted
from uploads.reading import listing
from uploads.reading.shapes import PAGE_FILES, ZipQuery
from uploads.sending import disposition

ZIP_FILES = 10_000  # in one zip, at the most
PIECE_BYTES = 256 * 1024
PACKED = {
    "image",
    "video",
    "audio",
    "archive",
    "office",
    "font",
    "pdf",
}  # kinds that deflate little
FAST = 1  # of deflate's levels: the network is to be the slower one
AS_IT_IS = 0
MISSING = "NOT IN THIS ZIP.txt"
EARLIEST, LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # what a zip can say


@dataclass(frozen=True)
class Entry:
    """One file as it goes into a zip."""

    name: str
    path: Path
    size: int
    packed: bool
    at: datetime


def entries(place: Access, wanted: ZipQuery) -> list[Entry]:
    """What goes into the zip, in the list's order, each under a name of its own. Sync.

    Raises NotFound where nothing of it has been received whole, TooManyFiles.
    """
    taken: set[str] = set()
    found = [
        Entry(
            name=_free(file, taken),
            path=storage.path(file.pk),
            size=file.size or 0,
            packed=file.kind in PACKED,
            at=file.created_at,
        )
        for file in _files(place, wanted)
        if file.complete
    ]
    if not found:
        raise NotFound("None of these files is here, or none has been received whole.")
    return found


def _files(place: Access, wanted: ZipQuery) -> Iterator[UploadedFile]:
    if wanted.ids:
        here: dict[UUID, UploadedFile] = UploadedFile.objects.filter(space=place.space_id).in_bulk(
            list(wanted.ids)
        )
        yield from (here[pk] for pk in dict.fromkeys(wanted.ids) if pk in here)
        return
    number, cursor = 0, None
    while True:
        page = listing.page(place.space_id, wanted.filters(), cursor=cursor, limit=PAGE_FILES)
        number += len(page.files)
        if number > ZIP_FILES:
            raise TooManyFiles(f"A zip holds at most {ZIP_FILES} files; choose fewer.")
        yield from page.files
        cursor = page.next
        if cursor is None:
            return


def _free(file: UploadedFile, taken: set[str]) -> str:
    """A harmless name with its folders, that no entry before has, in whatever case: «a (2).txt»."""
    path = PurePosixPath(_portable(fitted(file.path or file.name)[1]))
    free, number = path, 1
    while str(free).casefold() in taken:
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    taken.add(str(free).casefold())
    return str(free)


def _portable(path: str) -> str:
    """Without what Windows takes for something else: colons, stars, ends of names it cuts off."""
    parts = [part.translate(_NOT_PORTABLE).rstrip(". ") or "_" for part in path.split("/")]
    return "/".join(parts)


_NOT_PORTABLE = str.maketrans(dict.fromkeys('<>:"|?*', "_"))


class ZipAnswer(StreamingHttpResponse):
    """Entries as one zip, packed as fast as the client takes it; it ends with the connection."""

    def __init__(self, found: list[Entry], name: str) -> None:
        super().__init__((), content_type="application/zip")
        self.found = found
        self.headers["Content-Disposition"] = disposition(f"{name}.zip")
        self.headers["Cache-Control"] = "no-store"
        self.headers["X-Accel-Buffering"] = "no"  # nginx would collect it in a file of its own

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = packed(self.found)
        try:
            while piece := await storage.in_pool(next, pieces, b""):
                metrics.SENT_BYTES.inc(len(piece))
                yield piece
        finally:
            await storage.in_pool(pieces.close)


def packed(found: Iterable[Entry]) -> Generator[bytes, None, None]:
    """The zip's bytes, piece by piece; blocking. An entry that has vanished meanwhile is named in a
    note at the end.
    """
    sink = _Sink()
    missing: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in found:
            try:
                content = entry.path.open("rb")
            except FileNotFoundError:  # deleted since
                missing.append(entry.name)
                continue
            with content, archive.open(_info(entry), "w", force_zip64=entry.size >= 2**31) as into:
                while piece := content.read(PIECE_BYTES):
                    into.write(piece)
                    if sink.held >= PIECE_BYTES:
                        yield sink.take()
        if missing:
            words = ["These files were deleted before they could be packed:", *missing, ""]
            archive.writestr(MISSING, "\n".join(words))
    yield sink.take()


def _info(entry: Entry) -> zipfile.ZipInfo:
    at = min(max(entry.at.timetuple()[:6], EARLIEST), LATEST)
    info = zipfile.ZipInfo(entry.name, at)
    info.compress_type = zipfile.ZIP_DEFLATED
    info._compresslevel = AS_IT_IS if entry.packed else FAST  # type: ignore[attr-defined]
    info.external_attr = 0o644 << 16
    return info


class _Sink:
    """A file that can only be written: what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.held = 0

    def write(self, data: bytes, /) -> int:
        """As a file's."""
        self._pieces.append(bytes(data))
        self.held += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """There is nothing to let go of."""

    def take(self) -> bytes:
        """What has come since the last time."""
        taken, self._pieces, self.held = b"".join(self._pieces), [], 0
        return taken


def title(place: Access) -> str:
    """What the zip is called, without its extension."""
    return f"{place.space_slug} {time.strftime('%Y-%m-%d %H%M', time.gmtime())}"
