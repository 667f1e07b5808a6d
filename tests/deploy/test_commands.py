"""Whatever the deployment files, the Makefile and the scripts start, exists."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
FILES = ("Dockerfile", "docker-compose.yml", "supervisor.conf", "Makefile", "scripts/check")


@pytest.mark.parametrize("name", FILES)
def test_every_management_command_that_is_named_exists(name):
    named = set(re.findall(r'manage\.py(?:", "| )([a-z]+)', (ROOT / name).read_text()))
    assert named <= set(get_commands()), named - set(get_commands())


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "scripts").iterdir()))
def test_every_script_parses(script):
    path = ROOT / "scripts" / script
    if not path.suffix:
        assert path.read_text().startswith("#!/bin/sh\n")
        assert os.access(path, os.X_OK)
        subprocess.run(["sh", "-n", path], check=True)


def test_the_words_of_the_makefile_are_listed_by_make():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    words = {line.split()[0] for line in listed.stdout.splitlines()}
    assert {"run", "test", "check", "bench", "docs", "lock"} <= words
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert words <= targets


def test_an_installation_that_is_there_is_left_alone_and_takes_no_time(tmp_path):
    """A fake interpreter stands where .venv would be, and fails when asked to install anything."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "install", tmp_path / "scripts")
    (tmp_path / "requirements.txt").write_text("")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    calls = tmp_path / "calls"
    python.write_text(
        f'#!/bin/sh\necho "$*" >>{calls}\ncase "$*" in -V) echo Python 3.11.0;; esac\n',
    )
    python.chmod(0o755)
    install = [tmp_path / "scripts" / "install", "requirements.txt"]

    subprocess.run(install, check=True)
    assert calls.read_text().count("pip install") == 1
    subprocess.run(install, check=True)
    assert calls.read_text().count("pip install") == 1
    (tmp_path / "requirements.txt").write_text("# another lock\n")
    subprocess.run(install, check=True)
    assert calls.read_text().count("pip install") == 2


def test_false_claims_in_the_documentation_are_found(tmp_path):
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "Makefile").write_text("run:\n\ttrue\n")
    (tmp_path / "README.md").write_text(
        "# Millrace\n[gone](docs/gone.md) [nowhere](#nowhere) [here](#millrace) `make run`\n\n"
        "    make sense\n\n`python manage.py conjure` and `python manage.py migrate`\n"
    )
    found = subprocess.run(
        ["python3", tmp_path / "scripts" / "docs.py"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert found.stdout.splitlines() == [
        "README.md: link to docs/gone.md: there is no such file",
        "README.md: link to #nowhere: there is no such heading",
        "README.md: make sense: there is no such word",
        "README.md: manage.py conjure: there is no such command",
    ]
