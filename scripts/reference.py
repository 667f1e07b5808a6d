"""Write the pages that list what the code holds: variables and errors.

.env.example, docs/configuration.md and docs/errors.md. With --check, say whether they are up to
date instead.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import project.settings  # noqa: E402, F401 - reading the settings names the variables
from project import env  # noqa: E402
from uploads import errors  # noqa: E402

CONFIGURATION = """# Configuration

Everything is set by environment variables; `make run` needs none. A variable `NAME` may also be
given as `NAME_FILE`, the path of a file that holds the value, as for secrets. A bad value stops the
start and names the variable. Sizes take `k M G T` (powers of 1000) and `Ki Mi Gi Ti` (of 1024).

| variable | default | meaning |
|---|---|---|
"""

ERRORS = """# Errors

Every refusal, by whichever door, is `{"error": {"code", "message"}}` with one of these codes; the
pages and the log show the same code. The message may say more than here: which limit, which field.

| code | HTTP status | meaning |
|---|---|---|
"""

FAILURES = """
A step that fails has one of these codes, and so has its file; the message says more: which cap,
which error. The original and the other steps' results stay, and it can be retried.

| code | meaning |
|---|---|
"""


def pages() -> dict[Path, str]:
    """What each page should hold."""
    variables = list(env.VARIABLES.values())
    rows = [
        f"| `{one.name}` | {f'`{one.default}`' if one.default else ''} | {one.meaning} |\n"
        for one in variables
    ]
    known = [
        f"| `{code}` | {error.status} | {error().message} |\n"
        for code, error in sorted(errors.table().items())
    ]
    failures = [f"| `{code}` | {why} |\n" for code, why in errors.FAILURES.items()]
    example = [f"# {one.meaning}\n#{one.name}={one.default}\n" for one in variables]
    return {
        ROOT / ".env.example": "\n".join(example),
        ROOT / "docs" / "configuration.md": CONFIGURATION + "".join(rows),
        ROOT / "docs" / "errors.md": "".join([ERRORS, *known, FAILURES, *failures]),
    }


def main() -> int:
    """Write or check; the exit code."""
    wanted = pages()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale; run scripts/reference.py\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
