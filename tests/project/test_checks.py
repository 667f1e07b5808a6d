"""`manage.py check --deploy` refuses weak settings, and says of each what to set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from project import checks, env

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "DEBUG": False,
    "SECRET_KEY": "mPq3vR8sT1xZ6bN0cL5dK7fJ2gH9wQ4eY-uI_oA3iS8pX5nM6rV1",
    "ALLOWED_HOSTS": ["files.example.org"],
    "ORIGINS": ["https://files.example.org"],
    "CORS_ORIGINS": ["https://elsewhere.example.net"],
    "PROCESSORS_DIR": None,
    "UPLOAD_FSYNC": True,
    "FREE_DISK_BYTES": 1,
}


@pytest.fixture
def check(settings):
    """What the check says to settings."""

    def run(**changes: object) -> list[str]:
        for name, value in (GOOD | changes).items():
            setattr(settings, name, value)
        return [message.msg for message in checks.check_deployment()]

    return run


def test_good_settings_pass(check) -> None:
    assert check() == []
    assert check(ORIGINS=["https://files.example.org", "http://localhost:8000"]) == [
        "ALLOWED_HOSTS lacks localhost of ORIGINS."
    ]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEBUG", True, "set DEBUG=0"),
        ("SECRET_KEY", "short", "SECRET_KEY can be guessed"),
        ("SECRET_KEY", "a" * 60, "SECRET_KEY can be guessed"),
        ("SECRET_KEY", f"django-insecure-{GOOD['SECRET_KEY']}", "SECRET_KEY can be guessed"),
        ("ALLOWED_HOSTS", ["*", "files.example.org"], "name each host"),
        ("ALLOWED_HOSTS", [".example.org", "files.example.org"], "name each host"),
        ("ALLOWED_HOSTS", ["other.example.org"], "ALLOWED_HOSTS lacks files.example.org"),
        ("ORIGINS", [], "ORIGINS does not say what people type"),
        ("ORIGINS", ["http://localhost:8000"], "ORIGINS does not say what people type"),
        ("ORIGINS", ["http://files.example.org"], "use https"),
        ("ORIGINS", ["https://files.example.org/path"], "is no origin"),
        ("ORIGINS", ["https://*.example.org"], "is no origin"),
        ("ORIGINS", ["files.example.org"], "is no origin"),
        ("CORS_ORIGINS", ["http://elsewhere.example.net"], "use https"),
        ("CORS_ORIGINS", ["*"], "is no origin"),
        ("UPLOAD_FSYNC", False, "a power cut takes files"),
        ("FREE_DISK_BYTES", 0, "uploads fill the disk"),
        ("PROCESSORS_DIR", Path("/nowhere/at/all"), "is no folder"),
    ],
)
def test_what_is_weak_is_refused(check, name: str, value: object, words: str) -> None:
    assert any(words in message for message in check(**{name: value}))


def test_processors_that_others_can_change_are_refused(check, tmp_path: Path) -> None:
    assert check(PROCESSORS_DIR=tmp_path) == []
    tmp_path.chmod(0o777)
    (message,) = check(PROCESSORS_DIR=tmp_path)
    assert "chmod go-w" in message


@pytest.mark.parametrize("value", ["ocr", "ocr=", "ocr=0", "ocr=many", "ocr=-1"])
def test_a_limit_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr(env, "VARIABLES", {})  # it is not one of ours
    monkeypatch.setenv("SOME_LIMITS", value)
    with pytest.raises(env.BadValue, match="SOME_LIMITS"):
        env.limits("SOME_LIMITS", "", "For this test.")
    monkeypatch.setenv("SOME_LIMITS", "ocr=2, translate=1")
    assert env.limits("SOME_LIMITS", "", "For this test.") == {"ocr": 2, "translate": 1}


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_looks_at_all_of_it_and_at_the_sandbox(tmp_path: Path) -> None:
    weak = run(tmp_path)
    assert weak.returncode == 1
    assert "ORIGINS does not say what people type" in weak.stderr
    good = run(
        tmp_path,
        SECRET_KEY=str(GOOD["SECRET_KEY"]),
        ALLOWED_HOSTS="files.example.org",
        ORIGINS="https://files.example.org",
    )
    assert good.returncode == 0, good.stderr


def test_workers_apart_need_a_database_and_a_layer_that_they_can_share(tmp_path: Path) -> None:
    alone = run(tmp_path, ENGINE="procrastinate")
    assert alone.returncode != 0
    assert "needs DATABASE_URL (Postgres) and REDIS_URL" in alone.stderr


def test_caps_of_single_processors_are_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(env, "VARIABLES", {})  # it is not one of ours
    monkeypatch.setenv(
        "SOME_CAPS", "image:seconds=30,memory=512Mi ocr:seconds=0.5e3 text:memory=1G"
    )
    assert env.caps("SOME_CAPS", "", "For this test.") == {
        "image": (30, 512 * 2**20),
        "ocr": (500, None),
        "text": (None, 10**9),
    }
    for wrong in (
        "image",
        "image:",
        ":seconds=1",
        "image:hours=1",
        "image:seconds=0",
        "a:memory=x",
    ):
        monkeypatch.setenv("SOME_CAPS", wrong)
        with pytest.raises(env.BadValue, match="SOME_CAPS"):
            env.caps("SOME_CAPS", "", "For this test.")
