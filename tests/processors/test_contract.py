"""What holds for every registered processor, the moment that it is registered."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from tests.processors.conftest import take_apart
from uploads.processors import PRELOAD, REGISTRY, BadFile, Context, load_builtin, plan
from uploads.processors.bounds import RESULT_BYTES
from uploads.processors.media_types import MEDIA_TYPES
from uploads.processors.registry import NAME

load_builtin()
BUILTIN = [entry for entry in REGISTRY.values() if entry.builtin]
EVERY = pytest.mark.parametrize("entry", BUILTIN, ids=[entry.name for entry in BUILTIN])

NOISE = random.Random(7).randbytes(20_000)
CONTENTS = {
    "empty": b"",
    "one byte": b"x",
    "zeros": bytes(5000),
    "noise": NOISE,
    "words": b"some words, and then\na few more;\n" * 200,
    "braces": b"{[" * 20_000,
    "tags": b"<a>" * 20_000,
}


def taking(entry) -> str:
    """A media type that the processor accepts."""
    return next((known for known in MEDIA_TYPES if entry.accepted(known)), "text/plain")


def run(entry, path: Path, folder: Path, media_type: str):
    reports: list[tuple[float, float | None, str]] = []
    ctx = Context(
        path=path,
        name="name.bin",
        media_type=media_type,
        kind=MEDIA_TYPES[media_type].kind,
        size=path.stat().st_size,
        folder=folder,
        report=lambda *values: reports.append(values),
    )
    try:
        return entry.run(ctx), reports, ctx
    except BadFile as error:
        return str(error), reports, ctx


def test_there_are_the_processors_that_are_promised():
    assert {"identify", "checksum", "image", "table", "pdf", "text", "binary"} <= set(REGISTRY)


@EVERY
def test_its_declaration_is_whole(entry):
    assert NAME.fullmatch(entry.name)
    assert entry.version >= 1
    assert all(re.fullmatch(r"[*\w.+-]+/[*\w.+-]+", pattern) for pattern in entry.accepts)
    assert not entry.network
    assert entry.function.__doc__


@EVERY
@pytest.mark.parametrize("content", CONTENTS)
def test_anything_ends_in_a_bounded_result_or_a_sentence(entry, content, tmp_path):
    """An empty file always has a result; broken ones may end in BadFile and in nothing else."""
    path = tmp_path / "original"
    path.write_bytes(CONTENTS[content])
    found, reports, ctx = run(entry, path, tmp_path, taking(entry))
    if isinstance(found, str):
        assert content != "empty"
        assert found.endswith(".")
        assert len(found) < 500
        return
    coded = json.dumps(found, allow_nan=False, ensure_ascii=False)
    assert len(coded.encode()) <= RESULT_BYTES
    assert all((tmp_path / name).is_file() for name, _ in ctx.artifacts)
    shares = [done for done, _, _ in reports]
    assert shares == sorted(shares)
    assert len({unit for _, _, unit in reports}) <= 1
    if reports:
        done, total, _ = reports[-1]
        assert done == total


@EVERY
@pytest.mark.parametrize("media_type", ["*"])
def test_every_media_type_that_it_accepts_is_survived(entry, media_type, tmp_path):
    path = tmp_path / "original"
    path.write_bytes(NOISE[:1000])
    for number, accepted in enumerate(known for known in MEDIA_TYPES if entry.accepted(known)):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        run(entry, path, folder, accepted)


def test_every_media_type_has_a_plan_that_begins_the_same_way():
    for media_type in MEDIA_TYPES:
        steps = [entry.name for entry in plan(media_type, REGISTRY)]
        assert steps[:2] == ["identify", "checksum"]
        assert len(steps) >= 3


def test_no_step_leaves_a_file_that_it_does_not_name(tmp_path):
    path = tmp_path / "original"
    path.write_bytes(b"a,b\n1,2\n")
    taken = take_apart(path, "x.csv", tmp_path / "out")
    for step, named in taken.artifacts.items():
        left = {file.name for file in (taken.folder / step).iterdir()}
        assert left == {name for name, _ in named}


def test_what_is_preloaded_starts_no_thread(tmp_path):
    """A fork server with threads would hand broken locks to its children."""
    import subprocess
    import sys

    program = (
        "import importlib, os\n"
        "from uploads.processors import PRELOAD, load_builtin\n"
        "load_builtin()\n"
        "for name in PRELOAD: importlib.import_module(name)\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    assert PRELOAD
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "1"
