"""What can be registered, in which order it runs, and what a context lets through."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from uploads.processors import (
    REGISTRY,
    BadFile,
    Context,
    InvalidResult,
    Processor,
    ProcessorError,
    load_directory,
    loading,
    plan,
    processor,
)
from uploads.processors.bounds import RESULT_BYTES, plain_json


def nothing(ctx: Context) -> dict[str, Any]:
    return {}


def entry(name: str, *accepts: str, **more: Any) -> Processor:
    return Processor(name=name, version=1, accepts=accepts or ("*/*",), function=nothing, **more)


def registry(*entries: Processor) -> dict[str, Processor]:
    return {found.name: found for found in entries}


def context(tmp_path: Path, **more: Any) -> Context:
    path = tmp_path / "original"
    path.write_bytes(b"content")
    fields: dict[str, Any] = {
        "name": "x.txt",
        "media_type": "text/plain",
        "kind": "text",
        "size": 7,
    }
    return Context(path=path, folder=tmp_path, **(fields | more))


@pytest.fixture
def own_registry():
    before = dict(REGISTRY)
    yield REGISTRY
    REGISTRY.clear()
    REGISTRY.update(before)


def names(found: list[Processor]) -> list[str]:
    return [one.name for one in found]


def test_identify_and_checksum_come_first_for_every_built_in_plan():
    for media_type in (
        "image/png",
        "text/plain",
        "application/octet-stream",
        "application/x-empty",
    ):
        assert names(plan(media_type, REGISTRY))[:2] == ["identify", "checksum"]


def test_binary_takes_only_what_no_other_built_in_takes():
    assert "binary" in names(plan("application/octet-stream", REGISTRY))
    assert "binary" not in names(plan("image/png", REGISTRY))


def test_an_own_processor_for_every_file_does_not_drive_binary_out():
    found = registry(*REGISTRY.values(), entry("mine", "application/octet-stream"))
    assert names(plan("application/octet-stream", found))[-2:] == ["binary", "mine"]


def test_own_processors_run_by_name_after_the_built_in_ones():
    found = registry(entry("b"), entry("a"), entry("z", builtin=True))
    assert names(plan("text/plain", found)) == ["z", "a", "b"]


def test_after_goes_before_the_usual_order():
    found = registry(entry("a", after=("c",)), entry("b"), entry("c", after=("b",)))
    assert names(plan("text/plain", found)) == ["b", "c", "a"]


def test_a_circle_and_an_unknown_predecessor_do_not_stop_a_plan():
    found = registry(entry("a", after=("b",)), entry("b", after=("a",)), entry("c", after=("no",)))
    assert sorted(names(plan("text/plain", found))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"name": "Word Count", "accepts": ["*/*"]}, "lower-case"),
        ({"name": "ok", "accepts": "text/*"}, "list of words"),
        ({"name": "ok", "accepts": []}, "media types"),
        ({"name": "ok", "accepts": ["text"]}, "media types"),
        ({"name": "ok", "accepts": ["*/*"], "version": 0}, "whole number"),
        ({"name": "ok", "accepts": ["*/*"], "memory": -1}, "more than 0"),
        ({"name": "ok", "accepts": ["*/*"], "seconds": "5"}, "are numbers"),
        ({"name": "ok", "accepts": ["*/*"], "timeout": 5}, "timeout is no option .* seconds"),
        ({"name": "identify", "accepts": ["*/*"]}, "already"),
    ],
)
def test_a_declaration_that_makes_no_sense_says_why(own_registry, declared, said):
    with pytest.raises(ValueError, match=said):
        processor(**declared)(nothing)


def test_async_processors_are_awaited(tmp_path):
    async def count(ctx: Context) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"bytes": ctx.size}

    found = Processor(name="count", version=1, accepts=("*/*",), function=count)
    assert found.run(context(tmp_path)) == {"bytes": 7}


@pytest.mark.parametrize("returned", [None, [], "text", {"a": object()}, {"a": {1, 2}}])
def test_what_is_no_json_object_is_an_invalid_result(tmp_path, returned):
    found = Processor(name="bad", version=1, accepts=("*/*",), function=lambda ctx: returned)
    with pytest.raises(InvalidResult):
        found.run(context(tmp_path))


def test_a_value_that_is_no_json_is_named_with_its_place(tmp_path):
    returned = {"fine": 1, "rows": [{"n": 1}, {"n": {2}}]}
    found = Processor(name="bad", version=1, accepts=("*/*",), function=lambda ctx: returned)
    with pytest.raises(InvalidResult, match=r"type set .*: result\['rows'\]\[1\]\['n'\]$"):
        found.run(context(tmp_path))


def test_a_result_that_is_too_big_says_so(tmp_path):
    found = Processor(
        name="big", version=1, accepts=("*/*",), function=lambda ctx: {"a": "x" * RESULT_BYTES}
    )
    with pytest.raises(InvalidResult, match="artifact"):
        found.run(context(tmp_path))


def test_results_are_made_plain():
    given = {1: math.nan, "b": math.inf, "c": "a\0\ud800b", "d": 2**70, "e": (1, 2)}
    assert plain_json(given) == {
        "1": None,
        "b": None,
        "c": "a\ufffd\ufffdb",
        "d": str(2**70),
        "e": [1, 2],
    }


def test_nesting_without_end_is_an_invalid_result():
    deep: dict[str, Any] = {}
    deep["deep"] = deep
    with pytest.raises(InvalidResult, match="nested"):
        plain_json(deep)


def test_progress_never_decreases_and_keeps_its_unit(tmp_path):
    seen: list[tuple[float, float | None, str]] = []
    ctx = context(tmp_path, report=lambda *values: seen.append(values))
    for done in (1, 5, 3, 12):
        ctx.progress(done, 10, "rows")
    assert seen == [(1, 10, "rows"), (5, 10, "rows"), (5, 10, "rows"), (10, 10, "rows")]
    with pytest.raises(ValueError, match="rows"):
        ctx.progress(1, 2, "pages")
    with pytest.raises(ValueError, match="finite"):
        ctx.progress(math.nan, 2, "rows")


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "a\\b", ".hidden", "x" * 101, "a\0b", "a\u202eb"]
)
def test_an_artifact_has_a_plain_name(tmp_path, name):
    with pytest.raises(ProcessorError):
        context(tmp_path).save(name, "text/plain")


def test_artifacts_are_remembered_once(tmp_path):
    ctx = context(tmp_path)
    assert ctx.save("page 1.webp", "image/webp") == tmp_path / "page 1.webp"
    ctx.save("page 1.webp", "image/webp")
    assert ctx.artifacts == [("page 1.webp", "image/webp")]
    with pytest.raises(ProcessorError, match="two media types"):
        ctx.save("page 1.webp", "image/png")
    with pytest.raises(ProcessorError, match="'webp' is no media type"):
        ctx.save("page 2.webp", "webp")


def test_a_directory_gives_its_processors_and_its_mistakes(tmp_path, own_registry):
    declaration = (
        "from uploads.processors import processor\n@processor(name='{}', accepts=['*/*'])\n"
    )
    function = "def run(ctx):\n    return {}\n"
    (tmp_path / "good.py").write_text(declaration.format("good") + function)
    (tmp_path / "taken.py").write_text(declaration.format("identify") + function)
    (tmp_path / "syntax.py").write_text("x = 1\ndef broken(:\n")
    (tmp_path / "missing.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "silent.py").write_text("x = 1\n")
    (tmp_path / "_part.py").write_text("raise ValueError\n")
    before = set(REGISTRY)
    problems = load_directory(tmp_path)
    assert set(REGISTRY) - before == {"good"}
    assert not REGISTRY["good"].builtin
    assert set(problems) == {"taken.py", "syntax.py", "missing.py", "leaves.py", "silent.py"}
    assert problems["syntax.py"].endswith(" (line 2)")
    assert problems["syntax.py"].count("line 2") == 1
    assert "nothing_of_that_name" in problems["missing.py"]
    assert "registers no processor" in problems["silent.py"]


def test_a_file_whose_import_never_ends_keeps_no_other_from_being_known(
    tmp_path, own_registry, monkeypatch
):
    monkeypatch.setattr(loading, "IMPORT_SECONDS", 1.0)
    (tmp_path / "endless.py").write_text("while True:\n    pass\n")
    (tmp_path / "good.py").write_text(
        "from uploads.processors import processor\n"
        "@processor(name='good', accepts=['*/*'])\ndef run(ctx):\n    return {}\n"
    )
    problems = load_directory(tmp_path)
    assert "good" in REGISTRY
    assert problems["endless.py"].startswith("TimeoutError: it was not imported within 1 s")
    assert load_directory(tmp_path, ["endless.py", "good.py"]) == {}


def test_no_directory_is_no_problem(tmp_path):
    assert load_directory(None) == {}
    assert load_directory(tmp_path / "missing") == {}


def test_a_bad_file_is_a_processor_error():
    assert issubclass(BadFile, ProcessorError)
