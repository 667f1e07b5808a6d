"""Write .env.example and docs/configuration.md from the variables that the settings read.

With --check, say whether they are up to date instead.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import project.settings  # noqa: E402, F401 - reading the settings names the variables
from project import env  # noqa: E402

INTRO = """# Configuration

Everything is set by environment variables; `make run` needs none. A variable `NAME` may also be
given as `NAME_FILE`, the path of a file that holds the value, as for secrets. A bad value stops the
start and names the variable. Sizes take `k M G T` (powers of 1000) and `Ki Mi Gi Ti` (of 1024).

| variable | default | meaning |
|---|---|---|
"""


def main() -> int:
    """Write or check both; the exit code."""
    variables = list(env.VARIABLES.values())  # named while the settings were read
    wanted = {
        ROOT / ".env.example": "\n".join(
            f"# {variable.meaning}\n#{variable.name}={variable.default}\n" for variable in variables
        ),
        ROOT / "docs" / "configuration.md": INTRO
        + "".join(
            f"| `{variable.name}` | {f'`{variable.default}`' if variable.default else ''} "
            f"| {variable.meaning} |\n"
            for variable in variables
        ),
    }
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale; run scripts/variables.py\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
