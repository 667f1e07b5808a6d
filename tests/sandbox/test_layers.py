"""What is missing is said, and what remains still holds."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from tests.sandbox.conftest import OWN, take
from tests.sandbox.test_lifetime import gone_within
from uploads.processing.sandbox import Sandbox, SandboxError, StepDone, StepFailed, Task
from uploads.processing.sandbox.confinement import LAYERS

pytestmark = pytest.mark.asyncio(loop_scope="session")

Lacking = Callable[..., Awaitable[Sandbox]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lacking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lacking]:
    """Gives sandboxes without some layers, each started once."""
    started: dict[tuple[str, ...], Sandbox] = {}

    async def start(*layers: str) -> Sandbox:
        if layers not in started:
            started[layers] = Sandbox(tmp_path_factory.mktemp("work"), OWN, without=layers)
            await started[layers].start()
        return started[layers]

    yield start
    for sandbox in started.values():
        await sandbox.stop()


async def test_every_layer_is_there_and_has_been_tried(sandbox: Sandbox) -> None:
    assert dict(sandbox.layers) == dict.fromkeys(LAYERS, True)
    assert sandbox.complete
    assert sandbox.landlock_abi >= 1


@pytest.mark.parametrize("layer", ["landlock", "seccomp", "rlimits"])
async def test_a_missing_layer_is_said(lacking: Lacking, layer: str) -> None:
    sandbox = await lacking(layer)
    assert dict(sandbox.layers) == {name: name != layer for name in LAYERS}
    assert not sandbox.complete


async def test_no_other_layer_can_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(SandboxError):
        await Sandbox(tmp_path, without=["no_new_privs"]).start()


async def test_without_seccomp_files_processes_and_ports_stay_closed(
    lacking: Lacking, task: Callable[..., Task]
) -> None:
    program = f"""
        import os, socket, subprocess
        value = [
            tried(lambda: open("/etc/passwd")),
            tried(lambda: os.listdir("/proc")),
            tried(lambda: os.symlink("/etc/passwd", "link")),
            tried(lambda: subprocess.run(["/bin/true"])),
            tried(lambda: os.kill({os.getpid()}, 0)),
            tried(lambda: socket.create_connection(("127.0.0.1", 9))),
            tried(lambda: socket.create_server(("127.0.0.1", 0))),
            tried(lambda: socket.socket(socket.AF_UNIX).connect("\\0millrace")),
        ]
    """
    sandbox = await lacking("seccomp")
    value = (await take(sandbox.run(task(program)))).value
    refused = 8 if sandbox.landlock_abi >= 6 else 4
    # nobody listens at that abstract address, so that it is either refused or not found
    assert value[:refused][:7] == ["PermissionError"] * min(refused, 7)


async def test_without_seccomp_a_double_fork_is_swept_up(
    lacking: Lacking, task: Callable[..., Task]
) -> None:
    program = """
        import os, time
        read, write = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(write, str(os.getpid()).encode())
                time.sleep(10 ** 6)
            os._exit(0)
        value = int(os.read(read, 99))
    """
    pid = (await take((await lacking("seccomp")).run(task(program)))).value
    assert gone_within(1, [pid])


async def test_without_landlock_programs_sockets_and_cutting_short_stay_refused(
    lacking: Lacking, tmp_path: Path, task: Callable[..., Task]
) -> None:
    other = tmp_path / "other"
    other.write_text("somebody else's")
    program = f"""
        import os, socket, subprocess
        value = [
            tried(lambda: os.fork()),
            tried(lambda: subprocess.run(["/bin/true"])),
            tried(lambda: socket.socket()),
            tried(lambda: os.truncate({str(other)!r}, 0)),
            tried(lambda: os.open({str(other)!r}, os.O_RDONLY | os.O_TRUNC)),
            tried(lambda: os.symlink("a", "b")),
            tried(lambda: os.kill({os.getpid()}, 0)),
        ]
    """
    value = (await take((await lacking("landlock")).run(task(program)))).value
    assert value == ["PermissionError"] * 7
    assert other.read_text() == "somebody else's"


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("os.symlink('/etc/passwd', path)", "isn't a plain file"),
        ("os.link(ctx.path, path)", "isn't a plain file"),
        ("os.mkfifo(path)", "isn't a plain file"),
        ("os.rmdir(path.parent); os.symlink('/etc', path.parent)", "can't be taken"),
        (
            "path.write_text('x'); os.rename(path.parent, 'w'); os.symlink('w', path.parent)",
            "taken",
        ),
        ("path.parent.rmdir(); path.parent.write_text('x')", ""),
    ],
)
async def test_links_are_no_artifacts_even_where_nothing_forbids_them(
    lacking: Lacking, task: Callable[..., Task], program: str, says: str
) -> None:
    sandbox = await lacking("landlock", "seccomp")
    program = f"import os\npath = ctx.save('passwd', 'text/plain')\n{program}"
    async with sandbox.run(task(program)) as run:
        last = [message async for message in run][-1]
        if isinstance(last, StepDone):  # it was seen not to be there
            assert last.artifacts == ()
        else:
            assert isinstance(last, StepFailed)
            assert says in last.message
    assert not run.folder.exists()


async def test_data_among_what_processors_may_read_is_refused() -> None:
    with pytest.raises(SandboxError, match="keep the data elsewhere"):
        await Sandbox(Path("/usr/share/millrace-data")).start()
