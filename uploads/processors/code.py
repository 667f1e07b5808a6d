"""The code step: source as coloured tokens, its outline, its notes to do, and secrets
left in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from uploads.processors import deadline, encoding
from uploads.processors.bounds import clip, within
from uploads.processors.context import Context
from uploads.processors.media_types import describe
from uploads.processors.registry import processor

if TYPE_CHECKING:
    from pygments.lexer import Lexer

READ = 512 * 1024  # bytes: colouring takes about a second for them
SECONDS = 10.0  # for colouring it
LONGEST_LINE = 10_000  # characters; what is longer was written by a program, and isn't coloured
LINES_SHOWN = 400
LINES_BUDGET = 128 * 1024  # bytes of JSON
OUTLINE = 300
TOKEN = 400  # characters

# media type → the name by which Pygments knows its language
LANGUAGES = {
    "text/html": "html",
    "text/css": "css",
    "text/javascript": "javascript",
    "text/markdown": "markdown",
    "text/x-typescript": "typescript",
    "text/x-python": "python",
    "text/x-shellscript": "bash",
    "text/x-c": "c",
    "text/x-c++": "cpp",
    "text/x-csharp": "csharp",
    "text/x-java": "java",
    "text/x-kotlin": "kotlin",
    "text/x-swift": "swift",
    "text/x-go": "go",
    "text/x-rust": "rust",
    "text/x-ruby": "ruby",
    "text/x-php": "php",
    "text/x-perl": "perl",
    "text/x-lua": "lua",
    "text/x-r": "r",
    "text/x-julia": "julia",
    "text/x-scala": "scala",
    "text/x-haskell": "haskell",
    "text/x-elixir": "elixir",
    "text/x-erlang": "erlang",
    "text/x-clojure": "clojure",
    "text/x-dart": "dart",
    "text/x-objective-c": "objective-c",
    "text/x-powershell": "powershell",
    "text/x-batch": "batch",
    "text/x-makefile": "makefile",
    "text/x-dockerfile": "docker",
    "text/x-cmake": "cmake",
    "text/x-asm": "nasm",
    "text/x-sql": "sql",
    "text/x-graphql": "graphql",
    "text/x-protobuf": "protobuf",
    "text/x-scss": "scss",
    "text/x-vue": "html",
    "text/x-tex": "tex",
    "text/x-diff": "diff",
    "text/x-ini": "ini",
    "text/x-hcl": "terraform",
    "text/x-nix": "nix",
    "text/x-zig": "zig",
    "text/x-vb": "vbnet",
    "text/x-pascal": "pascal",
    "text/x-fortran": "fortran",
    "text/x-rst": "restructuredtext",
    "application/x-bibtex": "bibtex",
}

_TO_DO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
_SECRETS = (
    ("private key", re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")),
    ("AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("GitHub token", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b")),
    ("Slack token", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}\b")),
    ("password in an address", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]{1,64}:[^/\s:@]{1,64}@")),
    (
        "password or key",  # settings for the environment quote nothing
        re.compile(
            r"""^(?:export )?[A-Z0-9_]*(?:PASSWORD|PASSWD|SECRET|API_?KEY|TOKEN|ACCESS_KEY)"""
            r"""[A-Z0-9_]*=(?!["'$<{%])\S{8,}$"""
        ),
    ),
    (
        "password or key",
        re.compile(
            r"""(?i)\b(?:password|passwd|secret|api_?key|auth_?token)["']?\s*[:=]\s*["'][^"'\s]{8,}["']"""
        ),
    ),
)


@processor(name="code", accepts=list(LANGUAGES), version=2, after=["identify", "text"], light=True)
def code(ctx: Context) -> dict[str, Any]:
    """{language, lines, code_lines, comment_lines, blank_lines, to_do [{line, text}], secrets
    [{line, kind}], outline [{line, kind, name}], tokens [[[class, text], …] for each line],
    truncated, coloured}

    A class is one of keyword, name, function, type, string, number, comment, operator, heading,
    inserted, deleted, or "" for the rest. Secrets are named by their kind, never shown.
    """
    coding = encoding.detect(ctx.path)
    with ctx.path.open("rb") as file:
        file.seek(coding.mark)
        content = file.read(READ)
    text = content.decode(coding.name, "replace").replace("\r\n", "\n").replace("\r", "\n")
    source, coloured = _coloured(text, LANGUAGES.get(ctx.media_type, "text"))
    total = len(source.lines)
    ctx.progress(total, total, "lines")
    return {
        "language": describe(ctx.media_type).description,
        **source.result(),
        "coloured": coloured,
        "truncated": ctx.size > READ or total > LINES_SHOWN,
    }


def _coloured(text: str, language: str) -> tuple[Source, bool]:
    """The source, and whether it could be coloured: some texts keep a language's regular
    expressions busy for ever.
    """
    source = Source(text)
    if source.longest > LONGEST_LINE:
        return source, False
    try:
        with deadline.within(SECONDS):
            source.colour(_lexer(language))
    except deadline.Overdue:
        return Source(text), False
    return source, True


def _lexer(name: str) -> Lexer:
    from pygments.lexers import get_lexer_by_name

    lexer: Lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    return lexer


class Source:
    """A program's text by lines, and what colouring finds out about it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.longest = max(map(len, self.lines), default=0)
        self._shown: list[list[list[str]]] = []
        self._outline: list[dict[str, Any]] = []
        self._kinds: Counter[int] = Counter()  # line → 1 comment, 2 code

    def colour(self, lexer: Lexer) -> None:
        line: list[list[str]] = []
        number = 1
        for kind, text in _tokens(lexer, self.text):
            self._note(kind, text, number)
            for place, part in enumerate(text.split("\n")):
                if place:
                    self._finish(line)
                    line, number = [], number + 1
                if part:
                    line.append([kind, clip(part, TOKEN)])
        self._finish(line)

    def result(self) -> dict[str, Any]:
        shown = self._shown or [[["", clip(line, TOKEN)]] for line in self.lines[:LINES_SHOWN]]
        blank = sum(not line or line.isspace() for line in self.lines)
        comments = sum(kind == 1 for kind in self._kinds.values())
        return {
            "lines": len(self.lines),
            "code_lines": len(self.lines) - blank - comments,
            "comment_lines": comments,
            "blank_lines": blank,
            "to_do": list(self._to_do())[:100],
            "secrets": list(self._secrets())[:100],
            "outline": within(self._outline, 32 * 1024),
            "tokens": within(shown, LINES_BUDGET),
        }

    def _finish(self, line: list[list[str]]) -> None:
        if len(self._shown) < min(LINES_SHOWN, len(self.lines)):
            self._shown.append(line)

    def _note(self, kind: str, text: str, number: int) -> None:
        """Which lines are comment only, and what the outline names."""
        if kind in ("function", "type", "heading") and len(self._outline) < OUTLINE:
            name = text.strip()
            if name and name != "\n":
                self._outline.append({"line": number, "kind": kind, "name": clip(name, 120)})
        for place, part in enumerate(text.split("\n")):
            if part.strip():
                line = number + place
                self._kinds[line] = max(self._kinds[line], 1 if kind == "comment" else 2)

    def _to_do(self) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(self.lines, 1):
            if _TO_DO.search(line[:LONGEST_LINE]):
                yield {"line": number, "text": clip(line.strip(), 200)}

    def _secrets(self) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(self.lines, 1):
            for kind, pattern in _SECRETS:
                if pattern.search(line[:LONGEST_LINE]):
                    yield {"line": number, "kind": kind}
                    break


def _tokens(lexer: Lexer, text: str) -> Iterator[tuple[str, str]]:
    from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String

    # The first that a token belongs to is its class, so narrower ones stand first.
    classes: tuple[tuple[Any, str], ...] = (
        (Comment, "comment"),
        (Keyword, "keyword"),
        (Name.Function, "function"),
        (Name.Class, "type"),
        (Name.Tag, "keyword"),
        (Name.Decorator, "name"),
        (Name.Builtin, "name"),
        (String.Doc, "comment"),
        (String, "string"),
        (Number, "number"),
        (Operator, "operator"),
        (Generic.Heading, "heading"),
        (Generic.Subheading, "heading"),
        (Generic.Inserted, "inserted"),
        (Generic.Deleted, "deleted"),
    )
    known: dict[Any, str] = {}
    kind: Any
    for kind, part in lexer.get_tokens(text):
        if kind not in known:
            known[kind] = next((name for parent, name in classes if kind in parent), "")
        yield known[kind], part
