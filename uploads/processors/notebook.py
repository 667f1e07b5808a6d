"""The notebook step: a Jupyter notebook (nbformat 4) as the page that its author saw, harmless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.registry import processor
from uploads.processors.rendered import READ, page_of

BYTES = 32 * 1024 * 1024
OUTPUT = 4000  # characters shown of one output
MEDIA_TYPE = "application/x-ipynb+json"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@processor(
    name="notebook", accepts=[MEDIA_TYPE], version=1, after=["identify", "checksum"], light=True
)
def notebook(ctx: Context) -> dict[str, Any]:
    """{language, cells {markdown, code, …}, pictures, errors [{cell, message}]} and what the
    markdown step gives, with page.html; pictures among the outputs are counted, not shown.

    Raises BadFile.
    """
    import orjson

    if ctx.size == 0:
        return {"empty": True}
    if ctx.size > BYTES:
        raise BadFile(f"The notebook is larger than {BYTES // 1024**2} MiB.")
    try:
        book = orjson.loads(ctx.path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise BadFile(f"The notebook can't be read: {error}.") from error
    cells = _list(_dict(book).get("cells"))
    metadata = _dict(_dict(book).get("metadata"))
    language = str(_dict(metadata.get("language_info")).get("name") or "python")
    reader = _Reader(language if re.fullmatch(r"[\w+#-]{1,30}", language) else "")
    text = "\n\n".join(
        part for number, cell in enumerate(cells, 1) for part in reader.parts(number, cell)
    )
    ctx.progress(ctx.size, ctx.size, "bytes")
    return {
        "language": clip(language, 30),
        "cells": reader.cells,
        "pictures": reader.pictures,
        "errors": reader.errors,
        **page_of(ctx, text[:READ]),
        "truncated": len(text) > READ,
    }


class _Reader:
    """Cells as Markdown, with what is counted on the way."""

    def __init__(self, language: str) -> None:
        self.cells: dict[str, int] = {}
        self.pictures = 0
        self.errors: list[dict[str, Any]] = []
        self._language = language

    def parts(self, number: int, cell: Any) -> Iterator[str]:
        cell = _dict(cell)
        kind = str(cell.get("cell_type"))
        if kind not in ("markdown", "code", "raw"):
            return
        self.cells[kind] = self.cells.get(kind, 0) + 1
        source = _text(cell.get("source"))
        if kind == "markdown":
            yield source
        elif source.strip():
            yield _fenced(source, self._language if kind == "code" else "")
        for output in _list(cell.get("outputs")):
            if said := self._output(number, _dict(output)):
                yield "> " + _fenced(said[:OUTPUT], "").replace("\n", "\n> ")

    def _output(self, number: int, output: dict[str, Any]) -> str:
        data = _dict(output.get("data"))
        self.pictures += any(str(key).startswith("image/") for key in data)
        if output.get("output_type") == "error":
            said = f"{output.get('ename')}: {output.get('evalue')}"
            if len(self.errors) < 50:
                self.errors.append({"cell": number, "message": clip(said, 300)})
            return said
        return _COLOURS.sub("", _text(output.get("text") or data.get("text/plain"))).rstrip()


def _fenced(source: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", source)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{source}\n{fence}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(map(str, _list(value)))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
