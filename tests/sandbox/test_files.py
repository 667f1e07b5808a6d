"""Which files a processor reaches: its own, read only; its folder; nothing else."""

import os
from pathlib import Path

import pytest

from tests.sandbox.conftest import Attack
from uploads.processing.sandbox import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_it_reads_its_own_file_and_writes_in_its_own_folder(attack: Attack) -> None:
    program = """
        import os, shutil, tempfile
        from pathlib import Path
        Path("here").mkdir(); Path("here/a").write_text("x"); os.rename("here/a", "b")
        shutil.copy2(ctx.path, "copy")
        with tempfile.TemporaryFile() as file: file.write(b"y")
        with tempfile.TemporaryDirectory() as folder: Path(folder, "z").write_text("z")
        value = [len(ctx.path.read_bytes()) == ctx.size, Path("copy").stat().st_size == ctx.size]
    """
    assert (await attack(program)).value == [True, True]


ELSEWHERE = [
    "open(other).read()",
    "open(other, 'a')",
    "open(other, 'w')",
    "os.truncate(other, 0)",
    "os.open(other, os.O_RDONLY | os.O_TRUNC)",
    "os.unlink(other)",
    "os.rename(other, 'mine')",
    "os.link(other, 'mine')",
    "os.listdir(data)",
    "open(data + '/db.sqlite3').read()",
    "open(data + '/new', 'w')",
    "os.mkdir(data + '/new')",
    "os.link(ctx.path, 'mine')",
    "open(ctx.path, 'r+')",
    "os.truncate(ctx.path, 0)",
    "os.unlink(ctx.path)",
    "open('/etc/passwd').read()",
    "open('/etc/shadow').read()",
    "os.listdir('/root')",
    "os.listdir('/tmp')",
    "os.listdir('/')",
    "open('/var/tmp/millrace', 'w')",
    "open('/dev/shm/millrace', 'w')",
    "open('/dev/tty')",
    "os.listdir('/proc')",
    "open('/proc/self/environ').read()",
    "os.listdir(f'/proc/{os.getppid()}/fd')",
    "open(f'/proc/{os.getppid()}/environ').read()",
    "open(f'/proc/{server}/environ').read()",
    "open(f'/proc/{server}/mem', 'rb')",
    "open('/proc/self/mem', 'r+b')",
    "open('/proc/self/oom_score_adj', 'w')",
    "os.symlink('/etc/passwd', 'link')",
    "os.mkfifo('pipe')",
    "os.chroot('.')",
    "os.setxattr(ctx.path, 'user.x', b'y')",
    "os.chown(ctx.path, 0, 0)",
]


async def test_it_reaches_no_other_file(attack: Attack, data: Path) -> None:
    other = data / "content" / "other"
    before = other.stat()
    program = f"""
        import os
        data, other, server = {str(data)!r}, {str(other)!r}, {os.getpid()}
        value = {{what: tried(lambda: eval(what)) for what in {ELSEWHERE!r}}}
    """
    assert (await attack(program)).value == dict.fromkeys(ELSEWHERE, "PermissionError")
    assert other.read_text() == "somebody else's"
    assert other.stat().st_mode == before.st_mode


async def test_a_change_of_mode_or_times_does_nothing_to_the_original(
    attack: Attack, data: Path
) -> None:
    other = data / "content" / "other"
    before = other.stat()
    program = f"""
        import os
        os.chmod({str(other)!r}, 0); os.utime({str(other)!r}, (0, 0))
        with open(ctx.path) as file: os.fchmod(file.fileno(), 0o777)
        value = os.stat(ctx.path).st_mode & 0o777
    """
    assert (await attack(program)).value != 0o777
    assert other.stat() == before


async def test_no_environment_is_there(attack: Attack) -> None:
    value = (await attack("import os; value = dict(os.environ)")).value
    assert "SECRET_OF_THE_SERVER" in os.environ
    assert "SECRET_OF_THE_SERVER" not in value
    assert not any("SECRET" in name or "DATA_DIR" in name for name in value)
    assert value["TMPDIR"] == value["HOME"]


async def test_neither_is_it_in_memory_or_arguments(attack: Attack) -> None:
    program = """
        import gc, sys
        name = "SECRET_OF_" + "THE_SERVER"
        seen = [one for one in gc.get_objects() if isinstance(one, dict) and name in one]
        value = [len(seen), any(name in word for word in sys.orig_argv), "django" in sys.modules]
    """
    assert (await attack(program)).value == [0, False, False]


async def test_the_projects_folder_is_closed_but_for_the_processors(attack: Attack) -> None:
    project = Path(__file__).parents[2]
    program = f"""
        import os
        project = {str(project)!r}
        value = [
            tried(lambda: open(project + "/pyproject.toml")),
            tried(lambda: os.listdir(project + "/project")),
            tried(lambda: open(project + "/uploads/__init__.py")),
            tried(lambda: len(os.listdir(project + "/uploads/processors")) > 5),
        ]
    """
    refused = "PermissionError"
    assert (await attack(program)).value == [refused, refused, refused, "done: True"]


async def test_a_run_cannot_see_another_runs_folder(
    attack: Attack, sandbox: Sandbox, data: Path
) -> None:
    (instance,) = (entry for entry in (data / "work").iterdir() if entry.is_dir())
    program = f"""
        import os
        value = [tried(lambda: os.listdir({str(instance)!r})), tried(lambda: os.listdir(".."))]
    """
    assert (await attack(program)).value == ["PermissionError"] * 2


async def test_no_descriptor_but_its_own_is_open(attack: Attack) -> None:
    program = """
        import os, stat
        def kind(number):
            try: mode = os.fstat(number).st_mode
            except OSError: return None
            return stat.S_IFMT(mode)
        found = {number: kind(number) for number in range(4096) if kind(number) is not None}
        pipes = [number for number, mode in found.items() if mode == stat.S_IFIFO]
        value = [len(found), len(pipes), [n for n, mode in found.items() if mode == stat.S_IFSOCK]]
    """
    # standard input, output and errors, and the pipe for messages
    assert (await attack(program)).value == [4, 3, []]
