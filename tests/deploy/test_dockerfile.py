"""The Dockerfile keeps the rules that a linter of Dockerfiles would ask for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def instructions() -> Iterator[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    """The instructions, stage by stage; each begins with its FROM."""
    found: list[list[tuple[str, str]]] = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def said(stage, word):
    return [rest for name, rest in stage if name == word]


def ignored(path: str) -> bool:
    """Whether .dockerignore, which names what is let in, keeps `path` out of the build."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines, ".dockerignore must keep out what it doesn't name"
    return not any(path == name or path.startswith(f"{name}/") for name in allowed)


def test_it_builds_in_one_stage_and_runs_in_another(stages):
    assert len(stages) == 2


def test_both_stages_start_from_one_pinned_image(stages):
    images = {rest.split()[0] for stage in stages for rest in said(stage, "FROM")}
    assert len(images) == 1
    assert re.fullmatch(r"python:3\.1[1-9]\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", images.pop())


def test_it_runs_as_an_ordinary_user(stages):
    users = said(stages[-1], "USER")
    assert users
    assert users[-1].split(":")[0] not in {"root", "0"}


def test_the_code_belongs_to_root(stages):
    assert not [rest for rest in said(stages[-1], "COPY") if "--chown" in rest]


def test_nothing_is_fetched_but_by_package_managers(stages):
    for stage in stages:
        assert not said(stage, "ADD")
        assert not [rest for rest in said(stage, "RUN") if re.search(r"\b(curl|wget|git)\b", rest)]


def test_packages_come_by_hash_and_leave_no_cache(stages):
    for rest in (rest for stage in stages for rest in said(stage, "RUN")):
        if "pip install" in rest:
            assert "--require-hashes" in rest
            assert "--no-cache-dir" in rest
        if "apt-get install" in rest:
            assert "--no-install-recommends" in rest
            assert "-y" in rest.split()
            assert rest.index("apt-get update") < rest.index("apt-get install")
            assert "rm -rf /var/lib/apt/lists/*" in rest


def test_commands_are_lists_so_that_signals_arrive(stages):
    final = stages[-1]
    assert json.loads(said(final, "CMD")[0])
    check = said(final, "HEALTHCHECK")[0]
    assert json.loads(check[check.index("CMD") + 3 :])
    assert said(final, "STOPSIGNAL") == ["SIGTERM"]


def test_folders_are_absolute(stages):
    for stage in stages:
        assert all(rest.startswith("/") for rest in said(stage, "WORKDIR"))


def test_what_it_copies_is_let_into_the_build(stages):
    for rest in said(stages[0], "COPY"):
        source = rest.split()[0]
        if source != ".":
            assert (ROOT / source).exists()
            assert not ignored(source)


def test_all_that_runs_and_nothing_else_is_let_into_the_build():
    for path in ("asgi.py", "manage.py", "gunicorn.conf.py", "requirements.txt"):
        assert not ignored(path), path
    for package in ("project/settings.py", "uploads/models.py", "consumers/hub.py"):
        assert not ignored(package), package
    for path in (".env", ".git/config", "var/secret_key", ".venv/bin/python", "tests/conftest.py"):
        assert ignored(path), path


def test_the_health_checks_program_is_in_the_image(stages):
    program = json.loads(said(stages[-1], "HEALTHCHECK")[0].partition("CMD")[2])[1]
    assert (ROOT / program).is_file()
    assert not ignored(program)
