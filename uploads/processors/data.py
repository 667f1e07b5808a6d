"""The data step: is a JSON, XML, YAML or TOML document valid, or where not; its tree
and its schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from uploads.processors import encoding, structure
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.encoding import Encoding
from uploads.processors.markup import Elements
from uploads.processors.registry import processor
from uploads.processors.yaml_events import YamlFeed

IN_MEMORY = 24 * 1024 * 1024  # bytes: larger JSON is read as a stream
PRETTY = 8 * 1024 * 1024  # bytes of an artifact with indentation
TOML_BYTES = 16 * 1024 * 1024
KEY_PARTS = 500  # of a dotted key
BLOCK = 256 * 1024  # bytes
MESSAGE = 300  # characters


class Invalid(Exception):
    """The document is wrong at this line and column, from 1; None where the parser doesn't say."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.more: dict[str, Any] = {}  # what was found before the mistake
        self.place = {"message": clip(message, MESSAGE), "line": line, "column": column}


FODS = "application/vnd.oasis.opendocument.spreadsheet-flat-xml"
UNFOLDS = "Its entities unfold into far more text than the file has."
COMMENT = "A comment: JSON has none, though some programs take them."


@processor(
    name="data",
    accepts=[
        *("application/json", "application/xml", "application/yaml", "application/toml"),
        FODS,
    ],
    version=2,
    after=["identify", "checksum"],
    light=True,
)
def data(ctx: Context) -> dict[str, Any]:
    """{format, dialect, valid, error {message, line, column}|null, encoding, top, documents, depth,
    values, keys [{key, count}], schema [{path, types, count, share, example, length}], tree}; XML
    adds root, namespaces, comments, doctype. An invalid document is shown as far as it was read.
    """
    coding = encoding.detect(ctx.path)
    survey = structure.Survey()
    source = Source(ctx, coding)
    error = None
    more: dict[str, Any] = {}
    try:
        if ctx.size:
            more = _READERS[ctx.media_type](source, survey)
    except Invalid as invalid:
        error, more = invalid.place, invalid.more
    except structure.TooDeep as deep:
        error = Invalid(str(deep)).place
    ctx.progress(ctx.size, ctx.size, "bytes")
    found = survey.result()
    return {
        "format": "xml" if ctx.media_type == FODS else ctx.media_type.rpartition("/")[2],
        "dialect": _dialect(survey, more),
        "valid": error is None and ctx.size > 0,
        "error": error,
        "encoding": coding.name,
        **more,
        **found,
    }


@dataclass
class Source:
    """A document's bytes, in UTF-8 whatever they are in the file, with progress on the way."""

    ctx: Context
    coding: Encoding

    def whole(self) -> bytes:
        content = self.ctx.path.read_bytes()[self.coding.mark :]
        if self.coding.name in ("utf-8", "ascii"):
            return content
        return content.decode(self.coding.name, "replace").encode()

    def blocks(self) -> Iterator[bytes]:
        import codecs

        decode = None
        if self.coding.name not in ("utf-8", "ascii"):
            decode = codecs.getincrementaldecoder(self.coding.name)("replace").decode
        done = self.coding.mark
        with self.ctx.path.open("rb", buffering=0) as file:
            file.seek(done)
            while block := file.read(BLOCK):
                done += len(block)
                self.ctx.progress(done, max(done, self.ctx.size), "bytes")
                yield decode(block).encode() if decode else block

    def raw_blocks(self) -> Iterator[bytes]:
        """The bytes as they are, for a parser that finds the encoding out itself."""
        return Source(self.ctx, Encoding("utf-8", 0, certain=True)).blocks()


def _json(source: Source, survey: structure.Survey) -> dict[str, Any]:
    if source.ctx.size > IN_MEMORY:
        return _json_stream(source, survey)
    import orjson

    content = source.whole()
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        _json_as_far(content, survey)
        words = COMMENT if error.doc[error.pos : error.pos + 2] in ("//", "/*") else error.msg
        raise Invalid(words, error.lineno, error.colno) from None
    for event in structure.events(value):
        survey.add(*event)
    if len(content) <= PRETTY // 2:
        try:
            pretty = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
        except TypeError:  # it reads deeper nesting than it writes, which isn't pretty any more
            return {}
        if len(pretty) <= PRETTY:
            source.ctx.save("pretty.json", "application/json").write_bytes(pretty)
    return {}


def _json_as_far(content: bytes, survey: structure.Survey) -> None:
    """Shows what comes before the mistake."""
    import io

    try:
        _feed_json(io.BytesIO(content), survey)
    except Invalid:
        pass  # the caller's error says it with line and column


def _json_stream(source: Source, survey: structure.Survey) -> dict[str, Any]:
    _feed_json(_Blocks(source.blocks()), survey)
    return {}


def _feed_json(file: Any, survey: structure.Survey) -> None:
    import ijson

    known = {
        "start_map": ("open", "object"),
        "start_array": ("open", "array"),
        "end_map": ("close", None),
        "end_array": ("close", None),
    }
    try:
        for event, value in ijson.basic_parse(file, use_float=True, buf_size=BLOCK):
            if event == "map_key":
                survey.add("key", value)
            elif event in known:
                survey.add(*known[event])
            else:
                survey.add("value", value)
    except structure.TooDeep:
        raise
    except (ijson.JSONError, ValueError, OverflowError) as error:
        words = str(error).strip().splitlines()
        raise Invalid(words[0] if words else "The JSON is broken.") from None


class _Blocks:
    """An iterator of blocks as the kind of file that ijson reads."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks

    def read(self, size: int = -1) -> bytes:
        return next(self._blocks, b"") if size else b""


def _yaml(source: Source, survey: structure.Survey) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(_text_of(source))
    feed = YamlFeed(survey, yaml.SafeLoader(""))
    try:
        while loader.check_event():
            feed.add(loader.get_event())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise Invalid(error.problem or "The YAML is broken.", line, column) from None
    except yaml.YAMLError as error:
        raise Invalid(str(error).splitlines()[0]) from None
    finally:
        loader.dispose()
    return {"aliases": feed.aliases}


def _text_of(source: Source) -> str:
    return source.whole().decode("utf-8", "replace")


def _toml(source: Source, survey: structure.Survey) -> dict[str, Any]:
    import tomllib

    if source.ctx.size > TOML_BYTES:
        raise Invalid(f"Larger than {TOML_BYTES // 1024**2} MiB.")
    text = _text_of(source)
    _check_dotted_keys(text)
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = re.search(r" \(at line (\d+), column (\d+)\)$", message)
        line, column = (int(found[1]), int(found[2])) if found else (None, None)
        raise Invalid(message[: found.start()] if found else message, line, column) from None
    except RecursionError:
        raise Invalid("Nested too deep.") from None
    except ValueError as error:
        raise Invalid(str(error)) from None
    for event in structure.events(value):
        survey.add(*event)
    return {}


def _check_dotted_keys(text: str) -> None:
    """The parser keeps every beginning of a key, so one of n parts takes n² room."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > KEY_PARTS and line.partition("=")[0].count(".") > KEY_PARTS:
            raise Invalid(
                f"A key has more than {KEY_PARTS} parts: that is nested too deep.", number
            )


def _xml(source: Source, survey: structure.Survey) -> dict[str, Any]:
    elements = Elements(survey)
    try:
        elements.read(source.raw_blocks())
    except SyntaxError as error:
        message = str(error.msg or "The XML is broken.").partition(", line ")[0]
        if "amplification" in message:
            message = UNFOLDS
        invalid = Invalid(message, error.lineno, error.offset)
        invalid.more = elements.result()
        raise invalid from None
    finally:
        elements.end_document()
    return elements.result()


_READERS: dict[str, Callable[[Source, structure.Survey], dict[str, Any]]] = {
    "application/json": _json,
    "application/xml": _xml,
    FODS: _xml,
    "application/yaml": _yaml,
    "application/toml": _toml,
}


class _Dialect(NamedTuple):
    description: str
    keys: frozenset[str]


_DIALECTS = (
    _Dialect("GeoJSON", frozenset({"type", "features"})),
    _Dialect("Jupyter notebook", frozenset({"cells", "nbformat"})),
    _Dialect("OpenAPI description", frozenset({"openapi", "paths"})),
    _Dialect("JSON schema", frozenset({"$schema", "properties"})),
    _Dialect("HTTP archive", frozenset({"log"})),
    _Dialect("package.json", frozenset({"name", "version", "dependencies"})),
    _Dialect("Compose file", frozenset({"services"})),
    _Dialect("pyproject.toml", frozenset({"project", "build-system"})),
)
_ROOTS = {
    "rss": "RSS feed",
    "feed": "Atom feed",
    "gpx": "GPS track",
    "kml": "KML map",
    "plist": "Property list",
    "project": "Maven project",
    "FictionBook": "FictionBook",
    "score-partwise": "MusicXML score",
    "TEI": "TEI text",
    "xliff": "XLIFF translation",
    "schema": "XML schema",
    "stylesheet": "XSL stylesheet",
}


def _dialect(survey: structure.Survey, more: dict[str, Any]) -> str | None:
    """What the document is an instance of, by its root or the keys of its top object."""
    if "root" in more:
        return _ROOTS.get(str(more["root"]))
    top = survey.places.get("$")
    keys = top.keys if top else set()
    return next((known.description for known in _DIALECTS if known.keys <= keys), None)
