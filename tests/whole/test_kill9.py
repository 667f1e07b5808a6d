"""Power cuts: the server is killed at the worst moments, and nothing is lost or doubled."""

import hashlib
import os
from collections.abc import Iterator

import httpx
import pytest

from tests.support import tus
from tests.support.patience import within
from tests.support.server import Server

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

SLOW = """
import time
from uploads.processors import Context, processor

@processor(name="slow", accepts=["text/*"], version=1)
def slow(ctx: Context) -> dict:
    for tenth in range(50):
        ctx.progress(tenth, 50, "tenths")
        time.sleep(0.1)
    return {"seconds": 5}
"""


def test_a_killed_server_resumes_the_upload_and_ends_the_job(make_server, tmp_path) -> None:
    processors = tmp_path / "processors"
    processors.mkdir()
    (processors / "slow.py").write_text(SLOW)
    server: Server = make_server(PROCESSORS_DIR=str(processors)).start()
    content = os.urandom(1 << 20) * 200
    with server.client(server.token("alice")) as client:
        location = tus.create(client, len(content), "large.bin")
        half = tus.patch(client, location, 0, content[: 60 << 20])
        assert half.status_code == 204
        working = tus.upload(client, "slow.txt", b"take your time\n")
        server.wait_for(client, working, "processing")

        def broken() -> Iterator[bytes]:
            for at in range(60 << 20, 200 << 20, 1 << 20):
                if at == 120 << 20:
                    server.kill9()
                yield content[at : at + (1 << 20)]

        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(60 << 20),
            "Content-Type": tus.OFFSET,
        }
        with pytest.raises(httpx.TransportError):
            client.patch(location, headers=headers, content=broken())
        server.start()
        stands = tus.offset(client, location)
        assert 60 << 20 <= stands <= 120 << 20
        assert tus.patch(client, location, stands, content[stands:]).status_code == 204

        done = server.wait_for(client, tus.file_id(location))
        assert (done["status"], done["size"]) == ("processed", 200 << 20)
        assert done["sha256"] == hashlib.sha256(content).hexdigest()
        ended = server.wait_for(client, working)
        assert (ended["status"], ended["attempt"]) == ("processed", 2)
        assert [step["name"] for step in ended["steps"]].count("slow") == 1
        assert ended["results"]["slow"] == {"seconds": 5}
        listed = client.get("/api/files/").json()["items"]
        assert len(listed) == 2
        counts = client.get("/api/counts/").json()
        assert counts["processed"] == 2
        assert sum(counts.values()) == 2


def test_a_second_start_is_quick_and_a_stop_is_clean(make_server) -> None:
    server: Server = make_server()
    server.empty = True
    server.start()
    assert server.stop() == 0
    with within(5):
        server.start()
        assert httpx.get(server.url + "/healthz", timeout=60).status_code == 200
    assert server.stop() == 0
