"""All of docker-compose.yml without Docker: nginx, web processes, workers, Postgres, Redis."""

import json
import os
import time

import httpx
import pytest
from websockets.sync.client import connect

from tests.deploy.nginx import Nginx
from tests.support.server import free_port

pytestmark = [pytest.mark.nginx, pytest.mark.postgres, pytest.mark.redis]

TEXT = b"All is well that ends.\n" * 1000


@pytest.fixture
def stack(install, postgres, redis, tmp_path):
    """The machine, and the nginx that people reach."""
    machine = install()
    port, web = free_port(), free_port()
    machine.environment |= {
        "DATABASE_URL": postgres.database(),
        "REDIS_URL": redis.url,
        "ENGINE": "procrastinate",
        "SECRET_KEY": os.urandom(32).hex(),
        "ORIGINS": f"http://127.0.0.1:{port}",
        "ACCEL_REDIRECT": "1",
    }
    gunicorn = ("-m", "gunicorn", "--bind", f"127.0.0.1:{web}", "asgi:application")
    machine.start(*gunicorn, WEB_CONCURRENCY="2")
    for _ in range(2):
        machine.start("manage.py", "worker", CONCURRENCY="1")
    machine.ready(f"http://127.0.0.1:{web}")
    with Nginx(tmp_path / "nginx", port=port, upstreams=[web], data=machine.data_dir) as nginx:
        yield machine, nginx


def test_a_file_goes_in_is_processed_by_a_worker_seen_ending_and_sent_by_nginx(stack):
    machine, nginx = stack
    token = machine.run("manage.py", "token", "alice").strip()
    bearer = {"Authorization": f"Bearer {token}"}
    stream = f"{nginx.url.replace('http', 'ws')}/ws/events/"
    with (
        httpx.Client(base_url=nginx.url, headers=bearer, timeout=30) as client,
        connect(stream, additional_headers=bearer, open_timeout=60) as socket,
    ):
        socket.send(json.dumps({"type": "hello", "after": None}))
        while json.loads(socket.recv(timeout=60))["type"] != "ready":
            pass
        sent = client.put("/upload/well.txt", content=TEXT, headers={"Accept": "application/json"})
        assert sent.status_code == 201, sent.text
        (file,) = sent.json()["files"]

        seen: list[str] = []
        deadline = time.monotonic() + 100
        while not seen or seen[-1] not in {"processed", "failed"}:
            frame = json.loads(socket.recv(timeout=max(0, deadline - time.monotonic())))
            if frame["type"] == "events":
                statuses = [event["file"]["status"] for event in frame["events"] if "file" in event]
                seen += [status for status in statuses if status not in seen]
        assert seen == ["queued", "processing", "processed"]

        place = f"/api/files/{file['id']}/content/"
        content = client.get(place)
        assert content.content == TEXT
        assert content.headers["X-Content-Type-Options"] == "nosniff"
        assert "X-Accel-Redirect" not in content.headers

    behind = f"http://127.0.0.1:{nginx.upstreams[0]}{place}"
    named = httpx.get(behind, headers=bearer, timeout=60)  # what nginx is told: where the bytes are
    assert named.headers["X-Accel-Redirect"].startswith("/_content/content/")
    assert not named.content
