"""The pdf step: pages and their size, metadata, text, outline, what could act, and the
pages as pictures.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from uploads.processors import pdf_forms, pixels
from uploads.processors.bounds import clip, within
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.registry import processor

if TYPE_CHECKING:
    import pypdfium2
    from PIL import Image

PAGES = 10_000  # pages whose text is read
STRIP = 12  # pages shown, in small and to be read
PREVIEW = 1600  # pixels, the longer side of a page to be read: 137 to the inch on A4
THUMBNAIL = 320
TEXT_BYTES = 32 * 1024 * 1024  # of the artifact
HEAD = 4000  # characters of text in the result
OUTLINE = 500  # entries
OUTLINE_BUDGET = 48 * 1024  # bytes of JSON
MM = 25.4 / 72  # millimetres in a point

_PAPER = {
    (210, 297): "A4",
    (297, 420): "A3",
    (148, 210): "A5",
    (216, 279): "Letter",
    (216, 356): "Legal",
}
_FORMS = {0: None, 1: "acroform", 2: "xfa", 3: "xfa"}


@processor(name="pdf", accepts=["application/pdf"], version=2, after=["identify", "checksum"])
def pdf(ctx: Context) -> dict[str, Any]:
    """{pages, version, encrypted, locked, page {width_mm, height_mm, paper}, sizes, metadata {…},
    tagged, form, javascript, attachments, signatures, outline [{level, title, page}], words,
    characters, head, scanned, broken_pages, strip [artifact names]}, text.txt,
    thumbnail.webp and of the first pages page-N.webp and page-N-small.webp

    `locked`: it can't be opened without its password; then little else is known. Raises BadFile.
    """
    if ctx.size == 0:
        return {"empty": True, "pages": 0}
    if pdf_forms.most_drawn(ctx.path) > pdf_forms.DRAWN:
        raise BadFile(
            f"Drawings inside the PDF draw each other more than {pdf_forms.DRAWN:,} times: it looks"
            " like a bomb."
        )
    document = _open(ctx)
    if document is None:
        ctx.progress(ctx.size, ctx.size, "bytes")
        return {"encrypted": True, "locked": True, "pages": None}
    try:
        return _described(document) | Pages(ctx, document).read()
    finally:
        document.close()


def _open(ctx: Context) -> pypdfium2.PdfDocument | None:
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        return pypdfium2.PdfDocument(ctx.path)
    except pypdfium2.PdfiumError as error:
        # PDFium's code may be left over from another file, so the file must say it too.
        if error.err_code == pdfium.FPDF_ERR_PASSWORD and _mentions(ctx, b"/Encrypt"):
            return None
        raise BadFile(
            "The PDF can't be opened: its structure is damaged, or only its first line is a PDF's."
        ) from error


def _mentions(ctx: Context, word: bytes) -> bool:
    with ctx.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(word) >= 0


def _described(document: pypdfium2.PdfDocument) -> dict[str, Any]:
    import pypdfium2.raw as pdfium

    version = document.get_version()
    actions = pdfium.FPDFDoc_GetJavaScriptActionCount(document)
    return {
        "pages": len(document),
        "version": f"{version / 10:.1f}" if version else None,
        "encrypted": pdfium.FPDF_GetSecurityHandlerRevision(document) != -1,
        "locked": False,
        "metadata": _metadata(document),
        "tagged": bool(document.is_tagged()),
        "form": _FORMS.get(document.get_formtype()),
        "javascript": max(0, actions),
        "attachments": _attachments(document),
        "signatures": max(0, pdfium.FPDF_GetSignatureCount(document)),
        "outline": within(_outline(document), OUTLINE_BUDGET),
    }


def _metadata(document: pypdfium2.PdfDocument) -> dict[str, str]:
    fields = {key.lower(): value.strip() for key, value in document.get_metadata_dict().items()}
    dates = {"created": fields.pop("creationdate", ""), "modified": fields.pop("moddate", "")}
    fields |= {name: _date(value) for name, value in dates.items()}
    return {name: clip(value, 500) for name, value in fields.items() if value}


def _date(value: str) -> str:
    """D:20240501120000+02'00' (PDF 32000-1 §7.9.4) in ISO form, or as it is."""
    found = re.match(
        r"(?:D:)?(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:([+-]\d\d)'?(\d\d)|Z)?", value
    )
    if not found:
        return value
    year, month, day, hour, minute, second, east, more = found.groups()
    zone = f"{east}:{more}" if east else ("+00:00" if "Z" in value else "")
    return f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{zone}"


def _attachments(document: pypdfium2.PdfDocument) -> list[str]:
    import pypdfium2

    names = []
    for place in range(min(document.count_attachments(), 50)):
        try:
            names.append(clip(document.get_attachment(place).get_name(), 200))
        except pypdfium2.PdfiumError:
            names.append("?")
    return names


def _outline(document: pypdfium2.PdfDocument) -> Iterator[dict[str, Any]]:
    import pypdfium2

    for number, entry in enumerate(document.get_toc(max_depth=8)):
        if number >= OUTLINE:
            return
        try:
            target = entry.get_dest()
            page = target.get_index() if target else None
        except pypdfium2.PdfiumError:
            page = None
        title = clip(entry.get_title().strip(), 300)
        yield {"level": entry.level + 1, "title": title, "page": None if page is None else page + 1}


class Pages:
    """Goes through the pages once: their text into an artifact, the first ones into pictures."""

    def __init__(self, ctx: Context, document: pypdfium2.PdfDocument) -> None:
        self.ctx = ctx
        self.document = document
        self.head = ""
        self.words = self.characters = self.written = 0
        self.broken: list[int] = []
        self.strip: list[str] = []
        self.sizes: dict[tuple[int, int], int] = {}

    def read(self) -> dict[str, Any]:
        total = min(len(self.document), PAGES)
        if total == 0:
            raise BadFile("The PDF has no pages.")
        text = self.ctx.save("text.txt", "text/plain")
        with text.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            for number in range(1, total + 1):
                file.write(self._page(number))
                self.ctx.progress(number, total, "pages")
        return self._result()

    def _page(self, number: int) -> str:
        """The page's text, as far as there is still room for it; its picture on the way."""
        import pypdfium2

        try:
            page = self.document[number - 1]
            try:
                self._measure(page)
                if number <= STRIP:
                    self._show(page, number)
                content = self._text(page)
            finally:
                page.close()
        except pypdfium2.PdfiumError:
            self.broken.append(number)
            return ""
        return self._count(content, number)

    def _text(self, page: pypdfium2.PdfPage) -> str:
        reader = page.get_textpage()
        try:
            text: str = reader.get_text_bounded()
        finally:
            reader.close()
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        return text.replace("\ufffe", "")  # where PDFium joined a word that was hyphenated

    def _count(self, content: str, number: int) -> str:
        self.characters += len(content)
        self.words += len(content.split())
        if len(self.head) < HEAD:
            self.head += content[: HEAD - len(self.head)] + "\n"
        room = TEXT_BYTES - self.written
        if room <= 0:
            return ""
        block = f"--- {number} ---\n{content[:room]}\n"
        self.written += len(block.encode("utf-8", "replace"))
        return block

    def _measure(self, page: pypdfium2.PdfPage) -> None:
        width, height = (round(side * MM) for side in page.get_size())
        if len(self.sizes) < 20 or (width, height) in self.sizes:
            self.sizes[width, height] = self.sizes.get((width, height), 0) + 1

    def _show(self, page: pypdfium2.PdfPage, number: int) -> None:
        image = rendered(page, PREVIEW)
        if image is None:
            return
        self._save(f"page-{number}.webp", pixels.encode(image))
        small = pixels.encode(_small(image))
        if number == 1:
            self._save("thumbnail.webp", small)
        self._save(f"page-{number}-small.webp", small)
        self.strip.append(f"page-{number}-small.webp")

    def _save(self, name: str, picture: pixels.Small) -> None:
        self.ctx.save(name, "image/webp").write_bytes(picture.webp)

    def _result(self) -> dict[str, Any]:
        sizes = [
            {"width_mm": width, "height_mm": height, "paper": _paper(width, height), "pages": count}
            for (width, height), count in sorted(self.sizes.items(), key=lambda item: -item[1])
        ]
        return {
            "page": sizes[0] if sizes else None,
            "sizes": sizes,
            "words": self.words,
            "characters": self.characters,
            "head": clip(self.head.strip(), HEAD),
            "scanned": self.words == 0,
            "text_truncated": self.written >= TEXT_BYTES or len(self.document) > PAGES,
            "broken_pages": self.broken[:100],
            "strip": self.strip,
        }


def rendered(page: pypdfium2.PdfPage, side: int) -> Image.Image | None:
    """The page in a square of `side` pixels, on white; None for a page without size."""
    width, height = page.get_size()
    longest = max(width, height)
    if not 0 < longest < 1e7 or min(width, height) <= 0:
        return None
    scale = side / longest
    if min(width, height) * scale < 1:
        return None
    image: Image.Image = page.render(scale=scale).to_pil()
    return image.convert("RGB")


def _small(image: Image.Image) -> Image.Image:
    scale = THUMBNAIL / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), reducing_gap=2.0)


def _paper(width: int, height: int) -> str | None:
    """The name of a paper size, within 2 mm, either way round."""
    short, long = sorted((width, height))
    for (across, down), name in _PAPER.items():
        if abs(short - across) <= 2 and abs(long - down) <= 2:
            return name
    return None
