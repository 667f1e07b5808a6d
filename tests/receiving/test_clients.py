"""Clients that nobody changed for us: tus-js-client, Uppy's Tus plugin, tuspy."""

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from tests.receiving.client import Tus, until
from tests.support import node
from tests.support.server import Server

PACKAGES = Path(__file__).parents[1] / "node"
TUS_JS_CLIENT = Path(__file__).with_name("tus_client.mjs")
UPPY = Path(__file__).with_name("uppy_client.mjs")
SIZE = 3_000_001


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to send."""
    path = tmp_path / "source.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def sent_by_js(
    tus: Tus, source: Path, script: Path = TUS_JS_CLIENT, **task: Any
) -> tuple[str, list[str]]:
    """Send a file from Node: the upload's address, and what was asked and answered."""
    whole = {"url": tus.server.url, "token": tus.token, "path": str(source)} | task
    done = subprocess.run(
        [node.NODE, script, node.packages(PACKAGES), json.dumps(whole)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return urlsplit(said["url"]).path, said["requests"]


def check(tus: Tus, url: str, source: Path) -> dict:
    """The file that was sent is the file that was received; its JSON."""
    data = source.read_bytes()
    until(lambda: tus.head(url).headers.get("Upload-Offset") == str(len(data)))
    until(lambda: tus.file(url)["status"] != "receiving")
    file = tus.file(url)
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert tus.content(url) == data
    return file


@pytest.mark.timeout(300)  # the first of them installs the packages
@pytest.mark.parametrize(
    ("task", "requests"),
    [
        ({}, ["POST 201", "PATCH 204"]),
        ({"options": {"chunkSize": 1_000_000}}, ["POST 201", *["PATCH 204"] * 4]),
        ({"options": {"uploadDataDuringCreation": True}}, ["POST 201"]),
        (
            {"options": {"overridePatchMethod": True}},
            ["POST 201", "POST 204"],
        ),
        (
            {"stream": True, "options": {"uploadLengthDeferred": True, "chunkSize": 1_000_000}},
            ["POST 201", *["PATCH 204"] * 4],
        ),
    ],
    ids=["whole", "chunks", "with-creation", "override", "deferred-length"],
)
def test_tus_js_client_sends(tus: Tus, source: Path, task: dict, requests: list[str]) -> None:
    url, asked = sent_by_js(tus, source, **task)
    assert asked == requests
    assert check(tus, url, source)["name"] == "sent by tus-js-client.bin"


@pytest.mark.timeout(300)
def test_tus_js_client_sends_parts_in_parallel(tus: Tus, source: Path) -> None:
    url, asked = sent_by_js(tus, source, options={"parallelUploads": 3})
    assert sorted(asked) == [*["PATCH 204"] * 3, *["POST 201"] * 4]
    check(tus, url, source)


@pytest.mark.timeout(300)
def test_tus_js_client_resumes_what_it_broke_off(tus: Tus, source: Path) -> None:
    url, asked = sent_by_js(tus, source, abortAt=1_000_000, options={"chunkSize": 500_000})
    assert "HEAD 200" in asked
    check(tus, url, source)


@pytest.mark.timeout(300)
def test_tus_js_client_ends_an_upload(tus: Tus, source: Path) -> None:
    url, _ = sent_by_js(tus, source, terminate=True)
    assert tus.head(url).status_code == 404


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("options", "requests"),
    [
        ({}, ["POST 201", "PATCH 204"]),
        ({"chunkSize": 1_000_000}, ["POST 201", *["PATCH 204"] * 4]),
        ({"uploadDataDuringCreation": True}, ["POST 201"]),
    ],
    ids=["whole", "chunks", "with-creation"],
)
def test_uppy_sends(tus: Tus, source: Path, options: dict, requests: list[str]) -> None:
    url, asked = sent_by_js(tus, source, UPPY, options=options)
    assert asked == requests
    file = check(tus, url, source)
    assert (file["name"], file["path"]) == ("sent by Uppy.bin", "holiday/sent by Uppy.bin")


@pytest.mark.timeout(300)
def test_uppy_resumes_what_was_paused(tus: Tus, source: Path) -> None:
    options = {"chunkSize": 500_000}
    url, asked = sent_by_js(tus, source, UPPY, pauseAt=1_000_000, options=options)
    assert "HEAD 200" in asked
    assert asked.count("POST 201") == 1
    check(tus, url, source)


@pytest.mark.fault
@pytest.mark.timeout(300)
@pytest.mark.parametrize("script", [TUS_JS_CLIENT, UPPY], ids=["tus-js-client", "uppy"])
def test_a_client_gets_through_a_kill_of_the_server(
    fresh_server: Server, user: Callable[..., Tus], tmp_path: Path, script: Path
) -> None:
    node.packages(PACKAGES)
    source = tmp_path / "large.bin"
    source.write_bytes(os.urandom(30_000_000))
    tus = user(fresh_server)

    def kill_and_start() -> None:
        until(lambda: any((fresh_server.data_dir / "content").glob("*/*")))
        fresh_server.kill9()
        fresh_server.start()

    killer = threading.Thread(target=kill_and_start)
    killer.start()
    url, _ = sent_by_js(tus, source, script, options={"chunkSize": 1_000_000})
    killer.join()
    check(tus, url, source)


def tuspy(tus: Tus) -> TusClient:
    """A client of tuspy."""
    headers = {"Authorization": f"Bearer {tus.token}"}
    return TusClient(f"{tus.server.url}/uploads/", headers=headers)


def path_of(uploader: Any) -> str:
    """The address that tuspy sends to."""
    return urlsplit(str(uploader.url)).path


@pytest.mark.parametrize("checksums", [False, True])
def test_tuspy_sends(tus: Tus, source: Path, *, checksums: bool) -> None:
    with source.open("rb") as stream:
        uploader = tuspy(tus).uploader(
            file_stream=stream,
            chunk_size=1_000_000,
            metadata={"filename": "sent by tuspy.bin"},
            upload_checksum=checksums,
        )
        uploader.upload()
    assert check(tus, path_of(uploader), source)["name"] == "sent by tuspy.bin"


def test_tuspy_resumes(tus: Tus, source: Path) -> None:
    with source.open("rb") as stream:
        first = tuspy(tus).uploader(file_stream=stream, chunk_size=700_000)
        first.upload(stop_at=1_400_000)
        assert tus.offset(path_of(first)) == 1_400_000
        second = tuspy(tus).uploader(file_stream=stream, chunk_size=700_000, url=first.url)
        assert second.offset == 1_400_000
        second.upload()
    check(tus, path_of(first), source)


def test_tuspy_is_told_what_is_wrong(tus: Tus, source: Path) -> None:
    client = tuspy(tus)
    with source.open("rb") as stream:
        uploader = client.uploader(file_stream=stream, chunk_size=1_000_000)
        client.headers["Authorization"] = "Bearer wrong"
        with pytest.raises(TusCommunicationError, match="401"):
            uploader.upload()
        client.headers["Authorization"] = f"Bearer {tus.token}"
        uploader.upload_chunk()
        uploader.offset = 5
        with pytest.raises(TusUploadFailed):
            uploader.upload_chunk()
