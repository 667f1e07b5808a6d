"""The same attacks, by and against a server that isn't root's."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import with_us

NOBODY = 65534
HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
MODULES = (
    "test_artifacts",
    "test_caps",
    "test_files",
    "test_held",
    "test_layers",
    "test_lifetime",
    "test_messages",
    "test_network",
    "test_processes",
)


CONFIGURATION = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
asyncio_default_test_loop_scope = function
filterwarnings = error
timeout = 120
addopts = -m "not soak"
markers = soak
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that is nobody's own; pytest's belongs to whoever runs it."""
    folder = Path(tempfile.mkdtemp(prefix="millrace-nobody-"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.timeout(900)  # as all of those take together on a machine that is busy
def test_an_ordinary_users_server_withstands_every_attack(place: Path) -> None:
    if os.geteuid() != 0:
        return  # every other test here was an ordinary user's already
    (place / "pytest.ini").write_text(CONFIGURATION)
    options = {
        "-c": place / "pytest.ini",
        "--rootdir": PROJECT,
        "--confcutdir": HERE,
        "--basetemp": place / "tmp",
    }
    command = [interpreter(), "-m", "pytest", "-q", "-p", "no:django", "-p", "no:cacheprovider"]
    command += [str(word) for option in options.items() for word in option]
    command += [str(HERE / f"{module}.py") for module in MODULES]
    finished = as_nobody(command, place)
    assert finished.returncode == 0, finished.stdout[-8000:] + finished.stderr[-2000:]
    assert " passed" in finished.stdout
    assert "skipped" not in finished.stdout


def interpreter() -> str:
    """One that anybody may run: ours may lie in root's home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(version, path="/usr/local/bin:/usr/bin") or ""):
        if python and as_nobody([python, "-c", "import pytest, orjson"], PROJECT).returncode == 0:
            return python
    pytest.fail(
        f"an ordinary user can't run {version} here: it needs one in /usr/bin, and {PROJECT}"
    )


def as_nobody(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    packages = sysconfig.get_path("purelib")
    try:
        return subprocess.run(
            with_us(command),
            cwd=PROJECT,
            env={
                "HOME": str(home),
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": os.pathsep.join([str(PROJECT), packages]),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
    except PermissionError as error:
        return subprocess.CompletedProcess(command, 126, "", str(error))
