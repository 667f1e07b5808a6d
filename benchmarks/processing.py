"""Small text files and photographs, from drop to processed, beside the same work done barely.

Peers: the same processors in one bare loop; Celery with Redis and the same processors, first with
nothing around them, then with rows and word of each change as a service has them, then besides in a
new process for each file; libvips alone on the same cores.
"""

import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import httpx
import pyvips
from celery import Celery
from redis import Redis as Client

from benchmarks import load, table
from benchmarks.peer_celery import DONE, take_apart
from tests.support import tus
from tests.support.server import ROOT, Server
from tests.support.services import Redis

TEXTS = 1_000
PHOTOGRAPHS = 200
CONNECTIONS = 16
CORES = os.cpu_count() or 1
ONE_EACH = ("--max-tasks-per-child", "1")
FEW = 50  # of what takes a second each


def main() -> None:
    """Measure both rows."""
    print(table.machine())
    with tempfile.TemporaryDirectory(prefix="bench-processing-") as scratch:
        folder = Path(scratch)
        texts = [_text(folder, number) for number in range(TEXTS)]
        ours = _dropped_to_processed(folder / "texts", texts)
        table.row(
            f"{TEXTS:,} small text files",
            ours,
            "files/s",
            bare_loop=_bare(texts),
            Celery=_celery(texts, "process"),
            Celery_with_rows=_celery(texts, "process_and_tell"),
            Celery_with_rows_and_processes=_celery(texts[:FEW], "process_and_tell", *ONE_EACH),
        )
        photographs = _photographs(folder)
        ours = _dropped_to_processed(folder / "photographs", photographs)
        alone = _vips_alone(photographs)
        table.row(f"{PHOTOGRAPHS} photographs of 10 Mpx", ours, "files/s", libvips_alone=alone)


def _text(folder: Path, number: int) -> Path:
    path = folder / f"note-{number}.txt"
    path.write_text(f"Note {number}\n" + "The quick brown fox jumps over the lazy dog.\n" * 60)
    return path


def _photographs(folder: Path) -> list[Path]:
    """Noise on a slope: as hard for a codec as a photograph is."""
    slope = pyvips.Image.xyz(3872, 2592)[0] / 20
    paths = []
    for number in range(8):
        noise = pyvips.Image.gaussnoise(3872, 2592, mean=60 + number, sigma=12)
        image = (slope + noise).cast("uchar").bandjoin([(slope / 2 + noise).cast("uchar")] * 2)
        path = folder / f"photograph-{number}.jpg"
        image.copy(interpretation="srgb").jpegsave(str(path), Q=88)
        paths.append(path)
    return [paths[number % len(paths)] for number in range(PHOTOGRAPHS)]


def _dropped_to_processed(data: Path, paths: list[Path]) -> float:
    """Files per second from the first byte sent to the last file's end."""
    server = Server(data).start()
    try:
        return _drop(server, server.token("bench"), paths)
    finally:
        server.stop()


def _drop(server: Server, token: str, paths: list[Path]) -> float:
    signed = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=server.url, headers=signed) as asking:
        asking.get("/api/counts/")
        began = time.monotonic()
        load.send_all(server.port, (_upload(path, signed) for path in paths), CONNECTIONS)
        while True:
            counts = asking.get("/api/counts/").json()
            if counts["processed"] == len(paths):
                return len(paths) / (time.monotonic() - began)
            assert not counts["failed"], counts
            time.sleep(0.05)


def _upload(path: Path, signed: dict[str, str]) -> bytes:
    content = path.read_bytes()
    length = str(len(content))
    return (
        load.request(
            "POST",
            "/uploads/",
            signed
            | {
                "Tus-Resumable": "1.0.0",
                "Upload-Length": length,
                "Content-Length": length,
                "Upload-Metadata": tus.metadata(filename=path.name),
                "Content-Type": tus.OFFSET,
            },
        )
        + content
    )


def _bare(paths: list[Path]) -> float:
    began = time.monotonic()
    for path in paths:
        take_apart(str(path))
    return len(paths) / (time.monotonic() - began)


def _celery(paths: list[Path], task: str, *options: str) -> float:
    with Redis() as redis, tempfile.TemporaryDirectory() as folder:
        broker = redis.url.replace("unix://", "redis+socket://").partition("?")[0]
        environment = os.environ | {
            "PEER_REDIS": redis.url,
            "PEER_BROKER": broker,
            "PEER_ROWS": f"{folder}/rows.sqlite3",
        }
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "benchmarks.peer_celery", "worker"),
                *("-c", str(CORES), "--loglevel", "ERROR", *options),
            ],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return _through_celery(broker, redis.url, paths, task)
        finally:
            worker.terminate()
            worker.wait(timeout=20)


def _through_celery(broker: str, url: str, paths: list[Path], task: str) -> float:
    app = Celery("asker", broker=broker)
    name = f"benchmarks.peer_celery.{task}"
    counter = Client.from_url(url)
    app.send_task(name, [str(paths[0])])
    _until(counter, 1)  # the worker is warm
    began = time.monotonic()
    for path in paths:
        app.send_task(name, [str(path)])
    _until(counter, 1 + len(paths))
    return len(paths) / (time.monotonic() - began)


def _until(counter: Client, done: int) -> None:
    deadline = time.monotonic() + 120
    while int(counter.get(DONE) or 0) < done:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _vips_alone(paths: list[Path]) -> float:
    """The two pictures that the image step makes, by libvips and nothing else, on all cores."""
    with get_context("spawn").Pool(CORES, initializer=_one_thread) as pool:
        pool.map(_thumbnails, [str(path) for path in paths[:CORES]])
        began = time.monotonic()
        pool.map(_thumbnails, [str(path) for path in paths], chunksize=4)
        return len(paths) / (time.monotonic() - began)


def _one_thread() -> None:
    pyvips.concurrency_set(1)


def _thumbnails(path: str) -> int:
    preview = pyvips.Image.thumbnail(path, 1600)
    small = pyvips.Image.thumbnail(path, 320)
    return len(preview.webpsave_buffer(Q=80)) + len(small.webpsave_buffer(Q=80))
