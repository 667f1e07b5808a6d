"""Artifacts are plain files out of a step's own folder, and nothing that looks like one."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.conftest import CAPS, Attack
from uploads.processing.sandbox import LeftOut, Sandbox, SendOn, StepDone, Task

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_artifact_is_out_of_the_childs_reach_and_goes_with_the_run(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    program = """
        path = ctx.save("thumbnail.webp", "image/webp"); path.write_bytes(b"RIFF")
        ctx.save("never written", "text/plain")
        value = str(path)
    """
    async with sandbox.run(task(program)) as run:
        async for message in run:
            if isinstance(message, StepDone):
                (saved,) = message.artifacts
                assert (saved.name, saved.media_type, saved.size) == (
                    "thumbnail.webp",
                    "image/webp",
                    4,
                )
                assert saved.path.read_bytes() == b"RIFF"
                assert saved.path.is_relative_to(run.folder)
                assert message.result["value"] != str(saved.path)
                assert not await asyncio.to_thread(Path(message.result["value"]).exists)
    assert not run.folder.exists()


@pytest.mark.parametrize(
    "program", ["os.mkdir(path)", "os.mkdir(path); open(path / 'inner', 'w').close()"]
)
async def test_what_is_no_plain_file_is_refused(attack: Attack, program: str) -> None:
    outcome = await attack(f"import os\npath = ctx.save('name', 'text/plain')\n{program}")
    assert outcome.failed.code == "invalid_result"
    assert "artifact" in outcome.failed.message


async def test_a_folder_that_nobody_may_look_into_is_refused(attack: Attack) -> None:
    outcome = await attack("import os\nos.mkdir(ctx.save('name', 'text/plain'), 0)")
    # whoever watches the room on the disk may have come by before the step ended
    assert outcome.failed.code in {"invalid_result", "disk_cap"}


async def test_a_file_that_nobody_may_read_is_made_readable(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    program = """
        import os
        path = ctx.save("closed", "text/plain")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0))
    """
    async with sandbox.run(task(program)) as run:
        done = [message async for message in run][-1]
        assert isinstance(done, StepDone)
        assert done.artifacts[0].path.stat().st_mode & 0o777 == 0o600


async def test_artifacts_have_the_disks_cap(attack: Attack) -> None:
    """Sparse files take no room, but whoever copies them would."""
    program = f"""
        import os
        for name in "ab":
            with open(ctx.save(name, "text/plain"), "w") as file: file.truncate({CAPS.disk} - 1)
    """
    assert (await attack(program)).failed.code == "invalid_result"


async def test_a_claimed_artifact_that_is_not_there_is_an_invalid_result(attack: Attack) -> None:
    line = b'{"is":"done","step":"run-python","result":{},"artifacts":[["a","b/c"]],"ms":1}\n'
    program = f"""
        import os
        pipe = next(n for n in range(3, 4096) if tried(lambda: os.fstat(n)) != "OSError")
        os.write(pipe, {line!r}); os._exit(0)
    """
    assert (await attack(program)).failed.code == "invalid_result"


SEND_ON = SendOn(asked=True, most=3, room=1000)


async def test_what_is_sent_on_is_out_of_the_childs_reach_under_any_name(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    program = """
        ctx.child("../../etc/passwd", [b"ro", b"ot"])
        ctx.save("report.csv", "text/csv").write_bytes(b"a,b")
        ctx.child("report.csv", artifact="report.csv")
        ctx.child("large", (b"x" * 100 for _ in range(100)))
        ctx.child("a\\0b\\ud800", b"")
        ctx.child("one too many", b"")
    """
    async with sandbox.run(task(program, send_on=SEND_ON)) as run:
        done = [message async for message in run][-1]
        assert isinstance(done, StepDone)
        assert [(child.path, child.file.read_bytes()) for child in done.children] == [
            ("../../etc/passwd", b"root"),
            ("report.csv", b"a,b"),
            ("a\N{REPLACEMENT CHARACTER}b?", b""),
        ]
        assert done.children[1].file == done.artifacts[0].path
        assert done.left_out == LeftOut(2, (("large", "bytes"), ("one too many", "number")))
    assert not run.folder.exists()


@pytest.mark.parametrize(
    "said",
    [
        '{"is":"sent","name":".child-1","path":"a"}\n' * 4,  # more than it may
        '{"is":"sent","name":"../../a","path":"a"}\n',
        '{"is":"sent","name":".child-1","path":7}\n',
        '{"is":"sent","name":".child-1","path":"never written"}\n',
        '{"is":"sent","name":"no artifact","path":"a"}\n',
    ],
)
async def test_a_lie_about_what_is_sent_on_is_an_invalid_result(attack: Attack, said: str) -> None:
    done = '{"is":"done","step":"run-python","result":{},"artifacts":[],"ms":1}\n'
    program = f"""
        import os
        pipe = next(n for n in range(3, 4096) if tried(lambda: os.fstat(n)) != "OSError")
        os.write(pipe, {(said + done).encode()!r}); os._exit(0)
    """
    assert (await attack(program, send_on=SEND_ON)).failed.code == "invalid_result"


async def test_only_plain_files_are_sent_on(attack: Attack) -> None:
    program = """
        import os
        ctx.child("a", b"a")
        os.mkdir(ctx.folder / ".child-2"); ctx.children.sent.append((".child-2", "b"))
    """
    assert (await attack(program, send_on=SEND_ON)).failed.code == "invalid_result"
