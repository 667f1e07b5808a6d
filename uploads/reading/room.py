"""How much room a file's preview will take, so that the page keeps neither too much nor too little.

The scripts make the preview (`frontend/static/js/viewers/`); without this, what is below it would
stand far from a small one, or jump when it comes.
"""

from collections.abc import Callable
from typing import Any

from uploads.models import IN_FLIGHT

TOOLS, EDGES = 46, 24  # px; as `viewer.css` has them
SMALL, MIDDLE = 208, 340  # px; the least heights of `.preview` in `file.css`
MESSAGE = 160  # px, of one that says why there is nothing to see
TALL = 10_000
LINE, LONG_LINE = 21, 160  # px of a line of text; characters of one that is wrapped
BRANCH, ENTRY, ROW = 24, 28, 35  # px
MOST = 20  # lines that are counted


def room(file: dict[str, Any]) -> str:
    """ "small", "middle" or "" for as much as there usually is, of a file's JSON."""
    if file["status"] in IN_FLIGHT:
        return ""  # whatever comes then must not move what is there
    results = file["results"]
    for step, height in _HEIGHTS.items():
        if step in results and (found := height(results[step])):
            return "small" if found <= SMALL else "middle" if found <= MIDDLE else ""
    return ""


def _image(result: dict[str, Any]) -> int:
    if result.get("empty"):
        return MESSAGE
    preview = result.get("preview") or {}
    return TOOLS + 2 * EDGES + (preview.get("height") or TALL)


def _table(result: dict[str, Any]) -> int:
    tables = result.get("tables") or []
    if not any(table.get("rows") or table.get("columns") for table in tables):
        return MESSAGE
    return TOOLS + 52 + ROW * len(tables[0].get("head") or [])


def _data(result: dict[str, Any]) -> int:
    if result.get("error"):
        return TALL
    tree = result.get("tree")
    return TOOLS + EDGES + BRANCH * _branches(tree) if tree else MESSAGE


def _branches(node: dict[str, Any]) -> int:
    """Lines that a tree takes with all of its branches open, as far as they are counted."""
    waiting, count = [node], 0
    while waiting and count < MOST:
        count += 1
        waiting.extend(waiting.pop().get("children") or [])
    return count


def _archive(result: dict[str, Any]) -> int:
    entries = result.get("tree") or []
    folders = {entry["path"].rpartition("/")[0] for entry in entries[:MOST]} - {""}
    depth = sum(folder.count("/") + 1 for folder in folders)
    return TOOLS + EDGES + ENTRY * (len(entries) + depth) if entries else MESSAGE


def _code(result: dict[str, Any]) -> int:
    tokens = result.get("tokens") or []
    return TOOLS + EDGES + LINE * len(tokens) if tokens else 0


def _text(result: dict[str, Any]) -> int:
    head = result.get("head")
    if not head:
        return MESSAGE
    if (result.get("longest_line") or 0) > LONG_LINE:
        return TALL
    lines: int = head.rstrip("\n").count("\n") + 1
    return TOOLS + EDGES + LINE * lines


def _binary(result: dict[str, Any]) -> int:
    if result.get("empty"):
        return MESSAGE
    return TOOLS + EDGES + LINE * len(result.get("hex") or [])


def _tall(_result: dict[str, Any]) -> int:
    return TALL


# In the order in which the scripts look for a preview; 0 for one that shows none.
_HEIGHTS: dict[str, Callable[[dict[str, Any]], int]] = {
    "image": _image,
    "pdf": _tall,
    **dict.fromkeys(("table", "workbook", "columnar", "database", "json-lines", "entries"), _table),
    "data": _data,
    "archive": _archive,
    **dict.fromkeys(("audio", "video", "office", "mail", "markdown", "font"), _tall),
    "code": _code,
    "text": _text,
    "binary": _binary,
}
