"""Own processors are known by what a child says of them, and their mistakes harm nobody."""

import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.sandbox.conftest import take
from uploads.processing.sandbox import Planned, Sandbox, StepDone, StepFailed, Task

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = """
from uploads.processors import processor

@processor(name="shout", accepts=["text/*"], version=3, after=["text"])
def shout(ctx):
    return {"shouted": ctx.path.read_text().upper()}
"""


@contextlib.asynccontextmanager
async def with_processors(tmp_path: Path, **files: str) -> AsyncIterator[Sandbox]:
    folder = tmp_path / "processors"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    sandbox = Sandbox(tmp_path / "work", folder)
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


async def test_they_are_described_and_never_imported_here(sandbox: Sandbox) -> None:
    own = sandbox.processors["with-network"]
    assert (own.network, own.builtin, own.accepts) == (True, False, ("text/x-attack",))
    assert sandbox.processors["takes-its-time"].seconds == 0.5
    assert sandbox.processors["identify"].builtin
    assert not [name for name in sys.modules if "hostile" in name]
    with pytest.raises(RuntimeError):
        own.function(None)  # type: ignore[arg-type]


async def test_they_run_after_the_built_in_ones_each_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("A few plain words.\n")
    async with with_processors(tmp_path, shout=GOOD) as sandbox:
        outcome = await take(sandbox.run(Task("x", path, "a.txt", 19)))
        quiet = await take(sandbox.run(Task("x", path, "a.txt", 19, own=False)))
    planned = next(one for one in outcome.messages if isinstance(one, Planned))
    assert planned.steps[-1] == ("shout", 3)
    results = {one.step: one.result for one in outcome.messages if isinstance(one, StepDone)}
    assert results["shout"] == {"shouted": "A FEW PLAIN WORDS.\n"}
    assert "shout" not in {one.step for one in quiet.messages if isinstance(one, StepDone)}


BAD = {
    "does not parse": ("def", "SyntaxError"),
    "needs what is not there": ("import no_such_module", "ModuleNotFoundError"),
    "registers nothing": ("x = 1", "registers no processor"),
    "leaves": ("raise SystemExit", "SystemExit"),
    "declares nonsense": (
        GOOD.replace('"shout"', '"A B"'),
        "ValueError",
    ),
    "takes a name that is taken": (GOOD.replace("shout", "identify"), "already a processor"),
}


async def test_mistakes_are_shown_where_they_are_and_stop_no_other(tmp_path: Path) -> None:
    files = {f"bad{number}": text for number, (text, _) in enumerate(BAD.values())}
    async with with_processors(tmp_path, good=GOOD, **files) as sandbox:
        assert "shout" in sandbox.processors
        for number, (_, says) in enumerate(BAD.values()):
            assert says in sandbox.problems[f"bad{number}.py"]


@pytest.mark.parametrize("text", ["import os; os._exit(1)", "import ctypes; ctypes.string_at(1)"])
async def test_one_that_ends_the_child_on_import_leaves_the_built_in_ones(
    tmp_path: Path, text: str, task: Callable[..., Task]
) -> None:
    async with with_processors(tmp_path, bad=text) as sandbox:
        assert [name for name, entry in sandbox.processors.items() if not entry.builtin] == []
        assert len(sandbox.problems) == 1
        outcome = await take(sandbox.run(task("words", "checksum")))
        assert isinstance(outcome.messages[-1], StepDone)


FORGED = """
import json, os
for number in range(3, 4096):
    try: os.fstat(number)
    except OSError: continue
    os.write(number, json.dumps({"is": "answer", "value": %s}).encode() + b"\\n")
    os._exit(0)
"""
ENTRY = {
    "name": "forged",
    "version": 1,
    "accepts": ["*/*"],
    "after": [],
    "memory": None,
    "seconds": None,
    "network": False,
    "fallback": False,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def deceived(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Callable[[object], Awaitable[Sandbox]]]:
    """A sandbox that has been told this of an own processor, by whatever forges its description."""
    folder = tmp_path_factory.mktemp("deceived")
    async with with_processors(folder, bad="") as sandbox:

        async def tell(value: object) -> Sandbox:
            (folder / "processors" / "bad.py").write_text(FORGED % repr(value))
            await sandbox.load_processors()
            return sandbox

        yield tell


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"processors": 1, "problems": 1},
        {"processors": [1, None, {}], "problems": {}},
        {"processors": [ENTRY | {"name": "checksum"}]},
        {"processors": [ENTRY | {"name": "../x"}]},
        {"processors": [ENTRY | {"seconds": -1}]},
        {"processors": [ENTRY | {"memory": 2**60}]},
        {"processors": [ENTRY | {"version": "1"}]},
        {"processors": [ENTRY | {"accepts": 5}]},
    ],
)
async def test_a_forged_description_is_judged(
    deceived: Callable[[object], Awaitable[Sandbox]], value: object
) -> None:
    sandbox = await deceived(value)
    assert all(entry.builtin for entry in sandbox.processors.values())
    assert "checksum" in sandbox.processors


async def test_what_was_judged_had_been_told(
    deceived: Callable[[object], Awaitable[Sandbox]],
) -> None:
    sandbox = await deceived({"processors": [ENTRY]})
    assert "forged" in sandbox.processors


async def test_a_changed_folder_is_seen_when_asked(tmp_path: Path) -> None:
    async with with_processors(tmp_path) as sandbox:
        assert "shout" not in sandbox.processors
        (tmp_path / "processors" / "late.py").write_text(GOOD)
        await sandbox.load_processors()
        assert "shout" in sandbox.processors


async def test_an_old_run_of_a_removed_processor_fails_with_its_reason(
    tmp_path: Path, task: Callable[..., Task]
) -> None:
    async with with_processors(tmp_path, shout=GOOD) as sandbox:
        (tmp_path / "processors" / "shout.py").write_text("import no_such_module")
        outcome = await take(sandbox.run(task("words", "shout")))
        assert isinstance(outcome.messages[-1], StepFailed)
        assert "no_such_module" in outcome.failed.message
