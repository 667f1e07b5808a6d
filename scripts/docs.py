"""Checks what the documentation claims: its links lead somewhere and its commands exist.

Reads the Markdown pages of the top level and of docs/; prints one line for each false claim, and
exits 1 if there is any.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
MAKE_WORD = re.compile(r"(?:^\s*\$?\s*|`)(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]*)", re.MULTILINE)
MANAGE_WORD = re.compile(r"manage\.py ([a-z][a-z_]*)")

# Django's and its packages' own commands that the documentation may name.
DJANGO_COMMANDS = {
    "changepassword",
    "check",
    "collectstatic",
    "createsuperuser",
    "makemigrations",
    "makemessages",
    "compilemessages",
    "migrate",
    "runserver",
    "shell",
    "showmigrations",
    "dumpdata",
    "loaddata",
    "procrastinate",
}


def pages() -> list[Path]:
    """Every page that people read, the top level's first."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def anchor(heading: str) -> str:
    """The name that a heading has in a link, as the usual Markdown hosts make it."""
    plain = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {anchor(heading) for heading in HEADING.findall(prose)}


def dead_links(page: Path) -> Iterator[str]:
    """Relative links of a page to files or headings that are not there."""
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            yield f"link to {target}: there is no such file"
        elif fragment and file.suffix == ".md" and fragment not in anchors(file):
            yield f"link to {target}: there is no such heading"


def unknown_commands(page: Path) -> Iterator[str]:
    """`make` words and `manage.py` commands that a page names and that do not exist."""
    text = page.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    for word in sorted(set(MAKE_WORD.findall(text)) - targets):
        yield f"make {word}: there is no such word"
    ours = {file.stem for file in ROOT.glob("*/management/commands/*.py")}
    for word in sorted(set(MANAGE_WORD.findall(text)) - ours - DJANGO_COMMANDS):
        yield f"manage.py {word}: there is no such command"


def main() -> int:
    """Prints what is false; 0 where nothing is."""
    findings = 0
    for page in pages():
        for claim in dict.fromkeys((*dead_links(page), *unknown_commands(page))):
            print(f"{page.relative_to(ROOT)}: {claim}")
            findings += 1
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
