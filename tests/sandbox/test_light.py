"""What is done for every small file costs little: what its child is copied from, what it makes."""

from pathlib import Path

import pytest

from uploads.processing.sandbox import Sandbox, StepDone, Task

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEAVY = ("libarchive", "libssl", "libsqlite3", "libxml2", "libseccomp", "_imaging", "_asyncio")


def mapped_by(pid: int | None) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


async def test_the_fork_server_of_light_steps_has_loaded_nothing_heavy(sandbox: Sandbox) -> None:
    mapped = mapped_by(sandbox.light_pid)
    assert "orjson" in mapped
    assert not [library for library in HEAVY if library in mapped]


async def test_it_knows_the_heavy_steps_all_the_same(sandbox: Sandbox) -> None:
    assert {"text", "image", "archive", "pdf", "mail"} <= sandbox.processors.keys()
    assert sandbox.processors["text"].light
    assert not sandbox.processors["archive"].light


async def test_a_step_that_saves_nothing_makes_no_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_text("A few words.\n")
    async with sandbox.run(Task("light", path, "note.txt", path.stat().st_size)) as run:
        done = [message.step async for message in run if isinstance(message, StepDone)]
        assert list((run.folder / "1").iterdir()) == []
    assert done == ["identify", "checksum", "text"]


async def test_one_that_saves_something_has_a_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text('{"a": [1, 2]}')
    async with sandbox.run(Task("light", path, "data.json", path.stat().st_size)) as run:
        saved = [m.artifacts async for m in run if isinstance(m, StepDone) and m.step == "data"]
        assert [artifact.path.is_file() for artifact in saved[0]] == [True]
