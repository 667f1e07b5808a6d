"""`manage.py processor`, as an author uses it: a real process, a real sandbox."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import ROOT

OWN = """
from uploads.processors import BadFile, Context, processor


@processor(name="count", accepts=["text/*"], version=3, after=["text"])
def count(ctx: Context) -> dict:
    print("noise on stdout")
    lines = ctx.path.read_bytes().splitlines()
    for number, line in enumerate(lines, 1):
        ctx.progress(number, len(lines), "lines")
        if line == b"broken":
            raise BadFile("There is a broken line.")
        if line == b"fault":
            return divide(number)
        if line == b"look":
            open("/etc/passwd").read()
    print("all is read")
    ctx.save("lines.txt", "text/plain").write_text(str(len(lines)))
    ctx.child("../../first.txt", lines[0])
    return {"lines": len(lines), "words": ctx.results["text"]["words"]}


def divide(number):
    return number / 0


@processor(name="wrong", accepts=["text/*"])
def wrong(ctx: Context) -> dict:
    return [1]
"""
BROKEN = "import nothing_like_this\n"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "count.py").write_text(OWN)
    return folder


def run(own: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(own.parent / "data")}
    return subprocess.run(
        [sys.executable, "manage.py", "processor", *arguments],
        cwd=ROOT,
        env=environment | {"PROCESSORS_DIR": str(own)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def file(own: Path, *lines: str) -> str:
    path = own.parent / "a file.txt"
    path.write_text("\n".join(lines))
    return str(path)


def test_the_result_is_on_stdout_and_what_was_made_is_in_the_folder(own: Path) -> None:
    out = own.parent / "out"
    done = run(own, "run", file(own, "one two", "three"), "count", "--artifacts", str(out))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"lines": 2, "words": 3}
    assert (out / "lines.txt").read_text() == "2"
    assert (out / "inside" / "first.txt").read_text() == "one two"
    assert "printed: all is read\n" in done.stderr
    for words in ("count done in", "artifact lines.txt (1 bytes)", "sent on first.txt (7 bytes)"):
        assert words in done.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("broken", ["bad_file", "There is a broken line."]),
        ("fault", ["line 14, in count", "line 24, in divide", "processor_error", "ZeroDivision"]),
        ("look", ["line 16, in count", "PermissionError"]),
    ],
)
def test_a_failure_says_where_in_the_authors_own_lines(
    own: Path, line: str, says: list[str]
) -> None:
    failed = run(own, "run", file(own, "one", line), "count")
    assert (failed.returncode, failed.stdout) == (1, "")
    for words in says:
        assert words in failed.stderr
    assert "sandbox/steps.py" not in failed.stderr


def test_a_wrong_return_type_is_said(own: Path) -> None:
    failed = run(own, "run", file(own, "one"), "wrong")
    assert failed.returncode == 1
    assert "wrong returned list, not a dict" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_mistakes_in_one_file_are_named_with_their_line_and_stop_no_other(own: Path) -> None:
    (own / "broken.py").write_text("\n\n" + BROKEN)
    (own / "torn.py").write_text("def torn(:\n")
    listed = run(own, "list")
    assert listed.returncode == 1
    assert listed.stderr.count("broken.py: ModuleNotFoundError") == 1
    assert "(line 3)" in listed.stderr
    assert "torn.py: SyntaxError" in listed.stderr
    assert "(line 1)" in listed.stderr
    [line] = [line for line in listed.stdout.splitlines() if line.startswith("count")]
    assert line.split() == ["count", "3", "own", "text/*"]
    assert "identify" in listed.stdout
    unknown = run(own, "run", file(own, "one"), "broken")
    assert unknown.returncode == 2
    assert "There is no such processor." in unknown.stderr


def test_what_is_not_there_is_said_before_anything_begins(own: Path) -> None:
    assert run(own, "run", "/nowhere", "count").returncode == 2
    assert run(own, "list", "--directory", "/nowhere").returncode == 2


def test_a_file_that_it_would_not_be_given_is_tried_all_the_same(own: Path) -> None:
    path = own.parent / "bytes"
    path.write_bytes(bytes(range(256)))
    tried = run(own, "run", str(path), "count")
    assert "would not be given to count" in tried.stderr
