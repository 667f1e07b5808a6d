"""`/healthz`, `/readyz`, `/metrics`: open to whom they should be, and true."""

import asyncio
import os
import time

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.reading.conftest import People
from tests.support.server import Server
from tests.support.stream import Follower
from tests.support.tus import create, patch, upload


def samples(text: str) -> dict[tuple[str, str], float]:
    """Every sample by its name and the values of its labels, in the order of their names."""
    return {
        (sample.name, ",".join(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(server: Server) -> dict[tuple[str, str], float]:
    """The samples that a server tells now."""
    return samples(httpx.get(f"{server.url}/metrics", timeout=60).text)


def test_everybody_may_ask_whether_the_server_lives_and_can_work(server: Server) -> None:
    for path in ("/healthz", "/healthz/"):
        assert httpx.get(server.url + path, timeout=60).json() == {"status": "alive"}
    answer = httpx.get(f"{server.url}/readyz", timeout=60)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["failing"]) == ("ready", [])
    assert {"database", "disk", "hub", "layer", "runner"} <= set(body["checks"])
    assert set(body["checks"].values()) == {"well"}
    assert body["facts"]["sandbox"]["seccomp"] in {True, False}


def test_what_is_not_well_is_named(make_server) -> None:
    full = make_server(FREE_DISK_BYTES="900000T").start()
    deadline = time.monotonic() + 100
    while True:
        answer = httpx.get(f"{full.url}/readyz/", timeout=60)
        assert answer.status_code == 503
        if answer.json()["failing"] == ["disk"]:  # the runner may still be starting
            break
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)
    assert "nearly full" in answer.json()["checks"]["disk"]
    assert httpx.get(f"{full.url}/healthz/", timeout=60).status_code == 200


def test_metrics_count_what_happened(server: Server, people: People) -> None:
    before = scraped(server)
    file_id = upload(people.alice, "a.txt", b"harvest")
    server.wait_for(people.alice, file_id)
    people.alice.get(f"/api/files/{file_id}/content/")

    def grown(name: str, labels: str = "") -> float:
        return after[name, labels] - before.get((name, labels), 0)

    while True:
        after = scraped(server)
        if grown("millrace_jobs_total", "processed"):  # counted once its end is written down
            break
    assert grown("millrace_files", "processed") >= 1
    assert grown("millrace_stored_bytes") >= 7
    assert grown("millrace_sent_bytes_total") >= 7
    assert grown("millrace_events_total") >= 2
    assert grown("millrace_steps_total", "done,checksum") >= 1
    assert grown("millrace_step_seconds_count", "text") >= 1
    assert grown("millrace_jobs_total", "processed") >= 1
    assert after["millrace_queue_depth", ""] >= 0
    assert after["millrace_well", "runner"] == 1


async def test_every_number_moves_with_what_it_counts(server: Server, people: People) -> None:
    secret = await asyncio.to_thread(server.token, f"counted-{os.urandom(4).hex()}")

    before = await asyncio.to_thread(scraped, server)
    async with Follower(server, secret) as follower:
        with server.client(secret) as client:
            tus_id = upload(client, "a.txt", b"by tus")
            large = b"x" * 400_000
            location = create(client, len(large), "large.txt")
            assert patch(client, location, 0, large).status_code == 204
            assert client.put("/upload/b.txt", content=b"put").status_code == 303
            client.post("/upload/", files={"file": ("c.txt", b"form")})
            server.wait_for(client, tus_id)
            await follower.until(lambda: follower.counts.get("processed") == 4)

        def grown(name: str, labels: str = "") -> float:
            return during[name, labels] - before.get((name, labels), 0)

        while True:
            during = await asyncio.to_thread(scraped, server)
            if grown("millrace_jobs_total", "processed") >= 4:  # counted once it is written down
                break
    for door, files, size in (("tus", 2, 400_006), ("put", 1, 3), ("form", 1, 4)):
        assert grown("millrace_uploads_total", door) == files
        assert grown("millrace_received_bytes_total", door) == size
    assert grown("millrace_steps_total", "done,text") >= 4
    assert grown("millrace_step_seconds_sum", "text") > 0
    assert grown("millrace_jobs_total", "processed") >= 4
    assert grown("millrace_job_wait_seconds_count") >= 4
    assert grown("millrace_sockets", "websocket") >= 1
    assert grown("millrace_frames_total", "events") >= 1
    assert grown("millrace_delivery_seconds_count") >= 1
    assert grown("millrace_events_total") >= 8
    assert during["millrace_sandbox", "seccomp"] in {0, 1}
    assert during["millrace_queue_age_seconds", ""] >= 0


def test_metrics_are_for_this_machine_or_a_token_with_the_scope(
    server: Server, people: People
) -> None:
    url = f"{server.url}/metrics/"
    assert httpx.get(url, timeout=60).status_code == 200
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        proxied = httpx.get(url, headers={header: "127.0.0.1"}, timeout=60)
        assert (proxied.status_code, proxied.json()["error"]["code"]) == (401, "not_signed_in")
    rebound = httpx.get(url, headers={"Host": "another.example"}, timeout=60)
    assert (rebound.status_code, rebound.json()["error"]["code"]) == (401, "not_signed_in")
    assert people.alice.get("/metrics/").status_code == 200
    proxied = people.alice.get("/metrics/", headers={"X-Forwarded-For": "127.0.0.1"})
    assert (proxied.status_code, proxied.json()["error"]["code"]) == (403, "forbidden")
    secret = server.manage("token", people.names["alice"], "--scope", "metrics").strip()
    with server.client(secret) as scraper:
        assert scraper.get("/metrics/", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 200
        assert scraper.get("/api/files/").status_code == 403


def test_processes_that_share_a_folder_answer_for_each_other(make_server, tmp_path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    counting = make_server(PROMETHEUS_MULTIPROC_DIR=str(folder)).start()
    with counting.client(counting.token("alice")) as alice:
        file_id = upload(alice, "a.txt", b"harvest")
        counting.wait_for(alice, file_id)
        alice.get(f"/api/files/{file_id}/content/")
    assert list(folder.glob("counter_*.db"))
    program = (
        "from uploads import metrics; metrics.SENT_BYTES.inc(1000); metrics.step_ended('x', 'y', 1)"
    )
    counting.manage_apart("shell", "-v0", "-c", program)  # as a worker beside the server would
    found = scraped(counting)
    assert found["millrace_sent_bytes_total", ""] == 1007
    assert found["millrace_steps_total", "y,x"] == 1
    assert found["millrace_jobs_total", "processed"] == 1
