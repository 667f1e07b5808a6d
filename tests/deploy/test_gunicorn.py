"""gunicorn, with the project's gunicorn.conf.py, really serves Millrace."""

import os
import runpy
import signal
import subprocess
import time

import httpx
from gunicorn.config import Config

from project.server import GRACEFUL_SECONDS, UVICORN
from tests.deploy.conftest import ROOT, answer


def test_gunicorn_knows_every_setting_that_the_file_makes(gunicorn_settings):
    known = Config()
    ours = {name: value for name, value in gunicorn_settings.items() if name in known.settings}
    assert {"bind", "worker_class", "graceful_timeout", "timeout"} <= set(ours)
    for name, value in ours.items():
        known.set(name, value)  # raises for a value that it can't use


def test_a_worker_is_a_uvicorn_as_manage_serve_configures_it(gunicorn_settings):
    assert gunicorn_settings["worker_class"].CONFIG_KWARGS == UVICORN


def test_requests_are_ended_before_the_worker_is(gunicorn_settings):
    assert gunicorn_settings["graceful_timeout"] > GRACEFUL_SECONDS


def test_it_listens_to_this_machine_only_unless_told_otherwise(gunicorn_settings):
    assert gunicorn_settings["bind"] == ["127.0.0.1:8000"]


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123
        return [int(each) for each in file.read().split()]


def test_it_serves_and_replaces_a_worker_that_dies_and_ends_cleanly(install, free_port):
    machine = install()
    machine.prepare()
    url = f"http://127.0.0.1:{free_port}"
    gunicorn = machine.start(
        "-m", "gunicorn", "--bind", f"127.0.0.1:{free_port}", "asgi:application"
    )
    machine.ready(url)

    (worker,) = children(gunicorn.pid)
    os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 100
    while children(gunicorn.pid) in ([], [worker]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    machine.ready(url)
    with answer(f"{url}/api/files/") as refused:
        assert refused.status == 401

    gunicorn.send_signal(signal.SIGTERM)
    assert gunicorn.wait(timeout=100) == 0


def test_guesses_are_counted_by_the_address_that_the_proxy_tells(install, free_port):
    machine = install()
    machine.prepare()
    url = f"http://127.0.0.1:{free_port}"
    machine.start("-m", "gunicorn", "--bind", f"127.0.0.1:{free_port}", "asgi:application")
    machine.ready(url)

    def guess(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            client.get("/sign-in/")
            token = next(value for name, value in client.cookies.items() if "csrf" in name)
            form = {"username": os.urandom(8).hex(), "password": "x", "csrfmiddlewaretoken": token}
            return client.post("/sign-in/", data=form).status_code

    assert [guess("203.0.113.7") for _ in range(11)] == [200] * 10 + [429]
    assert guess("203.0.113.8") == 200


def test_what_processes_that_are_gone_have_counted_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "counts"))
    settings = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    settings["on_starting"](None)
    gone = subprocess.Popen(["true"])
    gone.wait()
    for pid in (gone.pid, os.getpid()):
        (tmp_path / "counts" / f"counter_{pid}.db").touch()
    settings["on_starting"](None)
    assert [file.name for file in (tmp_path / "counts").iterdir()] == [f"counter_{os.getpid()}.db"]


def test_without_a_folder_for_counts_nothing_is_touched(gunicorn_settings):
    assert gunicorn_settings["COUNTS"] == ""
    gunicorn_settings["on_starting"](None)
    gunicorn_settings["child_exit"](None, None)
