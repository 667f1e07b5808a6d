"""SVG: its size, and what in it could act where it is shown as it is (which never happens here)."""

from __future__ import annotations

import re
from typing import Any

from uploads.processors import pixels
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile

HOSTS = 20
FILTER_STEPS = 64  # of one filter
TITLE = 200  # characters


def header(ctx: Context) -> dict[str, Any]:
    """{format, width, height, mode, has_alpha, …, drawing {…}}; raises BadFile where it
    is broken.
    """
    if ctx.size > pixels.MAX_SVG_BYTES:
        raise BadFile(f"The drawing is larger than {pixels.MAX_SVG_BYTES // 1024**2} MiB.")
    data = ctx.path.read_bytes()
    _check_filters(data)
    try:
        opened = pixels.vips().Image.svgload_buffer(data)
    except pixels.vips().Error as error:
        raise BadFile(f"The drawing can't be read: {pixels.reason(error)}.") from error
    return {
        "format": "SVG",
        "width": opened.width,
        "height": opened.height,
        "megapixels": None,
        "mode": "vector",
        "bits": None,
        "has_alpha": True,
        "animated": re.search(rb"<animate|@keyframes", data) is not None,
        "drawing": _inside(data),
    }


def _check_filters(data: bytes) -> None:
    """Each step of a filter goes over all pixels. Raises BadFile for a filter of too many."""
    for part in re.split(rb"<(?:\w{1,20}:)?filter\b", data)[1:]:
        steps = len(re.findall(rb"<(?:\w{1,20}:)?fe[A-Z]", part))
        if steps > FILTER_STEPS:
            raise BadFile(
                f"A filter of the drawing has {steps} steps; at most {FILTER_STEPS} are drawn."
            )


def _inside(data: bytes) -> dict[str, Any]:
    title = re.search(rb"<title[^>]{0,200}>([^<]{1,400})</title>", data)
    hosts = re.findall(rb"(?:href|src)\s?=\s?[\"'](?:https?:)?//([^\"'/\s]{1,100})", data)
    return {
        "title": clip(title.group(1).decode("utf-8", "replace"), TITLE) if title else None,
        "scripts": len(re.findall(rb"<script|\son[a-z]{3,20}\s?=", data)),
        "embedded_pictures": len(re.findall(rb"<image\b", data)),
        "outside_links": sorted({host.decode("ascii", "replace") for host in hosts})[:HOSTS],
    }
