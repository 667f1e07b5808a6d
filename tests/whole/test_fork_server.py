"""The fork server is killed while files are taken apart: they are tried again, but not for ever."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support import tus
from tests.support.processes import children, left_behind, sandbox_children
from tests.support.server import Server
from tests.support.services import eventually

pytestmark = pytest.mark.fault

PATIENT = """
import time
from uploads.processors import Context, processor

@processor(name="patient", accepts=["image/*"], version=1)
def patient(ctx: Context) -> dict:
    time.sleep(5)
    return {"patient": True}
"""
BROKEN = b"\x89PNG\r\n\x1a\nno more"  # a step before fails with the file's own fault


@pytest.fixture
def server(make_server: Callable[..., Server], tmp_path: Path) -> Server:
    processors = tmp_path / "processors"
    processors.mkdir()
    (processors / "patient.py").write_text(PATIENT)
    return make_server(
        PROCESSORS_DIR=str(processors), RETRY_SECONDS="0.1", JOB_ATTEMPTS="3"
    ).start()


def kill_fork_server_during(server: Server, client: httpx.Client, file_id: str, attempt: int):
    def runs() -> bool:
        file = client.get(f"/api/files/{file_id}/").json()
        running = [step["name"] for step in file["steps"] if step["status"] == "running"]
        return file["attempt"] == attempt and running == ["patient"]

    eventually(runs, f"the long step of attempt {attempt}")
    busy = [pid for pid in children(server.pid) if children(pid)]
    for pid in busy:
        os.kill(pid, signal.SIGKILL)


def test_a_file_whose_sandbox_was_killed_is_tried_again_even_if_another_step_failed(
    server: Server,
) -> None:
    with server.client(server.token("alice")) as client:
        file_id = tus.upload(client, "broken.png", BROKEN)
        kill_fork_server_during(server, client, file_id, 1)
        file = server.wait_for(client, file_id)
        assert file["attempt"] == 2
        assert {step["attempt"] for step in file["steps"]} == {2}
        assert file["results"]["patient"] == {"patient": True}
        assert (file["error"]["code"], file["error"]["step"]) == ("bad_file", "image")
    eventually(lambda: not left_behind(server.pid, server.data_dir), "an idle server")


def test_a_file_whose_sandbox_is_killed_each_time_fails_and_says_why(server: Server) -> None:
    with server.client(server.token("alice")) as client:
        file_id = tus.upload(client, "broken.png", BROKEN)
        for attempt in (1, 2, 3):
            kill_fork_server_during(server, client, file_id, attempt)
        file = server.wait_for(client, file_id)
        assert (file["status"], file["attempt"]) == ("failed", 3)
        assert (file["error"]["code"], file["error"]["step"]) == ("worker_lost", "patient")
        assert "sandbox" in file["error"]["message"]
        assert client.post(f"/api/files/{file_id}/retry/").is_success
        again = server.wait_for(client, file_id, "processed", "failed")
        assert again["error"]["code"] == "bad_file"
    eventually(lambda: sandbox_children(server.pid) == [], "the end of its child")
