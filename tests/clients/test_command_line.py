"""`millrace put | watch | get | retry` as people and scripts run it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import FOLDER
from tests.support.server import Server

Run = Callable[..., subprocess.CompletedProcess[str]]


def environment(server: Server, token: str, state: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(FOLDER),
        "XDG_STATE_HOME": str(state),
        "MILLRACE_URL": server.url,
        "MILLRACE_TOKEN": token,
        "PYTHONWARNINGS": "error",
        "TERM": "xterm",
    }


@pytest.fixture
def run(server: Server, token: str, tmp_path: Path) -> Run:
    """A command in a folder of its own."""

    def work(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "millrace_client.cli", *arguments],
            cwd=tmp_path,
            env=environment(server, token, tmp_path / "state") | more,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    return work


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def some_files(folder: Path) -> None:
    for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt"):
        path = folder / "things" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"words of {name}\n", encoding="utf-8")


def test_a_folder_is_put_and_each_file_told_of_as_a_line(run: Run, tmp_path: Path) -> None:
    some_files(tmp_path)
    done = run("put", "things")
    told = lines(done)
    assert done.returncode == 0
    sent = {line["id"] for line in told if line["type"] == "sent"}
    ended = [line["file"] for line in told if line["type"] == "ended"]
    assert {file["id"] for file in ended} == sent
    assert {file["path"] for file in ended} == {
        "things/a.txt",
        "things/sub/b.txt",
        "things/sub/deep/c.txt",
    }
    assert {file["status"] for file in ended} == {"processed"}


def test_the_exit_code_is_that_of_the_worst_result(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("words\n")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing that a PDF needs")
    done = run("put", "good.txt", "broken.pdf")
    ended = {
        line["file"]["name"]: line["file"]["status"]
        for line in lines(done)
        if line["type"] == "ended"
    }
    assert ended == {"good.txt": "processed", "broken.pdf": "failed"}
    assert done.returncode == 4


def test_what_is_refused_is_told_and_the_others_go_on(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("words\n")
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut" / "void.txt").symlink_to(tmp_path / "good.txt")
    done = run("put", "good.txt", "shut", "--batch", "not a batch!")
    assert done.returncode == 5
    assert [line["error"]["code"] for line in lines(done) if line["type"] == "refused"]
    assert run("put", "missing.txt").returncode == 1


def test_a_put_without_waiting_ends_when_all_is_sent(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words\n")
    done = run("put", "--no-wait", "a.txt")
    assert done.returncode == 0
    assert [line["type"] for line in lines(done) if line["type"] != "progress"] == ["sent"]


def test_a_batch_is_watched_to_its_end(run: Run, tmp_path: Path) -> None:
    some_files(tmp_path)
    batch = f"b-{uuid.uuid4().hex[:12]}"
    assert run("put", "--no-wait", "--batch", batch, "things").returncode == 0
    done = run("watch", "--batch", batch, "--after", "oldest")
    told = lines(done)
    assert done.returncode == 0
    seqs = [line["seq"] for line in told if "seq" in line]
    assert seqs == sorted(set(seqs))
    assert told[-1]["type"] in {"batch.ended", "file.updated"}


def test_an_original_its_results_and_artifacts_are_got(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one two three\n")
    file = next(line["file"] for line in lines(run("put", "a.txt")) if line["type"] == "ended")
    assert run("get", file["id"]).returncode == 1  # a.txt is there already
    assert run("get", file["id"], "-o", "back.txt").returncode == 0
    assert (tmp_path / "back.txt").read_text() == "one two three\n"
    shown = json.loads(run("get", file["id"], "--json").stdout)
    assert shown["results"]["text"]["words"] == 3
    for artifact in shown["artifacts"]:
        name = f"{artifact['step']}/{artifact['name']}"
        assert run("get", file["id"], "--artifact", name, "-o", "made").returncode == 0
        assert (tmp_path / "made").stat().st_size == artifact["size"]
    missing = run("get", str(uuid.uuid4()))
    assert missing.returncode == 1
    assert lines(missing)[-1]["error"]["code"] == "not_found"


def test_what_failed_is_tried_again(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing that a PDF needs")
    run("put", "broken.pdf")
    done = run("retry", "--failed")
    told = lines(done)
    assert [line["type"] for line in told] == ["queued", "ended"]
    assert told[1]["file"]["attempt"] == 2
    assert done.returncode == 4
    assert run("retry", str(uuid.uuid4())).returncode == 5


def test_without_a_token_it_says_what_to_set(run: Run) -> None:
    done = run("watch", MILLRACE_TOKEN="")
    assert done.returncode == 2
    assert "MILLRACE_TOKEN" in lines(done)[0]["error"]["message"]
    done = run("watch", MILLRACE_TOKEN="wrong")
    assert done.returncode == 1
    assert lines(done)[0]["error"]["code"] == "not_signed_in"


def test_a_token_may_lie_in_a_file(run: Run, token: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{token}\n")
    (tmp_path / "a.txt").write_text("words\n")
    done = run("put", "a.txt", MILLRACE_TOKEN="", MILLRACE_TOKEN_FILE=str(tmp_path / "secret"))
    assert done.returncode == 0


def test_at_a_terminal_there_is_a_bar_and_a_line_for_each_file(
    server: Server, token: str, tmp_path: Path
) -> None:
    (tmp_path / "a\x1b[2Jb.txt").write_text("words\n")
    here, there = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "millrace_client.cli", "put", "a\x1b[2Jb.txt"],
        cwd=tmp_path,
        env=environment(server, token, tmp_path / "state"),
        stdin=there,
        stdout=there,
        stderr=there,
    ) as process:
        os.close(there)
        shown = b""
        while True:
            try:
                data = os.read(here, 65536)
            except OSError:  # the other end is closed
                break
            shown += data
        assert process.wait() == 0
    os.close(here)
    text = shown.decode()
    assert "1 done" in text
    assert "✓ " in text
    assert "processed" in text
    assert "\x1b[2J" not in text  # a name moves no cursor
