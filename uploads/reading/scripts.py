"""The only module that knows the addresses of the pages' scripts and style sheets.

Scripts name each other by bare names ("millrace/store"); an import map gives each its address,
which in production carries a hash of the content. The map is the one inline script of a page, so
its own hash goes into the Content-Security-Policy.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static
from django.utils.safestring import SafeString, mark_safe

VENDORED = {
    "vendor/tus": "tus-js-client-4.3.1/tus.min.js",
    "vendor/hash-wasm": "hash-wasm-4.13.0/sha256.umd.min.js",
    "vendor/uplot": "uplot-1.6.32/uPlot.esm.js",
    "vendor/uplot.css": "uplot-1.6.32/uPlot.min.css",  # for import.meta.resolve
}
_IMPORT = re.compile(r"""^(?:import|export)\b[^"']*["'](millrace/[\w/-]+)["']""", re.MULTILINE)
_NAMED = re.compile(r"""["'](millrace/[\w/-]+)["']""")


def _folder() -> Path:
    return Path(settings.BASE_DIR) / "frontend" / "static" / "js"


def _names() -> list[str]:
    folder = _folder()
    return sorted(
        f"millrace/{path.relative_to(folder).with_suffix('').as_posix()}"
        for path in folder.rglob("*.js")
    )


def address(name: str) -> str:
    """Where the script "millrace/NAME" is served."""
    return static(f"js/{name.removeprefix('millrace/')}.js")


@cache
def import_map() -> SafeString:
    """The import map as the text of its element."""
    addresses = {name: address(name) for name in _names()}
    addresses |= {name: static(f"vendor/{path}") for name, path in VENDORED.items()}
    text = json.dumps({"imports": addresses}, separators=(",", ":"))
    return mark_safe(text.replace("<", "\\u003c"))  # noqa: S308 - made of our own file names


@cache
def import_map_hash() -> str:
    """The source expression that allows the import map, for the Content-Security-Policy."""
    digest = hashlib.sha256(import_map().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def preloads(entry: str) -> tuple[str, ...]:
    """Addresses of what a script imports, at any depth, so that they are fetched at once."""
    seen: dict[str, None] = {}
    waiting = [entry]
    while waiting:
        for name in _imports(waiting.pop()):
            if name not in seen:
                seen[name] = None
                waiting.append(name)
    return tuple(address(name) for name in seen)


@cache
def source(entry: str) -> str:
    """What is written in a script and in all that it names, at any depth, now or later."""
    texts: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in texts:
            texts[name] = _text(name)
            waiting += _NAMED.findall(texts[name])
    return "".join(texts.values())


def _imports(name: str) -> Iterator[str]:
    yield from _IMPORT.findall(_text(name))


def _text(name: str) -> str:
    path = _folder() / f"{name.removeprefix('millrace/')}.js"
    return path.read_text(encoding="utf-8")


@cache
def sheets(*names: str) -> tuple[str, ...]:
    """Addresses of style sheets, in the order in which they build on each other."""
    return tuple(static(f"css/{name}.css") for name in names)


def sample(name: str) -> str:
    """The address of a file to try."""
    return static(f"samples/{name}")
